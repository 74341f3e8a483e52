package apptest

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

type planAnswer struct {
	ID       string
	Revision int
	Live     bool
	Changed  bool
	Events   int
	Draft    map[string]any
}

// A plan made from what was observed is made stricter, tried, published and broken: what can be
// converted is, what cannot goes to quarantine, what it refuses is told to its sender; all of it is
// counted, and a store that is built anew from the log has the same plan and the same events.
func TestTrackingPlan(t *testing.T) {
	t.Parallel()
	s := Start(t)
	for i := range 30 {
		s.Track(Event{"type": "track", "userId": "u" + string(rune('a'+i%26)), "event": "Paid", "properties": map[string]any{"amount": i, "city": "上海"}})
	}
	s.Drain()
	var observed struct {
		EventsSeen int `json:"events_seen"`
		Plan       map[string]any
	}
	s.Call(http.MethodPost, "/api/v1/plans/observe", map[string]any{}, &observed)
	events := observed.Plan["events"].([]any)
	if observed.EventsSeen != 30 || len(events) != 1 || events[0].(map[string]any)["schema"].(map[string]any)["additionalProperties"] != false {
		t.Fatalf("observed %+v", observed)
	}
	schema := events[0].(map[string]any)["schema"].(map[string]any)
	schema["properties"].(map[string]any)["amount"].(map[string]any)["maximum"] = 20
	schema["properties"].(map[string]any)["model"] = map[string]any{"enum": []string{"han", "qin"}, "x-action": "reject"}
	for field, action := range map[string]string{"unplanned_events": "quarantine", "unplanned_properties": "drop", "missing": "quarantine", "invalid": "coerce"} {
		observed.Plan[field] = action
	}
	var plan planAnswer
	s.Call(http.MethodPost, "/api/v1/plans", map[string]any{"name": "店", "draft": observed.Plan}, &plan)
	var preview struct {
		Events, Broken int
		SetAside       int `json:"set_aside"`
		Breaches       []struct {
			Path, Rule, Wanted string
			Count              int
			Examples           []any
		}
	}
	s.Call(http.MethodPost, "/api/v1/plans/"+plan.ID+"/preview", nil, &preview)
	if preview.Events != 30 || preview.Broken != 9 || preview.SetAside != 9 || preview.Breaches[0].Path != "amount" || preview.Breaches[0].Rule != "range" || len(preview.Breaches[0].Examples) != 3 {
		t.Fatalf("preview: %+v", preview)
	}
	s.Call(http.MethodPost, "/api/v1/plans/"+plan.ID+"/publish", map[string]any{"note": "first"}, &plan)
	if plan.Revision != 1 || !plan.Live || plan.Changed {
		t.Fatalf("published: %+v", plan)
	}
	paid := func(id string, properties map[string]any) Event {
		return Event{"type": "track", "messageId": id, "userId": "ann", "event": "Paid", "properties": properties}
	}
	s.Track(paid("good", map[string]any{"amount": 1, "city": "北京"}), paid("text", map[string]any{"amount": "2", "city": "北京", "extra": "x"}),
		paid("words", map[string]any{"amount": "two", "city": "北京"}), paid("model", map[string]any{"amount": 1, "city": "北京", "model": "tang"}),
		Event{"type": "track", "messageId": "other", "userId": "ann", "event": "Unplanned"}, Event{"type": "page", "messageId": "page", "userId": "ann"})
	s.Drain()
	Eventually(t, time.Minute, "the edge refuses what the plan refuses", func() bool { // it follows within two seconds
		status, text := s.Raw(http.MethodPost, "/v1/track?writeKey=dev", `{"userId":"ann","event":"Paid","properties":{"amount":1,"city":"x","model":"tang"}}`)
		return status == http.StatusBadRequest && strings.Contains(text, "model is")
	})
	s.Drain()
	rows := s.SQL(`SELECT message_id, CAST(properties AS VARCHAR) FROM events WHERE message_id IN ('good', 'text', 'words', 'model', 'other', 'page') ORDER BY message_id`)
	want := [][]any{{"good", `{"amount":1,"city":"北京"}`}, {"page", nil}, {"text", `{"amount":2,"city":"北京"}`}}
	if d := cmp.Diff(want, rows); d != "" {
		t.Error(d)
	}
	reasons := map[string]bool{}
	for _, q := range s.Quarantine(url.Values{"code": {"tracking_plan"}}) {
		reasons[q.Reason] = true
	}
	if !reasons[`amount is "two", not integer`] || !reasons["the event is not in the tracking plan"] {
		t.Errorf("quarantine: %v", reasons)
	}
	var broken struct {
		Checks   []struct{ Events, Broken int }
		Breaches []struct {
			Event, Path, Rule, Action string
			Count                     int
		}
	}
	s.Call(http.MethodGet, "/api/v1/plans/"+plan.ID+"/breaches", nil, &broken)
	counts := map[string]int{}
	for _, b := range broken.Breaches {
		counts[b.Event+" "+b.Path+" "+b.Rule+" "+b.Action] = b.Count
	}
	for key, n := range map[string]int{"Paid amount type coerce": 1, "Paid amount type quarantine": 1, "Paid extra unplanned_property drop": 1, "Unplanned  unplanned_event quarantine": 1} {
		if counts[key] != n {
			t.Errorf("%s: %d, want %d of %v", key, counts[key], n, counts)
		}
	}
	if status, code := s.Raw(http.MethodGet, "/api/v1/plans/"+plan.ID+"/code?language=typescript", ""); status != 200 || !strings.Contains(code, "export type Paid") {
		t.Errorf("%d %s", status, code)
	}
	s.Stop()
	s.forget(true)
	s.Launch()
	s.Drain()
	if d := cmp.Diff(rows, s.SQL(`SELECT message_id, CAST(properties AS VARCHAR) FROM events WHERE message_id IN ('good', 'text', 'words', 'model', 'other', 'page') ORDER BY message_id`)); d != "" {
		t.Errorf("computed anew: %s", d)
	}
	s.Call(http.MethodGet, "/api/v1/plans/"+plan.ID, nil, &plan)
	if plan.Revision != 1 || !plan.Live {
		t.Errorf("computed anew: %+v", plan)
	}
	s.Call(http.MethodPost, "/api/v1/plans/"+plan.ID+"/retire", nil, &plan)
	if plan.Live {
		t.Errorf("retired: %+v", plan)
	}
}
