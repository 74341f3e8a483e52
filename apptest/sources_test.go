package apptest

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"
)

// A source's keys are made, rotated, limited and disabled while clients send, and each
// answer tells the client what to do.
func TestSources(t *testing.T) {
	t.Parallel()
	s := Start(t)
	id, key := s.Source("shop", "web")
	event := Event{"type": "track", "event": "Seen", "userId": "u-1"}
	want := func(what, key string, status int) string {
		t.Helper()
		got, text := s.Send(key, event)
		if got != status {
			t.Errorf("%s: answered with %d, want %d: %s", what, got, status, text)
		}
		return text
	}
	want("a fresh key", key, http.StatusOK)
	want("a key of nobody", "wk_nobody", http.StatusUnauthorized)

	var rotated struct {
		WriteKey string `json:"write_key"`
	}
	s.Call(http.MethodPost, "/api/v1/sources/"+id+"/rotate", nil, &rotated)
	if rotated.WriteKey == key || rotated.WriteKey == "" {
		t.Fatalf("the rotated key is %q", rotated.WriteKey)
	}
	want("the new key", rotated.WriteKey, http.StatusOK)
	want("the old key, for a day", key, http.StatusOK)

	s.Call(http.MethodPatch, "/api/v1/sources/"+id, map[string]any{"rate_limit": 1}, nil)
	Eventually(t, 10*time.Second, "the rate limit works", func() bool {
		status, _ := s.Send(rotated.WriteKey, event, event, event)
		return status == http.StatusTooManyRequests
	})
	s.Call(http.MethodPatch, "/api/v1/sources/"+id, map[string]any{"rate_limit": 0, "enabled": false}, nil)
	text := want("a disabled source", rotated.WriteKey, http.StatusUnauthorized)
	if !strings.Contains(text, "disabled") {
		t.Errorf("the refusal does not say that the source is disabled: %s", text)
	}
	s.Call(http.MethodPatch, "/api/v1/sources/"+id, map[string]any{"enabled": true}, nil)
	want("an enabled source", rotated.WriteKey, http.StatusOK)
	s.Call(http.MethodDelete, "/api/v1/sources/"+id, nil, nil)
	want("a deleted source", rotated.WriteKey, http.StatusUnauthorized)
	s.Stop()
	s.Launch()
	want("a deleted source after a restart", rotated.WriteKey, http.StatusUnauthorized)
	want("the key of --dev", "dev", http.StatusOK)
	s.Drain()
}

// Without --dev nothing is open: the setup token works once, and a key may do what its
// scopes say.
func TestAccess(t *testing.T) {
	t.Parallel()
	s := Start(t, "--dev=false")
	call := func(method, path, key, body string) (int, string) {
		t.Helper()
		return raw(s, method, path, body, "Authorization", "Bearer "+key, "Content-Type", "application/json")
	}
	for _, path := range []string{"/api/v1/stats", "/api/v1/persons?q=x", "/api/v1/sources", "/api/v1/live/events", "/api/v1/quarantine", "/api/v1/settings", "/api/v1/users"} {
		for _, key := range []string{"dev", "", "tsk_" + strings.Repeat("a", 40)} {
			if status, text := call(http.MethodGet, path, key, ""); status != http.StatusUnauthorized {
				t.Errorf("GET %s with the key %q is answered with %d: %s", path, key, status, text)
			}
		}
	}
	if status, _ := s.Send("dev", Event{"type": "track", "event": "x", "userId": "u"}); status != http.StatusUnauthorized {
		t.Errorf("the write key dev is answered with %d", status)
	}
	token := setupToken(s)
	setup := `{"token":"` + token + `","email":"admin@example.com","password":"correct horse battery"}`
	if status, text := raw(s, http.MethodPost, "/api/v1/setup", strings.Replace(setup, token, "wrong", 1), "Content-Type", "application/json"); status < 400 || status >= 500 {
		t.Errorf("a wrong token is answered with %d: %s", status, text)
	}
	cookie := signedUp(t, s, setup)
	if status, text := raw(s, http.MethodPost, "/api/v1/setup", setup, "Content-Type", "application/json"); status < 400 || status >= 500 {
		t.Errorf("a second setup is answered with %d: %s", status, text)
	}
	keys := map[string]string{}
	for _, scope := range []string{"ingest", "read", "write", "admin"} {
		status, text := raw(s, http.MethodPost, "/api/v1/api-keys", fmt.Sprintf(`{"name":"%s","scopes":["%s"]}`, scope, scope), "Cookie", cookie, "Content-Type", "application/json")
		key := regexp.MustCompile(`"key":"(tsk_[^"]+)"`).FindStringSubmatch(text)
		if status != http.StatusCreated || key == nil {
			t.Fatalf("an API key is answered with %d: %s", status, text)
		}
		keys[scope] = key[1]
	}
	for _, test := range []struct {
		method, path, body string
		may                string // scopes that may
	}{
		{http.MethodGet, "/api/v1/stats", "", "ingest read write admin"},
		{http.MethodGet, "/api/v1/persons", "", "read write admin"},
		{http.MethodPost, "/api/v1/query", `{"kind":"sql","sql":"select 1"}`, "read write admin"},
		{http.MethodPost, "/api/v1/sources", `{"name":"by SCOPE","kind":"web"}`, "write admin"},
		{http.MethodPost, "/api/v1/imports", `{"file":"x","fingerprint":"SCOPE","size":1,"source":"i","mapping":{}}`, "ingest write admin"},
		{http.MethodGet, "/api/v1/users", "", "admin"},
		{http.MethodPatch, "/api/v1/settings", `{"organisation":{"name":"Touchstone Motors 车"}}`, "admin"},
	} {
		for scope, key := range keys {
			status, text := call(test.method, test.path, key, strings.ReplaceAll(test.body, "SCOPE", scope))
			if allowed := strings.Contains(test.may, scope); allowed && status/100 != 2 || !allowed && status != http.StatusForbidden {
				t.Errorf("%s %s with scope %s is answered with %d: %s", test.method, test.path, scope, status, text)
			}
		}
	}
}

// setupToken waits for the token that a fresh server prints: what it has said may still be on its way.
func setupToken(s *Server) (token string) {
	s.t.Helper()
	Eventually(s.t, time.Minute, "a setup token is printed", func() bool {
		found := regexp.MustCompile(`one-time token: (\S+)`).FindStringSubmatch(s.Log())
		if found != nil {
			token = found[1]
		}
		return found != nil
	})
	return token
}

// signedUp makes the first administrator and returns his session.
func signedUp(t *testing.T, s *Server, setup string) (cookie string) {
	t.Helper()
	resp, err := s.http.Post(s.URL+"/api/v1/setup", "application/json", strings.NewReader(setup))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	for _, c := range resp.Cookies() {
		if c.HttpOnly && c.Name == "touchstone_session" {
			return c.Name + "=" + c.Value
		}
	}
	t.Fatalf("the setup gives no session: %s %s", resp.Status, text)
	return ""
}
