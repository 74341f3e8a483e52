package duckdb_test

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/stream"
	"github.com/touchstone-cdp/touchstone/warehouse"
	"github.com/touchstone-cdp/touchstone/warehouse/duckdb"
	"github.com/touchstone-cdp/touchstone/warehouse/warehousetest"
)

// TestRandomStatements asks random statements while events are appended: each ends in time
// with rows or with words for its author. TOUCHSTONE_FUZZ_STATEMENTS is how many (10,000),
// TOUCHSTONE_FUZZ_SECONDS how long at most (15), TOUCHSTONE_FUZZ_SEED which.
func TestRandomStatements(t *testing.T) {
	most, seconds, seed := fuzz("STATEMENTS", 10_000), fuzz("SECONDS", 15), fuzz("SEED", int(rand.Uint32()))
	t.Logf("TOUCHSTONE_FUZZ_SEED=%d", seed)
	opts := separate()
	opts.CheckpointSize, opts.SQL.Waiting, opts.Metrics, opts.Logger = "4MB", 100, prometheus.NewRegistry(), slog.New(slog.NewTextHandler(t.Output(), nil))
	w := open(t, t.TempDir(), opts)
	defer w.Close()
	functions := column(t, w, "SELECT DISTINCT function_name FROM duckdb_functions() ORDER BY 1")
	stop := make(chan struct{})
	var beside sync.WaitGroup
	appended := uint64(0)
	beside.Go(func() {
		for {
			if err := w.Append(t.Context(), warehouse.Commit{Through: stream.Offset(appended + 1), Facts: webFacts(50, appended+1)}); err != nil {
				t.Error(err)
				return
			}
			appended++
			select {
			case <-stop:
				return
			case <-time.After(50 * time.Millisecond):
			}
		}
	})
	var next, answered, refused, late, busy atomic.Int64
	deadline := time.Now().Add(time.Duration(seconds) * time.Second)
	var askers sync.WaitGroup
	for range 4 {
		askers.Go(func() {
			for time.Now().Before(deadline) && !t.Failed() {
				n := next.Add(1)
				if n > int64(most) {
					return
				}
				sql := (&warehousetest.Statements{R: rand.New(rand.NewPCG(uint64(seed), uint64(n))), Functions: functions}).Next()
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
				_, err := w.Query(ctx, warehouse.Statement{SQL: sql, MaxRows: 1000})
				cancel()
				switch {
				case err == nil:
					answered.Add(1)
				case errors.Is(err, context.DeadlineExceeded):
					late.Add(1)
				case touchstone.KindOf(err) == touchstone.Invalid:
					refused.Add(1)
				case touchstone.KindOf(err) == touchstone.Unavailable:
					busy.Add(1)
				default:
					t.Errorf("statement %d of seed %d: %v\n%.2000s", n, seed, err, sql)
				}
			}
		})
	}
	askers.Wait()
	close(stop)
	beside.Wait()
	t.Logf("%d answered, %d refused, %d late, %d busy, %v processes failed; %d commits meanwhile", answered.Load(), refused.Load(), late.Load(), busy.Load(), counted(t, opts.Metrics.(*prometheus.Registry), "touchstone_sql_crashes_total"), appended)
	if n, err := w.Count(t.Context()); err != nil || n != int64(appended)*50 {
		t.Errorf("there are %d events, %v, want %d", n, err, appended*50)
	}
	if (answered.Load()+late.Load())*20 < refused.Load() { // a busy machine is late with what is right
		t.Error("hardly a statement was answered")
	}
}

func fuzz(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv("TOUCHSTONE_FUZZ_" + name)); err == nil {
		return n
	}
	return otherwise
}

func column(t *testing.T, w *duckdb.Warehouse, sql string) (values []string) {
	t.Helper()
	res, err := w.Query(t.Context(), warehouse.Statement{SQL: sql, Own: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range res.Rows {
		values = append(values, row[0].(string))
	}
	return values
}
