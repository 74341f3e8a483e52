package collect

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/collect/sensors"
	"github.com/touchstone-cdp/touchstone/internal/httpapi"
)

// The clients of 神策 send to /sa or /sa.gif, by GET (an image) or POST, and in debug mode
// to /debug. What they send is translated into a batch of the tracking API and goes the
// way of one.

const (
	sensorsCall = "sensors"
	// translatedBytes is by how much a translation may be longer than what was sent: the
	// presets are in it twice.
	translatedBytes = 3
)

var sensorsPaths = []string{"/sa", "/sa.gif", "/debug"}

// pixel is a transparent GIF of one pixel.
var pixel = []byte("GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x01D\x00;")

// sensors handles a call of a 神策 client.
func (c *Collector) sensors(w http.ResponseWriter, r *http.Request) {
	allowSensors(w.Header(), r)
	httpapi.Handler(func(w http.ResponseWriter, r *http.Request) error {
		began := time.Now() // for the histogram only
		err := forSensors(c.acceptSensors(r))
		c.metrics.seconds.Observe(time.Since(began).Seconds())
		if err != nil {
			c.metrics.answered(sensorsCall, httpapi.Status(touchstone.KindOf(err)))
			return err
		}
		c.metrics.answered(sensorsCall, http.StatusOK)
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		if r.Method == http.MethodGet && r.URL.Path != "/debug" {
			h.Set("Content-Type", "image/gif")
			_, err = w.Write(pixel)
			return err
		}
		h["Content-Type"] = jsonType
		_, err = w.Write([]byte("{}"))
		return err
	}, httpapi.WithLogger(c.log))(w, r)
}

// allowSensors lets scripts of any site call. The web SDK asks for credentials, which a
// browser allows for a named origin only; no cookie is ever looked at.
func allowSensors(h http.Header, r *http.Request) {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Allow-Credentials", "true")
	h.Add("Vary", "Origin")
	h["Access-Control-Expose-Headers"] = exposed
}

func sensorsPreflight(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	allowSensors(h, r)
	h.Set("Access-Control-Allow-Methods", "GET, POST, OPTIONS")
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, Content-Encoding, Dry-Run, X-Requested-With, X-Request-Id")
	h.Set("Access-Control-Max-Age", "86400")
	w.WriteHeader(http.StatusNoContent)
}

// forSensors turns an error into one that makes 神策's clients do the right thing. Those
// on phones delete what they have sent unless the answer is 403, 404 or 5xx; so a wrong
// key, which somebody will mend, and a rate limit must be among these.
func forSensors(err error) error {
	var e *touchstone.Error
	if !errors.As(err, &e) {
		return err
	}
	kinds := map[touchstone.ErrorKind]touchstone.ErrorKind{touchstone.Unauthenticated: touchstone.Forbidden, touchstone.RateLimited: touchstone.Unavailable}
	kind, ok := kinds[e.Kind]
	if !ok {
		return err
	}
	other := *e
	other.Kind = kind
	return &other
}

func (c *Collector) acceptSensors(r *http.Request) error {
	held := lease{budget: &c.unknown}
	defer held.end()
	o := c.outboxes.Get().(*outbox)
	defer c.putOutbox(o)
	d, items, err := c.readSensors(r, o, &held)
	if err != nil || d == nil {
		return err
	}
	held.end() // while items and log are written only the frames are needed
	held.budget = &c.memory
	held.resize(o.size())
	if err := c.items.write(r.Context(), d.source.ID, items); err != nil {
		return err
	}
	return c.store(r.Context(), o, d)
}

// readSensors reads, translates, checks and encodes a call. It returns nothing for a call
// that is not to be kept.
func (c *Collector) readSensors(r *http.Request, o *outbox, held *lease) (*delivery, []sensors.Item, error) {
	address, err := sensors.ReadFields(r.URL.RawQuery, nil)
	if err != nil {
		return nil, nil, err
	}
	src, err := c.sensorsSource(r, &address)
	if err != nil {
		return nil, nil, err
	}
	if src != nil { // the address or a header named it: refuse before reading
		held.budget = &c.memory
		if err := c.allow(src, 0); err != nil {
			return nil, nil, err
		}
	}
	x := c.exchanges.Get().(*exchange)
	defer c.release(x)
	batch, err := c.translate(x, r, held, &src)
	if err != nil {
		return nil, nil, err
	}
	if err := c.allow(src, len(batch.Events)); err != nil {
		return nil, nil, err
	}
	began := time.Now()
	defer func() { c.metrics.parse.Add(time.Since(began).Seconds()) }()
	limits := scanLimits{events: c.cfg.MaxBatchEvents, eventBytes: translatedBytes * c.cfg.MaxEventBytes}
	if !x.scanner.scan(batch.Text, true, limits) {
		return nil, nil, malformed(&x.scanner, true)
	}
	c.metrics.mended.Add(float64(x.scanner.mended))
	from := c.origin(r, src, 0)
	if src.onDevice && r.Method == http.MethodGet { // the image of a page: browsers ask for it without an Origin
		from.ip, from.userAgent = clientIP(r, c.cfg.TrustedProxies), r.Header.Get("User-Agent")
	}
	rejected, first := c.encodeTranslated(x, o, batch, from)
	if r.URL.Path == "/debug" {
		if first != "" {
			_, detail := SplitReason(first)
			return nil, nil, touchstone.Errorf(touchstone.Invalid, "An event is refused, and nothing of the call was kept: %s.", detail)
		}
		if strings.EqualFold(r.Header.Get("Dry-Run"), "true") {
			return nil, nil, nil
		}
	}
	return &delivery{src, from.received, len(x.scanner.events), rejected}, itemsOf(batch), nil
}

// sensorsSource finds the source of a call by its headers, by token, or by project: one
// that the configuration gives to a source, or one that is a write key itself. It
// returns nil when nothing names one.
func (c *Collector) sensorsSource(r *http.Request, f *sensors.Fields) (*knownSource, error) {
	if src, err := c.authenticate(r); src != nil || err != nil {
		return src, err
	}
	if f.Token == "" && f.Project != "" {
		if name, ok := c.cfg.SensorsProjects[f.Project]; ok {
			return c.sources.named(r.Context(), name)
		}
	}
	if key := cmp.Or(f.Token, f.Project); key != "" {
		return c.resolve(r.Context(), key)
	}
	return nil, nil
}

// translate reads the body, or the address, and makes a batch of it. src is filled when
// only the body names the source.
func (c *Collector) translate(x *exchange, r *http.Request, held *lease, src **knownSource) (*sensors.Batch, error) {
	x.body = x.body[:0]
	if r.Method != http.MethodGet {
		body, err := c.bodies.await(r)
		if err != nil {
			return nil, err
		}
		if err := c.fill(x, body, held); err != nil {
			return nil, err
		}
	}
	f, err := sensors.ReadFields(r.URL.RawQuery, x.body)
	if err != nil {
		return nil, err
	}
	if *src == nil {
		if *src, err = c.sensorsSource(r, &f); err != nil {
			return nil, err
		}
	}
	if *src == nil {
		c.metrics.auth.WithLabelValues("missing").Inc()
		return nil, touchstone.Errorf(touchstone.Unauthenticated, "There is no valid write key.").
			WithHint("Add it to the address of the SDK: /sa?token=WRITE_KEY.")
	}
	if f.Empty() {
		return nil, touchstone.Errorf(touchstone.Invalid, "There is no data: the parameter data or data_list was expected.")
	}
	if x.packed, err = f.Unpack(x.packed[:0]); err != nil {
		return nil, err
	}
	payload := x.packed
	others := cap(x.body) + cap(x.packed)
	if sensors.Packed(payload) {
		if payload, err = c.bodies.gunzip(nil, x.packed, held); err != nil {
			return nil, c.bodies.explain(err, "gzip")
		}
		others += cap(payload)
	}
	c.metrics.unpacked.Add(float64(len(payload)))
	if len(payload) > c.cfg.MaxBatchBytes {
		return nil, touchstone.Errorf(touchstone.Invalid, "The data has %d bytes; at most %d are accepted.", len(payload), c.cfg.MaxBatchBytes).WithHint("Send smaller batches.")
	}
	if !held.resize(others + translatedBytes*len(payload)) {
		return nil, c.bodies.explain(errBusy, "")
	}
	return sensors.Translate(payload, nil, c.clock.Now().UnixMilli(), sensors.Limits{Events: c.cfg.MaxBatchEvents, EventBytes: c.cfg.MaxEventBytes})
}

// encodeTranslated is encode for events that were sent in another form, which is the one
// that quarantine keeps. It returns the reason of the first that was refused.
func (c *Collector) encodeTranslated(x *exchange, o *outbox, batch *sensors.Batch, from origin) (rejected map[string]int, first string) {
	b := &x.builder
	b.start(&x.scanner, true, from)
	defer func() { b.translated = nil }()
	show := c.feed.room(from.received, len(x.scanner.events))
	i := 0
	for at := range batch.Events {
		sent := &batch.Events[at]
		if sent.Item != nil {
			continue
		}
		b.translated = sent
		if code := b.build(&x.scanner.events[i], &x.event); code != "" {
			if rejected == nil {
				rejected = make(map[string]int)
			}
			rejected[code]++
			first = cmp.Or(first, strings.Clone(x.event.Reason))
		}
		c.put(o, &x.event)
		if i < show {
			o.shown = append(o.shown, string(o.frame))
		}
		i++
	}
	c.metrics.add(&b.tally)
	return rejected, first
}

func itemsOf(batch *sensors.Batch) (items []sensors.Item) {
	for i := range batch.Events {
		if item := batch.Events[i].Item; item != nil {
			items = append(items, *item)
		}
	}
	return items
}

// retranslate makes the body of a replay out of an event that was sent in 神策's form.
func retranslate(event []byte, received int64, limits scanLimits) (*sensors.Batch, error) {
	return sensors.Translate(event, nil, received, sensors.Limits{Events: 1, EventBytes: limits.eventBytes})
}

// named returns a source by its name.
func (s *Sources) named(ctx context.Context, name string) (*knownSource, error) {
	for _, src := range s.known.Load().byID {
		if src.Name == name {
			return s.resolve(ctx, src.WriteKey)
		}
	}
	return nil, touchstone.Errorf(touchstone.Unauthenticated, "There is no source %q, which collect.sensors_projects names.", name)
}
