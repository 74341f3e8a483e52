package apptest

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// sqlStatus asks a statement and returns the status and what was wrong.
func sqlStatus(s *Server, sql string) (int, error) {
	return s.Do(http.MethodPost, "/api/v1/query", map[string]any{"kind": "sql", "sql": sql}, nil)
}

func deep(n int, inner string) string {
	return "'" + strings.Repeat("[", n) + inner + strings.Repeat("]", n) + "'"
}

// Statements that crash the engine, that make values of gigabytes, and that it does not
// let itself be interrupted in.
func killers() map[string]string {
	long := "'" + strings.Repeat("a", 20_000) + "'"
	return map[string]string{
		"deep JSON":                    "select json(" + deep(10_000, "") + ")",
		"deep JSON cast":               "select " + deep(10_000, "") + "::json",
		"deep JSON transformed":        "select json_transform(" + deep(10_000, "") + "," + deep(10_000, `"JSON"`) + ")",
		"deep JSON read":               "select from_json(" + deep(10_000, "") + "," + deep(10_000, `"JSON"`) + ")",
		"deep JSON from parts":         "select json_structure(repeat('[', 100000) || repeat(']', 100000))",
		"deep JSON merged":             `select json_merge_patch(repeat('{"a":', 20000) || '1' || repeat('}', 20000), repeat('{"a":', 20000) || '2' || repeat('}', 20000))`,
		"deep JSON printed":            "select json_pretty(" + deep(10_000, "") + ")",
		"growing replace":              "select length(replace(replace('" + strings.Repeat("a", 1000) + "','a','" + strings.Repeat("b", 1000) + "'),'b','" + strings.Repeat("c", 1000) + "'))",
		"growing replace, shown":       "select replace(replace('" + strings.Repeat("a", 1000) + "','a','" + strings.Repeat("b", 1000) + "'),'b','" + strings.Repeat("c", 1000) + "')",
		"growing regexp_replace":       "select length(regexp_replace(regexp_replace('" + strings.Repeat("a", 1000) + "','a','" + strings.Repeat("b", 1000) + "','g'),'b','" + strings.Repeat("c", 1000) + "','g'))",
		"growing by itself":            "with a as (select repeat('x', 1000000) s), b as (select s||s||s||s||s||s||s||s||s||s s from a), c as (select s||s||s||s||s||s||s||s||s||s s from b), d as (select s||s||s||s||s||s||s||s||s||s s from c) select length(s||s||s) from d",
		"a pattern that backtracks":    "select " + long + " glob '*a*a*a*a*a*a*a*a*a*b'",
		"a pattern that backtracks, %": "select " + long + " like '%a%a%a%a%a%a%a%a%a%b'",
		"a pattern from parts":         "select " + long + " glob repeat('*a', 20) || 'b'",
		"deep lists":                   "select " + strings.Repeat("[", 400) + "1" + strings.Repeat("]", 400),
		"a deep type":                  "select null::" + strings.Repeat("struct(a ", 300) + "int" + strings.Repeat(")", 300),
		"rows without end":             "with recursive r as (select 1 as n, 'x' as s union all select n + 1, s || s from r where n < 60) select max(length(s)) from r",
		"joins without end":            "select count(*) from events a, events b, events c, events d where a.event || b.event <> c.event || d.event",
		"distances":                    "select levenshtein(" + long + "," + long + "), jaccard(" + long + "," + long + "), damerau_levenshtein(" + long + "," + long + ")",
		"factorials":                   "select sum(factorial(n % 33) * gamma(n % 20)) from range(100000000) t(n)",
	}
}

// Whatever a reader asks in SQL, the server lives, stays in its memory, answers the console's
// own questions meanwhile and says what was wrong.
func TestHostileSQLNeverKills(t *testing.T) {
	s := Start(t, "--query-timeout", "2s")
	fillForQueries(s)
	statements := killers()
	for _, name := range slices.Sorted(maps.Keys(statements)) {
		sql := statements[name]
		began := time.Now()
		status, err := sqlStatus(s, sql)
		if status == 0 || status >= 500 && status != http.StatusServiceUnavailable {
			t.Errorf("%s is answered with %d: %.300v", name, status, err)
		}
		if took := time.Since(began); took > 30*time.Second { // some of them would take hours
			t.Errorf("%s took %s with a limit of 2 s", name, took)
		}
		if s.Ended(0) {
			t.Fatalf("%s ended the server:\n%s", name, s.Log())
		}
		if st := s.Stats(); st.Process.RSSBytes > 1<<30 {
			t.Fatalf("after %s %d MiB are resident", name, st.Process.RSSBytes>>20)
		}
	}
	s.Track(Event{"type": "track", "event": "After", "userId": "u-1"})
	s.Drain()
	if n := s.Number("select count(*) from events where event = 'After'"); n != 1 {
		t.Errorf("%d events came after it", n)
	}
	var left []string
	defer func() {
		if len(left) > 0 {
			t.Logf("statements left %v", left)
		}
	}()
	Eventually(t, 10*time.Second, "statements leave nothing", func() bool {
		left, _ = filepath.Glob(filepath.Join(s.Data, "warehouse.duckdb.sql", "*"))
		return len(left) == 0
	})
}

// uncancellable statements keep the engine busy in one call of a function.
func uncancellable(i int) string {
	return fmt.Sprintf("select '%s%d' ~~~ ('*' || repeat('a*', 20) || 'b')", strings.Repeat("a", 20_000), i)
}

// While people's statements take all the time that they may, the console's own questions
// are answered at once, and what does not fit waits or is told to come back.
func TestOwnQuestionsHaveALane(t *testing.T) {
	const limit = 2 * time.Minute // that people's statements have
	s := Start(t, "--query-timeout", limit.String())
	fillForQueries(s)
	heavy, end := context.WithCancel(context.Background())
	asked, answers := askInBackground(t, heavy, s, 30, "select sum(hash(xor(xor(a.seq, b.seq), c.seq) + %d)) from events a, events b, events c")
	defer asked.Wait()
	defer end()
	for range 30 - 2 - 16 { // two run and sixteen wait
		select {
		case a := <-answers:
			if !strings.HasPrefix(a, "503 Service Unavailable after 5: ") || !strings.Contains(a, "too many SQL statements") {
				t.Errorf("a statement too many is answered with %s", a)
			}
		case <-time.After(limit / 2):
			t.Fatal("statements that are too many have no answer")
		}
	}
	for range 10 {
		for _, question := range []map[string]any{
			{"kind": "trend", "from": "2020-01-01T00:00:00Z", "to": "2100-01-01T00:00:00Z", "interval": "total", "series": []any{map[string]any{"event": "View"}}},
			{"kind": "funnel", "from": "2020-01-01T00:00:00Z", "to": "2100-01-01T00:00:00Z", "steps": []any{map[string]any{"event": "View"}, map[string]any{"event": "Pay"}}},
		} {
			began := time.Now()
			if status, err := s.Do(http.MethodPost, "/api/v1/query", question, nil); status != http.StatusOK {
				t.Errorf("beside SQL a %s is answered with %d: %v", question["kind"], status, err)
			}
			if took := time.Since(began); took > limit/4 {
				t.Errorf("beside SQL a %s took %s", question["kind"], took)
			}
		}
	}
}

// askInBackground asks a statement so many times at once; its %d is their number.
func askInBackground(t *testing.T, ctx context.Context, s *Server, n int, sql string) (asked *sync.WaitGroup, answers chan string) {
	t.Helper()
	asked, answers = &sync.WaitGroup{}, make(chan string, n)
	for i := range n {
		asked.Go(func() {
			body := fmt.Sprintf(`{"kind":"sql","sql":%q}`, strings.ReplaceAll(sql, "%d", fmt.Sprint(i)))
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL+"/api/v1/query", strings.NewReader(body))
			if err != nil {
				t.Error(err)
				return
			}
			req.Header.Set("Authorization", "Bearer dev")
			if resp, err := http.DefaultClient.Do(req); err == nil {
				text, _ := io.ReadAll(resp.Body)
				resp.Body.Close()
				answers <- fmt.Sprintf("%s after %s: %s", resp.Status, resp.Header.Get("Retry-After"), text)
			}
		})
	}
	return asked, answers
}

// The program stops within ten seconds of SIGTERM, whatever runs.
func TestStopsWhateverRuns(t *testing.T) {
	s := Start(t)
	fillForQueries(s)
	ctx, end := context.WithCancel(context.Background())
	statements := []string{uncancellable(0), "select '" + strings.Repeat("a", 20_000) + "' glob '*a*a*a*a*a*a*a*a*a*b'", "select sum(hash(xor(xor(a.seq, b.seq), c.seq))) from events a, events b, events c"}
	var groups []*sync.WaitGroup
	for _, sql := range statements {
		g, _ := askInBackground(t, ctx, s, 8, sql)
		groups = append(groups, g)
	}
	stream := openStream(t, ctx, s)
	defer stream.Close()
	for _, upload := range []string{
		"POST /v1/batch HTTP/1.1\r\nHost: x\r\nAuthorization: Basic ZGV2Og==\r\nContent-Length: 400000\r\n\r\n{\"batch\":[",
		"POST /api/v1/query HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer dev\r\nContent-Type: application/json\r\nContent-Length: 400000\r\n\r\n{\"kind\":",
		"POST /v1/import HTTP/1.1\r\nHost: x\r\nAuthorization: Basic ZGV2Og==\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"bat\r\n",
	} {
		slow := dribble(t, ctx, s, upload)
		defer slow.Close()
	}
	underWay(s, 2+16) // the others of the 24 are refused
	began := time.Now()
	s.Stop()
	if took := time.Since(began); took > stopsWithin {
		t.Errorf("it took %s to stop", took)
	} else {
		t.Logf("stopped in %s", took.Round(time.Millisecond))
	}
	end()
	for _, g := range groups {
		g.Wait()
	}
	nothingRuns(t, s.Data)
	s.Launch()
	if n := s.Number("select count(*) from events"); n != 5000 {
		t.Errorf("after the start there are %d events", n)
	}
}

// A server that is killed takes the processes of its statements with it, and the next one
// does not mind what they left.
func TestKillBesideSQL(t *testing.T) {
	s := Start(t)
	fillForQueries(s)
	for range 3 {
		ctx, end := context.WithCancel(context.Background())
		asked, _ := askInBackground(t, ctx, s, 2, "select sum(hash(xor(xor(a.seq, b.seq), c.seq) + %d)) from events a, events b, events c")
		snapshots := filepath.Join(s.Data, "warehouse.duckdb.sql", "*", "warehouse.duckdb")
		Eventually(t, 20*time.Second, "two statements run", func() bool {
			found, _ := filepath.Glob(snapshots)
			return len(found) == 2
		})
		s.Kill()
		s.Launch()
		end()
		asked.Wait()
		if n := s.Number("select count(*) from events"); n != 5000 {
			t.Errorf("after the start there are %d events", n)
		}
		if left, _ := filepath.Glob(snapshots); len(left) > 0 {
			t.Errorf("there are still %v", left)
		}
	}
	s.Stop()
	nothingRuns(t, s.Data)
}

// nothingRuns waits until no process has a file of the folder open: those that the system has been
// told to end may take a moment.
func nothingRuns(t *testing.T, dir string) {
	t.Helper()
	var left []string
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if left = processesOf(dir); len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("these processes are left: %v", left)
			return
		}
	}
}

// openStream follows the events as they come, as the console's debugger does.
func openStream(t *testing.T, ctx context.Context, s *Server) io.Closer {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/api/v1/live/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer dev")
	resp, err := http.DefaultClient.Do(req)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("the stream: %v, %v", resp, err)
	}
	return resp.Body
}

// dribble sends the head of a request and then a byte now and then.
func dribble(t *testing.T, ctx context.Context, s *Server, head string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, head); err != nil {
		t.Fatal(err)
	}
	go func() {
		for ctx.Err() == nil {
			if _, err := io.WriteString(conn, " "); err != nil {
				return
			}
			time.Sleep(100 * time.Millisecond)
		}
	}()
	return conn
}

// processesOf returns the processes that have a file of the folder open.
func processesOf(dir string) (pids []string) {
	links, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil && strings.HasPrefix(target, dir+"/") {
			pids = append(pids, strings.Split(link, "/")[2])
		}
	}
	return pids
}
