package analytics

import (
	"context"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/segment/rule"
	"github.com/touchstone-cdp/touchstone/warehouse"
	"github.com/touchstone-cdp/touchstone/warehouse/gather"
)

// KeptQuery asks for what is kept of each person's events of a leaf: what [rule.Leaf.Add] would have made of them.
type KeptQuery struct {
	Leaf *rule.Leaf
	// Since <= time < Until bound the times beyond the leaf's own bounds, in unix milliseconds; 0 = none.
	Since, Until int64
	// Through is as in [LatestQuery].
	Through []touchstone.Seq
	// Passing says that what comes out is asked about and forgotten. Then values are told apart by a digest of the engine's, which
	// costs less than rule.Digest.
	Passing bool
}

// Kept calls fn for each person with such events, once. It is called from several goroutines: worker, which is less than workers, tells
// them apart, and each has its persons in ascending order. kept is valid during the call only.
func (e *Engine) Kept(ctx context.Context, q KeptQuery, workers int, fn func(worker int, person touchstone.PersonID, kept []int64) error) error {
	l := q.Leaf
	events := LatestQuery{Event: l.Event, Where: l.Where, Since: max(l.Since, q.Since), Until: earlier(l.Until, q.Until), Through: q.Through}
	if l.Kind == rule.Sums || l.Kind == rule.Distinct {
		return e.keptValues(ctx, events, q, workers, fn)
	}
	events.Keep, events.Oldest = l.Keep, l.Kind == rule.Earliest
	if l.Kind == rule.Dense || l.Kind == rule.Days {
		events.Keep = 0
	}
	g, err := e.timesOf(ctx, &events)
	if err != nil {
		return err
	}
	each := make([]gather.Worker, workers)
	kept := make([]*keptTimes, workers)
	for i := range each {
		kept[i] = &keptTimes{leaf: l, fn: func(person touchstone.PersonID, kept []int64) error { return fn(i, person, kept) }}
		each[i] = kept[i]
	}
	if err := (&run{Engine: e}).gather(ctx, g, each); err != nil {
		return err
	}
	for _, k := range kept {
		if k.err != nil {
			return k.err
		}
	}
	return nil
}

// earlier is the earlier of two moments, of which 0 is none.
func earlier(a, b int64) int64 {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// keptTimes makes of each person's times what is kept of them.
type keptTimes struct {
	leaf *rule.Leaf
	fn   func(person touchstone.PersonID, kept []int64) error
	kept []int64 // its memory
	err  error
}

func (w *keptTimes) Person(id int64, times []int64) {
	if w.err != nil || id < 0 { // nobody is in no segment
		return
	}
	l := w.leaf
	switch l.Kind {
	case rule.Latest:
		times = times[max(0, len(times)-l.Keep):]
	case rule.Earliest:
		times = times[:min(len(times), l.Keep)]
	default:
		kept := w.kept[:0]
		for _, at := range times {
			value, _ := l.Value("", at)
			kept, _ = l.Add(kept, at, value)
		}
		w.kept, times = kept, kept
	}
	w.err = w.fn(touchstone.PersonID(id), times)
}

// keptValues is for leaves that keep values beside times. Without a grain they are added up by the engine.
func (e *Engine) keptValues(ctx context.Context, events LatestQuery, q KeptQuery, workers int, fn func(worker int, person touchstone.PersonID, kept []int64) error) error {
	s, codes, err := e.selected(ctx, &events)
	if err != nil {
		return err
	}
	l, property := q.Leaf, field{property: q.Leaf.Property}
	timeless := l.Kind == rule.Sums && l.Grain == 0
	var value string
	switch {
	case l.Kind == rule.Sums:
		value = amountSQL(e.d, property)
	case q.Passing:
		value = property.as(e.d, warehouse.AsHash)
	default:
		value = property.as(e.d, warehouse.AsDigest)
	}
	// What has no value is not left out there, where a condition would read the property once more.
	has := "v IS NOT NULL"
	if l.Kind == rule.Sums {
		has = isAmount
	}
	var inner builder
	inner.add("SELECT e.node AS node, "+e.d.Millis("e.time")+" AS t, "+value, " AS v")
	e.rows(&inner, &events, s, codes)
	var b builder
	if timeless {
		b.add("SELECT node, CAST(0 AS BIGINT), CAST(count(*) FILTER (WHERE "+has+") AS BIGINT), CAST(coalesce(sum(v) FILTER (WHERE "+has+"), 0) AS BIGINT) FROM (", inner.fragment(), ") e GROUP BY node")
	} else {
		b.add("SELECT node, t, CAST(CASE WHEN "+has+" THEN 1 ELSE 0 END AS BIGINT), v FROM (", inner.fragment(), ") e")
	}
	memory := make([][]int64, workers)
	return gather.Entries(ctx, (&run{Engine: e}).counted(), b.fragment().statement(), e.opts.GatherEvents/4, workers, func(worker int, person int64, list []gather.Entry) error {
		kept := memory[worker][:0]
		for i := range list {
			if at := list[i]; timeless {
				kept = l.Join(kept, []int64{0, at.N, at.Value})
			} else {
				kept, _ = l.Add(kept, rule.Moment(at.At), at.Value)
			}
		}
		memory[worker] = kept
		return fn(worker, touchstone.PersonID(person), kept)
	})
}

// amountSQL is rule.Amount of a property; what it leaves out is NULL, or not isAmount.
func amountSQL(d warehouse.Dialect, property field) string {
	return "TRY_CAST(round(" + property.as(d, warehouse.AsNumber) + " * 10000) AS BIGINT)"
}

const isAmount = "v BETWEEN -1000000000000000 AND 1000000000000000" // rule.MaxAmount
