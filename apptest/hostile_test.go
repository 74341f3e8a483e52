package apptest

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Whatever is sent to it, the server answers with what is wrong and goes on: no 5xx but
// "not now", no crash, bounded memory, and figures that add up.
func testHostileInput(t *testing.T, shape Shape) {
	s := shape.Start(t)
	fillForQueries(s)
	runHostile(t, s, []hostilePart{
		{"bodies of the tracking API", hostileBodies},
		{"every call of the API", hostileCalls},
		{"questions", hostileQuestions},
	})
}

func TestHostileLoad(t *testing.T) {
	s := Start(t, "--query-timeout", "2s")
	fillForQueries(s)
	runHostile(t, s, []hostilePart{
		{"SQL", hostileSQL},
		{"connections that do not come to the point", slowConnections},
		{"packed bodies that explode", bombs},
		{"heavy queries while events arrive", heavyQueries},
	})
}

type hostilePart struct {
	name string
	run  func(t *testing.T, s *Server)
}

func runHostile(t *testing.T, s *Server, parts []hostilePart) {
	t.Helper()
	for _, part := range parts {
		t.Run(part.name, func(t *testing.T) {
			part.run(t, s)
			st := s.Drain()
			t.Logf("%d MiB resident", st.Process.RSSBytes>>20)
			if st.Process.RSSBytes > 1<<30 {
				t.Errorf("%d MiB are resident", st.Process.RSSBytes>>20)
			}
		})
	}
	if s.Ended(0) || strings.Contains(s.Log(), "panic") || strings.Contains(s.Log(), "goroutine ") {
		t.Errorf("something panicked:\n%s", s.Log())
	}
}

// fillForQueries sends a few thousand events of some hundred persons.
func fillForQueries(s *Server) {
	s.t.Helper()
	for i := range 20 {
		var batch []Event
		for j := range 250 {
			n := i*250 + j
			batch = append(batch, Event{"type": "track", "event": []string{"View", "Cart", "Pay"}[n%3], "userId": fmt.Sprintf("u-%d", n%300),
				"properties": map[string]any{"price": n % 100, "city": []string{"上海", "北京", "São Paulo"}[n%3]}})
		}
		s.Track(batch...)
	}
	s.CreateSegment("payers", DidEvent("Pay", 1, ""))
	s.Drain()
}

// raw sends a request byte by byte as given and returns the status and the start of the
// body; status 0 is no answer.
func raw(s *Server, method, path, body string, header ...string) (int, string) {
	req, err := http.NewRequest(method, s.URL+path, strings.NewReader(body))
	if err != nil {
		return 0, err.Error()
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := s.http.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 2000))
	return resp.StatusCode, string(text)
}

func hostileBodies(t *testing.T, s *Server) {
	event := func(fields string) string { return `{"writeKey":"dev","userId":"u","event":"x"` + fields + `}` }
	batch := func(n int, one string) string {
		return `{"writeKey":"dev","batch":[` + strings.TrimSuffix(strings.Repeat(one+",", n), ",") + `]}`
	}
	before := s.Drain()
	for name, test := range map[string]struct {
		path, body string
		want       []int
	}{
		"nothing":              {"/v1/track", "", []int{400, 401}},
		"half":                 {"/v1/track", event("")[:20], []int{400}},
		"deep":                 {"/v1/track", event(`,"properties":{"a":` + strings.Repeat("[", 200_000) + strings.Repeat("]", 200_000) + `}`), []int{400, 413}},
		"deep and open":        {"/v1/batch", strings.Repeat(`{"batch":[`, 40_000), []int{400, 413}},
		"raw NUL":              {"/v1/track", event(`,"properties":{"a":"` + "\x00" + `"}`), []int{400}},
		"invalid UTF-8":        {"/v1/track", event(`,"properties":{"a":"` + "\xff\xfe" + `"}`), []int{400}},
		"10 MB name":           {"/v1/track", event(`,"event":"` + strings.Repeat("n", 10<<20) + `"`), []int{400, 413}},
		"10 MB key":            {"/v1/track", event(`,"properties":{"` + strings.Repeat("k", 10<<20) + `":1}`), []int{400, 413}},
		"10 MB header of JSON": {"/v1/track", strings.Repeat(" ", 10<<20) + event(""), []int{400, 413}},
		"50,000 events":        {"/v1/batch", batch(50_000, `{}`), []int{400, 413}},
		"2,501 events":         {"/v1/batch", batch(2501, `{"type":"track","event":"x","userId":"u"}`), []int{400}},
		"a batch in a batch":   {"/v1/batch", batch(1, batch(3, `{}`)), []int{200}}, // quarantined
		"a wrong key":          {"/v1/track", `{"writeKey":"nobody's","userId":"u","event":"x"}`, []int{401}},
		"a key of 1 MB":        {"/v1/track", `{"writeKey":"` + strings.Repeat("k", 400_000) + `","userId":"u","event":"x"}`, []int{400, 401}},
		"a key that is a list": {"/v1/track", `{"writeKey":[],"userId":"u","event":"x"}`, []int{400, 401}},
		"not gzip":             {"/v1/track#gzip", event(""), []int{400}},
		"an unknown encoding":  {"/v1/track#br", event(""), []int{400, 415}},
		"everything is a list": {"/v1/batch", batch(50, `[[],[],[]]`), []int{200}}, // quarantined
		"every type is wrong":  {"/v1/batch", batch(50, `{"type":{},"event":[],"userId":{},"anonymousId":1e9,"timestamp":[],"properties":7,"context":"x","messageId":{}}`), []int{200}},
		"huge numbers":         {"/v1/batch", batch(1, `{"type":"track","event":"x","userId":"u","properties":{"a":1e999,"b":`+strings.Repeat("9", 5000)+`}}`), []int{200}},
		"the same key twice":   {"/v1/batch", batch(1, `{"type":"track","event":"x","userId":"u","userId":"v"}`), []int{200}},
		"an empty batch":       {"/v1/batch", batch(0, ""), []int{200}},
	} {
		path, encoding, _ := strings.Cut(test.path, "#")
		var header []string
		if encoding != "" {
			header = []string{"Content-Encoding", encoding}
		}
		if status, text := raw(s, http.MethodPost, path, test.body, header...); !slices.Contains(test.want, status) {
			t.Errorf("%s is answered with %d (%.300s), want one of %d", name, status, text, test.want)
		}
	}
	after := s.Drain()
	if after.InWarehouse != before.InWarehouse || after.Quarantined != before.Quarantined+1+50+50+1+1 {
		t.Errorf("hostile bodies changed %+v to %+v", before, after)
	}
}

// hostileCalls takes every call that the server's own document names and gives it
// parameters, bodies and methods that it cannot have expected.
func hostileCalls(t *testing.T, s *Server) {
	var doc struct {
		Paths map[string]map[string]json.RawMessage
	}
	s.Call(http.MethodGet, "/openapi.json", nil, &doc)
	if len(doc.Paths) < 20 {
		t.Fatalf("the document names %d paths", len(doc.Paths))
	}
	values := []string{"%00", "%ff%fe", "..%2f..%2fetc%2fpasswd", "p_", "p_-1", "p_zzzzzzzzzzzzzzzzzzzz", "%27%20or%20%271%27=%271", "a:b:c", "user_id:", "%25s%25n",
		"user_id:%F0%9F%98%80", "-1", "1e99", "9223372036854775808", strings.Repeat("x", 5000)}
	bodies := []string{"", "null", "[]", `""`, "{", `{"name":` + strings.Repeat("[", 20_000), `{"rule":` + strings.Repeat(`{"not":`, 10_000) + "1" + strings.Repeat("}", 10_000) + "}",
		`{"name":7,"rule":[],"kind":{},"query":"x","select":1,"ids":{},"event":3,"sql":[],"limit":-1,"cursor":{}}`,
		"\xff\xfe", `{"name":"\ud800"}`, `{"kind":"sql","sql":"select '` + strings.Repeat("x", 200_000) + `'"}`}
	auth := []string{"Authorization", "Bearer dev", "Content-Type", "application/json"}
	calls := 0
	call := func(method, path, body string) {
		calls++
		if status, text := raw(s, method, path, body, auth...); status >= 500 && status != http.StatusServiceUnavailable || status == 0 {
			t.Errorf("%s %.200s with %.60q is answered with %d: %.300s", method, path, body, status, text)
		}
	}
	for path, methods := range doc.Paths {
		if strings.Contains(path, "/live/") || path == "/api/v1/session" {
			continue
		}
		for _, v := range values {
			name := path
			for strings.Contains(name, "{") {
				i, j := strings.Index(name, "{"), strings.Index(name, "}")
				name = name[:i] + v + name[j+1:]
			}
			query := fmt.Sprintf("?q=%[1]s&limit=%[1]s&cursor=%[1]s&event=%[1]s&from=%[1]s&to=%[1]s&property=%[1]s&trait=%[1]s&first_row=%[1]s&rows=%[1]s", v)
			call(http.MethodGet, name, "")
			call(http.MethodGet, name+query, "")
			for method := range methods {
				if method != "get" {
					call(strings.ToUpper(method), name+query, bodies[rand.IntN(len(bodies))])
				}
			}
		}
		for _, method := range []string{"PUT", "PATCH", "DELETE", "TRACE", "BREW"} {
			if _, ok := methods[strings.ToLower(method)]; !ok {
				call(method, strings.NewReplacer("{", "", "}", "").Replace(path), "{}")
			}
		}
		for method := range methods {
			if method == "post" || method == "patch" {
				for _, body := range bodies {
					call(strings.ToUpper(method), strings.NewReplacer("{id}", "none", "{ref}", "p_1", "{name}", "x").Replace(path), body)
				}
			}
		}
	}
	for _, path := range []string{"/api/v2/x", "/v1/nothing", "//", "/%2e%2e/%2e%2e/etc/passwd", "/assets/../../go.mod", "/console/" + strings.Repeat("a/", 2000)} {
		call(http.MethodGet, path, "")
		call(http.MethodPost, path, "{}")
	}
	t.Logf("%d requests", calls)
}

func hostileSQL(t *testing.T, s *Server) {
	victim := filepath.Join(t.TempDir(), "victim.csv")
	before := s.Number("select count(*) from events")
	refused := []string{
		"copy (select 1) to '" + victim + "'", "copy events to '" + victim + "'", "export database '" + filepath.Dir(victim) + "'",
		"select * from read_csv('/etc/passwd')", "select * from read_text('/etc/passwd')", "select * from '/etc/passwd'", "from read_blob('/etc/hostname')",
		"select * from read_parquet('/x.parquet')", "select * from glob('/*')", "select * from sniff_csv('/etc/passwd')", "select * from read_json('http://127.0.0.1/')",
		"select content from read_text('" + filepath.Join(s.Data, "store.db") + "')",
		"attach '" + filepath.Join(s.Data, "store.db") + "' as s", "attach ':memory:' as m", "install httpfs", "load httpfs", "use temp",
		"set memory_limit='100GB'", "set enable_external_access=true", "reset lock_configuration", "pragma enable_profiling", "call pragma_version()", "checkpoint", "vacuum",
		"create table t (a int)", "create temp table t as select 1", "create view v as select 1", "create macro m(x) as x", "create secret (type s3)",
		"insert into events_data select * from events_data", "update events set event = 'x'", "delete from events", "drop view events", "truncate events", "alter view events rename to e",
		"select 1; drop view events", "begin", "commit", "prepare p as select 1", "explain analyze delete from events", "with x as (delete from events returning 1) select * from x",
		"select getenv('HOME')", "select * from duckdb_secrets()", "", ";", "select", "seléct 1", "select * from no_such_table", "select \x00 1",
		"select " + strings.Repeat("(", 40_000) + "1" + strings.Repeat(")", 40_000), "select " + strings.Repeat("not ", 20_000) + "true",
		"select 1 " + strings.Repeat("union select 1 ", 6000), "select " + strings.Repeat("1+", 45_000) + "1",
		"select " + strings.Repeat("abs(", 20_000) + "1" + strings.Repeat(")", 20_000), "select " + strings.Repeat("[", 40_000) + strings.Repeat("]", 40_000),
		"select case " + strings.Repeat("when true then (case ", 3000) + "1",
		strings.Repeat("select * from (", 6000) + "select 1" + strings.Repeat(")", 6000),
	}
	for _, sql := range refused {
		status, err := s.Do(http.MethodPost, "/api/v1/query", map[string]any{"kind": "sql", "sql": sql}, nil)
		if (status < 400 || status >= 500) && len(sql) < 1000 || status >= 500 || status == 0 {
			t.Errorf("%.100s (%d bytes) is answered with %d: %.300v", sql, len(sql), status, err)
		}
	}
	bounded := []string{
		"select sum(a.range * b.range) from range(100000000) a, range(1000000) b",
		"with recursive r as (select 1 as n union all select n + 1 from r) select count(*) from r",
		"select count(distinct range) from range(2000000000)", "select list(range) from range(1000000000)", "select repeat('x', 2000000000)",
		"select string_agg(repeat('x', 1000000), '') from range(100000)", "select * from range(1000000000) order by hash(range)", "select range(1000000000)",
		"select a.range, b.range from range(10000000) a, range(10000000) b", "select regexp_matches(repeat('a', 10000000), '(a*)*b')",
	}
	for _, sql := range bounded {
		began := time.Now()
		status, err := s.Do(http.MethodPost, "/api/v1/query", map[string]any{"kind": "sql", "sql": sql}, nil)
		if status >= 500 && status != http.StatusServiceUnavailable || status == 0 {
			t.Errorf("%s is answered with %d: %.300v", sql, status, err)
		}
		if took := time.Since(began); took > 30*time.Second { // some of them would take hours
			t.Errorf("%s took %s with a limit of 2 s", sql, took)
		}
	}
	if _, err := os.Stat(victim); err == nil {
		t.Error("SQL has written a file")
	}
	if after := s.Number("select count(*) from events"); after != before {
		t.Errorf("SQL changed %d events to %d", before, after)
	}
	if limit := s.SQL("select value from duckdb_settings() where name = 'enable_external_access'"); fmt.Sprint(limit[0][0]) != "false" {
		t.Errorf("external access is %v", limit)
	}
}

func hostileQuestions(t *testing.T, s *Server) {
	long, quote := strings.Repeat("长", 3000), `x'"; drop view events; --`
	base := map[string]any{"kind": "trend", "from": "2020-01-01T00:00:00Z", "to": "2100-01-01T00:00:00Z", "interval": "month", "series": []any{map[string]any{"event": "View", "measure": "count"}}}
	steps := func(n int) (list []any) {
		for range n {
			list = append(list, map[string]any{"event": "View"})
		}
		return list
	}
	for _, change := range []map[string]any{
		{"kind": "nothing"}, {"kind": nil}, {"kind": []int{1}}, {"from": "2100-01-01T00:00:00Z", "to": "2000-01-01T00:00:00Z"}, {"from": "0000-01-01T00:00:00Z", "to": "9999-12-31T23:59:59Z", "interval": "hour"},
		{"tz": "Mars/Olympus"}, {"tz": quote}, {"interval": "nanosecond"}, {"interval": quote}, {"segment": "seg_none"}, {"segment": quote}, {"subject": quote}, {"breakdown": []any{map[string]any{"property": quote}}},
		{"breakdown": []any{map[string]any{"property": long}}}, {"breakdown": steps(200)}, {"series": steps(500)}, {"series": []any{}}, {"series": []any{map[string]any{"event": quote, "measure": "sum", "property": quote}}},
		{"series": []any{map[string]any{"event": "View", "measure": "p99", "property": "city"}}}, {"series": []any{map[string]any{"event": long, "measure": "count"}}},
		{"series": []any{map[string]any{"event": "View", "measure": "count", "where": []any{map[string]any{"property": quote, "op": "contains", "value": quote}}}}},
		{"series": []any{map[string]any{"event": "View", "measure": "count", "where": []any{map[string]any{"property": "price", "op": "gte", "value": map[string]any{}}}}}},
		{"kind": "funnel", "series": nil, "steps": steps(1), "window": "0s"}, {"kind": "funnel", "steps": steps(1000), "window": "7d"}, {"kind": "funnel", "steps": steps(3), "window": "99999999999d"},
		{"kind": "funnel", "steps": steps(20), "window": "7d", "order": quote}, {"kind": "retention", "first": map[string]any{"event": "View"}, "return": map[string]any{"event": "Pay"}, "interval": "day", "periods": 1_000_000},
		{"kind": "retention", "first": "View", "return": 7, "periods": -1}, {"unknown": 1},
	} {
		question := map[string]any{}
		for _, m := range []map[string]any{base, change} {
			for k, v := range m {
				question[k] = v
			}
		}
		for path, body := range map[string]any{"/api/v1/query": question, "/api/v1/query/people": map[string]any{"query": question, "select": map[string]any{"bucket": quote, "step": 99, "series": -1}}} {
			if status, err := s.Do(http.MethodPost, path, body, nil); status == 0 || status >= 500 && status != http.StatusServiceUnavailable {
				t.Errorf("%s with %.200v is answered with %d: %.300v", path, change, status, err)
			}
		}
	}
	for _, rule := range []any{
		map[string]any{"trait": quote, "op": "eq", "value": quote}, map[string]any{"event": long, "count": map[string]any{"op": "gte", "value": 1e18}}, DidEvent("View", -1, "1ns"), DidEvent("View", 1, "99999999d"),
		map[string]any{"segment": "seg_none"}, map[string]any{"and": []any{}}, map[string]any{"or": steps(2000)}, map[string]any{"not": nil}, 7, "x", map[string]any{"trait": "a", "op": "in", "value": make([]int, 20_000)},
	} {
		for _, path := range []string{"/api/v1/segments/preview", "/api/v1/segments"} {
			if status, err := s.Do(http.MethodPost, path, map[string]any{"name": quote, "rule": rule}, nil); status == 0 || status >= 500 {
				t.Errorf("%s with the rule %.200v is answered with %d: %.300v", path, rule, status, err)
			}
		}
	}
}

// slowConnections opens many connections that send little and slowly; others are served
// meanwhile.
func slowConnections(t *testing.T, s *Server) {
	const connections = 400
	address := strings.TrimPrefix(s.URL, "http://")
	var open []net.Conn
	for i := range connections {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		open = append(open, conn)
		switch i % 4 {
		case 0: // says nothing
		case 1:
			fmt.Fprintf(conn, "POST /v1/batch HTTP/1.1\r\nHost: x\r\nX-Slow: ")
		case 2:
			fmt.Fprintf(conn, "POST /v1/batch HTTP/1.1\r\nHost: x\r\nAuthorization: Basic ZGV2Og==\r\nContent-Length: 500000\r\n\r\n{\"batch\":[")
		case 3: // a request that is not HTTP
			fmt.Fprintf(conn, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
		}
	}
	var took []time.Duration
	for range 10 {
		for _, conn := range open {
			_, _ = conn.Write([]byte(" ")) // those that were closed do not mind
		}
		took = append(took, patientRequest(s))
		time.Sleep(50 * time.Millisecond)
	}
	wantServed(t, fmt.Sprint(connections, " slow connections"), took)
}

// patientRequest sends an event as a good client does, and returns how long the answer took.
func patientRequest(s *Server) time.Duration {
	s.t.Helper()
	began := time.Now()
	s.Track(Event{"type": "track", "event": "View", "userId": "patient"})
	return time.Since(began)
}

// wantServed checks that requests do not wait for others that stand still: those are cut off after
// ten seconds. One may take long because the machine does.
func wantServed(t *testing.T, beside string, took []time.Duration) {
	t.Helper()
	slices.Sort(took)
	t.Logf("beside %s requests take %s, at most %s", beside, took[len(took)/2], took[len(took)-1])
	if took[len(took)/2] > 4*time.Second {
		t.Errorf("beside %s requests take %s", beside, took)
	}
}

// bombs are small bodies that unpack to hundreds of megabytes.
func bombs(t *testing.T, s *Server) {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	block := bytes.Repeat([]byte(" "), 1<<20)
	for range 256 {
		if _, err := w.Write(block); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	for i := range 64 {
		wait.Go(func() {
			path := []string{"/v1/batch", "/v1/track", "/api/v1/query", "/api/v1/imports/preview"}[i%4]
			status, text := raw(s, http.MethodPost, path, packed.String(), "Content-Encoding", "gzip", "Authorization", "Bearer dev", "Content-Type", "application/json")
			if status < 400 || status >= 500 && status != http.StatusServiceUnavailable {
				t.Errorf("%s answers a bomb with %d: %.200s", path, status, text)
			}
		})
	}
	wait.Wait()
}

// heavyQueries asks a hundred expensive questions at once while clients send events.
func heavyQueries(t *testing.T, s *Server) {
	before := s.Stats()
	var wait, senders sync.WaitGroup
	var sent atomic.Int64
	var slowest atomic.Int64
	stop := make(chan struct{})
	for i := range 2 {
		senders.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				began := time.Now()
				if status, text := s.Send("dev", Event{"type": "track", "event": "View", "userId": fmt.Sprintf("busy-%d-%d", i, n%50)}); status != http.StatusOK {
					t.Errorf("an event is answered with %d: %s", status, text)
					return
				}
				sent.Add(1)
				slowest.Store(max(slowest.Load(), int64(time.Since(began))))
				time.Sleep(2 * time.Millisecond)
			}
		})
	}
	statuses := map[int]int{}
	var mu sync.Mutex
	for i := range 100 {
		wait.Go(func() {
			question := any(map[string]any{"kind": "sql", "sql": fmt.Sprintf("select a.person, count(*), sum(hash(a.seq + b.seq + %d)) from events a, events b group by 1 order by 3", i)})
			if i%2 == 0 {
				question = map[string]any{"kind": "funnel", "from": "2000-01-01T00:00:00Z", "to": "2100-01-01T00:00:00Z", "window": "300d",
					"steps": []any{map[string]any{"event": "View"}, map[string]any{"event": "Cart"}, map[string]any{"event": "Pay"}}, "breakdown": []any{map[string]any{"property": "city"}}}
			}
			status, err := s.Do(http.MethodPost, "/api/v1/query", question, nil)
			mu.Lock()
			statuses[status]++
			mu.Unlock()
			if status != http.StatusOK && (status < 400 || status >= 500 && status != http.StatusServiceUnavailable) {
				t.Errorf("a heavy query is answered with %d: %.300v", status, err)
			}
		})
	}
	wait.Wait()
	close(stop)
	senders.Wait()
	after := s.Drain()
	if after.Accepted-before.Accepted != sent.Load() || after.InWarehouse-before.InWarehouse != sent.Load() {
		t.Errorf("%d events were sent beside the queries; the figures went from %+v to %+v", sent.Load(), before, after)
	}
	t.Logf("answers to 100 queries by status: %v; meanwhile %d events, the slowest answered in %s", statuses, sent.Load(), time.Duration(slowest.Load()).Round(time.Millisecond))
}
