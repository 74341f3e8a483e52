package sqlite

import (
	"context"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/touchstone-cdp/touchstone/store"
)

// A snapshot is the database as of one moment, while updates go on.
func TestSnapshotUnderUpdates(t *testing.T) {
	db, err := Open(filepath.Join(t.TempDir(), "a dir", "store.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Migrate(t.Context(), "counters", fstest.MapFS{"0001_c.sql": {Data: []byte("-- +goose Up\n" + countersDDL)}}); err != nil {
		t.Fatal(err)
	}
	if got := db.Versions(); len(got) != 1 || got["counters"] != 1 {
		t.Errorf("the versions are %v", got)
	}
	ctx, stop := context.WithCancel(t.Context())
	var updating sync.WaitGroup
	var committed atomic.Int64
	updating.Go(func() { // 200 rows, all with the same number at every moment
		for n := int64(1); ctx.Err() == nil; n++ {
			err := db.Update(context.Background(), func(tx *store.Tx) error {
				return tx.BulkUpsert(context.Background(), counters, 200, func(i int, args []any) { args[0], args[1] = int64(i), n })
			})
			if err != nil {
				t.Error(err)
				return
			}
			committed.Store(n)
		}
	})
	defer updating.Wait()
	defer stop()
	for round := int64(1); round < 5; round++ {
		for committed.Load() < 20*round && !t.Failed() {
			time.Sleep(time.Millisecond)
		}
		before := committed.Load()
		path := filepath.Join(t.TempDir(), "copy.db")
		if err := db.Snapshot(t.Context(), path); err != nil {
			t.Fatal(err)
		}
		after := committed.Load()
		again, err := Open(path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		var rows, least, most int64
		err = again.Reader().QueryRow(t.Context(), "SELECT count(*), min(n), max(n) FROM counters").Scan(&rows, &least, &most)
		if err != nil || rows != 200 || least != most || least < before || most > after+1 {
			t.Errorf("the copy has %d rows from %d to %d (%v); %d updates were committed before it and %d after", rows, least, most, err, before, after)
		}
		again.Close()
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := db.Snapshot(ended, filepath.Join(t.TempDir(), "x.db")); err == nil {
		t.Error("a snapshot does not end with its context")
	}
}
