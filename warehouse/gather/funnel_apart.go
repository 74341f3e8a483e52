package gather

import "math/bits"

// climbApart finds level, group and times where an event can fit several steps and each
// step takes an event of its own. An item's class is the set of its steps.
//
// What matters of the past is, for each step, the latest beginning of a chain that came
// there: that chain can go on the longest. An event alone in its moment makes chains longer
// by one, the longest ones first, so that it never serves twice. The events of one moment
// may follow one another in any order: there a chain goes on for as many steps as can be
// given an event each.
//
// A chain is (the time of its beginning << groupBits | group) here.
func (m *matcher) climbApart(items []int64) {
	for i := range m.steps + 1 {
		m.chains[i] = -1
	}
	m.level, m.group, m.times = 0, 0, m.times[:0]
	best := chain(0)
	for from, to := 0, 0; from < len(items) && m.level < m.steps; from = to {
		to = m.momentEnd(items, from)
		m.extendChains(items[from:to])
		if m.level < m.steps && m.chains[m.level+1] >= 0 {
			for m.level < m.steps && m.chains[m.level+1] >= 0 {
				m.level++
			}
			best = m.chains[m.level]
		}
	}
	if m.level > 0 {
		m.group = int(best & (1<<m.groupBits - 1))
		m.retraceApart(items, best>>m.groupBits)
	}
}

// momentEnd returns where the items of the moment of items[from] end.
func (m *matcher) momentEnd(items []int64, from int) int {
	shift := m.classBits + m.groupBits
	to := from + 1
	for to < len(items) && items[to]>>shift == items[from]>>shift {
		to++
	}
	return to
}

// extendChains takes the events of one moment.
func (m *matcher) extendChains(now []int64) {
	t := m.Time(now[0])
	if len(now) == 1 {
		begin := t<<m.groupBits | int64(m.Packing.Group(now[0]))
		for set := uint32(m.Class(now[0])); set != 0; {
			step := bits.Len32(set) - 1
			set &^= 1 << step
			if c := m.chainAt(step, t, begin); c >= 0 {
				m.chains[step+1] = max(m.chains[step+1], c)
			}
		}
		return
	}
	m.moment.load(m, now)
	begin := t<<m.groupBits | int64(m.moment.group)
	for step := m.steps - 1; step >= 0; step-- {
		c := m.chainAt(step, t, begin)
		if c < 0 {
			continue
		}
		m.moment.release()
		for next := step; next < m.steps && m.moment.give(next); next++ {
			m.chains[next+1] = max(m.chains[next+1], c)
		}
	}
}

// chainAt is the chain that has come to a step and may go on at t, -1 if there is none;
// begin is a chain that begins at t.
func (m *matcher) chainAt(step int, t int64, begin chain) chain {
	if step == 0 {
		return begin
	}
	c := m.chains[step]
	if c < 0 || t-c>>m.groupBits > m.window {
		return -1
	}
	return c
}

// retraceApart fills in the times of the chain that began at a moment.
func (m *matcher) retraceApart(items []int64, begin int64) {
	for from, to := 0, 0; from < len(items) && len(m.times) < m.level; from = to {
		to = m.momentEnd(items, from)
		t := m.Time(items[from])
		if t < begin {
			continue
		}
		m.moment.load(m, items[from:to])
		for len(m.times) < m.level && m.moment.give(len(m.times)) {
			m.times = append(m.times, t)
		}
	}
}

// moment gives the events of one moment to steps, each event to one step: a matching, kept
// as large as it can be by moving events to other steps (augmenting paths).
type moment struct {
	events []momentEvent
	group  int // the greatest of those that fit the first step
}

type momentEvent struct {
	steps   uint32 // that it fits
	step    int8   // that it has been given to, or notGiven
	visited bool
}

const notGiven = -1

// load takes the items of one moment. Of events that fit the same steps no more can be used
// than there are such steps.
func (o *moment) load(m *matcher, items []int64) {
	o.events, o.group = o.events[:0], 0
	same := 0
	for _, item := range items {
		steps := uint32(m.Class(item))
		if steps&1 != 0 {
			o.group = max(o.group, m.Packing.Group(item))
		}
		if n := len(o.events); n > 0 && o.events[n-1].steps == steps {
			same++
		} else {
			same = 1
		}
		if same <= bits.OnesCount32(steps) {
			o.events = append(o.events, momentEvent{steps: steps, step: notGiven})
		}
	}
}

// release takes all events back.
func (o *moment) release() {
	for i := range o.events {
		o.events[i].step = notGiven
	}
}

// give finds an event for one more step and reports whether there is one.
func (o *moment) give(step int) bool {
	for i := range o.events {
		o.events[i].visited = false
	}
	return o.move(step)
}

func (o *moment) move(step int) bool {
	for i := range o.events {
		e := &o.events[i]
		if e.visited || e.steps>>step&1 == 0 {
			continue
		}
		e.visited = true
		if e.step == notGiven || o.move(int(e.step)) {
			e.step = int8(step)
			return true
		}
	}
	return false
}
