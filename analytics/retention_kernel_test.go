package analytics

import (
	"math/rand/v2"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/touchstone-cdp/touchstone/warehouse/gather"
)

// occurrence is an event that fits a set of steps.
type occurrence struct {
	time  int64
	steps []int
}

// naiveReturns says in the plainest way in which periods a person returned.
func naiveReturns(events []occurrence, bucketOf func(int64) int, periods int, rolling bool) (cohort int, returned []bool) {
	first := -1
	for i, e := range events {
		if slices.Contains(e.steps, 0) && (first < 0 || e.time < events[first].time) {
			first = i
		}
	}
	returned = make([]bool, periods+1)
	if first < 0 {
		return -1, returned
	}
	// Of several first events of that moment, any but one may be a return.
	firsts, both := 0, 0
	for _, e := range events {
		if e.time == events[first].time && slices.Contains(e.steps, 0) {
			firsts++
			if slices.Contains(e.steps, 1) {
				both++
			}
		}
	}
	cohort = bucketOf(events[first].time)
	for _, e := range events {
		if !slices.Contains(e.steps, 1) || e.time < events[first].time {
			continue
		}
		if e.time == events[first].time && slices.Contains(e.steps, 0) && firsts == 1 {
			continue // its own return
		}
		for k := range returned {
			if p := bucketOf(e.time) - cohort; p == k || rolling && p > k {
				returned[k] = true
			}
		}
	}
	return cohort, returned
}

func TestReturnsEqualNaive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newCalendar(rapid.SampledFrom([]string{day, week, month}).Draw(t, "interval"), zoneOf("Europe/London"), date(2026, 3, 20), date(2026, 4, 20), 100)
		q := &retention{mode: rapid.SampledFrom([]string{nDay, rolling}).Draw(t, "mode"), periods: rapid.IntRange(1, 8).Draw(t, "periods"), calendar: c}
		p, _ := gather.NewPacking(date(2026, 3, 20), date(2026, 4, 20), 4, 0)
		var events []occurrence
		var items []int64
		for range rapid.IntRange(0, 12).Draw(t, "events") {
			at := rapid.Int64Range(0, 30).Draw(t, "day")*dayMillis + rapid.SampledFrom([]int64{0, 1, hourMillis, 23 * hourMillis}).Draw(t, "moment")
			class := rapid.IntRange(1, 3).Draw(t, "class")
			o := occurrence{time: at}
			if class&isFirst != 0 {
				o.steps = append(o.steps, 0)
			}
			if class&isReturn != 0 {
				o.steps = append(o.steps, 1)
			}
			events, items = append(events, o), append(items, at<<2|int64(class))
		}
		r := newReturns(q, p)
		cohort, returned := naiveReturns(events, r.bucket, q.periods, q.mode == rolling)
		rand.Shuffle(len(items), func(i, j int) { items[i], items[j] = items[j], items[i] })
		slices.Sort(items)
		r.find(items)
		if r.cohort != cohort || !gocmp.Equal(r.periods, returned) {
			t.Fatalf("got cohort %d %v, want %d %v; events %v", r.cohort, r.periods, cohort, returned, events)
		}
	})
}
