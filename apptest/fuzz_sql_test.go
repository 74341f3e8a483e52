package apptest

import (
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/touchstone-cdp/touchstone/warehouse/warehousetest"
)

// TestFuzzSQL asks random statements while events come in. TOUCHSTONE_FUZZ_STATEMENTS is how
// many (10,000), TOUCHSTONE_FUZZ_SECONDS how long at most (45), TOUCHSTONE_FUZZ_SEED which.
func TestFuzzSQL(t *testing.T) {
	t.Parallel()
	most, seconds, seed := fromEnv("STATEMENTS", 10_000), fromEnv("SECONDS", 45), fromEnv("SEED", int(rand.Uint32()))
	t.Logf("TOUCHSTONE_FUZZ_SEED=%d", seed)
	s := Start(t, "--query-timeout", "1s", "--query-sql-running", "4", "--query-sql-waiting", "100")
	fillForQueries(s)
	functions, before := functionsOf(t, s), s.Stats().InWarehouse
	stop := make(chan struct{})
	var beside sync.WaitGroup
	var sent, largest atomic.Int64
	beside.Go(func() { sendUntil(t, s, stop, &sent) })
	beside.Go(func() { watchProcesses(s, stop, &largest) })

	var next atomic.Int64
	var mu sync.Mutex
	const late = -1 // right, but out of time: on a busy machine most are
	statuses := map[int]int{}
	deadline := time.Now().Add(time.Duration(seconds) * time.Second)
	var askers sync.WaitGroup
	for range 6 {
		askers.Go(func() {
			for time.Now().Before(deadline) && !t.Failed() {
				n := int(next.Add(1))
				if n > most {
					return
				}
				// Each statement follows from the seed and its number alone.
				sql := (&warehousetest.Statements{R: rand.New(rand.NewPCG(uint64(seed), uint64(n))), Functions: functions}).Next()
				began := time.Now()
				status, err := sqlStatus(s, sql)
				if status == 0 || status >= 500 && status != http.StatusServiceUnavailable || time.Since(began) > patience {
					t.Errorf("statement %d of seed %d is answered with %d after %s: %.300v\n%.2000s", n, seed, status, time.Since(began), err, sql)
				}
				if tookTooLong(status, err) {
					status = late
				}
				mu.Lock()
				statuses[status]++
				mu.Unlock()
			}
		})
	}
	askers.Wait()
	close(stop)
	beside.Wait()
	st := s.Settle() // every consumer moves; SQL has a second here, which a busy machine may need for less
	t.Logf("%d statements by status: %v; %d events meanwhile; %d MiB resident, at most %d MiB in a process that answers", min(next.Load(), int64(most)), statuses, sent.Load(), st.Process.RSSBytes>>20, largest.Load()>>20)
	if s.Ended(0) || strings.Contains(s.Log(), "panic") {
		t.Fatalf("the server panicked or ended:\n%s", s.Log())
	}
	if st.Process.RSSBytes > 1<<30 || largest.Load() > 1<<30 {
		t.Error("memory is over its bound")
	}
	if st.InWarehouse != before+sent.Load() {
		t.Errorf("there are %d events, want %d and the %d that were sent", st.InWarehouse, before, sent.Load())
	}
	if statuses[http.StatusOK]+statuses[late] < statuses[http.StatusBadRequest]/50 {
		t.Errorf("hardly a statement was answered: %v", statuses)
	}
	nothingRuns(t, filepath.Join(s.Data, "warehouse.duckdb.sql"))
}

// functionsOf asks for the engine's functions, on a busy machine more than once.
func functionsOf(t *testing.T, s *Server) (functions []string) {
	t.Helper()
	question := map[string]any{"kind": "sql", "sql": "select distinct function_name from duckdb_functions() order by 1"}
	var answer struct{ Rows [][]string }
	for deadline := time.Now().Add(patience); ; {
		_, err := s.Do(http.MethodPost, "/api/v1/query", question, &answer)
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	for _, row := range answer.Rows {
		functions = append(functions, row[0])
	}
	return functions
}

func fromEnv(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv("TOUCHSTONE_FUZZ_" + name)); err == nil {
		return n
	}
	return otherwise
}

// sendUntil sends events one by one.
func sendUntil(t *testing.T, s *Server, stop <-chan struct{}, sent *atomic.Int64) {
	for {
		select {
		case <-stop:
			return
		case <-time.After(20 * time.Millisecond):
		}
		if status, text := s.Send("dev", Event{"type": "track", "event": "View", "userId": "busy", "properties": map[string]any{"price": 3}}); status != http.StatusOK {
			t.Errorf("an event is answered with %d: %s", status, text)
			return
		}
		sent.Add(1)
	}
}

// watchProcesses keeps the most memory that a process had which the server started.
func watchProcesses(s *Server, stop <-chan struct{}, largest *atomic.Int64) {
	parent, page := " "+strconv.Itoa(s.PID())+" ", int64(os.Getpagesize())
	for {
		select {
		case <-stop:
			return
		case <-time.After(50 * time.Millisecond):
		}
		stats, _ := filepath.Glob("/proc/[0-9]*/stat")
		for _, path := range stats {
			text, err := os.ReadFile(path)
			if err != nil {
				continue
			}
			_, rest, _ := strings.Cut(string(text), ") ") // state, parent, …
			if len(rest) < 3 || !strings.HasPrefix(rest[1:], parent) {
				continue
			}
			if f := strings.Fields(rest); len(f) > 21 {
				pages, _ := strconv.ParseInt(f[21], 10, 64)
				largest.Store(max(largest.Load(), pages*page))
			}
		}
	}
}
