package apptest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/touchstone-cdp/touchstone/sim"
)

// purchase is the way to a car as the demo's world shows it: what people do when they have come so far.
var purchase = map[string]any{
	"stages": []any{
		stageOf("interest", false, anyOf(did("Product Viewed"), did("Content Viewed"), did("$page"), did("Product List Viewed"), did("Signed In"))),
		stageOf("compare", false, anyOf(did("Products Compared"), did("Configurator Started"), did("Finance Calculated"), did("Test Drive Booked"))),
		stageOf("test_drive", true, anyOf(did("Test Drive Completed"), map[string]any{"and": []any{
			map[string]any{"event": "Test Drive Booked", "within": "8d"}, map[string]any{"not": map[string]any{"event": "Test Drive Missed", "within": "8d"}}}})),
		stageOf("buy", false, map[string]any{"event": "Order Completed", "where": []any{map[string]any{"property": "order_type", "op": "eq", "value": "vehicle"}}}),
		stageOf("own", false, anyOf(did("Vehicle Delivered"), did("Trip Ended"), map[string]any{"trait": "vehicle_model", "op": "exists"})),
		stageOf("replace", true, anyOf(drivesAnd("Products Compared"), drivesAnd("Configurator Started"), drivesAnd("Test Drive Booked"))),
	},
}

func stageOf(key string, falls bool, rule any) map[string]any {
	return map[string]any{"key": key, "name": key, "falls": falls, "rule": rule}
}

// drivesAnd is who drives a car of the brand and then looks at another one.
func drivesAnd(event string) map[string]any {
	return map[string]any{"sequence": []any{did("Trip Ended"), map[string]any{"event": event, "within": "14d"}}, "within": "30d"}
}

func did(event string) map[string]any { return map[string]any{"event": event} }

func anyOf(rules ...any) map[string]any { return map[string]any{"or": rules} }

// The stages of the demo's people, which are planted, are found from what they do: by a life cycle that is there before the
// events, and, the same, by one that is written when all of them are there. The funnel's figures are those of the ways.
func TestStagesOfTheWorld(t *testing.T) {
	t.Parallel()
	s := Start(t, "--time-zone", "Asia/Shanghai")
	world, err := sim.NewWorld(sim.Config{Seed: 5, Persons: 600, Days: 30, End: time.Now().Add(-time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]string{}
	for _, source := range sim.Sources() {
		_, keys[source.Name] = s.Source(source.Name, source.Kind)
	}
	var before, after struct{ ID string }
	s.Call(http.MethodPost, "/api/v1/stages", map[string]any{"key": "purchase", "name": "Purchase", "definition": purchase}, &before)
	s.awaitServing(before.ID)
	if _, err := sim.Load(t.Context(), world, sim.LoadOptions{Server: s.URL, Keys: keys}); err != nil {
		t.Fatal(err)
	}
	s.Settle()
	s.Call(http.MethodPost, "/api/v1/stages", map[string]any{"key": "late", "name": "Late", "definition": purchase}, &after)
	s.awaitServing(after.ID)

	planted := world.Stages()
	order := []string{"interest", "compare", "test_drive", "buy", "own", "replace"}
	var right, differ int
	confusion := map[string]int{}
	Eventually(t, 2*time.Minute, "everybody stands where the rules say, by both", func() bool {
		right, differ = 0, 0
		clear(confusion)
		for ref, want := range planted {
			var p struct{ Traits map[string]any }
			s.Call(http.MethodGet, "/api/v1/persons/user_id:"+ref, nil, &p)
			got, _ := p.Traits["stage.purchase"].(string)
			if got != p.Traits["stage.late"] {
				differ++
			}
			if got == want {
				right++
			} else {
				confusion[want+" taken for "+got]++
			}
		}
		return differ == 0
	})
	accuracy := float64(right) / float64(len(planted))
	var mistakes []string
	for what, n := range confusion {
		mistakes = append(mistakes, fmt.Sprintf("%d %s", n, what))
	}
	slices.Sort(mistakes)
	t.Logf("of %d people %d stand where it was planted (%.3f): %s", len(planted), right, accuracy, strings.Join(mistakes, ", "))
	if accuracy < 0.8 {
		t.Errorf("only %.3f stand where it was planted", accuracy)
	}

	// The report counts the same people as the lists behind its numbers.
	var report struct {
		Persons int
		Stages  []struct {
			Key string
			Now int
		}
		Days []struct{ Persons []int }
	}
	s.Call(http.MethodGet, "/api/v1/stages/"+before.ID+"/report", nil, &report)
	total := 0
	for i, st := range report.Stages {
		if st.Key != order[i] {
			t.Errorf("stage %d is %s", i, st.Key)
		}
		total += st.Now
		if last := report.Days[len(report.Days)-1].Persons[i]; last != st.Now {
			t.Errorf("%d are %s, by the days %d", st.Now, st.Key, last)
		}
		if n := s.countSpans(before.ID, st.Key); n != st.Now {
			t.Errorf("%d are %s, and the list has %d", st.Now, st.Key, n)
		}
	}
	if total != report.Persons || total < len(planted) {
		t.Errorf("%d persons stand somewhere, by stage %d", report.Persons, total)
	}
}

func (s *Server) awaitServing(id string) {
	s.t.Helper()
	Eventually(s.t, 2*time.Minute, "a life cycle decides", func() bool {
		var x struct{ Serving int }
		s.Call(http.MethodGet, "/api/v1/stages/"+id, nil, &x)
		return x.Serving == 1
	})
}

// countSpans counts who is in a stage.
func (s *Server) countSpans(id, stage string) (n int) {
	s.t.Helper()
	for cursor := ""; ; {
		var page struct {
			Items      []struct{ Person string }
			NextCursor string `json:"next_cursor"`
		}
		s.Call(http.MethodGet, "/api/v1/stages/"+id+"/spans?open=true&limit=500&stage="+stage+"&cursor="+cursor, nil, &page)
		n += len(page.Items)
		if cursor = page.NextCursor; cursor == "" {
			return n
		}
	}
}
