package apptest

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// identityRules is what a page of the rules reads.
type identityRules struct {
	Pending *struct {
		Kinds    []string
		Values   int
		Partial  bool
		Undoable bool
	}
}

func (s *Server) rules() (v identityRules) {
	s.t.Helper()
	s.Call(http.MethodGet, "/api/v1/identity/kinds", nil, &v)
	return v
}

// device is the context of an event that names a device.
func device(id string) map[string]any {
	return map[string]any{"externalIds": []map[string]any{{"id": id, "type": "device_id", "collection": "users"}}}
}

// A limit that is changed in the form holds from its place in the log on: a store that is built anew
// links the events before it by the rules of then and those after it by those of now. What the graph
// does not follow yet is told until the rules are run again, and one run takes all of it back.
func TestARuleThatIsChangedIsInTheLog(t *testing.T) {
	t.Parallel()
	s := Start(t)
	s.Track(
		Event{"type": "identify", "messageId": "m1", "userId": "ann", "context": device("d1")},
		Event{"type": "track", "messageId": "m2", "userId": "ann", "event": "Viewed", "context": device("d2")},
	)
	s.Settle()
	s.Call(http.MethodPatch, "/api/v1/identity/kinds/device_id", map[string]any{"limit": 1}, nil)
	s.Track(
		Event{"type": "identify", "messageId": "m3", "userId": "ben", "context": device("d3")},
		Event{"type": "track", "messageId": "m4", "userId": "ben", "event": "Viewed", "context": device("d4")},
		Event{"type": "track", "messageId": "m5", "event": "Viewed", "context": device("d4")},
	)
	s.Settle()
	refs := []string{"user_id:ann", "device_id:d1", "device_id:d2", "user_id:ben", "device_id:d3", "device_id:d4"}
	before := portrait(s, refs...)
	if s.Person("device_id:d2").ID != s.Person("user_id:ann").ID || s.Person("device_id:d4").ID == s.Person("user_id:ben").ID {
		t.Fatal("the limit holds for what came before, or not for what came after")
	}
	if p := s.rules().Pending; p == nil || !cmp.Equal(p.Kinds, []string{"device_id"}) || p.Values != 0 || p.Partial || !p.Undoable {
		t.Fatalf("%+v", p)
	}

	s.Stop()
	s.forget(true)
	s.Launch()
	s.Settle()
	Eventually(t, patience, "the store that is built anew from the log is as before", func() bool { return cmp.Equal(before, portrait(s, refs...)) })
	if s.rules().Pending == nil {
		t.Error("what waits is forgotten by the store that is built anew")
	}

	_, done := s.rerun(map[string]any{}, true)
	if done.Split != 1 || s.rules().Pending != nil {
		t.Errorf("%+v, pending %+v", done, s.rules().Pending)
	}
	s.Settle()
	if _, undone := s.rerun(done.Was, true); undone.Merged != 2 { // d4 finds room now, too
		t.Errorf("taken back: %+v", undone)
	}
	s.Settle()
	if s.Person("device_id:d2").ID != s.Person("user_id:ann").ID || s.Person("device_id:d4").ID != s.Person("user_id:ben").ID {
		t.Error("the former rules do not hold again")
	}
}
