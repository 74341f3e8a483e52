package quality

import (
	"fmt"
	"testing"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/storetest"
)

// What a plan sets aside is told by its event and property. When it comes in, mended, the minutes and hours that were
// bad are good again, and the present one is as it was.
func TestMendedEventsMakeScoresGood(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		s := openShop(t, db, start)
		s.play(2*time.Hour, 60, nil)
		var aside []touchstone.Fact
		bad := s.clock.now
		s.play(2*time.Minute, 60, func(_ int, f *touchstone.Fact) {
			if f.Name == "Paid" {
				f.Type, f.Reason = touchstone.Rejected, `tracking_plan: items[3].colour is "x", not one of "a", "b"`
				aside = append(aside, *f)
			}
		})
		s.expect("opened src_1 Paid refused items[].colour")
		s.play(time.Hour, 60, nil)
		s.expect("closed src_1 Paid refused items[].colour")
		at := func(span time.Duration) Scored {
			scores, err := s.q.Scores(t.Context(), "src_1", span, bad.Truncate(span))
			if err != nil || len(scores) == 0 {
				t.Fatal(err)
			}
			return scores[0]
		}
		minute, hour := at(time.Minute), at(time.Hour)
		if minute.Refused != 180 || minute.Mended != 0 || minute.Parts.Validity > 0.51 || hour.Score > 99.5 {
			t.Fatalf("%+v, %+v", minute, hour)
		}
		for i := range aside {
			aside[i].Type = touchstone.Track
		}
		s.q.Observe(s.clock.now, aside, nil, nil)
		s.play(5*time.Minute, 60, nil)
		s.expect()
		minute, hour = at(time.Minute), at(time.Hour)
		if minute.Mended != 180 || minute.Score < 99.9 || hour.Mended != int64(len(aside)) || hour.Score < 99.9 {
			t.Errorf("made good: %+v, %+v", minute, hour)
		}
		s.q.Observe(s.clock.now, aside, nil, nil)
		s.play(time.Minute, 60, nil)
		if again := at(time.Minute); again.Mended != 180 || again.Score > 100 {
			t.Errorf("twice: %+v", again)
		}
	})
}

// What comes in before anybody has looked was never refused.
func TestMendedAtOnce(t *testing.T) {
	g := newGatherer(nil)
	var aside []touchstone.Fact
	for i := range 10 {
		aside = append(aside, touchstone.Fact{Event: touchstone.Event{Name: "Paid", Source: "s", MessageID: fmt.Sprint(i), ReceivedAt: start, Time: start, Reason: "tracking_plan: price is missing"}})
	}
	g.Observe(start, nil, aside, nil)
	g.Observe(start, aside[:7], nil, nil)
	counts := g.take(start.UnixMilli() / Tick.Milliseconds())
	if c := counts[place{"s", ""}]; c.Events != 7 || c.Aside != 3 || c.Out != 3 {
		t.Errorf("%+v", c)
	}
	if c := counts[place{"s", "Paid"}]; c.Events != 7 || c.Aside != 3 {
		t.Errorf("%+v", c)
	}
	g.Observe(start, aside[7:], nil, nil)
	if mended := g.takeMended(); len(mended) != 1 || mended[minute{"s", start.Unix() / 60}] != 3 {
		t.Errorf("%v", mended)
	}
}

// Somebody says that a source is as it should be: its alarms are closed, and what it sends now is learnt.
func TestWhatIsUsualIsLearntAnew(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		s := openShop(t, db, start)
		s.play(2*time.Hour, 60, nil)
		without := func(_ int, f *touchstone.Fact) { f.Properties = `{"sku":"a"}` }
		s.play(time.Minute, 60, without)
		if len(s.told) != 2 {
			t.Errorf("told %q", s.told)
		}
		s.told = nil
		if err := s.q.Relearn(t.Context(), "src_1"); err != nil {
			t.Fatal(err)
		}
		s.play(time.Hour, 20, without)
		if len(s.told) != 2 || s.told[0][:6] != "closed" || s.told[1][:6] != "closed" {
			t.Errorf("told %q", s.told)
		}
		s.told = nil
		s.play(3*time.Minute, 2, without)
		s.expect("opened src_1  volume_drop ")
	})
}
