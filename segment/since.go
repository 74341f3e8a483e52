package segment

import (
	"context"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/segment/rule"
)

// Since returns since when a rule has held for each person, by the events that the warehouse holds. Only rules tell that
// never cease to hold once they do: numbers of events of all time or since a moment, under and/or. known is false of others.
func (s *Segments) Since(ctx context.Context, text touchstone.JSON) (at map[touchstone.PersonID]time.Time, known bool, err error) {
	r, err := rule.Parse(text)
	if err != nil || s.cfg.History == nil || !lasting(r.Root) {
		return nil, false, err
	}
	since, err := s.since(ctx, r.Root)
	if err != nil {
		return nil, false, err
	}
	at = make(map[touchstone.PersonID]time.Time, len(since))
	for p, ms := range since {
		at[p] = time.UnixMilli(ms).UTC()
	}
	return at, true, nil
}

// lasting tells whether a condition that holds does so for ever.
func lasting(n rule.Node) bool {
	all := func(of []rule.Node) bool {
		for _, part := range of {
			if !lasting(part) {
				return false
			}
		}
		return true
	}
	switch n := n.(type) {
	case *rule.And:
		return all(n.Of)
	case *rule.Or:
		return all(n.Of)
	case *rule.Event:
		w := &n.Window
		return n.Measure == rule.Counted && n.Count.Op == rule.Gte && n.Count.Value > 0 && w.From == 0 && w.Unit == ""
	}
	return false
}

// since returns the moments in unix milliseconds.
func (s *Segments) since(ctx context.Context, n rule.Node) (map[touchstone.PersonID]int64, error) {
	switch n := n.(type) {
	case *rule.And:
		var out map[touchstone.PersonID]int64
		for _, part := range n.Of {
			at, err := s.since(ctx, part)
			if err != nil {
				return nil, err
			}
			if out == nil {
				out = at
				continue
			}
			for p, ms := range out {
				if other, is := at[p]; is {
					out[p] = max(ms, other)
				} else {
					delete(out, p)
				}
			}
		}
		return out, nil
	case *rule.Or:
		out := map[touchstone.PersonID]int64{}
		for _, part := range n.Of {
			at, err := s.since(ctx, part)
			if err != nil {
				return nil, err
			}
			for p, ms := range at {
				if other, is := out[p]; !is || ms < other {
					out[p] = ms
				}
			}
		}
		return out, nil
	}
	e, _ := n.(*rule.Event)
	out := map[touchstone.PersonID]int64{}
	q := LatestQuery{Event: e.Name, Where: e.Where, Keep: e.Count.Value, Since: e.Window.Since, Until: e.Window.Until, Oldest: true}
	err := s.cfg.History.LatestTimes(ctx, q, func(person touchstone.PersonID, times []int64) error {
		if len(times) >= e.Count.Value {
			out[person] = times[e.Count.Value-1]
		}
		return nil
	})
	return out, err
}
