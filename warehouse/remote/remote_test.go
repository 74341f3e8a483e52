package remote_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/warehouse"
	"github.com/touchstone-cdp/touchstone/warehouse/duckdb"
	"github.com/touchstone-cdp/touchstone/warehouse/remote"
	"github.com/touchstone-cdp/touchstone/warehouse/warehousetest"
)

const secret = "the secret of the tests, which is long"

// apart is a warehouse that one process appends to and another one reads.
type apart struct {
	*remote.Warehouse
	held   *duckdb.Warehouse
	server *httptest.Server
}

func open(t *testing.T, place string) *apart {
	t.Helper()
	held, err := duckdb.Open(t.Context(), filepath.Join(place, "events.duckdb"), duckdb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	handler, err := remote.NewHandler(held, secret, nil)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("POST "+remote.Path, handler)
	server := httptest.NewServer(mux)
	reader, err := remote.New(remote.Config{URL: server.URL, Secret: secret, Dialect: duckdb.Dialect()})
	if err != nil {
		t.Fatal(err)
	}
	return &apart{reader, held, server}
}

func (a *apart) Append(ctx context.Context, c warehouse.Commit) error { return a.held.Append(ctx, c) }

func (a *apart) Close() error {
	err := errors.Join(a.Warehouse.Close(), a.held.Close())
	a.server.Close()
	return err
}

// What is read from another process is what the warehouse's own process reads.
func TestContract(t *testing.T) {
	warehousetest.Run(t, func(t *testing.T, place string) warehouse.Warehouse { return open(t, place) })
}

// Errors arrive with their kind and words, so that the console can say them.
func TestErrors(t *testing.T) {
	a := open(t, t.TempDir())
	defer a.Close()
	_, err := a.Query(t.Context(), warehouse.Statement{SQL: "SELECT * FROM nothing_like_it"})
	_, want := a.held.Query(t.Context(), warehouse.Statement{SQL: "SELECT * FROM nothing_like_it"})
	var e, w *touchstone.Error
	if !errors.As(err, &e) || !errors.As(want, &w) || e.Kind != w.Kind || e.Message != w.Message || e.Hint != w.Hint {
		t.Errorf("%v became %v", want, err)
	}
	if err := a.Warehouse.Append(t.Context(), warehouse.Commit{Through: 1}); touchstone.KindOf(err) != touchstone.Unavailable {
		t.Errorf("an append from afar: %v", err)
	}
}

// Who does not know the secret learns nothing, and a secret that can be guessed is none.
func TestSecret(t *testing.T) {
	a := open(t, t.TempDir())
	defer a.Close()
	for _, authorization := range []string{"", "Bearer ", "Bearer " + secret + "x", "Bearer " + secret[:len(secret)-1], secret + " "} {
		req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, a.server.URL+remote.Path, strings.NewReader("\x02{}\x00"))
		req.RequestURI = ""
		req.Header.Set("Authorization", authorization)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusUnauthorized {
			t.Errorf("%q is answered with %s", authorization, resp.Status)
		}
	}
	stranger, err := remote.New(remote.Config{URL: a.server.URL, Secret: strings.Repeat("wrong", 5), Dialect: duckdb.Dialect()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stranger.Count(t.Context()); touchstone.KindOf(err) != touchstone.Unavailable || !strings.Contains(err.Error(), "secret") {
		t.Errorf("a stranger hears %v", err)
	}
	for _, bad := range []string{"", "short"} {
		if _, err := remote.New(remote.Config{URL: a.server.URL, Secret: bad}); touchstone.KindOf(err) != touchstone.Invalid {
			t.Errorf("the secret %q is taken: %v", bad, err)
		}
		if _, err := remote.NewHandler(a.held, bad, nil); touchstone.KindOf(err) != touchstone.Invalid {
			t.Errorf("the secret %q is taken: %v", bad, err)
		}
	}
	for _, bad := range []string{"", "10.0.0.7:8484", "ftp://10.0.0.7", "http://"} {
		if _, err := remote.New(remote.Config{URL: bad, Secret: secret}); touchstone.KindOf(err) != touchstone.Invalid {
			t.Errorf("the address %q is taken: %v", bad, err)
		}
	}
}

// A process that is away, goes away within an answer, or answers nonsense, is told in words.
func TestAway(t *testing.T) {
	ask := func(handler http.HandlerFunc) error {
		server := httptest.NewServer(handler)
		defer server.Close()
		w, err := remote.New(remote.Config{URL: server.URL, Secret: secret})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Query(t.Context(), warehouse.Statement{SQL: "SELECT 1"}); touchstone.KindOf(err) != touchstone.Unavailable {
			t.Errorf("a query: %v", err)
		}
		if _, err := w.Count(t.Context()); touchstone.KindOf(err) != touchstone.Unavailable {
			t.Errorf("a count: %v", err)
		}
		return w.Scan(t.Context(), warehouse.Statement{SQL: "SELECT 1"}, 2, func(int, [][]int64) error { return nil })
	}
	for name, handler := range map[string]http.HandlerFunc{
		"another server": http.NotFound,
		"breaks off":     func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("\x02\x04abc")) },
		"huge": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte("\x02\xff\xff\xff\xff\xff\xff\x0f"))
		},
		"nothing": func(http.ResponseWriter, *http.Request) {},
		"panics":  func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		if err := ask(handler); touchstone.KindOf(err) != touchstone.Unavailable {
			t.Errorf("%s: a scan: %v", name, err)
		}
	}
}
