package lease

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/storetest"
)

// open returns the leases of two processes that share a store.
func open(t *testing.T, db *store.DB, hold time.Duration) (a, b *Table) {
	t.Helper()
	var two [2]*Table
	for i := range two {
		table, err := Open(t.Context(), Config{DB: db, Owner: NewOwner("test"), For: hold})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { table.Close(context.Background()) })
		two[i] = table
	}
	return two[0], two[1]
}

func acquire(t *testing.T, table *Table, name string) *Lease {
	t.Helper()
	l, err := table.Acquire(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func update(t *testing.T, db *store.DB, query string, args ...any) {
	t.Helper()
	for {
		err := db.Update(t.Context(), func(tx *store.Tx) error { _, err := tx.Exec(t.Context(), query, args...); return err })
		if err == nil {
			return
		}
		if !store.IsRetryable(err) {
			t.Fatal(err)
		}
	}
}

// expire is what a holder's suspension does, without the waiting.
func expire(t *testing.T, db *store.DB, name string) {
	t.Helper()
	update(t, db, `UPDATE lease_beats SET until = 1 WHERE name = ?`, name)
}

func fence(t *testing.T, db *store.DB, l *Lease) error {
	t.Helper()
	return db.Update(t.Context(), func(tx *store.Tx) error { return l.Fence(t.Context(), tx) })
}

func TestOneHasIt(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		a, b := open(t, db, time.Hour)
		first := acquire(t, a, "pipeline")
		if first == nil || first.Epoch() != 1 {
			t.Fatalf("the first to ask gets %+v", first)
		}
		if l := acquire(t, b, "pipeline"); l != nil {
			t.Fatal("two have it")
		}
		if l := acquire(t, a, "pipeline"); l != nil {
			t.Fatal("two of one process have it")
		}
		if l := acquire(t, b, "sink"); l == nil {
			t.Fatal("another lease is not free")
		}
		if err := fence(t, db, first); err != nil {
			t.Fatal(err)
		}
		if err := first.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := fence(t, db, first); !errors.Is(err, ErrLost) {
			t.Fatalf("the fence of a lease that was given back says %v", err)
		}
		second := acquire(t, b, "pipeline")
		if second == nil || second.Epoch() != 2 {
			t.Fatalf("after it was given back the next one gets %+v", second)
		}
		holders, err := a.Holders(t.Context())
		if err != nil || len(holders) != 2 || holders[0].Name != "pipeline" || holders[0].Owner != b.Owner() || holders[0].Epoch != 2 || holders[0].Left < time.Minute {
			t.Fatalf("holders %+v, %v", holders, err)
		}
	})
}

// A process that was suspended past its lease does not know it: its next transaction fails.
func TestSuspendedHolderIsFenced(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		update(t, db, `CREATE TABLE written (epoch BIGINT NOT NULL)`)
		a, b := open(t, db, time.Hour)
		old := acquire(t, a, "pipeline")
		expire(t, db, "pipeline")
		if err := fence(t, db, old); err != nil {
			t.Fatal("a lease that has run out and that nobody has taken holds:", err)
		}
		taken := acquire(t, b, "pipeline")
		if taken == nil {
			t.Fatal("a lease that has run out is not free")
		}
		write := func(l *Lease) error {
			return db.Update(t.Context(), func(tx *store.Tx) error {
				if err := l.Fence(t.Context(), tx); err != nil {
					return err
				}
				_, err := tx.Exec(t.Context(), `INSERT INTO written (epoch) VALUES (?)`, l.Epoch())
				return err
			})
		}
		if old.Err() != nil {
			t.Fatal("nobody has told the holder yet")
		}
		if err := write(old); !errors.Is(err, ErrLost) {
			t.Fatalf("the old holder writes: %v", err)
		}
		if err := write(taken); err != nil {
			t.Fatal(err)
		}
		select {
		case <-old.Done():
		default:
			t.Fatal("the old holder's work goes on although the fence has told")
		}
		if err := old.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := write(taken); err != nil {
			t.Fatal("giving back what was lost takes it from the new holder:", err)
		}
	})
}

// A holder that stands still within a transaction does not keep the lease for ever, and what
// it had written is not committed.
func TestSuspendedWithinATransaction(t *testing.T) {
	ctx := t.Context()
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		if db.Dialect() == store.SQLite {
			t.Skip("one process has an SQLite file")
		}
		update(t, db, `CREATE TABLE written (epoch BIGINT NOT NULL)`)
		a, b := open(t, db, time.Hour)
		old := acquire(t, a, "pipeline")
		inside, goOn, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
		go func() {
			done <- db.Update(ctx, func(tx *store.Tx) error {
				if err := old.Fence(ctx, tx); err != nil {
					return err
				}
				if _, err := tx.Exec(ctx, `INSERT INTO written (epoch) VALUES (1)`); err != nil {
					return err
				}
				close(inside)
				<-goOn
				return nil
			})
		}()
		<-inside
		expire(t, db, "pipeline")
		taken := acquire(t, b, "pipeline")
		close(goOn)
		if err := <-done; err == nil {
			t.Fatal("a transaction was committed after another process had the lease")
		}
		if taken == nil {
			t.Fatal("the lease is not to be had while its last holder stands still")
		}
		var n int
		if err := db.Reader().QueryRow(ctx, `SELECT count(*) FROM written`).Scan(&n); err != nil || n != 0 {
			t.Fatalf("%d rows written, %v", n, err)
		}
	})
}

// Of many who ask at the same moment one gets it; epochs are never given twice.
func TestRace(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		const processes, rounds = 8, 10
		tables := make([]*Table, processes)
		for i := range tables {
			tables[i], _ = open(t, db, time.Hour)
		}
		epochs := map[int64]bool{}
		for range rounds {
			var running sync.WaitGroup
			got := make([]*Lease, processes)
			for i, table := range tables {
				running.Go(func() {
					l, err := table.Acquire(t.Context(), "pipeline")
					if err != nil {
						t.Error(err)
					}
					got[i] = l
				})
			}
			running.Wait()
			var holders []*Lease
			for _, l := range got {
				if l != nil {
					holders = append(holders, l)
				}
			}
			if len(holders) > 1 {
				t.Fatalf("%d have it", len(holders))
			}
			for _, l := range holders { // none, when all were in each other's way
				if epochs[l.Epoch()] {
					t.Fatalf("epoch %d is given twice", l.Epoch())
				}
				epochs[l.Epoch()] = true
				if err := l.Release(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		}
		if len(epochs) == 0 {
			t.Fatal("nobody ever got it")
		}
	})
}

// A holder whose renewals fail stops by itself, and so does one that finds another in its place.
func TestRenewal(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		a, b := open(t, db, time.Hour)
		l := acquire(t, a, "pipeline")
		expire(t, db, "pipeline")
		a.renewOnce()
		if got := acquire(t, b, "pipeline"); got != nil || l.Err() != nil {
			t.Fatal("a lease that was renewed in time is taken")
		}
		update(t, db, `UPDATE leases SET owner = 'another', epoch = epoch + 1 WHERE name = 'pipeline'`)
		if a.renewOnce(); l.Err() == nil {
			t.Fatal("it goes on although another has the lease")
		}
		expire(t, db, "pipeline")

		l = acquire(t, a, "pipeline")
		update(t, db, `ALTER TABLE lease_beats RENAME TO lease_gone`)
		if a.renewOnce(); l.Err() != nil {
			t.Fatal("one renewal that fails ends a lease that holds for an hour")
		}
		l.sure = time.Now()
		if a.renewOnce(); l.Err() == nil {
			t.Fatal("it goes on although the lease could not be renewed in time")
		}
		update(t, db, `ALTER TABLE lease_gone RENAME TO lease_beats`)
		if err := fence(t, db, l); !errors.Is(err, ErrLost) {
			t.Fatalf("the fence of a lease that could not be renewed says %v", err)
		}
		// It is this process's by the rows, so that it may take it back at once, with a new epoch.
		again := acquire(t, a, "pipeline")
		if again == nil || again.Epoch() != l.Epoch()+1 {
			t.Fatalf("it gets %+v back", again)
		}
	})
}

// Run works under the lease, stops with it, and takes it up again; the standby follows. What
// is written under it is written by one at a time.
func TestRun(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		update(t, db, `CREATE TABLE written (n BIGINT NOT NULL PRIMARY KEY, epoch BIGINT NOT NULL)`)
		a, b := open(t, db, 300*time.Millisecond)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var turns atomic.Int32
		work := func(ctx context.Context, l *Lease) error {
			turns.Add(1)
			for ctx.Err() == nil {
				err := db.Update(ctx, func(tx *store.Tx) error {
					if err := l.Fence(ctx, tx); err != nil {
						return err
					}
					_, err := tx.Exec(ctx, `INSERT INTO written (n, epoch) SELECT count(*), ? FROM written`, l.Epoch())
					return err
				})
				switch {
				case errors.Is(err, ErrLost):
					return err
				case err != nil && ctx.Err() == nil && !store.IsRetryable(err):
					t.Error(err)
				}
			}
			return nil
		}
		var running sync.WaitGroup
		for _, table := range []*Table{a, b} {
			running.Go(func() {
				if err := table.Run(ctx, "pipeline", work); err != nil {
					t.Error(err)
				}
			})
		}
		for turns.Load() < 5 {
			expire(t, db, "pipeline")
			time.Sleep(20 * time.Millisecond)
			update(t, db, `UPDATE leases SET epoch = epoch + 1 WHERE name = 'pipeline'`)
		}
		cancel()
		running.Wait()
		rows, err := db.Reader().Query(t.Context(), `SELECT epoch FROM written ORDER BY n`)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		var last, written int64
		for rows.Next() {
			var epoch int64
			if err := rows.Scan(&epoch); err != nil {
				t.Fatal(err)
			}
			if epoch < last {
				t.Fatalf("the holder %d writes after the holder %d", epoch, last)
			}
			last = epoch
			written++
		}
		if written == 0 || rows.Err() != nil {
			t.Fatalf("%d rows, %v", written, rows.Err())
		}
	})
}

// A fault ends Run and gives the lease back.
func TestFaultEndsRun(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		a, b := open(t, db, time.Hour)
		failure := errors.New("a fault")
		if err := a.Run(t.Context(), "other", func(context.Context, *Lease) error { return failure }); !errors.Is(err, failure) {
			t.Fatalf("a fault ends Run with %v", err)
		}
		if l := acquire(t, b, "other"); l == nil {
			t.Fatal("a fault keeps the lease")
		}
	})
}

// A process that begins has an SQLite file to itself: nobody waits for one that was killed.
func TestStartAfterAKill(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		if db.Dialect() != store.SQLite {
			t.Skip("others may be there")
		}
		a, _ := open(t, db, 0)
		acquire(t, a, "pipeline")
		b, _ := open(t, db, 0)
		if l := acquire(t, b, "pipeline"); l == nil || l.Epoch() != 2 {
			t.Fatalf("the next process gets %+v", l)
		}
	})
}
