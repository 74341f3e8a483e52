package collect

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/httpapi"
)

// batchCall is the name of the calls that carry many events.
const batchCall = "batch"

// routes of the tracking API. The one-letter names are what analytics.js and the mobile
// libraries use; import is the batch of older libraries.
var routes = []struct {
	path string
	call touchstone.EventType // 0: batch
}{
	{"/v1/track", touchstone.Track}, {"/v1/t", touchstone.Track},
	{"/v1/identify", touchstone.Identify}, {"/v1/i", touchstone.Identify},
	{"/v1/page", touchstone.Page}, {"/v1/p", touchstone.Page},
	{"/v1/screen", touchstone.Screen}, {"/v1/s", touchstone.Screen},
	{"/v1/group", touchstone.Group}, {"/v1/g", touchstone.Group},
	{"/v1/alias", touchstone.Alias}, {"/v1/a", touchstone.Alias},
	{"/v1/batch", 0}, {"/v1/b", 0}, {"/v1/import", 0},
	{"/beacon/v1/batch", 0}, // RudderStack's sendBeacon; the write key is in the address
}

func callName(t touchstone.EventType) string {
	if t == 0 {
		return batchCall
	}
	return t.String()
}

func callNames() []string {
	names := []string{batchCall, sensorsCall}
	for t := touchstone.Track; t <= touchstone.Alias; t++ {
		names = append(names, t.String())
	}
	return names
}

// Posts returns the handlers of the calls by path. They keep nothing of a request, and
// its context may outlive the client.
func (c *Collector) Posts() map[string]http.Handler {
	posts := make(map[string]http.Handler, len(routes))
	for _, route := range routes {
		posts[route.path] = c.tracking(route.call)
	}
	return posts
}

// Routes adds the tracking API to a router.
func (c *Collector) Routes(r chi.Router) {
	for path, h := range c.Posts() {
		r.Method(http.MethodPost, path, h)
		r.Options(path, preflight)
	}
	for _, path := range sensorsPaths {
		r.Get(path, c.sensors)
		r.Post(path, c.sensors)
		r.Options(path, sensorsPreflight)
	}
	for _, path := range []string{"/sourceConfig", "/sourceConfig/"} {
		r.Get(path, c.sourceConfig)
		r.Options(path, preflight)
	}
	r.Get("/sdk/touchstone-miniprogram.js", miniProgramSDK)
	r.Post("/v1/m", c.beacon)
	r.Options("/v1/m", preflight)
	r.Get("/v1/projects/{writeKey}/settings", c.settings)
	r.Options("/v1/projects/{writeKey}/settings", preflight)
}

var (
	anyOrigin     = []string{"*"}
	exposed       = []string{"Retry-After, X-RateLimit-Reset, X-Request-Id"}
	jsonType      = []string{"application/json"}
	successBody   = []byte(`{"success":true}`)
	successLength = []string{fmt.Sprint(len(successBody))}
)

// allowOrigin lets scripts of any site read the answer. No cookie is ever looked at.
func allowOrigin(h http.Header) {
	h["Access-Control-Allow-Origin"] = anyOrigin
	h["Access-Control-Expose-Headers"] = exposed
}

func preflight(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	allowOrigin(h)
	h.Set("Access-Control-Allow-Methods", "GET, POST, OPTIONS")
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, Content-Encoding, X-Requested-With, X-Request-Id, X-Retry-Count, AnonymousId, SentAt")
	h.Set("Access-Control-Max-Age", "86400")
	w.WriteHeader(http.StatusNoContent)
}

// tracking handles one call of the API.
func (c *Collector) tracking(call touchstone.EventType) http.HandlerFunc {
	name := callName(call)
	handle := httpapi.Handler(func(w http.ResponseWriter, r *http.Request) error {
		began := time.Now() // for the histogram only; events get the Clock's time
		if fromBrowser(r) { // servers have no use for these headers
			allowOrigin(w.Header())
		}
		err := c.accept(r, call)
		c.metrics.seconds.Observe(time.Since(began).Seconds())
		if err != nil {
			c.metrics.answered(name, httpapi.Status(touchstone.KindOf(err)))
			return err
		}
		c.metrics.answered(name, http.StatusOK)
		h := w.Header()
		h["Content-Type"] = jsonType
		h["Content-Length"] = successLength
		w.WriteHeader(http.StatusOK)
		w.Write(successBody)
		return nil
	}, httpapi.WithLogger(c.log))
	return handle
}

// delivery is what a request brought, encoded.
type delivery struct {
	source   *knownSource
	received int64
	events   int
	rejected map[string]int // by code
}

// admit is what every call goes through before its body is read. src is the source that
// its head names, nil if the key is to come in the body. A sender over its rate is refused
// unread, and until the body's first byte has come, the request holds nothing but its
// connection; then it may take of the memory for senders that are known, or for others.
func (c *Collector) admit(r *http.Request, src *knownSource) (*arriving, lease, error) {
	held := lease{budget: &c.unknown}
	if src != nil {
		held.budget = &c.memory
		if err := c.allow(src, 0); err != nil {
			return nil, held, err
		}
	}
	body, err := c.bodies.await(r)
	return body, held, err
}

// accept takes one request: who sends, what it says, into the log.
func (c *Collector) accept(r *http.Request, call touchstone.EventType) error {
	src, err := c.authenticate(r)
	if err != nil {
		return err
	}
	body, held, err := c.admit(r, src)
	if err != nil {
		return err
	}
	defer held.end()
	o := c.outboxes.Get().(*outbox)
	defer c.putOutbox(o)
	d, err := c.read(r, src, body, call, o, &held)
	if err != nil {
		return err
	}
	// While the log syncs, only the frames are needed, and the sender is known.
	held.end()
	held.budget = &c.memory
	held.resize(o.size())
	return c.store(r.Context(), o, d)
}

// fill reads a body into x and counts what came.
func (c *Collector) fill(x *exchange, body *arriving, held *lease) error {
	wire, err := c.bodies.read(x, body, held)
	c.metrics.received.Add(float64(wire))
	if errors.Is(err, errBusy) {
		c.metrics.busy.Inc()
	}
	return err
}

// read reads, checks and encodes a request. src is nil when the key is in the body.
func (c *Collector) read(r *http.Request, src *knownSource, body *arriving, call touchstone.EventType, o *outbox, held *lease) (*delivery, error) {
	x := c.exchanges.Get().(*exchange)
	defer c.release(x)
	if err := c.fill(x, body, held); err != nil {
		return nil, err
	}
	c.metrics.unpacked.Add(float64(len(x.body)))
	if len(x.body) > c.cfg.MaxBatchBytes {
		return nil, touchstone.Errorf(touchstone.Invalid, "The body has %d bytes; at most %d are accepted.", len(x.body), c.cfg.MaxBatchBytes).
			WithHint("Send smaller batches.")
	}
	began := time.Now()
	defer func() { c.metrics.parse.Add(time.Since(began).Seconds()) }()
	limits := scanLimits{events: c.cfg.MaxBatchEvents, eventBytes: c.cfg.MaxEventBytes}
	if !x.scanner.scan(x.body, call == 0, limits) {
		return nil, malformed(&x.scanner, call == 0)
	}
	c.metrics.mended.Add(float64(x.scanner.mended))
	if src == nil {
		var err error
		if src, err = c.sourceOfBody(r.Context(), x, call == 0); err != nil {
			return nil, err
		}
	}
	if b := x.scanner.envelope.fields[fBatch]; call == 0 && b.kind != isArray {
		return nil, touchstone.Errorf(touchstone.Invalid, "batch is %s, not an array of events.", b.kind)
	}
	if err := c.allow(src, len(x.scanner.events)); err != nil {
		return nil, err
	}
	if err := c.sharedContext(&x.scanner); err != nil {
		return nil, err
	}
	from := c.origin(r, src, call)
	rejected := c.encode(x, o, call == 0, from)
	if call != 0 && rejected[CodeRefused] > 0 { // its sender can be told, a batch's neighbours must not suffer
		c.metrics.rejected.WithLabelValues(CodeRefused).Inc()
		_, why := SplitReason(x.event.Reason)
		return nil, touchstone.Errorf(touchstone.Invalid, "The event breaks the tracking plan of its source: %s.", strings.Clone(why)).
			WithHint("Send it as the plan has it, or ask who keeps the plan to change it.")
	}
	return &delivery{src, from.received, len(x.scanner.events), rejected}, nil
}

// sharedContext refuses a batch whose context would make it many times larger when each
// event gets its copy.
func (c *Collector) sharedContext(s *scanner) error {
	shared := s.envelope.fields[fContext]
	if n := int(shared.end-shared.start) * len(s.events); n > 4*c.cfg.MaxBatchBytes {
		return touchstone.Errorf(touchstone.Invalid, "The context of the batch is too large for %d events: each gets a copy.", len(s.events)).
			WithHint("Put into context only what every event needs.")
	}
	return nil
}

// encode builds all events of a scanned request and puts them into the outbox.
func (c *Collector) encode(x *exchange, o *outbox, batch bool, from origin) (rejected map[string]int) {
	b := &x.builder
	b.start(&x.scanner, batch, from)
	show := c.feed.room(from.received, len(x.scanner.events))
	for i := range x.scanner.events {
		if code := b.build(&x.scanner.events[i], &x.event); code != "" {
			if rejected == nil {
				rejected = make(map[string]int)
			}
			rejected[code]++
		}
		c.put(o, &x.event)
		if i < show {
			o.shown = append(o.shown, string(o.frame))
		}
	}
	c.metrics.add(&b.tally)
	return rejected
}

// store appends what was encoded and counts it once it is durable.
func (c *Collector) store(ctx context.Context, o *outbox, d *delivery) error {
	if d.events == 0 {
		return nil
	}
	if err := c.append(ctx, o); err != nil {
		return err
	}
	bad := 0
	for code, n := range d.rejected {
		c.metrics.rejected.WithLabelValues(code).Add(float64(n))
		bad += n
	}
	c.metrics.accepted.Add(float64(d.events - bad))
	d.source.counts.accepted.Add(int64(d.events - bad))
	d.source.counts.quarantined.Add(int64(bad))
	d.source.counts.last.Store(d.received)
	c.feed.publish(d.received, d.events, o.shown)
	return nil
}

// authenticate finds the source by the request's headers; nil when they name none.
func (c *Collector) authenticate(r *http.Request) (*knownSource, error) {
	scheme, credential, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	var key string
	switch {
	case strings.EqualFold(scheme, "Basic"):
		plain, err := base64.StdEncoding.DecodeString(strings.TrimSpace(credential))
		if err != nil {
			c.metrics.auth.WithLabelValues("malformed").Inc()
			return nil, touchstone.Errorf(touchstone.Unauthenticated, "The Authorization header is not valid: Basic wants the base64 of \"writeKey:\".")
		}
		key, _, _ = strings.Cut(string(plain), ":")
	case strings.EqualFold(scheme, "Bearer"):
		key = strings.TrimSpace(credential)
		// An OAuth token stands beside a writeKey in the body, which is what counts.
		if src, err := c.sources.resolve(r.Context(), key); err == nil {
			return src, nil
		}
		return nil, nil
	}
	if key == "" && r.URL.RawQuery != "" { // where nobody can set a header
		key = r.URL.Query().Get("writeKey")
	}
	if key == "" {
		return nil, nil
	}
	return c.resolve(r.Context(), key)
}

func (c *Collector) resolve(ctx context.Context, key string) (*knownSource, error) {
	src, err := c.sources.resolve(ctx, key)
	if err != nil {
		c.metrics.auth.WithLabelValues("refused").Inc()
	}
	return src, err
}

// sourceOfBody finds the source by the writeKey field.
func (c *Collector) sourceOfBody(ctx context.Context, x *exchange, batch bool) (*knownSource, error) {
	raw := &x.scanner.envelope
	if !batch {
		raw = &x.scanner.events[0]
	}
	x.builder.body = x.scanner.buf
	if s := raw.fields[fWriteKey]; s.kind == isString && s.start < s.end {
		return c.resolve(ctx, x.builder.text(s))
	}
	c.metrics.auth.WithLabelValues("missing").Inc()
	return nil, touchstone.Errorf(touchstone.Unauthenticated, "There is no valid write key.").
		WithHint("Send it as Basic user name with an empty password, as Bearer token, or as writeKey in the body or the address.")
}

// allow applies the rate limit of a source to n events; 0 asks whether one could come.
func (c *Collector) allow(src *knownSource, n int) error {
	if src.limiter == nil {
		return nil
	}
	now := c.clock.Now()
	wait := time.Duration(0)
	if n == 0 {
		if missing := 1 - src.limiter.TokensAt(now); missing > 0 {
			wait = time.Duration(missing / float64(src.limiter.Limit()) * float64(time.Second))
		}
	} else if r := src.limiter.ReserveN(now, n); !r.OK() {
		wait = time.Second
	} else if wait = r.DelayFrom(now); wait > 0 {
		r.CancelAt(now)
	}
	if wait <= 0 {
		return nil
	}
	c.metrics.limited.WithLabelValues(src.ID).Inc()
	return &touchstone.Error{
		Kind: touchstone.RateLimited, Message: fmt.Sprintf("The source %q sends more than %g events per second.", src.Name, src.RateLimit),
		Hint: "Wait as long as Retry-After says.", RetryAfter: min(wait, math.MaxInt32*time.Second),
	}
}

// fromBrowser tells whether a page sent a POST: it sends Origin with each, which a server
// does not.
func fromBrowser(r *http.Request) bool { return r.Header.Get("Origin") != "" }

// origin notes what the connection tells about the events.
func (c *Collector) origin(r *http.Request, src *knownSource, call touchstone.EventType) origin {
	from := origin{call: call, source: src.ID, received: c.clock.Now().UnixMilli()}
	if c.cfg.Forgotten != nil {
		from.forgotten = c.cfg.Forgotten(src.ID)
	}
	if c.cfg.Refuses != nil {
		from.refuses = c.cfg.Refuses(r.Context(), src.ID)
	}
	browser := fromBrowser(r)
	if src.onDevice && (browser || src.Kind != "web") {
		from.ip = clientIP(r, c.cfg.TrustedProxies)
		if browser {
			from.userAgent = r.Header.Get("User-Agent")
		}
	}
	return from
}

// clientIP returns the address that the request came from: the last one in
// X-Forwarded-For that is not a trusted proxy, or the connection's.
func clientIP(r *http.Request, trusted []netip.Prefix) string {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	addr := peer.Addr().Unmap().WithZone("")
	if !isTrusted(addr, trusted) {
		return addr.String()
	}
	list := r.Header.Values("X-Forwarded-For")
	for i := len(list) - 1; i >= 0; i-- {
		rest := list[i]
		for rest != "" {
			if !isTrusted(addr, trusted) {
				return addr.String()
			}
			var last string
			if cut := strings.LastIndexByte(rest, ','); cut >= 0 {
				rest, last = rest[:cut], rest[cut+1:]
			} else {
				rest, last = "", rest
			}
			next, err := netip.ParseAddr(strings.TrimSpace(last))
			if err != nil {
				return addr.String()
			}
			addr = next.Unmap().WithZone("")
		}
	}
	return addr.String()
}

// trustedPeer tells whether the connection comes from a trusted proxy.
func trustedPeer(r *http.Request, trusted []netip.Prefix) bool {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && isTrusted(peer.Addr().Unmap().WithZone(""), trusted)
}

func isTrusted(a netip.Addr, trusted []netip.Prefix) bool {
	for _, p := range trusted {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// locatedError is an error that knows its place in the body.
type locatedError struct {
	err   *touchstone.Error
	where httpapi.Where
}

func (e *locatedError) Error() string         { return e.err.Error() }
func (e *locatedError) Unwrap() error         { return e.err }
func (e *locatedError) Where() *httpapi.Where { return &e.where }

// malformed describes why the scanner stopped: event, field and byte.
func malformed(s *scanner, batch bool) error {
	e := &locatedError{}
	offset := s.err.offset
	e.where.Offset = &offset
	place := fmt.Sprintf("at byte %d", offset)
	start := 0
	if batch && s.cur != &s.envelope && len(s.events) > 0 {
		index := len(s.events) - 1
		e.where.Index = &index
		place = fmt.Sprintf("in event %d of the batch, %s", index, place)
		start = int(s.events[index].all.start)
	}
	if path := pathAt(s.buf, start, offset); path != "" {
		e.where.Field = path
		place += " (" + path + ")"
	}
	what := "The body is not valid JSON"
	if s.err.limit {
		what = "The body is over a limit"
	}
	e.err = touchstone.Errorf(touchstone.Invalid, "%s: %s, %s.", what, s.err.message, place)
	return e
}
