package plan

import (
	"cmp"
	"encoding/json"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/jsonwalk"
)

// types is a set of JSON Schema's types; the empty one takes all.
type types uint8

const (
	isNull types = 1 << iota
	isBoolean
	isInteger // a number without a fraction
	isNumber
	isString
	isArray
	isObject
)

var typeNames = []struct {
	name string
	is   types
}{{"string", isString}, {"number", isNumber}, {"integer", isInteger}, {"boolean", isBoolean}, {"array", isArray}, {"object", isObject}, {"null", isNull}}

func (t types) String() string {
	var names []string
	for _, n := range typeNames {
		if t&n.is != 0 {
			names = append(names, n.name)
		}
	}
	return strings.Join(names, " or ")
}

// schema is a JSON Schema made ready.
type schema struct {
	types  types
	action Action // x-action; "" for the plan's

	enum              *enum
	pattern           *regexp.Regexp
	format            string
	shortest, longest int // characters; longest < 0 without a bound
	low, high         float64
	lowOpen, highOpen bool
	fewest, most      int // elements; most < 0 without a bound
	items             *schema
	members           map[string]*member // nil when the schema says nothing of members
	required          []string           // in the schema's order; member.required is the place in it
	closed            bool               // additionalProperties: false
	text              bool               // something is asked of strings
	number            bool               // something is asked of numbers
}

// newSchema takes every value.
func newSchema() *schema {
	return &schema{longest: -1, most: -1, low: math.Inf(-1), high: math.Inf(1)}
}

type member struct {
	*schema
	required int // place in schema.required, −1 when it may be absent
}

// enum are the values that a schema allows.
type enum struct {
	texts   map[string]bool
	numbers []float64
	words   map[string]bool // true, false, null
	list    []string        // as written, for people
}

func (e *enum) has(value string) bool {
	switch value[0] {
	case '"':
		return e.texts[jsonwalk.Text(value)]
	case 't', 'f', 'n':
		return e.words[value]
	case '{', '[':
		return false
	}
	n, err := strconv.ParseFloat(value, 64)
	return err == nil && slices.Contains(e.numbers, n)
}

func (e *enum) String() string {
	shown := e.list[:min(len(e.list), 5)]
	text := "one of " + strings.Join(shown, ", ")
	if len(shown) < len(e.list) {
		text += ", …"
	}
	return text
}

// compiler reads schemas. It notes where it is, for people.
type compiler struct {
	plan  *Plan
	path  []string
	nodes int
}

func (c *compiler) fault(format string, args ...any) error {
	e := touchstone.Errorf(touchstone.Invalid, format, args...)
	return touchstone.Errorf(touchstone.Invalid, "%s: %s.", strings.Join(c.path, " → "), e)
}

// annotations say nothing of values: they are kept and shown.
var annotations = []string{"$schema", "$id", "$comment", "title", "description", "examples", "default", "deprecated", "x-unit", "x-pii", "x-owner"}

func (c *compiler) compile(text string, depth int) (*schema, error) {
	if c.nodes++; c.nodes > maxNodes {
		return nil, c.fault("the plan has more than %d schemas", maxNodes)
	}
	if depth > maxDepth {
		return nil, c.fault("schemas are nested deeper than %d", maxDepth)
	}
	s := newSchema()
	if text == "true" {
		return s, nil
	}
	if !strings.HasPrefix(text, "{") {
		return nil, c.fault("a schema is an object")
	}
	var err error
	jsonwalk.Members(text, func(key, value string) bool {
		err = c.keyword(s, jsonwalk.Unescape(key), value, depth)
		return err == nil
	})
	if err != nil {
		return nil, err
	}
	return s, c.finish(s)
}

// finish checks what several keywords say together.
func (c *compiler) finish(s *schema) error {
	for i, name := range s.required {
		if s.members == nil {
			s.members = map[string]*member{}
		}
		m := s.members[name]
		if m == nil && s.closed {
			return c.fault("%s is required, but properties does not have it, and no others are allowed", name)
		}
		if m == nil {
			m = &member{schema: newSchema()}
			s.members[name] = m
		}
		m.required = i
	}
	if s.closed && s.members == nil {
		s.members = map[string]*member{}
	}
	switch {
	case s.low > s.high || s.low == s.high && (s.lowOpen || s.highOpen):
		return c.fault("no number is in the range: minimum is above maximum")
	case s.longest >= 0 && s.shortest > s.longest:
		return c.fault("minLength is above maxLength")
	case s.most >= 0 && s.fewest > s.most:
		return c.fault("minItems is above maxItems")
	}
	s.text = s.pattern != nil || s.format != "" || s.shortest > 0 || s.longest >= 0
	s.number = !math.IsInf(s.low, -1) || !math.IsInf(s.high, 1)
	return nil
}

// keyword reads one keyword. Those that are not known are refused: a rule that is passed over in
// silence is worse than none.
func (c *compiler) keyword(s *schema, key, value string, depth int) (err error) {
	switch key {
	case "type":
		return c.types(s, value)
	case "enum":
		return c.enum(s, value)
	case "const":
		return c.enum(s, "["+value+"]")
	case "pattern":
		return c.pattern(s, value)
	case "format":
		if s.format = jsonwalk.Text(value); formats[s.format] == nil {
			return c.fault("the format %.40q is not known", s.format)
		}
	case "minLength":
		s.shortest, err = c.count(key, value)
	case "maxLength":
		s.longest, err = c.count(key, value)
	case "minItems":
		s.fewest, err = c.count(key, value)
	case "maxItems":
		s.most, err = c.count(key, value)
	case "minimum", "exclusiveMinimum":
		var n float64
		if n, err = c.number(key, value); err == nil && n >= s.low {
			s.low, s.lowOpen = n, key == "exclusiveMinimum" || s.lowOpen && n == s.low
		}
	case "maximum", "exclusiveMaximum":
		var n float64
		if n, err = c.number(key, value); err == nil && n <= s.high {
			s.high, s.highOpen = n, key == "exclusiveMaximum" || s.highOpen && n == s.high
		}
	case "items":
		c.path = append(c.path, "items")
		s.items, err = c.compile(value, depth+1)
		c.path = c.path[:len(c.path)-1]
	case "properties":
		return c.members(s, value, depth)
	case "required":
		return c.required(s, value)
	case "additionalProperties":
		if value != "true" && value != "false" {
			return c.fault("additionalProperties is true or false")
		}
		s.closed = value == "false"
	case "x-action":
		return c.action(s, value)
	default:
		if !slices.Contains(annotations, key) {
			return c.fault("the keyword %.40q is not one of those that a plan knows", key)
		}
	}
	return err
}

func (c *compiler) types(s *schema, value string) (err error) {
	if s.types, err = typesNamed(value); err != nil {
		return c.fault("%s", err)
	}
	return nil
}

// typesNamed reads the value of the keyword type: a name or a list of names.
func typesNamed(value string) (set types, err error) {
	names := []string{jsonwalk.Text(value)}
	if strings.HasPrefix(value, "[") {
		names = names[:0]
		jsonwalk.Elements(value, func(v string) bool {
			names = append(names, jsonwalk.Text(v))
			return true
		})
	}
	for _, name := range names {
		i := slices.IndexFunc(typeNames, func(t struct {
			name string
			is   types
		}) bool {
			return t.name == name
		})
		if i < 0 {
			return 0, touchstone.Errorf(touchstone.Invalid, "the type %.40q is none of string, number, integer, boolean, array, object, null", name)
		}
		set |= typeNames[i].is
	}
	if set == 0 {
		return 0, touchstone.Errorf(touchstone.Invalid, "type names no type")
	}
	return set, nil
}

func (c *compiler) enum(s *schema, value string) error {
	e := &enum{texts: map[string]bool{}, words: map[string]bool{}}
	var err error
	jsonwalk.Elements(value, func(v string) bool {
		switch v[0] {
		case '"':
			e.texts[jsonwalk.Text(v)] = true
		case 't', 'f', 'n':
			e.words[v] = true
		case '{', '[':
			err = c.fault("an enum lists texts, numbers, true, false and null only")
			return false
		default:
			n, _ := strconv.ParseFloat(v, 64)
			e.numbers = append(e.numbers, n)
		}
		e.list = append(e.list, v)
		return len(e.list) <= maxEnum
	})
	switch {
	case err != nil:
		return err
	case len(e.list) == 0:
		return c.fault("an enum lists at least one value")
	case len(e.list) > maxEnum:
		return c.fault("an enum lists at most %d values", maxEnum)
	}
	s.enum = e
	return nil
}

func (c *compiler) pattern(s *schema, value string) error {
	text := jsonwalk.Text(value)
	if text == "" || len(text) > maxPattern {
		return c.fault("a pattern has 1 to %d bytes", maxPattern)
	}
	re, err := regexp.Compile(text)
	if err != nil {
		return c.fault("the pattern cannot be read: %v", err)
	}
	s.pattern = re
	return nil
}

func (c *compiler) count(key, value string) (int, error) {
	n, err := strconv.Atoi(value)
	if err != nil || n < 0 {
		return 0, c.fault("%s is a whole number of 0 and more", key)
	}
	return n, nil
}

func (c *compiler) number(key, value string) (float64, error) {
	n, err := strconv.ParseFloat(value, 64)
	if err != nil {
		return 0, c.fault("%s is a number", key)
	}
	return n, nil
}

func (c *compiler) members(s *schema, value string, depth int) (err error) {
	if !strings.HasPrefix(value, "{") {
		return c.fault("properties is an object of schemas")
	}
	if s.members == nil {
		s.members = map[string]*member{}
	}
	jsonwalk.Members(value, func(key, value string) bool {
		name := jsonwalk.Unescape(key)
		c.path = append(c.path, name)
		defer func() { c.path = c.path[:len(c.path)-1] }()
		var inner *schema
		switch inner, err = c.compile(value, depth+1); {
		case err != nil:
			return false
		case len(s.members) == maxMembers:
			err = c.fault("an object has at most %d properties", maxMembers)
			return false
		case s.members[name] != nil:
			err = c.fault("the property is there twice")
			return false
		}
		s.members[name] = &member{schema: inner, required: -1}
		return true
	})
	return err
}

func (c *compiler) required(s *schema, value string) error {
	var names []string
	if json.Unmarshal([]byte(value), &names) != nil {
		return c.fault("required lists names of properties")
	}
	slices.SortStableFunc(names, cmp.Compare)
	s.required = slices.Compact(names)
	if len(s.required) > maxMembers {
		return c.fault("an object has at most %d properties", maxMembers)
	}
	return nil
}

func (c *compiler) action(s *schema, value string) error {
	a := Action(jsonwalk.Text(value))
	if _, ok := strictness[a]; !ok {
		return c.fault("x-action: %.40q is none of allow, coerce, drop, quarantine, reject", a)
	}
	s.action = a
	c.plan.rejects = c.plan.rejects || a == Reject
	return nil
}
