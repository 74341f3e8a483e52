package plan

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/touchstone-cdp/touchstone/internal/jsonwalk"
)

// valid reports whether a value keeps to its schema. Nearly all do, so it only answers yes or no
// and allocates nothing; [examiner] says what is wrong.
func (s *schema) valid(value string) bool {
	if s.breaks(value) != "" {
		return false
	}
	switch value[0] {
	case '{':
		return s.members == nil || s.validMembers(value)
	case '[':
		return s.items == nil || s.validItems(value)
	}
	return true
}

// breaks says which rule a value breaks by itself, without what is in it; "" for none.
func (s *schema) breaks(value string) Rule {
	if s.types != 0 && s.types&typesOf(value) == 0 {
		return WrongType
	}
	if s.enum != nil && !s.enum.has(value) {
		return NotInEnum
	}
	switch c := value[0]; {
	case c == '"':
		if s.text {
			return s.breaksText(jsonwalk.Text(value))
		}
	case c == '[':
		if n := -1; s.fewest > 0 || s.most >= 0 {
			n = elements(value)
			if n < s.fewest || s.most >= 0 && n > s.most {
				return WrongLength
			}
		}
	case s.number && (c == '-' || c >= '0' && c <= '9'):
		n, err := strconv.ParseFloat(value, 64)
		if err != nil || n < s.low || n > s.high || s.lowOpen && n == s.low || s.highOpen && n == s.high {
			return OutOfRange
		}
	}
	return ""
}

func (s *schema) breaksText(text string) Rule {
	if s.shortest > 0 || s.longest >= 0 && len(text) > s.longest {
		n := utf8.RuneCountInString(text)
		if n < s.shortest || s.longest >= 0 && n > s.longest {
			return WrongLength
		}
	}
	if s.format != "" && !formats[s.format](text) {
		return WrongFormat
	}
	if s.pattern != nil && !s.pattern.MatchString(text) {
		return WrongPattern
	}
	return ""
}

func (s *schema) validMembers(object string) bool {
	var seen marks
	missing := len(s.required)
	ok := true
	jsonwalk.Members(object, func(key, value string) bool {
		m := s.members[jsonwalk.Unescape(key)]
		switch {
		case m == nil:
			ok = !s.closed || preset(key)
			return ok
		case m.required >= 0 && seen.add(m.required):
			missing--
		}
		ok = m.valid(value)
		return ok
	})
	return ok && missing == 0
}

// preset reports whether a name is one that client libraries set by themselves ($os, $lib): no
// plan needs to name it.
func preset(name string) bool { return len(name) > 0 && name[0] == '$' }

func (s *schema) validItems(array string) bool {
	ok := true
	jsonwalk.Elements(array, func(value string) bool {
		ok = s.items.valid(value)
		return ok
	})
	return ok
}

// marks notes which of up to maxMembers required members were there.
type marks [(maxMembers + 63) / 64]uint64

// add reports whether i is new.
func (m *marks) add(i int) bool {
	word, bit := &m[i/64], uint64(1)<<(i%64)
	added := *word&bit == 0
	*word |= bit
	return added
}

// typesOf returns every type that a value is of: 3 is a number and an integer.
func typesOf(value string) types {
	switch value[0] {
	case '"':
		return isString
	case '{':
		return isObject
	case '[':
		return isArray
	case 't', 'f':
		return isBoolean
	case 'n':
		return isNull
	}
	if strings.IndexAny(value, ".eE") < 0 {
		return isNumber | isInteger
	}
	if n, err := strconv.ParseFloat(value, 64); err == nil && n == math.Trunc(n) && !math.IsInf(n, 0) {
		return isNumber | isInteger // 3.0 is one, as JSON Schema has it
	}
	return isNumber
}

func elements(array string) (n int) {
	jsonwalk.Elements(array, func(string) bool {
		n++
		return true
	})
	return n
}
