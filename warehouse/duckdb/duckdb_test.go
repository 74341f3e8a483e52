package duckdb_test

import (
	"path/filepath"
	"testing"

	"github.com/touchstone-cdp/touchstone/warehouse"
	"github.com/touchstone-cdp/touchstone/warehouse/duckdb"
	"github.com/touchstone-cdp/touchstone/warehouse/warehousetest"
)

func open(t testing.TB, dir string, opts duckdb.Options) *duckdb.Warehouse {
	t.Helper()
	w, err := duckdb.Open(t.Context(), filepath.Join(dir, "w.duckdb"), opts)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestContract(t *testing.T) {
	warehousetest.Run(t, func(t *testing.T, place string) warehouse.Warehouse { return open(t, place, duckdb.Options{}) })
}
