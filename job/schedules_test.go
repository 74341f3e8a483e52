package job_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/job"
	"github.com/touchstone-cdp/touchstone/job/cron"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/storetest"
)

// world is the clock and the zone that processes share.
type world struct {
	now  atomic.Int64 // ms
	zone atomic.Pointer[time.Location]
}

func newWorld(t *testing.T, now, zone string) *world {
	t.Helper()
	w := &world{}
	w.set(t, now)
	w.move(t, zone)
	return w
}

func (w *world) set(t *testing.T, now string) {
	t.Helper()
	at, err := time.Parse(time.RFC3339, now)
	if err != nil {
		t.Fatal(err)
	}
	w.now.Store(at.UnixMilli())
}

func (w *world) move(t *testing.T, zone string) {
	t.Helper()
	z, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	w.zone.Store(z)
}

// clock starts a process whose schedules tick too.
func (w *world) clock(t *testing.T, db *store.DB, kinds ...job.Kind) (*process, *job.Schedules) {
	t.Helper()
	p := start(t, db, func(c *job.Config) {
		c.Clock = touchstone.ClockFunc(func() time.Time { return time.UnixMilli(w.now.Load()).UTC() })
	}, kinds...)
	s := job.NewSchedules(p.Jobs, func() *time.Location { return w.zone.Load() })
	ticking, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { _ = s.Run(ticking) })
	stop := p.stop
	p.stop = sync.OnceFunc(func() { cancel(); wg.Wait(); stop() })
	t.Cleanup(p.stop)
	return p, s
}

func quick() job.Kind {
	return job.Kind{Name: "quick", Serves: touchstone.Operation("a test"), Start: "jobs:write", Run: func(context.Context, job.Run) (touchstone.JSON, error) { return "1", nil }}
}

func makeSchedule(t *testing.T, s *job.Schedules, d job.Definition) job.Schedule {
	t.Helper()
	one, err := s.Create(ctx, access.System(), d)
	if err != nil {
		t.Fatal(err)
	}
	return one
}

func awaitSchedule(t *testing.T, s *job.Schedules, id, what string, ok func(job.Schedule) bool) job.Schedule {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(5 * time.Millisecond) {
		one, err := s.Get(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		if ok(one) {
			return one
		}
		if time.Now().After(deadline) {
			t.Fatalf("waited for %s: %+v %+v", what, one, one.Last)
		}
	}
}

func wantNext(t *testing.T, one job.Schedule, want string) {
	t.Helper()
	if one.NextAt == nil || one.NextAt.Format(time.RFC3339) != want {
		t.Errorf("due next at %v, want %s", one.NextAt, want)
	}
}

func jobsOf(t *testing.T, p *process, schedule string) []job.Job {
	t.Helper()
	list, _, err := p.List(ctx, job.Filter{Schedule: schedule}, 100, "")
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// However many processes tick, what is due is started once.
func TestAScheduleStartsItsJobOnce(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, "2026-11-27T01:00:00Z", "Asia/Shanghai")
		p, s := w.clock(t, db, quick())
		w.clock(t, db, quick())
		w.clock(t, db, quick())
		one := makeSchedule(t, s, job.Definition{Name: "nightly", Cron: "30 2 * * *", Kind: "quick"})
		wantNext(t, one, "2026-11-27T18:30:00Z")
		for i, now := range []string{"2026-11-27T18:30:05Z", "2026-11-28T18:30:00Z", "2026-11-29T18:30:30Z"} {
			w.set(t, now)
			due := *one.NextAt
			one = awaitSchedule(t, s, one.ID, "the end of a run", func(one job.Schedule) bool {
				return one.Last != nil && one.Last.Status == job.Done && one.Last.DueAt.Equal(due)
			})
			time.Sleep(50 * time.Millisecond) // for one too many
			if list := jobsOf(t, p, one.ID); len(list) != i+1 || one.Last.Late || list[0].Late || one.Last.DueAt.Second() != 0 || !list[0].DueAt.Equal(one.Last.DueAt) {
				t.Fatalf("%d jobs after %s; %+v", len(list), now, one.Last)
			}
		}
		wantNext(t, one, "2026-11-30T18:30:00Z")
	})
}

func TestWhatWasMissedRunsOnceMarkedLate(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, "2026-11-27T01:00:00Z", "UTC")
		p, s := w.clock(t, db, quick())
		one := makeSchedule(t, s, job.Definition{Name: "hourly", Cron: "@hourly", Kind: "quick"})
		paused := makeSchedule(t, s, job.Definition{Name: "paused", Cron: "@hourly", Kind: "quick", Paused: true})
		if paused.NextAt != nil {
			t.Errorf("a paused one is due at %s", paused.NextAt)
		}
		p.stop()
		w.set(t, "2026-11-27T09:20:00Z")
		p, s = w.clock(t, db, quick())
		one = awaitSchedule(t, s, one.ID, "the late run", func(one job.Schedule) bool { return one.Last != nil && one.Last.Status == job.Done })
		if list := jobsOf(t, p, one.ID); len(list) != 1 || !list[0].Late || !one.Last.Late || list[0].DueAt.Format(time.RFC3339) != "2026-11-27T02:00:00Z" {
			t.Errorf("%d jobs, %+v", len(list), list)
		}
		wantNext(t, one, "2026-11-27T10:00:00Z")
		if list := jobsOf(t, p, paused.ID); len(list) != 0 {
			t.Errorf("a paused one ran %d times", len(list))
		}
		// Going on after a pause makes up for nothing.
		w.set(t, "2026-11-27T09:30:00Z")
		f := false
		paused, err := s.Update(ctx, access.System(), paused.ID, job.Change{Paused: &f})
		if err != nil {
			t.Fatal(err)
		}
		wantNext(t, paused, "2026-11-27T10:00:00Z")
	})
}

func TestNeverTwoAtOnce(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, "2026-11-27T01:00:00Z", "UTC")
		var open atomic.Bool
		p, s := w.clock(t, db, job.Kind{Name: "slow", Serves: touchstone.Operation("a test"), Start: "jobs:write", Run: func(ctx context.Context, _ job.Run) (touchstone.JSON, error) {
			for !open.Load() && ctx.Err() == nil {
				time.Sleep(time.Millisecond)
			}
			return "", ctx.Err()
		}})
		one := makeSchedule(t, s, job.Definition{Name: "x", Cron: "* * * * *", Kind: "slow"})
		w.set(t, "2026-11-27T01:01:00Z")
		awaitSchedule(t, s, one.ID, "a run", func(one job.Schedule) bool { return one.Last != nil && one.Last.Status == job.Running })
		w.set(t, "2026-11-27T01:02:00Z")
		one = awaitSchedule(t, s, one.ID, "a skipped time", func(one job.Schedule) bool { return one.Skipped == 1 })
		wantNext(t, one, "2026-11-27T01:03:00Z")
		if _, err := s.RunNow(ctx, one.ID); touchstone.KindOf(err) != touchstone.Conflict {
			t.Errorf("a second one was started by hand: %v", err)
		}
		open.Store(true)
		p.awaitStatus(t, one.Last.Job, job.Done)
		j, err := s.RunNow(ctx, one.ID)
		if err != nil || j.Schedule != one.ID || j.Late {
			t.Errorf("%+v, %v", j, err)
		}
		p.awaitStatus(t, j.ID, job.Done)
		if n := len(jobsOf(t, p, one.ID)); n != 2 {
			t.Errorf("%d jobs", n)
		}
	})
}

func TestZoneAndDaysMoveWhatIsDueNext(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, "2026-09-30T12:00:00Z", "Asia/Shanghai")
		p, s := w.clock(t, db, quick())
		one := makeSchedule(t, s, job.Definition{Name: "x", Cron: "0 9 * * *", Days: cron.Working, Kind: "quick"})
		wantNext(t, one, "2026-10-08T01:00:00Z") // after National Day
		info, err := s.SetCalendar(ctx, job.CalendarAuto, []job.OwnDay{{Day: "2026-10-03", Working: true, Name: "盘点"}})
		if err != nil || info.Used != job.CalendarChina || len(info.Own) != 1 || len(info.Public) < 60 || len(info.Years) < 2 {
			t.Fatalf("%+v, %v", info, err)
		}
		one, err = s.Get(ctx, one.ID)
		if err != nil {
			t.Fatal(err)
		}
		wantNext(t, one, "2026-10-03T01:00:00Z")
		list, err := s.Preview(ctx, "0 9 * * *", cron.Working, 3)
		if err != nil || len(list) != 3 || list[0].Name != "盘点" || list[2].At.Format(time.RFC3339) != "2026-10-09T01:00:00Z" {
			t.Errorf("%+v, %v", list, err)
		}
		p.stop()
		w.move(t, "Europe/Berlin") // a calendar of weekends
		_, s = w.clock(t, db, quick())
		awaitSchedule(t, s, one.ID, "another zone to be seen", func(one job.Schedule) bool {
			return one.NextAt.Format(time.RFC3339) == "2026-10-01T07:00:00Z"
		})
		for name, own := range map[string][]job.OwnDay{"twice": {{Day: "2026-10-03"}, {Day: "2026-10-03"}}, "no day": {{Day: "2026-02-30"}}} {
			if _, err := s.SetCalendar(ctx, job.CalendarAuto, own); touchstone.KindOf(err) != touchstone.Invalid {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := s.SetCalendar(ctx, "moon", nil); touchstone.KindOf(err) != touchstone.Invalid {
			t.Error(err)
		}
	})
}

func TestSchedulesAreChecked(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, "2026-11-27T01:00:00Z", "UTC")
		_, s := w.clock(t, db, quick(), job.Kind{Name: "inner", Serves: touchstone.Operation("a test"), Run: quick().Run})
		good := job.Definition{Name: "x", Cron: "0 9 * * *", Kind: "quick"}
		for name, change := range map[string]func(*job.Definition){
			"no name": func(d *job.Definition) { d.Name = " " }, "no time": func(d *job.Definition) { d.Cron = "soon" },
			"no kind": func(d *job.Definition) { d.Kind = "none" }, "a kind of the program's own": func(d *job.Definition) { d.Kind = "inner" },
			"other days": func(d *job.Definition) { d.Days = "sundays" }, "an input that nobody takes": func(d *job.Definition) { d.Input = `{"a":1}` },
		} {
			d := good
			change(&d)
			if _, err := s.Create(ctx, access.System(), d); touchstone.KindOf(err) != touchstone.Invalid {
				t.Errorf("%s: %v", name, err)
			}
		}
		marketer := &access.Viewer{Kind: "user", ID: "usr_1"}
		if _, err := s.Create(ctx, marketer, good); touchstone.KindOf(err) != touchstone.Forbidden {
			t.Errorf("somebody without the right to start it: %v", err)
		}
		one := makeSchedule(t, s, good)
		name, at := "y", "0 10 * * *"
		one, err := s.Update(ctx, access.System(), one.ID, job.Change{Name: &name, Cron: &at})
		if err != nil || one.Name != "y" {
			t.Fatal(one, err)
		}
		wantNext(t, one, "2026-11-27T10:00:00Z")
		if list, err := s.List(ctx); err != nil || len(list) != 1 {
			t.Errorf("%+v, %v", list, err)
		}
		if err := s.Delete(ctx, one.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Get(ctx, one.ID); touchstone.KindOf(err) != touchstone.NotFound {
			t.Error(err)
		}
	})
}
