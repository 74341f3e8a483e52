package apptest

import (
	"net/http"
	"net/url"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// thought is a person before or after what is only tried.
type thought struct {
	ID          string
	Identifiers []Identifier
	Events      int64
	Segments    []struct{ ID string }
	Unsure      []struct{ ID string }
	Traits      map[string]any
	Foretold    bool
}

type preview struct {
	Refused       string
	Before, After []thought
}

// try asks what a split or a merge of a person would do.
func (s *Server) try(ref, what string, body any) (p preview) {
	s.t.Helper()
	s.Call(http.MethodPost, "/api/v1/persons/"+url.PathEscape(ref)+"/"+what+"/preview", body, &p)
	return p
}

// outline is what a preview tells of a person.
type outline struct {
	Identifiers, Segments []string
	Traits                map[string]any
}

func (p thought) outline() outline {
	o := outline{Traits: p.Traits}
	for _, id := range p.Identifiers {
		o.Identifiers = append(o.Identifiers, id.Kind+":"+id.Value)
	}
	for _, g := range p.Segments {
		o.Segments = append(o.Segments, g.ID)
	}
	slices.Sort(o.Identifiers)
	slices.Sort(o.Segments)
	return o
}

func (s *Server) outline(id string) outline {
	s.t.Helper()
	p := s.Person(id)
	o := thought{Identifiers: p.Identifiers, Segments: p.Segments, Traits: p.Traits}.outline()
	return o
}

// happensAs waits until all is as a preview has said, also in segments and profiles.
func (s *Server) happensAs(p preview) {
	s.t.Helper()
	if p.Refused != "" || len(p.After) == 0 {
		s.t.Fatalf("nothing would happen: %+v", p)
	}
	for _, one := range p.After {
		if !one.Foretold {
			s.t.Fatalf("of %s nothing is foretold", one.ID)
		}
		Eventually(s.t, patience, one.ID+" is as foretold", func() bool { return cmp.Equal(one.outline(), s.outline(one.ID)) })
	}
}

// A split and a merge are seen before they are done: who gets which identifiers, traits and segments
// is what happens then; and each is taken back as if it had never been.
func TestAPreviewIsWhatHappens(t *testing.T) {
	t.Parallel()
	s := Start(t)
	s.Track(
		Event{"type": "identify", "messageId": "a1", "userId": "ann", "traits": map[string]any{"city": "Shanghai", "name": "Ann"}, "context": device("d1")},
		Event{"type": "track", "messageId": "a2", "userId": "ann", "event": "Viewed", "context": device("d1")},
		Event{"type": "identify", "messageId": "a3", "userId": "ann", "traits": map[string]any{"city": "Beijing"}, "context": device("d1")},
		Event{"type": "track", "messageId": "a4", "event": "Viewed", "context": device("d1")},
		Event{"type": "track", "messageId": "b1", "event": "Viewed", "context": device("d2")},
		Event{"type": "identify", "messageId": "b2", "traits": map[string]any{"plan": "gold"}, "context": device("d2")},
	)
	twice := s.CreateSegment("viewed twice", DidEvent("Viewed", 2, ""))
	beijing := s.CreateSegment("in Beijing", map[string]any{"trait": "city", "op": "eq", "value": "Beijing"})
	both := s.CreateSegment("both", map[string]any{"and": []any{map[string]any{"segment": twice.ID}, map[string]any{"segment": beijing.ID}}})
	gold := s.CreateSegment("gold", map[string]any{"trait": "plan", "op": "eq", "value": "gold"})
	for _, seg := range []Segment{twice, beijing, both, gold} {
		s.AwaitLive(seg.ID)
	}
	s.Settle()
	s.Drain()
	refs := []string{"user_id:ann", "device_id:d1", "device_id:d2"}
	before := portrait(s, refs...)
	undo := func(command string) {
		t.Helper()
		s.Call(http.MethodPost, "/api/v1/identity/undo", map[string]any{"command": command}, nil)
		s.Settle()
		Eventually(t, patience, "all is as if it had never been", func() bool { return cmp.Equal(before, portrait(s, refs...)) })
		if status, _ := s.Do(http.MethodPost, "/api/v1/identity/undo", map[string]any{"command": command}, nil); status != http.StatusNotFound {
			t.Errorf("taken back twice: %d", status)
		}
	}
	var done struct{ Command string }

	p := s.try("user_id:ann", "split", map[string]any{"identifiers": []string{"device_id:d1"}})
	if d := cmp.Diff(before, portrait(s, refs...)); d != "" {
		t.Fatalf("a preview has changed %s", d)
	}
	s.Call(http.MethodPost, "/api/v1/persons/user_id:ann/split", map[string]any{"identifiers": []string{"device_id:d1"}}, &done)
	s.happensAs(p)
	undo(done.Command)

	p = s.try("user_id:ann", "merge", map[string]any{"other": "device_id:d2"})
	if len(p.Before) != 2 || len(p.After) != 1 || len(p.After[0].Segments) != 4 {
		t.Errorf("%+v", p)
	}
	s.Call(http.MethodPost, "/api/v1/persons/user_id:ann/merge", map[string]any{"other": "device_id:d2"}, &done)
	s.happensAs(p)
	undo(done.Command)
}

// The preview of a re-run says who comes to segments and who leaves them, and that is what happens.
func TestAReRunForetellsSegments(t *testing.T) {
	t.Parallel()
	s := Start(t)
	s.Track(
		Event{"type": "identify", "messageId": "m1", "userId": "ann", "context": device("d1")},
		Event{"type": "track", "messageId": "m2", "userId": "ann", "event": "Viewed", "context": device("d2")},
		Event{"type": "track", "messageId": "m3", "event": "Viewed", "context": device("d2")},
	)
	once := s.CreateSegment("viewed", DidEvent("Viewed", 1, ""))
	twice := s.CreateSegment("viewed twice", DidEvent("Viewed", 2, ""))
	s.AwaitLive(once.ID)
	s.AwaitLive(twice.ID)
	s.Settle()
	s.Drain()
	rules := map[string]any{"kinds": []map[string]any{{"kind": "device_id", "limit": 1}}}
	j := s.AwaitJob(s.StartJob("identity.rerun", map[string]any{"rules": rules, "commit": false}).ID)
	type moves struct{ Enter, Leave, After int64 }
	got := map[string]moves{}
	for _, one := range j.Result["segments"].([]any) {
		m := one.(map[string]any)
		n := func(name string) int64 { return int64(m[name].(float64)) }
		got[m["id"].(string)] = moves{n("enter"), n("leave"), n("after")}
	}
	if d := cmp.Diff(map[string]moves{once.ID: {1, 0, 2}, twice.ID: {0, 1, 0}}, got); d != "" {
		t.Fatalf("foretold: %s", d)
	}
	s.rerun(rules, true)
	for id, m := range got {
		Eventually(t, patience, "a segment is as foretold", func() bool { return int64(len(s.Members(id))) == m.After })
	}
}
