package apptest

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Rules hold from where they were set, for profiles and reports, also in a store and a
// warehouse that are computed anew from the log.
func TestAdmission(t *testing.T) {
	t.Parallel()
	s := Start(t)
	send := func(suffix string) {
		s.Track(
			Event{"type": "identify", "messageId": "i" + suffix, "userId": "ann" + suffix, "traits": map[string]any{"idCard": "310101", "city": "上海"}},
			Event{"type": "track", "messageId": "t" + suffix, "userId": "ann" + suffix, "event": "Paid", "properties": map[string]any{"address": "secret street", "sum": 5}},
			Event{"type": "track", "messageId": "d" + suffix, "userId": "ann" + suffix, "event": "Debug Ping"},
		)
		s.Drain()
	}
	var got struct {
		Version int64
		Actor   string
		Rules   []map[string]any
	}
	s.Call(http.MethodGet, "/api/v1/admission", nil, &got)
	if got.Version != 0 || len(got.Rules) != 0 {
		t.Fatalf("before: %+v", got)
	}
	send("1")
	s.Call(http.MethodPut, "/api/v1/admission", map[string]any{"rules": []any{
		map[string]any{"event": "Debug Ping", "drop": "test traffic"},
		map[string]any{"mask": []any{map[string]any{"in": "traits", "name": "idCard"}, map[string]any{"in": "properties", "name": "address", "with": "***"}}},
	}}, &got)
	if got.Version == 0 || len(got.Rules) != 2 {
		t.Fatalf("set: %+v", got)
	}
	if status, _ := s.Do(http.MethodPut, "/api/v1/admission", map[string]any{"rules": []any{map[string]any{}}}, nil); status != http.StatusBadRequest && status != http.StatusUnprocessableEntity {
		t.Errorf("a rule that does nothing: %d", status)
	}
	send("2")
	s.Call(http.MethodPut, "/api/v1/admission", map[string]any{"rules": []any{}}, &got)
	send("3")
	look := func() []string {
		var rows []string
		for _, r := range s.SQL(`SELECT message_id || ' ' || COALESCE(CAST(properties AS VARCHAR), '') FROM events ORDER BY message_id`) {
			rows = append(rows, r[0].(string))
		}
		return append(rows, portrait(s, "user_id:ann1", "user_id:ann2", "user_id:ann3")...)
	}
	before := look()
	all := strings.Join(before, "\n")
	if strings.Count(all, "secret street") != 2 || strings.Count(all, "***") != 1 || strings.Contains(all, "d2 ") || !strings.Contains(all, "d3 ") {
		t.Errorf("%s", all)
	}
	if p := s.Person("user_id:ann2"); p.Traits["idCard"] != nil || p.Traits["city"] == nil {
		t.Errorf("traits: %v", p.Traits)
	}
	stats := s.Stats()
	if stats.Quarantined != 1 {
		t.Errorf("%+v", stats)
	}
	s.Stop()
	s.forget(true)
	s.Launch()
	s.Drain()
	if d := cmp.Diff(before, look()); d != "" {
		t.Errorf("computed anew: %s", d)
	}
}
