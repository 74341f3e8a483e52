package apptest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// Do calls the management API and decodes the answer into out. It returns the status.
func (s *Server) Do(method, path string, in, out any) (int, error) {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return 0, err
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequest(method, s.URL+path, body)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer dev")
	req.Header.Set("Content-Type", "application/json")
	resp, err := s.http.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return resp.StatusCode, err
	}
	if resp.StatusCode >= 300 {
		return resp.StatusCode, fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, text)
	}
	if out == nil || len(text) == 0 {
		return resp.StatusCode, nil
	}
	return resp.StatusCode, json.Unmarshal(text, out)
}

// Call is Do that fails the test unless the answer is a success.
func (s *Server) Call(method, path string, in, out any) {
	s.t.Helper()
	if _, err := s.Do(method, path, in, out); err != nil {
		s.t.Fatal(err)
	}
}

// Stats is the part of GET /api/v1/stats that tests look at.
type Stats struct {
	Accepted     int64 `json:"accepted"`
	Processed    int64 `json:"processed"`
	InWarehouse  int64 `json:"in_warehouse"`
	Quarantined  int64 `json:"quarantined"`
	Duplicates   int64 `json:"duplicates"`
	SetAside     int64 `json:"set_aside"`
	Erased       int64 `json:"erased"`
	Persons      int64 `json:"persons"`
	KnownPersons int64 `json:"known_persons"`
	Segments     int64 `json:"segments"`
	Process      struct {
		CPUSeconds float64 `json:"cpu_seconds"`
		RSSBytes   int64   `json:"rss_bytes"`
	} `json:"process"`
}

// Drained tells whether every accepted event is in the warehouse, a duplicate, in quarantine or erased.
func (s Stats) Drained() bool {
	return s.Accepted == s.Processed+s.Duplicates+s.Quarantined && s.Processed == s.InWarehouse+s.SetAside+s.Erased
}

// Stats returns the server's figures.
func (s *Server) Stats() (st Stats) {
	s.t.Helper()
	s.Call(http.MethodGet, "/api/v1/stats", nil, &st)
	return st
}

// Drain waits until every accepted event is in the warehouse, a duplicate or in
// quarantine, and checks that the warehouse holds what the figures say.
func (s *Server) Drain() Stats {
	s.t.Helper()
	st := s.Settle()
	if count := s.SQL("select count(*) from events")[0][0].(float64); int64(count) != st.InWarehouse {
		s.t.Errorf("the figures say %d events in the warehouse, a query finds %.0f", st.InWarehouse, count)
	}
	return st
}

// Settle is Drain by the figures alone.
func (s *Server) Settle() Stats {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var st Stats
	for ctx.Err() == nil {
		if st = s.Stats(); st.Drained() {
			return st
		}
		time.Sleep(20 * time.Millisecond)
	}
	s.t.Fatalf("not drained after %s: %+v", patience, st)
	return st
}

// Query asks one analytics question and returns the rows. It asks again when the answer is "not
// now" or took too long: some tests' servers have tight limits, and a machine that does other
// things, too, needs more for the easiest question.
func (s *Server) Query(question any) [][]any {
	s.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		var answer struct{ Rows [][]any }
		status, err := s.Do(http.MethodPost, "/api/v1/query", question, &answer)
		if err == nil {
			return answer.Rows
		}
		if status != http.StatusServiceUnavailable && !tookTooLong(status, err) || time.Now().After(deadline) {
			s.t.Fatal(err)
		}
	}
}

// tookTooLong tells whether a question was ended at the server's limit.
func tookTooLong(status int, err error) bool {
	return status == http.StatusBadRequest && err != nil && strings.Contains(err.Error(), "the question took longer than")
}

// SQL runs an ad-hoc statement.
func (s *Server) SQL(format string, args ...any) [][]any {
	s.t.Helper()
	return s.Query(map[string]any{"kind": "sql", "sql": fmt.Sprintf(format, args...)})
}

// Number is the single number that a statement returns.
func (s *Server) Number(format string, args ...any) int64 {
	s.t.Helper()
	rows := s.SQL(format, args...)
	if len(rows) != 1 || len(rows[0]) != 1 {
		s.t.Fatalf("%s: %v is not one number", fmt.Sprintf(format, args...), rows)
	}
	return int64(rows[0][0].(float64))
}

// Event is one event of the tracking API, as a client writes it.
type Event = map[string]any

// Track sends events of the source "dev" to the batch call and fails the test unless they
// are accepted.
func (s *Server) Track(events ...Event) {
	s.t.Helper()
	s.TrackAs("dev", events...)
}

// TrackAs is Track with a source's write key.
func (s *Server) TrackAs(writeKey string, events ...Event) {
	s.t.Helper()
	if status, text := s.Send(writeKey, events...); status != http.StatusOK {
		s.t.Fatalf("the batch was answered with %d: %s", status, text)
	}
}

// Send sends events to the batch call and returns the answer, status 0 when there is none.
func (s *Server) Send(writeKey string, events ...Event) (status int, text string) {
	if events == nil {
		events = []Event{}
	}
	body, err := json.Marshal(map[string]any{"batch": events, "writeKey": writeKey})
	if err != nil {
		return 0, err.Error()
	}
	resp, err := s.http.Post(s.URL+"/v1/batch", "application/json", bytes.NewReader(body))
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(answer)
}

// Source makes a source and returns its id and write key.
func (s *Server) Source(name, kind string) (id, writeKey string) {
	s.t.Helper()
	var made struct {
		ID       string
		WriteKey string `json:"write_key"`
	}
	s.Call(http.MethodPost, "/api/v1/sources", map[string]any{"name": name, "kind": kind}, &made)
	return made.ID, made.WriteKey
}

// Identifier is a (kind, value) pair of an answer.
type Identifier struct{ Kind, Value string }

// Person is the part of a person's page that tests look at.
type Person struct {
	ID          string
	Known       bool
	Traits      map[string]any
	Segments    []struct{ ID string }
	Identifiers []Identifier
	Aliases     []string
	Counters    struct {
		Events    int64
		ByEvent   map[string]int64 `json:"by_event"`
		ByChannel map[string]int64 `json:"by_channel"`
	}
}

// Person returns the person that a reference means: an id or kind:value.
func (s *Server) Person(ref string) (p Person) {
	s.t.Helper()
	s.Call(http.MethodGet, "/api/v1/persons/"+url.PathEscape(ref), nil, &p)
	return p
}

// TimelineEvent is an event of a person's timeline.
type TimelineEvent struct {
	MessageID  string `json:"message_id"`
	Time       time.Time
	Type       string
	Event      string
	Source     string
	Properties map[string]any
	Context    map[string]any
}

// Timeline returns all events of a person, newest first, read in pages.
func (s *Server) Timeline(ref string, pageSize int) (all []TimelineEvent) {
	s.t.Helper()
	type page struct {
		Items      []TimelineEvent
		NextCursor string `json:"next_cursor"`
	}
	for cursor := ""; ; {
		var p page
		s.Call(http.MethodGet, fmt.Sprintf("/api/v1/persons/%s/events?limit=%d&cursor=%s", url.PathEscape(ref), pageSize, url.QueryEscape(cursor)), nil, &p)
		if len(p.Items) > pageSize {
			s.t.Fatalf("a page of %d has %d events", pageSize, len(p.Items))
		}
		all = append(all, p.Items...)
		if cursor = p.NextCursor; cursor == "" {
			return all
		}
	}
}

// patience is how long a test waits at least for what must come. It is no measure of anything: a
// machine may be slow, and busy with other things, and only a test that fails waits for so long.
const patience = 3 * time.Minute

// Eventually waits until ok returns true and fails the test when it does not in time, which is
// patience at least.
func Eventually(t testing.TB, within time.Duration, what string, ok func() bool) {
	t.Helper()
	within = max(within, patience)
	for deadline := time.Now().Add(within); ; time.Sleep(5 * time.Millisecond) {
		if ok() {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %s", what, within)
		}
	}
}
