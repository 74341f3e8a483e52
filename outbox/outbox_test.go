package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/httpapi"
	"github.com/touchstone-cdp/touchstone/outbox"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/storetest"
)

// clock is moved by hand.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock {
	return &clock{now: time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)}
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	c.now = c.now.Add(d)
	c.mu.Unlock()
}

// world is a destination for everything: it answers by destination.
type world struct {
	mu      sync.Mutex
	answer  map[string]func(e touchstone.Effect, attempt int) (outbox.Receipt, error)
	calls   []string // ids in the order of arrival
	policy  map[string]outbox.Policy
	running int
	most    int
}

func (w *world) Kind() string { return "call" }

func (w *world) Policy(destination string) outbox.Policy { return w.policy[destination] }

func (w *world) Serves() touchstone.Serves { return touchstone.Operation("a test") }

func (w *world) Deliver(_ context.Context, e touchstone.Effect, attempt int) (outbox.Receipt, error) {
	w.mu.Lock()
	w.calls = append(w.calls, e.ID)
	answer := w.answer[e.Destination]
	w.running++
	w.most = max(w.most, w.running)
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		w.running--
		w.mu.Unlock()
	}()
	if answer == nil {
		return outbox.Receipt{Status: 200, Answer: "ok"}, nil
	}
	return answer(e, attempt)
}

func (w *world) got() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.calls)
}

func (w *world) set(destination string, answer func(touchstone.Effect, int) (outbox.Receipt, error)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.answer == nil {
		w.answer = map[string]func(touchstone.Effect, int) (outbox.Receipt, error){}
	}
	w.answer[destination] = answer
}

// bench is an outbox that runs.
type bench struct {
	*outbox.Outbox
	t     *testing.T
	db    *store.DB
	clock *clock
	world *world
	stop  func()
}

func start(t *testing.T, db *store.DB, c *clock, w *world, change ...func(*outbox.Config)) *bench {
	t.Helper()
	cfg := outbox.Config{DB: db, Clock: c, Poll: 5 * time.Millisecond}
	for _, f := range change {
		f(&cfg)
	}
	o, err := outbox.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- o.Run(ctx, w) }()
	var once sync.Once
	b := &bench{Outbox: o, t: t, db: db, clock: c, world: w}
	b.stop = func() {
		once.Do(func() {
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(b.stop)
	return b
}

func run(t *testing.T, body func(t *testing.T, b *bench)) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		body(t, start(t, db, newClock(), &world{}))
	})
}

func (b *bench) put(effects ...touchstone.Effect) {
	b.t.Helper()
	err := b.db.Update(b.t.Context(), func(tx *store.Tx) error { return b.Put(b.t.Context(), tx, effects...) })
	if err != nil {
		b.t.Fatal(err)
	}
}

func effect(id, destination string) touchstone.Effect {
	return touchstone.Effect{ID: id, Kind: "call", Destination: destination, Body: []byte(`{"id":"` + id + `"}`)}
}

// eventually waits for what another goroutine is about to do. It fails a test that would
// otherwise hang; nothing is measured by it.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("never: " + what)
		}
	}
}

func (b *bench) state(id string) outbox.State {
	l, _, err := b.Get(context.Background(), id)
	if err != nil {
		return ""
	}
	return l.State
}

func (b *bench) become(id string, state outbox.State) {
	b.t.Helper()
	eventually(b.t, id+" becomes "+string(state), func() bool { return b.state(id) == state })
}

func TestWhatIsCommittedIsDoneOnce(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		boom := errors.New("boom")
		err := b.db.Update(t.Context(), func(tx *store.Tx) error {
			if err := b.Put(t.Context(), tx, effect("never", "a")); err != nil {
				t.Error(err)
			}
			return boom
		})
		if !errors.Is(err, boom) {
			t.Fatal(err)
		}
		b.put(effect("1", "a"), effect("2", "a"), effect("1", "a"))
		b.become("1", outbox.Delivered)
		b.become("2", outbox.Delivered)
		b.put(effect("1", "a"), effect("3", "a"))
		b.become("3", outbox.Delivered)
		if got := b.world.got(); !slices.Equal(sorted(got), []string{"1", "2", "3"}) {
			t.Errorf("done: %v", got)
		}
		l, failures, err := b.Get(t.Context(), "1")
		if err != nil || l.Status != 200 || l.Answer != "ok" || l.Attempts != 1 || len(l.Body) != 0 || len(failures) != 0 {
			t.Errorf("%+v, %v, %v", l, failures, err)
		}
		q, err := b.Queue(t.Context(), "call", "a")
		if err != nil || q.Delivered != 3 || q.Waiting != 0 {
			t.Errorf("%+v, %v", q, err)
		}
	})
}

func sorted(s []string) []string {
	s = slices.Clone(s)
	slices.Sort(s)
	return s
}

// A destination that never answers holds its own slots and nobody else's; one that fails
// is not asked for each effect. The good one gets all of its own, in order.
func TestADeadDestinationSlowsNoOther(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		hang := make(chan struct{})
		t.Cleanup(func() { close(hang) })
		b.world.set("hangs", func(touchstone.Effect, int) (outbox.Receipt, error) {
			<-hang
			return outbox.Receipt{}, nil
		})
		b.world.set("fails", func(touchstone.Effect, int) (outbox.Receipt, error) {
			return outbox.Receipt{Status: 500}, errors.New("no")
		})
		b.world.mu.Lock()
		b.world.policy = map[string]outbox.Policy{"good": {Concurrency: 1}}
		b.world.mu.Unlock()
		const n = 500
		var want []string
		for part := range n / 50 {
			var effects []touchstone.Effect
			for i := range 50 {
				for _, d := range []string{"hangs", "fails", "good"} {
					effects = append(effects, effect(fmt.Sprintf("%s %03d", d, part*50+i), d))
				}
				want = append(want, fmt.Sprintf("good %03d", part*50+i))
			}
			b.put(effects...)
		}
		b.become(want[n-1], outbox.Delivered)
		got := b.world.got()
		good := slices.DeleteFunc(slices.Clone(got), func(id string) bool { return id[0] != 'g' })
		if !slices.Equal(good, want) {
			t.Errorf("%d arrived, not in order or not once", len(good))
		}
		if others := len(got) - len(good); others > 8+12 {
			t.Errorf("%d attempts at destinations that do not answer; 8 slots of one, and 5 failures of the other with 7 more under way", others)
		}
		b.clock.advance(time.Hour)
	})
}

func TestFailuresComeAgainWithEqualKeysUntilDone(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		b.world.set("a", func(_ touchstone.Effect, attempt int) (outbox.Receipt, error) {
			if attempt < 4 {
				return outbox.Receipt{Status: 503, Answer: "later"}, fmt.Errorf("failed %d", attempt)
			}
			return outbox.Receipt{Status: 200}, nil
		})
		b.put(effect("x", "a"))
		for attempt, pause := range []time.Duration{5 * time.Second, 30 * time.Second, 2 * time.Minute} {
			eventually(t, "attempt is noted", func() bool {
				l, _, err := b.Get(t.Context(), "x")
				return err == nil && l.Attempts == attempt+1
			})
			l, _, err := b.Get(t.Context(), "x")
			if err != nil {
				t.Fatal(err)
			}
			wait := l.Due.Sub(b.clock.Now())
			if wait < pause*4/5-time.Millisecond || wait > pause*6/5 {
				t.Errorf("attempt %d comes %s later, want %s ± a fifth", attempt+2, wait, pause)
			}
			b.clock.advance(wait - time.Millisecond)
			time.Sleep(20 * time.Millisecond) // several looks
			if n := len(b.world.got()); n != attempt+1 {
				t.Fatalf("%d attempts before it is due", n)
			}
			b.clock.advance(time.Millisecond)
		}
		b.become("x", outbox.Delivered)
		if got := b.world.got(); !slices.Equal(got, []string{"x", "x", "x", "x"}) {
			t.Errorf("keys %v", got)
		}
		_, failures, err := b.Get(t.Context(), "x")
		if err != nil || len(failures) != 3 || failures[1].Error != "failed 2" || failures[1].Status != 503 || failures[1].Answer != "later" {
			t.Errorf("%+v %v", failures, err)
		}
	})
}

func TestRetryAfterHoldsTheQueueUp(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		first := true
		b.world.mu.Lock()
		b.world.policy = map[string]outbox.Policy{"a": {Concurrency: 1}}
		b.world.mu.Unlock()
		b.world.set("a", func(e touchstone.Effect, _ int) (outbox.Receipt, error) {
			if e.ID == "1" && first {
				first = false
				return outbox.Receipt{Status: 429}, &touchstone.Error{Kind: touchstone.RateLimited, Message: "slow down", RetryAfter: 90 * time.Second}
			}
			return outbox.Receipt{}, nil
		})
		b.put(effect("1", "a"), effect("2", "a"))
		eventually(t, "the first is noted", func() bool {
			l, _, err := b.Get(t.Context(), "1")
			return err == nil && l.Attempts == 1
		})
		b.clock.advance(89 * time.Second)
		time.Sleep(30 * time.Millisecond)
		if got := b.world.got(); !slices.Equal(got, []string{"1"}) {
			t.Fatalf("asked again too early: %v", got)
		}
		b.clock.advance(2 * time.Second)
		b.become("1", outbox.Delivered)
		b.become("2", outbox.Delivered)
	})
}

func TestTheBreakerProbesOnce(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		var broken sync.Map
		broken.Store("a", true)
		b.world.set("a", func(touchstone.Effect, int) (outbox.Receipt, error) {
			if _, ok := broken.Load("a"); ok {
				return outbox.Receipt{}, errors.New("no route")
			}
			return outbox.Receipt{}, nil
		})
		b.world.mu.Lock()
		b.world.policy = map[string]outbox.Policy{"a": {Concurrency: 1}}
		b.world.mu.Unlock()
		var all []touchstone.Effect
		for i := range 100 {
			all = append(all, effect(fmt.Sprint(i), "a"))
		}
		b.put(all...)
		calls := func(n int) func() bool { return func() bool { return len(b.world.got()) >= n } }
		eventually(t, "five attempts", calls(5))
		for probe := range 5 {
			time.Sleep(30 * time.Millisecond)
			if n := len(b.world.got()); n != 5+probe {
				t.Fatalf("%d attempts after %d probes", n, probe)
			}
			q, err := b.Queue(t.Context(), "call", "a")
			if err != nil {
				t.Fatal(err)
			}
			eventually(t, "the breaker is a row", func() bool {
				q, err = b.Queue(t.Context(), "call", "a")
				return err == nil && q.Failures == 5+probe && q.HeldUntil.After(b.clock.Now())
			})
			b.clock.advance(q.HeldUntil.Sub(b.clock.Now()))
			eventually(t, "a probe", calls(6+probe))
		}
		broken.Delete("a")
		b.clock.advance(10 * time.Minute)
		for i := range 100 {
			b.become(fmt.Sprint(i), outbox.Delivered)
		}
	})
}

func TestDeadLettersAreSeenReplayedAndDiscarded(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		b.world.set("a", func(touchstone.Effect, int) (outbox.Receipt, error) {
			return outbox.Receipt{Status: 404}, touchstone.Errorf(touchstone.NotFound, "nobody at %s", "a").WithHint("ring again")
		})
		for i := range 5 {
			b.put(effect(fmt.Sprint(i), "a"))
			b.become(fmt.Sprint(i), outbox.Dead)
			b.clock.advance(time.Second)
		}
		// What an error is made of is kept beside it, with each attempt and with the queue.
		why := httpapi.TextOf(touchstone.Errorf(touchstone.NotFound, "nobody at %s", "a").WithHint("ring again"))
		_, failures, err := b.Get(t.Context(), "3")
		if err != nil || len(failures) != 1 || !cmp.Equal(failures[0].Why, why) {
			t.Errorf("%+v, %v", failures, err)
		}
		if q, err := b.Queue(t.Context(), "call", "a"); err != nil || !cmp.Equal(q.Why, why) {
			t.Errorf("%+v, %v", q, err)
		}
		var seen []string
		cursor := ""
		for {
			page, next, err := b.List(t.Context(), "call", "a", outbox.Dead, 2, cursor)
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range page {
				seen = append(seen, l.ID)
				if len(l.Body) == 0 || l.Status != 404 || l.Error != "nobody at a (ring again)" || !cmp.Equal(l.Why, why) {
					t.Errorf("%+v, %+v", l, l.Why)
				}
			}
			if cursor = next; cursor == "" {
				break
			}
		}
		if !slices.Equal(seen, []string{"4", "3", "2", "1", "0"}) {
			t.Errorf("listed %v", seen)
		}
		b.world.set("a", nil)
		if n, err := b.Replay(t.Context(), "call", "a", []string{"3", "no such"}, false); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		b.become("3", outbox.Delivered)
		if n, err := b.Discard(t.Context(), "call", "a", []string{"0", "3"}, false); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		b.put(effect("0", "a")) // it was there
		if n, err := b.Replay(t.Context(), "call", "a", nil, true); n != 3 || err != nil {
			t.Fatal(n, err)
		}
		for _, id := range []string{"1", "2", "4"} {
			b.become(id, outbox.Delivered)
		}
		q, err := b.Queue(t.Context(), "call", "a")
		if err != nil || q.Dead != 5 || q.Discarded != 1 || q.Delivered != 4 || q.DeadLetters != 0 || len(b.world.got()) != 9 {
			t.Errorf("%+v, %v, %d calls", q, err, len(b.world.got()))
		}
	})
}

func TestPausedQueuesWaitAndOldOnesEnd(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		pause := func(on bool) {
			t.Helper()
			if err := b.db.Update(t.Context(), func(tx *store.Tx) error { return b.SetPaused(t.Context(), tx, "call", "a", on) }); err != nil {
				t.Fatal(err)
			}
		}
		pause(true)
		b.put(effect("old", "a"))
		b.put(effect("b", "b"))
		b.become("b", outbox.Delivered)
		b.clock.advance(71 * time.Hour)
		b.put(effect("young", "a"))
		if err := b.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if b.state("old") != outbox.Waiting {
			t.Error("it ended before its time")
		}
		b.clock.advance(time.Hour)
		if err := b.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if b.state("old") != outbox.Dead || b.state("young") != outbox.Waiting {
			t.Error(b.state("old"), b.state("young"))
		}
		pause(false)
		b.become("young", outbox.Delivered)
		if got := b.world.got(); !slices.Equal(got, []string{"b", "young"}) {
			t.Errorf("done: %v", got)
		}
	})
}

// Whoever goes on with a queue whose destination is mended waits for no pause, be it the breaker's
// or an effect's own; what is to be done later is done later.
func TestGoingOnTriesWhatFailedAtOnce(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		b.world.set("a", func(touchstone.Effect, int) (outbox.Receipt, error) { return outbox.Receipt{}, errors.New("no route") })
		later := effect("later", "a")
		later.NotBefore = b.clock.Now().Add(100 * time.Hour)
		b.put(effect("x", "a"), later)
		for attempt := range 5 {
			if attempt > 0 {
				b.clock.advance(time.Hour) // longer than the pauses so far
			}
			eventually(t, "it fails", func() bool {
				l, _, err := b.Get(t.Context(), "x")
				return err == nil && l.Attempts == attempt+1
			})
		}
		b.world.set("a", nil)
		if err := b.db.Update(t.Context(), func(tx *store.Tx) error { return b.SetPaused(t.Context(), tx, "call", "a", false) }); err != nil {
			t.Fatal(err)
		}
		b.become("x", outbox.Delivered)
		if got := b.state("later"); got != outbox.Waiting {
			t.Errorf("what is to be done later is %s", got)
		}
	})
}

func TestNotBefore(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		later := effect("later", "a")
		later.NotBefore = b.clock.Now().Add(time.Hour)
		b.put(later, effect("now", "a"))
		b.become("now", outbox.Delivered)
		b.clock.advance(time.Hour - time.Millisecond)
		time.Sleep(20 * time.Millisecond)
		if n := len(b.world.got()); n != 1 {
			t.Fatal("too early")
		}
		b.clock.advance(time.Millisecond)
		b.become("later", outbox.Delivered)
	})
}

func TestAPanicIsAFailure(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		b.world.set("a", func(_ touchstone.Effect, attempt int) (outbox.Receipt, error) {
			if attempt == 1 {
				panic("oops")
			}
			return outbox.Receipt{}, nil
		})
		b.put(effect("x", "a"))
		eventually(t, "noted", func() bool {
			l, _, err := b.Get(t.Context(), "x")
			return err == nil && l.Attempts == 1
		})
		b.clock.advance(time.Minute)
		b.become("x", outbox.Delivered)
	})
}

// What was claimed before a pause goes on after it, too.
func TestAPauseEnds(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		began, goOn := make(chan struct{}, 1), make(chan struct{})
		b.world.mu.Lock()
		b.world.policy = map[string]outbox.Policy{"a": {Concurrency: 1}}
		b.world.mu.Unlock()
		b.world.set("a", func(e touchstone.Effect, _ int) (outbox.Receipt, error) {
			if e.ID == "0" {
				began <- struct{}{}
				<-goOn
			}
			return outbox.Receipt{}, nil
		})
		var effects []touchstone.Effect
		for i := range 15 {
			effects = append(effects, effect(fmt.Sprint(i), "a"))
		}
		b.put(effects...)
		<-began
		pause := func(on bool) {
			t.Helper()
			if err := b.db.Update(t.Context(), func(tx *store.Tx) error { return b.SetPaused(t.Context(), tx, "call", "a", on) }); err != nil {
				t.Fatal(err)
			}
		}
		pause(true)
		close(goOn)
		b.become("0", outbox.Delivered)
		time.Sleep(30 * time.Millisecond)
		if n := len(b.world.got()); n != 1 {
			t.Errorf("%d done while paused", n)
		}
		pause(false)
		b.become("14", outbox.Delivered)
	})
}
