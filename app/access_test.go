package app

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/go-json-experiment/json"

	"github.com/touchstone-cdp/touchstone/access"
)

var updateAccess = flag.Bool("update", false, "write testdata/access.txt as the server answers now")

const accessFile = "testdata/access.txt"

// credential is one of the columns: a role with its user's cookie, or a scope with its key.
type credential struct {
	name   string
	header [2]string
}

// accessServer is a whole server whose loops do not run, with a user of each role and a key
// of each scope.
type accessServer struct {
	t    *testing.T
	url  string
	cols []credential
}

const accessPassword = "correct horse battery"

func newAccessServer(t *testing.T) *accessServer {
	t.Helper()
	cfg := DefaultConfig()
	cfg.Data = t.TempDir()
	a, err := New(context.Background(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.console.Close(); a.backups.Close(); _ = a.engines.close() })
	r := chi.NewRouter()
	a.console.Routes(r)
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	s := &accessServer{t: t, url: server.URL}
	_, cookie, _ := s.ask("POST", "/setup", fmt.Sprintf(`{"token":%q,"email":"first@example.com","password":%q}`, a.setupToken, accessPassword), [2]string{})
	admin := [2]string{"Cookie", cookie}
	for _, role := range access.Roles() {
		email := string(role) + "@example.com"
		s.ask("POST", "/users", fmt.Sprintf(`{"email":%q,"password":%q,"role":%q}`, email, accessPassword, role), admin)
		_, cookie, _ := s.ask("POST", "/session", fmt.Sprintf(`{"email":%q,"password":%q}`, email, accessPassword), [2]string{})
		s.cols = append(s.cols, credential{string(role), [2]string{"Cookie", cookie}})
	}
	for _, scope := range access.Scopes() {
		var key struct {
			Key string `json:"key"`
		}
		_, _, body := s.ask("POST", "/api-keys", fmt.Sprintf(`{"name":%q,"scopes":[%[1]q]}`, scope), admin)
		if err := json.Unmarshal(body, &key); err != nil {
			t.Fatal(err)
		}
		s.cols = append(s.cols, credential{"key:" + scope, [2]string{"Authorization", "Bearer " + key.Key}})
	}
	// Somebody who may do all that the role, or the scope, may, to some persons only.
	const rows = `"rows":{"any":[{"trait":"store","values":["Pudong"],"me":false}]}`
	s.ask("POST", "/users", fmt.Sprintf(`{"email":"some@example.com","password":%q,"role":"consultant",%s}`, accessPassword, rows), admin)
	_, cookie, _ = s.ask("POST", "/session", fmt.Sprintf(`{"email":"some@example.com","password":%q}`, accessPassword), [2]string{})
	var key struct {
		Key string `json:"key"`
	}
	_, _, body := s.ask("POST", "/api-keys", `{"name":"some","scopes":["admin"],`+rows+`}`, admin)
	if err := json.Unmarshal(body, &key); err != nil {
		t.Fatal(err)
	}
	s.cols = append(s.cols, credential{"consultant:rows", [2]string{"Cookie", cookie}}, credential{"key:admin:rows", [2]string{"Authorization", "Bearer " + key.Key}})
	return s
}

func (s *accessServer) ask(method, path, body string, header [2]string) (status int, cookie string, answer []byte) {
	s.t.Helper()
	req, err := http.NewRequest(method, s.url+"/api/v1"+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if header[0] != "" {
		req.Header.Set(header[0], header[1])
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	for _, c := range res.Cookies() {
		cookie = c.Name + "=" + c.Value
	}
	if strings.HasPrefix(res.Header.Get("Content-Type"), "text/event-stream") {
		return res.StatusCode, cookie, nil // would not end
	}
	answer, err = io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return res.StatusCode, cookie, answer
}

// Every operation that needs a permission is asked with a user of each role and a key of each
// scope. Who may is written in testdata/access.txt, a line for each operation: a new one
// without a line fails, and so does a change of the tables in access that is not meant.
func TestEveryRouteForEveryRole(t *testing.T) {
	s := newAccessServer(t)
	var b bytes.Buffer
	fmt.Fprintf(&b, "%-56s", "")
	for _, c := range s.cols {
		fmt.Fprintf(&b, " %s", c.name)
	}
	b.WriteByte('\n')
	for _, op := range s.operations() {
		method, path, _ := strings.Cut(op, " ")
		place := strings.NewReplacer("{id}", "none", "{ref}", "p_zzzz", "{name}", "none", "{kind}", "none").Replace(path)
		for _, wrong := range [][2]string{{}, {"Authorization", "Bearer tsk_wrong"}, {"Cookie", "touchstone_session=wrong"}, {"Authorization", "Basic d2tfMTo="}} {
			path, body, _ := strings.Cut(place, " ")
			if status, _, _ := s.ask(method, path, body, wrong); status != http.StatusUnauthorized {
				t.Errorf("%s with %q: %d", op, wrong, status)
			}
		}
		fmt.Fprintf(&b, "%-56s", op)
		place, body, _ := strings.Cut(place, " ")
		for _, c := range s.cols {
			cell := "x"
			switch status, _, _ := s.ask(method, place, body, c.header); {
			case status == http.StatusForbidden:
				cell = "."
			case status == http.StatusUnauthorized:
				t.Errorf("%s as %s: %d", op, c.name, status)
			}
			fmt.Fprintf(&b, " %-*s", len(c.name), cell)
		}
		b.WriteByte('\n')
	}
	got := strings.Split(strings.TrimSpace(trimLines(b.String())), "\n")
	if *updateAccess {
		if err := os.WriteFile(accessFile, []byte(trimLines(b.String())), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(accessFile)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Split(strings.TrimSpace(string(text)), "\n")
	for _, line := range got {
		if !slices.Contains(want, line) {
			t.Errorf("not as in %s (go test ./app -run EveryRoute -update writes it; look at the difference):\n%s\n%s", accessFile, want[0], line)
		}
	}
	for _, line := range want {
		if !slices.Contains(got, line) {
			t.Errorf("%s says otherwise, or the operation is gone:\n%s\n%s", accessFile, want[0], line)
		}
	}
}

func trimLines(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}

// operations lists what needs a permission, out of the document that the server hands out.
func (s *accessServer) operations() []string {
	s.t.Helper()
	res, err := http.Get(s.url + "/openapi.json")
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	var doc struct {
		Paths map[string]map[string]any `json:"paths"`
	}
	if err := json.UnmarshalRead(res.Body, &doc); err != nil {
		s.t.Fatal(err)
	}
	ops := []string{`POST /query {"kind":"sql","sql":"select 1"}`} // needs more than other questions
	for path, item := range doc.Paths {
		for method, op := range item {
			if m, ok := op.(map[string]any); ok && strings.HasPrefix(path, "/api/v1/") && m["x-permission"] != "none" {
				ops = append(ops, strings.ToUpper(method)+" "+strings.TrimPrefix(path, "/api/v1"))
			}
		}
	}
	slices.SortFunc(ops, func(a, b string) int { // by path
		ma, pa, _ := strings.Cut(a, " ")
		mb, pb, _ := strings.Cut(b, " ")
		return strings.Compare(pa+" "+ma, pb+" "+mb)
	})
	return ops
}
