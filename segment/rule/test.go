package rule

import (
	"crypto/md5" //nolint:gosec // only to tell texts apart
	"encoding/binary"
	"slices"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/touchstone-cdp/touchstone"
)

// Op is how a value is compared.
type Op string

// The operators. A count knows Gte, Lte and Eq only.
const (
	Eq         Op = "eq"
	Neq        Op = "neq"
	Gt         Op = "gt"
	Gte        Op = "gte"
	Lt         Op = "lt"
	Lte        Op = "lte"
	Contains   Op = "contains"
	StartsWith Op = "starts_with"
	In         Op = "in"
	NotIn      Op = "not_in"
	Exists     Op = "exists"
	NotExists  Op = "not_exists"
)

// testOps are the operators in the order in which mistakes name them; see operators.go and clock.go for those that are not above.
var testOps = slices.Concat([]Op{Eq, Neq, Gt, Gte, Lt, Lte, Contains, NotContains, StartsWith, EndsWith, In, NotIn, Exists, NotExists},
	[]Op{Matches, NotMatches, HasAny, HasAll, HasNone, VersionEq, VersionGt, VersionGte, VersionLt, VersionLte, Near}, clockOps)

// Negative tells of an operator that is the exact negation of another: it passes what is missing.
func (op Op) Negative() bool {
	switch op {
	case Neq, NotIn, NotExists, NotContains, NotMatches, HasNone:
		return true
	}
	return false
}

// ValueKind is the type of a Value.
type ValueKind uint8

// The kinds of value that a rule can compare with.
const (
	Text ValueKind = iota + 1
	Number
	Boolean
)

// Value is a scalar in a rule.
type Value struct {
	Kind    ValueKind
	Text    string  // of a Text
	Number  float64 // of a Number
	Boolean bool    // of a Boolean
}

// Test compares a value with the rule's. Values holds nothing for exists and not_exists,
// any number for the operators of lists, latitude, longitude and kilometres for near, and one value for the others.
type Test struct {
	Op     Op
	Values []Value
	Zone   string // of the operators of time, in which days begin and times without an offset are read; empty = UTC

	// Long lists are looked up, not walked.
	texts   map[string]struct{}
	numbers map[float64]struct{}
	ready   *prepared // of the operators that want more than Values
}

// listIndexFrom is the length from which a list is worth a map.
const listIndexFrom = 9

func (t *Test) index() {
	t.ready = t.prepare()
	if len(t.Values) < listIndexFrom {
		return
	}
	t.texts, t.numbers = map[string]struct{}{}, map[float64]struct{}{}
	for _, v := range t.Values {
		switch v.Kind {
		case Text:
			t.texts[v.Text] = struct{}{}
		case Number:
			t.numbers[v.Number] = struct{}{}
		}
	}
}

// Match compares a JSON value; ok is false when there is none.
func (t *Test) Match(value touchstone.JSON, ok bool) bool {
	if !ok || value == "" {
		return t.match(gjson.Result{})
	}
	return t.match(gjson.Parse(string(value)))
}

func (t *Test) match(v gjson.Result) bool {
	missing := v.Type == gjson.Null
	switch t.Op {
	case Exists:
		return !missing
	case NotExists:
		return missing
	case Neq:
		return missing || !t.Values[0].equal(v)
	case NotIn:
		return missing || !t.listed(v)
	case NotContains:
		return missing || !strings.Contains(textOf(v), t.Values[0].Text)
	case NotMatches:
		return missing || !t.ready.matches(textOf(v))
	case HasNone:
		return missing || !t.hasAny(v)
	}
	if missing {
		return false
	}
	switch t.Op {
	case Eq:
		return t.Values[0].equal(v)
	case In:
		return t.listed(v)
	case Contains:
		return strings.Contains(textOf(v), t.Values[0].Text)
	case StartsWith:
		return strings.HasPrefix(textOf(v), t.Values[0].Text)
	case EndsWith:
		return strings.HasSuffix(textOf(v), t.Values[0].Text)
	case Matches:
		return t.ready.matches(textOf(v))
	case HasAny:
		return t.hasAny(v)
	case HasAll:
		return t.hasAll(v)
	case VersionEq, VersionGt, VersionGte, VersionLt, VersionLte:
		return t.version(v)
	case Near:
		return t.ready.near(v)
	case Before, After:
		return t.dated(v)
	case AgoGt, AgoLt, AheadLt, AheadGt, Anniversary:
		return false // the clock decides; see Holds
	}
	return t.ordered(v)
}

func (t *Test) ordered(v gjson.Result) bool {
	order := 0
	switch want := &t.Values[0]; want.Kind {
	case Number:
		n, ok := numberOf(v)
		if !ok {
			return false
		}
		switch {
		case n < want.Number:
			order = -1
		case n > want.Number:
			order = 1
		}
	default:
		order = strings.Compare(textOf(v), want.Text)
	}
	switch t.Op {
	case Gt:
		return order > 0
	case Gte:
		return order >= 0
	case Lt:
		return order < 0
	default:
		return order <= 0
	}
}

func (t *Test) listed(v gjson.Result) bool {
	if t.texts == nil {
		return slices.ContainsFunc(t.Values, func(want Value) bool { return want.equal(v) })
	}
	if _, ok := t.texts[textOf(v)]; ok {
		return true
	}
	n, ok := numberOf(v)
	if ok {
		_, ok = t.numbers[n]
	}
	return ok || v.IsBool() && slices.Contains(t.Values, Value{Kind: Boolean, Boolean: v.Bool()})
}

func (want *Value) equal(v gjson.Result) bool {
	switch want.Kind {
	case Number:
		n, ok := numberOf(v)
		return ok && n == want.Number
	case Boolean:
		return v.IsBool() && v.Bool() == want.Boolean
	default:
		return textOf(v) == want.Text
	}
}

func textOf(v gjson.Result) string {
	if v.Type == gjson.String {
		return v.Str
	}
	return v.Raw
}

func numberOf(v gjson.Result) (float64, bool) {
	switch v.Type {
	case gjson.Number:
		return v.Num, true
	case gjson.String:
		return parseNumber(v.Str)
	}
	return 0, false
}

// parseNumber reads a numeric string: an optional sign, digits with an optional point,
// an optional exponent. strconv alone would also take "inf", "0x1p4" and "1_000".
func parseNumber(s string) (float64, bool) {
	if s == "" || len(s) > 400 {
		return 0, false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9', c == '.', c == '-', c == '+', c == 'e', c == 'E':
		default:
			return 0, false
		}
	}
	n, err := strconv.ParseFloat(s, 64)
	return n, err == nil
}

// Filter tests a field of an event. Exactly one of Property and Context is set. Property
// is a key of the properties as it stands, points included; Context is a path into the
// context, such as "page.path" or "campaign.name".
type Filter struct {
	Property string
	Context  string
	Test     Test

	path string // for gjson; empty when the key cannot be written as a simple path
}

// Match reports whether an event with these properties and this context passes.
func (f *Filter) Match(properties, context touchstone.JSON) bool {
	return f.Test.match(f.find(properties, context))
}

// find returns the value that the filter looks at.
func (f *Filter) find(properties, context touchstone.JSON) gjson.Result {
	if f.Context != "" {
		return gjson.Get(string(context), f.path)
	}
	if f.path != "" {
		return gjson.Get(string(properties), f.path)
	}
	var found gjson.Result
	gjson.Parse(string(properties)).ForEach(func(key, value gjson.Result) bool {
		if key.Str == f.Property {
			found = value
			return false
		}
		return true
	})
	return found
}

// Digest is a text as lists of different values keep it: a number from 0 on, the same in every engine. Two texts have the same
// one with a chance of 1 to 2^63.
func Digest(text string) int64 {
	sum := md5.Sum([]byte(text))                           //nolint:gosec // only to tell texts apart
	return int64(binary.LittleEndian.Uint64(sum[8:]) >> 1) //nolint:gosec // 63 bits
}

// Field names what the filter looks at: "property amount", "context page.path".
func (f *Filter) Field() string {
	if f.Context != "" {
		return "context " + f.Context
	}
	return "property " + f.Property
}

func (f *Filter) compile() {
	f.path = ""
	if f.Context != "" {
		parts := strings.Split(f.Context, ".")
		for i := range parts {
			parts[i] = gjson.Escape(parts[i])
		}
		f.path = strings.Join(parts, ".")
	} else if plainKey(f.Property) {
		f.path = f.Property
	}
	f.Test.index()
}

// plainKey tells whether a key means itself in a gjson path.
func plainKey(key string) bool {
	for i := range len(key) {
		c := key[i]
		plain := c >= 0x80 || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' ||
			c == '_' || c == '-' || c == ' ' || c == '$'
		if !plain {
			return false
		}
	}
	return key != ""
}
