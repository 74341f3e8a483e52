package collect_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/collect"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/sqlite"
	"github.com/touchstone-cdp/touchstone/stream"
)

var ctx = context.Background()

// fakeLog keeps what was appended.
type fakeLog struct {
	mu         sync.Mutex
	partitions int
	events     []touchstone.Event
	where      []int // partition of each event
	appends    int
	fail       error
}

func (l *fakeLog) Partitions() int { return max(1, l.partitions) }

func (l *fakeLog) Append(_ context.Context, partition int, frames []byte, count int) (stream.Receipt, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fail != nil {
		return stream.Receipt{}, l.fail
	}
	record, err := stream.DecodeRecord(stream.EncodeRecord(nil, frames, count))
	if err != nil {
		return stream.Receipt{}, err
	}
	for frame := range record.All() {
		var e touchstone.Event
		if err := touchstone.DecodeEvent(strings.Clone(frame), &e); err != nil {
			return stream.Receipt{}, err
		}
		l.events, l.where = append(l.events, e), append(l.where, partition)
	}
	l.appends++
	return stream.Receipt{Partition: partition, Offset: stream.Offset(l.appends)}, nil
}

// take returns what was appended since the last call.
func (l *fakeLog) take() []touchstone.Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.events
	l.events, l.where = nil, nil
	return e
}

// edge is a collector behind a real HTTP server.
type edge struct {
	*collect.Collector
	log     *fakeLog
	db      *store.DB
	metrics *prometheus.Registry
	url     string
	now     time.Time
	key     string
	source  collect.Source
}

func openDB(t testing.TB) *store.DB {
	t.Helper()
	db, err := sqlite.Open(filepath.Join(t.TempDir(), "store.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func newEdge(t testing.TB, change func(*collect.Config)) *edge {
	return newEdgeOn(t, openDB(t), change)
}

func newEdgeOn(t testing.TB, db *store.DB, change func(*collect.Config)) *edge {
	t.Helper()
	if err := db.Migrate(ctx, "collect", collect.Migrations()); err != nil {
		t.Fatal(err)
	}
	e := &edge{log: &fakeLog{}, db: db, metrics: prometheus.NewRegistry(), now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	cfg := collect.Config{DB: db, Log: e.log, Metrics: e.metrics, Clock: touchstone.ClockFunc(func() time.Time { return e.now })}
	if change != nil {
		change(&cfg)
	}
	var err error
	if e.Collector, err = collect.New(ctx, cfg); err != nil {
		t.Fatal(err)
	}
	if e.source, err = e.Sources().Create(ctx, collect.NewSource{Name: "site", Kind: "server"}); err != nil {
		t.Fatal(err)
	}
	e.key = e.source.WriteKey
	r := chi.NewRouter()
	e.Routes(r)
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	e.url = server.URL
	return e
}

// answer is a response, read to its end.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a *answer) detail() string {
	var p struct{ Detail string }
	_ = json.Unmarshal([]byte(a.body), &p)
	return p.Detail
}

func (e *edge) do(t testing.TB, method, path, body string, header ...string) *answer {
	t.Helper()
	req, err := http.NewRequest(method, e.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return &answer{res.StatusCode, res.Header, string(b)}
}

func basic(key string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(key+":"))
}

// post sends a body with the source's key.
func (e *edge) post(t testing.TB, path, body string) *answer {
	t.Helper()
	return e.do(t, "POST", path, body, "Authorization", basic(e.key), "Content-Type", "application/json")
}

// one posts a body and returns the single event that came of it.
func (e *edge) one(t testing.TB, path, body string) touchstone.Event {
	t.Helper()
	if a := e.post(t, path, body); a.status != 200 || a.body != `{"success":true}` {
		t.Fatalf("%s %s: %d %s", path, body, a.status, a.body)
	}
	events := e.log.take()
	if len(events) != 1 {
		t.Fatalf("%s: %d events, want 1", body, len(events))
	}
	return events[0]
}

func (e *edge) counter(t testing.TB, name string, labels ...string) float64 {
	t.Helper()
	families, err := e.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	total := 0.0
	for _, f := range families {
		if f.GetName() != "touchstone_collect_"+name {
			continue
		}
	metric:
		for _, m := range f.GetMetric() {
			for i := 0; i < len(labels); i += 2 {
				ok := false
				for _, l := range m.GetLabel() {
					ok = ok || l.GetName() == labels[i] && l.GetValue() == labels[i+1]
				}
				if !ok {
					continue metric
				}
			}
			total += m.GetCounter().GetValue()
		}
	}
	return total
}

func pretty(t testing.TB, v any) string {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(v); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

var _ collect.Appender = (*stream.Batcher)(nil)
