package analytics

import (
	"math"
	"math/bits"
	"slices"
)

// funnelShape is what a funnel's kernel needs to know.
type funnelShape struct {
	packing
	steps  int
	window int64 // milliseconds
	// masks is set when one event can fit several steps: a class is then a set of steps,
	// one bit each. Otherwise a class is the number of the only step.
	masks bool
}

// matcher finds how far one person came, exactly as ClickHouse's windowFunnel without
// modes does: events are taken by time, those of the same moment by step; a later first
// step begins anew; a step counts when the step before it was reached by a chain whose
// first step is at most the window ago. The same event may serve as several steps.
//
// The chain that is kept for its times is the first one to come the furthest; of those
// that came there with the same event, the one that began last; each of its steps is the
// first one after the step before.
type matcher struct {
	funnelShape
	level  int     // how many steps the person reached
	group  int     // of the chain that is kept
	times  []int64 // its steps
	chains []chain // chains[s] is the latest chain with s steps
	spread []int64
}

// chain is a way up to a step: when it began, and the group of the event that began it.
type chain struct {
	began int64
	group int
}

func newMatcher(s funnelShape) *matcher {
	return &matcher{funnelShape: s, chains: make([]chain, s.steps+1), times: make([]int64, 0, s.steps)}
}

// match leaves the result in level, group and times. The items are in order.
func (m *matcher) match(items []int64) {
	stepBits := m.classBits
	if m.masks {
		items, stepBits = m.spreadSteps(items), maxStepBits
		slices.Sort(items)
	}
	m.climb(items, stepBits)
	m.retrace(items, stepBits)
}

// climb finds the level, and the chain that came there first. Every event could begin a
// chain, so that first steps are steps like the others.
func (m *matcher) climb(items []int64, stepBits int) {
	const never = math.MinInt64 / 2 // longer ago than any window
	m.level = 0
	for i := range m.chains {
		m.chains[i].began = never
	}
	var best chain
	stepMask, shift := 1<<stepBits-1, stepBits+m.groupBits
	groupMask := 1<<m.groupBits - 1
	for _, item := range items {
		t, step := item>>shift, int(item>>m.groupBits)&stepMask
		m.chains[0] = chain{t, int(item) & groupMask}
		before := m.chains[step]
		if t-before.began > m.window {
			continue
		}
		m.chains[step+1] = before
		if step == m.level {
			m.level, best = step+1, before
			if m.level == m.steps {
				break
			}
		}
	}
	m.group, m.times = best.group, m.times[:0]
	if m.level > 0 {
		m.times = append(m.times, best.began)
	}
}

// retrace fills in the times of the chain that began at times[0].
func (m *matcher) retrace(items []int64, stepBits int) {
	stepMask, shift := 1<<stepBits-1, stepBits+m.groupBits
	for _, item := range items {
		if len(m.times) == m.level {
			return
		}
		if t := item >> shift; t >= m.times[0] && int(item>>m.groupBits)&stepMask == len(m.times) {
			m.times = append(m.times, t)
		}
	}
}

// maxStepBits holds the number of a step.
const maxStepBits = 5

// spreadSteps makes one item per event and step of it.
func (m *matcher) spreadSteps(items []int64) []int64 {
	m.spread = m.spread[:0]
	for _, item := range items {
		base := m.time(item) << (maxStepBits + m.groupBits)
		group := int64(m.packing.group(item))
		for set := uint(m.class(item)); set != 0; set &= set - 1 {
			m.spread = append(m.spread, base|int64(bits.TrailingZeros(set))<<m.groupBits|group)
		}
	}
	return m.spread
}

// tally counts people per group and step, and keeps the times between steps.
type tally struct {
	*matcher
	groups []funnelCounts
}

// funnelCounts are the numbers of one group, indexed by step.
type funnelCounts struct {
	reached []int64
	gaps    [][]int64 // milliseconds from the step before, one per person who reached the step
}

func newTally(s funnelShape, groups int) *tally {
	t := &tally{matcher: newMatcher(s), groups: make([]funnelCounts, groups)}
	for i := range t.groups {
		t.groups[i] = funnelCounts{make([]int64, s.steps), make([][]int64, s.steps)}
	}
	return t
}

func (t *tally) person(_ int64, items []int64) {
	t.match(items)
	if t.level == 0 {
		return
	}
	g := &t.groups[t.matcher.group]
	for step := range t.level {
		g.reached[step]++
		if step > 0 {
			g.gaps[step] = append(g.gaps[step], t.times[step]-t.times[step-1])
		}
	}
}

// add adds another tally's numbers.
func (t *tally) add(other *tally) {
	for i := range t.groups {
		for step := range t.steps {
			t.groups[i].reached[step] += other.groups[i].reached[step]
			t.groups[i].gaps[step] = append(t.groups[i].gaps[step], other.groups[i].gaps[step]...)
		}
	}
}

// median returns the middle of list, or the mean of the two in the middle. It reorders list.
func median(list []int64) float64 {
	n := len(list)
	upper := nth(list, n/2)
	if n%2 == 1 {
		return float64(upper)
	}
	return (float64(slices.Max(list[:n/2])) + float64(upper)) / 2
}

// nth returns the value that sorting would put at place k, and leaves nothing greater
// before it (Hoare's selection).
func nth(list []int64, k int) int64 {
	lo, hi := 0, len(list)-1
	for lo < hi {
		pivot := middleOf(list[lo], list[(lo+hi)/2], list[hi])
		i, j := lo, hi
		for i <= j {
			for list[i] < pivot {
				i++
			}
			for list[j] > pivot {
				j--
			}
			if i <= j {
				list[i], list[j] = list[j], list[i]
				i++
				j--
			}
		}
		switch {
		case k <= j:
			hi = j
		case k >= i:
			lo = i
		default:
			return list[k]
		}
	}
	return list[k]
}

func middleOf(a, b, c int64) int64 { return max(min(a, b), min(max(a, b), c)) }
