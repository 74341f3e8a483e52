package pipeline

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/lease"
	"github.com/touchstone-cdp/touchstone/store/storetest"
	"github.com/touchstone-cdp/touchstone/stream"
)

// crew is processes that share a log and a store.
type crew struct {
	*rig
	members []*member
	stop    func()
}

type member struct {
	p     *Pipeline
	stage *ledger
}

func newCrew(t *testing.T, db *store.DB, n int) *crew {
	c := &crew{rig: newRig(t, db)}
	for range n {
		m := &member{stage: &ledger{}}
		var err error
		m.p, err = New(t.Context(), Config{Log: c.log, DB: db, Stages: []Stage{m.stage}, MinInterval: time.Millisecond,
			Reject: func(context.Context, *store.Tx, []touchstone.Fact) error { return nil }})
		if err != nil {
			t.Fatal(err)
		}
		c.members = append(c.members, m)
	}
	return c
}

// start has each member run as run says, and follow the others meanwhile.
func (c *crew) start(run func(ctx context.Context, m *member) error) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for _, m := range c.members {
		running.Go(func() {
			if err := run(ctx, m); err != nil {
				c.Error(err)
			}
		})
		running.Go(func() { _ = m.p.Follow(ctx, true) })
	}
	c.stop = sync.OnceFunc(func() { cancel(); running.Wait() })
	c.Cleanup(c.stop)
}

// await waits until every member knows that all events are committed, and checks that each
// was worked on once.
func (c *crew) await(want Totals) {
	c.Helper()
	for _, m := range c.members {
		c.p = m.p
		c.drain(want)
	}
}

// Processes that take each other's lease away at any moment work on each event once, and
// remember the message ids that the others have seen.
func TestProcessesTakeTurns(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		random := rand.New(rand.NewPCG(seed, 0))
		c := newCrew(t, db, 3)
		tables := map[*member]*lease.Table{}
		for _, m := range c.members {
			table, err := lease.Open(t.Context(), lease.Config{DB: db, Owner: lease.NewOwner("test"), For: 200 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { table.Close(context.Background()) })
			tables[m] = table
		}
		c.start(func(ctx context.Context, m *member) error {
			return tables[m].Run(ctx, "pipeline", func(ctx context.Context, l *lease.Lease) error { return m.p.Run(ctx, l.Fence) })
		})
		var want Totals
		for i := range 60 {
			id := fmt.Sprintf("m%d", i)
			c.append(id, id+"b")
			want.Processed += 2
			if i > 0 && random.IntN(3) == 0 {
				c.append(fmt.Sprintf("m%d", random.IntN(i)))
				want.Duplicates++
			}
			if random.IntN(4) == 0 {
				err := db.Retry(t.Context(), func(tx *store.Tx) error {
					_, err := tx.Exec(t.Context(), `UPDATE lease_beats SET until = 1`)
					return err
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(time.Duration(random.IntN(30)) * time.Millisecond)
		}
		c.await(want)
		c.stop()
	})
}

// Even without a lease, two that work side by side work on each event once: who finds the
// offset moved loads what the other has done.
func TestTwoAtTheSameOffset(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		c := newCrew(t, db, 2)
		c.start(func(ctx context.Context, m *member) error { return m.p.Run(ctx, nil) })
		var want Totals
		for i := range 40 {
			id := fmt.Sprintf("m%d", i)
			c.append(id, id) // the second is a duplicate
			want.Processed++
			want.Duplicates++
			if i%4 == 0 {
				time.Sleep(2 * time.Millisecond)
			}
		}
		// Only who commits a batch of its own hears of the others': each must go on until then.
		for i, end := 0, time.Now().Add(toCome); ; i++ {
			id := fmt.Sprintf("last%d", i)
			c.append(id)
			want.Processed++
			var known int
			for deadline := time.Now().Add(100 * time.Millisecond); time.Now().Before(deadline) && known < 2; time.Sleep(time.Millisecond) {
				known = 0
				for _, m := range c.members {
					if m.p.Totals() == want {
						known++
					}
				}
			}
			if known == 2 {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("they know of %+v and %+v, not of %+v", c.members[0].p.Totals(), c.members[1].p.Totals(), want)
			}
		}
		c.stop()
		var rows, ids int64
		if err := db.Reader().QueryRow(t.Context(), `SELECT count(*), count(DISTINCT message_id) FROM seen`).Scan(&rows, &ids); err != nil {
			t.Fatal(err)
		}
		if rows != want.Processed || ids != want.Processed {
			t.Errorf("%d rows with %d ids, want %d", rows, ids, want.Processed)
		}
		p, err := New(t.Context(), Config{Log: c.log, DB: db})
		if err != nil || p.Totals() != want {
			t.Fatalf("totals %+v, want %+v, %v", p.Totals(), want, err)
		}
	})
}

// A process that is stopped with records in its hands, and goes on after another has worked on
// them, commits nothing of it: its stages fail at rows that are there, and no event is to blame.
func TestOneThatSlept(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		c := newCrew(t, db, 2)
		slow, other := c.members[0], c.members[1]
		log := &sleepyLog{Log: c.log, asleep: make(chan struct{}), awake: make(chan struct{})}
		slow.p.cfg.Log = log
		c.append("a", "b")
		c.start(func(ctx context.Context, m *member) error {
			if m == other {
				<-log.asleep
			}
			return m.p.Run(ctx, nil)
		})
		<-log.asleep
		c.append("b", "c")
		c.p = other.p
		c.drain(Totals{Processed: 3, Duplicates: 1})
		close(log.awake)
		c.p = slow.p
		c.rig.await("it to hear of what the other has done", func() bool { return slow.p.Totals().Consumed() >= 4 })
		c.rig.await("it to try and fail", func() bool { return slow.stage.rollbacks.Load() >= 2 })
		c.stop()
		c.drain(Totals{Processed: 3, Duplicates: 1})
	})
}

// sleepyLog stops its first reader with what it has read.
type sleepyLog struct {
	stream.Log
	asleep, awake chan struct{}
	once          sync.Once
}

func (l *sleepyLog) Read(ctx context.Context, partition int, from stream.Offset, maxRecords, maxBytes int) ([]stream.Record, error) {
	records, err := l.Log.Read(ctx, partition, from, maxRecords, maxBytes)
	l.once.Do(func() { close(l.asleep); <-l.awake })
	return records, err
}
