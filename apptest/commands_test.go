package apptest

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// forget removes what can be computed anew from the log: the store and the warehouse.
func (s *Server) forget() {
	s.t.Helper()
	for _, pattern := range []string{"store.db*", "warehouse.duckdb*"} {
		files, err := filepath.Glob(filepath.Join(s.Data, pattern))
		if err != nil || len(files) == 0 {
			s.t.Fatalf("there is no %s: %v", pattern, err)
		}
		for _, f := range files {
			if err := os.RemoveAll(f); err != nil {
				s.t.Fatal(err)
			}
		}
	}
}

// portrait is what is known of the persons that some references mean: who they are, with
// which identifiers, traits and events.
func portrait(s *Server, refs ...string) (lines []string) {
	s.t.Helper()
	for _, ref := range refs {
		var p struct {
			Person
			Rebuilding bool
		}
		var status int
		var err error
		for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
			p.Rebuilding = false
			if status, err = s.Do(http.MethodGet, "/api/v1/persons/"+url.PathEscape(ref), nil, &p); err != nil && status != http.StatusNotFound {
				s.t.Fatal(err)
			}
			if !p.Rebuilding {
				break
			}
			if time.Now().After(deadline) {
				s.t.Fatalf("%s is being rebuilt for ever", ref)
			}
		}
		if status == http.StatusNotFound {
			lines = append(lines, ref+": nobody")
			continue
		}
		var ids, events []string
		for _, id := range p.Identifiers {
			ids = append(ids, id.Kind+":"+id.Value)
		}
		for _, e := range s.Timeline(ref, 50) {
			events = append(events, e.MessageID)
		}
		slices.Sort(ids)
		slices.Sort(events)
		lines = append(lines, fmt.Sprintf("%s: %s %v %v events %d %v", ref, p.ID, ids, p.Traits, p.Counters.Events, events))
	}
	return lines
}

// What operators have done stands in the log: a store and a warehouse that are computed anew
// from it say the same as those that were lost.
func TestARebuildKeepsWhatOperatorsDid(t *testing.T) {
	t.Parallel()
	s := Start(t)
	refs := []string{"user_id:ann", "user_id:bob", "anonymous_id:tablet", "email:ann@example.com"}
	s.Track(
		Event{"type": "identify", "messageId": "m1", "userId": "ann", "anonymousId": "phone", "traits": map[string]any{"email": "ann@example.com", "city": "上海"}},
		Event{"type": "track", "messageId": "m2", "userId": "ann", "anonymousId": "tablet", "event": "Viewed"},
		Event{"type": "track", "messageId": "m3", "anonymousId": "tablet", "event": "Viewed"},
		Event{"type": "identify", "messageId": "m4", "userId": "bob", "traits": map[string]any{"city": "北京"}},
	)
	s.Drain()
	var split struct {
		ID, Other, Command string
		Moved              int
	}
	s.Call(http.MethodPost, "/api/v1/persons/user_id:ann/split", map[string]any{"identifiers": []string{"anonymous_id:tablet"}}, &split)
	if split.Moved != 1 || split.ID == split.Other {
		t.Fatalf("%+v", split)
	}
	// After it, the same event again would have joined the two.
	s.Track(
		Event{"type": "track", "messageId": "m5", "userId": "ann", "anonymousId": "tablet", "event": "Viewed"},
		Event{"type": "track", "messageId": "m6", "userId": "bob", "anonymousId": "tablet", "event": "Viewed"},
	)
	s.Drain()
	before := portrait(s, refs...)
	if !strings.Contains(before[2], split.Other) || !strings.Contains(before[0], split.ID) {
		t.Fatalf("not parted: %v", before)
	}
	var commands struct {
		Items []struct{ ID, Kind, Actor, State string }
	}
	s.Call(http.MethodGet, "/api/v1/commands", nil, &commands)
	was := commands.Items

	s.Stop()
	s.forget()
	s.Launch()
	s.Drain()
	if d := cmp.Diff(before, portrait(s, refs...)); d != "" {
		t.Errorf("the rebuilt store says something else: %s", d)
	}
	s.Call(http.MethodGet, "/api/v1/commands", nil, &commands)
	if d := cmp.Diff(was, commands.Items); d != "" || len(was) == 0 {
		t.Errorf("the commands: %s", d)
	}
}
