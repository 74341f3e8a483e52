package console

import (
	"bufio"
	"context"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/live"
)

// subscribe opens a feed and returns its messages, closed at its end.
func (s *testServer) subscribe(path, key string) (messages <-chan string, stop func()) {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	req, err := http.NewRequestWithContext(ctx, "GET", s.http.URL+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+key)
	req.Header.Set("Accept-Encoding", "gzip")
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		s.t.Fatal(err)
	}
	if res.StatusCode != 200 || res.Header.Get("Content-Type") != "text/event-stream" || res.Header.Get("Content-Encoding") != "" ||
		res.Header.Get("X-Accel-Buffering") != "no" || !strings.Contains(res.Header.Get("Cache-Control"), "no-transform") {
		s.t.Fatalf("%s: %d %v", path, res.StatusCode, res.Header)
	}
	ch := make(chan string, 1000)
	go func() {
		defer close(ch)
		defer res.Body.Close()
		for sc := bufio.NewScanner(res.Body); sc.Scan(); {
			if data, ok := strings.CutPrefix(sc.Text(), "data: "); ok {
				ch <- data
			}
		}
	}()
	s.t.Cleanup(cancel)
	return ch, cancel
}

func next(t *testing.T, ch <-chan string) string {
	t.Helper()
	select {
	case m, ok := <-ch:
		if !ok {
			t.Fatal("the feed has ended")
		}
		return m
	case <-time.After(2 * time.Minute):
		t.Fatal("no message")
	}
	return ""
}

func TestLiveEvents(t *testing.T) {
	hub := live.New[touchstone.Event](200, 10)
	s := newTestServer(t, func(c *Config) { watch(c, hub, 200) })
	key := s.apiKey("read", "contacts")
	at := time.Date(2026, 3, 1, 1, 2, 3, 4e6, time.UTC)
	event := func(source, name, userID string) touchstone.Event {
		return touchstone.Event{Type: touchstone.Track, MessageID: name, Name: name, Time: at, ReceivedAt: at, Source: source, UserID: userID,
			Identifiers: []touchstone.Identifier{{Kind: "user_id", Value: userID}, {Kind: "email", Value: userID + "@example.com"}}, Properties: `{"Color":"Gold"}`}
	}
	for range 60 {
		hub.Publish(event("src_a", "old", "u1"))
	}
	all, stop := s.subscribe("/api/v1/live/events", key)
	for range 50 {
		next(t, all)
	}
	bySource, _ := s.subscribe("/api/v1/live/events?source=src_b", key)
	byText, _ := s.subscribe("/api/v1/live/events?q=gOLD&source=src_b", key)
	byPerson, _ := s.subscribe("/api/v1/live/events?person=email:u2@example.com", key)
	hub.Publish(event("src_a", "first", "u1"), event("src_b", "second", "u2"),
		touchstone.Event{Type: touchstone.Rejected, MessageID: "third", Source: "src_c", Reason: "missing_user: nobody", Raw: `{}`, Time: at, ReceivedAt: at},
		touchstone.Event{Type: touchstone.Rejected, MessageID: "fourth", Source: "src_c", Reason: "bad_event: x", Time: at, ReceivedAt: at,
			Raw: `{"type":"track","event":" 下单 ","userId":17850,"anonymousId":null,"traits":{"email":"a@b.cn"}}`},
		touchstone.Event{Type: touchstone.Rejected, MessageID: "fifth", Source: "src_c", Reason: "bad_event: x", Time: at, ReceivedAt: at, Raw: `{"type":"page","anonymousId":"a1"}`})

	want := `{"message_id":"first","time":"2026-03-01T01:02:03.004Z","received_at":"2026-03-01T01:02:03.004Z","type":"track","event":"first","source":"src_a",` +
		`"user_id":"u1","anonymous_id":"","identifiers":[{"kind":"user_id","value":"u1"},{"kind":"email","value":"u1@example.com"}],"properties":{"Color":"Gold"},"traits":null,"context":null,"rejected":false,"reason":"","raw":null}`
	if got := next(t, all); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	checkMessage(t, "LiveEvent", want)
	next(t, all)
	if got := next(t, all); !strings.Contains(got, `"identifiers":[],`) || !strings.Contains(got, `"rejected":true,"reason":"missing_user: nobody"`) {
		t.Errorf("a refused event: %s", got)
	}
	// What they were called and who they were about, as it was sent.
	if got := next(t, all); !strings.Contains(got, `"event":" 下单 ","source":"src_c","user_id":"17850","anonymous_id":"","identifiers":[{"kind":"user_id","value":"17850"},{"kind":"email","value":"a@b.cn"}]`) ||
		!strings.Contains(got, `"raw":{"type":"track"`) {
		t.Errorf("a refused event: %s", got)
	}
	if got := next(t, all); !strings.Contains(got, `"event":"$page","source":"src_c","user_id":"","anonymous_id":"a1"`) {
		t.Errorf("a refused page: %s", got)
	}
	for name, ch := range map[string]<-chan string{"source": bySource, "text": byText, "person": byPerson} {
		if got := next(t, ch); !strings.Contains(got, `"second"`) {
			t.Errorf("by %s: %s", name, got)
		}
	}
	stop()
	for range all {
	}
}

func TestLiveStats(t *testing.T) {
	n := int64(0)
	s := newTestServer(t, func(c *Config) {
		c.Counters = func(context.Context) (Counters, error) {
			n += 100
			return Counters{Accepted: n, Processed: n / 2, PipelineLag: 1500 * time.Millisecond}, nil
		}
		c.Storage = func(context.Context) (Storage, error) { return Storage{LogBytes: 7}, nil }
	})
	ch, _ := s.subscribe("/api/v1/live/stats", s.apiKey("read"))
	first, second := next(t, ch), next(t, ch)
	checkMessage(t, "Stats", first)
	if !strings.Contains(first, `"accepted":100,"processed":50`) || !strings.Contains(second, `"accepted":200`) ||
		!strings.Contains(first, `"lag_seconds":{"pipeline":1.5,"warehouse":0}`) || !strings.Contains(first, `"log_bytes":7`) {
		t.Errorf("%s\n%s", first, second)
	}
}

func TestThroughputIsAMeanOfSeconds(t *testing.T) {
	total := int64(0)
	s := newTestServer(t, func(c *Config) {
		c.Counters = func(context.Context) (Counters, error) { return Counters{Accepted: total, Processed: total / 2}, nil }
	})
	key := s.apiKey("ingest")
	s.want(call{method: "GET", path: "/api/v1/stats", key: key}, 200, `"accepted_per_second":0`)
	for range 20 {
		s.c.sample(context.Background())
		s.clock.advance(time.Second)
		total += 4000
	}
	s.want(call{method: "GET", path: "/api/v1/stats", key: key}, 200, `"accepted_per_second":4000,"processed_per_second":2000`, `"uptime_seconds":20`)
	for range 7 { // silence
		s.c.sample(context.Background())
		s.clock.advance(time.Second)
	}
	a := s.want(call{method: "GET", path: "/api/v1/stats", key: key}, 200, `"accepted_per_second":0`)
	if runtime.GOOS == "linux" && (strings.Contains(a.body, `"rss_bytes":0`) || strings.Contains(a.body, `"cpu_seconds":0,`)) {
		t.Errorf("no process figures: %s", a.body)
	}
}

func TestFeedsAreBoundedAndEnd(t *testing.T) {
	hub := live.New[touchstone.Event](10, 10)
	s := newTestServer(t, func(c *Config) { watch(c, hub, 2) })
	key := s.apiKey("read")
	one, stop := s.subscribe("/api/v1/live/events", key)
	two, _ := s.subscribe("/api/v1/live/events", key)
	a := s.want(call{method: "GET", path: "/api/v1/live/events", key: key}, 503, "Too many live feeds")
	if a.header.Get("Retry-After") == "" {
		t.Error("503 without Retry-After")
	}
	stop()
	for range one {
	}
	deadline := time.Now().Add(2 * time.Minute)
	for s.c.cfg.Feeds.Len() > 1 && time.Now().Before(deadline) {
		time.Sleep(time.Millisecond)
	}
	three, _ := s.subscribe("/api/v1/live/events", key)
	s.c.Close()
	s.c.Close() // twice does no harm
	for range two {
	}
	for range three {
	}
	deadline = time.Now().Add(2 * time.Minute)
	for hub.Subscribers() > 0 && time.Now().Before(deadline) {
		time.Sleep(time.Millisecond)
	}
	if n := hub.Subscribers(); n > 0 {
		t.Errorf("%d subscribers are left", n)
	}
}
