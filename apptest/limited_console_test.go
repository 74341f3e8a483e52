package apptest

import (
	"net/http"
	"testing"
)

// An administrator limits members to some people in the console; these find their people and
// nobody else, and are told why where something is about everybody.
func TestLimitedMembersInTheConsole(t *testing.T) {
	chromium, shots := browser(t)
	s := Start(t)
	for _, p := range [][3]string{{"pia", "Pia", "Pudong"}, {"paul", "Paul", "Pudong"}, {"xan", "Xanthippe", "Jingan"}} {
		s.Track(
			Event{"type": "identify", "userId": "u-" + p[0], "traits": map[string]any{"name": p[1], "store": p[2], "owner": "somebody@example.com"}},
			Event{"type": "track", "userId": "u-" + p[0], "event": "Bought", "properties": map[string]any{"engraving": "for " + p[1]}},
		)
	}
	s.Drain()
	s.Call(http.MethodPost, "/api/v1/segments", map[string]any{"name": "Buyers", "rule": map[string]any{"event": "Bought", "count": map[string]any{"op": "gte", "value": 1}}}, nil)
	for _, role := range []string{"admin", "marketer", "consultant"} {
		s.Call(http.MethodPost, "/api/v1/users", map[string]any{"email": role + "@example.com", "password": "a touchstone tells gold", "role": role}, nil)
	}
	runClient(t, "limited.mjs", s.URL, chromium, shots)
}
