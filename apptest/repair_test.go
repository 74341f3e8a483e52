package apptest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

type refusedGroup struct {
	Key, Event, Code, Template, Reason string
	Params                             map[string]string
	Count                              int
}

type mendRule map[string]any

// groups are those of the quarantine, by their reason: "{path} is not {want}" with the path.
func (s *Server) groups() map[string]refusedGroup {
	s.t.Helper()
	var answer struct{ Items []refusedGroup }
	s.Call(http.MethodGet, "/api/v1/quarantine/groups", nil, &answer)
	by := map[string]refusedGroup{}
	for _, g := range answer.Items {
		by[strings.TrimSpace(g.Code+" "+g.Params["rule"]+" "+g.Params["path"])] = g
	}
	return by
}

// suggested is the best rule for a group, tried on its events.
func (s *Server) suggested(g refusedGroup) (rule mendRule, passed int) {
	s.t.Helper()
	var answer struct {
		Items []struct {
			Rule           mendRule
			Looked, Passed int
		}
	}
	s.Call(http.MethodGet, "/api/v1/quarantine/groups/"+g.Key+"/suggestions", nil, &answer)
	if len(answer.Items) == 0 {
		s.t.Fatalf("nothing is suggested for %+v", g)
	}
	return answer.Items[0].Rule, answer.Items[0].Passed
}

// Events that a plan and the edge refuse are grouped by what is wrong, a rule is suggested from the reason and
// tried on them, and a replay with it lets them in once, at their times. A rule that is kept mends what comes, and a
// store and a warehouse that are built anew from the log have the same.
func TestQuarantineIsRepaired(t *testing.T) {
	t.Parallel()
	s := Start(t)
	schema := map[string]any{"type": "object", "required": []string{"amount"}, "additionalProperties": false, "properties": map[string]any{
		"amount": map[string]any{"type": "number"}, "city": map[string]any{"type": "string"}, "uid": map[string]any{}, "model": map[string]any{"enum": []string{"han"}, "x-action": "reject"}}}
	var plan planAnswer
	s.Call(http.MethodPost, "/api/v1/plans", map[string]any{"name": "shop", "draft": map[string]any{"unplanned_events": "quarantine", "unplanned_properties": "quarantine", "missing": "quarantine",
		"invalid": "quarantine", "events": []any{map[string]any{"name": "Order Paid", "schema": schema}}}}, &plan)
	s.Call(http.MethodPost, "/api/v1/plans/"+plan.ID+"/publish", map[string]any{}, &plan)
	at := time.Now().Add(-time.Hour).UTC().Truncate(time.Second)
	paid := func(id string, properties map[string]any) Event {
		return Event{"type": "track", "messageId": id, "userId": "ann", "event": "Order Paid", "timestamp": at.Format(time.RFC3339), "properties": properties}
	}
	var events []Event
	for i := range 30 {
		events = append(events, paid(fmt.Sprint("text", i), map[string]any{"amount": fmt.Sprintf("¥1,0%02d.50", i)}))
	}
	events = append(events, paid("words", map[string]any{"amount": "two"}))
	for i := range 5 {
		events = append(events, paid(fmt.Sprint("amt", i), map[string]any{"amt": i, "city": "上海"}))
	}
	nobody := paid("nobody", map[string]any{"amount": 7, "uid": 4711})
	delete(nobody, "userId")
	s.Track(append(events, nobody)...)
	Eventually(t, time.Minute, "the edge refuses what the plan refuses", func() bool { // it follows within two seconds
		status, _ := s.Raw(http.MethodPost, "/v1/track?writeKey=dev", `{"userId":"ann","event":"Order Paid","properties":{"amount":1,"model":"tang"}}`)
		return status == http.StatusBadRequest
	})
	s.Track(paid("tang", map[string]any{"amount": 1, "model": "tang"}))
	s.Drain()
	groups := s.groups()
	for key, n := range map[string]int{"tracking_plan type amount": 31, "tracking_plan unplanned_property amt": 5, "missing_user": 1, "plan_refused type model": 1} {
		if groups[key].Count != n {
			t.Fatalf("%s: %d, want %d of %v", key, groups[key].Count, n, groups)
		}
	}
	s.breachesOf(plan.ID, map[string]int{"model enum reject": 1, "amount type quarantine": 31})
	s.repairText(t, groups["tracking_plan type amount"], at)
	s.repairByKeptRule(t, groups["tracking_plan unplanned_property amt"], paid)
	rule, passed := s.suggested(groups["missing_user"])
	if passed != 1 {
		t.Fatalf("%v lets %d in", rule, passed)
	}
	if status, err := s.Do(http.MethodPost, "/api/v1/mends", rule, nil); status != http.StatusUnprocessableEntity && status != http.StatusBadRequest {
		t.Errorf("a rule about identifiers holds: %d %v", status, err)
	}
	s.AwaitJob(s.StartJob("quarantine.replay", map[string]any{"group": groups["missing_user"].Key, "rule": rule}).ID)
	s.Drain()
	if p := s.Person("user_id:4711"); p.ID == "" {
		t.Error("who was named in a property is nobody still")
	}
	const all = `SELECT message_id, event, CAST(properties AS VARCHAR), epoch_ms(time) FROM events ORDER BY message_id`
	rows := s.SQL(all)
	s.Stop()
	s.forget(true)
	s.Launch()
	s.Drain()
	if d := cmp.Diff(rows, s.SQL(all)); d != "" || len(rows) != 37 {
		t.Errorf("computed anew of %d: %s", len(rows), d)
	}
}

// breachesOf holds counts of a plan against what is wanted.
func (s *Server) breachesOf(plan string, want map[string]int) {
	s.t.Helper()
	var broken struct {
		Breaches []struct {
			Path, Rule, Action string
			Count              int
		}
	}
	s.Call(http.MethodGet, "/api/v1/plans/"+plan+"/breaches", nil, &broken)
	got := map[string]int{}
	for _, b := range broken.Breaches {
		got[b.Path+" "+b.Rule+" "+b.Action] = b.Count
	}
	for key, n := range want {
		if got[key] != n {
			s.t.Errorf("%s: %d, want %d of %v", key, got[key], n, got)
		}
	}
}

// repairText replays amounts that are texts with the rule that is suggested. What it cannot mend stays.
func (s *Server) repairText(t *testing.T, g refusedGroup, at time.Time) {
	rule, passed := s.suggested(g)
	if passed != 30 && passed != 31 {
		t.Fatalf("%v lets %d in", rule, passed)
	}
	rule = mendRule{"name": "amounts", "event": "Order Paid", "steps": []any{map[string]any{"do": "cast", "field": "properties.amount", "to": "number"}}}
	var trial struct {
		Total, Looked, Passed int
		Reasons               []struct{ Reason string }
		Examples              []struct {
			Before, After  struct{ Properties map[string]any }
			Reason, Failed string
		}
	}
	s.Call(http.MethodPost, "/api/v1/quarantine/groups/"+g.Key+"/preview", rule, &trial)
	if trial.Total != 31 || trial.Looked != 31 || trial.Passed != 30 || len(trial.Reasons) != 1 || trial.Examples[0].Failed != "properties.amount" ||
		trial.Examples[1].Reason != "" || trial.Examples[1].After.Properties["amount"].(float64) < 1000 {
		t.Fatalf("the trial: %+v", trial)
	}
	if s.Drain().Quarantined == 0 {
		t.Error("a trial changed something")
	}
	for range 2 { // the second finds those that stayed, and doubles nothing
		s.AwaitJob(s.StartJob("quarantine.replay", map[string]any{"group": g.Key, "rule": rule}).ID)
		s.Drain()
	}
	rows := s.SQL(`SELECT count(*), count(DISTINCT message_id), min(CAST(json_extract(properties, '$.amount') AS DOUBLE)), max(epoch_ms(time)) FROM events WHERE message_id LIKE 'text%%'`)
	if d := cmp.Diff([][]any{{30.0, 30.0, 1000.5, float64(at.UnixMilli())}}, rows); d != "" {
		t.Errorf("repaired: %s", d)
	}
	if left := s.groups()["tracking_plan type amount"]; left.Count != 1 {
		t.Errorf("what cannot be mended: %+v", left)
	}
}

// repairByKeptRule makes the suggestion a rule that holds, and replays the events as they were.
func (s *Server) repairByKeptRule(t *testing.T, g refusedGroup, paid func(string, map[string]any) Event) {
	rule, passed := s.suggested(g)
	if step := rule["steps"].([]any)[0].(map[string]any); passed != 5 || step["do"] != "rename" || step["to"] != "properties.amount" {
		t.Fatalf("%v lets %d in", rule, passed)
	}
	rule["name"] = "amt is amount"
	var kept struct{ ID string }
	s.Call(http.MethodPost, "/api/v1/mends", rule, &kept)
	s.AwaitJob(s.StartJob("quarantine.replay", map[string]any{"group": g.Key}).ID)
	s.Track(paid("later", map[string]any{"amt": 9}))
	s.Drain()
	if n := s.Number(`SELECT count(*) FROM events WHERE (message_id LIKE 'amt%%' OR message_id = 'later') AND json_extract(properties, '$.amount') IS NOT NULL AND json_extract(properties, '$.amt') IS NULL`); n != 6 {
		t.Errorf("%d of 6 events were mended", n)
	}
	var mends struct {
		Items []struct {
			ID   string
			Done struct{ Changed, Failed int }
		}
	}
	s.Call(http.MethodGet, "/api/v1/mends", nil, &mends)
	if len(mends.Items) != 1 || mends.Items[0].Done.Changed != 6 || mends.Items[0].Done.Failed != 0 {
		t.Errorf("what the rule did: %+v", mends)
	}
}
