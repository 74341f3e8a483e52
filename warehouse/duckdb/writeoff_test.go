package duckdb

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/touchstone-cdp/touchstone/warehouse"
)

// A question that the engine does not let itself be interrupted in costs its lane only for
// seconds, and does not keep the warehouse from closing.
func TestQuestionsThatDoNotEndAreWrittenOff(t *testing.T) {
	w, err := Open(t.Context(), filepath.Join(t.TempDir(), "w.duckdb"), Options{Readers: 1})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second) // the engine has begun by then
	defer cancel()
	began := time.Now()
	// One call of a function, of some minutes.
	_, err = w.Query(ctx, warehouse.Statement{Own: true, SQL: "SELECT repeat('a', 7000) GLOB '*a*a*a*b'"})
	if took := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || took < interruptPatience || took > interruptPatience+30*time.Second {
		t.Errorf("the question ended after %s with %v", took, err)
	}
	if n := testutil.ToFloat64(w.figures.writtenOff); n != 1 {
		t.Errorf("%v questions were written off", n)
	}
	res, err := w.Query(t.Context(), warehouse.Statement{Own: true, SQL: "SELECT 1"})
	if err != nil || res.Rows[0][0] != int64(1) {
		t.Errorf("the next question: %v, %v", res, err)
	}
	began = time.Now()
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 2*closePatience+20*time.Second {
		t.Errorf("closing took %s", took)
	}
	// The call goes on in a thread that nobody waits for; the test program ends it.
}
