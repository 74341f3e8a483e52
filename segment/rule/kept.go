package rule

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// Kind is what is kept of a person's events of a leaf. Each kind's contents are the same in whatever order events come, and those of
// two persons can be joined into those of all their events: so late events and merges are exact.
type Kind uint8

// The kinds. All are lists of numbers, sorted by time.
const (
	// Latest are the latest Keep times.
	Latest Kind = iota
	// Earliest are the first Keep times.
	Earliest
	// Dense are so many times that of any window at least Span long the first Keep times, or all, are among them.
	Dense
	// Distinct are the Keep values seen latest: pairs of the latest time and the value.
	Distinct
	// Days are the same of calendar days: pairs of the latest time and the day's number.
	Days
	// Sums are triples of a time, a number of events and the sum of their values. The latest Keep triples are events;
	// those before are summed up by Grain and stand at its beginning. Without a Grain there is a single triple.
	Sums
)

var kindNames = []string{"latest", "earliest", "dense", "distinct", "days", "sums"}

// Stride is how many numbers an entry has.
func (k Kind) Stride() uint8 {
	switch k {
	case Distinct, Days:
		return 2
	case Sums:
		return 3
	}
	return 1
}

// exactSums is how many events a sum in a moving window knows by their own times.
const exactSums = 256

// MaxAmount bounds the values that a sum takes; events with greater ones are left out, as are those without a number.
const MaxAmount = 1e11

// amountScale is the smallest difference that sums know, one over it: so that adding is exact, in whatever order.
const amountScale = 10_000

// grainOf is how finely a sum knows the times of events beyond the latest: less than a hundredth of what it looks back.
func grainOf(reach time.Duration) time.Duration {
	const day = 24 * time.Hour
	for _, g := range []struct{ upTo, grain time.Duration }{
		{2 * time.Hour, time.Minute}, {26 * time.Hour, 10 * time.Minute}, {32 * day, time.Hour}, {400 * day, 12 * time.Hour},
	} {
		if reach <= g.upTo {
			return g.grain
		}
	}
	return 7 * day
}

// Amount is a number as sums keep it; ok is false for one that they leave out.
func Amount(n float64) (int64, bool) {
	if n = math.Round(n * amountScale); !(math.Abs(n) <= MaxAmount*amountScale) {
		return 0, false
	}
	return int64(n), true
}

// Add puts an event among what is kept of a leaf. value is what [Leaf.Value] found. It reports whether anything changed.
func (l *Leaf) Add(kept []int64, at, value int64) ([]int64, bool) {
	switch l.Kind {
	case Latest:
		return insertLatest(kept, at, l.Keep, l.Windowed)
	case Earliest:
		return insertEarliest(kept, at, l.Keep)
	case Dense:
		return l.thin(insertTime(kept, at)), true
	case Distinct, Days:
		return insertValue(kept, at, value, l.Keep)
	}
	return l.insertSum(kept, at, value), true
}

// Join returns what is kept of the events of both.
func (l *Leaf) Join(a, b []int64) []int64 {
	if len(b) == 0 {
		return a
	}
	switch l.Kind {
	case Latest:
		all := mergeTimes(a, b)
		return slices.Clone(all[max(0, len(all)-l.Keep):])
	case Earliest:
		all := mergeTimes(a, b)
		return all[:min(len(all), l.Keep)]
	case Dense:
		return l.thin(mergeTimes(a, b))
	case Distinct, Days:
		joined := slices.Clone(a)
		for i := 0; i < len(b); i += 2 {
			joined, _ = insertValue(joined, b[i], b[i+1], l.Keep)
		}
		return joined
	}
	return l.joinSums(a, b)
}

// Prune forgets what no window can see any more at a moment. It reports whether there was such.
func (l *Leaf) Prune(kept []int64, now int64) ([]int64, bool) {
	if l.Horizon == 0 || len(kept) == 0 {
		return kept, false
	}
	old, stride := now-l.Horizon.Milliseconds(), int(l.Kind.Stride())
	n := 0
	for n < len(kept) && kept[n] <= old {
		n += stride
	}
	if n == 0 {
		return kept, false
	}
	return slices.Delete(kept, 0, n), true
}

// insertLatest puts a time among the latest keep times. Where no window looks at them only their
// number matters, and a full list stays as it is.
func insertLatest(times []int64, at int64, keep int, windowed bool) ([]int64, bool) {
	if len(times) < keep {
		return insertTime(times, at), true
	}
	if !windowed || at <= times[0] {
		return times, false
	}
	i := 0
	for i+1 < len(times) && times[i+1] < at {
		times[i] = times[i+1]
		i++
	}
	times[i] = at
	return times, true
}

func insertEarliest(times []int64, at int64, keep int) ([]int64, bool) {
	if len(times) == keep && at >= times[keep-1] {
		return times, false
	}
	times = insertTime(times, at)
	return times[:min(len(times), keep)], true
}

func insertTime(times []int64, at int64) []int64 {
	i := len(times)
	for i > 0 && times[i-1] > at {
		i--
	}
	return slices.Insert(times, i, at)
}

// mergeTimes returns the times of two ascending lists.
func mergeTimes(a, b []int64) []int64 {
	all := make([]int64, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		if a[0] <= b[0] {
			all, a = append(all, a[0]), a[1:]
		} else {
			all, b = append(all, b[0]), b[1:]
		}
	}
	return append(append(all, a...), b...)
}

// thin drops the times that no window of at least Span misses: those around which, wherever it lies, Keep others are in it.
// That is so where the Keep times before and after leave no gap of more than Span between the one that is no longer
// in a window and the one that is not yet.
func (l *Leaf) thin(times []int64) []int64 {
	span, n := l.Span.Milliseconds(), l.Keep
	for i := n; i+n < len(times); {
		needed := false
		for a := 0; a < n && !needed; a++ {
			needed = times[i+n-a]-times[i-a-1] > span
		}
		if needed {
			i++
		} else {
			times = slices.Delete(times, i, i+1)
		}
	}
	return times
}

// insertValue notes when a value was seen, among pairs sorted by time and value.
func insertValue(pairs []int64, at, value int64, keep int) ([]int64, bool) {
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != value {
			continue
		}
		if at <= pairs[i] {
			return pairs, false
		}
		pairs = slices.Delete(pairs, i, i+2)
		break
	}
	i := len(pairs)
	for i > 0 && (pairs[i-2] > at || pairs[i-2] == at && pairs[i-1] > value) {
		i -= 2
	}
	full := len(pairs) == 2*keep
	if full && i == 0 {
		return pairs, false
	}
	pairs = slices.Insert(pairs, i, at, value)
	if full {
		pairs = slices.Delete(pairs, 0, 2)
	}
	return pairs, true
}

// insertSum adds an event to a sum.
func (l *Leaf) insertSum(triples []int64, at, value int64) []int64 {
	if l.Grain == 0 {
		return addBucket(triples, 0, 0, 1, value, 0)
	}
	events := max(0, len(triples)/3-l.Keep) // where those begin that are known by themselves
	i := len(triples) / 3
	for i > events && after(triples, i-1, at, value) {
		i--
	}
	full := len(triples)/3 >= l.Keep
	if full && i == events {
		return addBucket(triples, events, at, 1, value, l.Grain)
	}
	triples = slices.Insert(triples, 3*i, at, 1, value)
	if !full {
		return triples
	}
	old := [3]int64(triples[3*events:])
	return addBucket(slices.Delete(triples, 3*events, 3*events+3), events, old[0], old[1], old[2], l.Grain)
}

// after tells whether a triple comes after an event.
func after(triples []int64, i int, at, value int64) bool {
	return triples[3*i] > at || triples[3*i] == at && triples[3*i+2] > value
}

// addBucket adds events to the sum of their grain, among the first buckets triples.
func addBucket(triples []int64, buckets int, at, n, value int64, grain time.Duration) []int64 {
	if grain > 0 {
		at -= at % grain.Milliseconds()
	} else {
		buckets = len(triples) / 3
	}
	i := buckets
	for i > 0 && triples[3*i-3] > at {
		i--
	}
	if i > 0 && triples[3*i-3] == at {
		triples[3*i-2] += n
		triples[3*i-1] = saturated(triples[3*i-1], value)
		return triples
	}
	return slices.Insert(triples, 3*i, at, n, value)
}

// joinSums adds up two sums.
func (l *Leaf) joinSums(a, b []int64) []int64 {
	var joined []int64
	begin := func(t []int64) int {
		if l.Grain == 0 {
			return len(t)
		}
		return max(0, len(t)-3*l.Keep)
	}
	buckets := 0
	for _, list := range [][]int64{a[:begin(a)], b[:begin(b)]} {
		for ; len(list) > 0; list = list[3:] {
			joined = addBucket(joined, buckets, list[0], list[1], list[2], l.Grain)
			buckets = len(joined) / 3
		}
	}
	var events [][3]int64
	for _, list := range [][]int64{a[begin(a):], b[begin(b):]} {
		for ; len(list) > 0; list = list[3:] {
			events = append(events, [3]int64(list))
		}
	}
	slices.SortFunc(events, func(x, y [3]int64) int { return cmp.Or(cmp.Compare(x[0], y[0]), cmp.Compare(x[2], y[2])) })
	for ; len(events) > l.Keep; events = events[1:] {
		joined = addBucket(joined, buckets, events[0][0], 1, events[0][2], l.Grain)
		buckets = len(joined) / 3
	}
	for _, e := range events {
		joined = append(joined, e[:]...)
	}
	return joined
}

// saturated is a sum that stays at its bounds.
func saturated(a, b int64) int64 {
	switch sum := a + b; {
	case a > 0 && b > 0 && sum < 0:
		return math.MaxInt64
	case a < 0 && b < 0 && sum >= 0:
		return math.MinInt64
	default:
		return sum
	}
}
