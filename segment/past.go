package segment

import (
	"context"
	"fmt"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/segment/rule"
)

// past reads what is kept of each person's events of a leaf out of history: the same as the stage has kept of them. From
// is the moment before which nothing matters any more (0 = everything does), and through the last events to look at. fn may keep what it is given.
func past(ctx context.Context, h History, l *rule.Leaf, from int64, through []touchstone.Seq, fn func(person touchstone.PersonID, kept []int64) error) error {
	q := LatestQuery{Event: l.Event, Where: l.Where, Keep: l.Keep, Since: max(l.Since, from), Until: l.Until, Through: through}
	switch l.Kind {
	case rule.Sums, rule.Distinct:
		return pastValues(ctx, h, l, q, fn)
	case rule.Earliest:
		q.Oldest = true
	case rule.Dense, rule.Days:
		q.Keep = 0
	}
	return h.LatestTimes(ctx, q, func(person touchstone.PersonID, times []int64) error {
		var kept []int64
		if l.Kind == rule.Latest && len(times) > l.Keep {
			times = times[len(times)-l.Keep:]
		}
		for _, at := range times {
			at = moment(at)
			value, _ := l.Value("", at)
			kept, _ = l.Add(kept, at, value)
		}
		return fn(person, kept)
	})
}

func pastValues(ctx context.Context, h History, l *rule.Leaf, q LatestQuery, fn func(person touchstone.PersonID, kept []int64) error) error {
	all := map[touchstone.PersonID][]int64{}
	values := ValuesQuery{LatestQuery: q, Property: l.Property, Amounts: l.Kind == rule.Sums, Timeless: l.Kind == rule.Sums && l.Grain == 0}
	err := h.Values(ctx, values, func(person touchstone.PersonID, at, n, value int64) error {
		if len(all) == maxPast && all[person] == nil {
			return touchstone.Errorf(touchstone.Invalid, "more than %d people have events with %s", maxPast, l.Property).
				WithHint("Ask about a shorter time, or add a condition on the event's properties.")
		}
		if values.Timeless {
			all[person] = l.Join(all[person], []int64{0, n, value})
		} else {
			all[person], _ = l.Add(all[person], moment(at), value)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for person, kept := range all {
		if err := fn(person, kept); err != nil {
			return fmt.Errorf("person %s: %w", person, err)
		}
	}
	return nil
}

// maxPast bounds the people whose values are held at a time.
const maxPast = 50_000_000
