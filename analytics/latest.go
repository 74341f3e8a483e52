package analytics

import (
	"context"
	"strings"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/segment/rule"
	"github.com/touchstone-cdp/touchstone/warehouse"
	"github.com/touchstone-cdp/touchstone/warehouse/gather"
)

// LatestQuery asks for the times of each person's events of one name that pass the
// filters. Segments are filled from it.
type LatestQuery struct {
	Event string
	Where []rule.Filter
	Keep  int   // at most so many times per person, the latest; 0 = all
	Since int64 // only times from this moment on (unix ms); 0 = all
	Until int64 // only times before this moment; 0 = all
	// Oldest asks for the first times in the place of the latest.
	Oldest bool
	// Through names, for each partition from 0 on, the last event to look at; nil = all
	// events. Partitions beyond its end count as empty.
	Through []touchstone.Seq
}

// LatestTimes calls fn for each person that has such events, in any order, once. times is
// ascending, in unix milliseconds, and valid during the call only.
func (e *Engine) LatestTimes(ctx context.Context, q LatestQuery, fn func(person touchstone.PersonID, times []int64) error) error {
	g, err := e.timesOf(ctx, &q)
	if err != nil {
		return err
	}
	w := &latestWorker{keep: q.Keep, oldest: q.Oldest, fn: fn}
	if err := (&run{Engine: e}).gather(ctx, g, []gather.Worker{w}); err != nil {
		return err
	}
	return w.err
}

// timesOf gathers the times of a question, or more than it asks for.
func (e *Engine) timesOf(ctx context.Context, q *LatestQuery) (gather.Gathering, error) {
	s, codes, err := e.selected(ctx, q)
	if err != nil {
		return gather.Gathering{}, err
	}
	millis := e.d.Millis("e.time")
	var b builder
	switch {
	case q.Keep == 1 && q.Oldest:
		b.add("SELECT e.node, min(", millis, ")")
	case q.Keep == 1:
		b.add("SELECT e.node, max(", millis, ")")
	default:
		b.add("SELECT e.node, ", millis)
	}
	e.rows(&b, q, s, codes)
	if q.Keep == 1 {
		b.add(" GROUP BY e.node")
	}
	return gather.Gathering{Rows: b.fragment().statement(), Bits: timeBits, Items: func(columns [][]int64, out []int64) {
		for i, at := range columns[0] {
			out[i] = rule.Moment(at)
		}
	}}, nil
}

// selected is the choice of a question's events.
func (e *Engine) selected(ctx context.Context, q *LatestQuery) (selector, eventCodes, error) {
	s := selector{event: q.Event}
	for _, f := range q.Where {
		s.where = append(s.where, conditionOf(f))
	}
	codes, err := (&run{Engine: e}).codes(ctx, s)
	return s, codes, err
}

// rows adds where the events of a question stand.
func (e *Engine) rows(b *builder, q *LatestQuery, s selector, codes eventCodes) {
	b.add(" FROM events_raw e WHERE (", s.sql(e.d, codes), ")")
	if q.Since > 0 {
		b.add(" AND ", frag("e.time >= ?", time.UnixMilli(q.Since).UTC()))
	}
	if q.Until > 0 {
		b.add(" AND ", frag("e.time < ?", time.UnixMilli(q.Until).UTC()))
	}
	if q.Through != nil {
		b.add(" AND (", through(q.Through), ")")
	}
}

// EventValuesQuery asks for the values of a property in each person's events. Keep and Oldest are not looked at.
type EventValuesQuery struct {
	LatestQuery
	Property string
	// Amounts asks for rule.Amount of numbers; otherwise it is rule.Digest of texts, and the latest time of each.
	Amounts bool
	// Timeless adds all of a person together; times are 0.
	Timeless bool
}

// EventValues calls fn for each person's events that have such a value, in any order, often. Events may come together: n of
// them, of which value is the sum.
func (e *Engine) EventValues(ctx context.Context, q EventValuesQuery, fn func(person touchstone.PersonID, at, n, value int64) error) error {
	s, codes, err := e.selected(ctx, &q.LatestQuery)
	if err != nil {
		return err
	}
	property := field{property: q.Property}
	millis, value := e.d.Millis("e.time"), property.as(e.d, warehouse.AsDigest)
	kept := value + " IS NOT NULL"
	group := " GROUP BY e.node, " + value
	columns := "max(" + millis + "), CAST(1 AS BIGINT), " + value
	if q.Amounts {
		value = amountSQL(e.d, property)
		kept = strings.Replace(isAmount, "v", value, 1)
		columns, group = millis+", CAST(1 AS BIGINT), "+value, ""
	}
	if q.Timeless {
		columns, group = "CAST(0 AS BIGINT), CAST(count(*) AS BIGINT), CAST(sum("+value+") AS BIGINT)", " GROUP BY e.node"
	}
	var b builder
	b.add("SELECT e.node, ", columns)
	e.rows(&b, &q.LatestQuery, s, codes)
	b.add(" AND ", kept, group)
	w := (&run{Engine: e}).counted()
	persons, _, err := gather.ReadPersonMap(ctx, w)
	if err != nil {
		return err
	}
	statement := b.fragment().statement()
	return w.Scan(ctx, warehouse.Statement{SQL: statement.SQL, Args: statement.Args, Own: true}, 1, func(_ int, c [][]int64) error {
		for i, node := range c[0] {
			if err := fn(touchstone.PersonID(persons.Of(node)), c[1][i], c[2][i], c[3][i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// timeBits holds unix milliseconds up to the year 6000.
const timeBits = 47

// latestWorker keeps the latest times of each person, or the first.
type latestWorker struct {
	keep   int // 0 = all
	oldest bool
	fn     func(person touchstone.PersonID, times []int64) error
	err    error
}

func (w *latestWorker) Person(id int64, times []int64) {
	if w.err != nil || id < 0 { // nobody is in no segment
		return
	}
	switch {
	case w.keep > 0 && w.oldest:
		times = times[:min(len(times), w.keep)]
	case w.keep > 0:
		times = times[max(0, len(times)-w.keep):]
	}
	w.err = w.fn(touchstone.PersonID(id), times)
}

// through restricts the events to those up to an event in each partition.
func through(last []touchstone.Seq) fragment {
	var any []fragment
	for partition, seq := range last {
		any = append(any, frag("e.seq >= ? AND e.seq <= ?", touchstone.MakeSeq(partition, 0, 0), seq))
	}
	return joined(any, " OR ", "FALSE")
}
