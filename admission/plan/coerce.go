package plan

import (
	"encoding/json"
	"math"
	"net/mail"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/touchstone-cdp/touchstone/internal/jsonwalk"
)

const maxFloat = math.MaxFloat64

// formats are those of JSON Schema that a plan checks. There they are notes unless a validator
// asserts them; here they always hold.
var formats = map[string]func(string) bool{
	"date-time": func(s string) bool { return parses(time.RFC3339Nano, s) },
	"date":      func(s string) bool { return parses(time.DateOnly, s) },
	"time":      func(s string) bool { return parses("15:04:05Z07:00", s) || parses(time.TimeOnly, s) },
	"email": func(s string) bool {
		a, err := mail.ParseAddress(s)
		return err == nil && a.Address == s
	},
	"uri": func(s string) bool {
		u, err := url.Parse(s)
		return err == nil && u.IsAbs()
	},
	"uuid": isUUID,
	"ipv4": func(s string) bool {
		a, err := netip.ParseAddr(s)
		return err == nil && a.Is4()
	},
	"ipv6": func(s string) bool {
		a, err := netip.ParseAddr(s)
		return err == nil && a.Is6()
	},
}

func parses(layout, s string) bool {
	_, err := time.Parse(layout, s)
	return err == nil
}

func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		hex := s[i] >= '0' && s[i] <= '9' || s[i]|0x20 >= 'a' && s[i]|0x20 <= 'f'
		if dash != (s[i] == '-') || !dash && !hex {
			return false
		}
	}
	return true
}

// coerce converts a value to what the schema asks for, where there is one way to read it: a number
// in quotes, a text that is a number, a yes, a moment in seconds, one value where a list is due.
func (s *schema) coerce(value string) (string, bool) {
	is := typesOf(value)
	if s.enum != nil && is&isString != 0 {
		return s.enum.alike(jsonwalk.Text(value))
	}
	if s.format == "date-time" && is&isNumber != 0 {
		return momentOf(value)
	}
	if s.types == 0 || s.types&is != 0 {
		return value, false // what is wrong is no type
	}
	switch {
	case is&isString != 0:
		return s.coerceText(strings.TrimSpace(jsonwalk.Text(value)))
	case s.types&isBoolean != 0 && (value == "0" || value == "1"):
		return strconv.FormatBool(value == "1"), true
	case s.types&isString != 0 && is&(isNumber|isBoolean) != 0:
		return `"` + value + `"`, true
	case s.types&isArray != 0 && is&isNull == 0:
		return "[" + value + "]", true
	}
	return value, false
}

var yes = map[string]bool{"true": true, "yes": true, "1": true, "是": true, "false": false, "no": false, "0": false, "否": false}

func (s *schema) coerceText(text string) (string, bool) {
	if s.types&(isNumber|isInteger) != 0 {
		if n, err := strconv.ParseFloat(strings.TrimPrefix(text, "+"), 64); err == nil && !math.IsNaN(n) && !math.IsInf(n, 0) && isDecimal(text) {
			if plain := strings.TrimPrefix(text, "+"); json.Valid([]byte(plain)) {
				return plain, true
			}
			b, err := json.Marshal(n)
			return string(b), err == nil
		}
	}
	if s.types&isBoolean != 0 {
		if b, ok := yes[strings.ToLower(text)]; ok {
			return strconv.FormatBool(b), true
		}
	}
	quoted, err := json.Marshal(text)
	if s.types&isArray != 0 && err == nil {
		return "[" + string(quoted) + "]", true
	}
	return "", false
}

// isDecimal reports whether a text has nothing but what decimal numbers are written with: no hex,
// no "Inf", no underscores.
func isDecimal(text string) bool { return text != "" && strings.Trim(text, "+-.0123456789eE") == "" }

// alike returns the one allowed text that a text is but for case and surrounding space.
func (e *enum) alike(text string) (string, bool) {
	found := ""
	for _, v := range e.list {
		if v[0] == '"' && strings.EqualFold(jsonwalk.Text(v), strings.TrimSpace(text)) {
			if found != "" {
				return "", false
			}
			found = v
		}
	}
	return found, found != ""
}

// momentOf reads seconds since 1970, or milliseconds from 100,000,000,000 on.
func momentOf(value string) (string, bool) {
	n, err := strconv.ParseFloat(value, 64)
	if err != nil || n < 0 || n > 1e14 {
		return "", false
	}
	if n < 1e11 {
		n *= 1000
	}
	return time.UnixMilli(int64(n)).UTC().Format(`"` + time.RFC3339Nano + `"`), true
}

// converters are schemas that ask for a type and nothing else.
var converters = map[string]*schema{
	"number": {types: isNumber, longest: -1, most: -1}, "integer": {types: isInteger, longest: -1, most: -1},
	"string": {types: isString, longest: -1, most: -1}, "boolean": {types: isBoolean, longest: -1, most: -1},
	"array": {types: isArray, longest: -1, most: -1}, "date-time": {types: isString, text: true, format: "date-time", longest: -1, most: -1},
}

// Convert reads a value (JSON) as a type, number, integer, string, boolean, array or date-time, as the action coerce
// does. It reports whether there was one way to.
func Convert(value, to string) (string, bool) {
	s := converters[to]
	if s == nil {
		return value, false
	}
	if s.breaks(value) == "" {
		return value, true
	}
	if to == "date-time" && value[0] == '"' { // a number of seconds in quotes
		value = strings.TrimSpace(jsonwalk.Text(value))
		if !isDecimal(value) || !json.Valid([]byte(value)) {
			return "", false
		}
	}
	if to == "integer" && typesOf(value)&isNumber != 0 {
		return "", false
	}
	out, ok := s.coerce(value)
	return out, ok && s.breaks(out) == ""
}
