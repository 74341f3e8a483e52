package console

import (
	"context"
	"fmt"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/api"
)

func TestFirstRun(t *testing.T) {
	s := newTestServer(t, nil)
	token, err := s.c.SetupToken(context.Background())
	if err != nil || token == "" {
		t.Fatalf("setup token %q, %v", token, err)
	}
	if again, _ := s.c.SetupToken(context.Background()); again != token {
		t.Errorf("the token changed from %q to %q", token, again)
	}
	s.want(call{method: "GET", path: "/api/v1/session"}, 200, `"user":null`, `"setup_required":true`, `"permissions":[]`)
	s.want(call{method: "POST", path: "/api/v1/setup", body: `{"token":"guess","email":"ana@example.com","password":"` + testPassword + `"}`}, 403, "setup token")
	s.want(call{method: "POST", path: "/api/v1/setup", body: `{"token":"` + token + `","email":"ana@example.com","password":"short"}`}, 400, "too short")
	s.want(call{method: "POST", path: "/api/v1/setup", body: `{"token":"` + token + `","email":"ana","password":"` + testPassword + `"}`}, 400, "e-mail")
	a := s.want(call{method: "POST", path: "/api/v1/setup", body: `{"token":" ` + strings.ToUpper(token) + `","email":" Ana@Example.com","password":"` + testPassword + `"}`},
		201, `"email":"ana@example.com"`, `"role":"admin"`, `"setup_required":false`)
	s.want(call{method: "GET", path: "/api/v1/users", cookie: a.cookie}, 200, "ana@example.com", "!argon2")
	s.want(call{method: "POST", path: "/api/v1/setup", body: `{"token":"` + token + `","email":"eve@example.com","password":"` + testPassword + `"}`}, 409)
	s.want(call{method: "GET", path: "/api/v1/session"}, 200, `"user":null`, `"setup_required":false`)
	if token, _ := s.c.SetupToken(context.Background()); token != "" {
		t.Error("there is a setup token although there is a user")
	}
}

func TestSessionCookie(t *testing.T) {
	s := newTestServer(t, nil)
	cookie := s.userSession(access.Admin)
	a := s.want(call{method: "POST", path: "/api/v1/session", body: `{"email":"ADMIN@example.com","password":"` + testPassword + `"}`}, 200)
	for _, want := range []string{"HttpOnly", "SameSite=Lax", "Path=/"} {
		if got := a.header.Get("Set-Cookie"); !strings.Contains(got, want) || strings.Contains(got, "Secure") {
			t.Errorf("Set-Cookie: %s", got)
		}
	}
	a = s.want(call{method: "POST", path: "/api/v1/session", header: map[string]string{"X-Forwarded-Proto": "https"},
		body: `{"email":"admin@example.com","password":"` + testPassword + `"}`}, 200)
	if got := a.header.Get("Set-Cookie"); !strings.Contains(got, "Secure") {
		t.Errorf("behind TLS, Set-Cookie: %s", got)
	}
	var stored int
	if err := s.db.Reader().QueryRow(context.Background(), `SELECT count(*) FROM console_sessions WHERE token = ?`, cookie).Scan(&stored); err != nil || stored != 0 {
		t.Errorf("the cookie's value is stored as it is (%v)", err)
	}

	s.want(call{method: "DELETE", path: "/api/v1/session", cookie: cookie}, 204)
	s.want(call{method: "GET", path: "/api/v1/users", cookie: cookie}, 401)
	s.want(call{method: "GET", path: "/api/v1/users", cookie: a.cookie}, 200)
}

func TestSessionsExpire(t *testing.T) {
	s := newTestServer(t, nil)
	get := call{method: "GET", path: "/api/v1/users", cookie: s.userSession(access.Admin)}
	for range 12 { // used every 11 hours it lives on, also across writing down the last use
		s.clock.advance(11 * time.Hour)
		s.want(get, 200)
		if err := s.c.seen.flush(context.Background(), s.db); err != nil {
			t.Fatal(err)
		}
	}
	s.clock.advance(13 * time.Hour)
	s.want(get, 401)

	get.cookie = s.want(call{method: "POST", path: "/api/v1/session", body: `{"email":"admin@example.com","password":"` + testPassword + `"}`}, 200).cookie
	for range 16 {
		s.clock.advance(10 * time.Hour)
		s.want(get, 200)
	}
	s.clock.advance(10 * time.Hour) // 170 h: over a week in all
	s.want(get, 401)
	if err := s.c.forgetOld(context.Background()); err != nil {
		t.Fatal(err)
	}
	var n int
	if err := s.db.Reader().QueryRow(context.Background(), `SELECT count(*) FROM console_sessions`).Scan(&n); err != nil || n != 0 {
		t.Errorf("%d sessions are kept after their end (%v)", n, err)
	}
}

func TestGuessingIsSlow(t *testing.T) {
	s := newTestServer(t, nil)
	s.userSession(access.Admin)
	wrong := call{method: "POST", path: "/api/v1/session", body: `{"email":"admin@example.com","password":"not that one"}`}
	right := call{method: "POST", path: "/api/v1/session", body: `{"email":"admin@example.com","password":"` + testPassword + `"}`}
	for range 7 {
		s.want(wrong, 401, "e-mail or the password")
		s.want(right, 200) // right ones cost nothing
	}
	s.want(wrong, 401)
	a := s.want(wrong, 429)
	if a.header.Get("Retry-After") == "" {
		t.Error("429 without Retry-After")
	}
	s.want(right, 429)
	s.want(call{method: "POST", path: "/api/v1/session", body: `{"email":"nobody@example.com","password":"x"}`}, 401)
	s.clock.advance(31 * time.Second)
	s.want(right, 200)
}

func TestGuessBudgetIsBounded(t *testing.T) {
	var l signInLimit
	now := time.Now()
	for i := range 3 * maxGuessers {
		if _, err := l.reserve(fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255), "a@example.com", now.Add(time.Duration(i)*time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	if len(l.budget) > maxGuessers+3 {
		t.Errorf("%d budgets", len(l.budget))
	}
}

func TestClientNetwork(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8")}
	for _, test := range []struct{ peer, forwarded, want string }{
		{"203.0.113.9:1234", "", "203.0.113.9"},
		{"203.0.113.9:1234", "198.51.100.1", "203.0.113.9"}, // a stranger's word
		{"127.0.0.1:1", "198.51.100.1", "198.51.100.1"},
		{"127.0.0.1:1", "1.1.1.1, 198.51.100.1, 10.1.1.1", "198.51.100.1"}, // what the client put first is not believed
		{"127.0.0.1:1", "nonsense", "127.0.0.1"},
		{"127.0.0.1:1", "", "127.0.0.1"},
		{"[2001:db8:1:2:3:4:5:6]:1", "", "2001:db8:1:2::/64"},
		{"[::ffff:203.0.113.9]:1", "", "203.0.113.9"},
	} {
		r := httptest.NewRequest("POST", "/", nil)
		r.RemoteAddr = test.peer
		if test.forwarded != "" {
			r.Header.Set("X-Forwarded-For", test.forwarded)
		}
		if got := clientNetwork(r, trusted); got != test.want {
			t.Errorf("%s, forwarded for %q: %s, want %s", test.peer, test.forwarded, got, test.want)
		}
	}
}

func TestChangePassword(t *testing.T) {
	s := newTestServer(t, nil)
	cookie := s.userSession(access.Analyst)
	other := s.want(call{method: "POST", path: "/api/v1/session", body: `{"email":"analyst@example.com","password":"` + testPassword + `"}`}, 200).cookie
	change := func(current, password string) call {
		return call{method: "PATCH", path: "/api/v1/session", cookie: cookie, body: `{"current_password":"` + current + `","password":"` + password + `"}`}
	}
	s.want(change("wrong", "a different phrase"), 403, "current password")
	s.want(change(testPassword, "short"), 400)
	s.want(change(testPassword, "a different phrase"), 204)
	s.want(call{method: "GET", path: "/api/v1/settings", cookie: cookie}, 200)
	s.want(call{method: "GET", path: "/api/v1/settings", cookie: other}, 401)
	s.want(call{method: "POST", path: "/api/v1/session", body: `{"email":"analyst@example.com","password":"a different phrase"}`}, 200)
	c := change("x", "a different phrase")
	c.cookie = ""
	s.want(c, 403)
	c.key = s.apiKey("admin")
	s.want(c, 403)
}

func TestCrossSiteWrites(t *testing.T) {
	s := newTestServer(t, nil)
	cookie, key := s.userSession(access.Admin), s.apiKey("admin")
	patch := call{method: "PATCH", path: "/api/v1/settings", body: `{"organisation":{"name":"Acme"}}`}
	host := strings.TrimPrefix(s.http.URL, "http://")
	for _, test := range []struct {
		name   string
		header map[string]string
		cookie int
		key    int
	}{
		{"a program", nil, 200, 200},
		{"our page", map[string]string{"Sec-Fetch-Site": "same-origin"}, 200, 200},
		{"another site", map[string]string{"Sec-Fetch-Site": "cross-site"}, 403, 200},
		{"a sister site", map[string]string{"Sec-Fetch-Site": "same-site"}, 403, 200},
		{"an old browser on our page", map[string]string{"Origin": "http://" + host}, 200, 200},
		{"an old browser on another site", map[string]string{"Origin": "http://evil.example"}, 403, 200},
		{"a sandboxed page", map[string]string{"Origin": "null"}, 403, 200},
	} {
		c := patch
		c.header, c.cookie = test.header, cookie
		if got := s.do(c).status; got != test.cookie {
			t.Errorf("%s, cookie: %d, want %d", test.name, got, test.cookie)
		}
		c.cookie, c.key = "", key
		if got := s.do(c).status; got != test.key {
			t.Errorf("%s, key: %d, want %d", test.name, got, test.key)
		}
	}
	// Signing someone in from another site is a write, too.
	s.want(call{method: "POST", path: "/api/v1/session", header: map[string]string{"Sec-Fetch-Site": "cross-site"},
		body: `{"email":"admin@example.com","password":"` + testPassword + `"}`}, 403)
}

func TestDevelopmentMode(t *testing.T) {
	s := newTestServer(t, func(c *Config) { c.Dev = true })
	s.want(call{method: "GET", path: "/api/v1/session"}, 200, `"dev":true`, `"role":"admin"`, `"setup_required":false`)
	s.want(call{method: "GET", path: "/api/v1/users"}, 200)
	s.want(call{method: "GET", path: "/api/v1/users", key: "dev"}, 200)
	s.want(call{method: "GET", path: "/api/v1/users", key: "wrong"}, 401)
	s.want(call{method: "GET", path: "/api/v1/users", header: map[string]string{"Host": "localhost:8484"}}, 200)
	s.want(call{method: "GET", path: "/api/v1/users", header: map[string]string{"Host": "[::1]:8484"}}, 200)
	// A page of evil.example whose name points to 127.0.0.1.
	s.want(call{method: "GET", path: "/api/v1/users", header: map[string]string{"Host": "evil.example"}}, 401)
	s.want(call{method: "PATCH", path: "/api/v1/settings", body: `{}`, header: map[string]string{"Sec-Fetch-Site": "cross-site"}}, 403)

	s = newTestServer(t, nil)
	s.want(call{method: "GET", path: "/api/v1/users", key: "dev"}, 401)
}

func TestAPIKeys(t *testing.T) {
	s := newTestServer(t, nil)
	admin := s.userSession(access.Admin)
	a := s.want(call{method: "POST", path: "/api/v1/api-keys", cookie: admin, body: `{"name":" Export ","scopes":["write","read","read"]}`},
		201, `"name":"Export"`, `"scopes":["read","write"]`, `"last_used_at":null`)
	key, id := a.field(t, "key"), a.field(t, "id")
	if len(key) != 44 || !strings.HasPrefix(key, "tsk_") {
		t.Errorf("key %q", key)
	}
	s.want(call{method: "GET", path: "/api/v1/settings", key: key}, 200)
	if err := s.c.seen.flush(context.Background(), s.db); err != nil {
		t.Fatal(err)
	}
	s.want(call{method: "GET", path: "/api/v1/api-keys", cookie: admin}, 200, `"prefix":"`+key[:10]+`"`, `"last_used_at":"2026-03-01T12:00:00.000Z"`, "!"+key, "!"+hashSecret(key))
	s.want(call{method: "DELETE", path: "/api/v1/api-keys/" + id, cookie: admin}, 204)
	s.want(call{method: "GET", path: "/api/v1/settings", key: key}, 401, "revoked")
	s.want(call{method: "DELETE", path: "/api/v1/api-keys/" + id, cookie: admin}, 404)

	for body, text := range map[string]string{
		`{"name":"x","scopes":[]}`:              "at least one scope",
		`{"name":"x","scopes":["root"]}`:        `no scope \"root\"`,
		`{"name":"  ","scopes":["read"]}`:       "empty",
		`{"name":"x","scopes":["read"],"x":1}`:  `no field \"x\"`,
		`{"name":"x","scopes":"read"}`:          `\"scopes\" must be a list, not a text`,
		`{"name":7,"scopes":["read"]}`:          `\"name\" must be a text, not this number`,
		`{"name":"x","name":"y","scopes":[""]}`: "twice",
	} {
		s.want(call{method: "POST", path: "/api/v1/api-keys", cookie: admin, body: body}, 400, text)
	}
}

func TestUsers(t *testing.T) {
	s := newTestServer(t, nil)
	admin := s.userSession(access.Admin)
	a := s.want(call{method: "POST", path: "/api/v1/users", cookie: admin, body: `{"email":"Ben@example.com","password":"` + testPassword + `","role":"auditor"}`},
		201, `"email":"ben@example.com"`, `"last_seen_at":null`, "!password")
	ben := a.field(t, "id")
	s.want(call{method: "POST", path: "/api/v1/users", cookie: admin, body: `{"email":"ben@example.com","password":"` + testPassword + `","role":"auditor"}`}, 409)
	s.want(call{method: "POST", path: "/api/v1/users", cookie: admin, body: `{"email":"c@example.com","password":"` + testPassword + `","role":"king"}`}, 400, "no role")
	cookie := s.want(call{method: "POST", path: "/api/v1/session", body: `{"email":"ben@example.com","password":"` + testPassword + `"}`}, 200).cookie
	s.want(call{method: "GET", path: "/api/v1/audit", cookie: cookie}, 200)
	s.want(call{method: "PATCH", path: "/api/v1/users/" + ben, cookie: admin, body: `{"role":"analyst"}`}, 200, `"role":"analyst"`)
	s.want(call{method: "GET", path: "/api/v1/audit", cookie: cookie}, 403, "role")
	s.want(call{method: "PATCH", path: "/api/v1/users/" + ben, cookie: admin, body: `{"password":"a different phrase"}`}, 200)
	s.want(call{method: "GET", path: "/api/v1/settings", cookie: cookie}, 401)
	s.want(call{method: "POST", path: "/api/v1/session", body: `{"email":"ben@example.com","password":"a different phrase"}`}, 200)

	var users api.Page[user]
	s.want(call{method: "GET", path: "/api/v1/users", cookie: admin}, 200).decode(t, &users)
	s.want(call{method: "DELETE", path: "/api/v1/users/" + users.Items[0].ID, cookie: admin}, 409, "last administrator")
	s.want(call{method: "PATCH", path: "/api/v1/users/" + users.Items[0].ID, cookie: admin, body: `{"role":"auditor"}`}, 409)
	s.want(call{method: "DELETE", path: "/api/v1/users/" + ben, cookie: admin}, 204)
	s.want(call{method: "DELETE", path: "/api/v1/users/" + ben, cookie: admin}, 404)

	var entries api.Page[auditEntry]
	s.want(call{method: "GET", path: "/api/v1/audit?limit=500", cookie: admin}, 200, "!"+testPassword, "!different phrase").decode(t, &entries)
	var actions []string
	for _, e := range entries.Items {
		actions = append(actions, e.Action)
	}
	want := "user.delete session.create user.update user.update session.create user.create session.create"
	if got := strings.Join(actions, " "); got != want {
		t.Errorf("audit log: %s\nwant:      %s", got, want)
	}
	// Names stay after the thing has gone; the log can be narrowed to a thing, its kind, a time or a text.
	s.want(call{method: "GET", path: "/api/v1/audit?action=user.delete", cookie: admin}, 200, `"target_name":"ben@example.com"`)
	s.want(call{method: "GET", path: "/api/v1/audit?action=user.*&q=BEN%40", cookie: admin}, 200, "user.create", "user.delete", "!session.create")
	s.want(call{method: "GET", path: "/api/v1/audit?action=user.*&q=b_n%40", cookie: admin}, 200, "!user.create")
	s.want(call{method: "GET", path: "/api/v1/audit?target=" + users.Items[0].ID + "&from=2020-01-01T00:00:00Z", cookie: admin}, 200, `"target":"`+users.Items[0].ID)
	s.want(call{method: "GET", path: "/api/v1/audit?to=2020-01-01T00:00:00Z", cookie: admin}, 200, `"items":[]`)
	s.want(call{method: "GET", path: "/api/v1/audit?to=yesterday", cookie: admin}, 400, "to")
	s.want(call{method: "GET", path: "/api/v1/audit/facets", cookie: admin}, 200, `"actions":[`, `"user.delete"`, `"kind":"user"`)
	s.want(call{method: "GET", path: "/api/v1/audit?action=user.update&actor=" + users.Items[0].ID, cookie: admin}, 200, `"password_changed":true`, "!user.create")
}

func TestPasswordHash(t *testing.T) {
	p, ctx := newPasswords(), context.Background()
	h1, err := p.hash(ctx, testPassword)
	if err != nil {
		t.Fatal(err)
	}
	h2, _ := p.hash(ctx, testPassword)
	if h1 == h2 {
		t.Error("two hashes of one password are equal")
	}
	for password, want := range map[string]bool{testPassword: true, "": false, testPassword + " ": false} {
		if got, err := p.verify(ctx, h1, password); got != want || err != nil {
			t.Errorf("verify %q: %v, %v", password, got, err)
		}
	}
	if ok, err := p.verify(ctx, noPassword, "x"); ok || err != nil {
		t.Errorf("the stand-in hash: %v, %v", ok, err)
	}
	for _, bad := range []string{"", "x", "$argon2id$v=19$m=1$a$b", "$argon2id$v=19$m=8,t=1,p=1$!$!"} {
		if ok, err := p.verify(ctx, bad, "x"); ok || err == nil {
			t.Errorf("verify against %q: %v, %v", bad, ok, err)
		}
	}
}
