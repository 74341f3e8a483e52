package apptest

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A message id counts once: twice in a request, in parallel requests, from another
// source, after a restart and after a crash.
func testDuplicates(t *testing.T, shape Shape) {
	s := shape.Start(t)
	_, other := s.Source("other", "server")
	var events []Event
	for i := range 20 {
		events = append(events, Event{"type": "track", "event": "Once", "userId": fmt.Sprintf("user-%d", i%4), "messageId": fmt.Sprintf("once-%d", i)})
	}
	sent := int64(0)
	repeat := func(key string, list []Event) {
		s.TrackAs(key, list...)
		sent += int64(len(list))
	}
	repeat("dev", append(slices.Clone(events), events...))
	var parallel sync.WaitGroup
	for range 4 {
		parallel.Go(func() {
			if status, text := s.Send("dev", events...); status != http.StatusOK {
				t.Errorf("%d: %s", status, text)
			}
		})
	}
	parallel.Wait()
	sent += int64(4 * len(events))
	repeat(other, events)
	check := func(when string) {
		t.Helper()
		st := s.Drain()
		if st.Accepted != sent || st.InWarehouse != 20 || st.Duplicates != sent-20 {
			t.Errorf("%s: %d events were sent with 20 message ids; the figures are %+v", when, sent, st)
		}
		for i := range 4 {
			if n := s.Person(fmt.Sprintf("user_id:user-%d", i)).Counters.Events; n != 5 {
				t.Errorf("%s: user-%d counts %d events, want 5", when, i, n)
			}
		}
	}
	check("in one run")
	s.Stop()
	s.Launch()
	repeat("dev", events)
	check("after a restart")
	s.Kill()
	s.Launch()
	repeat("dev", events)
	check("after SIGKILL")
}

// quarantined is an item of the quarantine as the API shows it.
type quarantined struct {
	ID, Source, Code, Reason, Origin string
	Event                            json.RawMessage
	Row                              *int64
	ReplayedAt                       *time.Time `json:"replayed_at"`
}

// Quarantine returns the refused events, filtered by parameters of the API's query.
func (s *Server) Quarantine(filter url.Values) []quarantined {
	s.t.Helper()
	var page struct {
		Items      []quarantined
		NextCursor string `json:"next_cursor"`
	}
	s.Call(http.MethodGet, "/api/v1/quarantine?limit=500&"+filter.Encode(), nil, &page)
	if page.NextCursor != "" {
		s.t.Errorf("the quarantine has more than one page")
	}
	return page.Items
}

// A wrong event among good ones is kept with its reason, can be found, repaired and
// replayed, and is then an event like others.
func testQuarantine(t *testing.T, shape Shape) {
	s := shape.Start(t)
	source, key := s.Source("shop", "server")
	deep := any("x")
	for range 100 {
		deep = []any{deep}
	}
	wrong := map[string]Event{
		"missing_user":        {"type": "track", "event": "No User", "properties": map[string]any{"n": 1}},
		"blocked_user":        {"type": "track", "event": "Nobody", "userId": "undefined"},
		"missing_event":       {"type": "track", "userId": "u-1"},
		"unknown_type":        {"type": "tarck", "event": "Typo", "userId": "u-1"},
		"missing_previous_id": {"type": "alias", "userId": "u-1"},
		"missing_group_id":    {"type": "group", "userId": "u-1"},
		"wrong_type":          {"type": "track", "event": "List", "userId": "u-1", "properties": []int{1}},
		"too_old":             {"type": "track", "event": "When", "userId": "u-1", "timestamp": "1950-05-05T00:00:00Z"},
		"name_too_long":       {"type": "track", "event": strings.Repeat("n", 300), "userId": "u-1"},
		"too_deep":            {"type": "track", "event": "Deep", "userId": "u-1", "properties": map[string]any{"deep": deep}},
	}
	codes := slices.Sorted(maps.Keys(wrong))
	batch := []Event{{"type": "track", "event": "Good", "userId": "u-1"}}
	for _, code := range codes {
		batch = append(batch, wrong[code])
	}
	s.TrackAs(key, append(batch, Event{"type": "track", "event": "Good", "userId": "u-1"})...)
	st := s.Drain()
	if st.Accepted != 12 || st.Quarantined != 10 || st.InWarehouse != 2 {
		t.Errorf("2 good and 10 wrong events make %+v", st)
	}
	var got []string
	ids := map[string]string{}
	for _, q := range s.Quarantine(nil) {
		got = append(got, q.Code)
		ids[q.Code] = q.ID
		if q.Source != source || q.Reason == "" || q.Origin != "http" || q.ReplayedAt != nil {
			t.Errorf("an item is %+v", q)
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, codes) {
		t.Errorf("the codes are %v, want %v", got, codes)
	}
	if found := s.Quarantine(url.Values{"q": {"1950-05-05"}}); len(found) != 1 || found[0].Code != "too_old" {
		t.Errorf("a search for the time finds %+v", found)
	}
	checkReplays(t, s, ids)
}

func checkReplays(t *testing.T, s *Server, ids map[string]string) {
	t.Helper()
	path := func(code string) string { return "/api/v1/quarantine/" + ids[code] + "/replay" }
	// As it was it is wrong again.
	if status, err := s.Do(http.MethodPost, path("missing_user"), nil, nil); status != http.StatusBadRequest || !strings.Contains(err.Error(), "identifier") {
		t.Errorf("a replay without a repair is answered with %d, %v", status, err)
	}
	repaired := map[string]any{"event": Event{"type": "track", "event": "No User", "userId": "u-2", "properties": map[string]any{"n": 1}}}
	var done struct{ Replayed, Rejected int }
	for range 2 { // the second time it is a duplicate
		s.Call(http.MethodPost, path("missing_user"), repaired, &done)
		if done.Replayed != 1 {
			t.Errorf("a repaired event: %+v", done)
		}
	}
	s.Call(http.MethodPost, "/api/v1/quarantine/replay", map[string]any{"code": "unknown_type"}, &done)
	if done.Replayed != 0 || done.Rejected != 1 {
		t.Errorf("all of a code, still wrong: %+v", done)
	}
	s.Call(http.MethodDelete, "/api/v1/quarantine/"+ids["too_deep"], nil, nil)
	if status, _ := s.Do(http.MethodDelete, "/api/v1/quarantine/"+ids["too_deep"], nil, nil); status != http.StatusNotFound {
		t.Errorf("discarding twice is answered with %d", status)
	}
	st := s.Drain()
	if st.InWarehouse != 3 || st.Duplicates != 1 || st.Quarantined != 10 {
		t.Errorf("after replays: %+v", st)
	}
	if timeline := s.Timeline("user_id:u-2", 10); len(timeline) != 1 || timeline[0].Event != "No User" || timeline[0].Properties["n"] != 1.0 {
		t.Errorf("the repaired event is %+v", timeline)
	}
	for _, q := range s.Quarantine(nil) {
		if (q.ReplayedAt != nil) != (q.Code == "missing_user") {
			t.Errorf("%s has been replayed at %v", q.Code, q.ReplayedAt)
		}
	}
	if n := len(s.Quarantine(nil)); n != 9 {
		t.Errorf("%d items are left, want 9", n)
	}
}

// While clients send good, repeated and wrong events, and some hang up in the middle, the
// figures never contradict each other; in the end they are what was sent.
func testFigures(t *testing.T, shape Shape) {
	s := shape.Start(t)
	var acked, wrong atomic.Int64
	stop := make(chan struct{})
	var senders, watcher sync.WaitGroup
	for i := range 3 {
		senders.Go(func() {
			for n := range 60 {
				batch := []Event{
					{"type": "track", "event": "Good", "userId": fmt.Sprintf("u-%d", n%7), "messageId": fmt.Sprintf("figures-%d", n)}, // all senders send the same
					{"type": "track", "event": "Good", "userId": fmt.Sprintf("u-%d", n%7), "messageId": fmt.Sprintf("figures-%d-%d", i, n)},
					{"type": "track", "userId": "u-1", "messageId": fmt.Sprintf("figures-wrong-%d-%d", i, n)},
				}
				if status, text := s.Send("dev", batch...); status != http.StatusOK {
					t.Errorf("%d: %s", status, text)
					return
				}
				acked.Add(3)
				wrong.Add(1)
			}
		})
	}
	senders.Go(func() { hangUp(s, 60) })
	watcher.Go(func() { watchFigures(t, s, stop) })
	senders.Wait()
	close(stop)
	watcher.Wait()
	// Of clients that hung up it is not known what arrived, nor when: some may be on their way yet.
	var st Stats
	var hung int64
	for deadline := time.Now().Add(patience); ; time.Sleep(500 * time.Millisecond) {
		before := st
		st = s.Drain()
		hung = s.Number("select count(*) from events where event = 'Hung Up'")
		right := st.Accepted == acked.Load()+hung && st.Quarantined == wrong.Load() && st.InWarehouse == 60+180+hung && st.Duplicates == 120
		if right && before.Accepted == st.Accepted {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d events were acknowledged, %d of them wrong, and %d arrived of clients that hung up; the figures are %+v", acked.Load(), wrong.Load(), hung, st)
		}
	}
	t.Logf("%d events of clients that hung up arrived", hung)
	checkMetrics(t, s, st)
	s.Kill()
	s.Launch()
	if again := s.Drain(); again.Accepted != st.Accepted || again.Duplicates != st.Duplicates || again.Quarantined != st.Quarantined || again.InWarehouse != st.InWarehouse {
		t.Errorf("SIGKILL changed the figures from %+v to %+v", st, again)
	}
}

// hangUp sends single events with clients that do not wait long enough for the answer.
func hangUp(s *Server, times int) {
	for n := range times {
		client := &http.Client{Timeout: time.Duration(200+rand.IntN(2500)) * time.Microsecond, Transport: &http.Transport{DisableKeepAlives: true}}
		body := fmt.Sprintf(`{"writeKey":"dev","event":"Hung Up","userId":"u-1","messageId":"hung-%d"}`, n)
		if resp, err := client.Post(s.URL+"/v1/track", "application/json", strings.NewReader(body)); err == nil {
			resp.Body.Close()
		}
	}
}

// watchFigures asks again and again: figures never fall, and nothing comes out that has
// not gone in.
func watchFigures(t *testing.T, s *Server, stop <-chan struct{}) {
	var last Stats
	for {
		select {
		case <-stop:
			return
		default:
		}
		var st Stats
		if _, err := s.Do(http.MethodGet, "/api/v1/stats", nil, &st); err != nil {
			t.Error(err)
			return
		}
		if st.Accepted < st.Processed+st.Duplicates+st.Quarantined || st.Processed < st.InWarehouse {
			t.Errorf("more has come out than in: %+v", st)
		}
		if st.Accepted < last.Accepted || st.Processed < last.Processed || st.InWarehouse < last.InWarehouse || st.Quarantined < last.Quarantined || st.Duplicates < last.Duplicates {
			t.Errorf("a figure fell: %+v after %+v", st, last)
		}
		last = st
	}
}

// checkMetrics compares /metrics of a process with the figures since the folder was made,
// which are the same as long as nothing was restarted.
func checkMetrics(t *testing.T, s *Server, st Stats) {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, s.URL+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer dev")
	resp, err := s.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	for metric, want := range map[string]int64{
		`touchstone_pipeline_events_total{outcome="processed"}`: st.Processed,
		`touchstone_pipeline_events_total{outcome="duplicate"}`: st.Duplicates,
		`touchstone_pipeline_events_total{outcome="rejected"}`:  st.Quarantined,
		`touchstone_pipeline_failures_total`:                    0,
	} {
		m := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(metric) + ` (\S+)$`).FindSubmatch(text)
		if m == nil {
			t.Errorf("/metrics lacks %s", metric)
			continue
		}
		if got, err := strconv.ParseFloat(string(m[1]), 64); err != nil || int64(got) != want {
			t.Errorf("%s is %s, want %d", metric, m[1], want)
		}
	}
}

// A server that is stopped or killed comes back with everything that it had.
func testRestart(t *testing.T, shape Shape) {
	s := shape.Start(t)
	_, key := s.Source("shop", "web")
	buyers := s.CreateSegment("buyers", DidEvent("Paid", 2, "1h"))
	for i := range 60 {
		s.TrackAs(key, Event{"type": "track", "event": "Paid", "userId": fmt.Sprintf("u-%d", i%20), "anonymousId": fmt.Sprintf("a-%d", i%20),
			"properties": map[string]any{"amount": i, "note": "充电 ⚡️"}}, Event{"type": "track"})
	}
	s.Drain()
	pages := []string{"/api/v1/segments/" + buyers.ID, "/api/v1/segments/" + buyers.ID + "/members?limit=500", "/api/v1/segments/" + buyers.ID + "/changes",
		"/api/v1/persons/user_id:u-7", "/api/v1/persons/user_id:u-7/events", "/api/v1/persons/anonymous_id:a-7/identity", "/api/v1/quarantine", "/api/v1/persons?q=u-1", "/api/v1/sources"}
	read := func() map[string]string {
		t.Helper()
		texts := map[string]string{}
		for _, page := range pages {
			var text json.RawMessage
			s.Call(http.MethodGet, page, nil, &text)
			texts[page] = string(text)
		}
		st := s.Drain()
		st.Process.CPUSeconds, st.Process.RSSBytes = 0, 0
		texts["stats"] = fmt.Sprintf("%+v", st)
		return texts
	}
	before := read()
	compare := func(signal string, seen func(string) string) {
		t.Helper()
		s.Launch()
		after := read()
		for page, text := range before {
			if seen(after[page]) != seen(text) {
				t.Errorf("%s changed %s from\n%s\nto\n%s", signal, page, text, after[page])
			}
		}
	}
	// How often an identifier or a link was seen is written now and then, and at the end;
	// see docs/design/identity.md.
	counts := regexp.MustCompile(`("kind":[^{}]*?"last_seen"):"[^"]*","events":\d+|("last_time"):"[^"]*","count":\d+`)
	withoutCounts := func(text string) string { return counts.ReplaceAllString(text, "$1$2") }
	s.Stop()
	compare("SIGTERM", withoutCounts)
	s.Kill()
	compare("SIGKILL", withoutCounts)
	s.TrackAs(key, Event{"type": "track", "event": "Paid", "userId": "u-7"})
	s.Kill()
	s.Launch()
	if st := s.Drain(); st.InWarehouse != 61 || s.Person("user_id:u-7").Counters.Events != 4 {
		t.Errorf("an event before SIGKILL: %+v", st)
	}
}
