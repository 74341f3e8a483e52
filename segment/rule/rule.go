package rule

import (
	"time"

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
}

// Node is one of *And, *Or, *Not, *Trait, *Event, *Segment and *Household.
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

// Event holds when the number of the person's matching events compares well. Within 0
// means ever; otherwise an event counts while now < its time + Within. An event counts as
// soon as it has arrived, also when its own time lies ahead.
type Event struct {
	Name   string
	Where  []Filter // all must match
	Count  Count
	Within time.Duration

	leaf int
}

// Count compares the number of events. Op is Gte, Lte or Eq.
type Count struct {
	Op    Op
	Value int
}

// Segment holds while the person is in another segment.
type Segment struct {
	ID string

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

// Leaf is the index of the events in [Rule.Leaves].
func (e *Event) Leaf() int { return e.leaf }

// Ref is the index of the segment in [Rule.Segments].
func (s *Segment) Ref() int { return s.ref }

// Segments returns the ids of the segments that the rule refers to, each once. The index
// of an id is what [Subject.InSegment] is asked with.
func (r *Rule) Segments() []string { return r.segments }

// Leaves returns what must be known about a person's events, each distinct set of events
// once. The index of a leaf is what [Subject.Times] is asked with.
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

// Leaf is a set of events that a rule asks about: those of one name that pass the filters.
// Conditions that differ in count or window only share a leaf, in one rule and between
// rules, because the latest Keep times answer all of them.
type Leaf struct {
	Event string
	Where []Filter // sorted, without repetition
	Keep  int      // how many of the latest event times the rule needs
	// Horizon is the longest window that looks at the leaf; 0 means that one looks at all time.
	Horizon time.Duration
	// Windowed tells that at least one window looks at it. If none does, only the number of
	// times matters, and a full leaf need not change any more.
	Windowed bool
}

// Covers tells whether times kept for l answer all that need asks, for the same events.
func (l *Leaf) Covers(need *Leaf) bool {
	return l.Keep >= need.Keep && (l.Windowed || !need.Windowed) &&
		(l.Horizon == 0 || need.Horizon != 0 && l.Horizon >= need.Horizon)
}

// Widen makes l cover need as well.
func (l *Leaf) Widen(need *Leaf) {
	l.Keep = max(l.Keep, need.Keep)
	l.Windowed = l.Windowed || need.Windowed
	if l.Horizon == 0 || need.Horizon == 0 {
		l.Horizon = 0
	} else {
		l.Horizon = max(l.Horizon, need.Horizon)
	}
}

// Key names the set of events: equal keys, equal events. It does not depend on Keep and
// Horizon, nor on the order of the filters.
func (l *Leaf) Key() string {
	var p printer
	p.event(l.Event, l.Where)
	return p.String() + "}"
}

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
	for _, c := range r.conditions {
		switch n := c.Node.(type) {
		case *Event:
			leaf := Leaf{Event: n.Name, Where: sortFilters(n.Where), Keep: n.Count.keep(), Horizon: n.Within, Windowed: n.Within != 0}
			key := leaf.Key()
			i, ok := leafOf[key]
			if !ok {
				i = len(r.leaves)
				leafOf[key] = i
				r.leaves = append(r.leaves, leaf)
			}
			n.leaf = i
			r.leaves[i].Widen(&leaf)
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
