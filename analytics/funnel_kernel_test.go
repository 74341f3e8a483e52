package analytics

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// occurrence is an event that fits a set of steps.
type occurrence struct {
	time  int64
	steps []int
	group int
}

// naiveFunnel says in the plainest way how far a person came: from each first step, take
// the first occurrence of each next step within the window. It returns the number of steps
// and their times.
func naiveFunnel(events []occurrence, steps int, window int64) (int, []int64) {
	type step struct {
		time int64
		step int
	}
	var list []step
	for _, e := range events {
		for _, s := range e.steps {
			list = append(list, step{e.time, s})
		}
	}
	slices.SortStableFunc(list, func(a, b step) int { return cmp.Or(cmp.Compare(a.time, b.time), cmp.Compare(a.step, b.step)) })
	var best []int64
	bestEnd := 0
	for i, first := range list {
		if first.step != 0 {
			continue
		}
		times, end := []int64{first.time}, i
		for j := i + 1; j < len(list) && len(times) < steps; j++ {
			if list[j].step == len(times) && list[j].time <= first.time+window {
				times, end = append(times, list[j].time), j
			}
		}
		if len(times) > len(best) || len(times) == len(best) && end <= bestEnd {
			best, bestEnd = times, end
		}
	}
	return len(best), best
}

// naiveApart looks at every row of different events in the order of time, each fitting its
// step: how far the longest comes, and of those the times of the one that ends first, then began
// last, then takes each step first.
func naiveApart(events []occurrence, steps int, window int64) (int, []int64) {
	best := []int64{}
	better := func(times []int64) bool {
		n := len(times)
		if n == 0 || n != len(best) {
			return n > len(best)
		}
		return cmp.Or(cmp.Compare(times[n-1], best[n-1]), cmp.Compare(best[0], times[0]), slices.Compare(times, best)) < 0
	}
	used := make([]bool, len(events))
	var walk func(times []int64)
	walk = func(times []int64) {
		if better(times) {
			best = slices.Clone(times)
		}
		if len(times) == steps {
			return
		}
		for i, e := range events {
			if used[i] || !slices.Contains(e.steps, len(times)) || len(times) > 0 && (e.time < times[len(times)-1] || e.time > times[0]+window) {
				continue
			}
			used[i] = true
			walk(append(times, e.time))
			used[i] = false
		}
	}
	walk(nil)
	return len(best), best
}

func TestMatcherEqualsNaive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		steps := rapid.IntRange(1, 6).Draw(t, "steps")
		masks := rapid.Bool().Draw(t, "masks")
		shared := masks && rapid.Bool().Draw(t, "shared")
		most := 25
		if masks && !shared {
			steps, most = min(steps, 5), 9 // the naive way looks at all orders
		}
		shape := funnelShape{steps: steps, window: rapid.Int64Range(0, 30).Draw(t, "window"), masks: masks, shared: shared, packing: packing{groupBits: rapid.IntRange(0, 3).Draw(t, "groupBits")}}
		shape.classBits = 3
		if masks {
			shape.classBits = steps
		}
		latest := rapid.SampledFrom([]int64{3, 40}).Draw(t, "latest") // many events of a moment, or few
		var events []occurrence
		var items []int64
		for range rapid.IntRange(0, most).Draw(t, "events") {
			o := occurrence{time: rapid.Int64Range(0, latest).Draw(t, "time"), group: rapid.IntRange(0, 1<<shape.groupBits-1).Draw(t, "group")}
			class := 0
			if masks {
				class = rapid.IntRange(1, 1<<steps-1).Draw(t, "mask")
				for s := range steps {
					if class>>s&1 == 1 {
						o.steps = append(o.steps, s)
					}
				}
			} else {
				class = rapid.IntRange(0, steps-1).Draw(t, "step")
				o.steps = []int{class}
			}
			events = append(events, o)
			items = append(items, (o.time<<shape.classBits|int64(class))<<shape.groupBits|int64(o.group))
		}
		naive := naiveFunnel
		if masks && !shared {
			naive = naiveApart
		}
		level, times := naive(events, steps, shape.window)
		m := newMatcher(shape)
		m.match([]int64{5 << 6}) // what an earlier person left behind must not matter
		slices.Sort(items)
		m.match(items)
		if m.level != level {
			t.Fatalf("level %d, want %d; steps %d, window %d, events %v", m.level, level, steps, shape.window, events)
		}
		if level > 0 && !slices.Equal(m.times, times) {
			t.Fatalf("times %v, want %v; steps %d, window %d, events %v", m.times, times, steps, shape.window, events)
		}
		if level > 0 && !slices.ContainsFunc(events, func(o occurrence) bool {
			return o.time == times[0] && slices.Contains(o.steps, 0) && o.group == m.group
		}) {
			t.Fatalf("group %d is not that of a first step at %d; events %v", m.group, times[0], events)
		}
	})
}

func TestMedianEqualsSorting(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(rapid.Int64Range(-50, 50), 1, 60).Draw(t, "list")
		sorted := slices.Sorted(slices.Values(list))
		n := len(sorted)
		want := (float64(sorted[(n-1)/2]) + float64(sorted[n/2])) / 2
		if got := median(list); got != want {
			t.Fatalf("median of %v: got %v, want %v", sorted, got, want)
		}
	})
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
		p, _ := newPacking(&scope{from: date(2026, 3, 20), to: date(2026, 4, 20)}, 4, 0)
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
