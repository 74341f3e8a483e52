package warehousetest

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/warehouse"
)

// FunnelEvent is an event of a person.
type FunnelEvent struct {
	Time  int64 // milliseconds
	Steps []int // that it fits
	Group int
}

// NaiveFunnel says in the plainest way how far a person came: from each first step, take
// the first event of each next step within the window. It returns the number of steps
// and their times.
func NaiveFunnel(events []FunnelEvent, steps int, window int64) (int, []int64) {
	type step struct {
		time int64
		step int
	}
	var list []step
	for _, e := range events {
		for _, s := range e.Steps {
			list = append(list, step{e.Time, s})
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

// NaiveApart looks at every row of different events in the order of time, each fitting its
// step: how far the longest comes, and of those the times of the one that ends first, then began
// last, then takes each step first.
func NaiveApart(events []FunnelEvent, steps int, window int64) (int, []int64) {
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
			if used[i] || !slices.Contains(e.Steps, len(times)) || len(times) > 0 && (e.Time < times[len(times)-1] || e.Time > times[0]+window) {
				continue
			}
			used[i] = true
			walk(append(times, e.Time))
			used[i] = false
		}
	}
	walk(nil)
	return len(best), best
}

// testFunnels is the contract of warehouse.Funneler, for back ends that offer it: random
// histories against the plainest search.
func testFunnels(t *testing.T, s *subject) {
	funneler, ok := s.Warehouse.(warehouse.Funneler)
	if !ok {
		t.Skip("the back end has no funnels of its own; package gather counts them")
	}
	h := newFunnelHistory(t, s)
	for _, mode := range []struct {
		name            string
		steps           int
		sets            []uint32 // by h.names
		several, shared bool
	}{
		{"a name each", 3, []uint32{1, 2, 4}, false, false},
		{"events that fit several steps", 3, []uint32{0b011, 0b110, 0b101}, true, false},
		{"events that serve several times", 3, []uint32{0b011, 0b110, 0b101}, true, true},
		{"one step", 1, []uint32{1, 0, 0}, false, false},
	} {
		for _, groups := range []int{0, 2} {
			for _, window := range []time.Duration{0, 5 * time.Second, time.Hour} {
				for _, inSQL := range []bool{false, true} {
					t.Run(fmt.Sprintf("%s, %d groups, within %s, in SQL %v", mode.name, groups, window, inSQL), func(t *testing.T) {
						f := h.question(mode.sets, groups, inSQL)
						f.Steps, f.Several, f.Shared, f.Window = mode.steps, mode.several, mode.shared, window
						h.check(t, funneler, f, mode.sets)
					})
				}
			}
		}
	}
}

// funnelHistory is what random persons did.
type funnelHistory struct {
	names  []string
	codes  []int64 // of the names
	events map[touchstone.PersonID][]funnelMoment
}

type funnelMoment struct {
	second int64
	name   int
}

// funnelGroup is the group of an event: events of a person's moment are of one, so that it does
// not matter which of them began a row.
func funnelGroup(person touchstone.PersonID, second int64) int {
	return int((int64(person) + second) % 3)
}

func newFunnelHistory(t *testing.T, s *subject) *funnelHistory {
	t.Helper()
	h := &funnelHistory{names: []string{"view", "cart", "buy"}, events: map[touchstone.PersonID][]funnelMoment{}}
	r := rand.New(rand.NewPCG(7, 8)) //nolint:gosec // a history
	c := warehouse.Commit{Through: 1, OverrideVersion: 1}
	for i := range 450 {
		node, m := touchstone.NodeID(1+r.IntN(70)), funnelMoment{int64(r.IntN(20)), r.IntN(len(h.names))}
		person := touchstone.PersonID(node)
		if node > 60 { // merged
			person -= 60
		}
		h.events[person] = append(h.events[person], m)
		c.Facts = append(c.Facts, touchstone.Fact{Seq: touchstone.MakeSeq(0, 1, i), Node: node, Event: touchstone.Event{
			Type: touchstone.Track, MessageID: strconv.Itoa(i), Name: h.names[m.name], Source: "src_1", Time: start.Add(time.Duration(m.second) * time.Second),
			ReceivedAt: start.Add(time.Hour), Context: touchstone.JSON(fmt.Sprintf(`{"channel":"c%d"}`, funnelGroup(person, m.second)))}})
	}
	for node := touchstone.NodeID(61); node <= 70; node++ {
		c.Overrides = append(c.Overrides, warehouse.Override{Node: node, Person: touchstone.PersonID(node - 60)})
	}
	s.append(t, c)
	h.codes = make([]int64, len(h.names))
	for i, name := range h.names {
		res, err := s.Query(t.Context(), warehouse.Statement{SQL: "SELECT code FROM event_names WHERE name = ?", Args: []any{name}, Own: true})
		if err != nil {
			t.Fatal(err)
		}
		h.codes[i], _ = res.Rows[0][0].(int64)
	}
	return h
}

// question asks with the events' codes, or with the sets of steps worked out in SQL.
func (h *funnelHistory) question(sets []uint32, groups int, inSQL bool) warehouse.Funnel {
	f := warehouse.Funnel{From: start, To: start.Add(time.Hour), Groups: groups, Held: 200} // in several passes
	number := "e.event"
	if inSQL {
		number = "CASE e.event"
		for i, code := range h.codes {
			number += fmt.Sprintf(" WHEN %d THEN %d", code, sets[i])
		}
		number += " ELSE 0 END"
	} else {
		f.Sets = make([]uint32, slices.Max(h.codes)+1)
		for i, code := range h.codes {
			f.Sets[code] = sets[i]
		}
	}
	columns := "e.node, e.time, CAST(" + number + " AS BIGINT)"
	if groups > 0 {
		columns += ", CAST(CASE e.channel WHEN 'c1' THEN 1 WHEN 'c2' THEN 2 ELSE 0 END AS BIGINT)"
	}
	f.Events = warehouse.Statement{SQL: "SELECT " + columns + " FROM events_raw e WHERE e.time >= ?", Args: []any{start}, Own: true}
	return f
}

// funnelTally is what the plainest search finds.
type funnelTally struct {
	steps  [][]warehouse.FunnelStep                        // by group
	people map[warehouse.FunnelLevel][]touchstone.PersonID // by group and level, ascending
}

func (h *funnelHistory) plainly(f warehouse.Funnel, sets []uint32) funnelTally {
	out := funnelTally{people: map[warehouse.FunnelLevel][]touchstone.PersonID{}}
	rows := make([][][]int64, f.Groups+1) // the times of persons' steps
	for _, person := range slices.Sorted(maps.Keys(h.events)) {
		var events []FunnelEvent
		for _, m := range h.events[person] {
			e := FunnelEvent{Time: m.second * 1000}
			for step := range f.Steps {
				if sets[m.name]>>step&1 == 1 {
					e.Steps = append(e.Steps, step)
				}
			}
			events = append(events, e)
		}
		search := NaiveFunnel
		if f.Several && !f.Shared {
			search = NaiveApart
		}
		level, times := search(events, f.Steps, f.Window.Milliseconds())
		if level == 0 {
			continue
		}
		group := 0
		if f.Groups > 0 {
			group = funnelGroup(person, times[0]/1000)
		}
		rows[group] = append(rows[group], times)
		who := warehouse.FunnelLevel{Group: group, Least: level, Most: level}
		out.people[who] = append(out.people[who], person)
	}
	for _, times := range rows {
		out.steps = append(out.steps, plainSteps(f.Steps, times))
	}
	return out
}

func plainSteps(n int, rows [][]int64) []warehouse.FunnelStep {
	steps := make([]warehouse.FunnelStep, n)
	for i := range steps {
		var gaps, since []int64
		sum := int64(0)
		for _, times := range rows {
			if len(times) <= i {
				continue
			}
			if steps[i].Persons++; i > 0 {
				gaps, since = append(gaps, times[i]-times[i-1]), append(since, times[i]-times[0])
				sum += times[i] - times[i-1]
			}
		}
		if len(gaps) > 0 {
			steps[i].GapMean, steps[i].GapMedian, steps[i].SinceMedian = float64(sum)/float64(len(gaps)), plainMedian(gaps), plainMedian(since)
		}
	}
	return steps
}

func plainMedian(list []int64) float64 {
	slices.Sort(list)
	n := len(list)
	return float64(list[(n-1)/2]+list[n/2]) / 2
}

func (h *funnelHistory) check(t *testing.T, funneler warehouse.Funneler, f warehouse.Funnel, sets []uint32) {
	t.Helper()
	want := h.plainly(f, sets)
	got, err := funneler.Funnel(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	near := gocmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) < 1e-6 })
	if d := gocmp.Diff(want.steps, got, near); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	for group := range f.Groups + 1 {
		for level := 1; level <= f.Steps; level++ {
			who := warehouse.FunnelLevel{Group: group, Least: level, Most: level}
			people := want.people[who]
			if got, err := funneler.FunnelPeople(t.Context(), f, who, 5); err != nil || !slices.Equal(got, people[:min(5, len(people))]) {
				t.Errorf("people of group %d at level %d: %v, %v, want the first of %v", group, level, got, err, people)
			}
		}
	}
}
