package quality

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/storetest"
)

// A tag that is out of date has one alarm, with its cause, also while the pipeline is behind; another cause is told anew, and
// it closes by itself.
func TestStaleTags(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		s := openShop(t, db, time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC))
		var stale []Stale
		s.q.cfg.Stale = func(context.Context) ([]Stale, error) { return stale, nil }
		s.lag = time.Hour
		look := func(want ...string) {
			t.Helper()
			s.told = nil
			for range 6 {
				if err := s.q.Look(s.Context(), unfenced); err != nil {
					t.Fatal(err)
				}
				s.clock.now = s.clock.now.Add(Tick)
			}
			if !slices.Equal(s.told, want) {
				t.Errorf("told %q, not %q", s.told, want)
			}
		}
		look()
		stale = []Stale{{Tag: "tier", Cause: "job_late", Since: s.clock.now.Add(-time.Minute), Age: 61 * time.Minute, Most: time.Hour}}
		look("opened  tier tag_stale ")
		list, err := s.q.Alarms(s.Context(), "", true, 10)
		if err != nil || len(list) != 1 || list[0].SeenType != "job_late" || list[0].Usual != 60 || list[0].Seen != 61 || list[0].OpenedAt.Sub(list[0].BeganAt) > 2*time.Minute {
			t.Errorf("the alarms are %+v, %v", list, err)
		}
		stale[0].Cause = "job_failed"
		look("closed  tier tag_stale ", "opened  tier tag_stale ")
		s.open(db) // another process goes on with it
		s.q.cfg.Stale = func(context.Context) ([]Stale, error) { return stale, nil }
		look()
		stale = nil
		look()
		look()
		look("closed  tier tag_stale ")
		if silences, err := s.q.Silences(s.Context()); err != nil || len(silences) != 0 {
			t.Errorf("silent is %v, %v", silences, err)
		}
	})
}
