package rule

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tidwall/gjson"
)

// Warning is a part of a valid rule that can hardly be meant.
type Warning struct {
	Code string `json:"code"`
	// Paths are the conditions that it is about, in the order of the rule.
	Paths []string `json:"paths"`
}

// The codes of warnings.
const (
	Contradiction   = "contradiction"    // nobody can meet all of these conditions
	ImpossibleEvent = "impossible_event" // no event can pass all filters of this condition
	Impossible      = "impossible"       // nobody can meet this condition
	AlwaysTrue      = "always_true"      // everybody meets one of these conditions
)

// Warnings looks for conditions that exclude each other, and for alternatives that leave
// nobody out. It warns only of what is sure: of conditions that stand side by side in an
// "and" or "or", and of values that no comparison leaves open.
func (r *Rule) Warnings() []Warning {
	var w warner
	w.look("", r.Root)
	return w.found
}

type warner struct{ found []Warning }

func (w *warner) add(code string, paths ...string) {
	w.found = append(w.found, Warning{code, paths})
}

// part is a condition, or the opposite of one.
type part struct {
	path string
	node Node
	not  bool
}

func (w *warner) look(path string, n Node) {
	switch n := n.(type) {
	case *And:
		var parts []part
		w.flatten(path, n, &parts)
		w.conflicts(parts)
	case *Or:
		var parts []part
		for i, of := range n.Of {
			at := join(join(path, "or"), strconv.Itoa(i))
			parts = append(parts, partOf(at, of))
			w.look(at, of)
		}
		w.opposites(AlwaysTrue, parts)
	case *Not:
		w.look(join(path, "not"), n.Of)
	case *Event:
		w.event(path, n)
	case *Sequence:
		w.sequence(path, n)
	case *Household:
		w.look(join(join(path, "household"), string(n.Who)), n.Of)
	}
}

// flatten makes one list of an "and" and those within it; what else stands there is looked at
// by itself.
func (w *warner) flatten(path string, n *And, parts *[]part) {
	for i, of := range n.Of {
		at := join(join(path, "and"), strconv.Itoa(i))
		if inner, ok := of.(*And); ok {
			w.flatten(at, inner, parts)
			continue
		}
		*parts = append(*parts, partOf(at, of))
		w.look(at, of)
	}
}

func partOf(path string, n Node) part {
	p := part{path: path, node: n}
	for {
		not, ok := p.node.(*Not)
		if !ok {
			return p
		}
		p.path, p.node, p.not = join(p.path, "not"), not.Of, !p.not
	}
}

// conflicts looks for parts that cannot hold together.
func (w *warner) conflicts(parts []part) {
	traits, events := map[string][]named{}, map[string][]named{}
	var order []string
	rest := parts[:0:0]
	for _, p := range parts {
		switch n := p.node.(type) {
		case *Trait:
			test, ok := n.Test, true
			if p.not {
				test, ok = opposite(n.Test)
			}
			if !ok {
				rest = append(rest, p)
				continue
			}
			key := "t" + n.Name
			if traits[key] == nil {
				order = append(order, key)
			}
			traits[key] = append(traits[key], named{path: p.path, test: test})
		case *Event:
			one, ok := measuredPart(&p, n)
			if !ok {
				rest = append(rest, p)
				continue
			}
			key := measuredKey(n)
			list := events
			if !n.Measure.whole() {
				list = traits
			}
			if list[key] == nil {
				order = append(order, key)
			}
			list[key] = append(list[key], one)
		default:
			rest = append(rest, p)
		}
	}
	for _, key := range order {
		if list := traits[key]; list != nil {
			w.tests(Contradiction, list)
		}
		w.counts(events[key])
	}
	w.opposites(Contradiction, parts, rest...)
}

// named is a test or a count with its place.
type named struct {
	path  string
	test  Test
	count Count
	event *Event
}

// measuredPart is what a condition on events, or its opposite, compares; ok is false where the opposite has no name.
func measuredPart(p *part, n *Event) (one named, ok bool) {
	one, ok = named{path: p.path, test: n.Test, count: n.Count, event: n}, true
	switch {
	case !p.not:
	case n.Measure.whole():
		one.count, ok = oppositeCount(n.Count)
	default: // nothing has no average, so that neither of the two need hold
		ok = false
	}
	return one, ok
}

// measuredKey is the same for conditions that compare the same thing: numbers of things in whatever window, values in one.
func measuredKey(n *Event) string {
	l := Leaf{Event: n.Name, Where: sortFilters(n.Where)}
	var p printer
	if !n.Measure.whole() {
		p.window(&n.Window)
	}
	return "e" + string(n.Measure) + " " + n.Property + " " + n.Zone + " " + l.Key() + p.String()
}

// tests warns of the first test that leaves no value for those before it, and of the first
// of these that it clashes with, if it is one alone.
func (w *warner) tests(code string, list []named) {
	for n := 2; n <= len(list); n++ {
		if satisfiable(list[:n]) {
			continue
		}
		last := list[n-1]
		for _, other := range list[:n-1] {
			if !satisfiable([]named{other, last}) {
				w.add(code, other.path, last.path)
				return
			}
		}
		var paths []string
		for _, l := range list[:n] {
			paths = append(paths, l.path)
		}
		w.add(code, paths...)
		return
	}
}

// counts warns where an event must have happened more often than it may.
func (w *warner) counts(list []named) {
	for i, a := range list {
		for j, b := range list {
			least, most := a.count.least(), b.count.most()
			inside := a.event.Window.inside(&b.event.Window)
			if i != j && most >= 0 && least > most && inside {
				w.add(Contradiction, list[min(i, j)].path, list[max(i, j)].path)
				return
			}
		}
	}
}

// event warns of filters that no event can pass.
func (w *warner) event(path string, n *Event) {
	fields := map[string][]named{}
	for _, f := range n.Where {
		key := f.Property + "\x00" + f.Context
		fields[key] = append(fields[key], named{test: f.Test})
	}
	for _, list := range fields {
		if !satisfiable(list) {
			w.add(ImpossibleEvent, path)
			return
		}
	}
	if n.Measure == ActiveDays && n.Count.least() > n.Window.days() {
		w.add(Impossible, path)
	}
}

// opposites warns of a part that stands beside its opposite. Of only, if it is given, at
// least one of the two must be.
func (w *warner) opposites(code string, parts []part, only ...part) {
	text := func(p part) string {
		var out printer
		out.node(p.node)
		return out.String()
	}
	for i, a := range parts {
		for _, b := range parts[i+1:] {
			if a.not == b.not || text(a) != text(b) {
				continue
			}
			if code == Contradiction && !slices.ContainsFunc(only, func(p part) bool { return p.path == a.path || p.path == b.path }) {
				continue // has been looked at more closely
			}
			w.add(code, a.path, b.path)
			return
		}
	}
}

// days is how many calendar days a window touches at most.
func (w *Window) days() int {
	switch {
	case w.Unit != "":
		return int(spans[w.Unit].most / (24 * time.Hour))
	case w.From != 0:
		return int((w.From+24*time.Hour-1)/(24*time.Hour)) + 1
	case w.Since != 0 && w.Until != 0:
		return int((w.Until-w.Since+24*3600_000-1)/(24*3600_000)) + 1
	}
	return math.MaxInt
}

func (c Count) least() int {
	if c.Op == Lte {
		return 0
	}
	return c.Value
}

// most is -1 where there is no bound.
func (c Count) most() int {
	if c.Op == Gte {
		return -1
	}
	return c.Value
}

func oppositeCount(c Count) (Count, bool) {
	switch c.Op {
	case Gte:
		return Count{Lte, c.Value - 1}, c.Value > 0
	case Lte:
		return Count{Gte, c.Value + 1}, true
	}
	return c, false
}

var oppositeOps = map[Op]Op{Eq: Neq, Neq: Eq, In: NotIn, NotIn: In, Exists: NotExists, NotExists: Exists,
	Contains: NotContains, NotContains: Contains, Matches: NotMatches, NotMatches: Matches, HasAny: HasNone, HasNone: HasAny}

// opposite is the test that holds where t does not, if there is one.
func opposite(t Test) (Test, bool) {
	op, ok := oppositeOps[t.Op]
	if !ok {
		return t, false
	}
	t = Test{Op: op, Values: t.Values}
	t.index()
	return t, true
}

// satisfiable tells whether a value can pass all tests; true where that is not sure.
func satisfiable(list []named) bool {
	candidates, closed := candidatesOf(list)
	for _, value := range candidates {
		passes := true
		for i := range list {
			t := &list[i].test
			passes = passes && (t.Clocked() && value.Type != gjson.Null || t.match(value)) // at some time it may
		}
		if passes {
			return true
		}
	}
	return !closed && rangePossible(list)
}

// candidatesOf returns the only values that can pass, when a test leaves no others open.
func candidatesOf(list []named) (values []gjson.Result, closed bool) {
	for _, l := range list {
		switch l.test.Op {
		case NotExists:
			return []gjson.Result{{}}, true
		case Eq, In:
			for _, v := range l.test.Values {
				if v.Kind == Number && slices.ContainsFunc(list, comparesSpelling) {
					return nil, false // 5 is 5.0 and 5e0, too
				}
				values = append(values, valuesEqualTo(v, list)...)
			}
			return values, true
		}
	}
	return nil, false
}

// comparesSpelling tells whether a test looks at how a number is written.
func comparesSpelling(l named) bool {
	switch l.test.Op {
	case Eq, Neq, In, NotIn, Exists, NotExists:
		return false
	case Gt, Gte, Lt, Lte:
		return l.test.Values[0].Kind == Text
	}
	return true
}

// valuesEqualTo returns the JSON values that are equal to v, as far as other tests could tell
// them apart.
func valuesEqualTo(v Value, list []named) []gjson.Result {
	var values []gjson.Result
	text := func(s string) {
		values = append(values, gjson.Result{Type: gjson.String, Str: s, Raw: fmt.Sprintf("%q", s)})
	}
	switch v.Kind {
	case Boolean:
		return append(values, gjson.Parse(strconv.FormatBool(v.Boolean)))
	case Text:
		text(v.Text)
		if gjson.Valid(v.Text) && !strings.HasPrefix(v.Text, `"`) {
			values = append(values, gjson.Parse(v.Text))
		}
	case Number:
		short := strconv.FormatFloat(v.Number, 'f', -1, 64)
		values = append(values, gjson.Parse(short))
		text(short)
		long := short + ".0000000" // which no list of texts will name
		if strings.Contains(short, ".") {
			long = short + "0000000"
		}
		text(long)
		for _, l := range list { // "5.0" is 5
			for _, other := range l.test.Values {
				if n, ok := parseNumber(other.Text); ok && n == v.Number {
					text(other.Text)
				}
			}
		}
	}
	return values
}

// rangePossible tells whether the bounds of the tests leave room between them.
func rangePossible(list []named) bool {
	var numbers bounds[float64]
	var texts bounds[string]
	for _, l := range list {
		if len(l.test.Values) == 0 {
			continue
		}
		switch v := l.test.Values[0]; v.Kind {
		case Number:
			numbers.take(l.test.Op, v.Number)
		case Text:
			texts.take(l.test.Op, v.Text)
		}
	}
	if numbers.least != nil && numbers.most != nil && *numbers.least == *numbers.most && !numbers.open {
		only := named{test: Test{Op: Eq, Values: []Value{{Kind: Number, Number: *numbers.least}}}}
		if !slices.ContainsFunc(list, func(l named) bool { return l.test.Op == Eq }) {
			return satisfiable(append([]named{only}, list...))
		}
	}
	return numbers.room() && texts.room()
}

// bounds is a range; open tells that one of its ends is not part of it, where both are equal.
type bounds[T float64 | string] struct {
	least, most         *T
	leastOpen, mostOpen bool
	open                bool
}

func (b *bounds[T]) take(op Op, v T) {
	switch op {
	case Gt, Gte:
		if b.least == nil || v > *b.least || v == *b.least && op == Gt {
			b.least, b.leastOpen = &v, op == Gt
		}
	case Lt, Lte:
		if b.most == nil || v < *b.most || v == *b.most && op == Lt {
			b.most, b.mostOpen = &v, op == Lt
		}
	}
	b.open = b.leastOpen || b.mostOpen
}

func (b *bounds[T]) room() bool {
	return b.least == nil || b.most == nil || *b.least < *b.most || *b.least == *b.most && !b.open
}
