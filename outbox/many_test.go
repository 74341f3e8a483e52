package outbox_test

import (
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/keep"
	"github.com/touchstone-cdp/touchstone/outbox"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/postgres"
	"github.com/touchstone-cdp/touchstone/store/storetest"
)

// A process that dies between a delivery and its note leaves the effect to the next one,
// which does it again with the same key.
func TestWhatWasNotNotedIsDoneAgain(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		c, hang := newClock(), make(chan struct{})
		first := &world{}
		first.set("a", func(touchstone.Effect, int) (outbox.Receipt, error) {
			<-hang // done, but nobody will ever note it
			return outbox.Receipt{}, nil
		})
		lease := func(cfg *outbox.Config) { cfg.Lease, cfg.Grace = 90*time.Second, 20*time.Millisecond }
		b := start(t, db, c, first, lease)
		t.Cleanup(func() { close(hang) })
		b.put(effect("x", "a"))
		eventually(t, "the first delivers", func() bool { return len(first.got()) == 1 })
		b.stop()
		second := &world{}
		b2 := start(t, db, c, second, lease)
		if db.Dialect() == store.Postgres {
			time.Sleep(30 * time.Millisecond)
			if len(second.got()) != 0 {
				t.Error("delivered while the lease of the one that died held")
			}
			c.advance(2 * time.Minute) // the lease has run out
		}
		b2.become("x", outbox.Delivered)
		if got := second.got(); !slices.Equal(got, []string{"x"}) {
			t.Errorf("keys %v", got)
		}
	})
}

func TestSeveralProcessesShareTheWork(t *testing.T) {
	url := storetest.PostgresSchema(t)
	c := newClock()
	const processes, n = 3, 1500
	var benches []*bench
	for range processes {
		db, err := postgres.Open(t.Context(), url, postgres.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		w := &world{}
		w.set("busy", func(touchstone.Effect, int) (outbox.Receipt, error) {
			time.Sleep(time.Millisecond) // so that one alone is not done before the others look
			return outbox.Receipt{}, nil
		})
		benches = append(benches, start(t, db, c, w))
	}
	for part := range n / 100 {
		var effects []touchstone.Effect
		for i := range 100 {
			effects = append(effects, effect(fmt.Sprintf("%05d", part*100+i), []string{"busy", "b", "c"}[i%3]))
		}
		benches[0].put(effects...)
	}
	eventually(t, "all are noted", func() bool {
		var done int64
		for _, d := range []string{"busy", "b", "c"} {
			q, err := benches[0].Queue(t.Context(), "call", d)
			if err != nil {
				t.Fatal(err)
			}
			done += q.Delivered
		}
		return done == n
	})
	var all []string
	for i, b := range benches {
		got := b.world.got()
		t.Logf("process %d did %d", i, len(got))
		all = append(all, got...)
	}
	slices.Sort(all)
	if u := slices.Compact(slices.Clone(all)); len(u) != n || len(all) != n {
		t.Errorf("%d deliveries of %d effects, of %d", len(all), len(u), n)
	}
}

func TestARateIsKept(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		b.world.mu.Lock()
		b.world.policy = map[string]outbox.Policy{"a": {PerSecond: 200, Concurrency: 50}}
		b.world.mu.Unlock()
		began := time.Now()
		var effects []touchstone.Effect
		for i := range 120 {
			effects = append(effects, effect(fmt.Sprint(i), "a"))
		}
		b.put(effects...)
		eventually(t, "all arrive", func() bool { return len(b.world.got()) == 120 })
		// 20 at once, then 200 a second: a slow machine takes longer, none is faster.
		if took := time.Since(began); took < 490*time.Millisecond {
			t.Errorf("120 took %s", took)
		}
	})
}

func TestBoundsAreKept(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		b := start(t, db, newClock(), &world{}, func(c *outbox.Config) {
			c.MaxWaiting, c.MaxDead, c.MaxDone, c.MaxHeld = 50, 20, 30, 40
		})
		no := func(touchstone.Effect, int) (outbox.Receipt, error) {
			return outbox.Receipt{}, touchstone.Errorf(touchstone.Invalid, "no")
		}
		b.world.set("dead", no)
		if err := db.Update(t.Context(), func(tx *store.Tx) error { return b.SetPaused(t.Context(), tx, "call", "waits", true) }); err != nil {
			t.Fatal(err)
		}
		for i := range 60 {
			for _, d := range []string{"dead", "waits", "done"} {
				b.put(effect(fmt.Sprintf("%s %d", d, i), d))
			}
			b.become(fmt.Sprint("dead ", i), outbox.Dead)
			b.become(fmt.Sprint("done ", i), outbox.Delivered)
			b.clock.advance(time.Second)
		}
		for range 2 {
			if err := b.Sweep(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		count := func(d string, s outbox.State) int {
			l, _, err := b.List(t.Context(), "call", d, s, 1000, "")
			if err != nil {
				t.Fatal(err)
			}
			return len(l)
		}
		for _, tt := range []struct {
			destination string
			state       outbox.State
			want        int
		}{{"dead", outbox.Dead, 20}, {"waits", outbox.Waiting, 50}, {"waits", outbox.Dead, 10}, {"done", outbox.Delivered, 30}} {
			if n := count(tt.destination, tt.state); n != tt.want {
				t.Errorf("%d of %s are %s, want %d", n, tt.destination, tt.state, tt.want)
			}
		}
		big := effect("big", "a")
		big.Body = make([]byte, 256<<10+1)
		err := db.Update(t.Context(), func(tx *store.Tx) error { return b.Put(t.Context(), tx, big) })
		if err == nil || !strings.Contains(err.Error(), "at most 262144 are taken") {
			t.Errorf("a body too large: %v", err)
		}
		b.clock.advance(25 * time.Hour)
		if err := b.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := count("done", outbox.Delivered); n != 0 {
			t.Errorf("%d done ones are remembered after the window", n)
		}
	})
}

// Whatever fails and however often, each effect ends done or dead, is seen in its queue's
// counts, and has had no attempt after the one that did it.
func TestEveryEffectEnds(t *testing.T) {
	const checks = "rapid.checks"
	before := flag.Lookup(checks).Value.String()
	if err := flag.Set(checks, "15"); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = flag.Set(checks, before) }() // the next test shall not do with so few
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		patient := outbox.Policy{GiveUp: 10_000 * time.Hour} // the clock below races
		c, w := newClock(), &world{policy: map[string]outbox.Policy{"a": patient, "b": patient, "c": patient}}
		var fate atomic.Value // func(e, attempt)
		for _, d := range []string{"a", "b", "c"} {
			w.set(d, func(e touchstone.Effect, attempt int) (outbox.Receipt, error) {
				return outbox.Receipt{}, fate.Load().(func(touchstone.Effect, int) error)(e, attempt)
			})
		}
		b := start(t, db, c, w, func(cfg *outbox.Config) { cfg.MaxHeld, cfg.Lease = 64, 1000*time.Hour })
		round := 0
		rapid.Check(t, func(rt *rapid.T) {
			round++
			before := len(w.got())
			fails := rapid.SliceOfN(rapid.IntRange(-1, 4), 1, 40).Draw(rt, "failures before success, -1 hopeless")
			fate.Store(func(e touchstone.Effect, attempt int) error {
				var i int
				if _, err := fmt.Sscanf(e.ID[strings.LastIndexByte(e.ID, '/')+1:], "%d", &i); err != nil {
					return err
				}
				switch {
				case fails[i] < 0:
					return touchstone.Errorf(touchstone.Forbidden, "no")
				case attempt <= fails[i]:
					return errors.New("not yet")
				}
				return nil
			})
			want := 0
			id := func(i int) string { return fmt.Sprintf("%d/%d", round, i) }
			var effects []touchstone.Effect
			for i, f := range fails {
				effects = append(effects, effect(id(i), []string{"a", "b", "c"}[i%3]))
				want += max(f, 0) + 1
			}
			b.put(effects...)
			for i, f := range fails {
				state := outbox.Delivered
				if f < 0 {
					state = outbox.Dead
				}
				for end := time.Now().Add(2 * time.Minute); b.state(id(i)) != state; time.Sleep(2 * time.Millisecond) {
					c.advance(30 * time.Second)
					if time.Now().After(end) {
						l, failures, err := b.Get(t.Context(), id(i))
						q, err2 := b.Queue(t.Context(), "call", l.Destination)
						t.Fatalf("never ends, at %s: %+v\n%+v\n%v\n%+v %v", c.Now(), l, failures, err, q, err2)
					}
				}
			}
			if n := len(w.got()) - before; n != want {
				rt.Fatalf("%d attempts, want %d", n, want)
			}
		})
	})
}

func TestEffectsFollowTheirPerson(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		no := func(touchstone.Effect, int) (outbox.Receipt, error) {
			return outbox.Receipt{Answer: "a secret"}, touchstone.Errorf(touchstone.Invalid, "no")
		}
		b.world.set("a", no)
		of := func(id string, person touchstone.PersonID, destination string) touchstone.Effect {
			e := effect(id, destination)
			e.Person = person
			return e
		}
		if err := b.db.Update(t.Context(), func(tx *store.Tx) error { return b.SetPaused(t.Context(), tx, "call", "waits", true) }); err != nil {
			t.Fatal(err)
		}
		b.put(of("1", 1, "a"), of("2", 2, "a"), of("2 waits", 2, "waits"), of("3", 3, "b"), of("3 waits", 3, "waits"))
		b.become("1", outbox.Dead)
		b.become("2", outbox.Dead)
		b.become("3", outbox.Delivered)
		export := func(p touchstone.PersonID) (n int) {
			if err := b.Keeper().Export(t.Context(), b.db.Reader(), keep.Whole{Person: p}, func(string, any) error { n++; return nil }); err != nil {
				t.Fatal(err)
			}
			return n
		}
		err := b.db.Update(t.Context(), func(tx *store.Tx) error {
			return b.Keeper().Merge(t.Context(), tx, []keep.Merge{{Into: 1, From: 2}})
		})
		if err != nil || export(1) != 3 || export(2) != 0 {
			t.Fatalf("%v; of 1: %d, of 2: %d", err, export(1), export(2))
		}
		err = b.db.Update(t.Context(), func(tx *store.Tx) error {
			return b.Keeper().Erase(t.Context(), tx, []keep.Whole{{Person: 1}})
		})
		if err != nil || export(1) != 0 || export(3) != 2 {
			t.Fatal(err, export(1), export(3))
		}
		var left int
		if err := b.db.Reader().QueryRow(t.Context(), `SELECT count(*) FROM outbox_failures`).Scan(&left); err != nil || left != 0 {
			t.Errorf("%d failures of an erased person are left, %v", left, err)
		}
		if err := b.Remove(t.Context(), "call", "waits"); err != nil || b.state("3 waits") != "" {
			t.Error(err, b.state("3 waits"))
		}
	})
}
