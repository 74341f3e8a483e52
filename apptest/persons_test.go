package apptest

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"
)

// One customer is seen on the web, in a mini program, in the app, in a store, by the call
// centre, by the car, in the official account and in the community, each time under another identifier. It is one person with one timeline.
func testAllChannels(t *testing.T, shape Shape) {
	s := shape.Start(t)
	keys := map[string]string{}
	for _, kind := range []string{"web", "mini_program", "app", "store", "call_center", "device", "official_account", "community"} {
		_, keys[kind] = s.Source("车 "+kind, kind)
	}
	start := time.Now().Add(-time.Hour).UTC().Truncate(time.Second)
	openid := map[string]any{"externalIds": []map[string]any{{"id": "o-1", "type": "openid", "collection": "users"}}}
	phone := func(text string) map[string]any { return map[string]any{"traits": map[string]any{"phone": text}} }
	car := map[string]any{"device": map[string]any{"id": "CAR-1"}}
	story := []struct {
		kind  string
		event Event
	}{
		{"web", Event{"type": "page", "name": "Models", "anonymousId": "web-1"}},
		{"web", Event{"type": "track", "event": "Model Viewed", "anonymousId": "web-1", "properties": map[string]any{"model": "曜石 X1 🚙"}}},
		{"mini_program", Event{"type": "screen", "name": "首页", "anonymousId": "mp-1", "context": openid}},
		{"app", Event{"type": "identify", "userId": "用户-1", "anonymousId": "app-1", "context": car, "traits": map[string]any{"name": "李雷 🚗", "phone": "138 0013 8001", "email": " Lei@Example.COM"}}},
		{"web", Event{"type": "identify", "userId": "用户-1", "anonymousId": "web-1"}},
		{"mini_program", Event{"type": "identify", "userId": "用户-1", "context": openid}},
		{"store", Event{"type": "track", "event": "Test Drive", "context": phone("+86 138-0013-8001"), "properties": map[string]any{"store": "上海一店"}}},
		{"call_center", Event{"type": "track", "event": "Call Answered", "context": phone("13800138001")}},
		{"device", Event{"type": "track", "event": "Charging Finished", "context": car}},
		{"official_account", Event{"type": "track", "event": "Article Read", "context": openid}},
		{"community", Event{"type": "track", "event": "Post Liked", "userId": "用户-1"}},
	}
	for i := range story {
		story[i].event["messageId"] = fmt.Sprintf("six-%d", i)
		story[i].event["timestamp"] = start.Add(time.Duration(i) * time.Minute).Format(time.RFC3339)
	}
	// They do not arrive in the order in which they happened.
	for _, i := range rand.Perm(len(story)) {
		s.TrackAs(keys[story[i].kind], story[i].event)
	}
	st := s.Drain()
	if st.InWarehouse != 11 || st.Persons != 1 || st.KnownPersons != 1 || st.Quarantined != 0 {
		t.Errorf("eleven events of one known person make %+v", st)
	}

	p := s.Person("user_id:用户-1")
	checkSamePerson(t, s, p.ID, p.ID, "anonymous_id:web-1", "anonymous_id:app-1", "anonymous_id:mp-1", "openid:o-1", "phone:+8613800138001",
		"email:lei@example.com", "device_id:CAR-1")
	if p.Traits["name"] != "李雷 🚗" || !p.Known {
		t.Errorf("the profile is %+v", p)
	}
	want := map[string]int64{"web": 3, "mini_program": 2, "app": 1, "store": 1, "call_center": 1, "device": 1, "official_account": 1, "community": 1}
	for kind, n := range want {
		if p.Counters.ByChannel[kind] != n {
			t.Errorf("channel %s counts %d events, want %d (%v)", kind, p.Counters.ByChannel[kind], n, p.Counters.ByChannel)
		}
	}
	for _, pageSize := range []int{1, 2, 500} {
		timeline := s.Timeline("user_id:用户-1", pageSize)
		if len(timeline) != len(story) {
			t.Fatalf("in pages of %d the timeline has %d events, want %d", pageSize, len(timeline), len(story))
		}
		for i, e := range timeline {
			n := len(story) - 1 - i // newest first
			if e.MessageID != fmt.Sprintf("six-%d", n) || !e.Time.Equal(start.Add(time.Duration(n)*time.Minute)) || e.Type != story[n].event["type"] {
				t.Errorf("in pages of %d event %d of the timeline is %+v, want %v", pageSize, i, e, story[n].event)
			}
		}
	}
	checkOnlyEvent(t, s, "Test Drive")
	checkPath(t, s, "anonymous_id:web-1", "phone:+8613800138001")
	checkSearch(t, s, p.ID, "李雷", "用户-1", "lei@example.com", "+86138", "web-1")
}

func checkOnlyEvent(t *testing.T, s *Server, event string) {
	t.Helper()
	var page struct{ Items []TimelineEvent }
	s.Call(http.MethodGet, "/api/v1/persons/openid:o-1/events?event="+url.QueryEscape(event), nil, &page)
	if len(page.Items) != 1 || page.Items[0].Event != event || page.Items[0].Properties["store"] != "上海一店" {
		t.Errorf("the timeline of %s is %+v", event, page.Items)
	}
}

// checkPath asks why two identifiers are one person: the answer is a chain of evidence.
func checkPath(t *testing.T, s *Server, from, to string) {
	t.Helper()
	var view struct {
		Nodes []struct {
			ID          int64
			Kind, Value string
		}
		Path []struct {
			From, To  int64
			Evidence  string
			MessageID string `json:"message_id"`
		}
	}
	s.Call(http.MethodGet, "/api/v1/persons/"+from+"/identity?from="+url.QueryEscape(from)+"&to="+url.QueryEscape(to), nil, &view)
	names := map[int64]string{}
	for _, n := range view.Nodes {
		names[n.ID] = n.Kind + ":" + n.Value
	}
	at := from
	for _, e := range view.Path {
		switch at {
		case names[e.From]:
			at = names[e.To]
		case names[e.To]:
			at = names[e.From]
		default:
			t.Errorf("edge %+v does not begin at %s", e, at)
		}
		if e.Evidence == "" || e.MessageID == "" {
			t.Errorf("edge %+v has no evidence", e)
		}
	}
	if at != to {
		t.Errorf("the path from %s ends at %s, not at %s: %+v", from, at, to, view.Path)
	}
}

// checkSearch looks for a person by name and by beginnings of identifiers.
func checkSearch(t *testing.T, s *Server, id string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		var page struct{ Items []struct{ ID string } }
		s.Call(http.MethodGet, "/api/v1/persons?q="+url.QueryEscape(text), nil, &page)
		if len(page.Items) != 1 || page.Items[0].ID != id {
			t.Errorf("a search for %q finds %v, not %s", text, page.Items, id)
		}
	}
}

// Two persons turn out to be one: history, counters and reports move, and the id that
// went away still leads to the person.
func testMerge(t *testing.T, shape Shape) {
	s := shape.Start(t)
	base := time.Now().Add(-time.Hour)
	at := func(i int) string { return base.Add(time.Duration(i) * time.Second).UTC().Format(time.RFC3339Nano) }
	for i := range 10 {
		s.Track(Event{"type": "track", "event": "Added to Cart", "userId": "older", "timestamp": at(i)})
	}
	s.Drain()
	for i := range 5 {
		s.Track(Event{"type": "track", "event": "Paid", "anonymousId": "newer", "timestamp": at(100 + i)})
	}
	s.Drain()
	funnel := map[string]any{"kind": "funnel", "from": base.Add(-time.Hour).Format(time.RFC3339), "to": base.Add(2 * time.Hour).Format(time.RFC3339),
		"steps": []map[string]any{{"event": "Added to Cart"}, {"event": "Paid"}}, "window": "1h"}
	if got := funnelPersons(s.Query(funnel)); !slices.Equal(got, []float64{1, 0}) {
		t.Errorf("before the merge the funnel has %v persons, want 1 and 0", got)
	}
	kept, absorbed := s.Person("user_id:older").ID, s.Person("anonymous_id:newer").ID
	if kept == absorbed {
		t.Fatal("they are one person before anything joins them")
	}

	s.Track(Event{"type": "identify", "userId": "older", "anonymousId": "newer", "messageId": "the-link", "traits": map[string]any{"city": "成都"}})
	st := s.Drain()
	if st.Persons != 1 || st.InWarehouse != 16 {
		t.Errorf("after the merge: %+v", st)
	}
	p := s.Person(absorbed)
	if p.ID != kept || !slices.Contains(p.Aliases, absorbed) {
		t.Errorf("%s leads to %s with aliases %v, want %s", absorbed, p.ID, p.Aliases, kept)
	}
	if p.Counters.Events != 16 || p.Counters.ByEvent["Paid"] != 5 || p.Counters.ByEvent["Added to Cart"] != 10 {
		t.Errorf("the counters are %+v", p.Counters)
	}
	if n := len(s.Timeline(absorbed, 7)); n != 16 {
		t.Errorf("the timeline has %d events, want 16", n)
	}
	rows := s.SQL("select person, count(*) from events group by 1")
	if len(rows) != 1 || rows[0][0] != kept || rows[0][1] != 16.0 {
		t.Errorf("events by person are %v", rows)
	}
	if got := funnelPersons(s.Query(funnel)); !slices.Equal(got, []float64{1, 1}) {
		t.Errorf("after the merge the funnel has %v persons, want 1 and 1", got)
	}
	checkMergeRecord(t, s, kept, absorbed)
}

func checkMergeRecord(t *testing.T, s *Server, kept, absorbed string) {
	t.Helper()
	var view struct {
		Merges []struct {
			Kept, Absorbed string
			MessageID      string `json:"message_id"`
		}
	}
	s.Call(http.MethodGet, "/api/v1/persons/"+kept+"/identity", nil, &view)
	if len(view.Merges) != 1 || view.Merges[0].Kept != kept || view.Merges[0].Absorbed != absorbed || view.Merges[0].MessageID != "the-link" {
		t.Errorf("the merges are %+v", view.Merges)
	}
}

// funnelPersons returns the persons of each step.
func funnelPersons(rows [][]any) []float64 {
	slices.SortFunc(rows, func(a, b []any) int { return cmp.Compare(a[0].(float64), b[0].(float64)) })
	var persons []float64
	for _, row := range rows {
		persons = append(persons, row[2].(float64))
	}
	return persons
}
