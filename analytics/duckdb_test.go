package analytics_test

import (
	"path/filepath"
	"testing"

	"github.com/touchstone-cdp/touchstone/analytics/analyticstest"
	"github.com/touchstone-cdp/touchstone/warehouse"
	"github.com/touchstone-cdp/touchstone/warehouse/duckdb"
)

func openDuckDB(t *testing.T) warehouse.Warehouse {
	t.Helper()
	w, err := duckdb.Open(t.Context(), filepath.Join(t.TempDir(), "w.duckdb"), duckdb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func TestDuckDB(t *testing.T) { analyticstest.Run(t, openDuckDB) }
