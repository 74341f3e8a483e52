package duckdb

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/warehouse"
)

func TestStatementsThatWouldMakeHugeValuesAreRefused(t *testing.T) {
	w, err := Open(t.Context(), filepath.Join(t.TempDir(), "w.duckdb"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	run := func(sql string) error {
		_, err := w.Query(context.Background(), warehouse.Statement{SQL: sql})
		return err
	}
	for _, sql := range []string{
		"select repeat('x', 2000000000)", `select "REPEAT"/**/('x', 1e9::int)`, "select 'x'.repeat(2000000000)", "select repeat(repeat(repeat('x', 1000), 1000), 1000)",
		"with a as (select repeat('x', 900000) s) select repeat(s, 900) from a", "select repeat('x', range) from range(10)", "select lpad('x', 1000000000, 'y')", "select rpad('x', 1000000000, 'y')",
		"select range(100000000)", "select unnest(range(100000000))", "select generate_series(timestamp '1900-01-01', timestamp '2100-01-01', interval '1 second')", "select [x for x in range(1000000000)]",
		"select * from (select range(1 + 100000000)) t", "select list_resize([1], 1000000000)", "select bitstring('1', 1000000000)", "select to_base(1, 2, 1000000)||repeat('x', 1000)",
		"select format('{:>1000000000}', 'x')", "select format('{:>{}}', 'x', 1000000000)", "select printf('%*d', 1000000000, 1)", "select format(event, 1) from events", "select sleep_ms(100000)", "select touchstone_scan(1, 2)", "select Main.\"TouchStone_Scan\"(1, node) from events",
		"from query('select 1')", "explain analyze select repeat('x', 1000000000)", "select 1 from range(10) t(x) where length(repeat('x', 1000000000)) > 1", "from range(10) order by repeat('x', 1000000000)",
		"select system.main.repeat('x', 1000000000)", "pivot (select range a, repeat('x', 1000000000) b from range(2)) on a using count(*)",
	} {
		if err := run(sql); touchstone.KindOf(err) != touchstone.Invalid {
			t.Errorf("%s: %v", sql, err)
		}
	}
	for _, sql := range []string{
		"select repeat('x', 1000)", "select lpad(cast(range as varchar), 8, '0') from range(1000)", "select count(*) from range(1000000)", "select * from generate_series(timestamp '2026-01-01', timestamp '2026-02-01', interval '1 day')",
		"select unnest(range(10))", "select range(0, 100, 10)", "select format('{:,}', 1234567), printf('%05.1f', 3.5)", "select properties->>'repeat', 'query range' from events", "select rank() over (range between unbounded preceding and current row) from range(3)",
		"select count(*) as query from events", "select replace('format', 'f', 'F')",
	} {
		if err := run(sql); err != nil {
			t.Errorf("%s: %v", sql, err)
		}
	}
}

// A result of few but large values ends before it fills the memory.
func TestResultsAreBoundedInBytes(t *testing.T) {
	w, err := Open(t.Context(), filepath.Join(t.TempDir(), "w.duckdb"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for _, value := range []string{"repeat('x', 30000)", "list_value(" + strings.TrimSuffix(strings.Repeat("range,", 900), ",") + ")", "{'a': repeat('x', 30000)}"} {
		r, err := w.Query(t.Context(), warehouse.Statement{SQL: fmt.Sprintf("select %s from range(10000)", value)})
		if err != nil {
			t.Fatal(err)
		}
		size := 0
		for _, row := range r.Rows {
			size += sizeOf(row[0])
		}
		if !r.Truncated || size > 4*maxResultBytes {
			t.Errorf("%.40s: %d rows of %d bytes, truncated %t", value, len(r.Rows), size, r.Truncated)
		}
	}
}

// Questions that take all the time allowed hold up neither the sink nor the health check,
// and those that wait behind them are told that the warehouse is busy.
func TestHeavyQuestionsDoNotHoldUpTheWarehouse(t *testing.T) {
	w, err := Open(t.Context(), filepath.Join(t.TempDir(), "w.duckdb"), Options{Readers: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	long, end := context.WithCancel(t.Context())
	defer end()
	var asked sync.WaitGroup
	for range 2 {
		asked.Go(func() {
			_, _ = w.Query(long, warehouse.Statement{SQL: "select sum(a.range * b.range) from range(100000000) a, range(1000000) b"})
		})
	}
	for len(w.readers.idle) > 0 {
		time.Sleep(time.Millisecond)
	}
	short, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if _, err := w.Position(short, 0); err != nil {
		t.Errorf("Position: %v", err)
	}
	if _, err := w.Count(short); err != nil {
		t.Errorf("Count: %v", err)
	}
	wait, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := w.Query(wait, warehouse.Statement{SQL: "select 1"}); touchstone.KindOf(err) != touchstone.Unavailable {
		t.Errorf("a question that waited in vain: %v", err)
	}
	end()
	asked.Wait()
}
