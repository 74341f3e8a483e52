package plan

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/touchstone-cdp/touchstone/internal/jsonwalk"
)

// examiner goes through a value that breaks its plan: it notes each breach, and makes the text
// that is left when what can be converted is, and what is to be dropped is gone.
type examiner struct {
	plan    *Plan
	verdict *Verdict
	path    []string
}

// examine returns what becomes of a value, and whether it stays.
func (x *examiner) examine(s *schema, value string) (string, bool) {
	if rule := s.breaks(value); rule != "" {
		var keep bool
		if value, keep = x.broken(s, rule, value); !keep {
			return "", false
		}
	}
	switch {
	case value[0] == '{' && s.members != nil:
		return x.object(s, value), true
	case value[0] == '[' && s.items != nil:
		left := x.array(s, value)
		if rule := s.breaks(left); rule != "" && left != value && s.breaks(value) == "" { // too much of it went
			return x.broken(s, rule, left)
		}
		return left, true
	}
	return value, true
}

// broken returns what becomes of a value that breaks a rule by itself, and whether it stays.
func (x *examiner) broken(s *schema, rule Rule, value string) (string, bool) {
	b := Breach{Rule: rule, Action: first(s.action, x.plan.invalid), Want: s.want(rule), Got: shown(value)}
	with, keep := value, b.Action != Drop
	switch {
	case b.Action == Coerce && value == "null": // how many clients write what is not there
		keep = false
	case b.Action == Coerce:
		mended, ok := s.coerce(value)
		if ok && s.breaks(mended) == "" {
			with = mended
		} else {
			b.Action = Quarantine
		}
	}
	x.breach(b)
	return with, keep
}

func (x *examiner) object(s *schema, object string) string {
	var seen marks
	var b strings.Builder
	b.Grow(len(object))
	b.WriteByte('{')
	changed := false
	jsonwalk.Members(object, func(key, value string) bool {
		name := jsonwalk.Unescape(key)
		x.path = append(x.path, name)
		with, keep := x.member(s, name, value, &seen)
		x.path = x.path[:len(x.path)-1]
		if changed = changed || !keep || with != value; keep {
			if b.Len() > 1 {
				b.WriteByte(',')
			}
			b.WriteString(`"` + key + `":` + with)
		}
		return true
	})
	b.WriteByte('}')
	for i, name := range s.required {
		if seen.add(i) {
			x.path = append(x.path, name)
			x.breach(Breach{Rule: MissingProperty, Action: x.missing(s.members[name].action)})
			x.path = x.path[:len(x.path)-1]
		}
	}
	if !changed {
		return object
	}
	return b.String()
}

func (x *examiner) member(s *schema, name, value string, seen *marks) (string, bool) {
	m := s.members[name]
	if m == nil {
		if !s.closed || preset(name) {
			return value, true
		}
		action := x.plan.unplanned
		x.breach(Breach{Rule: UnplannedProperty, Action: action, Got: shown(value)})
		return value, action != Drop
	}
	with, keep := x.examine(m.schema, value)
	if m.required < 0 {
		return with, keep
	}
	if seen.add(m.required); !keep { // an event must not lose what it needs
		x.breach(Breach{Rule: MissingProperty, Action: x.missing(m.action)})
	}
	return with, keep
}

// missing is what becomes of an event without a property: what is said for the property, if that
// can be done with what is not there.
func (x *examiner) missing(own Action) Action {
	if own == Coerce || own == Drop {
		own = ""
	}
	return first(own, x.plan.missing)
}

func (x *examiner) array(s *schema, array string) string {
	var kept []string
	changed, i := false, 0
	jsonwalk.Elements(array, func(value string) bool {
		x.path = append(x.path, strconv.Itoa(i))
		with, keep := x.examine(s.items, value)
		x.path = x.path[:len(x.path)-1]
		if changed = changed || !keep || with != value; keep {
			kept = append(kept, with)
		}
		i++
		return true
	})
	if !changed {
		return array
	}
	return "[" + strings.Join(kept, ",") + "]"
}

func (x *examiner) breach(b Breach) {
	var path strings.Builder
	for i, part := range x.path {
		switch _, err := strconv.Atoi(part); {
		case err == nil && i > 0:
			path.WriteString("[" + part + "]")
		case i > 0:
			path.WriteString("." + part)
		default:
			path.WriteString(part)
		}
	}
	b.Path = path.String()
	x.verdict.add(b)
}

func first(a, b Action) Action {
	if a != "" {
		return a
	}
	return b
}

const maxShown = 60

// shown is a value for people: at most maxShown bytes of it.
func shown(value string) string {
	if len(value) <= maxShown {
		return value
	}
	return strings.ToValidUTF8(value[:maxShown], "") + "…"
}

// want says what a rule asks for.
func (s *schema) want(rule Rule) string {
	switch rule {
	case WrongType:
		return s.types.String()
	case NotInEnum:
		return s.enum.String()
	case WrongPattern:
		return "of the form " + s.pattern.String()
	case WrongFormat:
		return "a " + s.format
	case WrongLength:
		if s.types&isArray != 0 || s.fewest > 0 || s.most >= 0 {
			return between(s.fewest, s.most, "elements")
		}
		return between(s.shortest, s.longest, "characters")
	case OutOfRange:
		return s.span()
	}
	return ""
}

func between(low, high int, what string) string {
	switch {
	case high < 0:
		return strconv.Itoa(low) + " or more " + what
	case low == 0:
		return "at most " + strconv.Itoa(high) + " " + what
	}
	return strconv.Itoa(low) + " to " + strconv.Itoa(high) + " " + what
}

func (s *schema) span() string {
	text := func(n float64) string {
		b, _ := json.Marshal(n)
		return string(b)
	}
	var parts []string
	if b := s.low; s.number && b > -maxFloat {
		parts = append(parts, map[bool]string{true: "above ", false: "at least "}[s.lowOpen]+text(b))
	}
	if b := s.high; s.number && b < maxFloat {
		parts = append(parts, map[bool]string{true: "below ", false: "at most "}[s.highOpen]+text(b))
	}
	return strings.Join(parts, " and ")
}
