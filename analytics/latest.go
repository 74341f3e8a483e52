package analytics

import (
	"context"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/segment/rule"
	"github.com/touchstone-cdp/touchstone/warehouse/gather"
)

// LatestQuery asks for the latest times of each person's events of one name that pass the
// filters. Segments are filled from it.
type LatestQuery struct {
	Event string
	Where []rule.Filter
	Keep  int   // at most so many times per person, the latest
	Since int64 // only times after this moment (unix ms); 0 = all
	// Through names, for each partition from 0 on, the last event to look at; nil = all
	// events. Partitions beyond its end count as empty.
	Through []touchstone.Seq
}

// LatestTimes calls fn for each person that has such events, in any order, once. times is
// ascending, in unix milliseconds, and valid during the call only.
func (e *Engine) LatestTimes(ctx context.Context, q LatestQuery, fn func(person touchstone.PersonID, times []int64) error) error {
	s := selector{event: q.Event}
	for _, f := range q.Where {
		s.where = append(s.where, conditionOf(f))
	}
	codes, err := (&run{Engine: e}).codes(ctx, s)
	if err != nil {
		return err
	}
	millis := e.d.Millis("e.time")
	var b builder
	if q.Keep <= 1 {
		b.add("SELECT e.node, max(", millis, ")")
	} else {
		b.add("SELECT e.node, ", millis)
	}
	b.add(" FROM events_raw e WHERE (", s.sql(e.d, codes), ")")
	if q.Since > 0 {
		b.add(" AND ", frag("e.time > ?", time.UnixMilli(q.Since).UTC()))
	}
	if q.Through != nil {
		b.add(" AND (", through(q.Through), ")")
	}
	if q.Keep <= 1 {
		b.add(" GROUP BY e.node")
	}
	w := &latestWorker{keep: max(1, q.Keep), fn: fn}
	g := gather.Gathering{Rows: b.fragment().statement(), Bits: timeBits, Items: func(columns [][]int64, out []int64) { copy(out, columns[0]) }}
	if err := (&run{Engine: e}).gather(ctx, g, []gather.Worker{w}); err != nil {
		return err
	}
	return w.err
}

// timeBits holds unix milliseconds up to the year 6000.
const timeBits = 47

// latestWorker keeps the latest times of each person.
type latestWorker struct {
	keep int
	fn   func(person touchstone.PersonID, times []int64) error
	err  error
}

func (w *latestWorker) Person(id int64, times []int64) {
	if w.err != nil {
		return
	}
	w.err = w.fn(touchstone.PersonID(id), times[max(0, len(times)-w.keep):])
}

// through restricts the events to those up to an event in each partition.
func through(last []touchstone.Seq) fragment {
	var any []fragment
	for partition, seq := range last {
		any = append(any, frag("e.seq >= ? AND e.seq <= ?", touchstone.MakeSeq(partition, 0, 0), seq))
	}
	return joined(any, " OR ", "FALSE")
}
