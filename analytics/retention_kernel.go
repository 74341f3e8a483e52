package analytics

import (
	"slices"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/warehouse/gather"
)

// The classes of a retention's items.
const (
	isFirst  = 1
	isReturn = 2
)

// returns finds one person's cohort and the periods in which the person returned.
type returns struct {
	gather.Packing
	calendar *calendar
	rolling  bool
	periods  []bool // of the person last looked at
	cohort   int    // -1: none
}

func newReturns(q *retention, p gather.Packing) returns {
	return returns{Packing: p, calendar: q.calendar, rolling: q.mode == rolling, periods: make([]bool, q.periods+1)}
}

// find leaves its result in cohort and periods. The items are in order.
func (r *returns) find(items []int64) {
	clear(r.periods)
	r.cohort = -1
	first := slices.IndexFunc(items, func(item int64) bool { return r.Class(item)&isFirst != 0 })
	if first < 0 {
		return
	}
	start := r.Time(items[first])
	r.cohort = r.bucket(start)
	last := -1 // the latest period seen; items of one period follow one another
	for i, item := range items {
		// At the first event's moment its order among others says nothing.
		if i == first || r.Class(item)&isReturn == 0 || r.Time(item) < start {
			continue
		}
		period := r.bucket(r.Time(item)) - r.cohort
		if r.rolling {
			period = min(period, len(r.periods)-1)
		}
		if period == last {
			continue
		}
		last = period
		switch {
		case r.rolling:
			for k := range period + 1 {
				r.periods[k] = true
			}
		case period < len(r.periods):
			r.periods[period] = true
		}
	}
}

// bucket is the place of the interval of a time after the range's begin.
func (r *returns) bucket(t int64) int { return r.calendar.place(r.From + t) }

// cohortTally counts people per cohort and period.
type cohortTally struct {
	returns
	size     []int64
	returned [][]int64
}

func newCohortTally(q *retention, p gather.Packing) *cohortTally {
	t := &cohortTally{returns: newReturns(q, p), size: make([]int64, len(q.calendar.buckets))}
	for range t.size {
		t.returned = append(t.returned, make([]int64, q.periods+1))
	}
	return t
}

func (t *cohortTally) Person(_ int64, items []int64) {
	t.find(items)
	if t.cohort < 0 {
		return
	}
	t.size[t.cohort]++
	for k, yes := range t.periods {
		if yes {
			t.returned[t.cohort][k]++
		}
	}
}

func (t *cohortTally) add(other *cohortTally) {
	for c := range t.size {
		t.size[c] += other.size[c]
		for k := range t.returned[c] {
			t.returned[c][k] += other.returned[c][k]
		}
	}
}

// cohortPeople keeps the people of one cohort, or those who returned in one period.
type cohortPeople struct {
	returns
	cohort, period int
	people         []touchstone.PersonID
}

func (w *cohortPeople) Person(id int64, items []int64) {
	w.find(items)
	if w.returns.cohort == w.cohort && (w.period < 0 || w.periods[w.period]) {
		w.people = append(w.people, touchstone.PersonID(id))
	}
}
