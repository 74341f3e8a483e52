package rule

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/tidwall/gjson"

	"github.com/touchstone-cdp/touchstone"
)

// The bounds that Parse keeps.
const (
	MaxDepth      = 16                    // of and, or and not
	MaxConditions = 100                   // traits, events, segments and property filters together
	MaxList       = 10_000                // values of one in or not_in
	MaxCount      = 1_000                 // of a count condition
	MaxWithin     = 3650 * 24 * time.Hour // of a window
	MaxName       = 1_024                 // bytes of a name
	MaxText       = 8_192                 // bytes of a text to compare with
	MaxBytes      = 1 << 20               // of the whole rule
)

// Rule is a parsed and valid rule. It is immutable.
type Rule struct {
	Root Node

	conditions []Condition
	leaves     []Leaf
	segments   []string
	households []*Household
	shrinks    []bool // by leaf: more of its events may end that the rule holds
}

// Node is one of *And, *Or, *Not, *Trait, *Event, *Sequence, *Segment, *Household and *Random.
type Node interface{ node() }

// And holds when all of its parts hold.
type And struct{ Of []Node }

// Or holds when one of its parts holds.
type Or struct{ Of []Node }

// Not holds when its part does not.
type Not struct{ Of Node }

// Trait holds when the person's trait passes the test.
type Trait struct {
	Name string
	Test Test
}

// Event holds when what is measured of the person's matching events within a window compares well.
type Event struct {
	Name     string
	Where    []Filter // all must match
	Measure  Measure
	Property string // whose values are measured
	Zone     string // of the days that are counted
	Count    Count  // what a number of events, values or days is compared with
	Test     Test   // what another measure is compared with
	Window   Window

	zone     *time.Location
	earliest bool // the first times are asked for
	edge     bool // which time is the latest matters, not only how many there are
	leaf     int
	as       Node // what the condition means, if it is made of others
}

// Count compares the number of events. Op is Gte, Lte or Eq.
type Count struct {
	Op    Op
	Value int
}

// Segment holds while the person is in another segment, and has been for a time without a break, if For is not 0.
type Segment struct {
	ID  string
	For time.Duration

	ref int
}

func (*And) node()     {}
func (*Or) node()      {}
func (*Not) node()     {}
func (*Trait) node()   {}
func (*Event) node()   {}
func (*Segment) node() {}

// Condition is a Trait, Event, Segment or Household of a rule with its place, such as "and.1.not".
type Condition struct {
	Path   string
	Node   Node
	Member bool // it is asked of members of a household
}

// Conditions returns the rule's traits, events, segments and households in the order of the text.
func (r *Rule) Conditions() []Condition { return r.conditions }

// Leaves returns the indices in [Rule.Leaves] of what the condition asks about.
func (e *Event) Leaves() []int {
	var leaves []int
	for _, part := range e.parts() {
		leaves = append(leaves, part.leaf)
	}
	return leaves
}

// parts are the conditions on one leaf each that it is made of.
func (e *Event) parts() []*Event {
	switch as := e.as.(type) {
	case *Event:
		return []*Event{as}
	case *And:
		var parts []*Event
		for _, n := range as.Of {
			if part, ok := n.(*Event); ok {
				parts = append(parts, part)
			}
		}
		return parts
	case *edge:
		return []*Event{as.all, as.pass}
	}
	return []*Event{e}
}

// Lasts tells whether the rule asks since when somebody has been in the segment with a number, or, below 0, in any.
func (r *Rule) Lasts(ref int) bool {
	return r.has(func(n Node) bool {
		s, ok := n.(*Segment)
		return ok && s.For != 0 && (ref < 0 || s.ref == ref)
	})
}

// Ref is the index of the segment in [Rule.Segments].
func (s *Segment) Ref() int { return s.ref }

// Segments returns the ids of the segments that the rule refers to, each once. The index
// of an id is what [Subject.InSegment] is asked with.
func (r *Rule) Segments() []string { return r.segments }

// Leaves returns what must be known about a person's events, each distinct set of events
// once. The index of a leaf is what [Subject.Kept] is asked with.
func (r *Rule) Leaves() []Leaf { return r.leaves }

// Traits returns the names of the traits that the rule tests, each once.
func (r *Rule) Traits() []string {
	var names []string
	seen := map[string]bool{}
	for _, c := range r.conditions {
		if t, ok := c.Node.(*Trait); ok && !seen[t.Name] {
			seen[t.Name] = true
			names = append(names, t.Name)
		}
	}
	return names
}

// Leaf is a set of events that a rule asks about, those of one name that pass the filters, and what is kept of them.
// Conditions that differ in count or window only share a leaf, in one rule and between
// rules, because what is kept answers all of them.
type Leaf struct {
	Event string
	Where []Filter // sorted, without repetition
	// Since and Until bound the times of the events, in unix milliseconds: Since <= time < Until; 0 = no bound.
	Since, Until int64
	Kind         Kind
	Property     string        // whose values Distinct and Sums keep
	Zone         string        // whose Days
	Grain        time.Duration // of Sums; 0 = none

	Keep int // how many; see [Kind]
	// Horizon is how far back the windows go that look at the leaf; 0 means that one looks at all time.
	Horizon time.Duration
	// Windowed tells that at least one moving window looks at it. If none does, only the number of
	// the Latest times matters, and a full leaf need not change any more.
	Windowed bool
	Span     time.Duration // of Dense: the shortest window

	zone *time.Location
	path string
}

// need is what must be known to answer a condition that is not made of others.
func (e *Event) need() Leaf {
	w := &e.Window
	l := Leaf{Event: e.Name, Where: sortFilters(e.Where), Since: w.Since, Until: w.Until,
		Keep: e.Count.keep(), Horizon: w.reach(), Windowed: w.moves()}
	switch e.Measure {
	case Distincts:
		l.Kind, l.Property = Distinct, e.Property
	case ActiveDays:
		l.Kind, l.Zone = Days, e.Zone
	case Sum, Avg:
		l.Kind, l.Property, l.Keep = Sums, e.Property, 0
		if w.moves() {
			l.Keep, l.Grain = exactSums, grainOf(w.reach())
		}
	default:
		switch {
		case e.earliest:
			l.Kind = Earliest
		case !w.open():
			l.Kind, l.Span = Dense, w.span()
		}
	}
	l.Windowed = l.Windowed || e.edge
	l.prepare()
	return l
}

// prepare makes a leaf ready to look at events.
func (l *Leaf) prepare() {
	l.path = ""
	if plainKey(l.Property) {
		l.path = l.Property
	}
	l.zone = time.UTC
	if l.Zone != "" {
		if zone, err := time.LoadLocation(l.Zone); err == nil { // it was found when the rule was read
			l.zone = zone
		}
	}
}

// Covers tells whether what is kept for l answers all that need asks, for the same key.
func (l *Leaf) Covers(need *Leaf) bool {
	return l.Keep >= need.Keep && (l.Windowed || !need.Windowed) && l.Span <= need.Span &&
		(l.Horizon == 0 || need.Horizon != 0 && l.Horizon >= need.Horizon)
}

// Widen makes l cover need as well.
func (l *Leaf) Widen(need *Leaf) {
	l.Keep = max(l.Keep, need.Keep)
	l.Windowed = l.Windowed || need.Windowed
	l.Span = min(l.Span, need.Span)
	if l.Horizon == 0 || need.Horizon == 0 {
		l.Horizon = 0
	} else {
		l.Horizon = max(l.Horizon, need.Horizon)
	}
}

// Key names the set of events and the kind of what is kept: with equal keys, one leaf can answer for the other. It does not
// depend on Keep, Horizon and Span, nor on the order of the filters.
func (l *Leaf) Key() string {
	var p printer
	p.event(l.Event, l.Where)
	return p.String() + string(l.ShapeJSON()) + "}"
}

// ShapeJSON returns what is kept as text, "" for the latest times of all events.
func (l *Leaf) ShapeJSON() touchstone.JSON {
	if l.Kind == Latest && l.Since == 0 && l.Until == 0 {
		return ""
	}
	var p printer
	p.WriteString(`{"kind":"` + kindNames[l.Kind] + `"`)
	if l.Property != "" {
		p.WriteString(`,"property":`)
		p.text(l.Property)
	}
	p.tz(l.Zone)
	for _, n := range []struct {
		name  string
		value int64
	}{{"grain", l.Grain.Milliseconds()}, {"since", l.Since}, {"until", l.Until}} {
		if n.value != 0 {
			p.WriteString(`,"` + n.name + `":` + itoa(n.value))
		}
	}
	p.WriteByte('}')
	return touchstone.JSON(p.String())
}

// ParseShape reads what ShapeJSON has written into the leaf.
func (l *Leaf) ParseShape(text touchstone.JSON) error {
	if text != "" {
		v := gjson.Parse(string(text))
		i := slices.Index(kindNames, v.Get("kind").Str)
		if i < 0 {
			return fmt.Errorf("unknown kind of leaf in %s", text)
		}
		l.Kind, l.Property, l.Zone = Kind(i), v.Get("property").Str, v.Get("tz").Str //nolint:gosec // few
		l.Grain = time.Duration(v.Get("grain").Int()) * time.Millisecond
		l.Since, l.Until = v.Get("since").Int(), v.Get("until").Int()
	}
	l.prepare()
	return nil
}

// During tells whether the leaf is about events of a time.
func (l *Leaf) During(at int64) bool { return at >= l.Since && (l.Until == 0 || at < l.Until) }

// WhereJSON returns the filters as text, "" when there are none.
func (l *Leaf) WhereJSON() touchstone.JSON {
	if len(l.Where) == 0 {
		return ""
	}
	var p printer
	p.filters(l.Where)
	return touchstone.JSON(p.String())
}

// Match reports whether an event of the leaf's name belongs to the leaf.
func (l *Leaf) Match(properties, context touchstone.JSON) bool {
	for i := range l.Where {
		if !l.Where[i].Match(properties, context) {
			return false
		}
	}
	return true
}

// keep is how many of the latest times answer the count: one more than the number where
// "too many" must be told from "just enough".
func (c Count) keep() int {
	if c.Op == Gte {
		return c.Value
	}
	return c.Value + 1
}

// index gives leaves and referred segments their numbers.
func (r *Rule) index() {
	leafOf, refOf := map[string]int{}, map[string]int{}
	add := func(leaf Leaf) int {
		key := leaf.Key()
		i, ok := leafOf[key]
		if !ok {
			i = len(r.leaves)
			leafOf[key] = i
			r.leaves = append(r.leaves, leaf)
		}
		r.leaves[i].Widen(&leaf)
		return i
	}
	for _, c := range r.conditions {
		switch n := c.Node.(type) {
		case *Event:
			for _, part := range n.parts() {
				part.leaf = add(part.need())
			}
		case *Sequence:
			for i := range n.Steps {
				n.Steps[i].leaf = add(n.need(i))
			}
		case *Segment:
			i, ok := refOf[n.ID]
			if !ok {
				i = len(r.segments)
				refOf[n.ID] = i
				r.segments = append(r.segments, n.ID)
			}
			n.ref = i
		case *Household:
			n.number = len(r.households)
			r.households = append(r.households, n)
		}
	}
	r.shrinks = make([]bool, len(r.leaves))
	r.grow(r.Root, true)
}

// Grows tells of a leaf that the rule holds all the more, and the longer, the more of its events a person has.
func (r *Rule) Grows(leaf int) bool { return !r.shrinks[leaf] }

// grow finds out which leaves do not.
func (r *Rule) grow(n Node, positive bool) {
	shrink := func(of ...*Event) {
		for _, e := range of {
			r.shrinks[e.leaf] = true
		}
	}
	switch n := n.(type) {
	case *And:
		for _, of := range n.Of {
			r.grow(of, positive)
		}
	case *Or:
		for _, of := range n.Of {
			r.grow(of, positive)
		}
	case *Not:
		r.grow(n.Of, !positive)
	case *Household:
		r.grow(n.Of, false) // whoever lives with somebody is not asked in this way
		r.grow(n.Of, true)
	case *edge:
		shrink(n.all, n.pass)
	case *Sequence:
		for _, leaf := range n.Leaves() {
			r.shrinks[leaf] = true
		}
	case *Event:
		switch {
		case n.as != nil:
			r.grow(n.as, positive)
		case !positive || !n.Measure.whole() || n.Count.Op != Gte:
			shrink(n)
		}
	}
}

// Cycle looks for a circle of references that starts at segment id when it refers to the
// segments in to. refs returns what another segment refers to. It returns the ids along
// the circle, first and last being id, or nil.
func Cycle(id string, to []string, refs func(id string) []string) []string {
	done := map[string]bool{}
	var visit func(trail, to []string) []string
	visit = func(trail, to []string) []string {
		for _, next := range to {
			longer := append(trail[:len(trail):len(trail)], next)
			if next == id {
				return longer
			}
			if done[next] {
				continue
			}
			done[next] = true
			if found := visit(longer, refs(next)); found != nil {
				return found
			}
		}
		return nil
	}
	return visit([]string{id}, to)
}

func itoa[T int | int64](n T) string { return strconv.FormatInt(int64(n), 10) }
