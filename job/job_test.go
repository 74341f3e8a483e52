package job_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/job"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/lease"
	"github.com/touchstone-cdp/touchstone/store/storetest"
)

var ctx = context.Background()

// process is one of several on a store.
type process struct {
	*job.Jobs
	stop func() // and wait
}

// start makes a process. kill takes its leases away; nothing else does, however slow the machine.
func start(t *testing.T, db *store.DB, change func(*job.Config), kinds ...job.Kind) *process {
	t.Helper()
	return startFor(t, db, 5*time.Minute, change, kinds...)
}

// startFor is start with leases that hold for a time; a third of it is how often a process looks
// whether it has them still.
func startFor(t *testing.T, db *store.DB, hold time.Duration, change func(*job.Config), kinds ...job.Kind) *process {
	t.Helper()
	leases, err := lease.Open(ctx, lease.Config{DB: db, For: hold})
	if err != nil {
		t.Fatal(err)
	}
	cfg := job.Config{DB: db, Leases: leases, Kinds: kinds, Poll: 10 * time.Millisecond, Metrics: prometheus.NewRegistry()}
	if change != nil {
		change(&cfg)
	}
	jobs, err := job.Open(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	running, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { _ = jobs.Run(running) })
	p := &process{Jobs: jobs, stop: sync.OnceFunc(func() { cancel(); wg.Wait(); leases.Close(ctx) })}
	t.Cleanup(p.stop)
	return p
}

func (p *process) start(t *testing.T, r job.Request) job.Job {
	t.Helper()
	j, err := p.Start(ctx, r)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func (p *process) await(t *testing.T, id string, what string, ok func(job.Job) bool) job.Job {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(5 * time.Millisecond) {
		j, err := p.Get(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		if ok(j) {
			return j
		}
		if time.Now().After(deadline) {
			t.Fatalf("waited for %s: %+v", what, j)
		}
	}
}

func (p *process) awaitStatus(t *testing.T, id string, s job.Status) job.Job {
	t.Helper()
	return p.await(t, id, string(s), func(j job.Job) bool { return j.Status == s })
}

func do(kind string, input string) job.Request {
	return job.Request{Kind: kind, Prepared: job.Prepared{Input: touchstone.JSON(input)}}
}

// steps writes the numbers from 1 to n, each in one transaction with what it saves: whatever
// happens, each is there once. gate is asked before each.
func steps(db *store.DB, n int64, gate func(ctx context.Context, step int64) error) job.Kind {
	return job.Kind{Name: "steps", Heavy: true, Run: func(ctx context.Context, r job.Run) (touchstone.JSON, error) {
		at, _ := strconv.ParseInt(string(r.State()), 10, 64)
		for ; at < n; at++ {
			if err := gate(ctx, at+1); err != nil {
				return "", err
			}
			err := db.Retry(context.WithoutCancel(ctx), func(tx *store.Tx) error {
				if _, err := tx.Exec(ctx, "INSERT INTO numbers (n) VALUES (?)", at+1); err != nil {
					return err
				}
				return r.SaveIn(ctx, tx, at+1, n, touchstone.JSON(strconv.FormatInt(at+1, 10)))
			})
			if err != nil {
				return "", err
			}
		}
		return touchstone.JSON(strconv.FormatInt(at, 10)), nil
	}}
}

func free(context.Context, int64) error { return nil }

// untilEnd waits for the end of the attempt.
func untilEnd(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

var numbers = fstest.MapFS{"0001_numbers.sql": &fstest.MapFile{Data: []byte("-- +goose Up\nCREATE TABLE numbers (n BIGINT NOT NULL);\n")}}

func withNumbers(t *testing.T, body func(t *testing.T, db *store.DB)) {
	t.Helper()
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		if err := db.Migrate(ctx, "numbers", numbers); err != nil {
			t.Fatal(err)
		}
		body(t, db)
	})
}

func wantNumbers(t *testing.T, db *store.DB, n int64) {
	t.Helper()
	var count, distinct, most int64
	err := db.Reader().QueryRow(ctx, "SELECT count(*), count(DISTINCT n), coalesce(max(n), 0) FROM numbers").Scan(&count, &distinct, &most)
	if err != nil || count != n || distinct != n || most != n {
		t.Errorf("%d numbers, %d different ones up to %d, %v; want each to %d once", count, distinct, most, err, n)
	}
}

// kill makes everybody's leases run out, as when their processes stand still or are gone: they
// learn of it with their next transaction.
func kill(t *testing.T, db *store.DB) {
	t.Helper()
	err := db.Retry(ctx, func(tx *store.Tx) error {
		if _, err := tx.Exec(ctx, "UPDATE leases SET owner = 'nobody', epoch = epoch + 1"); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "UPDATE lease_beats SET until = 0")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestAJobIsDone(t *testing.T) {
	withNumbers(t, func(t *testing.T, db *store.DB) {
		p := start(t, db, nil, steps(db, 20, free))
		r := do("steps", `{"a":1}`)
		r.Subject, r.Title, r.Asker = "seg_1", "Loyal", job.Asker{Kind: "user", ID: "usr_1", Name: "ann@example.com"}
		queued := p.start(t, r)
		j := p.awaitStatus(t, queued.ID, job.Done)
		if j.Result != "20" || j.Done != 20 || j.Total != 20 || j.Attempts != 1 || j.Input != `{"a":1}` || j.Subject != "seg_1" || j.Title != "Loyal" ||
			j.Asker != r.Asker || j.Failure != nil || j.EndedAt == nil || j.Retryable || j.ETASeconds != nil || !j.Heavy {
			t.Errorf("%+v", j)
		}
		wantNumbers(t, db, 20)
		if _, err := p.Retry(ctx, j.ID); touchstone.KindOf(err) != touchstone.Conflict {
			t.Errorf("a job that is done was tried again: %v", err)
		}
		if _, err := p.Cancel(ctx, j.ID); touchstone.KindOf(err) != touchstone.Conflict {
			t.Errorf("a job that is done was cancelled: %v", err)
		}
	})
}

func TestAJobGoesOnAfterAStop(t *testing.T) {
	withNumbers(t, func(t *testing.T, db *store.DB) {
		first := start(t, db, nil, steps(db, 50, func(ctx context.Context, step int64) error {
			if step > 30 {
				return untilEnd(ctx)
			}
			return nil
		}))
		id := first.start(t, do("steps", "")).ID
		j := first.await(t, id, "30 of 50", func(j job.Job) bool { return j.Done == 30 })
		if j.Status != job.Running || j.Total != 50 || j.Owner == "" {
			t.Errorf("%+v", j)
		}
		first.stop()
		if j, err := first.Get(ctx, id); err != nil || j.Status != job.Queued || j.Failure != nil || j.Done != 30 {
			t.Errorf("after a stop: %+v, %v", j, err)
		}
		var from atomic.Int64
		second := start(t, db, nil, steps(db, 50, func(_ context.Context, step int64) error { from.CompareAndSwap(0, step); return nil }))
		j = second.awaitStatus(t, id, job.Done)
		if from.Load() != 31 || j.Attempts != 2 {
			t.Errorf("went on from %d, after %d attempts", from.Load(), j.Attempts)
		}
		wantNumbers(t, db, 50)
	})
}

// A process that is killed, or stopped and woken, never does a step a second time, nor does the
// one that took over.
func TestEachStepOnceWhateverDies(t *testing.T) {
	withNumbers(t, func(t *testing.T, db *store.DB) {
		const n = 150
		slow := func(ctx context.Context, step int64) error {
			if step%10 == 0 {
				time.Sleep(5 * time.Millisecond)
			}
			return nil // does not look at ctx: like a process that knows of nothing
		}
		var all []*process
		for range 3 {
			all = append(all, start(t, db, nil, steps(db, n, slow)))
		}
		id := all[0].start(t, do("steps", "")).ID
		for kills, at := 0, int64(-1); ; {
			j, err := all[1].Get(ctx, id)
			if err != nil {
				t.Fatal(err)
			}
			if j.Status.Ended() {
				if j.Status != job.Done {
					t.Errorf("%+v, %+v", j, j.Failure)
				}
				break
			}
			if kills < 12 && j.Done > at { // one that never got on would fail
				kill(t, db)
				kills, at = kills+1, j.Done
			}
			time.Sleep(5 * time.Millisecond)
		}
		wantNumbers(t, db, n)
	})
}

func TestOneHeavyAndFewLightOnesAtATime(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		var heavy, light, mostHeavy, mostLight atomic.Int64
		kind := func(name string, isHeavy bool, now, most *atomic.Int64) job.Kind {
			return job.Kind{Name: name, Heavy: isHeavy, Run: func(context.Context, job.Run) (touchstone.JSON, error) {
				n := now.Add(1)
				defer now.Add(-1)
				for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
				}
				time.Sleep(20 * time.Millisecond)
				return "", nil
			}}
		}
		kinds := []job.Kind{kind("heavy", true, &heavy, &mostHeavy), kind("light", false, &light, &mostLight)}
		a, b := start(t, db, nil, kinds...), start(t, db, nil, kinds...)
		var ids []string
		for i := range 8 {
			ids = append(ids, a.start(t, do("heavy", "")).ID, b.start(t, do("light", "")).ID)
			_ = i
		}
		for _, id := range ids {
			a.awaitStatus(t, id, job.Done)
		}
		if mostHeavy.Load() != 1 || mostLight.Load() > 2 {
			t.Errorf("%d heavy and %d light ones ran at a time", mostHeavy.Load(), mostLight.Load())
		}
	})
}

func TestCancelAndTryAgain(t *testing.T) {
	withNumbers(t, func(t *testing.T, db *store.DB) {
		var open atomic.Bool
		p := start(t, db, nil, steps(db, 20, func(ctx context.Context, step int64) error {
			if step > 10 && !open.Load() {
				return untilEnd(ctx)
			}
			return nil
		}))
		running := p.start(t, do("steps", "")).ID
		p.await(t, running, "10 of 20", func(j job.Job) bool { return j.Done == 10 })
		queued := p.start(t, do("steps", "")).ID
		if j, err := p.Cancel(ctx, queued); err != nil || j.Status != job.Cancelled || !j.Retryable {
			t.Errorf("%+v, %v", j, err)
		}
		if _, err := p.Cancel(ctx, running); err != nil {
			t.Fatal(err)
		}
		if j := p.awaitStatus(t, running, job.Cancelled); j.Done != 10 || j.Cancelling || j.EndedAt == nil {
			t.Errorf("%+v", j)
		}
		open.Store(true)
		if _, err := p.Retry(ctx, running); err != nil {
			t.Fatal(err)
		}
		p.awaitStatus(t, running, job.Done)
		wantNumbers(t, db, 20) // the first ten are there from before
	})
}

// What is away comes back; what is wrong stays wrong.
func TestErrorsAreTriedAgainOrFail(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		var ahead atomic.Int64
		clock := touchstone.ClockFunc(func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) })
		var away atomic.Int64
		p := start(t, db, func(c *job.Config) { c.Clock = clock }, job.Kind{Name: "away", Run: func(context.Context, job.Run) (touchstone.JSON, error) {
			if away.Add(1) < 3 {
				return "", touchstone.Errorf(touchstone.Unavailable, "The warehouse is away.")
			}
			return `{"ok":true}`, nil
		}}, job.Kind{Name: "wrong", Run: func(context.Context, job.Run) (touchstone.JSON, error) {
			return "", touchstone.Errorf(touchstone.Invalid, "Row %d is wrong.", 7).WithHint("Mend it.")
		}}, job.Kind{Name: "secret", Run: func(context.Context, job.Run) (touchstone.JSON, error) {
			return "", errors.New("the password is 1234")
		}}, job.Kind{Name: "panic", Run: func(context.Context, job.Run) (touchstone.JSON, error) { panic("oh") }})
		began := clock.Now()
		id := p.start(t, do("away", "")).ID
		j := p.await(t, id, "a second attempt to be planned", func(j job.Job) bool { return j.Status == job.Queued && j.NotBefore != nil })
		if j.Failure == nil || j.Failure.Detail != "The warehouse is away." || !j.NotBefore.After(began) {
			t.Errorf("%+v", j)
		}
		ahead.Store(int64(time.Hour))
		p.await(t, id, "another attempt", func(j job.Job) bool { return away.Load() == 2 && j.Status == job.Queued })
		ahead.Store(int64(2 * time.Hour))
		if j := p.awaitStatus(t, id, job.Done); j.Attempts != 3 || j.Failure != nil {
			t.Errorf("%+v", j)
		}
		j = p.awaitStatus(t, p.start(t, do("wrong", "")).ID, job.Failed)
		if j.Failure.Detail != "Row 7 is wrong." || j.Failure.DetailText.Template != "Row {0} is wrong." || j.Failure.Hint != "Mend it." || !j.Retryable || j.Attempts != 1 {
			t.Errorf("%+v %+v", j, j.Failure)
		}
		for _, kind := range []string{"secret", "panic"} {
			j = p.awaitStatus(t, p.start(t, do(kind, "")).ID, job.Failed)
			if strings.Contains(j.Failure.Detail, "1234") || j.Failure.Detail == "" {
				t.Errorf("%+v", j.Failure)
			}
		}
	})
}

// What kills each process that takes it up does not go on for ever.
func TestAJobThatNeverGetsAnywhereFails(t *testing.T) {
	withNumbers(t, func(t *testing.T, db *store.DB) {
		var attempts atomic.Int64
		p := startFor(t, db, 3*time.Second, nil, steps(db, 3, func(ctx context.Context, step int64) error {
			if step == 2 {
				attempts.Add(1)
				<-ctx.Done()
				return errors.New("gone")
			}
			return nil
		}))
		id := p.start(t, do("steps", "")).ID
		for i := int64(1); i <= 6; i++ { // the first one got somewhere
			p.await(t, id, "an attempt", func(job.Job) bool { return attempts.Load() >= i })
			kill(t, db)
		}
		j := p.awaitStatus(t, id, job.Failed)
		if !strings.Contains(j.Failure.Detail, "5 times") || attempts.Load() != 6 || j.Done != 1 {
			t.Errorf("%+v %+v after %d attempts", j, j.Failure, attempts.Load())
		}
		if _, err := p.Retry(ctx, id); err != nil {
			t.Fatal(err)
		}
		p.await(t, id, "an attempt", func(job.Job) bool { return attempts.Load() == 7 })
	})
}

func TestAKeyIsUnderWayOnce(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		p := start(t, db, func(c *job.Config) { c.MaxQueued = 4 }, job.Kind{Name: "wait", Run: func(ctx context.Context, _ job.Run) (touchstone.JSON, error) { return "", untilEnd(ctx) }})
		r := do("wait", "")
		r.Key = "one"
		var wg sync.WaitGroup
		var started, refused atomic.Int64
		for range 5 {
			wg.Go(func() {
				_, err := p.Start(ctx, r)
				switch {
				case err == nil:
					started.Add(1)
				case touchstone.KindOf(err) == touchstone.Conflict:
					refused.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if started.Load() != 1 || refused.Load() != 4 {
			t.Errorf("%d were started and %d refused", started.Load(), refused.Load())
		}
		for i := range 4 {
			if _, err := p.Start(ctx, do("wait", "")); (err == nil) != (i < 3) || err != nil && touchstone.KindOf(err) != touchstone.Unavailable {
				t.Errorf("job %d: %v", i, err)
			}
		}
	})
}

// A process leaves alone what it cannot do, and does not hold it up.
func TestAnotherProcessDoesWhatThisOneCannot(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		quick := func(name string) job.Kind {
			return job.Kind{Name: name, Heavy: true, Run: func(context.Context, job.Run) (touchstone.JSON, error) { return "1", nil }}
		}
		newer := start(t, db, nil, quick("old"), quick("new"))
		newer.stop()
		id := newer.start(t, do("new", "")).ID
		older := start(t, db, nil, quick("old"))
		older.awaitStatus(t, older.start(t, do("old", "")).ID, job.Done)
		if j, err := older.Get(ctx, id); err != nil || j.Status != job.Queued {
			t.Errorf("%+v, %v", j, err)
		}
		start(t, db, nil, quick("new")).awaitStatus(t, id, job.Done)
	})
}

func TestFilesGoOnAndGoWithTheJob(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		folder := t.TempDir()
		var open atomic.Bool
		kind := job.Kind{Name: "export", Run: func(ctx context.Context, r job.Run) (touchstone.JSON, error) {
			f, err := r.File("a/b:\u4eba\u7fa4.csv")
			if err != nil {
				return "", err
			}
			defer f.Close()
			n, _ := strconv.ParseInt(string(r.State()), 10, 64)
			if _, err := f.Resume(n); err != nil {
				return "", err
			}
			if n == 0 {
				if _, err := fmt.Fprintln(f, "first"); err != nil {
					return "", err
				}
				at, err := f.Flush()
				if err != nil {
					return "", err
				}
				fmt.Fprintln(f, "lost, for it was not saved")
				if err := r.Save(ctx, 1, 2, touchstone.JSON(strconv.FormatInt(at, 10))); err != nil {
					return "", err
				}
			}
			if !open.Load() {
				return "", untilEnd(ctx)
			}
			fmt.Fprintln(f, "second")
			if _, err := f.Flush(); err != nil {
				return "", err
			}
			return touchstone.JSON(fmt.Sprintf(`{"file":{"name":%q,"bytes":%d}}`, f.Info().Name, f.Info().Bytes)), nil
		}}
		files := func(c *job.Config) {
			c.Files = job.FilesConfig{Folder: folder, Max: 20 << 20, MinFree: -1}
			c.KeepMost = 1
		}
		first := start(t, db, files, kind)
		id := first.start(t, do("export", "")).ID
		first.await(t, id, "half of it", func(j job.Job) bool { return j.Done == 1 })
		first.stop()
		open.Store(true)
		p := start(t, db, files, kind)
		j := p.awaitStatus(t, id, job.Done)
		if d := cmp.Diff(&job.FileInfo{Name: "a_b_人群.csv", Bytes: 13}, j.File); d != "" {
			t.Fatal(d)
		}
		f, err := p.OpenFile(ctx, &j)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if text, err := io.ReadAll(f); err != nil || string(text) != "first\nsecond\n" {
			t.Errorf("%q, %v", text, err)
		}
		if err := p.Forget(ctx, id); err != nil {
			t.Fatal(err)
		}
		if _, err := p.OpenFile(ctx, &j); touchstone.KindOf(err) != touchstone.NotFound {
			t.Errorf("the file of a deleted job: %v", err)
		}
		p.stop()
		full := start(t, db, func(c *job.Config) { files(c); c.Files.Max = 1 << 20 }, kind)
		if j := full.awaitStatus(t, full.start(t, do("export", "")).ID, job.Failed); !strings.Contains(j.Failure.Detail, "1.0 MiB is the limit") {
			t.Errorf("%+v", j.Failure)
		}
	})
}

func TestLists(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		p := start(t, db, nil, job.Kind{Name: "a", Run: func(context.Context, job.Run) (touchstone.JSON, error) { return "1", nil }},
			job.Kind{Name: "b", Run: func(context.Context, job.Run) (touchstone.JSON, error) {
				return "", touchstone.Errorf(touchstone.Invalid, "No.")
			}})
		var want []string
		for i := range 7 {
			r := do([]string{"a", "b"}[i%2], "")
			r.Subject = fmt.Sprint("s", i%3)
			j := p.start(t, r)
			p.await(t, j.ID, "its end", func(j job.Job) bool { return j.Status.Ended() })
			want = append([]string{j.ID}, want...)
			time.Sleep(2 * time.Millisecond)
		}
		var got []string
		for cursor := ""; ; {
			page, next, err := p.List(ctx, job.Filter{}, 3, cursor)
			if err != nil {
				t.Fatal(err)
			}
			for _, j := range page {
				got = append(got, j.ID)
			}
			if cursor = next; next == "" {
				break
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
		for _, tt := range []struct {
			f    job.Filter
			want int
		}{{job.Filter{Statuses: []job.Status{job.Failed}}, 3}, {job.Filter{Kinds: []string{"a"}}, 4}, {job.Filter{Subject: "s0", Kinds: []string{"b"}}, 1},
			{job.Filter{Statuses: []job.Status{job.Queued, job.Running}}, 0}, {job.Filter{Schedule: "sch_1"}, 0}} {
			if page, _, err := p.List(ctx, tt.f, 100, ""); err != nil || len(page) != tt.want {
				t.Errorf("%+v: %d jobs, %v", tt.f, len(page), err)
			}
		}
		if _, _, err := p.List(ctx, job.Filter{}, 3, "nonsense"); touchstone.KindOf(err) != touchstone.Invalid {
			t.Error(err)
		}
		counts, err := p.Counts(ctx)
		if err != nil || counts[job.Done] != 4 || counts[job.Failed] != 3 || counts[job.Queued] != 0 {
			t.Errorf("%v, %v", counts, err)
		}
		// The next process forgets what is old or too much.
		start(t, db, func(c *job.Config) { c.KeepMost = 2 })
		for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(10 * time.Millisecond) {
			page, _, err := p.List(ctx, job.Filter{}, 100, "")
			if err == nil && len(page) == 2 && page[0].ID == want[0] && page[1].ID == want[1] {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("%d jobs are left, %v", len(page), err)
			}
		}
	})
}
