package quality

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/admission/plan"
	"github.com/touchstone-cdp/touchstone/sim"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/storetest"
)

// watched is the demo's live feed, on a clock of its own, as the pipeline tells of it.
type watched struct {
	*shop
	plan   *plan.Plan // of the website
	seen   map[string]bool
	kept   []touchstone.Fact
	aside  []touchstone.Fact
	again  map[string]int64
	opened func(at time.Time, alarm string)
	look   func(at time.Time) // at the end of ten seconds
}

func watchFeed(t *testing.T, db *store.DB) *watched {
	doc, err := plan.Parse([]byte(sim.FaultyPlan()))
	if err != nil {
		t.Fatal(err)
	}
	w := &watched{shop: openShop(t, db, start), again: map[string]int64{}, seen: map[string]bool{}}
	if w.plan, err = plan.Compile(doc); err != nil {
		t.Fatal(err)
	}
	w.look = w.lookAndTell
	return w
}

// run plays the feed of a world for a time.
func (w *watched) run(persons int, perSecond float64, d time.Duration, faults sim.Faults) {
	w.Helper()
	world, err := sim.NewWorld(sim.Config{Seed: 1, Persons: persons, Days: 20, End: start})
	if err != nil {
		w.Fatal(err)
	}
	began := w.clock.now
	ctx, stop := context.WithCancel(w.Context())
	defer stop()
	gap, n := time.Duration(float64(time.Second)/perSecond), time.Duration(0)
	wait := func(context.Context) error {
		n++
		for next := began.Add(n * gap); next.Sub(w.clock.now.Truncate(Tick)) >= Tick; {
			w.clock.now = w.clock.now.Truncate(Tick).Add(Tick)
			w.tick()
		}
		if w.clock.now = began.Add(n * gap); w.clock.now.Sub(began) >= d {
			stop()
		}
		return nil
	}
	_ = world.Live(ctx, sim.LiveOptions{Clock: w.clock, Wait: wait, Faults: faults}, func(e *touchstone.Event) error {
		w.take(e)
		return nil
	})
}

// take is the edge and the pipeline: repeated ids are dropped, and what breaks the plan is set aside.
func (w *watched) take(e *touchstone.Event) {
	if w.seen[e.MessageID] {
		w.again[e.Source]++
		return
	}
	if len(w.seen) > 1000 {
		clear(w.seen)
	}
	w.seen[e.MessageID] = true
	f := touchstone.Fact{Event: *e}
	f.ReceivedAt = w.clock.now
	if e.Source == "web" {
		if v := w.plan.Check(e); v.SetAside() {
			f.Reason = "tracking_plan: " + v.Reason()
			w.aside = append(w.aside, f)
			return
		}
	}
	w.kept = append(w.kept, f)
}

// tick tells of ten seconds that are over.
func (w *watched) tick() {
	w.Helper()
	w.q.Observe(w.clock.now.Add(-time.Millisecond), w.kept, w.aside, w.again)
	w.kept, w.aside, w.again = w.kept[:0], w.aside[:0], map[string]int64{}
	w.look(w.clock.now)
}

// lookAndTell looks a little later.
func (w *watched) lookAndTell(at time.Time) {
	w.clock.now = at.Add(settle)
	if err := w.q.Look(w.Context(), unfenced); err != nil {
		w.Fatal(err)
	}
	w.clock.now = at
	for _, line := range w.told {
		w.opened(at, line)
	}
	w.told = nil
}

// Each fault that the demo can plant is told within a minute, by its name and place, and nothing else is.
func TestFaultsOfTheDemoAreTold(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		w := watchFeed(t, db)
		faults := sim.DefaultFaults()
		turns := 2 * len(faults.List)
		found := make([]time.Duration, turns)
		w.opened = func(at time.Time, alarm string) {
			since := at.Sub(start)
			fault, turn, ok := faults.At(since - Tick)
			want := fmt.Sprint("opened ", fault.Source, " ", fault.Event, " ", fault.Kind, " ", fault.Field)
			switch {
			case ok && alarm == want && turn < turns && found[turn] == 0:
				found[turn] = since - faults.After - time.Duration(turn)*(faults.Last+faults.Calm)
			case alarm[:6] == "opened":
				t.Errorf("after %v: %s, planted: %+v", since, alarm, fault)
			}
		}
		w.run(2000, sim.FaultyRate, faults.After+time.Duration(turns)*(faults.Last+faults.Calm), faults)
		for turn, took := range found {
			if took == 0 || took > time.Minute {
				t.Errorf("%+v is told after %v", faults.List[turn%len(faults.List)], took)
			}
		}
		t.Log(found)
	})
}

// A month of the feed without a fault (TOUCHSTONE_TEST_DAYS=30): one false alarm at most. Nothing is written down, which takes most of the
// time: what would be told is what begins anew after a calm.
func TestTheDemosFeedIsQuiet(t *testing.T) {
	days := 8 // in the first week least is known
	if text := os.Getenv("TOUCHSTONE_TEST_DAYS"); text != "" {
		var err error
		if days, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	w := &watched{shop: &shop{T: t, q: &Quality{Gatherer: newGatherer(nil)}, clock: &clock{start}}, again: map[string]int64{}, seen: map[string]bool{}}
	series, last := map[place]*Series{}, map[string]time.Time{}
	var alarms []string
	w.look = func(at time.Time) {
		counts := w.q.take(at.UnixMilli()/Tick.Milliseconds() - 1)
		for where := range counts {
			if series[where] == nil {
				series[where] = NewSeries()
			}
		}
		for where, s := range series {
			c := counts[where]
			if c == nil {
				c = &Counts{}
			}
			for _, f := range s.Look(at, c) {
				alarm := fmt.Sprint(where, f.Kind, f.Field)
				if was, ok := last[alarm]; !ok || at.Sub(was) >= calm {
					alarms = append(alarms, fmt.Sprint(at.Sub(start), " ", alarm, f))
				}
				last[alarm] = at
			}
		}
	}
	w.run(2000, 2, time.Duration(days)*24*time.Hour, sim.Faults{})
	if len(alarms) > 1 || len(series) < 50 {
		t.Errorf("%d of %d series: %q", len(alarms), len(series), alarms)
	}
}
