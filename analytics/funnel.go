package analytics

import (
	"context"
	"math/bits"
	"slices"
	"strconv"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/warehouse"
)

// funnel counts how far people came through a row of steps.
type funnel struct {
	scope
	steps  []selector
	mode   string
	window time.Duration
	limit  int // groups
}

// Modes of a funnel.
const (
	modeDistinct     = "distinct"      // each step takes an event of its own
	modeWindowFunnel = "window_funnel" // one event may serve as several steps, as in ClickHouse's function
)

// The bounds of a funnel.
const (
	maxSteps  = 20
	maxWindow = 3650 * 24 * time.Hour
)

func parseFunnel(e *Engine, f *fields) Query {
	d := f.d
	q := &funnel{scope: parseScope(e, f)}
	f.choice("order", "loose")
	q.mode = f.choice("mode", modeDistinct, modeWindowFunnel)
	q.window = f.duration("window", 7*24*time.Hour, maxWindow)
	q.limit = f.whole("limit", groupsDefault, 1, maxGroups)
	v, ok := f.take("steps")
	if !ok {
		d.fail(f.place("steps"), "is missing; the events of the funnel, in order")
		return q
	}
	for i, item := range d.list(f.place("steps"), v, 1, maxSteps) {
		o := d.object(f.place("steps")+"."+strconv.Itoa(i), item)
		q.steps = append(q.steps, o.selector())
		o.end()
	}
	if d.err != nil {
		return q
	}
	groups := 0
	if len(q.breakdown) > 0 {
		groups = q.limit
	}
	if _, ok := q.shape(groups); !ok {
		d.fail(f.place("steps"), "so many steps on the same event, with a breakdown, do not fit a range this long; ask for a shorter range")
	}
	return q
}

// shape chooses how items are packed; it reports false when they do not fit.
func (q *funnel) shape(groups int) (funnelShape, bool) {
	s := funnelShape{steps: len(q.steps), window: q.window.Milliseconds(), shared: q.mode == modeWindowFunnel}
	seen := map[string]bool{}
	for _, step := range q.steps {
		s.masks = s.masks || seen[step.event] || step.event == anyEvent && len(q.steps) > 1
		seen[step.event] = true
	}
	classes := len(q.steps)
	if s.masks {
		classes = 1 << len(q.steps)
	}
	var ok bool
	s.packing, ok = newPacking(&q.scope, classes, groups)
	return s, ok
}

func (q *funnel) run(ctx context.Context, r *run) (*Answer, error) {
	plan, err := q.plan(ctx, r)
	if err != nil {
		return nil, err
	}
	var workers []worker
	var tallies []*tally
	for range parallelism {
		t := newTally(plan.shape, len(plan.groups)+1)
		tallies, workers = append(tallies, t), append(workers, t)
	}
	if err := r.gather(ctx, plan.gathering, workers); err != nil {
		return nil, err
	}
	for _, t := range tallies[1:] {
		tallies[0].add(t)
	}
	a := &Answer{Columns: q.columns(), Rows: [][]any{}}
	a.Meta.Truncated = plan.more
	for i, values := range plan.groups {
		a.Rows = append(a.Rows, q.rows(values, &tallies[0].groups[i+plan.base])...)
	}
	return a, r.finish(ctx, &q.scope, a)
}

func (q *funnel) columns() []warehouse.Column {
	columns := []warehouse.Column{{Name: "step", Type: warehouse.Number}, {Name: "event", Type: warehouse.String}}
	columns = append(columns, q.breakdownColumns()...)
	for _, name := range []string{"persons", "conversion", "step_conversion", "median_seconds", "avg_seconds", "total_median_seconds"} {
		columns = append(columns, warehouse.Column{Name: name, Type: warehouse.Number})
	}
	return columns
}

// rows are the steps of one group.
func (q *funnel) rows(values []any, n *funnelCounts) [][]any {
	var rows [][]any
	for step, s := range q.steps {
		label := s.label
		if label == "" {
			label = s.event
		}
		row := append([]any{int64(step + 1), label}, values...)
		previous := n.reached[max(0, step-1)]
		row = append(row, n.reached[step], ratio(n.reached[step], n.reached[0]), ratio(n.reached[step], previous))
		if gaps := n.gaps[step]; len(gaps) > 0 {
			sum := int64(0)
			for _, g := range gaps {
				sum += g
			}
			row = append(row, median(gaps)/1000, tidy(float64(sum)/float64(len(gaps))/1000))
			since := n.since[step]
			if step == 1 {
				since = gaps
			}
			row = append(row, median(since)/1000)
		} else {
			row = append(row, nil, nil, nil)
		}
		rows = append(rows, row)
	}
	return rows
}

// ratio is 0 where there is nothing to compare with.
func ratio(part, whole int64) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}

// funnelPlan is how a funnel's items are gathered.
type funnelPlan struct {
	shape     funnelShape
	gathering gathering
	groups    [][]any
	base      int // the group number of groups[0]; 1 where 0 stands for groups that were left out
	more      bool
}

func (q *funnel) plan(ctx context.Context, r *run) (*funnelPlan, error) {
	p, err := r.prepare(ctx, &q.scope, q.steps...)
	if err != nil {
		return nil, err
	}
	plan := &funnelPlan{}
	first := q.steps[0].sql(r.d, p.codes)
	plan.groups, plan.more, err = r.topGroups(ctx, &q.scope, p.source, first, q.limit)
	if err != nil {
		return nil, err
	}
	c := classify(r.d, p.codes, q.steps)
	source := build(p.source, " AND (", c.where, ")")
	if len(q.breakdown) == 0 {
		plan.shape, _ = q.shape(0)
		plan.gathering.rows = build("SELECT e.node, e.time, ", c.column, " ", source)
	} else {
		plan.base = 1
		plan.shape, _ = q.shape(len(plan.groups))
		plan.gathering.rows = q.numbered(r.d, c.column, source, first, plan.groups)
	}
	plan.gathering.items, plan.gathering.bits = plan.shape.items(c), plan.shape.bits()
	return plan, nil
}

// items makes items of rows: time, class and, with a breakdown, group.
func (s *funnelShape) items(c classifier) func(columns [][]int64, out []int64) {
	masks := s.masks
	items := s.packing.items(c, func(set uint32) int {
		if masks {
			return int(set)
		}
		return bits.TrailingZeros32(set)
	})
	return func(columns [][]int64, out []int64) {
		items(columns[0], columns[1], out)
		if len(columns) > 2 {
			for row, group := range columns[2] {
				out[row] |= group
			}
		}
	}
}

// literal writes a number that does not come from the user.
func literal(n int64) string { return strconv.FormatInt(n, 10) }

// funnelSelection names the people at a step.
type funnelSelection struct {
	*funnel
	step    int // from 1
	outcome string
	values  []any
}

// Outcomes of a step.
const (
	reached   = "reached"   // came to the step
	converted = "converted" // and went on to the next
	lost      = "lost"      // and did not
)

func (q *funnel) selection(d *decoder, f *fields) selection {
	s := funnelSelection{funnel: q, step: f.whole("step", 0, 1, len(q.steps)), outcome: f.choice("outcome", reached, converted, lost), values: f.values(&q.scope)}
	switch {
	case d.err != nil:
	case s.step == 0:
		d.fail(f.place("step"), "is missing; 1 to %d", len(q.steps))
	case s.step == len(q.steps) && s.outcome != reached:
		d.fail(f.place("outcome"), "there is no step after the last one; use reached")
	}
	return s
}

func (s funnelSelection) people(ctx context.Context, r *run) ([]touchstone.PersonID, error) {
	plan, err := s.plan(ctx, r)
	if err != nil {
		return nil, err
	}
	group := slices.IndexFunc(plan.groups, func(g []any) bool { return groupKey(g) == groupKey(s.values) })
	if group < 0 {
		return []touchstone.PersonID{}, nil
	}
	least, most := s.step, len(s.steps)
	switch s.outcome {
	case converted:
		least++
	case lost:
		most = s.step
	}
	var workers []worker
	var found []*funnelPeople
	for range parallelism {
		w := &funnelPeople{matcher: newMatcher(plan.shape), least: least, most: most, group: group + plan.base}
		found, workers = append(found, w), append(workers, w)
	}
	if err := r.gather(ctx, plan.gathering, workers); err != nil {
		return nil, err
	}
	people := []touchstone.PersonID{}
	for _, w := range found {
		people = append(people, w.people...)
	}
	return firstPeople(people), nil
}

// funnelPeople keeps the people of one group whose level is within bounds.
type funnelPeople struct {
	*matcher
	least, most, group int
	people             []touchstone.PersonID
}

func (w *funnelPeople) person(id int64, items []int64) {
	w.match(items)
	if w.level >= w.least && w.level <= w.most && w.matcher.group == w.group {
		w.people = append(w.people, touchstone.PersonID(id))
	}
}
