package segment

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/storetest"
)

// feed is a line of the feed of changes.
type feed struct {
	Person  touchstone.PersonID
	Entered bool
	At      int64
}

// feedOf reads the feed of a segment, oldest first.
func (w *world) feedOf(id string) []feed {
	w.t.Helper()
	rows, err := w.db.Reader().Query(ctx, `SELECT person, entered, at FROM segment_changes WHERE segment = ? ORDER BY id`, id)
	if err != nil {
		w.t.Fatal(err)
	}
	defer rows.Close()
	var list []feed
	for rows.Next() {
		var f feed
		var entered int
		if err := rows.Scan(&f.Person, &entered, &f.At); err != nil {
			w.t.Fatal(err)
		}
		f.Entered = entered != 0
		list = append(list, f)
	}
	return list
}

// TestLateTimersTellTheTruth: after the process was away for a while, the feed leads at every second of it to those whom the batch evaluator
// finds at that second, also where it takes some of the timers later and events come first.
func TestLateTimersTellTheTruth(t *testing.T) {
	db := openDB(t)
	rapid.Check(t, func(t *rapid.T) {
		wipe(t, db)
		h := &history{world: newWorld(t, db), t: t, static: map[string][]touchstone.PersonID{}, told: map[string]map[touchstone.PersonID]bool{}}
		for range rapid.IntRange(1, 4).Draw(t, "segments") {
			h.create()
		}
		for p := range touchstone.PersonID(6) {
			h.trait(p+1, "c", "0") // which no rule asks about
		}
		h.settle()
		for range rapid.IntRange(1, 6).Draw(t, "batches") {
			if rapid.IntRange(0, 3).Draw(t, "what") == 0 {
				h.moves()
			} else {
				for range rapid.IntRange(1, 4).Draw(t, "facts") {
					h.fact()
				}
				h.next()
			}
			h.commit(0)
			h.away(time.Duration(rapid.SampledFrom([]int{0, 1, 3, 20, 40_000}).Draw(t, "seconds")) * time.Second)
		}
	})
}

// away lets time pass in which no batch runs, and then compares each of its seconds.
func (h *history) away(d time.Duration) {
	was := map[string][]touchstone.PersonID{}
	known := map[string]int{}
	for _, id := range h.ids {
		was[id], known[id] = h.members(id), len(h.feedOf(id))
	}
	from := h.now
	h.now = from.Add(d)
	h.withhold = rapid.Bool().Draw(h.t, "withhold timers")
	if d > 0 && rapid.Bool().Draw(h.t, "events first") {
		h.trait(h.person(), "c", "1") // which no rule asks about
	}
	h.commit(rapid.SampledFrom([]int{0, 0, 1}).Draw(h.t, "failures"))
	h.withhold = false
	h.commit(0)
	until := h.now
	for _, id := range h.ids {
		news := h.feedOf(id)[known[id]:]
		moments := []time.Time{until}
		for s := time.Duration(0); s <= min(d, 30*time.Second); s += time.Second {
			moments = append(moments, from.Add(s))
		}
		for _, f := range news {
			at := time.UnixMilli(f.At).UTC()
			moments = append(moments, at.Add(-time.Millisecond), at)
		}
		for _, m := range moments {
			if h.now = m; m.Before(from) {
				continue
			}
			in := was[id]
			for _, f := range news {
				switch {
				case f.At > m.UnixMilli():
				case f.Entered:
					in = append(slices.Clone(in), f.Person)
				default:
					in = slices.DeleteFunc(slices.Clone(in), func(p touchstone.PersonID) bool { return p == f.Person })
				}
			}
			slices.Sort(in)
			if want := h.expected(id, h.static); !slices.Equal(in, want) {
				text, _ := h.answering(id)
				h.t.Fatalf("from %s until %s, at %s: %s\n by the feed %v\n batch       %v\nfeed %v", from.Format(time.TimeOnly), until.Format(time.TimeOnly),
					m.Format("15:04:05.000"), text, in, want, news)
			}
		}
		h.now = until
	}
	h.check()
}

// TestLateExitsCountOnTheirDay: what was due before midnight belongs to the day before, also of a segment that had
// been counted today already.
func TestLateExitsCountOnTheirDay(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		w.now = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
		g, err := w.segs.Create(ctx, Draft{Name: "lately", Rule: `{"event":"A","within":"6h"}`})
		if err != nil {
			t.Fatal(err)
		}
		w.settle()
		w.event(1, 0, "A", "")
		w.event(2, 0, "A", "")
		w.event(3, -time.Hour, "A", "")
		w.commit(0)
		w.now = w.now.Add(36 * time.Hour) // 2 January, at midnight: all three are due since the evening of the first
		w.event(4, 0, "A", "")
		w.withhold = true
		w.commit(0)
		w.withhold = false
		w.commit(0)
		days, err := w.segs.History(ctx, access.System(), g.ID, 3)
		if err != nil {
			t.Fatal(err)
		}
		want := []Day{{"2026-01-01", 0, 3, 3}, {"2026-01-02", 0, 0, 0}, {"2026-01-03", 1, 1, 0}}
		if d := gocmp.Diff(want, days); d != "" {
			t.Errorf("days (-want +got): %s", d)
		}
	})
}

// TestAYear simulates a year of purchases with what is asked of them, at two paces: batches come once a day with what has happened
// since, or at each event and each timer. Every entry and exit must have the moment that the definitions give, none more, none less.
func TestAYear(t *testing.T) {
	for _, pace := range []struct {
		name    string
		persons int
		every   time.Duration // a batch; 0 = at each event, and timers at their moments
	}{{"a batch a day", 150, 24 * time.Hour}, {"a batch for each event", 12, 0}} {
		t.Run(pace.name, func(t *testing.T) {
			w := newWorld(t, openDB(t))
			w.segs.stage.keep = 1 << 40
			begin := w.now
			ids := map[string]string{}
			for _, y := range yearly {
				g, err := w.segs.Create(ctx, Draft{Name: y.name, Rule: touchstone.JSON(y.rule)})
				if err != nil {
					t.Fatal(err)
				}
				ids[y.name] = g.ID
			}
			w.settle()
			deeds := purchases(pace.persons, begin)
			if pace.every > 0 {
				for day := begin.Add(pace.every); day.Before(begin.AddDate(1, 2, 0)); day = day.Add(pace.every) {
					w.now = day
					for i := range deeds {
						if d := &deeds[i]; d.at.Before(day) && !d.at.Before(day.Add(-pace.every)) {
							d.heard = day.UnixMilli()
							w.event(d.person, day.Sub(d.at), d.name, touchstone.JSON(fmt.Sprintf(`{"n":%d}`, d.n)))
						}
					}
					w.commit(0)
				}
			} else {
				for i := range deeds {
					d := &deeds[i]
					w.advance(d.at.Sub(w.now))
					d.heard = d.at.UnixMilli()
					w.event(d.person, 0, d.name, touchstone.JSON(fmt.Sprintf(`{"n":%d}`, d.n)))
					w.commit(0)
				}
				w.advance(60 * 24 * time.Hour)
			}
			w.audit()
			changes := 0
			for _, y := range yearly {
				want, got := y.timeline(deeds, w.now.UnixMilli()), net(w.feedOf(ids[y.name]))
				if d := gocmp.Diff(want, got); d != "" {
					t.Errorf("%s (-true +told): %.2000s", y.name, d)
				}
				changes += len(got)
			}
			t.Logf("%d events, %d entries and exits", len(deeds), changes)
			if changes < 10*pace.persons {
				t.Errorf("only %d changes: the year was too quiet to show anything", changes)
			}
		})
	}
}

// deal is an event of the year.
type deal struct {
	person touchstone.PersonID
	at     time.Time
	name   string // A or B
	n      int
	heard  int64 // when a batch took it
}

func purchases(persons int, begin time.Time) (list []deal) {
	r := rand.New(rand.NewPCG(1, 2))
	for p := range persons {
		for at := begin; ; {
			at = at.Add(time.Duration(r.ExpFloat64()*float64(8*24*time.Hour)) + 17*time.Millisecond)
			if at = at.Truncate(time.Millisecond); at.After(begin.AddDate(1, 0, 0)) {
				break
			}
			name := "A"
			if r.IntN(4) == 0 {
				name = "B"
			}
			list = append(list, deal{person: touchstone.PersonID(p + 1), at: at, name: name, n: r.IntN(9) + 1})
		}
	}
	slices.SortFunc(list, func(a, b deal) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.person, b.person)) })
	return list
}

const hour, day = int64(3600_000), int64(24 * 3600_000)

// yearly are rules with their definitions: holds says whether one holds at a moment of the events that are known then, and edges are
// how long after an event its answer may be another.
var yearly = []yearRule{
	{"bought twice in 30 days", `{"event":"A","count":{"op":"gte","value":2},"within":"30d"}`, []int64{30 * day},
		func(of []deal, now int64) bool { return count(of, "A", now-30*day, now) >= 2 }},
	{"spent 10 in a week", `{"event":"A","sum":{"property":"n","op":"gte","value":10},"within":"7d"}`, []int64{7 * day},
		func(of []deal, now int64) bool { return sum(of, "A", now-7*day, now) >= 10 }},
	{"has gone away", `{"and":[{"event":"A"},{"not":{"event":"A","within":"14d"}}]}`, []int64{14 * day},
		func(of []deal, now int64) bool {
			return count(of, "A", 0, now) > 0 && count(of, "A", now-14*day, now) == 0
		}},
	{"bought a while ago", `{"event":"A","ago":{"from":"20d","to":"10d"}}`, []int64{10 * day, 20 * day},
		func(of []deal, now int64) bool { return count(of, "A", now-20*day, now-10*day) > 0 }},
	{"did not come back", `{"sequence":[{"event":"A"},{"event":"B","within":"2d","not":true}],"within":"9d"}`, []int64{2 * day, 9 * day},
		func(of []deal, now int64) bool {
			return slices.ContainsFunc(of, func(d deal) bool {
				at := d.at.UnixMilli()
				return d.name == "A" && at+2*day <= now && now < at+9*day && count(of, "B", at, at+2*day) == 0
			})
		}},
	{"both", `{"and":[{"event":"A","count":{"op":"gte","value":2},"within":"30d"},{"not":{"event":"B","within":"36h"}}]}`, []int64{36 * hour, 30 * day},
		func(of []deal, now int64) bool {
			return count(of, "A", now-30*day, now) >= 2 && count(of, "B", now-36*hour, now) == 0
		}},
}

// count counts the events with times after from, up to and including to.
func count(of []deal, name string, from, to int64) (n int) {
	for _, d := range of {
		if at := d.at.UnixMilli(); d.name == name && at > from && at <= to {
			n++
		}
	}
	return n
}

func sum(of []deal, name string, from, to int64) (n int) {
	for _, d := range of {
		if at := d.at.UnixMilli(); d.name == name && at > from && at <= to {
			n += d.n
		}
	}
	return n
}

type yearRule struct {
	name, rule string
	edges      []int64
	holds      func(of []deal, now int64) bool
}

// timeline is who truly enters and leaves, and when: the answer is looked up at every moment at which it may change.
func (y *yearRule) timeline(deeds []deal, until int64) (all []feed) {
	by := map[touchstone.PersonID][]deal{}
	for _, d := range deeds {
		by[d.person] = append(by[d.person], d)
	}
	for _, p := range sortedPersons(by) {
		var moments []int64
		for _, d := range by[p] {
			moments = append(moments, d.heard)
			for _, e := range y.edges {
				moments = append(moments, d.at.UnixMilli()+e)
			}
		}
		slices.Sort(moments)
		in := false
		for _, m := range slices.Compact(moments) {
			heard := slices.DeleteFunc(slices.Clone(by[p]), func(d deal) bool { return d.heard > m })
			if holds := y.holds(heard, m); m <= until && holds != in {
				in = holds
				all = append(all, feed{p, in, m})
			}
		}
	}
	return all
}

// net brings the feed into the order of persons, without what was taken back at the same moment.
func net(list []feed) (all []feed) {
	slices.SortStableFunc(list, func(a, b feed) int { return cmp.Or(cmp.Compare(a.Person, b.Person), cmp.Compare(a.At, b.At)) })
	for _, f := range list {
		if n := len(all); n > 0 && all[n-1].Person == f.Person && all[n-1].At == f.At && all[n-1].Entered != f.Entered {
			all = all[:n-1]
			continue
		}
		all = append(all, f)
	}
	return all
}
