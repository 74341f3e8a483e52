package retain

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/storetest"
	"github.com/touchstone-cdp/touchstone/warehouse"
)

// lake is a warehouse of moments, which all have one event each.
type lake struct {
	times []time.Time
	calls int
}

func (l *lake) Oldest(_ context.Context, e warehouse.Expiry) (at time.Time, ok bool, err error) {
	for _, t := range l.times {
		if t.Before(e.Before) && (!ok || t.Before(at)) {
			at, ok = t, true
		}
	}
	return at, ok, nil
}

func (l *lake) Expire(_ context.Context, e warehouse.Expiry) (n int64, err error) {
	var left []time.Time
	for _, t := range l.times {
		if t.Before(e.Before) {
			n++
		} else {
			left = append(left, t)
		}
	}
	if !e.Trial {
		l.times, l.calls = left, l.calls+1
	}
	return n, nil
}

// Rules are replaced by a command and looked at; a run deletes a bounded span at a time and what the
// preview says; whom a hold keeps keeps the traits; a run is due once a day, and when rules change.
func TestRules(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		ctx, now := t.Context(), time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
		water := &lake{}
		for day := range 100 {
			water.times = append(water.times, now.AddDate(0, 0, -day).Add(-time.Hour))
		}
		var forgotten []touchstone.PersonID
		x, err := Open(ctx, Config{DB: db, Clock: touchstone.ClockFunc(func() time.Time { return now }), Warehouse: water,
			Held: func(context.Context) (map[touchstone.PersonID][]touchstone.NodeID, error) {
				return map[touchstone.PersonID][]touchstone.NodeID{2: {2}}, nil
			},
			Aged: func(_ context.Context, traits []string, _ time.Time, fn func(t Trait) error) error {
				for p := touchstone.PersonID(1); p <= 3; p++ {
					if err := fn(Trait{p, traits}); err != nil {
						return err
					}
				}
				return nil
			},
			Forget: func(_ context.Context, t Trait) error {
				if t.Person == 3 {
					return touchstone.Errorf(touchstone.NotFound, "gone")
				}
				forgotten = append(forgotten, t.Person)
				return nil
			}})
		if err != nil {
			t.Fatal(err)
		}
		for body, want := range map[string]string{
			`{"rules":[{"name":"","kind":"events","keep_days":1}]}`:                   "needs a name",
			`{"rules":[{"name":"a","kind":"events","keep_days":0}]}`:                  "kept for",
			`{"rules":[{"name":"a","kind":"traits","keep_days":1}]}`:                  "1 to 50 traits",
			`{"rules":[{"name":"a","kind":"people","keep_days":1}]}`:                  "events or about traits",
			`{"rules":[{"name":"a","kind":"traits","traits":[""],"keep_days":1}]}`:    "names have",
			`{"rules":[{"name":"a","kind":"events","traits":["x"],"keep_days":1}]}`:   "events or about traits",
			`{"rules":[` + strings.Repeat(`{"name":"a","keep_days":1},`, 50) + `{}]}`: "at most 50",
			`{"rules":7}`: "not of its form",
		} {
			if err := checkBody(touchstone.JSON(body)); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%.80s: %v, want %q", body, err, want)
			}
		}
		set := func(body string, place touchstone.Seq) {
			t.Helper()
			if err := checkBody(touchstone.JSON(body)); err != nil {
				t.Fatal(err)
			}
			if err := db.Update(ctx, func(tx *store.Tx) error {
				_, err := x.doSet(ctx, tx, nil, touchstone.Command{Seq: place, Actor: "u", SubmittedAt: now, Body: touchstone.JSON(body)})
				return err
			}); err != nil {
				t.Fatal(err)
			}
		}
		due := func(want bool) {
			t.Helper()
			if is, err := x.Due(ctx); err != nil || is != want {
				t.Errorf("due: %v, %v", is, err)
			}
		}
		due(false)
		set(`{"rules":[{"name":"all","kind":"events","keep_days":30},{"name":"shoes","kind":"traits","traits":["shoe","hat"],"keep_days":30}]}`, 7)
		due(true)
		rules, err := x.Rules(ctx)
		if err != nil || len(rules.Rules) != 2 || rules.Version != 7 {
			t.Fatal(rules, err)
		}
		preview, err := x.Preview(ctx, rules.Rules)
		if err != nil || preview[0].Removed != 70 || preview[1].Removed != 4 || preview[1].Held != 2 || len(water.times) != 100 {
			t.Fatalf("%+v, %v", preview, err)
		}
		counts, err := x.carryOut(ctx, rules.Rules, false, func(int, int) {})
		if err != nil || counts[0].Removed != 70 || counts[1].Removed != 2 || counts[1].Held != 2 || len(water.times) != 30 || water.calls < 60 || len(forgotten) != 1 {
			t.Fatalf("%+v, %v, %d left after %d calls, %v", counts, err, len(water.times), water.calls, forgotten)
		}
		receipt := Receipt{ID: "job_1", StartedAt: now, Version: 7, Counts: counts}
		if err := x.note(ctx, &receipt); err != nil {
			t.Fatal(err)
		}
		due(true) // it has not ended
		receipt.EndedAt = &now
		if err := x.note(ctx, &receipt); err != nil {
			t.Fatal(err)
		}
		due(false)
		now = now.Add(2 * time.Hour)
		due(false)
		water.times = append(water.times, now.AddDate(0, 0, -60)) // a warehouse that was built anew has it again
		due(false)                                                // it was looked at within the hour
		now = now.Add(time.Hour)
		due(true)
		now = now.Add(25 * time.Hour)
		due(true)
		set(`{"rules":[]}`, 9)
		due(false)
		if list, err := x.Receipts(ctx); err != nil || len(list) != 1 || list[0].Counts[0].Removed != 70 {
			t.Errorf("%+v, %v", list, err)
		}
	})
}
