package apptest

import (
	"net/http"
	"testing"
)

// The console shows no contacts to whoever may not see them, offers nobody what the server
// would refuse, and says what is missing where a link leads.
func TestContactsInTheConsole(t *testing.T) {
	chromium, shots := browser(t)
	s := Start(t)
	s.Track(
		Event{"type": "identify", "userId": "u-zoe", "traits": map[string]any{"name": "Zoe", "email": "zoe.lee@example.com", "phone": "13800138001"}},
		Event{"type": "track", "userId": "u-zoe", "event": "Called", "properties": map[string]any{"phone": "13800138001", "plate": "沪A12345", "note": "ring 138 0013 8001"}},
	)
	s.Drain()
	for _, role := range []string{"admin", "marketer", "consultant", "auditor"} {
		s.Call(http.MethodPost, "/api/v1/users", map[string]any{"email": role + "@example.com", "password": "a touchstone tells gold", "role": role}, nil)
	}
	runClient(t, "contacts.mjs", s.URL, chromium, shots)
}
