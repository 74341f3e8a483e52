package app

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/touchstone-cdp/touchstone/collect"
	"github.com/touchstone-cdp/touchstone/collect/collecttest"
	"github.com/touchstone-cdp/touchstone/warehouse"
)

// running is the whole program, in this process.
type running struct {
	*App
	url    string
	source string
}

func run(t *testing.T) *running {
	t.Helper()
	cfg := DefaultConfig()
	cfg.Data, cfg.Listen, cfg.Dev, cfg.MemoryLimit = t.TempDir(), "127.0.0.1:0", true, 0
	a, err := New(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- a.Run(ctx, func() { close(ready) }) }()
	select {
	case <-ready:
	case err := <-done:
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	r := &running{App: a, url: "http://" + a.Address()}
	src, err := a.collector.Sources().Create(t.Context(), collect.NewSource{Name: "files", Kind: "import"})
	if err != nil {
		t.Fatal(err)
	}
	r.source = src.ID
	for name, rule := range map[string]string{
		"payers":   `{"event":"Viewed","count":{"op":"gte","value":1}}`,
		"by plan":  `{"trait":"plan","op":"exists"}`,
		"by price": `{"trait":"plan","op":"gte","value":1}`,
	} {
		status, text := r.post("/api/v1/segments", fmt.Sprintf(`{"name":%q,"rule":%s}`, name, rule), "Authorization", "Bearer dev", "Content-Type", "application/json")
		if status/100 != 2 {
			t.Fatalf("segment %s: %d %s", name, status, text)
		}
	}
	return r
}

func (r *running) post(path, body string, header ...string) (status int, text string) {
	req, err := http.NewRequest(http.MethodPost, r.url+path, strings.NewReader(body))
	if err != nil {
		return 0, err.Error()
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	out, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(out)
}

// settled waits until every accepted event is with every consumer, and tells what does not
// add up.
func (r *running) settled() error {
	deadline := time.Now().Add(2 * time.Minute)
	for {
		c, err := r.counters(context.Background())
		if err != nil {
			return err
		}
		consumed := c.Accepted == c.Processed+c.Duplicates+c.Quarantined
		switch {
		case consumed && c.Processed == c.InWarehouse+c.SetAside+c.Erased && c.PipelineLag == 0 && c.WarehouseLag == 0:
			if c.SetAside > 0 || len(r.pipeline.Troubles())+len(r.sink.Troubles()) > 0 {
				return fmt.Errorf("the edge let through what a consumer did not take: %+v, %v, %v", c, r.pipeline.Troubles(), r.sink.Troubles())
			}
			return nil
		case time.Now().After(deadline):
			return fmt.Errorf("a consumer stands still: %+v, %v, %v", c, r.pipeline.Troubles(), r.sink.Troubles())
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// No sequence of accepted requests stops a consumer: whatever clients and files send, all
// of it is with the pipeline and with the warehouse soon after, the counters add up, and
// each row can be read.
func TestNoSequenceOfRequestsStopsAConsumer(t *testing.T) {
	if testing.Short() {
		t.Skip("it runs the whole program")
	}
	const checks = "rapid.checks"
	before := flag.Lookup(checks).Value.String()
	if err := flag.Set(checks, "25"); err != nil { // each waits for the warehouse
		t.Fatal(err)
	}
	defer func() { _ = flag.Set(checks, before) }() // the next test shall not do with so few
	r := run(t)
	rapid.Check(t, func(t *rapid.T) {
		h := collecttest.NewHostile(rapid.Uint64().Draw(t, "seed"))
		for range rapid.IntRange(1, 40).Draw(t, "requests") {
			if rapid.IntRange(0, 4).Draw(t, "kind") == 0 {
				_, _ = r.collector.AppendFrames(context.Background(), r.source, collect.Rows{}, bytes.NewReader(h.Frames()))
				continue
			}
			path, body := h.Request()
			if status, text := r.post(path, body); status != 200 && status != 400 {
				t.Fatalf("%s is answered with %d: %s\n%s", path, status, text, body)
			}
		}
		if err := r.settled(); err != nil {
			t.Fatal(err)
		}
	})
	res, err := r.warehouse.Query(t.Context(), warehouse.Statement{SQL: `SELECT count(*), count(*) FILTER (WHERE NOT json_valid(properties) OR NOT json_valid(context)),
		count(DISTINCT person), count(properties->>'$.price'), count(DISTINCT node) FILTER (WHERE node <= 0) FROM events`, Own: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("events, unreadable, persons, prices, without a node: %v", res.Rows[0])
	if n := res.Rows[0][0].(int64); n < 500 || res.Rows[0][1].(int64)+res.Rows[0][4].(int64) > 0 {
		t.Errorf("%v", res.Rows[0])
	}
}

// A warehouse that cannot be written is said to be stuck, by /readyz and to the console,
// with a lag that grows; the server stays in service, because events are stored all the same.
func TestAStuckWarehouseIsSaidToBe(t *testing.T) {
	if testing.Short() {
		t.Skip("it runs the whole program")
	}
	r := run(t)
	if err := r.warehouse.Close(); err != nil {
		t.Fatal(err)
	}
	const event = `{"writeKey":"dev","event":"x","userId":"u"}`
	if status, text := r.post("/v1/track", event); status != 200 {
		t.Fatalf("%d %s", status, text)
	}
	var lags []float64
	deadline := time.Now().Add(2 * time.Minute)
	for {
		status, text := r.get("/readyz")
		if strings.Contains(text, `"status":"degraded"`) && strings.Contains(text, `"warehouse":"stuck since `) {
			if status != 200 {
				t.Errorf("a degraded server answers %d", status)
			}
			c, err := r.counters(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			lags = append(lags, c.WarehouseLag.Seconds())
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("/readyz says %d %s", status, text)
		}
		c, err := r.counters(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		lags = append(lags, c.WarehouseLag.Seconds())
		time.Sleep(100 * time.Millisecond)
	}
	if last := lags[len(lags)-1]; last < stuckAfter.Seconds()-1 || !slices.IsSorted(lags) {
		t.Errorf("lags went %v", lags)
	}
	if status, _ := r.get("/readyz?strict"); status != 503 {
		t.Errorf("a strict caller is answered %d", status)
	}
	if _, text := r.get("/api/v1/stats"); !strings.Contains(text, `"stuck":[{"part":"warehouse","partition":0,`) || !strings.Contains(text, "the warehouse is closed") {
		t.Errorf("statistics %s", text)
	}
	if status, text := r.post("/v1/track", event); status != 200 {
		t.Errorf("an event is answered with %d %s", status, text)
	}
	if _, text := r.get("/metrics"); !strings.Contains(text, "touchstone_stuck_parts 1") {
		t.Error("/metrics does not tell")
	}
}

func (r *running) get(path string) (status int, text string) {
	req, err := http.NewRequest(http.MethodGet, r.url+path, nil)
	if err != nil {
		return 0, err.Error()
	}
	req.Header.Set("Authorization", "Bearer dev")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	out, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(out)
}
