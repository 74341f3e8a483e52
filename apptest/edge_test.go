package apptest

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// One damaged event of a batch is refused alone, all the way to the warehouse, and can be repaired.
func TestDamagedEventInABatch(t *testing.T) {
	s := Start(t)
	good := func(name string) string { return `{"type":"track","event":"` + name + `","userId":"u-1"}` }
	damaged := map[string]string{
		"NaN":           `{"type":"track","event":"Bad","userId":"u-1","messageId":"bad-1","properties":{"price":NaN}}`,
		"invalid UTF-8": "{\"type\":\"track\",\"event\":\"B\xffd\",\"userId\":\"u-1\"}",
		"too large":     `{"type":"track","event":"Bad","userId":"u-1","properties":{"a":"` + strings.Repeat("x", 40<<10) + `"}}`,
		"nested":        `{"type":"track","event":"Bad","userId":"u-1","properties":` + strings.Repeat(`{"a":`, 600) + "1" + strings.Repeat("}", 600) + "}",
	}
	for name, text := range damaged {
		body := `{"writeKey":"dev","batch":[` + good("Before") + "," + text + "," + good("After") + `]}`
		if status, answer := raw(s, http.MethodPost, "/v1/batch", body); status != http.StatusOK {
			t.Errorf("%s: %d %s", name, status, answer)
		}
	}
	if st := s.Drain(); st.InWarehouse != 8 || st.Quarantined != 4 || st.Accepted != 12 {
		t.Errorf("8 good and 4 damaged events make %+v", st)
	}
	found := s.Quarantine(url.Values{"q": {"bad-1"}})
	if len(found) != 1 || found[0].Code != "malformed" {
		t.Fatalf("the quarantine has %+v", found)
	}
	repaired := map[string]any{"event": Event{"type": "track", "event": "Repaired", "userId": "u-1", "properties": map[string]any{"price": 1}}}
	s.Call(http.MethodPost, "/api/v1/quarantine/"+found[0].ID+"/replay", repaired, nil)
	if st := s.Drain(); st.InWarehouse != 9 {
		t.Errorf("a repaired event makes %+v", st)
	}
}

// An event whose time was not believed says so, and questions can ask for such events.
func TestMarkOfATime(t *testing.T) {
	s := Start(t)
	s.Track(
		Event{"type": "track", "event": "Tick", "userId": "u-1", "timestamp": "Invalid Date"},
		Event{"type": "track", "event": "Tick", "userId": "u-1", "timestamp": "2099-01-01T00:00:00Z"},
		Event{"type": "track", "event": "Tick", "userId": "u-1"})
	s.Drain()
	now := time.Now().UTC()
	rows := s.Query(map[string]any{"kind": "trend", "from": now.Add(-time.Hour), "to": now.Add(time.Hour), "tz": "UTC", "interval": "total",
		"series":    []any{map[string]any{"event": "Tick", "measure": "count", "where": []any{map[string]any{"context": "time_source", "op": "exists"}}}},
		"breakdown": []any{map[string]any{"context": "time_problem"}}})
	var got []string
	for _, r := range rows {
		got = append(got, fmt.Sprint(r...))
	}
	if text := strings.Join(got, "\n"); len(rows) != 2 || !strings.Contains(text, "bad_timestamp") || !strings.Contains(text, "in_future") {
		t.Errorf("the marks are %v", got)
	}
	marked := 0
	for _, e := range s.Timeline("user_id:u-1", 10) {
		if e.Time.Sub(now).Abs() > patience {
			t.Errorf("dated %s", e.Time)
		}
		if e.Context["time_source"] == "receivedAt" {
			marked++
		}
	}
	if marked != 2 {
		t.Errorf("%d events of the timeline are marked, want 2", marked)
	}
}

// Thousands of requests that promise a body and send none cost a good client nothing.
func TestSilentRequests(t *testing.T) {
	s := Start(t)
	address := strings.TrimPrefix(s.URL, "http://")
	var took []time.Duration
	for i := range 2100 {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		path := []string{"/v1/batch", "/v1/track", "/v1/m", "/api/v1/imports"}[i%4]
		fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 480000\r\n\r\n", path)
		if i%100 != 0 {
			continue
		}
		took = append(took, patientRequest(s))
	}
	wantServed(t, "silent requests", took)
	if st := s.Drain(); st.InWarehouse != 21 {
		t.Errorf("21 events make %+v", st)
	}
	s.Stop()
	if log := s.Log(); strings.Contains(log, "panic") {
		t.Error(log)
	}
}

// The figures are for who has a key, or who reaches their own address.
func TestMetricsAreNotPublic(t *testing.T) {
	own := FreeAddress(t)
	s := Start(t, "--metrics-listen", own)
	get := func(address, host string, header ...string) (int, string) {
		req, err := http.NewRequest(http.MethodGet, "http://"+address+"/metrics", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = host
		for i := 0; i+1 < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		resp, err := s.http.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(text)
	}
	const figure = "touchstone_front_requests_total"
	public := strings.TrimPrefix(s.URL, "http://")
	for name, test := range map[string]struct {
		address, host string
		header        []string
		want          int
	}{
		"its own address":                   {own, own, nil, 200},
		"with a key":                        {public, "cdp.example.com", []string{"Authorization", "Bearer dev"}, 200},
		"development, from this machine":    {public, public, nil, 200},
		"without a key":                     {public, "cdp.example.com", nil, 401},
		"with a key that nobody knows":      {public, public, []string{"Authorization", "Bearer tsk_1"}, 401},
		"with the write key of a tracker's": {public, public, []string{"Authorization", "Basic ZGV2Og=="}, 401},
	} {
		status, text := get(test.address, test.host, test.header...)
		if status != test.want || strings.Contains(text, figure) != (test.want == 200) {
			t.Errorf("%s: %d %.200s", name, status, text)
		}
	}
	// The other address has nothing else.
	resp, err := s.http.Get("http://" + own + "/api/v1/stats")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if !slices.Contains([]int{404, 405}, resp.StatusCode) {
		t.Errorf("the metrics' address answers /api/v1/stats with %d", resp.StatusCode)
	}
}
