package console

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-json-experiment/json"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/sqlite"

	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/collect/imports"
)

// testClock is a clock that a test moves.
type testClock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *testClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *testClock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// testServer is a console on a real database behind a real HTTP server.
type testServer struct {
	t     *testing.T
	c     *Console
	db    *store.DB
	clock *testClock
	http  *httptest.Server
}

func newTestDB(t *testing.T) *store.DB {
	t.Helper()
	db, err := sqlite.Open(filepath.Join(t.TempDir(), "store.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func newTestServer(t *testing.T, configure func(*Config)) *testServer {
	t.Helper()
	return newTestServerOn(t, newTestDB(t), configure)
}

func newTestServerOn(t *testing.T, db *store.DB, configure func(*Config)) *testServer {
	t.Helper()
	s := &testServer{t: t, db: db, clock: &testClock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}}
	cfg := Config{Consents: everybodyAgrees, DB: db, Clock: s.clock, Version: "test", Log: slog.New(slog.NewTextHandler(testWriter{t}, nil))}
	if configure != nil {
		configure(&cfg)
	}
	if !slices.ContainsFunc(cfg.Resources, func(r api.Resource) bool { return r.Name == "Imports" }) { // statistics are shown to whoever may import
		cfg.Resources = append(imports.Resources(func() *imports.Imports { return nil }), cfg.Resources...)
	}
	var err error
	if s.c, err = New(context.Background(), cfg); err != nil {
		t.Fatal(err)
	}
	r := chi.NewRouter()
	s.c.Routes(r)
	s.http = httptest.NewServer(r)
	t.Cleanup(func() { s.c.Close(); s.http.Close() })
	return s
}

type testWriter struct{ t *testing.T }

func (w testWriter) Write(b []byte) (int, error) {
	w.t.Log(strings.TrimSpace(string(b)))
	return len(b), nil
}

// call is one request; answer is what came back.
type call struct {
	method, path, body string
	key                string // bearer
	cookie             string
	header             map[string]string
}

type answer struct {
	status int
	header http.Header
	body   string
	cookie string
}

func (s *testServer) do(c call) answer {
	s.t.Helper()
	var body io.Reader
	if c.body != "" {
		body = strings.NewReader(c.body)
	}
	req, err := http.NewRequest(c.method, s.http.URL+c.path, body)
	if err != nil {
		s.t.Fatal(err)
	}
	if c.body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.key != "" {
		req.Header.Set("Authorization", "Bearer "+c.key)
	}
	if c.cookie != "" {
		req.AddCookie(&http.Cookie{Name: sessionCookie, Value: c.cookie})
	}
	for k, v := range c.header {
		if k == "Host" {
			req.Host = v
			continue
		}
		req.Header.Set(k, v)
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	a := answer{status: res.StatusCode, header: res.Header, body: string(text)}
	for _, k := range res.Cookies() {
		if k.Name == sessionCookie {
			a.cookie = k.Value
		}
	}
	if c.method != "HEAD" && c.path != "/" && strings.HasPrefix(c.path, "/api/v1/") {
		s.checkContract(c, a)
	}
	return a
}

// want fails the test when the answer has another status or lacks a text. A text that
// begins with "!" must not be there.
func (s *testServer) want(c call, status int, texts ...string) answer {
	s.t.Helper()
	a := s.do(c)
	if a.status != status {
		s.t.Fatalf("%s %s: status %d, want %d; %s", c.method, c.path, a.status, status, a.body)
	}
	for _, text := range texts {
		if absent, ok := strings.CutPrefix(text, "!"); ok {
			if strings.Contains(a.body, absent) {
				s.t.Errorf("%s %s: the answer has %q:\n%s", c.method, c.path, absent, a.body)
			}
		} else if !strings.Contains(a.body, text) {
			s.t.Errorf("%s %s: the answer lacks %q:\n%s", c.method, c.path, text, a.body)
		}
	}
	if status >= 400 && !strings.HasPrefix(a.header.Get("Content-Type"), "application/problem+json") {
		s.t.Errorf("%s %s: a problem of type %q", c.method, c.path, a.header.Get("Content-Type"))
	}
	if a.header.Get("X-Request-Id") == "" {
		s.t.Errorf("%s %s: no X-Request-Id", c.method, c.path)
	}
	return a
}

// decode reads an answer into v.
func (a answer) decode(t *testing.T, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.body), v); err != nil {
		t.Fatalf("%v in %s", err, a.body)
	}
}

func (a answer) field(t *testing.T, name string) string {
	t.Helper()
	var m map[string]any
	a.decode(t, &m)
	v, _ := m[name].(string)
	return v
}

// routes are all operations.
func (s *testServer) routes() []api.Route {
	var list []api.Route
	for _, res := range s.c.resources {
		list = append(list, res.Routes...)
	}
	return list
}

const testPassword = "correct horse battery"

// userSession makes a user of a role and signs it in.
func (s *testServer) userSession(role access.Role) (cookie string) {
	s.t.Helper()
	email := string(role) + "@example.com"
	if _, err := s.c.addUser(context.Background(), newUser{email: email, password: testPassword, role: role}, false); err != nil {
		s.t.Fatal(err)
	}
	a := s.want(call{method: "POST", path: "/api/v1/session", body: `{"email":"` + email + `","password":"` + testPassword + `"}`}, 200)
	if a.cookie == "" {
		s.t.Fatal("no cookie")
	}
	return a.cookie
}

// apiKey makes an API key with scopes.
func (s *testServer) apiKey(scopes ...string) string {
	s.t.Helper()
	body, err := json.Marshal(map[string]any{"name": strings.Join(scopes, "+"), "scopes": scopes})
	if err != nil {
		s.t.Fatal(err)
	}
	ctx := withPrincipal(httptest.NewRequest("POST", "/", strings.NewReader(string(body))), developer)
	w := httptest.NewRecorder()
	if err := s.c.createAPIKey(w, ctx); err != nil {
		s.t.Fatal(err)
	}
	return answer{body: w.Body.String()}.field(s.t, "key")
}

// everybodyAgrees is a gate that holds nobody back: consent has tests of its own.
func everybodyAgrees(_ context.Context, _ string, _ touchstone.Use, persons []touchstone.PersonID) ([]touchstone.PersonID, error) {
	return persons, nil
}
