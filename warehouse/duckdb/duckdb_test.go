package duckdb_test

import (
	"os"
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

// answerArgument tells the test binary to be a process that answers a statement.
const answerArgument = "answer-statement"

// separate lets statements of people run in processes of their own, as the program does.
func separate() duckdb.Options {
	return duckdb.Options{SQL: duckdb.SQLOptions{Command: []string{os.Args[0], answerArgument}}}
}

func TestContractWithProcesses(t *testing.T) {
	opts := separate()
	opts.SQL.Memory = 1 << 30 // the contract has values of many megabytes
	warehousetest.Run(t, func(t *testing.T, place string) warehouse.Warehouse { return open(t, place, opts) })
}

func TestContract(t *testing.T) {
	warehousetest.Run(t, func(t *testing.T, place string) warehouse.Warehouse { return open(t, place, duckdb.Options{}) })
}
