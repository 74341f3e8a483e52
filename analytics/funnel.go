package analytics

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/warehouse"
	"github.com/touchstone-cdp/touchstone/warehouse/gather"
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
	if !gather.FunnelFits(q.question(groups)) {
		d.fail(f.place("steps"), "so many steps on the same event, with a breakdown, do not fit a range this long; ask for a shorter range")
	}
	return q
}

// question is what is asked of the warehouse, without the events.
func (q *funnel) question(groups int) warehouse.Funnel {
	f := warehouse.Funnel{From: q.from, To: q.to, Steps: len(q.steps), Shared: q.mode == modeWindowFunnel, Window: q.window, Groups: groups}
	seen := map[string]bool{}
	for _, step := range q.steps {
		f.Several = f.Several || seen[step.event] || step.event == anyEvent && len(q.steps) > 1
		seen[step.event] = true
	}
	return f
}

func (q *funnel) run(ctx context.Context, r *run) (*Answer, error) {
	plan, err := q.plan(ctx, r)
	if err != nil {
		return nil, err
	}
	groups, err := r.funnel(ctx, plan.question)
	if err != nil {
		return nil, err
	}
	a := &Answer{Columns: q.columns(), Rows: [][]any{}}
	a.Meta.Truncated = plan.more
	for i, values := range plan.groups {
		a.Rows = append(a.Rows, q.rows(values, groups[i+plan.base])...)
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
func (q *funnel) rows(values []any, n []warehouse.FunnelStep) [][]any {
	var rows [][]any
	for i, s := range q.steps {
		label := s.label
		if label == "" {
			label = s.event
		}
		row := append([]any{int64(i + 1), label}, values...)
		step := n[i]
		row = append(row, step.Persons, ratio(step.Persons, n[0].Persons), ratio(step.Persons, n[max(0, i-1)].Persons))
		if i > 0 && step.Persons > 0 {
			row = append(row, step.GapMedian/1000, tidy(step.GapMean/1000), step.SinceMedian/1000)
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

// funnelPlan is what a funnel asks of the warehouse.
type funnelPlan struct {
	question warehouse.Funnel
	groups   [][]any
	base     int // the group number of groups[0]; 1 where 0 stands for groups that were left out
	more     bool
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
	rows := build("SELECT e.node, e.time, ", c.column, " ", source)
	if len(q.breakdown) > 0 {
		plan.base = 1
		rows = q.numbered(r.d, c.column, source, first, plan.groups)
	}
	plan.question = q.question(plan.base * len(plan.groups))
	plan.question.Events, plan.question.Sets, plan.question.Others = rows.statement(), c.Sets, c.Others
	return plan, nil
}

// funnel has the warehouse count, if it can, and otherwise counts here.
func (r *run) funnel(ctx context.Context, f warehouse.Funnel) (groups [][]warehouse.FunnelStep, err error) {
	r.statements = append(r.statements, f.Events.SQL)
	f.Held = r.opts.GatherEvents
	if there, ok := r.counted().(warehouse.Funneler); ok {
		if groups, err = there.Funnel(ctx, f); !errors.Is(err, errors.ErrUnsupported) {
			return groups, err
		}
	}
	return gather.Funnel(ctx, r.counted(), f)
}

// funnelPeople has the warehouse find people, if it can, and otherwise finds them here.
func (r *run) funnelPeople(ctx context.Context, f warehouse.Funnel, level warehouse.FunnelLevel) (people []touchstone.PersonID, err error) {
	r.statements = append(r.statements, f.Events.SQL)
	f.Held = r.opts.GatherEvents
	if there, ok := r.counted().(warehouse.Funneler); ok {
		if people, err = there.FunnelPeople(ctx, f, level, maxPeople); !errors.Is(err, errors.ErrUnsupported) {
			return people, err
		}
	}
	return gather.FunnelPeople(ctx, r.counted(), f, level, maxPeople)
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
	return r.funnelPeople(ctx, plan.question, warehouse.FunnelLevel{Group: group + plan.base, Least: least, Most: most})
}
