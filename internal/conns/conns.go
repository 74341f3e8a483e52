// Package conns bounds what the connections of a server may cost: how many there are, and
// how slowly a request may arrive. A good client is served beside thousands that connect
// and say nothing, say half of a request, or say it a byte at a time.
package conns

import (
	"cmp"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// DefaultMax is the most connections at once unless configured. An idle one costs about
// 20 KB.
const DefaultMax = 10_000

const (
	// At the limit so many of the idle connections are closed at once, so that looking for
	// them is not done for each new one.
	evictShare = 64
	// A connection that was used in this time is not idle.
	evictAfter = time.Second
)

// Config says how many connections there may be.
type Config struct {
	Max      int // DefaultMax; at most what the system's limit of open files leaves room for
	Register prometheus.Registerer
}

// Listener accepts at most so many connections. One that comes beyond takes the place of
// those that have been idle longest; connections with a request under way are left alone,
// and if there are only such ones, the new one is closed.
type Listener struct {
	net.Listener
	max int

	mu   sync.Mutex
	open map[*conn]struct{}

	accepted, evicted, refused prometheus.Counter
}

// Limit puts a limit before a listener.
func Limit(inner net.Listener, cfg Config) *Listener {
	if cfg.Max <= 0 {
		cfg.Max = DefaultMax
	}
	l := &Listener{Listener: inner, max: min(cfg.Max, openFiles()), open: make(map[*conn]struct{})}
	total := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "touchstone", Subsystem: "http", Name: "connections_total",
		Help: "Connections accepted, those closed because they were idle while others waited for their place, and those refused because there was none."}, []string{"what"})
	now := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "touchstone", Subsystem: "http", Name: "connections", Help: "Open connections."},
		func() float64 { return float64(l.Open()) })
	most := prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "touchstone", Subsystem: "http", Name: "connections_max", Help: "Most connections at once."})
	most.Set(float64(l.max))
	if cfg.Register != nil {
		cfg.Register.MustRegister(total, now, most)
	}
	l.accepted, l.evicted, l.refused = total.WithLabelValues("accepted"), total.WithLabelValues("evicted"), total.WithLabelValues("refused")
	return l
}

// Open is how many connections there are.
func (l *Listener) Open() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.open)
}

// Accept returns the next connection that there is a place for.
func (l *Listener) Accept() (net.Conn, error) {
	for {
		nc, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		c := &conn{Conn: nc, l: l}
		c.used.Store(time.Now().UnixNano())
		if l.add(c) {
			l.accepted.Inc()
			return c, nil
		}
		l.refused.Inc()
		_ = nc.Close()
	}
}

func (l *Listener) add(c *conn) bool {
	l.mu.Lock()
	var idle []*conn
	if len(l.open) >= l.max {
		idle = l.longestIdle()
	}
	for _, old := range idle {
		delete(l.open, old)
	}
	full := len(l.open) >= l.max
	if !full {
		l.open[c] = struct{}{}
	}
	l.mu.Unlock()
	for _, old := range idle {
		_ = old.Conn.Close()
	}
	l.evicted.Add(float64(len(idle)))
	return !full
}

// longestIdle picks the connections to close.
func (l *Listener) longestIdle() []*conn {
	type candidate struct {
		c    *conn
		used int64
	}
	var idle []candidate
	before := time.Now().Add(-evictAfter).UnixNano()
	for c := range l.open {
		if used := c.used.Load(); used < before && !c.asked.Load() {
			idle = append(idle, candidate{c, used})
		}
	}
	slices.SortFunc(idle, func(a, b candidate) int { return cmp.Compare(a.used, b.used) })
	picked := make([]*conn, 0, l.max/evictShare+1)
	for _, i := range idle[:min(len(idle), l.max/evictShare+1)] {
		picked = append(picked, i.c)
	}
	return picked
}

// conn notes when it was used, and whether it waits for an answer.
type conn struct {
	net.Conn
	l     *Listener
	used  atomic.Int64 // nanoseconds since 1970
	asked atomic.Bool  // something was read since the last write
}

func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.used.Store(time.Now().UnixNano())
		if !c.asked.Load() {
			c.asked.Store(true)
		}
	}
	return n, err
}

func (c *conn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.used.Store(time.Now().UnixNano())
	c.asked.Store(false)
	return n, err
}

func (c *conn) Close() error {
	c.l.mu.Lock()
	delete(c.l.open, c)
	c.l.mu.Unlock()
	return c.Conn.Close()
}

// CloseWrite lets a server end an answer while the client still sends.
func (c *conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return os.ErrInvalid
}
