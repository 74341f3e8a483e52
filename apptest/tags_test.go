package apptest

import (
	"fmt"
	"net/http"
	"testing"
	"time"
)

// shownTag is what the tests look at of one.
type shownTag struct {
	ID        string
	Key       string
	Serving   int64
	Failure   string
	Freshness struct {
		Cause string
	}
}

// tagOf makes a tag and has it approved.
func (s *Server) tagOf(key, kind string, definition map[string]any) (x shownTag) {
	s.t.Helper()
	s.Call(http.MethodPost, "/api/v1/tags", map[string]any{"key": key, "name": key, "kind": kind, "definition": definition}, &x)
	s.Call(http.MethodPost, "/api/v1/tags/"+x.ID+"/approve", map[string]any{"version": 1}, &x)
	return x
}

// awaitTag waits until somebody has a value of a tag.
func (s *Server) awaitTag(ref, key string, want any) {
	s.t.Helper()
	Eventually(s.t, time.Minute, fmt.Sprintf("%s has %s = %v", ref, key, want), func() bool {
		var p struct{ Traits map[string]any }
		status, err := s.Do(http.MethodGet, "/api/v1/persons/"+ref, nil, &p)
		return err == nil && status == http.StatusOK && p.Traits["tag."+key] == want
	})
}

// Tags by rules and by a query are right after kills; values that are too old are told within a minute, with the cause.
func TestTagsSurviveKillsAndTellWhenTheyAreOld(t *testing.T) {
	t.Parallel()
	s := StartIn(t, t.TempDir())
	s.tagOf("tier", "rule", map[string]any{"rules": []any{
		map[string]any{"value": "gold", "rule": map[string]any{"event": "Paid", "count": map[string]any{"value": 3}}},
		map[string]any{"value": "silver", "rule": map[string]any{"event": "Paid"}}}})
	fed := s.tagOf("fed", "manual", map[string]any{"max_age_minutes": 1})
	broken := s.tagOf("broken", "sql", map[string]any{"sql": "select 'x' as person, 1 as value", "every_minutes": 0, "max_age_minutes": 1})
	s.tagOf("paid", "sql", map[string]any{"sql": "select person, sum(cast(properties->>'price' as integer)) as value from events where event = 'Paid' group by 1", "every_minutes": 1})

	// User n pays n%4 times, in three rounds; the server is killed within each.
	const users = 60
	for round := range 3 {
		var events []Event
		for n := range users {
			if n%4 > round {
				events = append(events, Event{"type": "track", "event": "Paid", "messageId": fmt.Sprintf("m%d-%d", n, round), "userId": fmt.Sprintf("u%d", n), "properties": map[string]any{"price": 10}})
			}
		}
		s.Track(events...)
		s.Kill()
		s.Launch()
	}
	for _, n := range []int{1, 5, 57} {
		s.awaitTag(fmt.Sprintf("user_id:u%d", n), "tier", "silver")
	}
	s.awaitTag("user_id:u3", "tier", "gold")
	s.awaitTag("user_id:u59", "tier", "gold")
	var gold, silver Segment
	gold = s.CreateSegment("gold", map[string]any{"trait": "tag.tier", "op": "eq", "value": "gold"})
	silver = s.CreateSegment("silver", map[string]any{"trait": "tag.tier", "op": "eq", "value": "silver"})
	Eventually(t, time.Minute, "segments by the tag are whole", func() bool {
		return s.Segment(gold.ID).Members == users/4 && s.Segment(silver.ID).Members == users/2
	})
	Eventually(t, 3*time.Minute, "the query's values", func() bool {
		var p struct{ Traits map[string]any }
		s.Call(http.MethodGet, "/api/v1/persons/user_id:u59", nil, &p)
		return p.Traits["tag.paid"] == float64(30)
	})

	causes := map[string]string{}
	Eventually(t, 3*time.Minute, "alarms about what is too old", func() bool {
		var list struct {
			Items []struct {
				Event    string
				Kind     string
				SeenType string    `json:"seen_type"`
				BeganAt  time.Time `json:"began_at"`
				OpenedAt time.Time `json:"opened_at"`
			}
		}
		s.Call(http.MethodGet, "/api/v1/quality/alarms?open=true", nil, &list)
		for _, a := range list.Items {
			if a.Kind != "tag_stale" {
				continue
			}
			causes[a.Event] = a.SeenType
			if late := a.OpenedAt.Sub(a.BeganAt); late > time.Minute {
				t.Errorf("%s was told %s after the breach", a.Event, late)
			}
		}
		return causes["fed"] == "not_fed" && causes["broken"] == "job_failed"
	})
	// It ends when it is fed.
	s.Call(http.MethodPost, "/api/v1/tags/"+fed.ID+"/values", map[string]any{"values": []any{map[string]any{"person": "user_id:u1", "value": true}}}, nil)
	var x shownTag
	s.Call(http.MethodGet, "/api/v1/tags/"+fed.ID, nil, &x)
	if x.Freshness.Cause != "" {
		t.Errorf("it is still %+v", x)
	}
	s.Call(http.MethodGet, "/api/v1/tags/"+broken.ID, nil, &x)
	if x.Failure == "" || x.Freshness.Cause != "job_failed" {
		t.Errorf("the query that fails is %+v", x)
	}
}
