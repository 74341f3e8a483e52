package pipeline

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/storetest"
	"github.com/touchstone-cdp/touchstone/stream"
	"github.com/touchstone-cdp/touchstone/stream/memory"
)

// ledger is a stage that writes each event it sees, and each timer that fires, into a table, and can
// be told to fail.
type ledger struct {
	failures  atomic.Int64 // how many of the next batches fail
	rollbacks atomic.Int64
	apply     func(b *touchstone.Batch)
}

func (l *ledger) Name() string { return "ledger" }
func (l *ledger) Rollback()    { l.rollbacks.Add(1) }

func (l *ledger) Apply(ctx context.Context, tx *store.Tx, b *touchstone.Batch) error {
	for _, f := range b.Facts {
		if _, err := tx.Exec(ctx, `INSERT INTO seen (seq, message_id) VALUES (?, ?)`, int64(f.Seq), f.MessageID); err != nil {
			return err
		}
	}
	for _, d := range b.Due {
		if _, err := tx.Exec(ctx, `INSERT INTO fired (place, name) VALUES ((SELECT count(*) FROM fired), ?)`, d.Key); err != nil {
			return err
		}
	}
	if l.apply != nil {
		l.apply(b)
	}
	if l.failures.Add(-1) >= 0 {
		return errors.New("told to fail")
	}
	return nil
}

// rig is a pipeline on a log in memory and a real database.
type rig struct {
	*testing.T
	log   stream.Log
	db    *store.DB
	stage *ledger
	p     *Pipeline
	stop  func()
}

func newRig(t *testing.T, db *store.DB) *rig {
	r := &rig{T: t, log: memory.New(1, touchstone.SystemClock{}), db: db, stage: &ledger{}, stop: func() {}}
	err := db.Update(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Exec(t.Context(), `CREATE TABLE seen (seq BIGINT PRIMARY KEY, message_id TEXT NOT NULL)`)
		if err == nil {
			_, err = tx.Exec(t.Context(), `CREATE TABLE fired (place BIGINT NOT NULL, name TEXT NOT NULL)`)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// start runs a fresh pipeline, as after a restart of the process.
func (r *rig) start() {
	r.Helper()
	r.startWith(func(*Config) {})
}

func (r *rig) startWith(change func(*Config)) {
	r.Helper()
	cfg := Config{Log: r.log, DB: r.db, Stages: []Stage{r.stage}, MinInterval: time.Millisecond,
		Reject: func(context.Context, *store.Tx, []touchstone.Fact) error { return nil }}
	change(&cfg)
	p, err := New(r.Context(), cfg)
	if err != nil {
		r.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx, nil) }()
	r.p = p
	r.stop = func() {
		cancel()
		if err := <-done; err != nil {
			r.Error(err)
		}
		r.stop = func() {}
	}
	r.Cleanup(func() { r.stop() })
}

func (r *rig) append(ids ...string) {
	r.Helper()
	var frames []byte
	for _, id := range ids {
		e := touchstone.Event{Type: touchstone.Track, MessageID: id, Name: "x", Time: time.Now(), ReceivedAt: time.Now(),
			Identifiers: []touchstone.Identifier{{Kind: touchstone.KindUserID, Value: "u"}}}
		if id == "bad" {
			e = touchstone.Event{Type: touchstone.Rejected, Reason: "bad", Raw: "{}", Time: time.Now(), ReceivedAt: time.Now()}
		}
		frames = stream.AppendFrame(frames, touchstone.AppendEvent(nil, &e))
	}
	if _, err := r.log.Append(r.Context(), 0, stream.EncodeRecord(nil, frames, len(ids))); err != nil {
		r.Fatal(err)
	}
}

func (r *rig) appendEvent(e touchstone.Event) {
	r.Helper()
	if _, err := r.log.Append(r.Context(), 0, stream.EncodeRecord(nil, stream.AppendFrame(nil, touchstone.AppendEvent(nil, &e)), 1)); err != nil {
		r.Fatal(err)
	}
}

// toCome is how long tests wait for what must come. It is no measure of anything: a machine may be
// slow, and busy with other things, and only a test that fails waits for so long.
const toCome = 2 * time.Minute

// await waits until something is so.
func (r *rig) await(what string, ok func() bool) {
	r.Helper()
	for deadline := time.Now().Add(toCome); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			r.Fatalf("waited in vain for %s, at %+v", what, r.p.Totals())
		}
	}
}

// drain waits until the pipeline has consumed n events and checks that every row is there once.
func (r *rig) drain(want Totals) {
	r.Helper()
	r.await(fmt.Sprintf("%+v", want), func() bool { return r.p.Totals().Consumed() >= want.Consumed() })
	if got := r.p.Totals(); got != want {
		r.Errorf("totals %+v, want %+v", got, want)
	}
	var rows, ids int64
	if err := r.db.Reader().QueryRow(r.Context(), `SELECT count(*), count(DISTINCT message_id) FROM seen`).Scan(&rows, &ids); err != nil {
		r.Fatal(err)
	}
	if rows != want.Processed || ids != want.Processed {
		r.Errorf("%d rows with %d ids, want %d", rows, ids, want.Processed)
	}
}

func TestEachEventOnceThroughFailuresAndRestarts(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		r := newRig(t, db)
		r.append("a", "b", "bad")
		r.stage.failures.Store(2)
		r.start()
		r.drain(Totals{Processed: 2, Rejected: 1})
		if r.stage.rollbacks.Load() != 3 { // one at the start
			t.Errorf("%d rollbacks, want 3", r.stage.rollbacks.Load())
		}
		r.append("c", "a", "c") // one seen before, one twice in the same record
		r.drain(Totals{Processed: 3, Rejected: 1, Duplicates: 2})

		r.stop()
		r.append("b", "d")
		r.start()
		if n, err := r.p.Accepted(t.Context()); err != nil || n != 8 { // committed or not
			t.Errorf("%d events accepted, want 8: %v", n, err)
		}
		r.drain(Totals{Processed: 4, Rejected: 1, Duplicates: 3})
		dropped, err := droppedIn(t.Context(), db.Reader(), 0, 1, 100)
		if err != nil || len(dropped) != 3 || !dropped[touchstone.MakeSeq(0, 2, 1)] || !dropped[touchstone.MakeSeq(0, 2, 2)] || !dropped[touchstone.MakeSeq(0, 3, 0)] {
			t.Errorf("dropped %v, %v", dropped, err)
		}
	})
}

func TestFailedBatchLeavesNoIDsBehind(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		r := newRig(t, db)
		r.stage.failures.Store(1)
		r.start()
		var ids []string
		for i := range 500 {
			ids = append(ids, fmt.Sprint("m", i))
		}
		r.append(ids...)
		r.drain(Totals{Processed: 500})
	})
}

func TestTimersFireOnceAndSurviveRestarts(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		r := newRig(t, db)
		r.stage.apply = func(b *touchstone.Batch) {
			for _, f := range b.Facts {
				in := map[string]time.Duration{"soon": 80 * time.Millisecond, "later": 400 * time.Millisecond}[f.MessageID]
				b.Timers = append(b.Timers, touchstone.Timer{Owner: "ledger", Subject: touchstone.PersonSubject(7), Key: f.MessageID, At: b.Now.Add(in)})
			}
		}
		r.start()
		r.append("soon", "later")
		r.drain(Totals{Processed: 2})
		r.stop()
		r.start()
		fired := func() (keys []string) {
			rows, err := db.Reader().Query(t.Context(), `SELECT name FROM fired ORDER BY place`)
			if err != nil {
				t.Fatal(err)
			}
			defer rows.Close()
			for rows.Next() {
				var key string
				if err := rows.Scan(&key); err != nil {
					t.Fatal(err)
				}
				keys = append(keys, key)
			}
			if err := rows.Err(); err != nil {
				t.Fatal(err)
			}
			return keys
		}
		r.await("both fire", func() bool { return len(fired()) >= 2 })
		time.Sleep(50 * time.Millisecond)
		if got := fmt.Sprint(fired()); got != "[soon later]" {
			t.Errorf("fired %s", got)
		}
	})
}

func TestWindowForgetsOldIDsAndKeepsItsBound(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	w := newWindow(24*time.Hour, 50_000, now)
	for h := range 100 { // 4 days, 1000 ids an hour
		at := now.Add(time.Duration(h) * time.Hour)
		w.expire(at)
		for i := range 1000 {
			if !w.add(spread(h*1000+i), at) {
				t.Fatalf("hour %d: id %d is taken for a duplicate", h, i)
			}
		}
		for back := range min(h, 24) {
			if w.add(spread((h-back)*1000+5), at) {
				t.Fatalf("hour %d: the id of %d hours ago is forgotten", h, back)
			}
		}
	}
	slots := 0
	for _, tab := range w.tables {
		slots += len(tab.keys)
	}
	if w.total > 26_000 || slots > 60_000 {
		t.Errorf("%d ids in %d slots", w.total, slots)
	}
	at := now.Add(101 * time.Hour)
	w.expire(at)
	if !w.add(spread(5), at) {
		t.Error("an id of four days ago is remembered")
	}
	for i := range 100_000 {
		w.add(spread(1_000_000_000+i), at)
	}
	w.expire(at.Add(2 * time.Hour))
	if w.total > 50_000 || w.shortened == 0 {
		t.Errorf("%d ids are held, the bound is 50,000 (shortened %d)", w.total, w.shortened)
	}
}

func TestWindowTakesBackFailedAdds(t *testing.T) {
	now := time.Now()
	w := newWindow(time.Hour, 1000, now)
	for i := range 3000 {
		w.add(spread(i+1), now)
	}
	for i := range 3000 {
		w.remove(spread(i + 1))
	}
	for i := range 3000 {
		if !w.add(spread(i+1), now) {
			t.Fatalf("%d is still there", i)
		}
	}
}

// spread makes well-mixed hashes of small numbers.
func spread(n int) uint64 { return uint64(n) * 0x9e3779b97f4a7c15 }

// A log that ends before what was committed is another log: its records would pass for old ones.
func TestALostLogIsRefused(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		r := newRig(t, db)
		r.start()
		r.append("a", "b")
		r.drain(Totals{Processed: 2})
		r.stop()
		_, err := New(t.Context(), Config{Log: memory.New(1, touchstone.SystemClock{}), DB: db})
		if touchstone.KindOf(err) != touchstone.Conflict {
			t.Errorf("got %v", err)
		}
	})
}
