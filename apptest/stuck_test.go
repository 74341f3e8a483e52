package apptest

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/touchstone-cdp/touchstone/collect/collecttest"
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

// Ten thousand hostile requests, and then some that unpack to much: the server lives, all
// that it has accepted gets everywhere, memory keeps its bound, and a restart finds
// nothing that stands still.
func TestTenThousandHostileRequests(t *testing.T) {
	s := Start(t)
	s.CreateSegment("payers", DidEvent("Paid", 1, ""))
	const senders, each = 8, 1250
	var wait sync.WaitGroup
	for i := range senders {
		wait.Go(func() {
			h := collecttest.NewHostile(uint64(i)) //nolint:gosec // small
			for range each {
				path, body := h.Request()
				if status, text := raw(s, http.MethodPost, path, body, "Content-Type", "application/json"); status != http.StatusOK && status != http.StatusBadRequest {
					t.Errorf("%s is answered with %d: %.300s\n%.1000s", path, status, text, body)
				}
			}
		})
	}
	wait.Wait()
	st := s.Drain()
	t.Logf("%d requests: %+v, %d MiB resident", senders*each, st, st.Process.RSSBytes>>20)
	if st.SetAside != 0 || st.InWarehouse < 10_000 || st.Quarantined < 1000 {
		t.Errorf("%d events are in the warehouse, %d in quarantine, %d were set aside", st.InWarehouse, st.Quarantined, st.SetAside)
	}
	large := Event{"type": "track", "event": "Large", "userId": "u", "properties": map[string]any{"a": strings.Repeat("x", 30_000)}}
	batch := make([]Event, 15)
	for i := range batch {
		batch[i] = large
	}
	for range 4 {
		wait.Go(func() {
			for range 200 { // 360 MB in all, a few hundred kB in the log
				s.Track(batch...)
			}
		})
	}
	wait.Wait()
	st = s.Drain()
	t.Logf("%d events, %d MiB resident", st.Accepted, st.Process.RSSBytes>>20)
	if st.Process.RSSBytes > 1<<30 {
		t.Errorf("%d MiB are resident", st.Process.RSSBytes>>20)
	}
	s.Stop()
	if strings.Contains(s.Log(), "panic") || strings.Contains(s.Log(), "goroutine ") {
		t.Errorf("something panicked:\n%s", s.Log())
	}
	s.Launch()
	s.Track(Event{"type": "track", "event": "after", "userId": "u"})
	s.Drain()
	var ready struct{ Status string }
	if s.Call(http.MethodGet, "/readyz?strict", nil, &ready); ready.Status != "ok" {
		t.Errorf("the server is %s", ready.Status)
	}
}
