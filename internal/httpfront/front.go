// Package httpfront stands before net/http and serves the requests that a server gets by
// the ten thousand a second: small HTTP/1.1 posts to a few known paths. net/http spends on
// each of them a second goroutine that watches for the client hanging up, several deadlines
// and some fifty allocations; that is more than the work on one tracking event. Everything
// else is net/http's: a connection is handed over, with the bytes that have been read,
// as soon as it sends anything that is not plainly such a post. Handlers are ordinary
// http.Handlers and cannot tell the difference, except as Config.Handlers says.
package httpfront

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/touchstone-cdp/touchstone/internal/conns"
)

// Config says what the front serves itself.
type Config struct {
	// Handlers of POST requests, by exact path. They must keep nothing of the request
	// after they return, and its context ends with the server's, not when the client
	// hangs up. The answer is sent when they return; they set its Content-Type.
	Handlers map[string]http.Handler

	// IdleTimeout ends a connection that sends nothing or does not read its answer; 2 min.
	// It is kept to within half.
	IdleTimeout time.Duration
	// FirstTimeout ends a new connection that sends nothing; 10 s.
	FirstTimeout time.Duration

	Pace       conns.Pace         // how slowly a body may arrive
	SlowBodies prometheus.Counter // those that were slower; may be nil

	BaseContext context.Context // of all requests; context.Background()
	Logger      *slog.Logger    // panics of handlers; slog.Default()
	Register    prometheus.Registerer
}

// Listener accepts connections, serves the posts and hands the other connections over to
// an http.Server, whose Serve takes it as its listener.
type Listener struct {
	inner  net.Listener
	cfg    Config
	routes map[string]*route
	handed chan accepted
	date   atomic.Pointer[date]

	served     prometheus.Counter
	handedOver map[string]prometheus.Counter // by reason

	mu      sync.Mutex
	conns   map[*conn]struct{}
	closed  chan struct{} // no new connections, and no further request on the old ones
	serving sync.WaitGroup
}

type accepted struct {
	conn net.Conn
	err  error
}

// New puts a front before a listener and begins to accept and to serve.
func New(inner net.Listener, cfg Config) *Listener {
	if cfg.IdleTimeout <= 0 {
		cfg.IdleTimeout = 2 * time.Minute
	}
	if cfg.FirstTimeout <= 0 {
		cfg.FirstTimeout = 10 * time.Second
	}
	if cfg.BaseContext == nil {
		cfg.BaseContext = context.Background()
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	cfg.Pace = cfg.Pace.WithDefaults()
	l := &Listener{inner: inner, cfg: cfg, routes: newRoutes(cfg.Handlers), handed: make(chan accepted),
		conns: map[*conn]struct{}{}, closed: make(chan struct{})}
	l.count(cfg.Register)
	l.serving.Go(l.accept)
	return l
}

// count makes the counters.
func (l *Listener) count(r prometheus.Registerer) {
	l.served = prometheus.NewCounter(prometheus.CounterOpts{Namespace: "touchstone", Subsystem: "front", Name: "requests_total",
		Help: "Requests that were served without net/http."})
	over := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "touchstone", Subsystem: "front", Name: "handovers_total",
		Help: "Connections handed over to net/http, by what their request was not."}, []string{"reason"})
	l.handedOver = make(map[string]prometheus.Counter, len(reasons))
	for _, reason := range reasons {
		l.handedOver[reason] = over.WithLabelValues(reason)
	}
	if r != nil {
		r.MustRegister(l.served, over)
	}
}

// accept takes connections from the network until the listener is closed. Errors go to
// the http.Server, which knows which of them pass.
func (l *Listener) accept() {
	for {
		nc, err := l.inner.Accept()
		if err != nil {
			if !l.handOver(accepted{err: err}) || errors.Is(err, net.ErrClosed) {
				return
			}
			continue
		}
		c := newConn(l, nc)
		if !l.track(c) {
			nc.Close()
			return
		}
		go c.serve()
	}
}

// handOver gives a connection or an error to whoever calls Accept; false when nobody will.
func (l *Listener) handOver(a accepted) bool {
	select {
	case l.handed <- a:
		return true
	case <-l.closed:
		return false
	}
}

// Accept returns the next connection that the front does not serve itself.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case a := <-l.handed:
		return a.conn, a.err
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Addr is the network's.
func (l *Listener) Addr() net.Addr { return l.inner.Addr() }

// Close ends accepting and the connections without a request; those with one end after
// its answer, for which Wait waits.
func (l *Listener) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.isClosed() {
		return nil
	}
	close(l.closed)
	for c := range l.conns {
		c.interrupt()
	}
	return l.inner.Close()
}

// Wait waits, after Close, until the requests under way are answered. When ctx ends first
// it cuts them off and returns its error.
func (l *Listener) Wait(ctx context.Context) error {
	done := make(chan struct{})
	go func() { l.serving.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.conns {
		c.net.Close()
	}
	return ctx.Err()
}

// track notes a connection; false when the listener is closed.
func (l *Listener) track(c *conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.isClosed() {
		return false
	}
	l.conns[c] = struct{}{}
	l.serving.Add(1)
	return true
}

func (l *Listener) forget(c *conn) {
	l.mu.Lock()
	delete(l.conns, c)
	l.mu.Unlock()
	l.serving.Done()
}

func (l *Listener) isClosed() bool {
	select {
	case <-l.closed:
		return true
	default:
		return false
	}
}

// date is the text of the Date header for one second.
type date struct {
	unix int64
	text string
}

// dateAt returns the Date header of a time (RFC 9110, section 6.6.1).
func (l *Listener) dateAt(now time.Time) string {
	if d := l.date.Load(); d != nil && d.unix == now.Unix() {
		return d.text
	}
	d := &date{now.Unix(), now.UTC().Format(http.TimeFormat)}
	l.date.Store(d)
	return d.text
}
