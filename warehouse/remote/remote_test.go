package remote_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

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

// simple is a warehouse that offers nothing beside the port.
type simple struct{ warehouse.Warehouse }

// What the other process does not offer, or does not know of, is said so that who asks can do
// without it.
func TestNotOffered(t *testing.T) {
	a := open(t, t.TempDir())
	defer a.Close()
	handler, err := remote.NewHandler(simple{a.held}, secret, nil)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	defer server.Close()
	w, err := remote.New(remote.Config{URL: server.URL, Secret: secret, Dialect: duckdb.Dialect()})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	f := warehouse.Funnel{Events: warehouse.Statement{SQL: "SELECT node, time, CAST(1 AS BIGINT) FROM events_raw"}, Steps: 1}
	_, errVersion := w.SetVersion(t.Context(), "a")
	_, errReplace := w.Replace(t.Context(), warehouse.Set{Name: "a", Version: "1", Add: []int64{1}})
	_, errFunnel := w.Funnel(t.Context(), f)
	_, errPeople := w.FunnelPeople(t.Context(), f, warehouse.FunnelLevel{Least: 1, Most: 1}, 10)
	for i, err := range []error{errVersion, errReplace, errFunnel, errPeople} {
		if !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("question %d: %v", i, err)
		}
	}
	// An error of the funnel itself is not taken for one of these.
	f.Events.SQL = "SELECT nothing_like_it FROM events_raw"
	if _, err := a.Funnel(t.Context(), f); err == nil || errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("a funnel that the engine refuses: %v", err)
	}
	if _, err := a.FunnelPeople(t.Context(), f, warehouse.FunnelLevel{Least: 1, Most: 1}, 10); err == nil || errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("people of a funnel that the engine refuses: %v", err)
	}
}

// A set and a list of people of more than fits into one part of an answer travel whole.
func TestLargeSetsAndLists(t *testing.T) {
	a := open(t, t.TempDir())
	defer a.Close()
	const people = 1_100_000
	numbers := make([]int64, people)
	for i := range numbers {
		numbers[i] = int64(i + 1)
	}
	for version, set := range []warehouse.Set{{Add: numbers}, {From: "0", Remove: numbers[:people-3]}} {
		set.Name, set.Version = "a", string(rune('0'+version))
		if n, err := a.Replace(t.Context(), set); err != nil || n != []int64{people, 3}[version] {
			t.Fatalf("version %d: %d, %v", version, n, err)
		}
	}
	last := touchstone.Fact{Seq: touchstone.MakeSeq(0, 1, 0), Node: people, Event: touchstone.Event{Type: touchstone.Track, MessageID: "m", Name: "view", Time: time.Unix(1, 0), ReceivedAt: time.Unix(1, 0)}}
	if err := a.Append(t.Context(), warehouse.Commit{Through: 1, Facts: []touchstone.Fact{last}}); err != nil {
		t.Fatal(err)
	}
	f := warehouse.Funnel{Events: warehouse.Statement{SQL: "SELECT CAST(range AS BIGINT), make_timestamp(1000000), CAST(1 AS BIGINT) FROM range(1, 1100001)"}, To: time.Unix(10, 0), Steps: 1}
	got, err := a.FunnelPeople(t.Context(), f, warehouse.FunnelLevel{Least: 1, Most: 1}, people-1)
	if err != nil || len(got) != people-1 || got[0] != 1 || got[len(got)-1] != people-1 {
		t.Fatalf("%d people, %v", len(got), err)
	}
}
