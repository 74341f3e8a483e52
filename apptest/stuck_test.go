package apptest

import (
	"fmt"
	"net/http"
	"testing"
)

// externalIDs is the context of an event with identifiers of given kinds.
func externalIDs(pairs ...string) map[string]any {
	var ids []map[string]any
	for i := 0; i+1 < len(pairs); i += 2 {
		ids = append(ids, map[string]any{"type": pairs[i], "id": pairs[i+1], "collection": "users"})
	}
	return map[string]any{"externalIds": ids}
}

// No accepted request stops a consumer: events whose identifiers name nobody that the graph
// could know go to quarantine, and what comes after them arrives everywhere, also after a
// restart.
func testNothingStopsAConsumer(t *testing.T, shape Shape) {
	s := shape.Start(t)
	kinds := make([]Event, 300) // more than the graph keeps apart
	for i := range kinds {
		kinds[i] = Event{"type": "track", "event": "x", "context": externalIDs(fmt.Sprintf("kind_%d", i), "v")}
	}
	s.Track(Event{"type": "track", "event": "x", "context": externalIDs("group_id", "acme")})
	s.Drain()
	s.Track(kinds...)
	s.Drain()
	s.Track(Event{"type": "track", "event": "member", "anonymousId": "a-1", "context": externalIDs("group_id", "acme")})
	s.Stop()
	s.Launch()
	s.Track(Event{"type": "track", "event": "after", "userId": "u"})
	st := s.Drain()
	if n := s.Number(`select count(*) from events where event in ('member', 'after')`); n != 2 {
		t.Errorf("%d of two good events are in the warehouse", n)
	}
	if st.SetAside != 0 {
		t.Errorf("%d events were set aside that the edge should have judged", st.SetAside)
	}
	var page struct {
		Items []struct{ Code, Reason string }
	}
	s.Call(http.MethodGet, "/api/v1/quarantine?code=no_person&limit=500", nil, &page)
	if len(page.Items) < 51 || int64(len(page.Items)) != st.Quarantined {
		t.Errorf("%d events are in quarantine for naming nobody, %d in all", len(page.Items), st.Quarantined)
	}
}
