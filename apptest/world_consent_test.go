package apptest

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/touchstone-cdp/touchstone/sim"
)

// The demo's world under its brand's policy: what everybody has decided is known, each with its proof in the words of then; what
// they refuse is counted as nobody's; and every answer about the world is what it is without a policy.
func TestTheWorldsConsents(t *testing.T) {
	t.Parallel()
	s := Start(t, "--time-zone", "Asia/Shanghai")
	world, err := sim.NewWorld(sim.Config{Seed: 3, Persons: 600, Days: 20, End: time.Now().Add(-time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]string{}
	for _, source := range sim.Sources() {
		_, keys[source.Name] = s.Source(source.Name, source.Kind)
	}
	for _, policy := range sim.ConsentPolicies() {
		s.Call(http.MethodPut, "/api/v1/consent/policy", map[string]any{"policy": json.RawMessage(policy), "note": ""}, nil)
	}
	if _, err := sim.Load(t.Context(), world, sim.LoadOptions{Server: s.URL, Keys: keys}); err != nil {
		t.Fatal(err)
	}
	s.Settle()
	planted := world.Consents()
	if len(planted) < 100 {
		t.Fatalf("%d persons have decided something", len(planted))
	}
	type decision struct {
		Purpose, Channel, Choice, Method, Language, Place string
		Wording                                           int
		At                                                time.Time
	}
	reworded, unsubscribed := false, false
	for id, want := range planted {
		var answer struct {
			Decisions []decision
		}
		s.Call(http.MethodGet, "/api/v1/persons/user_id:"+id+"/consents", nil, &answer)
		slices.SortStableFunc(answer.Decisions, func(a, b decision) int { return a.At.Compare(b.At) })
		got := sim.Consent{}
		for _, d := range answer.Decisions {
			got[strings.TrimSuffix(d.Purpose+"."+d.Channel, ".")] = d.Choice
		}
		if !maps.Equal(got, want) {
			t.Errorf("%s has decided %v, planted is %v", id, got, want)
		}
		for _, d := range answer.Decisions {
			reworded = reworded || d.Wording == 2
			unsubscribed = unsubscribed || d.Method == "signal"
			if d.Method == "form" && (d.Wording == 0 || d.Language == "" || d.Place == "") {
				t.Errorf("%s: the proof %+v says too little", id, d)
			}
		}
	}
	if !reworded || !unsubscribed {
		t.Errorf("agreed in new words: %t, unsubscribed: %t", reworded, unsubscribed)
	}

	var numbers struct {
		LeftOut []struct{ N, Kept int64 } `json:"left_out"`
	}
	s.Call(http.MethodGet, "/api/v1/consent/numbers?days=366", nil, &numbers)
	var left, kept int64
	for _, n := range numbers.LeftOut {
		left, kept = left+n.N, kept+n.Kept
	}
	if n := s.Number("SELECT count(*) FROM events WHERE person LIKE 'nobody_%%'"); n == 0 || int64(n) != kept || left != kept {
		t.Errorf("%v events are nobody's; %d were left out, %d of them kept", n, left, kept)
	}
	for _, c := range world.Truth().Checks() {
		var answer json.RawMessage
		s.Call(http.MethodPost, "/api/v1/query", json.RawMessage(c.Query), &answer)
		if err := c.Verify(answer); err != nil {
			t.Error(err)
		}
	}
	for _, d := range sim.Definitions() {
		if d.Purpose != "" && !strings.Contains(sim.ConsentPolicies()[1], `"key":"`+d.Purpose+`"`) {
			t.Errorf("the segment %s serves %q, which the policy does not know", d.Key, d.Purpose)
		}
	}
}
