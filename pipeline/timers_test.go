package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/keep"
	"github.com/touchstone-cdp/touchstone/keep/keeptest"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/storetest"
)

// fired collects what came due: "owner person:7 key".
type fired struct {
	mu   sync.Mutex
	list []string
}

func (f *fired) note(due []touchstone.Timer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, t := range due {
		f.list = append(f.list, t.Owner+" "+t.Subject.String()+" "+t.Key)
	}
}

func (f *fired) all() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Sorted(slices.Values(f.list))
}

func inTx(t testing.TB, db *store.DB, fn func(ctx context.Context, tx *store.Tx) error) {
	t.Helper()
	if err := db.Retry(context.Background(), func(tx *store.Tx) error { return fn(context.Background(), tx) }); err != nil {
		t.Fatal(err)
	}
}

func countTimers(t testing.TB, db *store.DB) (n int) {
	t.Helper()
	if err := db.Reader().QueryRow(context.Background(), `SELECT count(*) FROM timers`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestTimersOfSubjects: timers of any kind of subject are told apart, replaced and cancelled,
// also from outside of a batch, and many that are due at once fire once each.
func TestTimersOfSubjects(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		var f fired
		w.stage.due = f.note
		now := time.Now()
		run := touchstone.Subject{Kind: "run", ID: 7}
		person := touchstone.PersonSubject(7)
		w.stage.set(func(b *touchstone.Batch) error {
			for i := range b.Facts {
				switch b.Facts[i].MessageID {
				case "set":
					b.Timers = append(b.Timers,
						touchstone.Timer{Owner: "o", Subject: run, Key: "a", At: now.Add(-time.Hour)},
						touchstone.Timer{Owner: "o", Subject: person, Key: "a", At: now.Add(-time.Hour)},
						touchstone.Timer{Owner: "o", Subject: person, Key: "far", At: now.Add(time.Hour)},
						touchstone.Timer{Owner: "o", Subject: person, Key: "never", At: now.Add(-time.Hour)},
						touchstone.Timer{Owner: "o", Subject: person, Key: "never"})
				case "cancel":
					b.Timers = append(b.Timers, touchstone.Timer{Owner: "o", Subject: person, Key: "far"}, touchstone.Timer{Owner: "o", Subject: person, Key: "unknown"})
				}
			}
			return nil
		})
		w.start()
		w.append("set")
		w.eventually("both fire", func() bool { return fmt.Sprint(f.all()) == "[o person:7 a o run:7 a]" })
		if n := countTimers(t, db); n != 1 {
			t.Errorf("%d timers are left, want that which is far", n)
		}
		w.append("cancel")
		w.eventually("it is cancelled", func() bool { return countTimers(t, db) == 0 })

		// Others set timers too, and more than one batch takes.
		const many = maxDueTimers + 500
		inTx(t, db, func(ctx context.Context, tx *store.Tx) error {
			list := make([]touchstone.Timer, many)
			for i := range list {
				list[i] = touchstone.Timer{Owner: "reactor", Subject: touchstone.Subject{Kind: "run", ID: int64(i)}, Key: "k", At: now}
			}
			return SetTimers(ctx, tx, list...)
		})
		w.eventually("all fire", func() bool { return len(f.all()) == many+2 })
		if all := f.all(); len(slices.Compact(all)) != many+2 || countTimers(t, db) != 0 {
			t.Error("some fired twice, or stayed")
		}
	})
}

// TestAFailingOwnerHoldsBackItsOwnTimersOnly, and they fire once it is mended.
func TestAFailingOwnerHoldsBackItsOwnTimersOnly(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		var f fired
		w.stage.due = f.note
		mended := false
		w.stage.set(func(b *touchstone.Batch) error {
			if i := slices.IndexFunc(b.Due, func(t touchstone.Timer) bool { return t.Owner == "bad" }); i >= 0 && !mended {
				return errPoison
			}
			return nil
		})
		w.start()
		soon := time.Now().Add(100 * time.Millisecond)
		inTx(t, db, func(ctx context.Context, tx *store.Tx) error {
			return SetTimers(ctx, tx,
				touchstone.Timer{Owner: "bad", Subject: touchstone.PersonSubject(1), Key: "a", At: soon},
				touchstone.Timer{Owner: "good", Subject: touchstone.PersonSubject(1), Key: "a", At: soon},
				touchstone.Timer{Owner: "good", Subject: touchstone.PersonSubject(1), Key: "b", At: soon.Add(4 * time.Second)})
		})
		w.eventually("the others' fire, now and later", func() bool { return slices.Contains(f.all(), "good person:1 b") })
		w.append("e")
		w.eventually("events go on", func() bool { return w.p.Totals().Processed == 1 })
		list := w.p.Troubles()
		if got := fmt.Sprint(f.all()); got != "[good person:1 a good person:1 b]" || len(list) != 1 || !strings.Contains(list[0].Err.Error(), "those of bad") {
			t.Errorf("fired %s, troubles %v", got, list)
		}
		w.stop()
		mended = true
		w.start()
		w.eventually("they fire", func() bool { return slices.Contains(f.all(), "bad person:1 a") })
		w.eventually("nothing is told any more", func() bool { return len(w.p.Troubles()) == 0 })
	})
}

// TestTimersOfEarlierReleasesStay: the table from before, which knew persons only, is carried over.
func TestTimersOfEarlierReleasesStay(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		before := fstest.MapFS{}
		names, err := fs.Glob(store.Migrations(migrationFiles), "*.sql")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if path.Base(name) < "0004" {
				data, err := fs.ReadFile(store.Migrations(migrationFiles), name)
				if err != nil {
					t.Fatal(err)
				}
				before[name] = &fstest.MapFile{Data: data}
			}
		}
		if err := db.Migrate(t.Context(), "pipeline", before); err != nil {
			t.Fatal(err)
		}
		inTx(t, db, func(ctx context.Context, tx *store.Tx) error {
			return errors.Join(execute(ctx, tx, `INSERT INTO timers (owner, person, name, due_at) VALUES ('segment', 7, '', 1000)`),
				execute(ctx, tx, `INSERT INTO timers (owner, person, name, due_at) VALUES ('profile', 7, 'rebuild', 2000)`))
		})
		if err := db.Migrate(t.Context(), "pipeline", store.Migrations(migrationFiles)); err != nil {
			t.Fatal(err)
		}
		list, err := (&alarm{}).due(t.Context(), db.Reader(), time.UnixMilli(5000))
		if want := fmt.Sprint([]touchstone.Timer{
			{Owner: "segment", Subject: touchstone.PersonSubject(7), At: time.UnixMilli(1000).UTC()},
			{Owner: "profile", Subject: touchstone.PersonSubject(7), Key: "rebuild", At: time.UnixMilli(2000).UTC()},
		}); err != nil || fmt.Sprint(list) != want {
			t.Errorf("got %v, %v\nwant %s", list, err, want)
		}
	})
}

func execute(ctx context.Context, tx *store.Tx, query string) error {
	_, err := tx.Exec(ctx, query)
	return err
}

// TestTimersFollowAMerge: those of the absorbed become the other's; of two the earlier stays.
func TestTimersFollowAMerge(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		if err := db.Migrate(t.Context(), "pipeline", store.Migrations(migrationFiles)); err != nil {
			t.Fatal(err)
		}
		at := func(s int) time.Time { return time.Unix(int64(s), 0).UTC() }
		of := touchstone.PersonSubject
		inTx(t, db, func(ctx context.Context, tx *store.Tx) error {
			if err := SetTimers(ctx, tx,
				touchstone.Timer{Owner: "a", Subject: of(1), Key: "k", At: at(5)}, touchstone.Timer{Owner: "a", Subject: of(2), Key: "k", At: at(3)},
				touchstone.Timer{Owner: "a", Subject: of(3), Key: "k", At: at(4)}, touchstone.Timer{Owner: "b", Subject: of(1), Key: "k", At: at(1)},
				touchstone.Timer{Owner: "b", Subject: of(3), Key: "k", At: at(2)}, touchstone.Timer{Owner: "b", Subject: of(3), Key: "only", At: at(9)},
				touchstone.Timer{Owner: "b", Subject: touchstone.Subject{Kind: "run", ID: 3}, Key: "k", At: at(7)}); err != nil {
				return err
			}
			return Keeper().Merge(ctx, tx, []keep.Merge{{Into: 2, From: 3}, {Into: 1, From: 2}})
		})
		list, err := (&alarm{}).due(t.Context(), db.Reader(), at(100))
		var got []string
		for _, t := range list {
			got = append(got, fmt.Sprint(t.Owner, t.Subject, t.Key, t.At.Unix()))
		}
		if want := "[bperson:1k1 aperson:1k3 brun:3k7 bperson:1only9]"; err != nil || fmt.Sprint(got) != want {
			t.Errorf("got %v, %v, want %s", got, err, want)
		}
	})
}

// TestKeeper plays lives to the timers: nothing of an erased person stays, and none is set for
// somebody who was absorbed. What a split leaves with the older person is not promised.
func TestKeeper(t *testing.T) {
	keeptest.Exercise(t, func(t testing.TB, w *keeptest.World) keeptest.Feature {
		if err := w.DB.Migrate(context.Background(), "pipeline", store.Migrations(migrationFiles)); err != nil {
			t.Fatal(err)
		}
		return keeptest.Feature{
			Keeper: Keeper(),
			Apply: func(ctx context.Context, tx *store.Tx, b *touchstone.Batch) error {
				for i := range b.Facts {
					f := &b.Facts[i]
					b.Timers = append(b.Timers, touchstone.Timer{Owner: "o", Subject: touchstone.PersonSubject(f.Then()), Key: fmt.Sprint(int64(f.Seq)), At: b.Now.Add(time.Hour)})
				}
				return SetTimers(ctx, tx, timersOf(b)...)
			},
			Promise: func(string, any) any { return nil },
		}
	})
}
