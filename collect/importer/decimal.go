package importer

import (
	"math/big"
	"math/bits"
	"strconv"
	"strings"
)

// decimal is an exact decimal number: digits × 10^-scale. Products of prices and
// quantities are computed in it, so that cents add up.
type decimal struct {
	negative bool
	digits   uint64 // used while big is nil
	scale    int
	big      *big.Int // absolute value, for what does not fit
}

// maxNumberBytes bounds the work that one cell can cause.
const maxNumberBytes = 64

// parseDecimal reads 12, -3.50, +.5, 1e3. It refuses NaN, infinities and hexadecimals.
func parseDecimal(s string) (decimal, bool) {
	var d decimal
	s = strings.TrimSpace(s)
	if len(s) > maxNumberBytes {
		return d, false
	}
	if s != "" && (s[0] == '-' || s[0] == '+') {
		d.negative = s[0] == '-'
		s = s[1:]
	}
	seen, point, wide := false, false, false
	i := 0
	for ; i < len(s); i++ {
		c := s[i]
		if c == '.' && !point {
			point = true
			continue
		}
		if c < '0' || c > '9' {
			break
		}
		seen = true
		if point {
			d.scale++
		}
		if d.digits > (1<<64-1-9)/10 {
			wide = true
		}
		d.digits = d.digits*10 + uint64(c-'0')
	}
	if !seen {
		return d, false
	}
	if wide {
		d.digits = 0
		d.big, _ = new(big.Int).SetString(strings.Replace(s[:i], ".", "", 1), 10)
	}
	if i < len(s) {
		if s[i] != 'e' && s[i] != 'E' {
			return d, false
		}
		exponent, err := strconv.Atoi(strings.TrimPrefix(s[i+1:], "+"))
		if err != nil || exponent > 300 || exponent < -300 || i+1 < len(s) && s[i+1] == '+' && len(s) == i+2 {
			return d, false
		}
		d.scale -= exponent
	}
	return d, true
}

func (d decimal) asBig() *big.Int {
	if d.big != nil {
		return d.big
	}
	return new(big.Int).SetUint64(d.digits)
}

// times returns the exact product.
func (d decimal) times(e decimal) decimal {
	product := decimal{negative: d.negative != e.negative, scale: d.scale + e.scale}
	if d.big == nil && e.big == nil {
		if high, low := bits.Mul64(d.digits, e.digits); high == 0 {
			product.digits = low
			return product
		}
	}
	product.big = new(big.Int).Mul(d.asBig(), e.asBig())
	return product
}

// appendTo appends the number as JSON, without needless zeros: 15.30 is 15.3.
func (d decimal) appendTo(dst []byte) []byte {
	start := len(dst)
	if d.negative {
		dst = append(dst, '-')
	}
	first := len(dst)
	if d.big != nil {
		dst = d.big.Append(dst, 10)
	} else {
		dst = strconv.AppendUint(dst, d.digits, 10)
	}
	if len(dst) == first+1 && dst[first] == '0' {
		return append(dst[:start], '0') // no -0
	}
	if d.scale <= 0 {
		for range -d.scale {
			dst = append(dst, '0')
		}
		return dst
	}
	for len(dst)-first <= d.scale { // room for the digits behind the point and one before it
		dst = append(dst, 0)
		copy(dst[first+1:], dst[first:])
		dst[first] = '0'
	}
	point := len(dst) - d.scale
	dst = append(dst, 0)
	copy(dst[point+1:], dst[point:])
	dst[point] = '.'
	for dst[len(dst)-1] == '0' {
		dst = dst[:len(dst)-1]
	}
	if dst[len(dst)-1] == '.' {
		dst = dst[:len(dst)-1]
	}
	return dst
}

// jsonNumber returns the number as JSON writes it; text that is JSON already is kept.
func jsonNumber(s string) (string, bool) {
	if isJSONNumber(s) {
		return s, true
	}
	d, ok := parseDecimal(s)
	if !ok {
		return "", false
	}
	return string(d.appendTo(nil)), true
}

// isJSONNumber tells plain JSON numbers without exponent: nearly all cells.
func isJSONNumber(s string) bool {
	if len(s) > maxNumberBytes {
		return false
	}
	if s != "" && s[0] == '-' {
		s = s[1:]
	}
	whole, decimals, point := strings.Cut(s, ".")
	if whole == "" || len(whole) > 1 && whole[0] == '0' || point && decimals == "" {
		return false
	}
	return onlyDigits(whole) && onlyDigits(decimals)
}

func onlyDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
