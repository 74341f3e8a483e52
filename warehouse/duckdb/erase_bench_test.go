package duckdb

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/warehouse"
)

// BenchmarkErase erases sixty nodes of a generated history at a time, as a command of an erasure does;
// TOUCHSTONE_BENCH_EVENTS says how many events it has.
func BenchmarkErase(b *testing.B) {
	events := int64(2_000_000)
	if text := os.Getenv("TOUCHSTONE_BENCH_EVENTS"); text != "" {
		var err error
		if events, err = strconv.ParseInt(text, 10, 64); err != nil {
			b.Fatal(err)
		}
	}
	w, err := Open(b.Context(), filepath.Join(b.TempDir(), "w.duckdb"), Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer w.Close()
	if err := w.Generate(b.Context(), events, events/20); err != nil {
		b.Fatal(err)
	}
	before, err := w.Position(b.Context(), 0)
	if err != nil {
		b.Fatal(err)
	}
	next, version := touchstone.NodeID(1), before.OverrideVersion
	for b.Loop() {
		var gone []touchstone.NodeID
		for range 60 {
			gone = append(gone, next)
			next += 7
		}
		version++
		if err := w.Append(b.Context(), warehouse.Commit{Through: before.Through, OverrideVersion: version, Erased: gone}); err != nil {
			b.Fatal(err)
		}
	}
	after, err := w.Position(b.Context(), 0)
	if err != nil || after.Erased == before.Erased {
		b.Fatalf("%d events were erased, %v", after.Erased-before.Erased, err)
	}
	b.ReportMetric(float64(after.Erased-before.Erased)/float64(b.N), "events/op")
}
