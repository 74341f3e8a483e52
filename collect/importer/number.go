package importer

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// numberFormat is how the numbers of a column are written. The zero value of a part is
// "as guessed", and where nothing was guessed a point, with any separator of thousands.
type numberFormat struct {
	decimal   byte   // '.' or ','
	thousands string // one of decodeThousands
}

// or fills what f leaves open from g.
func (f numberFormat) or(g numberFormat) numberFormat {
	if f.decimal == 0 {
		f.decimal = g.decimal
	}
	if f.thousands == "" {
		f.thousands = g.thousands
	}
	return f
}

func (f numberFormat) point() byte {
	if f.decimal == 0 {
		return '.'
	}
	return f.decimal
}

// plain tells whether text that is a JSON number means that number.
func (f numberFormat) plain(text string) bool {
	return isJSONNumber(text) && (f.point() == '.' || strings.IndexByte(text, '.') < 0)
}

// parse reads a number as people and spreadsheets write it: 1.234,50 with decimal ",",
// $1,234.56, (12.00), 12-, 15%, ¥1,200 and 1200元.
func (f numberFormat) parse(text string) (decimal, bool) {
	if f.point() == '.' {
		if d, ok := parseDecimal(text); ok {
			return d, true
		}
	}
	if len(text) > 2*maxNumberBytes {
		return decimal{}, false
	}
	digits, scale, negative, ok := undress(text)
	if !ok {
		return decimal{}, false
	}
	plain, ok := f.ungroup(digits)
	if !ok {
		return decimal{}, false
	}
	d, ok := parseDecimal(plain)
	d.scale += scale
	d.negative = d.negative != negative
	return d, ok
}

// problem says why text is no number, and what would make it one.
func (f numberFormat) problem(text string) string {
	shown := clip(text)
	other := numberFormat{decimal: ','}
	if f.point() == ',' {
		other.decimal = '.'
	}
	if _, ok := other.parse(strings.TrimSpace(text)); ok {
		return fmt.Sprintf("%q is no number with decimal %q; with decimal: %q it is one", shown, f.point(), other.decimal)
	}
	return fmt.Sprintf("%q is no number", shown)
}

// currencies stand before or behind amounts.
var currencies = []string{
	"$", "€", "£", "¥", "￥", "₹", "₽", "₩", "₺", "₫", "฿", "₴", "₱", "元", "円", "圆", "원",
	"US$", "HK$", "NT$", "A$", "C$", "S$", "R$", "CNY", "RMB", "USD", "EUR", "GBP", "JPY", "HKD", "TWD", "CHF", "AUD", "CAD", "SGD",
	"INR", "KRW", "SEK", "NOK", "DKK", "PLN", "CZK", "BRL", "kr", "zł", "Kč", "Fr.", "人民币",
}

// undress takes off what does not change the digits: blanks, signs of currencies, percent
// and minus signs in their many places.
func undress(text string) (digits string, scale int, negative, ok bool) {
	s := strings.TrimSpace(narrow(text))
	if n := len(s); n > 2 && s[0] == '(' && s[n-1] == ')' { // bookkeepers' minus
		s, negative = strings.TrimSpace(s[1:n-1]), true
	}
	signs, currency := 0, 0
	for s != "" {
		before := s
		switch c := s[0]; {
		case c == '-' || c == '+':
			signs++
			negative = negative != (c == '-')
			s = s[1:]
		case s[len(s)-1] == '-' && len(s) > 1:
			signs++
			negative = !negative
			s = s[:len(s)-1]
		case s[len(s)-1] == '%' && scale == 0:
			s, scale = s[:len(s)-1], 2
		case c < '0' && c != '.' && c != ',' || c > '9' || s[len(s)-1] > '9' || s[len(s)-1] < '0':
			for _, sign := range currencies {
				if rest, found := strings.CutPrefix(s, sign); found {
					s, currency = rest, currency+1
					break
				}
				if rest, found := strings.CutSuffix(s, sign); found {
					s, currency = rest, currency+1
					break
				}
			}
		}
		if s = strings.TrimSpace(s); s == before {
			break
		}
	}
	return s, scale, negative, s != "" && signs < 2 && currency < 3
}

// narrow turns the full-width forms that Chinese and Japanese input methods write, and
// typographic minus signs, into ASCII.
func narrow(s string) string {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return strings.Map(func(r rune) rune {
				switch {
				case r >= '！' && r <= '～' && r != '￥':
					return r - '！' + '!'
				case r == '\u2212' || r == '\u2013':
					return '-'
				case r == '\u00a0' || r == '\u202f' || r == '\u2009' || r == '\u3000' || r == '\u2007':
					return ' '
				case r == '\u2019':
					return '\''
				case r == '\ufeff' || r == '\u200b' || r == '\u200e' || r == '\u200f':
					return -1
				}
				return r
			}, s)
		}
	}
	return s
}

// ungroup checks the separators of thousands, takes them out, and writes the decimal
// separator as a point. Groups have three digits, the middle ones two in India.
func (f numberFormat) ungroup(s string) (string, bool) {
	whole, rest := s, ""
	if i := strings.IndexByte(s, f.point()); i >= 0 {
		whole, rest = s[:i], s[i+1:]
		if strings.IndexByte(rest, f.point()) >= 0 {
			return "", false
		}
		rest = "." + rest
	} else if i := strings.IndexAny(s, "eE"); i >= 0 {
		whole, rest = s[:i], s[i:]
	}
	at := strings.IndexFunc(whole, func(r rune) bool { return r < '0' || r > '9' })
	if at < 0 {
		return whole + rest, true
	}
	separator := whole[at : at+1]
	if f.thousands != "" && separator != f.thousands || separator[0] == f.point() || !strings.Contains(".,' _", separator) {
		return "", false
	}
	groups := strings.Split(whole, separator)
	for i, g := range groups {
		last := i == len(groups)-1
		switch {
		case !onlyDigits(g) || g == "":
			return "", false
		case i == 0 && (len(g) > 3 || g == "0" || len(g) > 1 && g[0] == '0'):
			return "", false
		case i > 0 && len(g) != 3 && (last || len(g) != 2):
			return "", false
		}
	}
	return strings.Join(groups, "") + rest, true
}

// evidence counts what cells say about the decimal separator.
type evidence struct{ point, comma, numbers int }

// look weighs one cell: 1,5 can only have a decimal comma, 1,234,567 only a decimal
// point, and 1,234 says nothing.
func (e *evidence) look(text string) {
	text = strings.TrimSpace(text)
	if text == "" {
		return
	}
	_, point := numberFormat{decimal: '.'}.parse(text)
	_, comma := numberFormat{decimal: ','}.parse(text)
	switch {
	case point && !comma:
		e.point++
	case comma && !point:
		e.comma++
	}
	if point || comma {
		e.numbers++
	}
}

// guess returns the separator that more cells ask for; 0 when none do.
func (e *evidence) guess() (decimal byte, reason string) {
	switch {
	case e.comma > e.point:
		return ',', fmt.Sprintf("%d of %d values", e.comma, e.numbers)
	case e.point > 0:
		return '.', fmt.Sprintf("%d of %d values", e.point, e.numbers)
	}
	return 0, ""
}
