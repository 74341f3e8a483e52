// Package httpapi is the one place where errors become HTTP answers: handlers return a
// touchstone.Error, [Handler] maps its kind to a status and writes an RFC 9457 problem
// that carries the request's id, which is also in the log.
package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/touchstone-cdp/touchstone"
)

// HandlerFunc is a handler that may fail. What it returns is shown to the caller as far
// as it is a touchstone.Error; of any other error only the id is shown.
type HandlerFunc func(w http.ResponseWriter, r *http.Request) error

// Option changes what Handler does.
type Option func(*options)

type options struct {
	log    *slog.Logger
	status func(touchstone.ErrorKind) int
}

// WithLogger sets where errors and panics are logged; the default is slog.Default().
func WithLogger(log *slog.Logger) Option {
	return func(o *options) {
		if log != nil {
			o.log = log
		}
	}
}

// WithStatus replaces the table of statuses, for an API that must be compatible with
// another.
func WithStatus(status func(touchstone.ErrorKind) int) Option {
	return func(o *options) { o.status = status }
}

// Handler makes an http.Handler of fn.
func Handler(fn HandlerFunc, opts ...Option) http.HandlerFunc {
	o := options{status: Status}
	for _, opt := range opts {
		opt(&o)
	}
	return func(w http.ResponseWriter, r *http.Request) {
		RequestID(w, r)
		defer o.recover(w, r)
		if err := fn(w, r); err != nil {
			o.fail(w, r, err)
		}
	}
}

func (o *options) logger() *slog.Logger {
	if o.log != nil {
		return o.log
	}
	return slog.Default()
}

func (o *options) recover(w http.ResponseWriter, r *http.Request) {
	p := recover()
	if p == nil {
		return
	}
	if p == http.ErrAbortHandler { // net/http's own way to cut a connection
		panic(p)
	}
	id := RequestID(w, r)
	o.logger().Error("handler panicked", "error_id", id, "method", r.Method, "path", r.URL.Path, "panic", p, "stack", string(debug.Stack()))
	writeProblem(w, http.StatusInternalServerError, &Problem{Detail: internalDetail, ErrorID: id})
}

const internalDetail = "Something went wrong on our side."

// Status maps a kind of error to the status of the management API.
func Status(kind touchstone.ErrorKind) int {
	switch kind {
	case touchstone.Invalid:
		return http.StatusBadRequest
	case touchstone.Unauthenticated:
		return http.StatusUnauthorized
	case touchstone.Forbidden:
		return http.StatusForbidden
	case touchstone.NotFound:
		return http.StatusNotFound
	case touchstone.Conflict:
		return http.StatusConflict
	case touchstone.TooLarge:
		return http.StatusRequestEntityTooLarge
	case touchstone.RateLimited:
		return http.StatusTooManyRequests
	case touchstone.Unavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// Problem is the body of an error answer (RFC 9457, application/problem+json).
type Problem struct {
	Type    string `json:"type"`
	Title   string `json:"title"`
	Status  int    `json:"status"`
	Detail  string `json:"detail"`
	Hint    string `json:"hint,omitempty"`
	ErrorID string `json:"error_id"`
	// DetailText and HintText are what Detail and Hint are made from, for other languages.
	DetailText *Text `json:"detail_text,omitempty"`
	HintText   *Text `json:"hint_text,omitempty"`
	// Where points into the request's body, for errors that know the place.
	Where *Where `json:"where,omitempty"`
}

// Where is a place in a request's body.
type Where struct {
	Index  *int   `json:"index,omitempty"`  // of the event in its batch
	Field  string `json:"field,omitempty"`  // "properties.price"
	Offset *int   `json:"offset,omitempty"` // in bytes, from 0, after decompression
}

// Located is an error that knows its place in the body.
type Located interface {
	error
	Where() *Where
}

func (o *options) fail(w http.ResponseWriter, r *http.Request, err error) {
	id := RequestID(w, r)
	if errors.Is(err, context.DeadlineExceeded) && touchstone.KindOf(err) == touchstone.Internal {
		err = touchstone.Wrap(touchstone.Unavailable, err, "There was no answer in time: the server has much to do.").WithHint("Try again.")
		o.logger().Warn("a request got no answer in time", "error_id", id, "method", r.Method, "path", r.URL.Path, "error", err)
	}
	kind := touchstone.KindOf(err)
	p := &Problem{ErrorID: id, Detail: internalDetail}
	var e *touchstone.Error
	if errors.As(err, &e) {
		if e.Kind != touchstone.Internal || e.Message != "" {
			p.Detail, p.Hint = e.Message, e.Hint
			detail, hint := e.Texts()
			p.DetailText, p.HintText = NewText(detail), NewText(hint)
		}
		if kind == touchstone.RateLimited || kind == touchstone.Unavailable {
			setRetryAfter(w.Header(), kind, e.RetryAfter)
		}
	}
	var at Located
	if errors.As(err, &at) {
		p.Where = at.Where()
	}
	status := o.status(kind)
	// 503 is a state, not a fault: whoever is in it logs it once, not per request.
	if status >= 500 && status != http.StatusServiceUnavailable {
		o.logger().Error("request failed", "error_id", id, "method", r.Method, "path", r.URL.Path, "status", status, "error", err)
	} else {
		o.logger().Debug("request refused", "error_id", id, "method", r.Method, "path", r.URL.Path, "status", status, "error", err)
	}
	writeProblem(w, status, p)
}

// setRetryAfter tells the client when to come back, in whole seconds and at least one.
func setRetryAfter(h http.Header, kind touchstone.ErrorKind, after time.Duration) {
	seconds := strconv.Itoa(max(1, int(math.Ceil(after.Seconds()))))
	h.Set("Retry-After", seconds)
	if kind == touchstone.RateLimited {
		h.Set("X-RateLimit-Reset", seconds)
	}
}

func writeProblem(w http.ResponseWriter, status int, p *Problem) {
	p.Type, p.Title, p.Status = "about:blank", http.StatusText(status), status
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Del("Content-Length")
	h.Del("Content-Encoding")
	h.Del("ETag")
	body, err := json.Marshal(p)
	if err != nil { // strings and numbers only
		body = []byte(`{"type":"about:blank","title":"Internal Server Error","status":500}`)
	}
	w.WriteHeader(status)
	w.Write(append(body, '\n'))
}

// WriteJSON answers with v.
func WriteJSON(w http.ResponseWriter, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return touchstone.Wrap(touchstone.Internal, err, "")
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	if h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "no-store")
	}
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	w.Write(append(body, '\n')) // an error means that the caller has gone
	return nil
}
