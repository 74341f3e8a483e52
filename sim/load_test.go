package sim

import (
	"cmp"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	gocmp "github.com/google/go-cmp/cmp"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/collect"
	"github.com/touchstone-cdp/touchstone/store/sqlite"
	"github.com/touchstone-cdp/touchstone/stream"
	"github.com/touchstone-cdp/touchstone/stream/memory"
)

// The edge reads the same events out of the JSON as the world has.
func TestLoadThroughTheEdge(t *testing.T) {
	db, err := sqlite.Open(filepath.Join(t.TempDir(), "store.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Migrate(t.Context(), "collect", collect.Migrations()); err != nil {
		t.Fatal(err)
	}
	log := memory.New(1, touchstone.SystemClock{})
	batcher := stream.NewBatcher(log, stream.BatcherConfig{})
	defer batcher.Close()
	kinds, err := touchstone.NewKindSet(touchstone.DefaultKinds(), map[string]touchstone.Normaliser{"phone": collect.PhoneNormaliser("86")})
	if err != nil {
		t.Fatal(err)
	}
	c, err := collect.New(t.Context(), collect.Config{DB: db, Log: batcher, Kinds: kinds})
	if err != nil {
		t.Fatal(err)
	}
	router := chi.NewRouter()
	c.Routes(router)
	server := httptest.NewServer(router)
	defer server.Close()
	keys, names := map[string]string{}, map[string]string{}
	for _, s := range Sources() {
		made, err := c.Sources().EnsureByName(t.Context(), s.Name, s.Kind)
		if err != nil {
			t.Fatal(err)
		}
		keys[s.Name], names[made.ID] = made.WriteKey, s.Name
	}

	w := newTestWorld(t, 150, 20, 3)
	result, err := Load(t.Context(), w, LoadOptions{Server: server.URL, Keys: keys, Batch: 50, Connections: 3})
	if err != nil {
		t.Fatal(err)
	}
	want := tell(newTestWorld(t, 150, 20, 3))
	got := readLog(t, log)
	if result.Events != int64(len(want)) || len(got) != len(want) {
		t.Fatalf("%d events told, %d acknowledged, %d in the log", len(want), result.Events, len(got))
	}
	for i := range got {
		got[i].Source = names[got[i].Source]
	}
	comparable := func(list []touchstone.Event) {
		slices.SortFunc(list, func(a, b touchstone.Event) int { return cmp.Compare(a.MessageID, b.MessageID) })
		for i := range list {
			list[i].ReceivedAt = time.Time{}
			var context map[string]any
			if err := json.Unmarshal([]byte(list[i].Context), &context); err != nil {
				t.Fatal(err)
			}
			delete(context, "ip") // the edge adds what the connection tells
			if agent, _ := context["userAgent"].(string); strings.HasPrefix(agent, "Go-http-client") {
				delete(context, "userAgent")
			}
			text, _ := json.Marshal(context)
			list[i].Context = touchstone.JSON(text)
		}
	}
	comparable(got)
	comparable(want)
	for i := range want {
		if d := gocmp.Diff(want[i], got[i]); d != "" {
			t.Fatalf("event %s: %s", want[i].MessageID, d)
		}
	}
}

func readLog(t *testing.T, log stream.Log) []touchstone.Event {
	t.Helper()
	first, next, err := log.Bounds(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	var list []touchstone.Event
	for first < next {
		records, err := log.Read(t.Context(), 0, first, 100, 8<<20)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range records {
			frames, err := stream.DecodeRecord(r.Data)
			if err != nil {
				t.Fatal(err)
			}
			for frame := range frames.All() {
				var e touchstone.Event
				if err := touchstone.DecodeEvent(frame, &e); err != nil {
					t.Fatal(err)
				}
				list = append(list, e)
			}
			first = r.Offset + 1
		}
	}
	return list
}

// A server that is busy or breaks connections gets every event in the end, and each
// household's in order.
func TestLoadAgainstAFailingServer(t *testing.T) {
	var mu sync.Mutex
	random := rand.New(rand.NewPCG(1, 1))
	seen := map[string]bool{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body io.Reader = r.Body
		if r.Header.Get("Content-Encoding") == "gzip" {
			z, err := gzip.NewReader(r.Body)
			if err != nil {
				t.Error(err)
				return
			}
			body = z
		}
		var in struct {
			WriteKey string `json:"writeKey"`
			Batch    []struct {
				MessageID string `json:"messageId"`
			} `json:"batch"`
		}
		err := json.NewDecoder(body).Decode(&in)
		mu.Lock()
		defer mu.Unlock()
		switch n := random.IntN(10); {
		case n == 0:
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		case n == 1:
			panic(http.ErrAbortHandler)
		}
		if err != nil || !strings.HasPrefix(in.WriteKey, "key-") || len(in.Batch) > 40 {
			t.Errorf("%v %+v", err, in)
		}
		for _, e := range in.Batch {
			seen[e.MessageID] = true
		}
		if random.IntN(10) == 0 {
			panic(http.ErrAbortHandler)
		}
	}))
	defer server.Close()
	keys := map[string]string{}
	for _, s := range Sources() {
		keys[s.Name] = "key-" + s.Name
	}
	reports := 0
	w := newTestWorld(t, 100, 15, 3)
	result, err := Load(t.Context(), w, LoadOptions{Server: server.URL, Keys: keys, Batch: 40, Connections: 4, Gzip: true, Progress: func(p LoadProgress) {
		if reports++; p.Share < 0 || p.Share > 1 {
			t.Errorf("%+v", p)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	if truth := w.Truth(); int64(len(seen)) != truth.Events || result.Events != truth.Events || result.Retries == 0 || reports == 0 {
		t.Errorf("%d seen, %+v, %d in truth, %d reports", len(seen), result, truth.Events, reports)
	}
}

func TestLoadGivesUp(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no such key", http.StatusUnauthorized) }))
	defer server.Close()
	keys := map[string]string{}
	for _, s := range Sources() {
		keys[s.Name] = "wrong"
	}
	if _, err := Load(t.Context(), newTestWorld(t, 50, 10, 1), LoadOptions{Server: server.URL, Keys: keys}); err == nil || !strings.Contains(err.Error(), "no such key") {
		t.Error(err)
	}
	delete(keys, "store")
	if _, err := Load(t.Context(), newTestWorld(t, 50, 10, 1), LoadOptions{Server: server.URL, Keys: keys}); err == nil || !strings.Contains(err.Error(), "source store") {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	keys["store"] = "wrong"
	if _, err := Load(ctx, newTestWorld(t, 50, 10, 1), LoadOptions{Server: server.URL, Keys: keys}); err == nil {
		t.Error("a load that was cancelled ends well")
	}
}

func TestChecksKnowTheirAnswers(t *testing.T) {
	w := newTestWorld(t, 400, 20, 2)
	tell(w)
	truth := w.Truth()
	for _, c := range truth.Checks() {
		rows := make([][]any, len(c.want))
		for i, v := range c.want {
			rows[i] = []any{"x", v}
		}
		answer := func(rows [][]any) []byte {
			return mustJSON(map[string]any{"columns": []map[string]any{{"name": "time"}, {"name": c.value}}, "rows": rows})
		}
		if err := c.Verify(answer(rows)); err != nil {
			t.Error(err)
		}
		if len(rows) == 0 || !json.Valid(c.Query) {
			t.Errorf("%s asks %s", c.Name, c.Query)
		}
		if c.Verify(answer(rows[1:])) == nil || c.Verify([]byte("{}")) == nil || c.Verify([]byte("no")) == nil {
			t.Errorf("%s takes anything", c.Name)
		}
		rows[0][1] = c.want[0] + 1
		if c.Verify(answer(rows)) == nil {
			t.Errorf("%s takes a wrong number", c.Name)
		}
	}
}
