package rule

import (
	"math"
	"slices"

	"github.com/touchstone-cdp/touchstone"
)

// Subject is what a rule asks about a person.
type Subject interface {
	// Person is who is asked about, for random parts.
	Person() touchstone.PersonID
	// Trait returns a trait's value.
	Trait(name string) (touchstone.JSON, bool)
	// Kept returns what is kept of the person's events of a leaf (see [Rule.Leaves] and [Leaf.Add]). What is older than
	// the leaf's horizon may be missing.
	Kept(leaf int) []int64
	// InSegment tells whether the person is in a segment (see [Rule.Segments]), and since when. The moment matters if the
	// rule asks for it ([Rule.Lasts]) and only then.
	InSegment(ref int) (since int64, in bool)
	// Household answers a household condition (see [Rule.Households]) as [Rule.Among] does.
	Household(n int, now int64) (holds bool, deadline int64)
}

// Never is the deadline of an answer that time alone does not change.
const Never = math.MaxInt64

// Eval tells whether the person belongs at the moment now (unix milliseconds), and
// deadline: the answer cannot change before that moment unless an event, a trait or
// another segment changes first. At the deadline it may change, and must be asked again.
func (r *Rule) Eval(s Subject, now int64) (member bool, deadline int64) {
	return eval(r.Root, s, now)
}

// EvalCondition is [Rule.Eval] for one condition, for counting the members of parts.
func (r *Rule) EvalCondition(c Condition, s Subject, now int64) bool {
	member, _ := eval(c.Node, s, now)
	return member
}

func eval(n Node, s Subject, now int64) (bool, int64) {
	switch n := n.(type) {
	case *And:
		return evalAll(n.Of, s, now, false)
	case *Or:
		return evalAll(n.Of, s, now, true)
	case *Not:
		member, deadline := eval(n.Of, s, now)
		return !member, deadline
	case *Trait:
		value, ok := s.Trait(n.Name)
		return n.Test.Holds(value, ok, now)
	case *Random:
		return n.holds(s.Person()), Never
	case *Event:
		return n.eval(s, now)
	case *edge:
		return n.eval(s, now)
	case *Sequence:
		return n.eval(s, now)
	case *Segment:
		since, in := s.InSegment(n.ref)
		if due := since + n.For.Milliseconds(); in && n.For != 0 && now < due {
			return false, due
		}
		return in, Never
	case *Household:
		return s.Household(n.number, now)
	}
	return false, Never
}

// evalAll evaluates an or (decisive = true) or an and (decisive = false). While a decisive
// part stands, the answer stands, so it lasts until the last decisive part may change;
// without one it lasts until the first part may.
func evalAll(of []Node, s Subject, now int64, decisive bool) (bool, int64) {
	result, lasting, next := !decisive, int64(0), int64(Never)
	for _, n := range of {
		member, deadline := eval(n, s, now)
		if member == decisive {
			if deadline == Never {
				return decisive, Never
			}
			result = decisive
			lasting = max(lasting, deadline)
		}
		next = min(next, deadline)
	}
	if result == decisive {
		return result, lasting
	}
	return result, next
}

func (e *Event) eval(s Subject, now int64) (bool, int64) {
	if e.as != nil {
		return eval(e.as, s, now)
	}
	kept := s.Kept(e.leaf)
	w := &e.Window
	switch {
	case len(kept) == 0:
		return e.holds(0, 0), Never
	case !w.moves():
		return e.holds(e.tally(kept)), Never
	case w.Unit != "":
		return e.evalCalendar(kept, now)
	case e.Measure == Counted && w.To == 0:
		return e.evalLatest(kept, now)
	}
	return e.sweep(kept, now)
}

// kind is what the condition's leaf keeps, as far as reading it goes.
func (e *Event) kind() Kind {
	switch e.Measure {
	case Distincts, ActiveDays:
		return Distinct
	case Sum, Avg:
		return Sums
	}
	return Latest
}

// tally adds up what is kept.
func (e *Event) tally(kept []int64) (n, sum int64) {
	kind := e.kind()
	if kind != Sums {
		return int64(len(kept) / int(kind.Stride())), 0
	}
	for ; len(kept) > 0; kept = kept[3:] {
		n, sum = n+kept[1], saturated(sum, kept[2])
	}
	return n, sum
}

// between cuts out what is of the times from lo until hi.
func (e *Event) between(kept []int64, lo, hi int64) []int64 {
	stride := int(e.kind().Stride())
	from, to := 0, len(kept)
	for from < to && kept[from] < lo {
		from += stride
	}
	for to > from && kept[to-stride] >= hi {
		to -= stride
	}
	return kept[from:to]
}

// evalCalendar answers by the period at a moment. The answer changes, if at all, when a period ends: with the first that
// has another, up to that from which on nothing known lies in it.
func (e *Event) evalCalendar(kept []int64, now int64) (bool, int64) {
	lo, hi := e.Window.at(now)
	member := e.holds(e.tally(e.between(kept, lo, hi)))
	last := kept[len(kept)-int(e.kind().Stride())]
	at := now
	for range maxTurns {
		at = e.Window.turns(at)
		lo, hi = e.Window.at(at)
		switch {
		case e.holds(e.tally(e.between(kept, lo, hi))) != member:
			return member, at
		case lo > last:
			return member, Never
		}
	}
	return member, at // early, and asked again
}

const maxTurns = 32

// sweep answers by a sliding window, and follows it: events enter it at its end and leave it at its beginning, until the
// answer is another.
func (e *Event) sweep(kept []int64, now int64) (bool, int64) {
	stride := int(e.kind().Stride())
	from, to := e.Window.From.Milliseconds(), e.Window.To.Milliseconds()
	i, j := 0, len(kept) // inside is from i until j
	for i < len(kept) && kept[i] <= now-from {
		i += stride
	}
	if to != 0 {
		for j > i && kept[j-stride] > now-to {
			j -= stride
		}
	}
	n, sum := e.tally(kept[i:j])
	member := e.holds(n, sum)
	for i < len(kept) {
		at := kept[i] + from
		if j < len(kept) {
			at = min(at, kept[j]+to)
		}
		for ; j < len(kept) && kept[j]+to == at; j += stride {
			more, value := e.tally(kept[j : j+stride])
			n, sum = n+more, saturated(sum, value)
		}
		for ; i < j && kept[i]+from == at; i += stride {
			less, value := e.tally(kept[i : i+stride])
			n, sum = n-less, sum-value
		}
		if e.holds(n, sum) != member {
			return member, at
		}
	}
	return member, Never
}

// evalLatest counts the latest times inside the window. The count can only fall while no event comes,
// so the answer changes, if at all, when the n-th latest event lapses (gte, lte, eq) or the
// one before it (eq and lte, on the way down).
func (e *Event) evalLatest(times []int64, now int64) (bool, int64) {
	want := e.Count.Value
	window := e.Window.From.Milliseconds()
	inside := 0
	for inside < len(times) && times[len(times)-1-inside] > now-window {
		inside++
		if inside > want {
			break // more make no difference
		}
	}
	member := e.Count.holds(inside)
	lapse := func(nth int) int64 { // when the nth latest event leaves the window
		return times[len(times)-nth] + window
	}
	switch {
	case e.Count.Op != Gte && inside > want:
		return member, lapse(want + 1)
	case e.Count.Op != Lte && inside >= want && want > 0:
		return member, lapse(want)
	}
	return member, Never
}

func (c Count) holds(n int) bool {
	switch c.Op {
	case Gte:
		return n >= c.Value
	case Lte:
		return n <= c.Value
	default:
		return n == c.Value
	}
}

// nobody is a person of whom nothing is known.
type nobody struct{ rule *Rule }

func (nobody) Person() touchstone.PersonID          { return 0 }
func (nobody) Trait(string) (touchstone.JSON, bool) { return "", false }
func (nobody) Kept(int) []int64                     { return nil }
func (nobody) InSegment(int) (int64, bool)          { return 0, false }

func (n nobody) Household(number int, now int64) (bool, int64) { return n.rule.Alone(number, n, now) }

// Alone answers household condition n for somebody who is in no household.
func (r *Rule) Alone(n int, s Subject, now int64) (bool, int64) {
	return r.Among(n, []*Seat{{Until: Never}}, func(int) (bool, int64) { return r.EvalMember(n, s, now) }, now)
}

// MatchesNobody tells whether the rule holds, or may by chance, for a person of whom nothing is known: then
// every new person is asked about.
func (r *Rule) MatchesNobody() bool {
	if r.Draws() {
		may, _ := outcomes(r.Root, func(n Node) (bool, bool) {
			switch n.(type) {
			case *Random, *Household: // chance may decide within the other, too
				return true, true
			}
			holds, _ := eval(n, nobody{r}, 0)
			return holds, !holds
		})
		return may
	}
	member, _ := r.Eval(nobody{r}, 0)
	return member
}

func (r *Rule) has(is func(Node) bool) bool {
	return slices.ContainsFunc(r.conditions, func(c Condition) bool { return is(c.Node) })
}

// TraitsMayDecide tells whether the rule can hold for a person without any of its events
// who is in none of its segments, by traits or by others of the household. If not, only people with such events or in such
// segments need to be looked at.
func (r *Rule) TraitsMayDecide() bool {
	may, _ := possible(r.Root)
	return may
}

// possible tells whether a node can be true and whether it can be false for some traits,
// given no events and no segments.
func possible(n Node) (canTrue, canFalse bool) {
	return outcomes(n, func(n Node) (bool, bool) {
		switch n := n.(type) {
		case *Trait, *Household, *Random: // others decide
			return true, true
		case *Event:
			if n.as != nil {
				return possible(n.as)
			}
			holds := n.holds(0, 0)
			return holds, !holds
		}
		return false, true
	})
}

// outcomes puts together what a node can be out of what its conditions can be.
func outcomes(n Node, of func(n Node) (canTrue, canFalse bool)) (canTrue, canFalse bool) {
	switch n := n.(type) {
	case *And:
		canTrue = true
		for _, part := range n.Of {
			t, f := outcomes(part, of)
			canTrue = canTrue && t
			canFalse = canFalse || f
		}
		return canTrue, canFalse
	case *Or:
		canFalse = true
		for _, part := range n.Of {
			t, f := outcomes(part, of)
			canTrue = canTrue || t
			canFalse = canFalse && f
		}
		return canTrue, canFalse
	case *Not:
		t, f := outcomes(n.Of, of)
		return f, t
	}
	return of(n)
}

// Timed tells whether time alone can change an answer.
func (r *Rule) Timed() bool {
	if len(r.households) > 0 { // people move in and out
		return true
	}
	for i := range r.conditions {
		switch n := r.conditions[i].Node.(type) {
		case *Event:
			if n.Window.moves() {
				return true
			}
		case *Sequence:
			if n.timed() {
				return true
			}
		case *Trait:
			if n.Test.Clocked() {
				return true
			}
		case *Segment:
			if n.For != 0 {
				return true
			}
		}
	}
	return false
}

// HoldsForNone tells whether a condition on events, or by chance, may hold for a person without any.
func (r *Rule) HoldsForNone(c Condition) bool {
	switch c.Node.(type) {
	case *Random:
		return true
	case *Event:
		return r.EvalCondition(c, nobody{r}, 0)
	}
	return false
}
