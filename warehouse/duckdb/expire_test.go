package duckdb

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/warehouse"
)

// Events go by name, source and time; those of nodes that are kept stay; what went is counted, once,
// also by a file that is opened again; a trial counts only.
func TestExpire(t *testing.T) {
	path, start := filepath.Join(t.TempDir(), "w.duckdb"), time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	w, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var facts []touchstone.Fact
	for i := range 40 {
		f := touchstone.Fact{Seq: touchstone.MakeSeq(0, uint64(i+1), 0), Node: touchstone.NodeID(1 + i%2)} //nolint:gosec // few
		f.Type, f.MessageID, f.Name, f.Source = touchstone.Track, fmt.Sprint("m", i), []string{"A", "B"}[i/2%2], []string{"web", "app"}[i/4%2]
		f.Time = start.AddDate(0, 0, -i)
		f.ReceivedAt = start
		facts = append(facts, f)
	}
	if err := w.Append(t.Context(), warehouse.Commit{Through: 40, Facts: facts}); err != nil {
		t.Fatal(err)
	}
	expire := func(e warehouse.Expiry, want int64) {
		t.Helper()
		e.Trial = true
		if n, err := w.Expire(t.Context(), e); err != nil || n != want {
			t.Errorf("%+v: %d would go, %v, want %d", e, n, err, want)
		}
		e.Trial = false
		if n, err := w.Expire(t.Context(), e); err != nil || n != want {
			t.Errorf("%+v: %d went, %v, want %d", e, n, err, want)
		}
		if n, err := w.Expire(t.Context(), e); err != nil || n != 0 {
			t.Errorf("%+v again: %d went, %v", e, n, err)
		}
	}
	expire(warehouse.Expiry{Event: "nothing", Before: start}, 0)
	expire(warehouse.Expiry{Event: "A", Source: "web", Before: start.AddDate(0, 0, -20)}, 4)
	if at, ok, err := w.Oldest(t.Context(), warehouse.Expiry{Before: start, Keep: []touchstone.NodeID{2}}); err != nil || !ok || !at.Equal(start.AddDate(0, 0, -38)) {
		t.Errorf("the oldest is of %v, %v, %v", at, ok, err)
	}
	expire(warehouse.Expiry{Before: start.AddDate(0, 0, -29), Keep: []touchstone.NodeID{1}}, 4)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if w, err = Open(t.Context(), path, Options{}); err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	pos, err := w.Position(t.Context(), 0)
	n, err2 := w.Count(t.Context())
	if err != nil || err2 != nil || pos.Erased+n != 40 || pos.Erased != 8 || pos.Through != 40 {
		t.Errorf("%+v, %d are left, %v, %v", pos, n, err, err2)
	}
	if err := w.Append(t.Context(), warehouse.Commit{Through: 40, Facts: facts}); err != nil { // they do not come back by a commit that is repeated
		t.Fatal(err)
	}
	if again, err := w.Count(t.Context()); err != nil || again != n {
		t.Errorf("%d, %v", again, err)
	}
}
