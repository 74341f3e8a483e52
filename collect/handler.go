package collect

import (
	"context"
	"encoding/base64"
	"fmt"
	"math"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/go-chi/chi/v5"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/httpapi"
	"github.com/touchstone-cdp/touchstone/stream"
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
}

func callName(t touchstone.EventType) string {
	if t == 0 {
		return batchCall
	}
	return t.String()
}

func callNames() []string {
	names := []string{batchCall}
	for t := touchstone.Track; t <= touchstone.Alias; t++ {
		names = append(names, t.String())
	}
	return names
}

// Routes adds the tracking API to a router.
func (c *Collector) Routes(r chi.Router) {
	for _, route := range routes {
		h := c.tracking(route.call)
		r.Post(route.path, h)
		r.Options(route.path, preflight)
	}
	r.Post("/v1/m", c.beacon)
	r.Options("/v1/m", preflight)
	r.Get("/v1/projects/{writeKey}/settings", c.settings)
	r.Options("/v1/projects/{writeKey}/settings", preflight)
}

var (
	anyOrigin     = []string{"*"}
	exposed       = []string{"Retry-After, X-RateLimit-Reset, X-Request-Id"}
	jsonType      = []string{"application/json"}
	noStore       = []string{"no-store"}
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
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, Content-Encoding, X-Requested-With, X-Request-Id, X-Retry-Count")
	h.Set("Access-Control-Max-Age", "86400")
	w.WriteHeader(http.StatusNoContent)
}

// tracking handles one call of the API.
func (c *Collector) tracking(call touchstone.EventType) http.HandlerFunc {
	name := callName(call)
	handle := httpapi.Handler(func(w http.ResponseWriter, r *http.Request) error {
		began := time.Now() // for the histogram only; events get the Clock's time
		allowOrigin(w.Header())
		x := c.exchanges.Get().(*exchange)
		defer c.release(x)
		err := c.accept(x, r, call)
		c.metrics.seconds.Observe(time.Since(began).Seconds())
		if err != nil {
			c.metrics.answered(name, httpapi.Status(touchstone.KindOf(err)))
			return err
		}
		c.metrics.answered(name, http.StatusOK)
		h := w.Header()
		h["Content-Type"] = jsonType
		h["Cache-Control"] = noStore
		h["Content-Length"] = successLength
		w.WriteHeader(http.StatusOK)
		w.Write(successBody)
		return nil
	}, httpapi.WithLogger(c.log))
	return handle
}

// exchange is the memory of one request, reused by later ones.
type exchange struct {
	body    []byte
	scanner scanner
	builder builder
	event   touchstone.Event
	frame   []byte // of one event
	parts   []part
	full    []fullPart // parts of more than one record
	shown   []string   // frames for the live feed
}

// part collects the frames for one partition.
type part struct {
	frames []byte
	count  int
}

type fullPart struct {
	partition int
	part
}

// size is how many bytes of frames wait.
func (x *exchange) size() int {
	n := 0
	for i := range x.parts {
		n += len(x.parts[i].frames)
	}
	for i := range x.full {
		n += len(x.full[i].frames)
	}
	return n
}

func (c *Collector) newExchange() *exchange {
	return &exchange{
		parts: make([]part, c.partitions),
		builder: builder{kinds: c.cfg.Kinds, limits: eventLimits{
			contextBytes: c.cfg.MaxEventBytes, nameBytes: c.cfg.MaxNameBytes, idBytes: c.cfg.MaxIDBytes, identifiers: c.cfg.MaxIdentifiers,
			maxAge: c.cfg.MaxAge, maxFuture: c.cfg.MaxFuture,
		}},
	}
}

// release gives an exchange back, but for one that a rare large request has made big.
func (c *Collector) release(x *exchange) {
	size := cap(x.body) + cap(x.builder.arena) + cap(x.frame)
	for i := range x.parts {
		size += cap(x.parts[i].frames)
		x.parts[i] = part{frames: x.parts[i].frames[:0]}
	}
	if size > 4<<20 || cap(x.scanner.events) > 10_000 {
		return
	}
	x.body, x.scanner.buf, x.builder.body = x.body[:0], nil, nil
	x.event, x.full, x.shown = touchstone.Event{}, nil, x.shown[:0]
	clear(x.builder.ids)
	c.exchanges.Put(x)
}

// accept takes one request: who sends, what it says, into the log.
func (c *Collector) accept(x *exchange, r *http.Request, call touchstone.EventType) error {
	src, err := c.authenticate(r)
	if err != nil {
		return err
	}
	if src != nil { // the key came with the headers: refuse before reading
		if err := c.allow(src, 0); err != nil {
			return err
		}
	}
	var wire int64
	x.body, wire, err = readBody(x.body[:0], r, c.cfg.HardBodyBytes)
	c.metrics.received.Add(float64(wire))
	if err != nil {
		return err
	}
	c.metrics.unpacked.Add(float64(len(x.body)))
	if len(x.body) > c.cfg.MaxBatchBytes {
		return touchstone.Errorf(touchstone.Invalid, "The body has %d bytes; at most %d are accepted.", len(x.body), c.cfg.MaxBatchBytes).
			WithHint("Send smaller batches.")
	}
	began := time.Now()
	limits := scanLimits{events: c.cfg.MaxBatchEvents, eventBytes: c.cfg.MaxEventBytes}
	if !x.scanner.scan(x.body, call == 0, limits) {
		return malformed(&x.scanner, call == 0)
	}
	c.metrics.mended.Add(float64(x.scanner.mended))
	if src == nil {
		if src, err = c.sourceOfBody(r.Context(), x, call == 0); err != nil {
			return err
		}
	}
	if b := x.scanner.envelope.fields[fBatch]; call == 0 && b.kind != isArray {
		return touchstone.Errorf(touchstone.Invalid, "batch is %s, not an array of events.", b.kind)
	}
	if err := c.allow(src, len(x.scanner.events)); err != nil {
		return err
	}
	if err := c.sharedContext(&x.scanner); err != nil {
		return err
	}
	rejected := c.encode(x, call == 0, c.origin(r, src, call))
	c.metrics.parse.Add(time.Since(began).Seconds())
	return c.store(r.Context(), x, src, rejected)
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

// encode builds all events of a scanned request and puts their frames into x.parts.
func (c *Collector) encode(x *exchange, batch bool, from origin) (rejected map[string]int) {
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
		c.put(x, &x.event)
		if i < show {
			x.shown = append(x.shown, string(x.frame))
		}
	}
	c.metrics.add(&b.tally)
	return rejected
}

// put encodes an event into the part of its partition.
func (c *Collector) put(x *exchange, e *touchstone.Event) {
	x.frame = touchstone.AppendEvent(x.frame[:0], e)
	i := c.partition(e)
	p := &x.parts[i]
	if len(p.frames) > 0 && len(p.frames)+len(x.frame) > bytesPerAppend { // more than one record takes
		x.full = append(x.full, fullPart{i, *p})
		*p = part{}
	}
	p.frames = stream.AppendFrame(p.frames, x.frame)
	p.count++
}

// partition keeps the events of one person together as far as the edge can see, so that
// they are worked on in order.
func (c *Collector) partition(e *touchstone.Event) int {
	if c.partitions == 1 || len(e.Identifiers) == 0 {
		return 0
	}
	h := xxhash.Sum64String(e.Identifiers[0].Value) + uint64(len(e.Identifiers[0].Kind))
	return int(h % uint64(c.partitions))
}

// appendParts makes what put has collected durable, and empties it.
func (c *Collector) appendParts(ctx context.Context, x *exchange) error {
	// A client that hangs up must not leave its events half-stored.
	ctx = context.WithoutCancel(ctx)
	for _, f := range x.full {
		if err := c.appendPart(ctx, f.partition, &f.part); err != nil {
			return err
		}
	}
	x.full = nil
	for i := range x.parts {
		if err := c.appendPart(ctx, i, &x.parts[i]); err != nil {
			return err
		}
	}
	return nil
}

func (c *Collector) appendPart(ctx context.Context, partition int, p *part) error {
	if p.count == 0 {
		return nil
	}
	_, err := c.cfg.Log.Append(ctx, partition, p.frames, p.count)
	if err != nil {
		c.metrics.appendErrors.Inc()
		c.warnOfAppend(err)
		if touchstone.KindOf(err) == touchstone.Internal {
			return touchstone.Wrap(touchstone.Unavailable, err, "The events could not be stored.").WithHint("Send them again.")
		}
		return err
	}
	p.frames, p.count = p.frames[:0], 0
	return nil
}

// warnOfAppend logs that the log refuses events, not once per request.
func (c *Collector) warnOfAppend(err error) {
	now := c.clock.Now().Unix()
	if last := c.warned.Load(); now-last >= 10 && c.warned.CompareAndSwap(last, now) {
		c.log.Warn("collect: the log does not take events; clients are told to come back", "error", err)
	}
}

// store appends what was encoded and counts it once it is durable.
func (c *Collector) store(ctx context.Context, x *exchange, src *knownSource, rejected map[string]int) error {
	total := len(x.scanner.events)
	if total == 0 {
		return nil
	}
	if err := c.appendParts(ctx, x); err != nil {
		return err
	}
	bad := 0
	for code, n := range rejected {
		c.metrics.rejected.WithLabelValues(code).Add(float64(n))
		bad += n
	}
	c.metrics.accepted.Add(float64(total - bad))
	src.counts.accepted.Add(int64(total - bad))
	src.counts.quarantined.Add(int64(bad))
	src.counts.last.Store(x.builder.from.received)
	c.feed.publish(x.builder.from.received, total, x.shown)
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
		WithHint("Send it as Basic user name with an empty password, as Bearer token, or as writeKey in the body.")
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

// origin notes what the connection tells about the events.
func (c *Collector) origin(r *http.Request, src *knownSource, call touchstone.EventType) origin {
	from := origin{call: call, source: src.ID, received: c.clock.Now().UnixMilli()}
	if src.onPhone {
		from.ip = clientIP(r, c.cfg.TrustedProxies)
		if r.Header.Get("Origin") != "" || src.Kind == "web" {
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
