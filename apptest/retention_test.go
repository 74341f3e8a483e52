package apptest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// What is older than a rule says goes, or counts on as nobody's; whom a hold keeps loses nothing, until it is lifted; the
// preview says it before; a warehouse that is made anew comes to the same.
func testRetention(t *testing.T, shape Shape) {
	s := shape.Start(t)
	at := func(days int) string {
		return time.Now().AddDate(0, 0, -days).UTC().Format("2006-01-02") + "T08:00:00Z"
	}
	old := at(90)
	for _, who := range []string{"ann", "bob", "cem"} {
		for i, when := range []string{old, old, at(80), at(2)} {
			s.Track(Event{"type": "track", "userId": who, "messageId": fmt.Sprint(who, i), "event": "Ordered", "timestamp": when, "properties": map[string]any{"price": 10 + i, "receiver_phone": "13812345678", "note": who + "@example.org"},
				"context": map[string]any{"sessionId": "s-" + who, "ip": "10.1.2.3", "campaign": map[string]any{"source": "mail"}}})
		}
		s.Track(Event{"type": "track", "userId": who, "messageId": who + "-seen", "event": "Seen", "timestamp": old})
		s.Track(Event{"type": "identify", "userId": who, "messageId": who + "-is", "timestamp": old, "traits": map[string]any{"email": who + "@example.org", "plan": "pro"}})
	}
	stats := s.Settle()
	hold := struct{ ID string }{}
	s.Call(http.MethodPost, "/api/v1/holds", map[string]any{"reason": "case 12", "persons": []string{"user_id:ann"}}, &hold)
	rules := map[string]any{"rules": []map[string]any{
		{"name": "seen", "kind": "events", "event": "Seen", "keep_days": 30},
		{"name": "orders", "kind": "events", "event": "Ordered", "keep_days": 30, "action": "anonymise"},
		{"name": "contacts", "kind": "traits", "classes": []string{"email"}, "keep_days": 30}}}
	const counted = `SELECT CAST(CAST(time AS DATE) AS VARCHAR), count(*), count(DISTINCT person), sum(CAST(properties->>'price' AS BIGINT)), count(utm_source) FROM events WHERE event = 'Ordered' GROUP BY 1 ORDER BY 1`
	before := fmt.Sprint(s.SQL(counted))
	trend := map[string]any{"kind": "trend", "from": at(100), "to": at(-1), "interval": "day", "tz": "UTC", "series": []map[string]any{{"event": "Ordered", "measure": "persons"}, {"event": "Ordered", "measure": "count"}}}
	persons := fmt.Sprint(s.Query(trend))
	type counts struct {
		Items []struct {
			Rule, Action  string
			Removed, Held int64
		}
	}
	line := func(c counts) (text string) {
		for _, one := range c.Items {
			text += fmt.Sprintf("%s %s %d held %d, ", one.Rule, one.Action, one.Removed, one.Held)
		}
		return text
	}
	var preview counts
	s.Call(http.MethodPost, "/api/v1/retention/preview", rules, &preview)
	if want := "seen erase 2 held 1, orders anonymise 6 held 3, contacts erase 2 held 1, "; line(preview) != want {
		t.Errorf("the preview says %q, not %q", line(preview), want)
	}
	if got := fmt.Sprint(s.SQL(counted)); got != before {
		t.Errorf("a preview has changed %s to %s", before, got)
	}
	s.Call(http.MethodPut, "/api/v1/retention", rules, nil)
	run := func() string {
		t.Helper()
		s.AwaitJob(s.StartJob("retention.run", map[string]any{}).ID)
		var runs struct {
			Items []struct{ Counts []struct{ Removed int64 } }
		}
		s.Call(http.MethodGet, "/api/v1/retention/runs", nil, &runs)
		return fmt.Sprint(runs.Items[0].Counts)
	}
	run() // one may have begun when the rules were set
	check := func(what string, held int) {
		t.Helper()
		if got := fmt.Sprint(s.SQL(counted)); got != before {
			t.Errorf("%s: orders count %s, and counted %s", what, got, before)
		}
		if got := fmt.Sprint(s.Query(trend)); got != persons {
			t.Errorf("%s: the trend says %s, and said %s", what, got, persons)
		}
		if n := s.Number("SELECT count(*) FROM events WHERE event = 'Ordered' AND person LIKE 'nobody_%%'"); n != int64(3*(3-held)) {
			t.Errorf("%s: %d orders are nobody's", what, n)
		}
		const trace = "SELECT count(*) FROM events WHERE person LIKE 'nobody_%%' AND (message_id IS NOT NULL OR session IS NOT NULL OR CAST(properties AS VARCHAR) || CAST(context AS VARCHAR) SIMILAR TO '.*(138|example.org|10.1.2).*')"
		if n := s.Number(trace); n != 0 {
			t.Errorf("%s: %d events of nobody lead to somebody", what, n)
		}
		if n := s.Number("SELECT count(*) FROM events WHERE event = 'Seen'"); n != int64(held) {
			t.Errorf("%s: %d of what should go is there", what, n)
		}
		for _, who := range []string{"bob", "cem"} {
			if n := len(s.Timeline("user_id:"+who, 50)); n > 3 { // the late order, and who they are
				t.Errorf("%s: %s has %d events", what, who, n)
			}
		}
	}
	check("after the run", 1)
	if n := len(s.Timeline("user_id:ann", 50)); n < 6 {
		t.Errorf("whom a hold keeps has %d events", n)
	}
	traits := func(who string) map[string]any {
		var p struct{ Traits map[string]any }
		s.Call(http.MethodGet, "/api/v1/persons/user_id:"+who, nil, &p)
		return p.Traits
	}
	Eventually(t, time.Minute, "the contact has gone", func() bool { return traits("bob")["email"] == nil && traits("cem")["email"] == nil })
	if traits("bob")["plan"] != "pro" || traits("ann")["email"] == nil {
		t.Errorf("traits: %v, %v", traits("bob"), traits("ann"))
	}
	var ann struct{ ID string }
	s.Call(http.MethodGet, "/api/v1/persons/user_id:ann", nil, &ann)
	if status, text := raw(s, http.MethodPost, "/api/v1/persons/user_id:ann/erase", fmt.Sprintf(`{"confirm":%q}`, ann.ID), "Authorization", "Bearer dev", "Content-Type", "application/json"); status != http.StatusConflict || !strings.Contains(text, "case 12") {
		t.Errorf("an erasure of whom a hold keeps: %d %s", status, text)
	}
	if got := run(); got != "[{0} {0} {0}]" {
		t.Errorf("another run has removed %s", got)
	}
	s.Call(http.MethodPost, "/api/v1/holds/"+hold.ID+"/lift", map[string]any{}, nil)
	if got := run(); got != "[{1} {3} {1}]" {
		t.Errorf("when the hold is lifted a run removes %s", got)
	}
	s.Kill()
	s.Launch()
	check("after a kill", 0)
	if now := s.Settle(); now.Processed < stats.Processed {
		t.Errorf("%+v, and before %+v", now, stats)
	}
}
