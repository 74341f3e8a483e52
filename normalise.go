package touchstone

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Normalisers returns the names of the built-in normalisers.
func Normalisers() []string {
	return []string{"text", "lower", "email", "phone", "integer", "vin", "plate"}
}

// builtinNormaliser returns nil for one that changes nothing.
func builtinNormaliser(name string) (Normaliser, bool) {
	switch name {
	case "", "text":
		return nil, true
	case "lower":
		return func(v string) (string, bool) { return strings.ToLower(v), true }, true
	case "email":
		return normaliseEmail, true
	case "phone":
		return PhoneNormaliser("86"), true
	case "integer":
		return normaliseInteger, true
	case "vin":
		return normaliseVIN, true
	case "plate":
		return normalisePlate, true
	}
	return nil, false
}

// trim takes blanks, byte order marks and zero-width characters off both ends.
func trim(s string) string {
	if s == "" {
		return s
	}
	first, last := s[0], s[len(s)-1]
	if first > ' ' && first < utf8.RuneSelf && last > ' ' && last < utf8.RuneSelf {
		return s // nearly all values
	}
	return strings.TrimFunc(s, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || r == '\ufeff' || r >= '\u200b' && r <= '\u200f' || r == '\u2060'
	})
}

// unwrapCell takes off what spreadsheets and exports put around a text so that it is not read
// as a number: ="00123", '00123 and `00123 are 00123.
func unwrapCell(v string) string {
	for len(v) > 1 {
		switch first, last := v[0], v[len(v)-1]; {
		case first == '=' && len(v) > 2 && v[1] == '"' && last == '"':
			v = strings.ReplaceAll(v[2:len(v)-1], `""`, `"`)
		case (first == '\'' || first == '`') && last != first:
			v = v[1:]
		default:
			return v
		}
		v = trim(v)
	}
	return v
}

// halfWidth turns the full-width forms of ASCII, as Chinese keyboards write them, into ASCII.
func halfWidth(s string) string {
	ascii := true
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			ascii = false
			break
		}
	}
	if ascii {
		return s
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r >= '！' && r <= '～':
			return r - '！' + '!'
		case r == '\u3000':
			return ' '
		}
		return r
	}, s)
}

func normaliseEmail(v string) (string, bool) {
	v = halfWidth(v)
	for len(v) >= 7 && strings.EqualFold(v[:7], "mailto:") {
		v = trim(v[7:])
	}
	at := strings.LastIndexByte(v, '@')
	if at < 1 || at == len(v)-1 || strings.ContainsAny(v, " \t\r\n<>,;") {
		return "", false
	}
	return strings.ToLower(v), true
}

// normaliseInteger drops the decimals that spreadsheets and data frames add to whole
// numbers. Anything else stays as it is.
func normaliseInteger(v string) (string, bool) {
	whole, decimals, ok := strings.Cut(v, ".")
	if !ok || whole == "" || decimals == "" || strings.Trim(decimals, "0") != "" {
		return v, true
	}
	for i := range len(whole) {
		if whole[i] < '0' || whole[i] > '9' {
			if i > 0 || whole[0] != '-' || len(whole) == 1 {
				return v, true
			}
		}
	}
	return whole, true
}

// normaliseVIN accepts 17 letters and digits, and shorter chassis numbers of older cars.
func normaliseVIN(v string) (string, bool) {
	v = strings.ToUpper(strip(halfWidth(v), " -·"))
	if len(v) < 5 || len(v) > 17 {
		return "", false
	}
	for i := range len(v) {
		c := v[i]
		if !(c >= '0' && c <= '9' || c >= 'A' && c <= 'Z') {
			return "", false
		}
	}
	return v, true
}

func normalisePlate(v string) (string, bool) {
	v = strings.ToUpper(strip(strings.Join(strings.Fields(halfWidth(v)), ""), "-.·•・‧"))
	n := utf8.RuneCountInString(v)
	return v, n >= 3 && n <= 12
}

func strip(s, chars string) string {
	if !strings.ContainsAny(s, chars) {
		return s
	}
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(chars, r) {
			return -1
		}
		return r
	}, s)
}

// PhoneNormaliser returns a small E.164 normaliser: it strips separators, reads "00" as
// "+", and puts the calling code in front of national numbers without their trunk "0".
// Numbering plans of countries are not known to it; the edge gives [NewKindSet] one
// that is built on them.
func PhoneNormaliser(callingCode string) Normaliser {
	return func(v string) (string, bool) {
		if e164(v) {
			return v, true
		}
		v = halfWidth(v)
		if len(v) >= 4 && strings.EqualFold(v[:4], "tel:") {
			v = v[4:]
		}
		digits := make([]byte, 0, 24)
		plus := false
		for i := range len(v) {
			switch c := v[i]; {
			case c >= '0' && c <= '9':
				digits = append(digits, c)
			case c == '+' && len(digits) == 0:
				plus = true
			case c == ' ' || c == '-' || c == '.' || c == '(' || c == ')' || c == '/':
			default:
				return "", false
			}
		}
		d := string(digits)
		switch {
		case plus:
		case strings.HasPrefix(d, "00"):
			d = d[2:]
		case strings.HasPrefix(d, callingCode) && len(d) >= len(callingCode)+11:
			// "8613800138001": the code is there, only the plus is missing
		default:
			if callingCode != "39" { // Italy keeps its zero
				d = strings.TrimPrefix(d, "0")
			}
			d = callingCode + d
		}
		d = "+" + d
		return d, e164(d)
	}
}

// e164 tells a plus and 8 to 15 digits, the first not zero.
func e164(s string) bool {
	if len(s) < 9 || len(s) > 16 || s[0] != '+' || s[1] == '0' {
		return false
	}
	for i := 1; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
