package sim

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/klauspost/compress/gzip"
	"golang.org/x/sync/errgroup"

	"github.com/touchstone-cdp/touchstone"
)

// LoadOptions say where a history is sent to.
type LoadOptions struct {
	Server      string            // base URL
	Keys        map[string]string // source name, see Sources → write key
	Batch       int               // events per request; 0 is 400
	Connections int               // 0 is 8
	Gzip        bool              // compress requests
	RetryFor    time.Duration     // how long to bear with a server that does not answer; 0 is 1 minute
	Client      *http.Client      // nil is a client of its own
	Progress    func(LoadProgress)
}

// LoadProgress is how far a load is. It is reported some times a second.
type LoadProgress struct {
	Events int64     // acknowledged
	Time   time.Time // the history's present
	Share  float64   // of the history's time that has passed, 0 … 1
}

// LoadResult is what was sent.
type LoadResult struct {
	Events   int64   `json:"events"` // acknowledged: on the server's disk
	Requests int64   `json:"requests"`
	Retries  int64   `json:"retries"`
	Bytes    int64   `json:"bytes"` // of JSON
	Seconds  float64 `json:"seconds"`
}

func (o LoadOptions) withDefaults() (LoadOptions, error) {
	for _, s := range Sources() {
		if o.Keys[s.Name] == "" {
			return o, touchstone.Errorf(touchstone.Invalid, "the source %s has no write key", s.Name)
		}
	}
	if o.Batch <= 0 {
		o.Batch = 400
	}
	if o.Connections <= 0 {
		o.Connections = 8
	}
	if o.RetryFor <= 0 {
		o.RetryFor = time.Minute
	}
	if o.Progress == nil {
		o.Progress = func(LoadProgress) {}
	}
	if o.Client == nil {
		o.Client = &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: o.Connections, MaxConnsPerHost: o.Connections}}
	}
	return o, nil
}

// Load sends a world's history to a server over HTTP, as fast as it is taken. What one
// household does goes over one connection, so that it arrives in the order of time.
func Load(ctx context.Context, w *World, options LoadOptions) (LoadResult, error) {
	o, err := options.withDefaults()
	if err != nil {
		return LoadResult{}, err
	}
	began := time.Now()
	l := &loader{LoadOptions: o}
	group, ctx := errgroup.WithContext(ctx)
	lanes := make([]*lane, o.Connections)
	for i := range lanes {
		lanes[i] = &lane{loader: l, queue: make(chan request, 4), open: make(map[string]*batch)}
		group.Go(func() error { return lanes[i].send(ctx) })
	}
	group.Go(func() error {
		defer func() {
			for _, lane := range lanes {
				close(lane.queue)
			}
		}()
		return l.fill(ctx, w, lanes)
	})
	err = group.Wait()
	if err == nil {
		o.Progress(LoadProgress{Events: l.events.Load(), Time: w.cfg.End, Share: 1})
	}
	return LoadResult{
		Events: l.events.Load(), Requests: l.requests.Load(), Retries: l.retries.Load(), Bytes: l.bytes.Load(), Seconds: time.Since(began).Seconds(),
	}, err
}

// loader is one Load under way.
type loader struct {
	LoadOptions
	events, requests, retries, bytes atomic.Int64
}

// lane is one connection with the batches that it fills.
type lane struct {
	*loader
	queue chan request
	open  map[string]*batch
	order []*batch
}

// batch is the events of one source that wait to be sent together.
type batch struct {
	source string
	body   []byte
	events int
}

// request is a batch that is ready to be sent.
type request struct {
	body   []byte
	events int
}

// maxBatchBytes stays under the tracking API's 500 KB.
const maxBatchBytes = 450 << 10

// fill tells the history into the lanes. Rare sources do not wait for a full batch
// longer than a day of the world.
func (l *loader) fill(ctx context.Context, w *World, lanes []*lane) (err error) {
	midnight := w.start + dayMillis
	reported := time.Now()
	w.tell(func(h *happening) bool {
		if h.at >= midnight {
			midnight += dayMillis
			for _, lane := range lanes {
				if err = lane.flush(ctx); err != nil {
					return false
				}
			}
		}
		who := int(h.person)
		if home := w.people[who].household; home >= 0 {
			who = int(w.households[home].first)
		}
		if err = lanes[who%len(lanes)].add(ctx, &h.Event); err != nil {
			return false
		}
		if h.nr%512 == 0 && time.Since(reported) > 100*time.Millisecond {
			reported = time.Now()
			l.Progress(LoadProgress{Events: l.events.Load(), Time: h.Time, Share: float64(h.at-w.start) / float64(w.end-w.start)})
		}
		return true
	})
	if err != nil {
		return err
	}
	for _, lane := range lanes {
		if err := lane.flush(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (l *lane) add(ctx context.Context, e *touchstone.Event) error {
	b := l.open[e.Source]
	if b == nil {
		b = &batch{source: e.Source}
		l.open[e.Source] = b
		l.order = append(l.order, b)
	}
	if b.events == 0 {
		b.body = append(make([]byte, 0, l.Batch*800), `{"writeKey":"`...)
		b.body = append(b.body, l.Keys[e.Source]...)
		b.body = append(b.body, `","batch":[`...)
	} else {
		b.body = append(b.body, ',')
	}
	b.body = AppendJSON(b.body, e)
	b.events++
	if b.events >= l.Batch || len(b.body) > maxBatchBytes {
		return l.ship(ctx, b)
	}
	return nil
}

func (l *lane) flush(ctx context.Context) error {
	for _, b := range l.order {
		if b.events > 0 {
			if err := l.ship(ctx, b); err != nil {
				return err
			}
		}
	}
	return nil
}

// ship gives a batch to the lane's sender.
func (l *lane) ship(ctx context.Context, b *batch) error {
	r := request{append(b.body, `]}`...), b.events}
	b.body, b.events = nil, 0
	select {
	case l.queue <- r:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// send posts what comes, one request after the other.
func (l *lane) send(ctx context.Context) error {
	for r := range l.queue {
		if err := l.post(ctx, r.body); err != nil {
			return err
		}
		l.events.Add(int64(r.events))
		l.requests.Add(1)
		l.bytes.Add(int64(len(r.body)))
	}
	return nil
}

// post sends a request until it is taken. A repeated event is dropped as a duplicate.
func (l *lane) post(ctx context.Context, body []byte) error {
	encoding := ""
	if l.Gzip {
		var z bytes.Buffer
		w, _ := gzip.NewWriterLevel(&z, gzip.BestSpeed) // the level is valid
		_, _ = w.Write(body)                            // a buffer does not fail
		_ = w.Close()
		body, encoding = z.Bytes(), "gzip"
	}
	deadline := time.Now().Add(l.RetryFor)
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, 5*time.Second) {
		wait, err := l.once(ctx, body, encoding)
		if err == nil || ctx.Err() != nil || wait < 0 || time.Now().After(deadline) {
			return err
		}
		l.retries.Add(1)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(max(pause, wait)):
		}
	}
}

// once sends a request. A negative wait says that it will never be taken.
func (l *lane) once(ctx context.Context, body []byte, encoding string) (wait time.Duration, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(l.Server, "/")+"/v1/batch", bytes.NewReader(body))
	if err != nil {
		return -1, err
	}
	r.Header.Set("Content-Type", "application/json")
	if encoding != "" {
		r.Header.Set("Content-Encoding", encoding)
	}
	answer, err := l.Client.Do(r)
	if err != nil {
		return 0, touchstone.Wrap(touchstone.Unavailable, err, "the server at %s does not answer", l.Server)
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(answer.Body, 64<<10)) // for the message only
	if answer.StatusCode == http.StatusOK {
		return 0, nil
	}
	err = fmt.Errorf("the server answered %s: %s", answer.Status, bytes.TrimSpace(text))
	switch answer.StatusCode {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusBadGateway, http.StatusGatewayTimeout:
		seconds, _ := strconv.Atoi(answer.Header.Get("Retry-After")) // absent is none
		return time.Duration(min(seconds, 10)) * time.Second, err
	}
	return -1, err
}
