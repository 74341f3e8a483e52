package api

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/httpapi"
	"github.com/touchstone-cdp/touchstone/internal/live"
)

const (
	liveRecent    = 50 // values that a new subscriber gets at once
	liveBuffer    = 256
	heartbeat     = 15 * time.Second
	liveWriteTime = 10 * time.Second // a client that takes longer to read has gone
)

// Feeds bounds how many live feeds are open, and ends them all when the server stops.
type Feeds struct {
	slots     chan struct{}
	closing   chan struct{}
	closeOnce sync.Once
	open      prometheus.Gauge
	refused   prometheus.Counter
}

// NewFeeds lets so many feeds be open at a time. reg may be nil.
func NewFeeds(most int, reg prometheus.Registerer) *Feeds {
	f := &Feeds{slots: make(chan struct{}, most), closing: make(chan struct{}),
		open: prometheus.NewGauge(prometheus.GaugeOpts{Name: "touchstone_console_streams_open",
			Help: "Live feeds that are open."}),
		refused: prometheus.NewCounter(prometheus.CounterOpts{Name: "touchstone_console_streams_refused_total",
			Help: "Live feeds refused because too many were open."})}
	if reg != nil {
		reg.MustRegister(f.open, f.refused)
	}
	return f
}

// Close ends all live feeds, so that the HTTP server can shut down.
func (f *Feeds) Close() { f.closeOnce.Do(func() { close(f.closing) }) }

// Len returns how many feeds are open.
func (f *Feeds) Len() int { return len(f.slots) }

// Feed is an open live feed.
type Feed struct {
	events *httpapi.EventStream
	rc     *http.ResponseController
	ctx    context.Context
	leave  func()
}

// Open takes a place among the live feeds and sends the head of the answer. Leave it in the end.
func (f *Feeds) Open(w http.ResponseWriter, r *http.Request) (*Feed, error) {
	select {
	case f.slots <- struct{}{}:
	default:
		f.refused.Inc()
		return nil, &touchstone.Error{Kind: touchstone.Unavailable, RetryAfter: heartbeat,
			Message: "Too many live feeds are open.", Hint: "Close pages of the console that are not needed."}
	}
	ctx, cancel := context.WithCancel(r.Context())
	go func() {
		select {
		case <-f.closing:
			cancel()
		case <-ctx.Done():
		}
	}()
	f.open.Inc()
	one := &Feed{rc: http.NewResponseController(w), ctx: ctx, leave: func() {
		cancel()
		f.open.Dec()
		<-f.slots
	}}
	one.deadline()
	events, err := httpapi.StartEventStream(w)
	if err != nil {
		one.leave()
		return nil, err
	}
	one.events = events
	return one, nil
}

// Context ends with the request, or when the server stops.
func (f *Feed) Context() context.Context { return f.ctx }

// Leave gives the place back.
func (f *Feed) Leave() { f.leave() }

// deadline gives the next write some time, whatever the server's own limit is.
func (f *Feed) deadline() { _ = f.rc.SetWriteDeadline(time.Now().Add(liveWriteTime)) }

// Send writes a value as one message.
func (f *Feed) Send(v any) error {
	text, err := EncodeJSON(v)
	if err != nil {
		return err
	}
	f.deadline()
	return f.events.Send(jsontext.Value(text))
}

func (f *Feed) heartbeat() error {
	f.deadline()
	return f.events.Heartbeat()
}

// Relay sends the values of a hub that keep lets through until the caller has gone or the
// server stops. show makes the message of a value; nil leaves it out.
func Relay[T any](fs *Feeds, w http.ResponseWriter, r *http.Request, hub *live.Hub[T], keep func(T) bool, show func(context.Context, T) any) error {
	f, err := fs.Open(w, r)
	if err != nil {
		return err
	}
	defer f.Leave()
	values, ok := hub.Subscribe(f.ctx, liveRecent, liveBuffer, keep)
	if !ok { // the head is sent; end, and the browser tries again
		fs.refused.Inc()
		return nil
	}
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		select {
		case v, open := <-values:
			if !open {
				return nil
			}
			if message := show(f.ctx, v); message != nil && f.Send(message) != nil {
				return nil
			}
		case <-beat.C:
			if f.heartbeat() != nil {
				return nil
			}
		}
	}
}
