package apptest

import (
	"fmt"
	"net/http"
	"testing"
)

// A tablet that four customers sign in on is demoted within the batch that shows it, listed with what
// it was seen with; somebody overrules that, leaves it to the detector again, and says it themselves.
func TestASharedIdentifierIsOverruled(t *testing.T) {
	t.Parallel()
	s := Start(t)
	var events []Event
	for i := range 5 {
		events = append(events, Event{"type": "identify", "messageId": fmt.Sprint("m", i), "userId": fmt.Sprint("user", i), "context": device("tablet")})
	}
	s.Track(events...)
	s.Settle()
	type shared struct {
		Node                    int64
		Kind, Value             string
		State, Decided, Witness string
		Seen, Bears             int
		RelatedPersons          []struct{ Person string } `json:"related_persons"`
	}
	list := func() []shared {
		var page struct{ Items []shared }
		s.Call(http.MethodGet, "/api/v1/identity/shared", nil, &page)
		return page.Items
	}
	items := list()
	if len(items) != 1 || items[0].Value != "tablet" || items[0].State != "shared" || items[0].Decided != "detector" || items[0].Witness != "user_id" || items[0].Seen <= items[0].Bears {
		t.Fatalf("%+v", items)
	}
	var one shared
	s.Call(http.MethodGet, fmt.Sprint("/api/v1/identity/shared/", items[0].Node), nil, &one)
	if len(one.RelatedPersons) != 5 {
		t.Errorf("%d persons were seen with it", len(one.RelatedPersons))
	}
	whose := func() (n int) {
		tablet := s.Person("device_id:tablet").ID
		for i := range 5 {
			if s.Person(fmt.Sprint("user_id:user", i)).ID == tablet {
				n++
			}
		}
		return n
	}
	if whose() != 0 {
		t.Error("it is somebody's")
	}
	say := func(state string) {
		t.Helper()
		s.Call(http.MethodPost, "/api/v1/identity/shared", map[string]any{"node": items[0].Node, "state": state}, nil)
		s.Settle()
	}
	say("trusted")
	if whose() != 1 || list()[0].State != "trusted" || list()[0].Decided != "operator" {
		t.Errorf("trusted, it is %d persons', %+v", whose(), list())
	}
	say("auto")
	if whose() != 0 || list()[0].Decided != "detector" {
		t.Errorf("left to the detector, it is %d persons', %+v", whose(), list())
	}
	say("shared")
	if whose() != 0 || list()[0].Decided != "operator" {
		t.Errorf("said to be shared, it is %d persons', %+v", whose(), list())
	}
}

// A pattern is tried on values and on who is there before it is saved; then it names nobody. Three
// devices within thirty days are a person's, a fourth is not, and one of next year is.
func TestPatternsAndWindows(t *testing.T) {
	t.Parallel()
	s := Start(t)
	s.Track(Event{"type": "identify", "messageId": "p1", "userId": "ann", "context": device("test-1")}, Event{"type": "identify", "messageId": "p2", "userId": "ben", "context": device("real")})
	s.Settle()
	var tried struct {
		Samples []struct {
			Value   string
			Blocked bool
		}
		Caught   int
		Examples []Identifier
	}
	entry := map[string]any{"kind": "device_id", "value": `/test-\d+/`, "samples": []string{"test-22", "testing"}}
	s.Call(http.MethodPost, "/api/v1/identity/blocked/test", entry, &tried)
	if tried.Caught != 1 || len(tried.Samples) != 2 || !tried.Samples[0].Blocked || tried.Samples[1].Blocked || tried.Examples[0].Value != "test-1" {
		t.Fatalf("%+v", tried)
	}
	if status, _ := s.Do(http.MethodPost, "/api/v1/identity/blocked/test", map[string]any{"value": "/.*/"}, nil); status != http.StatusBadRequest {
		t.Errorf("what matches anything: %d", status)
	}
	s.Call(http.MethodPost, "/api/v1/identity/blocked", map[string]any{"kind": "device_id", "value": `/test-\d+/`, "blocked": true}, nil)
	s.Call(http.MethodPatch, "/api/v1/identity/kinds/device_id", map[string]any{"window_limit": 3, "window_days": 30}, nil)
	var events []Event
	for i := range 4 {
		events = append(events, Event{"type": "track", "messageId": fmt.Sprint("w", i), "userId": "cid", "event": "Viewed", "timestamp": fmt.Sprintf("2025-03-%02dT10:00:00Z", 1+i), "context": device(fmt.Sprint("win", i))})
	}
	events = append(events, Event{"type": "track", "messageId": "w9", "userId": "cid", "event": "Viewed", "timestamp": "2025-09-01T10:00:00Z", "context": device("win9")},
		Event{"type": "track", "messageId": "p3", "userId": "cid", "event": "Viewed", "context": device("test-77")})
	s.Track(events...)
	s.Settle()
	cid := s.Person("user_id:cid")
	has := map[string]bool{}
	for _, id := range cid.Identifiers {
		has[id.Value] = true
	}
	if !has["win0"] || !has["win2"] || has["win3"] || !has["win9"] || has["test-77"] {
		t.Errorf("%v", has)
	}
	if status, _ := s.Do(http.MethodGet, "/api/v1/persons/device_id:test-77", nil, nil); status == http.StatusOK {
		t.Errorf("a blocked value is somebody: %d", status)
	}
	// Run again, the pattern takes the device of before out of its person.
	if _, done := s.rerun(map[string]any{}, true); done.Split != 1 || s.rules().Pending != nil {
		t.Errorf("%+v", done)
	}
}
