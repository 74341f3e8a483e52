package conns_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/touchstone-cdp/touchstone/internal/conns"
)

func serve(t *testing.T, most int, h http.HandlerFunc) (address string, l *conns.Listener, metrics *prometheus.Registry) {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	metrics = prometheus.NewRegistry()
	l = conns.Limit(inner, conns.Config{Max: most, Register: metrics})
	server := &http.Server{Handler: h}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	return inner.Addr().String(), l, metrics
}

func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func value(t *testing.T, r *prometheus.Registry, what string) float64 {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == "touchstone_http_connections_total" && m.GetLabel()[0].GetValue() == what {
				return m.GetCounter().GetValue()
			}
		}
	}
	t.Fatalf("no connections_total of %s", what)
	return 0
}

func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s did not come about", what)
		}
	}
}

// fresh is for how long after its use a connection is not idle.
const fresh = time.Second

// Connections that say nothing make room for those that come, and a client that is at work keeps its own.
func TestIdleConnectionsMakeRoom(t *testing.T) {
	const most = 300
	running, finish := make(chan struct{}), make(chan struct{})
	address, l, metrics := serve(t, most, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/long" {
			close(running)
			<-finish
		}
		_, _ = io.WriteString(w, "ok")
	})
	get := func(c net.Conn, path string) error {
		fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path)
		_ = c.SetReadDeadline(time.Now().Add(2 * time.Minute))
		buf := make([]byte, 1000)
		n, err := c.Read(buf)
		if err == nil && !strings.Contains(string(buf[:n]), "200 OK") {
			err = fmt.Errorf("%q", buf[:n])
		}
		return err
	}
	began := time.Now()
	long := dial(t, address)
	answered := make(chan error, 1)
	go func() { answered <- get(long, "/long") }()
	<-running
	good := dial(t, address)
	for range most - 2 {
		dial(t, address)
	}
	await(t, "a full server", func() bool { return l.Open() == most })
	// While all are fresh or at work, there is no place.
	refused := dial(t, address)
	err := get(refused, "/")
	all := time.Since(began) < fresh // on a busy machine they may not be fresh any more
	if err == nil && all {
		t.Error("one connection more than there may be was served")
	}
	stop := make(chan struct{})
	working := make(chan error, 1)
	go func() { // a client that sends now and then keeps its connection
		for last := time.Now(); ; last = time.Now() {
			if err := get(good, "/"); err != nil {
				if time.Since(last) > fresh/2 { // it was idle, because the machine did not let it work
					t.Logf("after %s: %v", time.Since(last), err)
					err = nil
				}
				working <- err
				return
			}
			select {
			case <-stop:
				working <- nil
				return
			case <-time.After(100 * time.Millisecond):
			}
		}
	}()
	await(t, "a place for a new client", func() bool {
		c, err := net.Dial("tcp", address)
		if err != nil {
			return false
		}
		defer c.Close()
		return get(c, "/") == nil
	})
	for range 2 * most { // and they keep coming
		dial(t, address)
	}
	await(t, "a place for a new client beside more", func() bool {
		c, err := net.Dial("tcp", address)
		if err != nil {
			return false
		}
		defer c.Close()
		return get(c, "/") == nil
	})
	close(stop)
	if err := <-working; err != nil {
		t.Errorf("the client at work lost its connection: %v", err)
	}
	close(finish)
	if err := <-answered; err != nil {
		t.Errorf("the long request lost its connection: %v", err)
	}
	if l.Open() > most {
		t.Errorf("%d connections are open", l.Open())
	}
	if value(t, metrics, "evicted") < 10 || all && value(t, metrics, "refused") < 1 || value(t, metrics, "accepted") < most {
		t.Errorf("evicted %v, refused %v, accepted %v", value(t, metrics, "evicted"), value(t, metrics, "refused"), value(t, metrics, "accepted"))
	}
}

// A connection that ends gives its place back.
func TestClosedConnectionsAreForgotten(t *testing.T) {
	address, l, _ := serve(t, 50, func(http.ResponseWriter, *http.Request) {})
	for range 200 {
		c := dial(t, address)
		await(t, "a connection", func() bool { return l.Open() > 0 })
		c.Close()
		await(t, "its end", func() bool { return l.Open() == 0 })
	}
}

func TestPace(t *testing.T) {
	p := conns.Pace{Grace: 20 * time.Second, Rate: 500, Wait: 10 * time.Second}
	began := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		after time.Duration
		bytes int64
		want  time.Duration // after began
	}{
		{0, 0, 10 * time.Second},
		{9 * time.Second, 1, 19 * time.Second},
		{19 * time.Second, 1, 20*time.Second + 2*time.Millisecond}, // the grace is over: too slow
		{19 * time.Second, 1 << 20, 29 * time.Second},              // well ahead of the rate
		{time.Hour, 10 << 20, time.Hour + 10*time.Second},          // a large file may take its time
		{time.Hour, 1 << 20, 20*time.Second + 2097152*time.Millisecond},
	} {
		if got := p.Deadline(began, began.Add(test.after), test.bytes).Sub(began); got != test.want {
			t.Errorf("%v after, %d bytes: %v, want %v", test.after, test.bytes, got, test.want)
		}
	}
	if d := (conns.Pace{}).WithDefaults(); d != (conns.Pace{Grace: 20 * time.Second, Rate: 500, Wait: 10 * time.Second}) {
		t.Errorf("%+v", d)
	}
}
