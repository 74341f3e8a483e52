package rule

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/touchstone-cdp/touchstone"
)

// Parse reads a rule. A mistake is a touchstone.Invalid error that names its place.
func Parse(text touchstone.JSON) (*Rule, error) {
	p := parser{}
	if len(text) > MaxBytes {
		return nil, touchstone.Errorf(touchstone.Invalid, "rule: %d bytes are more than the %d allowed", len(text), MaxBytes)
	}
	root := p.node("", jsontext.Value(text), 1)
	if p.err != nil {
		return nil, p.err
	}
	r := &Rule{Root: root, conditions: p.conditions}
	r.index()
	return r, nil
}

// ParseFilters reads a list of property conditions, such as the "where" of a query's
// step. at names the place of the list for errors. Absent text gives no filters.
func ParseFilters(text touchstone.JSON, at string) ([]Filter, error) {
	if text == "" || text == "null" {
		return nil, nil
	}
	p := parser{}
	filters := p.filters(at, jsontext.Value(text))
	if p.err != nil {
		return nil, p.err
	}
	return filters, nil
}

// parser keeps the first error; its methods return zero values afterwards.
type parser struct {
	err        error
	conditions []Condition
	count      int
	patterns   int
	inside     bool // a household condition
}

func (p *parser) fail(at, format string, args ...any) {
	if p.err == nil {
		if at == "" {
			at = "rule"
		}
		p.err = touchstone.Errorf(touchstone.Invalid, "%s: %s", at, touchstone.Textf(format, args...))
	}
}

func join(at, name string) string {
	if at == "" {
		return name
	}
	return at + "." + name
}

// object is the fields of a JSON object; taken marks what has been looked at, so that
// what is left over is a mistake.
type object struct {
	at     string
	fields map[string]jsontext.Value
	taken  map[string]bool
}

func (p *parser) object(at string, v jsontext.Value) object {
	o := object{at: at, taken: map[string]bool{}}
	if p.err != nil {
		return o
	}
	if kindOf(v) != '{' {
		p.fail(at, "must be an object, not %s", describe(v))
	} else if err := json.Unmarshal(v, &o.fields); err != nil {
		p.fail(at, "is not valid JSON: %v", err)
	}
	return o
}

func (o *object) take(name string) (jsontext.Value, bool) {
	v, ok := o.fields[name]
	if ok {
		o.taken[name] = true
	}
	return v, ok
}

func (p *parser) done(o object, known string) {
	if p.err != nil {
		return
	}
	var extra []string
	for name := range o.fields {
		if !o.taken[name] {
			extra = append(extra, name)
		}
	}
	if len(extra) > 0 {
		slices.Sort(extra)
		p.fail(join(o.at, extra[0]), "unknown field; known here: %s", known)
	}
}

const nodeFields = "and, or, not, trait, event, sequence, segment, household, random"

func (p *parser) node(at string, v jsontext.Value, depth int) Node {
	o := p.object(at, v)
	if p.err != nil {
		return nil
	}
	var kinds []string
	for _, k := range strings.Split(nodeFields, ", ") {
		if _, ok := o.fields[k]; ok {
			kinds = append(kinds, k)
		}
	}
	switch {
	case len(kinds) == 0:
		p.fail(at, "must hold one of %s", nodeFields)
		return nil
	case len(kinds) > 1:
		p.fail(at, "holds both %q and %q; one condition per object", kinds[0], kinds[1])
		return nil
	case depth > MaxDepth:
		p.fail(at, "is nested more than %d deep", MaxDepth)
		return nil
	}
	value, _ := o.take(kinds[0])
	switch kinds[0] {
	case "and":
		p.done(o, "and")
		return &And{p.nodes(join(at, "and"), value, depth)}
	case "or":
		p.done(o, "or")
		return &Or{p.nodes(join(at, "or"), value, depth)}
	case "not":
		p.done(o, "not")
		return &Not{p.node(join(at, "not"), value, depth+1)}
	case "trait":
		return p.trait(o, value)
	case "event":
		return p.event(o, value)
	case "sequence":
		return p.sequence(o, value)
	case "random":
		p.done(o, "random")
		return p.random(at, value)
	case "household":
		p.done(o, "household")
		return p.household(at, value, depth)
	default:
		n := &Segment{ID: p.name(join(at, "segment"), value)}
		if v, ok := o.take("for"); ok {
			n.For = p.within(join(at, "for"), v)
		}
		p.done(o, "segment, for")
		p.condition(at, n)
		return n
	}
}

func (p *parser) nodes(at string, v jsontext.Value, depth int) []Node {
	items := p.list(at, v)
	if p.err == nil && len(items) == 0 {
		p.fail(at, "must hold at least one condition")
	}
	nodes := make([]Node, 0, len(items))
	for i, item := range items {
		if p.err != nil {
			return nil
		}
		nodes = append(nodes, p.node(join(at, strconv.Itoa(i)), item, depth+1))
	}
	return nodes
}

func (p *parser) trait(o object, name jsontext.Value) Node {
	n := &Trait{Name: p.name(join(o.at, "trait"), name)}
	n.Test = p.test(&o)
	p.done(o, "trait, op, value, tz")
	n.Test.index()
	p.condition(o.at, n)
	return n
}

func (p *parser) event(o object, name jsontext.Value) Node {
	n := &Event{Name: p.name(join(o.at, "event"), name)}
	p.condition(o.at, n)
	if v, ok := o.take("where"); ok {
		n.Where = p.filters(join(o.at, "where"), v)
	}
	p.measure(&o, n)
	n.Window = p.window(&o)
	p.done(o, "event, where, count, distinct, days, sum, avg, min, max, first, last, "+windowFields)
	p.fits(o.at, n)
	if p.err == nil {
		n.resolve()
	}
	return n
}

func (p *parser) counted(at string, v jsontext.Value) Count {
	o := p.object(at, v)
	c := p.countOf(&o)
	p.done(o, "op, value")
	return c
}

// countOf reads op and value of a number of things.
func (p *parser) countOf(o *object) Count {
	c := Count{Op: Gte}
	at := o.at
	if v, ok := o.take("op"); ok {
		c.Op = Op(p.text(join(at, "op"), v))
		if p.err == nil && c.Op != Gte && c.Op != Lte && c.Op != Eq {
			p.fail(join(at, "op"), "unknown operator %q; a count knows gte, lte and eq", c.Op)
		}
	}
	least := 0
	if c.Op == Gte {
		least = 1
	}
	v, _ := o.take("value")
	c.Value = p.whole(join(at, "value"), v, least, MaxCount)
	return c
}

func (p *parser) whole(at string, v jsontext.Value, least, most int) int {
	n, isNumber := 0.0, false
	if kindOf(v) == '0' {
		n, isNumber = p.number(at, v), true
	}
	if p.err == nil && (!isNumber || n != math.Trunc(n) || n < float64(least) || n > float64(most)) {
		p.fail(at, "must be a whole number from %d to %d", least, most)
		return 0
	}
	return int(n)
}

func (p *parser) filters(at string, v jsontext.Value) []Filter {
	items := p.list(at, v)
	var filters []Filter
	for i, item := range items {
		if p.err != nil {
			return nil
		}
		filters = append(filters, p.filter(join(at, strconv.Itoa(i)), item))
	}
	return filters
}

func (p *parser) filter(at string, v jsontext.Value) Filter {
	o := p.object(at, v)
	var f Filter
	property, hasProperty := o.take("property")
	context, hasContext := o.take("context")
	switch {
	case hasProperty == hasContext:
		p.fail(at, "must hold either property or context")
	case hasProperty:
		f.Property = p.name(join(at, "property"), property)
	default:
		f.Context = p.name(join(at, "context"), context)
		if p.err == nil && slices.Contains(strings.Split(f.Context, "."), "") {
			p.fail(join(at, "context"), "%q is not a path like page.path", f.Context)
		}
	}
	f.Test = p.test(&o)
	p.untimed(at, &f.Test)
	p.done(o, "property, context, op, value")
	p.counts(at)
	f.compile()
	return f
}

// test reads op and value, and checks that they fit each other.
func (p *parser) test(o *object) Test {
	var t Test
	at := join(o.at, "op")
	op, ok := o.take("op")
	if !ok {
		p.fail(at, "is missing; %s", knownOps())
		return t
	}
	t.Op = Op(p.text(at, op))
	if p.err == nil && !slices.Contains(testOps, t.Op) {
		p.fail(at, "unknown operator %q; %s", t.Op, knownOps())
	}
	p.operand(o, &t)
	return t
}

// operand reads the value that an operator compares with.
func (p *parser) operand(o *object, t *Test) {
	at := join(o.at, "value")
	value, ok := o.take("value")
	switch {
	case p.err != nil:
	case t.Op == Exists || t.Op == NotExists:
		if ok {
			p.fail(at, "%s takes no value", t.Op)
		}
	case !ok:
		p.fail(at, "is missing; %s compares with one", t.Op)
	case t.Op.Listed():
		p.values(at, value, t)
	case t.Op == Near:
		p.place(at, value, t)
	case slices.Contains(clockOps, t.Op):
		p.clocked(o, at, value, t)
	default:
		p.compareWith(at, p.value(at, value), t)
	}
}

func (p *parser) values(at string, value jsontext.Value, t *Test) {
	most := MaxList
	if t.Op != In && t.Op != NotIn {
		most = MaxElements
	}
	items := p.list(at, value)
	if p.err == nil && (len(items) == 0 || len(items) > most) {
		p.fail(at, "must be a list of 1 to %d values", most)
	}
	for i, item := range items {
		t.Values = append(t.Values, p.value(join(at, strconv.Itoa(i)), item))
	}
}

func (p *parser) compareWith(at string, v Value, t *Test) {
	if p.err != nil {
		return
	}
	t.Values = []Value{v}
	switch t.Op {
	case Contains, NotContains, StartsWith, EndsWith, Matches, NotMatches, VersionEq, VersionGt, VersionGte, VersionLt, VersionLte:
		if v.Kind != Text {
			p.fail(at, "%s compares with a text", t.Op)
			return
		}
	}
	switch t.Op {
	case Matches, NotMatches:
		p.pattern(at, v.Text)
	case VersionEq, VersionGt, VersionGte, VersionLt, VersionLte:
		if _, ok := versionKey(v.Text); !ok {
			p.fail(at, "%q is not a version; write numbers with points between, such as 2.10 or v3.0.1", v.Text)
		}
	case Eq, Neq:
	default:
		if v.Kind == Boolean {
			p.fail(at, "%s does not compare with true or false; use eq or neq", t.Op)
		}
	}
}

func knownOps() string {
	names := make([]string, len(testOps))
	for i, op := range testOps {
		names[i] = string(op)
	}
	return "use one of " + strings.Join(names, ", ")
}

func (p *parser) value(at string, v jsontext.Value) Value {
	if p.err != nil {
		return Value{}
	}
	switch kindOf(v) {
	case '"':
		return Value{Kind: Text, Text: p.text(at, v)}
	case '0':
		return Value{Kind: Number, Number: p.number(at, v)}
	case 't', 'f':
		return Value{Kind: Boolean, Boolean: kindOf(v) == 't'}
	}
	p.fail(at, "must be a text, a number, true or false, not %s", describe(v))
	return Value{}
}

func (p *parser) number(at string, v jsontext.Value) float64 {
	n, err := strconv.ParseFloat(strings.TrimSpace(string(v)), 64)
	if err != nil || math.IsInf(n, 0) {
		p.fail(at, "%.40s is out of range", v)
		return 0
	}
	return n
}

func (p *parser) text(at string, v jsontext.Value) string {
	if p.err != nil {
		return ""
	}
	var s string
	switch {
	case kindOf(v) != '"':
		p.fail(at, "must be a text, not %s", describe(v))
	case json.Unmarshal(v, &s) != nil:
		p.fail(at, "is not a valid text")
	case len(s) > MaxText:
		p.fail(at, "is longer than %d bytes", MaxText)
	case strings.ContainsRune(s, 0):
		p.fail(at, "holds a NUL character")
	}
	return s
}

func (p *parser) name(at string, v jsontext.Value) string {
	s := p.text(at, v)
	if p.err == nil && (s == "" || len(s) > MaxName) {
		p.fail(at, "must have 1 to %d bytes", MaxName)
	}
	return s
}

func (p *parser) list(at string, v jsontext.Value) []jsontext.Value {
	if p.err != nil {
		return nil
	}
	var items []jsontext.Value
	if kindOf(v) != '[' {
		p.fail(at, "must be a list, not %s", describe(v))
	} else if err := json.Unmarshal(v, &items); err != nil {
		p.fail(at, "is not valid JSON: %v", err)
	}
	return items
}

func (p *parser) within(at string, v jsontext.Value) time.Duration {
	s := p.text(at, v)
	if p.err != nil {
		return 0
	}
	d, ok := ParseDuration(s)
	if !ok || d < time.Second || d > MaxWithin {
		p.fail(at, "%q is not a length of time; write 30d, 12h, 45m or 90s, at most 3650d", s)
	}
	return d
}

func (p *parser) condition(at string, n Node) {
	p.conditions = append(p.conditions, Condition{Path: at, Node: n, Member: p.inside})
	p.counts(at)
}

func (p *parser) counts(at string) {
	if p.count++; p.count > MaxConditions {
		p.fail(at, "is one more than the %d conditions allowed", MaxConditions)
	}
}

var units = []struct {
	letter byte
	length time.Duration
}{{'w', 7 * 24 * time.Hour}, {'d', 24 * time.Hour}, {'h', time.Hour}, {'m', time.Minute}, {'s', time.Second}}

// ParseDuration reads a whole number with a unit: w, d, h, m or s.
func ParseDuration(s string) (time.Duration, bool) {
	if len(s) < 2 || len(s) > 10 {
		return 0, false
	}
	n, err := strconv.ParseUint(s[:len(s)-1], 10, 32)
	if err != nil {
		return 0, false
	}
	for _, u := range units {
		if s[len(s)-1] == u.letter && n <= uint64(math.MaxInt64/u.length) {
			return time.Duration(n) * u.length, true
		}
	}
	return 0, false
}

// FormatDuration writes a duration in the largest unit that divides it, weeks aside:
// people say 30d and 14d.
func FormatDuration(d time.Duration) string {
	for _, u := range units[1:] {
		if d%u.length == 0 {
			return strconv.FormatInt(int64(d/u.length), 10) + string(u.letter)
		}
	}
	return strconv.FormatInt(int64(d/time.Second), 10) + "s"
}

func kindOf(v jsontext.Value) jsontext.Kind { return v.Kind() }

func describe(v jsontext.Value) string {
	switch kindOf(v) {
	case '{':
		return "an object"
	case '[':
		return "a list"
	case '"':
		return "a text"
	case '0':
		return "a number"
	case 't', 'f':
		return "true or false"
	case 'n':
		return "null"
	}
	if !utf8.Valid(v) {
		return "invalid UTF-8"
	}
	return "nothing"
}
