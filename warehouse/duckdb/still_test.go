package duckdb_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/touchstone-cdp/touchstone/warehouse"
	"github.com/touchstone-cdp/touchstone/warehouse/duckdb"
)

// The files copied while the warehouse is still are the warehouse after one append, with
// appends and questions all around.
func TestStillUnderAppends(t *testing.T) {
	dir := t.TempDir()
	w := open(t, dir, duckdb.Options{CheckpointSize: "1MB"})
	defer w.Close()
	ctx, stop := context.WithCancel(t.Context())
	var busy sync.WaitGroup
	var appended atomic.Uint64
	busy.Go(func() {
		for offset := uint64(1); ctx.Err() == nil; offset++ {
			if err := w.Append(context.Background(), crashRecord(offset)); err != nil {
				t.Error(err)
				return
			}
			appended.Store(offset)
		}
	})
	busy.Go(func() {
		for ctx.Err() == nil {
			if _, err := w.Query(context.Background(), warehouse.Statement{SQL: "SELECT count(*), max(context) FROM events"}); err != nil {
				t.Error(err)
				return
			}
		}
	})
	defer busy.Wait()
	defer stop()
	for round := uint64(1); round < 5; round++ {
		for appended.Load() < 10*round && !t.Failed() {
			time.Sleep(time.Millisecond)
		}
		to := t.TempDir()
		var during uint64
		err := w.Still(t.Context(), func(files []duckdb.StillFile) error {
			during = appended.Load()
			for _, f := range files {
				data, err := io.ReadAll(f.Content)
				if err != nil {
					return err
				}
				if err := os.WriteFile(filepath.Join(to, f.Name), data, 0o600); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		copied := open(t, to, duckdb.Options{})
		p, err := copied.Position(t.Context(), 0)
		if err != nil || uint64(p.Through) < during || uint64(p.Through) > during+1 {
			t.Errorf("the copy stands at %d, %v; it was made at %d", p.Through, err, during)
		}
		checkAppended(t, copied, uint64(p.Through))
		if err := copied.Append(t.Context(), crashRecord(uint64(p.Through)+1)); err != nil {
			t.Error(err)
		}
		copied.Close()
	}
}
