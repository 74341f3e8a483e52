package apptest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Events of who refuses to be counted by name count on as nobody's, if the policy says so: in every report as before, in no
// profile, no timeline, no segment and no list of people; nothing in the warehouse or the store leads from them to the
// person, and a warehouse that is made anew from the log says the same.
func testPseudonyms(t *testing.T, shape Shape) {
	s := shape.Start(t)
	policy := strings.Replace(consentPolicy, `"uses":{`, `"refused":"pseudonymise","uses":{`, 1)
	if status, text := raw(s, http.MethodPut, "/api/v1/consent/policy", policy, "Authorization", "Bearer dev", "Content-Type", "application/json"); status != http.StatusOK {
		t.Fatal(status, text)
	}
	day := time.Now().UTC().Truncate(24 * time.Hour).Add(-36 * time.Hour) // noon of the day before yesterday, in no zone near midnight of UTC
	n := 0
	view := func(who string, more map[string]any) {
		n++
		e := Event{"type": "track", "userId": who, "messageId": fmt.Sprint("v", n), "event": "Viewed", "timestamp": day.Format(time.RFC3339),
			"properties": map[string]any{"price": n, "receiver_phone": "13812345678"}, "context": map[string]any{"sessionId": "s-" + who, "campaign": map[string]any{"source": "mail"}}}
		for k, v := range more {
			e[k] = v
		}
		s.Track(e)
	}
	no := map[string]any{"context": map[string]any{"consent": map[string]any{"categoryPreferences": map[string]any{"Analytics": false}}}}
	for _, who := range []string{"ann", "bob", "cem"} {
		view(who, nil)
	}
	s.Settle()
	view("ann", no) // the refusal itself is hers
	view("bob", no)
	s.Settle()
	for range 3 {
		for _, who := range []string{"ann", "bob", "cem"} {
			view(who, nil)
		}
	}
	s.Track(Event{"type": "identify", "userId": "ann", "messageId": "ann-is", "traits": map[string]any{"shoe": 43}})
	stats := s.Settle()
	check := func(what string) {
		t.Helper()
		const trend = `SELECT count(*), count(DISTINCT person), sum(CAST(properties->>'price' AS BIGINT)), count(utm_source) FROM events WHERE event = 'Viewed'`
		if got, want := fmt.Sprint(s.SQL(trend)), fmt.Sprintf("[[14 5 %d 12]]", n*(n+1)/2); got != want { // the three, and two pseudonyms
			t.Errorf("%s: events count %s, not %s", what, got, want)
		}
		persons := s.Query(map[string]any{"kind": "trend", "from": day.Add(-24 * time.Hour).Format(time.RFC3339), "to": day.Add(24 * time.Hour).Format(time.RFC3339), "tz": "UTC", "interval": "total",
			"series": []map[string]any{{"event": "Viewed", "measure": "persons"}, {"event": "Viewed", "measure": "count"}}})
		if got := fmt.Sprint(persons); !strings.Contains(got, " 5") || !strings.Contains(got, " 14") {
			t.Errorf("%s: a trend says %s", what, got)
		}
		if k := s.Number("SELECT count(*) FROM events WHERE person LIKE 'nobody_%%'"); k != 9 { // two times four, and who she is
			t.Errorf("%s: %d events are nobody's", what, k)
		}
		if k := s.Number("SELECT count(*) FROM events WHERE person LIKE 'nobody_%%' AND (message_id IS NOT NULL OR session IS NOT NULL OR CAST(properties AS VARCHAR) || CAST(context AS VARCHAR) SIMILAR TO '.*(138|ann|bob|shoe).*')"); k != 0 {
			t.Errorf("%s: %d events of nobody lead to somebody", what, k)
		}
		if k := len(s.Timeline("user_id:ann", 50)); k != 1 {
			t.Errorf("%s: ann's timeline has %d events", what, k)
		}
		if k := len(s.Timeline("user_id:cem", 50)); k != 4 {
			t.Errorf("%s: cem's timeline has %d events", what, k)
		}
		var behind struct{ Items []struct{ ID string } }
		s.Call(http.MethodPost, "/api/v1/query/people", map[string]any{"query": map[string]any{"kind": "trend", "from": day.Add(-24 * time.Hour).Format(time.RFC3339), "to": day.Add(24 * time.Hour).Format(time.RFC3339), "tz": "UTC", "interval": "total",
			"series": []map[string]any{{"event": "Viewed", "measure": "persons"}}}, "select": map[string]any{"series": 0}}, &behind)
		if len(behind.Items) != 3 {
			t.Errorf("%s: behind the number are %v", what, behind.Items)
		}
		if now := s.Settle(); now.Processed != stats.Processed || now.InWarehouse != stats.InWarehouse {
			t.Errorf("%s: %+v, and before %+v", what, now, stats)
		}
	}
	check("at once")
	var p struct{ Traits map[string]any }
	s.Call(http.MethodGet, "/api/v1/persons/user_id:ann", nil, &p)
	if p.Traits["shoe"] != nil {
		t.Errorf("traits %v", p.Traits)
	}
	var numbers struct {
		LeftOut []struct{ N, Kept int64 } `json:"left_out"`
	}
	s.Call(http.MethodGet, "/api/v1/consent/numbers?days=2", nil, &numbers)
	if len(numbers.LeftOut) != 1 || numbers.LeftOut[0].N != 9 || numbers.LeftOut[0].Kept != 9 {
		t.Errorf("%+v", numbers)
	}
	seg := s.CreateSegment("viewed twice", map[string]any{"event": "Viewed", "count": map[string]any{"op": "gte", "value": 2}, "within": "30d"})
	if k := s.Segment(seg.ID).Members; k != 1 {
		t.Errorf("%d have viewed twice", k)
	}
	s.Kill()
	s.forget(false)
	s.Launch()
	Eventually(t, time.Minute, "the warehouse is filled again", func() bool { return s.Number("SELECT count(*) FROM events") == stats.InWarehouse })
	check("from the log")
}
