//go:build unix

package collect_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"

	"github.com/go-chi/chi/v5"
	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/admission"
	"github.com/touchstone-cdp/touchstone/collect"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/stream"
)

// benchEvent is a track call of about 770 bytes as a web library sends it.
func benchEvent(i int) string {
	return fmt.Sprintf(`{"type":"track","event":"Product Viewed","userId":"user-%06d","anonymousId":"0f6fd4a2-8f5d-4c58-9a5b-%012d","messageId":"ajs-next-1772240523456-%08d-9c3e","timestamp":"2026-03-01T11:59:58.123Z","properties":{"product_id":"507f1f77bcf86cd7","sku":"G-32-%d","category":"Games","name":"Monopoly: 3rd Edition","brand":"Hasbro","price":18.99,"quantity":1,"coupon":"MAYDEALS","currency":"CNY","position":3,"url":"https://www.example.com/product/path","in_stock":true},"context":{"ip":"203.0.113.9","locale":"zh-CN","userAgent":"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36","page":{"path":"/product/path","title":"大富翁","url":"https://www.example.com/product/path"},"library":{"name":"analytics.js","version":"npm:next-1.84.3"}}}`, i%100000, i, i, i%500)
}

func benchBatch(n int) []byte {
	var b strings.Builder
	b.WriteString(`{"batch":[`)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(benchEvent(i))
	}
	b.WriteString(`],"writeKey":"x","sentAt":"2026-03-01T12:00:00.000Z"}`)
	return []byte(b.String())
}

// wire is the event as a struct, for the references.
type wire struct {
	Type, Event, UserID, AnonymousID, MessageID string
	Timestamp, SentAt                           string
	Properties, Traits, Context                 json.RawMessage
}

type wire2 struct {
	Type        string         `json:"type"`
	Event       string         `json:"event"`
	UserID      string         `json:"userId"`
	AnonymousID string         `json:"anonymousId"`
	MessageID   string         `json:"messageId"`
	Timestamp   string         `json:"timestamp"`
	SentAt      string         `json:"sentAt"`
	Properties  jsontext.Value `json:"properties"`
	Traits      jsontext.Value `json:"traits"`
	Context     jsontext.Value `json:"context"`
}

// cpu reports the processor time per event: unlike the time on the clock, it means
// something on a machine that others use too.
func cpu(b *testing.B, events int) func() {
	used := func() int64 {
		var r syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
			b.Fatal(err)
		}
		return r.Utime.Nano() + r.Stime.Nano()
	}
	start := used()
	return func() { b.ReportMetric(float64(used()-start)/float64(b.N)/float64(events), "cpu-ns/event") }
}

// BenchmarkParse sets our scan, normalisation and encoding beside libraries that only decode.
func BenchmarkParse(b *testing.B) {
	const n = 100
	body := benchBatch(n)
	run := func(name string, fn func() error) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			report := cpu(b, n)
			for b.Loop() {
				if err := fn(); err != nil {
					b.Fatal(err)
				}
			}
			report()
		})
	}
	parse := collect.BenchParse()
	run("touchstone", func() error { return parse(body) })
	run("touchstone-scan-only", func() error { return collect.BenchScan(body) })
	run("encoding-json-v1", func() error {
		var v struct{ Batch []wire }
		return json.Unmarshal(body, &v)
	})
	run("json-v2", func() error {
		var v struct {
			Batch []wire2 `json:"batch"`
		}
		return jsonv2.Unmarshal(body, &v)
	})
	run("jsontext-tokens", func() error {
		d := jsontext.NewDecoder(bytes.NewBuffer(body))
		for {
			if _, err := d.ReadToken(); err == io.EOF {
				return nil
			} else if err != nil {
				return err
			}
		}
	})
	run("encoding-json-valid", func() error {
		if !json.Valid(body) {
			return io.ErrUnexpectedEOF
		}
		return nil
	})
}

// nullLog is a log that costs nothing.
type nullLog struct{}

func (nullLog) Partitions() int { return 1 }
func (nullLog) Append(context.Context, int, []byte, int) (stream.Receipt, error) {
	return stream.Receipt{}, nil
}

// BenchmarkHandler measures a request from the router to the answer, without the network.
func BenchmarkHandler(b *testing.B) {
	for _, n := range []int{1, 100} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			h, key := benchServer(b)
			path, body := benchRequest(n)
			r := httptest.NewRequest("POST", path, nil)
			r.Header.Set("Authorization", basic(key))
			reader := bytes.NewReader(body)
			r.Body, r.ContentLength = io.NopCloser(reader), int64(len(body))
			w := &nullWriter{header: http.Header{}}
			b.ReportAllocs()
			report := cpu(b, n)
			for b.Loop() {
				reader.Reset(body)
				clear(w.header)
				h.ServeHTTP(w, r)
				if w.status != 200 {
					b.Fatal(w.status)
				}
			}
			report()
		})
	}
}

// BenchmarkPlan sets an edge that holds each event against a tracking plan that rejects beside one without a plan, in the same
// run. The plan is published as in the program, and knows forty events.
func BenchmarkPlan(b *testing.B) {
	const n = 100
	_, body := benchRequest(n)
	wrong := bytes.ReplaceAll(body, []byte(`"position":3`), []byte(`"position":-3`))
	for _, planned := range []bool{false, true, false, true} { // twice, as the machine may be another meanwhile
		b.Run(map[bool]string{false: "none", true: "plan"}[planned], func(b *testing.B) {
			var rules *admission.Versions
			refused := 0
			if planned {
				rules = publishPlan(b)
			}
			h, key := benchServerWith(b, func(c *collect.Config) {
				if planned {
					c.Refuses = counting(rules.Refuses, &refused)
				}
			})
			path, _ := benchRequest(n)
			r := httptest.NewRequest("POST", path, nil)
			r.Header.Set("Authorization", basic(key))
			reader := bytes.NewReader(body)
			r.Body, r.ContentLength = io.NopCloser(reader), int64(len(body))
			w := &nullWriter{header: http.Header{}}
			send := func(body []byte) {
				reader.Reset(body)
				r.ContentLength = int64(len(body))
				clear(w.header)
				h.ServeHTTP(w, r)
				if w.status != 200 {
					b.Fatal(w.status)
				}
			}
			if send(wrong); planned && refused != n {
				b.Fatalf("%d of %d events that break the plan are refused", refused, n)
			}
			refused = 0
			b.ReportAllocs()
			report := cpu(b, n)
			for b.Loop() {
				send(body)
			}
			report()
			if refused != 0 {
				b.Fatalf("%d events that keep to the plan are refused", refused)
			}
		})
	}
}

// counting counts what is refused.
func counting(ask func(context.Context, string) func(*touchstone.Event) (string, touchstone.JSON), n *int) func(context.Context, string) func(*touchstone.Event) (string, touchstone.JSON) {
	return func(ctx context.Context, source string) func(*touchstone.Event) (string, touchstone.JSON) {
		refuses := ask(ctx, source)
		return func(e *touchstone.Event) (string, touchstone.JSON) {
			reason, note := refuses(e)
			if reason != "" {
				*n++
			}
			return reason, note
		}
	}
}

// publishPlan publishes a plan for all sources, for benchEvent and 39 other events.
func publishPlan(b *testing.B) *admission.Versions {
	b.Helper()
	db := openDB(b)
	rules, err := admission.Open(ctx, admission.Config{DB: db, Clock: touchstone.SystemClock{}, Committed: func(context.Context, store.Querier) ([]uint64, error) { return []uint64{1}, nil }})
	if err != nil {
		b.Fatal(err)
	}
	const schema = `{"type":"object","required":["product_id","price","currency"],"properties":{"product_id":{"type":"string","pattern":"^[0-9a-f]{16}$"},"sku":{"type":"string","maxLength":20},
		"category":{"type":"string","enum":["Games","Books","Toys"]},"name":{"type":"string"},"brand":{"type":"string"},"price":{"type":"number","minimum":0,"maximum":100000},"quantity":{"type":"integer","minimum":1},
		"coupon":{"type":["string","null"]},"currency":{"type":"string","enum":["CNY","USD","EUR"]},"position":{"type":"integer","minimum":0},"url":{"type":"string"},"in_stock":{"type":"boolean"}}}`
	events := []string{`{"name":"Product Viewed","schema":` + schema + `}`}
	for i := range 39 {
		events = append(events, fmt.Sprintf(`{"name":"Other %d","schema":%s}`, i, schema))
	}
	document := `{"invalid":"reject","missing":"reject","events":[` + strings.Join(events, ",") + `]}`
	err = db.Retry(ctx, func(tx *store.Tx) error {
		_, err := rules.Publish(ctx, tx, nil, touchstone.Command{ID: "cmd_1", Kind: "plan.publish", SubmittedAt: touchstone.SystemClock{}.Now(), Seq: touchstone.MakeSeq(0, 2, 0),
			Body: touchstone.JSON(`{"plan":"plan_1","name":"Shop","sources":[],"document":` + document + `}`)})
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return rules
}

// BenchmarkHTTP sends over one loopback connection that is kept alive. The client writes
// a prepared request and reads the answer, so nearly all of the time is the server's.
func BenchmarkHTTP(b *testing.B) {
	for _, n := range []int{1, 100} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			h, key := benchServer(b)
			server := httptest.NewServer(h)
			defer server.Close()
			path, body := benchRequest(n)
			request := fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", path, basic(key), len(body), body)
			conn, err := net.Dial("tcp", strings.TrimPrefix(server.URL, "http://"))
			if err != nil {
				b.Fatal(err)
			}
			defer conn.Close()
			answer := make([]byte, 4096)
			b.ReportAllocs()
			report := cpu(b, n)
			for b.Loop() {
				if _, err := conn.Write(request); err != nil {
					b.Fatal(err)
				}
				got, err := conn.Read(answer)
				if err != nil || !bytes.HasPrefix(answer[:got], []byte("HTTP/1.1 200")) {
					b.Fatal(err, string(answer[:got]))
				}
			}
			report()
		})
	}
}

func benchRequest(n int) (path string, body []byte) {
	if n == 1 {
		return "/v1/track", []byte(benchEvent(1))
	}
	return "/v1/batch", benchBatch(n)
}

func benchServer(b *testing.B) (http.Handler, string) {
	return benchServerWith(b, func(*collect.Config) {})
}

func benchServerWith(b *testing.B, change func(*collect.Config)) (http.Handler, string) {
	b.Helper()
	db := openDB(b)
	if err := db.Migrate(ctx, "collect", collect.Migrations()); err != nil {
		b.Fatal(err)
	}
	cfg := collect.Config{DB: db, Log: nullLog{}}
	change(&cfg)
	c, err := collect.New(ctx, cfg)
	if err != nil {
		b.Fatal(err)
	}
	src, err := c.Sources().Create(ctx, collect.NewSource{Name: "bench", Kind: "web"})
	if err != nil {
		b.Fatal(err)
	}
	r := chi.NewRouter()
	c.Routes(r)
	return r, src.WriteKey
}

type nullWriter struct {
	header http.Header
	status int
}

func (w *nullWriter) Header() http.Header         { return w.header }
func (w *nullWriter) WriteHeader(status int)      { w.status = status }
func (w *nullWriter) Write(p []byte) (int, error) { return len(p), nil }

// BenchmarkAppendFrames measures the way that importers take.
func BenchmarkAppendFrames(b *testing.B) {
	e := newEdge(b, func(c *collect.Config) { c.Log = nullLog{} })
	const n = 10_000
	var body []byte
	for i := range n {
		ev := imported(i)
		body = stream.AppendFrame(body, touchstone.AppendEvent(nil, &ev))
	}
	packed := s2ed(body)
	b.ReportAllocs()
	report := cpu(b, n)
	for b.Loop() {
		if _, _, err := e.appendFrames(e.source.ID, bytes.NewReader(packed)); err != nil {
			b.Fatal(err)
		}
	}
	report()
}
