package segment

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"slices"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/segment/rule"
)

// past reads what is kept of each person's events of a leaf out of history: the same as the stage has kept of them. Since
// is the moment before which nothing matters any more. fn is called as a Folder's, by pastWorkers, but that without a Folder
// persons come in any order.
func past(ctx context.Context, h History, ask KeptQuery, fn func(worker int, person touchstone.PersonID, kept []int64) error) error {
	if f, ok := h.(Folder); ok {
		return f.Kept(ctx, ask, pastWorkers, fn)
	}
	return pastHere(ctx, h, ask, func(person touchstone.PersonID, kept []int64) error { return fn(0, person, kept) })
}

// pastWorkers is how many goroutines put together what is kept.
var pastWorkers = min(runtime.GOMAXPROCS(0), 8)

func pastHere(ctx context.Context, h History, ask KeptQuery, fn func(person touchstone.PersonID, kept []int64) error) error {
	l := ask.Leaf
	q := LatestQuery{Event: l.Event, Where: l.Where, Keep: l.Keep, Since: max(l.Since, ask.Since), Until: l.Until, Through: ask.Through}
	if ask.Until != 0 && (q.Until == 0 || ask.Until < q.Until) {
		q.Until = ask.Until
	}
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

// column is what is kept of a leaf's events by person, ascending, as one worker has found it.
type column struct {
	leaf    int
	persons []touchstone.PersonID
	ends    []int // where what is kept of each ends
	kept    []int64
	at      int // the person who is next
}

func (c *column) add(person touchstone.PersonID, kept []int64) {
	c.persons = append(c.persons, person)
	c.kept = append(c.kept, kept...)
	c.ends = append(c.ends, len(c.kept))
}

// of is what is kept of the person at a place.
func (c *column) of(i int) []int64 {
	begin := 0
	if i > 0 {
		begin = c.ends[i-1]
	}
	return c.kept[begin:c.ends[i]:c.ends[i]]
}

// seek makes the first person who is not before p the next.
func (c *column) seek(p touchstone.PersonID) bool {
	if c.at > 0 && c.persons[c.at-1] >= p { // out of order
		c.at, _ = slices.BinarySearch(c.persons, p)
	}
	for c.at < len(c.persons) && c.persons[c.at] < p {
		c.at++
	}
	return c.at < len(c.persons) && c.persons[c.at] == p
}

// sorted brings a column in order whose persons came in any.
func (c *column) sorted() *column {
	if slices.IsSorted(c.persons) {
		return c
	}
	order := make([]int, len(c.persons))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(c.persons[a], c.persons[b]) })
	s := &column{leaf: c.leaf}
	for _, i := range order {
		s.add(c.persons[i], c.of(i))
	}
	return s
}

// columnsOf reads what is kept of a rule's leaves.
func columnsOf(ctx context.Context, h History, r *rule.Rule, now int64) ([]*column, error) {
	var all []*column
	for i := range r.Leaves() {
		l := &r.Leaves()[i]
		since := int64(0)
		if l.Horizon > 0 {
			since = now - l.Horizon.Milliseconds() + 1
		}
		of := make([]*column, pastWorkers)
		for n := range of {
			of[n] = &column{leaf: i}
		}
		err := past(ctx, h, KeptQuery{Leaf: l, Since: since, Passing: true}, func(worker int, person touchstone.PersonID, kept []int64) error {
			of[worker].add(person, kept)
			return nil
		})
		if err != nil {
			return nil, err
		}
		for _, c := range of {
			if len(c.persons) > 0 {
				all = append(all, c.sorted())
			}
		}
	}
	return all, nil
}
