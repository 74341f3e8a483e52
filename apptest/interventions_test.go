package apptest

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// An operator parts, joins and erases persons in the console, and corrects one; history follows.
func TestInterventionsInTheConsole(t *testing.T) {
	chromium, shots := browser(t)
	s := Start(t)
	s.Track(
		Event{"type": "identify", "messageId": "i1", "userId": "ann", "anonymousId": "phone", "traits": map[string]any{"city": "上海"}},
		Event{"type": "track", "messageId": "i2", "userId": "ann", "anonymousId": "tablet", "event": "Signed In"},
		Event{"type": "track", "messageId": "i3", "anonymousId": "tablet", "event": "Tablet Viewed"},
		Event{"type": "identify", "messageId": "i4", "userId": "bob", "traits": map[string]any{"city": "北京"}},
	)
	s.Drain()
	had, err := strconv.Atoi(strings.TrimSpace(string(runClient(t, "interventions.mjs", s.URL, chromium, shots))))
	if err != nil || had < 2 {
		t.Fatal(had, err)
	}
	s.Drain()
	for _, ref := range []string{"user_id:ann", "user_id:bob"} {
		if status, _ := s.Do(http.MethodGet, "/api/v1/persons/"+ref, nil, nil); status != http.StatusNotFound {
			t.Errorf("%s is still there: %d", ref, status)
		}
	}
	tablet := s.Timeline("anonymous_id:tablet", 10)
	if len(tablet) != 1 || tablet[0].MessageID != "i3" {
		t.Errorf("the history of who was parted: %+v", tablet)
	}
	var commands struct {
		Items []struct {
			Kind, State string
			Result      struct {
				Persons     []string
				Identifiers int
			}
		}
	}
	s.Call(http.MethodGet, "/api/v1/commands?kind=person.erase", nil, &commands)
	if len(commands.Items) != 1 || len(commands.Items[0].Result.Persons) != 1 || commands.Items[0].Result.Identifiers != had {
		t.Errorf("the erasure: %+v", commands.Items)
	}
}
