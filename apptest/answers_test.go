package apptest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// answers is what a server says about everything that it keeps, by what was asked, without
// the moments at which something was worked on and the ids that were drawn then.
type answers map[string]any

// answersOf asks a drained server.
func answersOf(s *Server) answers {
	s.t.Helper()
	a := answers{}
	a.keep(s, "/api/v1/stats", "accepted", "processed", "in_warehouse", "quarantined", "duplicates", "persons", "known_persons", "segments")
	a.keep(s, "/api/v1/settings", "organisation")
	a.keepList(s, "/api/v1/sources", "id", "name", "kind", "write_key", "enabled")
	a.keepList(s, "/api/v1/users", "id", "email", "role")
	keys := a.keepList(s, "/api/v1/api-keys", "id", "name", "scopes")
	for _, key := range keys { // see keysSeeContacts
		key["scopes"] = slices.DeleteFunc(key["scopes"].([]any), func(scope any) bool { return scope == "contacts" })
	}
	a["/api/v1/api-keys"] = asJSON(keys)
	a.keepList(s, "/api/v1/quarantine", "code", "message_id", "event")
	a.keepList(s, "/api/v1/audit", "id", "action", "target")
	for _, segment := range a.keepList(s, "/api/v1/segments", "id", "name", "rule", "members") {
		id := segment["id"].(string)
		a["members of "+id] = asJSON(slices.Sorted(maps.Keys(s.Members(id))))
	}
	a.keepList(s, "/api/v1/catalogue/events", "name", "count")
	for _, row := range s.SQL("select distinct person from events order by 1") {
		id := row[0].(string)
		a.keep(s, "/api/v1/persons/"+id, "id", "known", "name", "traits", "trait_meta", "identifiers", "aliases", "counters", "groups", "consent", "first_seen", "last_seen")
		a.keepList(s, "/api/v1/persons/"+id+"/events", "message_id", "time", "type", "event", "properties", "context", "source")
		a.keep(s, "/api/v1/persons/"+id+"/identity", "nodes", "edges", "merges")
	}
	for name, question := range map[string]any{
		"events":    map[string]any{"kind": "sql", "sql": "select seq, message_id, time, received_at, event, person, type, source, platform, city, properties, context from events order by seq"},
		"trend":     map[string]any{"kind": "trend", "from": "2026-01-01T00:00:00Z", "to": "2026-02-01T00:00:00Z", "interval": "day", "series": []any{map[string]any{"event": "Order Completed", "measure": "sum", "property": "revenue"}}},
		"funnel":    map[string]any{"kind": "funnel", "from": "2026-01-01T00:00:00Z", "to": "2026-02-01T00:00:00Z", "window": "7d", "steps": []any{map[string]any{"event": "Product Viewed"}, map[string]any{"event": "Order Completed"}}},
		"retention": map[string]any{"kind": "retention", "from": "2026-01-01T00:00:00Z", "to": "2026-02-01T00:00:00Z", "first": map[string]any{"event": "Product Viewed"}, "return": map[string]any{"event": "Order Completed"}, "interval": "week", "periods": 3},
	} {
		a[name] = asJSON(s.named(question))
	}
	return a
}

// named asks a question and returns its rows with the names of their columns.
func (s *Server) named(question any) (rows []map[string]any) {
	s.t.Helper()
	var answer struct {
		Columns []struct{ Name string }
		Rows    [][]any
	}
	s.Call(http.MethodPost, "/api/v1/query", question, &answer)
	for _, row := range answer.Rows {
		r := map[string]any{}
		for i, v := range row {
			r[answer.Columns[i].Name] = v
		}
		rows = append(rows, r)
	}
	return rows
}

// asJSON turns a value into what JSON makes of it.
func asJSON(v any) (out any) {
	text, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(text, &out)
	}
	if err != nil {
		panic(err)
	}
	return out
}

func only(object map[string]any, fields []string) map[string]any {
	kept := map[string]any{}
	for _, f := range fields {
		if v, ok := object[f]; ok {
			kept[f] = v
		}
	}
	return kept
}

func (a answers) keep(s *Server, path string, fields ...string) {
	s.t.Helper()
	var object map[string]any
	s.Call(http.MethodGet, path, nil, &object)
	a[path] = only(object, fields)
}

func (a answers) keepList(s *Server, path string, fields ...string) (items []map[string]any) {
	s.t.Helper()
	for cursor := ""; ; {
		var page struct {
			Items      []map[string]any
			NextCursor string `json:"next_cursor"`
		}
		s.Call(http.MethodGet, fmt.Sprintf("%s?limit=500&cursor=%s", path, url.QueryEscape(cursor)), nil, &page)
		for _, item := range page.Items {
			items = append(items, only(item, fields))
		}
		if cursor = page.NextCursor; cursor == "" {
			break
		}
	}
	a[path] = asJSON(items)
	return items
}

// wantAnswers compares what is with what should be. A field that a later release adds to an
// answer is no difference.
func wantAnswers(t *testing.T, got, want answers) {
	t.Helper()
	if len(want) < 20 {
		t.Errorf("only %d answers are wanted; the test says little", len(want))
	}
	for _, what := range slices.Sorted(maps.Keys(want)) {
		if where := differs("", want[what], got[what]); where != "" {
			t.Errorf("%s%s", what, where)
		}
	}
}

// differs returns where got is not what is wanted, empty when it is.
func differs(at string, want, got any) string {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			break
		}
		for _, k := range slices.Sorted(maps.Keys(w)) {
			if where := differs(at+"."+k, w[k], g[k]); where != "" {
				return where
			}
		}
		return ""
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			break
		}
		for i := range w {
			if where := differs(fmt.Sprintf("%s[%d]", at, i), w[i], g[i]); where != "" {
				return where
			}
		}
		return ""
	}
	if reflect.DeepEqual(want, got) {
		return ""
	}
	cut := func(v any) string {
		text, _ := json.Marshal(v)
		return strings.ToValidUTF8(string(text[:min(len(text), 300)]), "")
	}
	return fmt.Sprintf("%s: got %s, want %s", at, cut(got), cut(want))
}

// story sends some days of a shop's life, the part'th of it: visitors who become known,
// buy, have two devices, and events that are refused.
func story(s *Server, part int) {
	s.t.Helper()
	at := func(day, minute int) string {
		return fmt.Sprintf("2026-01-%02dT%02d:%02d:00Z", 1+day, 8+minute/60, minute%60)
	}
	for day := part * 5; day < part*5+5; day++ {
		var batch []Event
		add := func(e Event) {
			e["messageId"] = fmt.Sprintf("story-%d-%d", day, len(batch))
			batch = append(batch, e)
		}
		for i := range 12 {
			user, device := fmt.Sprintf("u-%d", (day+i*3)%17), fmt.Sprintf("dev-%d-%d", i, day%3)
			context := map[string]any{"library": map[string]any{"name": "analytics.js"}, "page": map[string]any{"path": "/p/" + fmt.Sprint(i)}, "location": map[string]any{"city": []string{"上海", "北京", "München"}[i%3]}}
			add(Event{"type": "track", "event": "Product Viewed", "anonymousId": device, "timestamp": at(day, i), "properties": map[string]any{"sku": i, "price": 1.5 * float64(i)}, "context": context})
			if i%2 == 0 { // the device turns out to be a user's
				add(Event{"type": "identify", "userId": user, "anonymousId": device, "timestamp": at(day, i+20),
					"traits": map[string]any{"name": "名字 " + user, "email": user + "@example.com", "visits": day, "vip": i%4 == 0}})
			}
			if i%3 == 0 {
				add(Event{"type": "track", "event": "Order Completed", "userId": user, "timestamp": at(day, i+40), "properties": map[string]any{"revenue": 10*day + i, "coupon": nil}, "context": context})
			}
		}
		add(Event{"type": "group", "userId": fmt.Sprintf("u-%d", day%17), "groupId": fmt.Sprintf("g-%d", day%2), "timestamp": at(day, 90)})
		add(Event{"type": "page", "name": "Home 🚗", "anonymousId": fmt.Sprintf("dev-0-%d", day%3), "timestamp": at(day, 91)})
		add(Event{"type": "track", "event": "Nobody's", "timestamp": at(day, 92)}) // refused: it names nobody
		s.Track(batch...)
		s.Track(batch[:3]...) // a client repeats itself
	}
}
