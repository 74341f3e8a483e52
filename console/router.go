package console

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-chi/chi/v5"
	"github.com/klauspost/compress/gzhttp"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/internal/httpapi"
)

const defaultMaxBody = 1 << 20

// Routes adds the API, the documentation, the health checks and the console's pages.
func (c *Console) Routes(r chi.Router) {
	r.Get("/healthz", c.handler(c.getHealth))
	r.Get("/readyz", c.handler(c.getReady))
	r.Get("/openapi.json", c.compressed(c.handler(c.getOpenAPI)))
	r.Get("/docs", c.compressed(c.handler(c.getDocs)))
	r.Mount("/api", c.apiRouter())
	if c.cfg.UI != nil {
		pages := newPages(c.cfg.UI)
		r.Get("/*", pages.ServeHTTP)
		r.Head("/*", pages.ServeHTTP)
	}
}

func (c *Console) apiRouter() http.Handler {
	mux := chi.NewRouter()
	mux.NotFound(c.handler(func(_ http.ResponseWriter, r *http.Request) error {
		return touchstone.Errorf(touchstone.NotFound, "There is no %s.", r.URL.Path).WithHint("/docs lists all calls.")
	}))
	mux.MethodNotAllowed(methodNotAllowed(mux))
	for _, res := range c.resources {
		for _, rt := range res.Routes {
			h := c.serve(rt, res.ServesOf(&rt))
			if !rt.Stream {
				h = c.compressed(h)
			}
			mux.Method(rt.Method, "/v1"+rt.Path, h)
		}
	}
	return mux
}

// methodNotAllowed answers 405, which no kind of touchstone.Error stands for.
func methodNotAllowed(mux chi.Router) http.HandlerFunc {
	return httpapi.Handler(func(w http.ResponseWriter, r *http.Request) error {
		path := chi.RouteContext(r.Context()).RoutePath
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete} {
			if mux.Match(chi.NewRouteContext(), method, path) {
				w.Header().Add("Allow", method)
			}
		}
		return touchstone.Errorf(touchstone.Invalid, "%s does not take %s.", r.URL.Path, r.Method).WithHint("/docs lists all calls.")
	}, httpapi.WithStatus(func(touchstone.ErrorKind) int { return http.StatusMethodNotAllowed }))
}

func (c *Console) handler(fn httpapi.HandlerFunc) http.HandlerFunc {
	return httpapi.Handler(fn, httpapi.WithLogger(c.cfg.Log))
}

// compressed compresses answers of some size.
func (c *Console) compressed(h http.HandlerFunc) http.HandlerFunc {
	return c.compress(h)
}

func newCompressor() (func(http.Handler) http.HandlerFunc, error) {
	return gzhttp.NewWrapper(gzhttp.MinSize(1400), gzhttp.ContentTypes([]string{
		"application/json", "application/problem+json", "text/html", "text/css", "text/javascript", "image/svg+xml",
	}))
}

// statusClientGone is for the metrics; nobody is there to read it.
const statusClientGone = 499

// serve wraps an operation: who asks, may they, is the body in bounds; and for writes
// idempotency and the audit log.
func (c *Console) serve(rt api.Route, serves touchstone.Serves) http.HandlerFunc {
	limit := rt.MaxBody
	if limit == 0 {
		limit = defaultMaxBody
	}
	inner := c.handler(func(w http.ResponseWriter, r *http.Request) error {
		setAPIHeaders(w.Header())
		if err := checkURL(r); err != nil {
			return err
		}
		p, err := c.authenticate(r)
		if err != nil {
			return unauthenticated(w, err)
		}
		if err := c.checkOrigin(r); err != nil {
			return err
		}
		if err := authorise(w, p, rt.Need, rt.Or); err != nil {
			return err
		}
		if rt.Rows == api.AboutAll {
			if err := p.RequireAll(); err != nil {
				return err
			}
		}
		if !serves.Said() {
			return touchstone.Errorf(touchstone.Forbidden, "This call does not say for which use it shows or changes persons, so it is closed.")
		}
		asks := *p
		asks.Kinds, asks.Fields = c.cfg.Kinds, c.cfg.Fields
		r = withPrincipal(r, &asks)
		r = r.WithContext(api.WithConsents(r.Context(), &asks.Viewer, serves, c.cfg.Consents, r.Header.Get(api.PurposeHeader)))
		r.Body = http.MaxBytesReader(w, r.Body, limit)
		run := rt.Handle
		if rt.Action != "" {
			run = func(w http.ResponseWriter, r *http.Request) error { return c.write(rt, p, w, r) }
		}
		err = run(w, r)
		if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
			var stopping *touchstone.Error
			if errors.As(context.Cause(r.Context()), &stopping) {
				return stopping
			}
			w.WriteHeader(statusClientGone)
			return nil
		}
		return err
	})
	return func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		sw := &statusWriter{ResponseWriter: w}
		inner(sw, r)
		c.metrics.request(rt.Method+" "+rt.Path, sw.status, time.Since(start))
	}
}

// checkURL refuses texts that no database stores: invalid UTF-8 and NUL.
func checkURL(r *http.Request) error {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return touchstone.Wrap(touchstone.Invalid, err, "The address is not well-formed behind its question mark.")
	}
	texts := []string{r.URL.Path}
	for name, values := range query {
		texts = append(append(texts, name), values...)
	}
	for _, text := range texts {
		if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
			return touchstone.Errorf(touchstone.Invalid, "The address holds a text that is not valid UTF-8.")
		}
	}
	return nil
}

func unauthenticated(w http.ResponseWriter, err error) error {
	if touchstone.KindOf(err) == touchstone.Unauthenticated {
		w.Header().Set("WWW-Authenticate", `Bearer realm="touchstone", error="invalid_token"`)
	}
	return err
}

func setAPIHeaders(h http.Header) {
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "no-referrer")
}

// write runs a write: its answer is held back until it is in the audit log, and is
// remembered when the caller sent an Idempotency-Key.
func (c *Console) write(rt api.Route, p *principal, w http.ResponseWriter, r *http.Request) error {
	var body []byte
	if !rt.Raw {
		var err error
		if body, err = api.ReadBody(r); err != nil {
			return err
		}
		r.Body = http.NoBody
		if len(body) > 0 {
			r.Body = newBody(body)
		}
	}
	var once *onceKey
	if key := r.Header.Get("Idempotency-Key"); key != "" && !rt.Secret && !rt.Raw {
		o, kept, err := c.beginOnce(r.Context(), &p.Viewer, key, r, body)
		if err != nil {
			return err
		}
		if kept != nil {
			w.Header().Set("Idempotent-Replayed", "true")
			if kept.body.Len() > 0 {
				w.Header().Set("Content-Type", "application/json")
			}
			kept.send(w)
			return nil
		}
		once = o
	}
	held := &heldAnswer{to: w, header: w.Header()}
	note := &api.Note{}
	err := rt.Handle(held, api.WithNote(r, note))
	if err != nil || held.status >= 400 {
		c.forgetOnce(r.Context(), once)
		if err != nil {
			return err
		}
		held.send(w)
		return nil
	}
	if err := c.noteWrite(r.Context(), rt, &p.Viewer, note, body, httpapi.RequestID(w, r), once, held); err != nil {
		// The change is made; only its note is missing. Failing now would invite a repeat.
		c.cfg.Log.Error("a write is not in the audit log", "action", rt.Action, "actor", p.ID, "target", note.Target, "error", err)
		c.metrics.auditLost.Inc()
	}
	held.send(w)
	return nil
}

// heldAnswer keeps an answer until it is sent. Headers go straight to the real one.
type heldAnswer struct {
	to     http.ResponseWriter // nil: one that was kept for repeats
	header http.Header
	status int
	body   bytes.Buffer
}

func (h *heldAnswer) Header() http.Header { return h.header }

func (h *heldAnswer) WriteHeader(status int) {
	if h.status == 0 {
		h.status = status
	}
}

func (h *heldAnswer) Write(b []byte) (int, error) {
	h.WriteHeader(http.StatusOK)
	return h.body.Write(b)
}

// SetReadDeadline bounds how long the body may take.
func (h *heldAnswer) SetReadDeadline(t time.Time) error {
	return http.NewResponseController(h.to).SetReadDeadline(t)
}

func (h *heldAnswer) send(w http.ResponseWriter) {
	h.WriteHeader(http.StatusOK)
	w.WriteHeader(h.status)
	w.Write(h.body.Bytes())
}

// statusWriter remembers the status for the metrics.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Flush is for callers that ask for http.Flusher.
func (w *statusWriter) Flush() { _ = http.NewResponseController(w.ResponseWriter).Flush() }

type bodyReader struct{ *bytes.Reader }

func (bodyReader) Close() error { return nil }

func newBody(b []byte) bodyReader { return bodyReader{bytes.NewReader(b)} }

// statusClass is used as a label: "2xx".
func statusClass(status int) string {
	if status == 0 {
		status = http.StatusOK
	}
	return strconv.Itoa(status/100) + "xx"
}
