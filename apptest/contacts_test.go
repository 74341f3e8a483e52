package apptest

import (
	"net/http"
	"strings"
	"testing"
)

// A key without the right to see contacts reads them masked everywhere that they are, SQL
// included, which runs in a process of its own; a key of before, or with the right, as they are.
func TestContactsAreMaskedForWhoMayNotSeeThem(t *testing.T) {
	t.Parallel()
	s := Start(t)
	s.Track(Event{"type": "identify", "userId": "u-zoe", "traits": map[string]any{"name": "Zoe", "email": "zoe.lee@example.com", "phone": "13800138001"}},
		Event{"type": "track", "userId": "u-zoe", "event": "Call", "properties": map[string]any{"phone": "13800138001", "plate": "沪A12345", "price": 12.5}})
	s.Drain()
	var with, without struct{ Key string }
	s.Call(http.MethodPost, "/api/v1/api-keys", map[string]any{"name": "with", "scopes": []string{"read", "contacts"}}, &with)
	s.Call(http.MethodPost, "/api/v1/api-keys", map[string]any{"name": "without", "scopes": []string{"read"}}, &without)
	for _, read := range []struct{ method, path, body, shown, hidden string }{
		{"GET", "/api/v1/persons/user_id:u-zoe", "", "z***@example.com", "zoe.lee@example.com"},
		{"GET", "/api/v1/persons/user_id:u-zoe/events", "", "138****8001", "13800138001"},
		{"POST", "/api/v1/query", `{"kind":"sql","sql":"select properties->>'phone', properties->>'plate', properties->>'price' from events where event = 'Call'"}`, "138****8001", "13800138001"},
		{"POST", "/api/v1/query", `{"kind":"sql","sql":"select count(*) as n from events where properties::varchar like '%1380013%'"}`, "[[0]]", "[[2]]"},
		{"POST", "/api/v1/query", `{"kind":"trend","from":"2020-01-01T00:00:00Z","to":"2030-01-01T00:00:00Z","interval":"total","series":[{"event":"Call"}],"breakdown":[{"property":"plate"}]}`, "沪A****45", "沪A12345"},
	} {
		for _, key := range []string{with.Key, without.Key} {
			status, text := raw(s, read.method, read.path, read.body, "Authorization", "Bearer "+key, "Content-Type", "application/json")
			want, not := read.shown, read.hidden
			if key == with.Key {
				want, not = not, want
			}
			if status != http.StatusOK || !strings.Contains(text, want) || strings.Contains(text, not) {
				t.Errorf("%s %s %s: %d, want %s and not %s: %.800s", read.method, read.path, read.body, status, want, not, text)
			}
		}
	}
	status, text := raw(s, "POST", "/api/v1/query", `{"kind":"sql","sql":"select * from events_raw"}`, "Authorization", "Bearer "+without.Key, "Content-Type", "application/json")
	if status != http.StatusBadRequest || strings.Contains(text, "13800138001") {
		t.Errorf("the table behind the view: %d %s", status, text)
	}
}
