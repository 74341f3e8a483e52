package duckdb_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/stream"
	"github.com/touchstone-cdp/touchstone/warehouse"
	"github.com/touchstone-cdp/touchstone/warehouse/duckdb"
)

// Processes that answer statements see whole commits, each at least those that were done
// when it was asked, while others come in and checkpoints are made.
func TestProcessesSeeWholeCommits(t *testing.T) {
	const events, commits, least = 500, 150, 5 // of each as many, at least
	var told atomic.Int64                      // statements that were answered
	opts := separate()
	opts.CheckpointSize = "4MB"
	w := open(t, t.TempDir(), opts)
	defer w.Close()
	var mu sync.Mutex
	done := int64(0)
	appended := make(chan error, 1)
	go func() {
		for i := uint64(1); i <= commits || told.Load() < least && i < 20*commits; i++ {
			if err := w.Append(context.Background(), warehouse.Commit{Through: stream.Offset(i), Facts: webFacts(events, i)}); err != nil {
				appended <- err
				return
			}
			mu.Lock()
			done++
			mu.Unlock()
		}
		appended <- nil
	}()
	asked, busy := 0, 0
	for running := true; running; asked++ {
		select {
		case err := <-appended:
			if err != nil {
				t.Fatal(err)
			}
			running = false
		default:
		}
		mu.Lock()
		seen := done
		mu.Unlock()
		res, err := w.Query(t.Context(), warehouse.Statement{SQL: "SELECT count(*), count(DISTINCT message_id), count(DISTINCT properties), min(n) FROM (SELECT *, count(*) OVER (PARTITION BY seq // 65536) AS n FROM events)"})
		if touchstone.KindOf(err) == touchstone.Unavailable { // overtaken by checkpoints
			busy++
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		n, distinct, whole := res.Rows[0][0].(int64), res.Rows[0][1], res.Rows[0][3]
		if n < seen*events || n%events != 0 || distinct != n || n > 0 && whole != int64(events) {
			t.Fatalf("after %d commits of %d events a process sees %v", seen, events, res.Rows[0])
		}
		told.Add(1)
	}
	t.Logf("%d statements beside %d commits, %d overtaken", asked, commits, busy)
	if told.Load() < least {
		t.Errorf("%d statements, %d overtaken", asked, busy)
	}
}

// A statement that takes long holds checkpoints back, but not for ever: when the log has
// come to several times its size, the statement is ended and the log is folded.
func TestLongStatementsDoNotHoldCheckpointsForEver(t *testing.T) {
	dir := t.TempDir()
	opts := separate()
	opts.CheckpointSize = "400KB"
	w := open(t, dir, opts)
	defer w.Close()
	wal := func() int64 {
		st, err := os.Stat(filepath.Join(dir, "w.duckdb.wal"))
		if err != nil {
			return 0
		}
		return st.Size()
	}
	next := uint64(0)
	add := func() {
		t.Helper()
		next++
		if err := w.Append(t.Context(), warehouse.Commit{Through: stream.Offset(next), Facts: webFacts(200, next)}); err != nil {
			t.Fatal(err)
		}
	}
	add()
	for range 100 { // without statements
		add()
		if size := wal(); size > 500_000 {
			t.Fatalf("the log has %d bytes", size)
		}
	}
	ended := make(chan error, 1)
	go func() {
		_, err := w.Query(context.Background(), warehouse.Statement{SQL: "SELECT sum(hash(xor(xor(a.seq, b.seq), c.seq))) FROM events a, events b, events c"})
		ended <- err
	}()
	awaitFile(t, filepath.Join(dir, "w.duckdb.sql", "*", "warehouse.duckdb"))
	largest := int64(0)
	var err error
	for i := 0; err == nil && i < 500; i++ {
		add()
		largest = max(largest, wal())
		select {
		case err = <-ended:
		default:
		}
	}
	if touchstone.KindOf(err) != touchstone.Unavailable || !strings.Contains(err.Error(), "shorter range") {
		t.Errorf("the statement that was overtaken: %v", err)
	}
	if size := wal(); largest < 1_000_000 || largest > 2_000_000 || size > 500_000 {
		t.Errorf("the log came to %d bytes, and has %d now", largest, size)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "w.duckdb.sql", "*")); len(left) > 0 {
		t.Errorf("the statement left %v", left)
	}
	// The log is over its size when the last commit has come: the next statement folds it.
	held, err := w.Hold(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for wal() < 900_000 {
		add()
	}
	held()
	soon, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if _, err := w.Query(soon, warehouse.Statement{SQL: "SELECT 1"}); err != nil || wal() > 0 {
		t.Errorf("a statement after the last commit: %v; the log has %d bytes", err, wal())
	}
	if n, err := w.Count(t.Context()); err != nil || n != int64(next)*200 {
		t.Errorf("there are %d events, %v, want %d", n, err, next*200)
	}
}

func awaitFile(t *testing.T, pattern string) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if found, _ := filepath.Glob(pattern); len(found) > 0 {
			return
		}
	}
	t.Fatalf("there is no %s", pattern)
}

// The lock that lets processes read still keeps those out that would write.
func TestNoSecondProcessWrites(t *testing.T) {
	dir := t.TempDir()
	w := open(t, dir, separate())
	defer w.Close()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), crashDir+"="+dir)
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "one process at a time") {
		t.Errorf("a second process: %v, %s", err, out)
	}
	if err := w.Append(t.Context(), warehouse.Commit{Through: 1, Facts: webFacts(10, 1)}); err != nil {
		t.Error(err)
	}
}

// Whatever becomes of the process that answers, its statement's author gets an error in
// words in time, and the next statement is answered.
func TestProcessesThatFail(t *testing.T) {
	for name, test := range map[string]struct {
		command []string
		kind    touchstone.ErrorKind
		crash   bool
	}{
		"crashes":               {[]string{"/bin/sh", "-c", "kill -SEGV $$"}, touchstone.Invalid, true},
		"ends without a word":   {[]string{"/bin/true"}, touchstone.Invalid, true},
		"talks nonsense":        {[]string{"/bin/sh", "-c", "head -c 100000 /dev/urandom; sleep 60"}, touchstone.Invalid, true},
		"floods":                {[]string{"/bin/sh", "-c", "cat /dev/zero"}, touchstone.Invalid, true},
		"says nothing":          {[]string{"/bin/sh", "-c", "exec sleep 60"}, touchstone.Internal, false}, // the context ends
		"does not exist":        {[]string{"/does/not/exist"}, touchstone.Unavailable, false},
		"complains at length":   {[]string{"/bin/sh", "-c", "cat /dev/zero | head -c 10000000 >&2; exit 3"}, touchstone.Invalid, true},
		"runs out of memory":    {[]string{"/bin/sh", "-c", "echo 'fatal error: runtime: cannot allocate memory' >&2; exit 2"}, touchstone.Invalid, false},
		"leaves a child behind": {[]string{"/bin/sh", "-c", "exec 3<&0; sleep 60 & exit 1"}, touchstone.Internal, false},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			metrics := prometheus.NewRegistry()
			w := open(t, t.TempDir(), duckdb.Options{SQL: duckdb.SQLOptions{Command: test.command}, Logger: slog.New(slog.NewTextHandler(&log, nil)), Metrics: metrics})
			defer w.Close()
			limit := time.Minute
			if test.kind == touchstone.Internal {
				limit = time.Second // it is what ends them
			}
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			began := time.Now()
			_, err := w.Query(ctx, warehouse.Statement{SQL: "SELECT 1"})
			if took := time.Since(began); took > 40*time.Second { // their programs sleep for a minute
				t.Errorf("it took %s", took)
			}
			if err == nil || touchstone.KindOf(err) != test.kind || test.kind == touchstone.Internal && !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v", err)
			}
			if got := counted(t, metrics, "touchstone_sql_crashes_total"); got != b2f(test.crash) {
				t.Errorf("%v crashes are counted", got)
			}
			if strings.Contains(log.String(), "before its reply") != test.crash || log.Len() > 10_000 {
				t.Errorf("the log says %.1000s", log.String())
			}
			if _, err := w.Query(t.Context(), warehouse.Statement{SQL: "SELECT 1", Own: true}); err != nil {
				t.Error(err)
			}
		})
	}
}

func b2f(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func counted(t *testing.T, metrics *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	t.Fatalf("there is no metric %s", name)
	return 0
}

// A closing warehouse ends the statements that run.
func TestCloseEndsStatements(t *testing.T) {
	dir := t.TempDir()
	w := open(t, dir, separate())
	if err := w.Append(t.Context(), warehouse.Commit{Through: 1, Facts: webFacts(5000, 1)}); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 3)
	for i := range 3 {
		go func() {
			_, err := w.Query(context.Background(), warehouse.Statement{SQL: fmt.Sprintf("SELECT sum(hash(xor(xor(a.seq, b.seq), c.seq + %d))) FROM events a, events b, events c", i)})
			ended <- err
		}()
	}
	awaitFile(t, filepath.Join(dir, "w.duckdb.sql", "2", "warehouse.duckdb"))
	began := time.Now()
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 30*time.Second { // the statements would take days
		t.Errorf("closing took %s", took)
	}
	for range 3 {
		if err := <-ended; touchstone.KindOf(err) != touchstone.Unavailable {
			t.Errorf("a statement: %v", err)
		}
	}
	if files, _ := filepath.Glob(filepath.Join(dir, "*")); len(files) != 1 {
		t.Errorf("closing left %v", files)
	}
}
