package profile

import (
	"math"
	"math/big"
	"strconv"
	"strings"
)

// Numbers that are added are added exactly: with floating point a sum would depend on the
// order, and 0.1 three times would not be 0.3.

// decimal is n · 10^-scale.
type decimal struct {
	n     big.Int
	scale int // digits behind the point
}

const (
	maxExponent = 400 // a double ends at 308
	maxDigits   = 2 * maxExponent
	shownDigits = 40
)

// parseDecimal reads a JSON number; false when it is none, or beyond all use.
func parseDecimal(s string) (d decimal, ok bool) {
	mantissa, exponent := s, 0
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		e, err := strconv.Atoi(s[i+1:])
		if err != nil || e > maxExponent || e < -maxExponent {
			return d, false
		}
		mantissa, exponent = s[:i], e
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	if len(whole)+len(fraction) > maxDigits {
		return d, false
	}
	if _, ok := d.n.SetString(whole+fraction, 10); !ok {
		return d, false
	}
	d.rescale(max(0, len(fraction)-exponent), len(fraction)-exponent)
	return d, true
}

// rescale notes the number with scale digits behind the point, from having had was.
func (d *decimal) rescale(scale, was int) {
	if scale > was {
		d.n.Mul(&d.n, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale-was)), nil))
	}
	d.scale = scale
}

func isDecimal(json string) bool {
	if !isNumber(json) {
		return false
	}
	_, ok := parseDecimal(json)
	return ok
}

// sum adds two JSON numbers exactly; nothing ("") counts as 0. One that cannot be read
// leaves the other.
func sum(a, b string) string {
	x, okA := parseDecimal(a)
	y, okB := parseDecimal(b)
	switch {
	case !okA && !okB:
		return a
	case !okA:
		return y.String()
	case !okB:
		return x.String()
	}
	scale := max(x.scale, y.scale)
	x.rescale(scale, x.scale)
	y.rescale(scale, y.scale)
	x.n.Add(&x.n, &y.n)
	return x.String()
}

// String writes all digits and no exponent.
func (d *decimal) String() string {
	text := d.n.String()
	if d.scale == 0 {
		return text
	}
	sign := ""
	if text[0] == '-' {
		sign, text = "-", text[1:]
	}
	if len(text) <= d.scale {
		text = strings.Repeat("0", d.scale-len(text)+1) + text
	}
	whole, fraction := text[:len(text)-d.scale], strings.TrimRight(text[len(text)-d.scale:], "0")
	if fraction == "" {
		if whole == "0" {
			return whole
		}
		return sign + whole
	}
	return sign + whole + "." + fraction
}

// shown is a sum as the value of a trait: exact as far as anyone writes digits, and within
// the range of a double, because every reader of JSON makes one of it.
func shown(s string) string {
	if len(s) <= shownDigits {
		return s
	}
	f, _ := strconv.ParseFloat(s, 64)
	f = max(-math.MaxFloat64, min(f, math.MaxFloat64))
	return strconv.FormatFloat(f, 'g', -1, 64)
}
