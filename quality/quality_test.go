package quality

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/storetest"
)

// clock is moved by hand.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

// shop is a source as the pipeline tells of it, and what watches it.
type shop struct {
	*testing.T
	q     *Quality
	clock *clock
	told  []string
	lag   time.Duration
}

func openShop(t *testing.T, db *store.DB, at time.Time) *shop {
	s := &shop{T: t, clock: &clock{at}}
	s.open(db)
	return s
}

func (s *shop) open(db *store.DB) {
	s.Helper()
	var err error
	s.q, err = Open(s.Context(), Config{DB: db, Clock: s.clock, Imports: func(source string) bool { return source == "imp_1" },
		Lag: func(context.Context) (time.Duration, error) { return s.lag, nil },
		Tell: func(_ context.Context, _ *store.Tx, a Alarm) error {
			word := "opened"
			if a.ClosedAt != nil {
				word = "closed"
			}
			s.told = append(s.told, fmt.Sprint(word, " ", a.Source, " ", a.Event, " ", a.Kind, " ", a.Field))
			return nil
		}})
	if err != nil {
		s.Fatal(err)
	}
	if err := s.q.load(s.Context()); err != nil {
		s.Fatal(err)
	}
	s.q.tick = s.clock.now.UnixMilli() / Tick.Milliseconds()
}

func unfenced(context.Context, *store.Tx) error { return nil }

// play sends perTick events of two names every ten seconds, changed by change, and looks.
func (s *shop) play(d time.Duration, perTick int, change func(i int, f *touchstone.Fact)) {
	s.Helper()
	for end := s.clock.now.Add(d); s.clock.now.Before(end); {
		var facts, aside []touchstone.Fact
		for i := range perTick {
			f := touchstone.Fact{Event: touchstone.Event{Type: touchstone.Track, Name: [...]string{"Paid", "Seen"}[i%2], Source: "src_1", Time: s.clock.now, ReceivedAt: s.clock.now,
				Properties: `{"price":12,"sku":"a"}`}}
			if change != nil {
				change(i, &f)
			}
			if f.Type == touchstone.Rejected {
				aside = append(aside, f)
			} else {
				facts = append(facts, f)
			}
		}
		s.q.Observe(s.clock.now, facts, aside, nil)
		s.q.Observe(s.clock.now, []touchstone.Fact{{Event: touchstone.Event{Source: "imp_1", Name: "Old", ReceivedAt: s.clock.now}}}, nil, nil)
		s.clock.now = s.clock.now.Add(Tick)
		if err := s.q.Look(s.Context(), unfenced); err != nil {
			s.Fatal(err)
		}
	}
}

func (s *shop) expect(want ...string) {
	s.Helper()
	if fmt.Sprint(s.told) != fmt.Sprint(want) {
		s.Errorf("told %q, want %q", s.told, want)
	}
	s.told = nil
}

// From events to alarms and scores, over a restart: what is wrong is told once, by its cause, and when it is over.
func TestAlarmsAndScores(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		s := openShop(t, db, start)
		s.play(4*time.Hour, 60, nil)
		s.expect()
		s.play(time.Minute, 60, func(_ int, f *touchstone.Fact) {
			if f.Name == "Paid" {
				f.Properties = `{"sku":"a"}`
			}
		})
		s.expect("opened src_1 Paid field_missing price")
		if err := s.q.save(t.Context(), unfenced); err != nil {
			t.Fatal(err)
		}
		s.open(db)
		s.play(time.Minute, 60, func(_ int, f *touchstone.Fact) {
			if f.Name == "Paid" {
				f.Properties = `{"sku":"a"}`
			}
		})
		s.expect() // it is known
		s.play(10*time.Minute, 60, nil)
		s.expect("closed src_1 Paid field_missing price")
		s.play(time.Minute, 60, func(i int, f *touchstone.Fact) {
			if i%4 == 0 {
				f.Type = touchstone.Rejected
			}
		})
		s.expect("opened src_1 Paid refused ")
		s.play(10*time.Minute, 60, nil)
		s.told = nil
		s.play(2*time.Minute, 0, nil)
		s.expect("opened src_1  silent ")
		alarms, err := s.q.Alarms(t.Context(), "src_1", true, 10)
		if err != nil || len(alarms) != 1 || alarms[0].Kind != Silent || alarms[0].Usual < 300 || alarms[0].Seen != 0 {
			t.Errorf("%+v, %v", alarms, err)
		}
		if a, err := s.q.Note(t.Context(), alarms[0].ID, "usr_1"); err != nil || a.NotedBy != "usr_1" {
			t.Errorf("%+v, %v", a, err)
		}
		if _, err := s.q.Note(t.Context(), "alm_x", "usr_1"); touchstone.KindOf(err) != touchstone.NotFound {
			t.Error(err)
		}
		s.checkScores()
	})
}

func (s *shop) checkScores() {
	s.Helper()
	scores, err := s.q.Scores(s.Context(), "", time.Minute, start)
	if err != nil {
		s.Fatal(err)
	}
	worst, part := 100.0, map[string]float64{"complete": 1, "valid": 1, "fresh": 1}
	for _, x := range scores {
		if x.Source != "src_1" {
			s.Fatalf("a score of %s", x.Source)
		}
		worst = min(worst, x.Score)
		part["complete"], part["valid"], part["fresh"] = min(part["complete"], x.Parts.Completeness), min(part["valid"], x.Parts.Validity), min(part["fresh"], x.Parts.Freshness)
	}
	if len(scores) < 250 || scores[100].Score < 99 || worst > 50 || part["complete"] > 0.8 || part["valid"] > 0.8 || part["fresh"] > 0.5 {
		s.Errorf("%d scores, the hundredth %v, the worst %v, the least parts %v", len(scores), scores[100], worst, part)
	}
	hours, err := s.q.Scores(s.Context(), "src_1", time.Hour, start)
	if err != nil || len(hours) < 3 || hours[1].Events != 360*60 {
		s.Errorf("hours %+v, %v", hours, err)
	}
}

// While the pipeline is behind nobody is silent; what comes late counts for when it was received.
func TestAPipelineThatIsBehindIsNoSilence(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		s := openShop(t, db, start)
		s.play(2*time.Hour, 60, nil)
		var held []touchstone.Fact
		for range 30 {
			for i := range 60 {
				held = append(held, touchstone.Fact{Event: touchstone.Event{Type: touchstone.Track, Name: [...]string{"Paid", "Seen"}[i%2], Source: "src_1", Time: s.clock.now, ReceivedAt: s.clock.now, Properties: `{"price":1,"sku":"a"}`}})
			}
			s.clock.now, s.lag = s.clock.now.Add(Tick), s.lag+Tick
			if err := s.q.Look(t.Context(), unfenced); err != nil {
				t.Fatal(err)
			}
		}
		s.lag = 0
		s.q.Observe(s.clock.now, held, nil, nil)
		s.play(5*time.Minute, 60, nil)
		s.expect()
	})
}

func TestHistoryDoesNotCount(t *testing.T) {
	g := newGatherer(nil)
	old := touchstone.Fact{Backfill: true, Event: touchstone.Event{Name: "Paid", Source: "s", Time: start.Add(-48 * time.Hour), ReceivedAt: start}}
	late := touchstone.Fact{Event: touchstone.Event{Name: "Paid", Source: "s", Time: start.Add(-time.Hour), ReceivedAt: start}}
	g.Observe(start, []touchstone.Fact{old, late, old}, nil, nil)
	counts := g.take(start.UnixMilli() / Tick.Milliseconds())
	if c := counts[place{"s", ""}]; len(counts) != 2 || c.Events != 1 || c.Skewed != 1 {
		t.Errorf("%+v", c)
	}
}

func TestCountsAreBounded(t *testing.T) {
	g := newGatherer(nil)
	now := start
	for i := range 2_000 {
		fields := ""
		for j := range 300 {
			fields += fmt.Sprintf(`"f%d-%d":1,`, i, j)
		}
		g.Observe(now, []touchstone.Fact{{Event: touchstone.Event{Name: fmt.Sprint("n", i), Source: "s", ReceivedAt: now, Properties: touchstone.JSON("{" + fields + `"z":1}`)}}}, nil, nil)
	}
	counts := g.take(now.UnixMilli() / Tick.Milliseconds())
	if len(counts) != maxEvents+1 || counts[place{"s", ""}].Events != 2_000 || len(counts[place{"s", "n0"}].Fields) > 2*maxFields || g.full == 0 {
		t.Errorf("%d places, %+v", len(counts), counts[place{"s", ""}])
	}
	for i := range 1_000 {
		g.Observe(now, []touchstone.Fact{{Event: touchstone.Event{Source: "s", ReceivedAt: now.Add(time.Duration(i) * Tick)}}}, nil, nil)
	}
	if len(g.ticks) > maxTicks {
		t.Errorf("%d ticks wait", len(g.ticks))
	}
}
