package analytics

import (
	"context"
	"slices"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/warehouse"
	"github.com/touchstone-cdp/touchstone/warehouse/gather"
)

// retention tells how many of the people who began in an interval came back later.
//
// A person belongs to one cohort: the interval of the first first-event in the range. A
// return counts in period k when it happened k intervals later, and not before that
// first event; the first event itself is not its own return. The mode rolling counts a
// person in period k who returned in period k or any later one.
type retention struct {
	scope
	first, back selector
	mode        string
	periods     int
	calendar    *calendar
}

// Modes of a retention.
const (
	nDay    = "n_day"
	rolling = "rolling"
)

// The bounds of a retention.
const (
	maxCohorts = 1000
	maxPeriods = 400
)

func parseRetention(e *Engine, f *fields) Query {
	d := f.d
	q := &retention{scope: parseScope(e, f)}
	q.first, q.back = f.event("first"), f.event("return")
	interval := f.choice("interval", day, week, month)
	q.mode = f.choice("mode", nDay, rolling)
	q.periods = f.whole("periods", 12, 1, maxPeriods)
	if d.err == nil && len(q.breakdown) > 0 {
		d.fail(f.place("breakdown"), "is not available for retention yet")
	}
	if d.err != nil {
		return q
	}
	if q.calendar = newCalendar(interval, q.zone, q.from, q.to, maxCohorts); q.calendar == nil {
		d.fail(f.place("interval"), "the range has more than %d intervals of one %s; use a longer interval", maxCohorts, interval)
	}
	return q
}

func (q *retention) run(ctx context.Context, r *run) (*Answer, error) {
	pack, gathering, err := q.plan(ctx, r)
	if err != nil {
		return nil, err
	}
	var workers []gather.Worker
	var tallies []*cohortTally
	for range gather.Parallelism {
		t := newCohortTally(q, pack)
		tallies, workers = append(tallies, t), append(workers, t)
	}
	if err := r.gather(ctx, gathering, workers); err != nil {
		return nil, err
	}
	for _, t := range tallies[1:] {
		tallies[0].add(t)
	}
	a := &Answer{Columns: []warehouse.Column{{Name: "cohort", Type: warehouse.Time}, {Name: "size", Type: warehouse.Number},
		{Name: "period", Type: warehouse.Number}, {Name: "persons", Type: warehouse.Number}, {Name: "rate", Type: warehouse.Number}},
		Rows: q.rows(tallies[0], r.opts.Clock.Now())}
	return a, r.finish(ctx, &q.scope, a)
}

// rows leaves out periods that had not begun at the end of the range, or now: nobody can
// have returned in them yet.
func (q *retention) rows(t *cohortTally, now time.Time) [][]any {
	rows := [][]any{}
	for cohort, b := range q.calendar.buckets {
		if b.start.After(now) {
			break
		}
		size := t.size[cohort]
		for period := range min(q.periods+1, len(q.calendar.buckets)-cohort) {
			if q.calendar.buckets[cohort+period].start.After(now) {
				break
			}
			n := t.returned[cohort][period]
			rows = append(rows, []any{b.start, size, int64(period), n, ratio(n, size)})
		}
	}
	return rows
}

// plan packs each event with two bits: it is a first event, it is a return.
func (q *retention) plan(ctx context.Context, r *run) (gather.Packing, gather.Gathering, error) {
	p, err := r.prepare(ctx, &q.scope, q.first, q.back)
	if err != nil {
		return gather.Packing{}, gather.Gathering{}, err
	}
	pack, _ := gather.NewPacking(q.from, q.to, 4, 0) // a hundred years take 42 bits
	c := classify(r.d, p.codes, []selector{q.first, q.back})
	rows := build("SELECT e.node, e.time, ", c.column, " ", p.source, " AND (", c.where, ")")
	items := pack.Items(c.Classes, func(set uint32) int { return int(set) })
	return pack, gather.Gathering{Rows: rows.statement(), Bits: pack.Bits(), Items: func(columns [][]int64, out []int64) { items(columns[0], columns[1], out) }}, nil
}

// retentionSelection names the people of a cohort, or those of them who returned.
type retentionSelection struct {
	*retention
	cohort int
	period int // -1: the whole cohort
}

func (q *retention) selection(d *decoder, f *fields) selection {
	s := retentionSelection{retention: q, period: f.whole("period", -1, 0, q.periods)}
	at, ok := f.moment("cohort")
	if d.err != nil {
		return s
	}
	if !ok {
		d.fail(f.place("cohort"), "is missing; the time of the row")
		return s
	}
	s.cohort = slices.IndexFunc(q.calendar.buckets, func(b bucket) bool { return b.start.Equal(at) })
	if s.cohort < 0 {
		d.fail(f.place("cohort"), "%s is not the time of a row", at.Format(time.RFC3339))
	}
	return s
}

func (s retentionSelection) people(ctx context.Context, r *run) ([]touchstone.PersonID, error) {
	pack, gathering, err := s.plan(ctx, r)
	if err != nil {
		return nil, err
	}
	var workers []gather.Worker
	var found []*cohortPeople
	for range gather.Parallelism {
		w := &cohortPeople{returns: newReturns(s.retention, pack), cohort: s.cohort, period: s.period}
		found, workers = append(found, w), append(workers, w)
	}
	if err := r.gather(ctx, gathering, workers); err != nil {
		return nil, err
	}
	var lists [][]touchstone.PersonID
	for _, w := range found {
		lists = append(lists, w.people)
	}
	return gather.First(maxPeople, lists...), nil
}
