package sim

import (
	"encoding/json"
	"maps"
	"testing"

	"github.com/touchstone-cdp/touchstone"
)

// What the events of a history say, one after the other, is what is planted; every answer occurs, children and owners are asked
// what others are not, and wordings change in the middle.
func TestConsentsArePlanted(t *testing.T) {
	w := newTestWorld(t, 3000, 60, 11)
	found := map[string]Consent{} // by user id, mail address or phone number
	counts, wordings, methods := map[string]int{}, map[int]int{}, map[string]int{}
	w.History(func(e *touchstone.Event) bool {
		var c struct {
			Consent *struct {
				Purposes map[string]json.RawMessage
				Wording  map[string]int
				Method   string
			}
		}
		if err := json.Unmarshal([]byte(e.Context), &c); err != nil {
			t.Fatal(err)
		}
		says := Consent{}
		if c.Consent != nil {
			methods[c.Consent.Method]++
			wordings[c.Consent.Wording["marketing"]]++
			for purpose, text := range c.Consent.Purposes {
				var choice string
				channels := map[string]string{}
				switch {
				case json.Unmarshal(text, &choice) == nil:
					says[purpose] = choice
				case json.Unmarshal(text, &channels) == nil:
					for channel, choice := range channels {
						says[purpose+"."+channel] = choice
					}
				default:
					t.Fatalf("%s", text)
				}
			}
		}
		if e.Name == "Email Unsubscribed" {
			says["marketing.email"] = denied
			methods["signal"]++
		}
		if len(says) == 0 {
			return true
		}
		for what, choice := range says {
			counts[what+" "+choice]++
		}
		who := w.people[w.today[w.at-1].person]
		id := w.userID(&who)
		if found[id] == nil {
			found[id] = Consent{}
		}
		maps.Copy(found[id], says)
		return true
	})
	planted := w.Consents()
	if len(found) != len(planted) || len(planted) < 300 {
		t.Fatalf("%d have said something, %d are planted", len(found), len(planted))
	}
	for id, c := range found {
		if !maps.Equal(c, planted[id]) {
			t.Errorf("%s has said %v; planted is %v", id, c, planted[id])
		}
	}
	for _, what := range []string{"analytics granted", "analytics denied", "marketing.email granted", "marketing.email denied", "marketing.email non_personalised", "marketing.phone denied",
		"partners granted", "partners denied", "location granted", "location denied", "guardian granted", "guardian denied"} {
		if counts[what] == 0 {
			t.Errorf("nobody says %s: %v", what, counts)
		}
	}
	if wordings[1] == 0 || wordings[2] == 0 || methods["form"] == 0 || methods["call"] == 0 || methods["signal"] == 0 {
		t.Errorf("wordings %v, methods %v", wordings, methods)
	}
	silent := 0
	for i := range w.people {
		if p := &w.people[i]; p.reported && planted[w.userID(p)] == nil {
			silent++
		}
	}
	if silent == 0 {
		t.Error("everybody who was asked has answered")
	}
}
