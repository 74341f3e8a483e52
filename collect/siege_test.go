package collect_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/touchstone-cdp/touchstone/internal/conns"
	"github.com/touchstone-cdp/touchstone/internal/httpfront"
)

// serveAs puts the edge behind what a server puts before it.
func (e *edge) serveAs(t *testing.T, front bool, pace conns.Pace) (address string) {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := chi.NewRouter()
	slow := conns.SlowBodies(e.metrics)
	r.Use(pace.Middleware(slow))
	e.Routes(r)
	server := &http.Server{Handler: r, ReadHeaderTimeout: 10 * time.Minute}
	var listener net.Listener = conns.Limit(inner, conns.Config{Register: e.metrics})
	if front {
		listener = httpfront.New(listener, httpfront.Config{Handlers: e.Posts(), Pace: pace, SlowBodies: slow, FirstTimeout: 10 * time.Minute})
	}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() {
		_ = server.Close()
		_ = listener.Close()
		if f, ok := listener.(*httpfront.Listener); ok {
			ended, cancel := context.WithCancel(ctx)
			cancel()
			_ = f.Wait(ended)
		}
	})
	return inner.Addr().String()
}

// The sieges: what each connection says before it falls silent.
func sieges(key string) map[string]string {
	head := func(fields string) string { return "POST /v1/track HTTP/1.1\r\nHost: x\r\n" + fields + "\r\n" }
	authorization := "Authorization: " + basic(key) + "\r\n"
	return map[string]string{
		"nothing":                       "",
		"half a head":                   "POST /v1/track HTTP/1.1\r\nHost:",
		"a length, no key, no body":     head("Content-Length: 400000\r\n"),
		"a length, a key, no body":      head(authorization + "Content-Length: 400000\r\n"),
		"one byte, no key":              head("Content-Length: 400000\r\n") + "{",
		"one byte, a key":               head(authorization+"Content-Length: 400000\r\n") + "{",
		"one byte of gzip, no key":      head("Content-Encoding: gzip\r\nContent-Length: 400000\r\n") + "\x1f",
		"one byte of zstd, a key":       head(authorization+"Content-Encoding: zstd\r\nContent-Length: 400000\r\n") + "\x28",
		"a chunk, no key":               head("Transfer-Encoding: chunked\r\n") + "1\r\n{\r\n",
		"a wrong key, then no body":     head("Authorization: " + basic("wrong") + "\r\nContent-Length: 400000\r\n"),
		"expects to be told to go on":   head("Expect: 100-continue\r\nContent-Length: 400000\r\n"),
		"a length over the hard limit":  head("Content-Length: 4000000000\r\n"),
		"a kilobyte of a body, no key":  head("Content-Length: 400000\r\n") + `{"a":"` + strings.Repeat("x", 1000),
		"a kilobyte of a body, the key": head(authorization+"Content-Length: 400000\r\n") + `{"a":"` + strings.Repeat("x", 1000),
	}
}

// Thousands of connections that say nothing, or half of something, take nothing from a
// good client: neither from one with its key in the head nor from one with it in the body.
func TestGoodClientBesideThousandsOfSilentOnes(t *testing.T) {
	const perSiege = 320 // 4,480 together
	for _, front := range []bool{true, false} {
		t.Run(fmt.Sprintf("front %v", front), func(t *testing.T) {
			e := newEdge(t, nil)
			address := e.serveAs(t, front, conns.Pace{Wait: 10 * time.Minute, Grace: 10 * time.Minute})
			for name, says := range sieges(e.key) {
				for range perSiege {
					c, err := net.Dial("tcp", address)
					if err != nil {
						t.Fatal(name, err)
					}
					defer c.Close()
					if _, err := io.WriteString(c, says); err != nil {
						t.Fatal(name, err)
					}
				}
			}
			client := &http.Client{Timeout: 2 * time.Minute} // the silent ones stay for longer
			defer client.CloseIdleConnections()
			for i := range 100 {
				body, user := `{"event":"x","userId":"u","writeKey":"`+e.key+`"}`, ""
				if i%2 == 0 {
					body, user = `{"event":"x","userId":"u","properties":{"a":"`+strings.Repeat("x", 20_000)+`"}}`, e.key
				}
				req, _ := http.NewRequest("POST", "http://"+address+"/v1/track", strings.NewReader(body))
				if user != "" {
					req.SetBasicAuth(user, "")
				}
				res, err := client.Do(req)
				if err != nil {
					t.Fatal(i, err)
				}
				answer, _ := io.ReadAll(res.Body)
				res.Body.Close()
				if res.StatusCode != 200 {
					t.Fatalf("%d: %d %s", i, res.StatusCode, answer)
				}
			}
			if n := gauge(t, e.metrics, "touchstone_collect_request_memory_bytes"); n > 16<<20 {
				t.Errorf("the silent ones hold %.0f bytes", n)
			}
			if n := gauge(t, e.metrics, "touchstone_http_connections"); n < 8*perSiege {
				t.Errorf("only %.0f connections are open: the siege is none", n)
			}
		})
	}
}

func gauge(t *testing.T, r *prometheus.Registry, name string) (total float64) {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name {
				total += m.GetGauge().GetValue() + m.GetCounter().GetValue()
			}
		}
	}
	return total
}

// A body that stops arriving ends its request; the answer says so.
func TestBodyThatStops(t *testing.T) {
	for _, front := range []bool{true, false} {
		t.Run(fmt.Sprintf("front %v", front), func(t *testing.T) {
			t.Parallel()
			stopAndDrip(t, front)
		})
	}
}

func stopAndDrip(t *testing.T, front bool) {
	e := newEdge(t, nil)
	address := e.serveAs(t, front, conns.Pace{Wait: time.Second})
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, _ = io.WriteString(c, "POST /v1/track HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
	_ = c.SetReadDeadline(time.Now().Add(2 * time.Minute))
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatalf("front %v: %v", front, err)
	}
	answer, _ := io.ReadAll(res.Body)
	if res.StatusCode != 503 || !strings.Contains(string(answer), "too slowly") || res.Header.Get("Retry-After") == "" {
		t.Errorf("front %v: %d %s", front, res.StatusCode, answer)
	}
	if n := gauge(t, e.metrics, "touchstone_http_slow_bodies_total"); n != 1 {
		t.Errorf("front %v: slow_bodies_total is %v", front, n)
	}
	// A slow one that keeps going is served, also behind the pause.
	for tries := 1; ; tries++ {
		longest, err := drip(e.key, address)
		if err == nil {
			return
		}
		if longest < 500*time.Millisecond || tries == 20 { // else it was the machine that paused
			t.Fatalf("front %v: %v; no pause was longer than %s", front, err, longest)
		}
	}
}

// drip sends two requests over one connection, a few bytes at a time, and returns the longest pause
// within a body.
func drip(key, address string) (longest time.Duration, err error) {
	slow, err := net.Dial("tcp", address)
	if err != nil {
		return 0, err
	}
	defer slow.Close()
	body := `{"event":"x","userId":"u","writeKey":"` + key + `"}`
	in := bufio.NewReader(slow)
	for range 2 {
		fmt.Fprintf(slow, "POST /v1/track HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", len(body))
		last := time.Now()
		for i := 0; i < len(body); i += 10 {
			time.Sleep(250 * time.Millisecond) // this test is about time
			_, _ = io.WriteString(slow, body[i:min(i+10, len(body))])
			longest, last = max(longest, time.Since(last)), time.Now()
		}
		_ = slow.SetReadDeadline(time.Now().Add(2 * time.Minute))
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			return longest, err
		}
		if answer, _ := io.ReadAll(res.Body); res.StatusCode != 200 {
			return longest, fmt.Errorf("%s: %s", res.Status, answer)
		}
		time.Sleep(1200 * time.Millisecond) // longer than a body may pause: between requests there is more time
	}
	return longest, nil
}
