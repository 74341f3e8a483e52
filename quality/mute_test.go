package quality

import (
	"testing"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/storetest"
)

// Of what is muted nobody is told, of its end and of its coming again neither, over a restart; of
// something else, and when the time is over, people are.
func TestMutedAlarms(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		s := openShop(t, db, start)
		broken := func(_ int, f *touchstone.Fact) {
			if f.Name == "Paid" {
				f.Properties = `{"sku":"a"}`
			}
		}
		s.play(4*time.Hour, 60, nil)
		s.play(time.Minute, 60, broken)
		s.expect("opened src_1 Paid field_missing price")
		alarms, err := s.q.Alarms(t.Context(), "src_1", true, 10)
		if err != nil || len(alarms) != 1 {
			t.Fatalf("%+v, %v", alarms, err)
		}
		for _, wrong := range []time.Duration{-time.Minute, 100 * 24 * time.Hour} {
			until := s.clock.now.Add(wrong)
			if _, err := s.q.Mute(t.Context(), alarms[0].ID, &until); touchstone.KindOf(err) != touchstone.Invalid {
				t.Errorf("muted for %v: %v", wrong, err)
			}
		}
		until := s.clock.now.Add(30 * time.Minute)
		if a, err := s.q.Mute(t.Context(), alarms[0].ID, &until); err != nil || !a.MutedUntil.Equal(until) {
			t.Fatalf("%+v, %v", a, err)
		}
		s.play(10*time.Minute, 60, nil)
		s.expect() // it ended, and nobody is told
		if err := s.q.save(t.Context(), unfenced); err != nil {
			t.Fatal(err)
		}
		s.open(db)
		s.play(time.Minute, 60, broken)
		s.expect() // it came again
		if alarms, err = s.q.Alarms(t.Context(), "src_1", true, 10); err != nil || len(alarms) != 1 || alarms[0].MutedUntil == nil || !alarms[0].MutedUntil.Equal(until) {
			t.Errorf("the console shows %+v, %v", alarms, err)
		}
		s.play(10*time.Minute, 60, nil)
		s.play(2*time.Minute, 0, nil)
		s.expect("opened src_1  silent ") // something else
		s.play(20*time.Minute, 60, nil)
		s.told = nil
		s.play(time.Minute, 60, broken)
		s.expect("opened src_1 Paid field_missing price") // the time is over
		alarms, err = s.q.Alarms(t.Context(), "src_1", true, 10)
		if err != nil || len(alarms) != 1 {
			t.Fatalf("%+v, %v", alarms, err)
		}
		until = s.clock.now.Add(time.Hour)
		for _, at := range []*time.Time{&until, nil} {
			if _, err := s.q.Mute(t.Context(), alarms[0].ID, at); err != nil {
				t.Fatal(err)
			}
		}
		s.play(10*time.Minute, 60, nil)
		s.expect("closed src_1 Paid field_missing price") // taken back
	})
}
