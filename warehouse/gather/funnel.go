package gather

import (
	"context"
	"math/bits"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/warehouse"
)

// FunnelFits reports whether a funnel's events fit into items.
func FunnelFits(f warehouse.Funnel) bool {
	_, fits := shapeOf(f)
	return fits
}

func shapeOf(f warehouse.Funnel) (funnelShape, bool) {
	s := funnelShape{steps: f.Steps, window: f.Window.Milliseconds(), masks: f.Several, shared: f.Shared}
	classes := f.Steps
	if s.masks {
		classes = 1 << f.Steps
	}
	var ok bool
	s.Packing, ok = NewPacking(f.From, f.To, classes, f.Groups)
	return s, ok
}

// gathering makes items of events: time, class and, with groups, group.
func (s *funnelShape) gathering(f warehouse.Funnel) Gathering {
	masks := s.masks
	items := s.Items(Classes{f.Sets, f.Others}, func(set uint32) int {
		if masks {
			return int(set)
		}
		return bits.TrailingZeros32(set)
	})
	return Gathering{Rows: f.Events, Bits: s.Bits(), Held: f.Held, Items: func(columns [][]int64, out []int64) {
		items(columns[0], columns[1], out)
		if len(columns) > 2 {
			for row, group := range columns[2] {
				out[row] |= group
			}
		}
	}}
}

func errUnfit(f warehouse.Funnel) error {
	return touchstone.Errorf(touchstone.Invalid, "a funnel of %d steps and %d groups does not fit a range this long", f.Steps, f.Groups).
		WithHint("ask about a shorter range or fewer groups")
}

// Funnel answers as warehouse.Funneler, for any warehouse.
func Funnel(ctx context.Context, w warehouse.Warehouse, f warehouse.Funnel) ([][]warehouse.FunnelStep, error) {
	shape, fits := shapeOf(f)
	if !fits {
		return nil, errUnfit(f)
	}
	var workers []Worker
	var tallies []*tally
	for range Parallelism {
		t := newTally(shape, f.Groups+1)
		tallies, workers = append(tallies, t), append(workers, t)
	}
	if err := Run(ctx, w, shape.gathering(f), workers); err != nil {
		return nil, err
	}
	for _, t := range tallies[1:] {
		tallies[0].add(t)
	}
	groups := make([][]warehouse.FunnelStep, f.Groups+1)
	for i := range groups {
		groups[i] = tallies[0].groups[i].steps()
	}
	return groups, nil
}

// steps sums a group up. It reorders the times.
func (n *funnelCounts) steps() []warehouse.FunnelStep {
	steps := make([]warehouse.FunnelStep, len(n.reached))
	for i := range steps {
		s := &steps[i]
		s.Persons = n.reached[i]
		gaps, since := n.gaps[i], n.since[i]
		if len(gaps) == 0 {
			continue
		}
		sum := int64(0)
		for _, g := range gaps {
			sum += g
		}
		if i == 1 {
			since = gaps
		}
		s.GapMean, s.GapMedian, s.SinceMedian = float64(sum)/float64(len(gaps)), median(gaps), median(since)
	}
	return steps
}

// FunnelPeople answers as warehouse.Funneler, for any warehouse.
func FunnelPeople(ctx context.Context, w warehouse.Warehouse, f warehouse.Funnel, level warehouse.FunnelLevel, most int) ([]touchstone.PersonID, error) {
	shape, fits := shapeOf(f)
	if !fits {
		return nil, errUnfit(f)
	}
	var workers []Worker
	var found []*funnelPeople
	for range Parallelism {
		w := &funnelPeople{matcher: newMatcher(shape), wanted: level}
		found, workers = append(found, w), append(workers, w)
	}
	if err := Run(ctx, w, shape.gathering(f), workers); err != nil {
		return nil, err
	}
	var lists [][]touchstone.PersonID
	for _, w := range found {
		lists = append(lists, w.people)
	}
	return First(most, lists...), nil
}

// funnelPeople keeps the people of one group whose level is within bounds.
type funnelPeople struct {
	*matcher
	wanted warehouse.FunnelLevel
	people []touchstone.PersonID
}

// Person implements Worker.
func (w *funnelPeople) Person(id int64, items []int64) {
	w.match(items)
	if w.level >= w.wanted.Least && w.level <= w.wanted.Most && w.matcher.group == w.wanted.Group {
		w.people = append(w.people, touchstone.PersonID(id))
	}
}
