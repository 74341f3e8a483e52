package analytics

import (
	"context"
	"slices"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/segment/rule"
	"github.com/touchstone-cdp/touchstone/warehouse"
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
	var b builder
	b.add("SELECT person, ", e.d.Latest("t", max(1, q.Keep)), " FROM (SELECT coalesce(o.person, x.node) AS person, x.t FROM (SELECT e.node, ",
		e.d.Millis("e.time"), " AS t FROM events_raw e WHERE (", s.sql(e.d, codes), ")")
	if q.Since > 0 {
		b.add(" AND ", frag("e.time > ?", time.UnixMilli(q.Since).UTC()))
	}
	if q.Through != nil {
		b.add(" AND (", through(q.Through), ")")
	}
	b.add(") x LEFT JOIN overrides o ON o.node = x.node) y GROUP BY person")
	f := b.fragment()
	return e.w.Sequences(ctx, warehouse.Statement{SQL: f.sql, Args: f.args}, 1, func(_ int, person int64, times []int64) error {
		slices.Sort(times)
		return fn(touchstone.PersonID(person), times)
	})
}

// through restricts the events to those up to an event in each partition.
func through(last []touchstone.Seq) fragment {
	var any []fragment
	for partition, seq := range last {
		any = append(any, frag("e.seq >= ? AND e.seq <= ?", touchstone.MakeSeq(partition, 0, 0), seq))
	}
	return joined(any, " OR ", "FALSE")
}
