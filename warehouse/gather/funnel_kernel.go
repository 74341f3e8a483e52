package gather

import (
	"math/bits"
	"slices"
)

// funnelShape is what a funnel's kernel needs to know.
type funnelShape struct {
	Packing
	steps  int
	window int64 // milliseconds
	// masks is set when one event can fit several steps: a class is then a set of steps,
	// one bit each. Otherwise a class is the number of the only step.
	masks bool
	// shared lets one event serve as several steps, as ClickHouse's windowFunnel without
	// modes does; otherwise each step takes an event of its own.
	shared bool
}

// matcher finds how far one person came. A chain is a row of events that fit the first
// steps, in order: each at the moment of the one before or later, all at most the window
// after the first. The level is the length of the longest one. Each step takes an event of
// its own; with shared, one may serve as several, and the level is that of ClickHouse's
// windowFunnel without modes.
//
// The chain that is kept for its times is the first one to come the furthest; of those
// that came there in the same moment, the one that began last; each of its steps is the
// first one after the step before.
type matcher struct {
	funnelShape
	level  int                       // how many steps the person reached
	group  int                       // of the chain that is kept
	times  []int64                   // its steps
	chains [1<<maxStepBits + 1]chain // chains[s] is the latest chain with s steps
	spread []int64
	moment moment
}

// chain is a way up to a step: until when it may go on, which is the window after it
// began, and the group of the item that began it; an item of that time without a class.
type chain = int64

func newMatcher(s funnelShape) *matcher {
	return &matcher{funnelShape: s, times: make([]int64, 0, s.steps)}
}

// match leaves the result in level, group and times. The items are in order.
func (m *matcher) match(items []int64) {
	stepBits := m.classBits
	if m.masks && !m.shared {
		m.climbApart(items)
		return
	}
	if m.masks {
		items, stepBits = m.spreadSteps(items), maxStepBits
		slices.Sort(items)
	}
	m.climb(items, stepBits)
	m.retrace(items, stepBits)
}

// climb finds the level, and the chain that came there first. Every event could begin a
// chain, so that first steps are steps like the others. Whether an event is within the
// window cannot be foreseen, so there is no branch on it.
func (m *matcher) climb(items []int64, stepBits int) {
	const never = -1 // may go on until before all items
	for i := range m.steps + 1 {
		m.chains[i] = never
	}
	groupBits, shift := m.groupBits&63, (stepBits+m.groupBits)&63
	groupMask, notTime := int64(1)<<groupBits-1, int64(1)<<shift-1
	// Items have 62 bits: the sum of a time and the window fits. No two times are further
	// apart than the window is cut to.
	window := min(m.window, int64(1)<<(maxItemBits-shift)-1) << shift
	chains, level, steps, best := &m.chains, int64(0), int64(m.steps), chain(0)
	for _, item := range items {
		t, step := item&^notTime, (item&notTime)>>groupBits&(1<<maxStepBits-1)
		chains[0] = t + window | item&groupMask
		before := chains[step]
		late := (before - t) >> 63 // -1 when the chain's time is over
		chains[step+1] ^= (chains[step+1] ^ before) &^ late
		if step^level|late == 0 {
			level, best = level+1, before
			if level == steps {
				break
			}
		}
	}
	m.level, m.group, m.times = int(level), int(best&groupMask), m.times[:0]
	if level > 0 {
		m.times = append(m.times, (best-window)>>shift)
	}
}

// retrace fills in the times of the chain that began at times[0].
func (m *matcher) retrace(items []int64, stepBits int) {
	stepMask, shift := 1<<stepBits-1, (stepBits+m.groupBits)&63
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
		base := m.Time(item) << (maxStepBits + m.groupBits)
		group := int64(m.Packing.Group(item))
		for set := uint(m.Class(item)); set != 0; set &= set - 1 {
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

// funnelCounts are the numbers of one group, indexed by step. Times are in milliseconds,
// one of each person who reached the step.
type funnelCounts struct {
	reached []int64
	gaps    [][]int64 // from the step before
	since   [][]int64 // from the first step; empty for the second one, whose gaps say the same
}

func newTally(s funnelShape, groups int) *tally {
	t := &tally{matcher: newMatcher(s), groups: make([]funnelCounts, groups)}
	for i := range t.groups {
		t.groups[i] = funnelCounts{make([]int64, s.steps), make([][]int64, s.steps), make([][]int64, s.steps)}
	}
	return t
}

func (t *tally) Person(_ int64, items []int64) {
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
		if step > 1 {
			g.since[step] = append(g.since[step], t.times[step]-t.times[0])
		}
	}
}

// add adds another tally's numbers.
func (t *tally) add(other *tally) {
	for i := range t.groups {
		for step := range t.steps {
			t.groups[i].reached[step] += other.groups[i].reached[step]
			t.groups[i].gaps[step] = append(t.groups[i].gaps[step], other.groups[i].gaps[step]...)
			t.groups[i].since[step] = append(t.groups[i].since[step], other.groups[i].since[step]...)
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
