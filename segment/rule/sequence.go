package rule

import (
	"slices"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Sequence holds when events followed each other: one of the first step, after it one of the second, and so on, each later than the
// one before and no more than the step's Within after it. The last step may say that no such event followed: then the sequence holds from the
// moment on at which its time is up. With Within the first event must lie in that window. The latest [SequenceDepth] events of each
// step are looked at.
type Sequence struct {
	Steps  []Step
	Within time.Duration // 0 = ever
}

// Step is an event of a sequence.
type Step struct {
	Name   string
	Where  []Filter
	Within time.Duration // after the step before; 0 = whenever
	Not    bool

	leaf int
}

func (*Sequence) node() {}

// The bounds of a sequence.
const (
	SequenceDepth = 100 // events of each step
	MaxSteps      = 5
)

// Leaves returns the indices in [Rule.Leaves] of the steps.
func (n *Sequence) Leaves() []int {
	leaves := make([]int, len(n.Steps))
	for i := range n.Steps {
		leaves[i] = n.Steps[i].leaf
	}
	return leaves
}

// need is what must be known of a step: none of its events matters that lies before the window of the first.
func (n *Sequence) need(i int) Leaf {
	s := &n.Steps[i]
	l := Leaf{Event: s.Name, Where: sortFilters(s.Where), Keep: SequenceDepth, Horizon: n.Within, Windowed: true}
	l.prepare()
	return l
}

// trail are the times of a step that end what came before it, ascending, each with the latest time at which that can have begun, which
// ascends, too.
type trail struct{ at, begun []int64 }

func (n *Sequence) eval(s Subject, now int64) (bool, int64) {
	times := func(i int) []int64 {
		kept := s.Kept(n.Steps[i].leaf)
		return kept[max(0, len(kept)-SequenceDepth):]
	}
	first := times(0)
	t := trail{first, first}
	for i := 1; i < len(n.Steps) && len(t.at) > 0; i++ {
		if n.Steps[i].Not {
			return n.evalNot(t, times(i), n.Steps[i].Within.Milliseconds(), now)
		}
		t = t.then(times(i), n.Steps[i].Within.Milliseconds())
	}
	if len(t.at) == 0 {
		return false, Never
	}
	return n.begins(t.begun[len(t.begun)-1], now)
}

// begins answers for a sequence that is complete and began at a moment.
func (n *Sequence) begins(at, now int64) (bool, int64) {
	if n.Within == 0 {
		return true, Never
	}
	until := at + n.Within.Milliseconds()
	if now < until {
		return true, until
	}
	return false, Never
}

// then adds a step. The latest time before an event that is not too long ago has the latest beginning of all that are.
func (t trail) then(times []int64, within int64) trail {
	var next trail
	before := -1
	for _, at := range times {
		for before+1 < len(t.at) && t.at[before+1] < at {
			before++
		}
		if before >= 0 && (within == 0 || t.at[before] >= at-within) {
			next.at, next.begun = append(next.at, at), append(next.begun, t.begun[before])
		}
	}
	return next
}

// evalNot answers for a last step that must not have come: from the end of its time on, for each of the ends of what came before.
func (n *Sequence) evalNot(t trail, not []int64, within, now int64) (bool, int64) {
	lasts, comes := int64(-1), int64(Never)
	for i, at := range t.at {
		next, _ := slices.BinarySearch(not, at+1)
		came := next < len(not) && not[next] <= at+within
		forgotten := len(not) == SequenceDepth && at < not[0]
		if came || forgotten {
			continue
		}
		due := at + within
		holds, until := n.begins(t.begun[i], max(now, due))
		switch {
		case !holds: // over before it can hold
		case due > now:
			comes = min(comes, due)
		default:
			lasts = max(lasts, until)
		}
	}
	if lasts >= 0 {
		return true, lasts
	}
	return false, comes
}

// timed tells whether the clock alone can change the answer.
func (n *Sequence) timed() bool { return n.Within != 0 || n.Steps[len(n.Steps)-1].Not }

func (p *parser) sequence(o object, v jsontext.Value) Node {
	n := &Sequence{}
	p.condition(o.at, n)
	at := join(o.at, "sequence")
	items := p.list(at, v)
	if p.err == nil && (len(items) < 2 || len(items) > MaxSteps) {
		p.fail(at, "must have 2 to %d steps", MaxSteps)
	}
	for i, item := range items {
		if p.err != nil {
			return n
		}
		n.Steps = append(n.Steps, p.step(join(at, strconv.Itoa(i)), item, i == 0, i == len(items)-1))
	}
	if v, ok := o.take("within"); ok {
		n.Within = p.within(join(o.at, "within"), v)
	}
	p.done(o, "sequence, within")
	return n
}

func (p *parser) step(at string, v jsontext.Value, first, last bool) Step {
	var s Step
	o := p.object(at, v)
	name, _ := o.take("event")
	s.Name = p.name(join(at, "event"), name)
	p.counts(at)
	if v, ok := o.take("where"); ok {
		s.Where = p.filters(join(at, "where"), v)
	}
	if v, ok := o.take("within"); ok {
		if s.Within = p.within(join(at, "within"), v); p.err == nil && first {
			p.fail(join(at, "within"), "is about the step before; the first has none. Write it beside sequence to say when it must have begun")
		}
	}
	if v, ok := o.take("not"); ok {
		if p.err == nil && kindOf(v) != 't' && kindOf(v) != 'f' {
			p.fail(join(at, "not"), "must be true or false, not %s", describe(v))
		}
		s.Not = kindOf(v) == 't'
	}
	p.done(o, "event, where, within, not")
	switch {
	case p.err != nil || !s.Not:
	case first || !last:
		p.fail(join(at, "not"), "only the last step can say what did not follow")
	case s.Within == 0:
		p.fail(join(at, "within"), "is missing: within what time did it not follow?")
	}
	return s
}

func (p *printer) sequence(n *Sequence) {
	p.WriteString(`{"sequence":[`)
	for i := range n.Steps {
		s := &n.Steps[i]
		if i > 0 {
			p.WriteByte(',')
		}
		p.event(s.Name, s.Where)
		if s.Within != 0 {
			p.WriteString(`,"within":"` + FormatDuration(s.Within) + `"`)
		}
		if s.Not {
			p.WriteString(`,"not":true`)
		}
		p.WriteByte('}')
	}
	p.WriteByte(']')
	if n.Within != 0 {
		p.WriteString(`,"within":"` + FormatDuration(n.Within) + `"`)
	}
	p.WriteByte('}')
}

// sequence warns of steps that no event can be, and of what can only be known when the window is over.
func (w *warner) sequence(path string, n *Sequence) {
	for i := range n.Steps {
		w.event(path, &Event{Where: n.Steps[i].Where, Measure: Counted})
	}
	last := n.Steps[len(n.Steps)-1]
	if last.Not && n.Within != 0 && last.Within >= n.Within {
		w.add(Impossible, path)
	}
}
