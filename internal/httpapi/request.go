package httpapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"

	"github.com/touchstone-cdp/touchstone"
)

const requestIDHeader = "X-Request-Id"

// RequestID returns the id of the request that w answers and puts it on the answer. A
// sane id from the caller is kept, so that it can be followed through proxies.
func RequestID(w http.ResponseWriter, r *http.Request) string {
	h := w.Header()
	if id := h[requestIDHeader]; len(id) == 1 {
		return id[0]
	}
	id := r.Header.Get(requestIDHeader)
	if !saneID(id) {
		id = newRequestID()
	}
	h[requestIDHeader] = []string{id}
	return id
}

func saneID(id string) bool {
	if len(id) == 0 || len(id) > 64 {
		return false
	}
	for i := range len(id) {
		switch c := id[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_', c == '.', c == ':':
		default:
			return false
		}
	}
	return true
}

const idAlphabet = "0123456789abcdefghjkmnpqrstvwxyz"

// newRequestID makes 80 random bits. They tell requests apart and are no secret.
func newRequestID() string {
	var b [20]byte
	copy(b[:], "req_")
	a, c := rand.Uint64(), rand.Uint64()
	for i := 4; i < 12; i++ {
		b[i] = idAlphabet[a&31]
		a >>= 5
	}
	for i := 12; i < 20; i++ {
		b[i] = idAlphabet[c&31]
		c >>= 5
	}
	return string(b[:])
}

// ReadJSON decodes the body into dst: one JSON value, no unknown fields, at most maxBytes.
func ReadJSON(w http.ResponseWriter, r *http.Request, dst any, maxBytes int64) error {
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBytes))
	dec.DisallowUnknownFields()
	err := dec.Decode(dst)
	if err == nil {
		if _, more := dec.Token(); more == io.EOF {
			return nil
		}
		return touchstone.Errorf(touchstone.Invalid, "The body has something after its JSON value.")
	}
	var tooLarge *http.MaxBytesError
	var syntax *json.SyntaxError
	var wrong *json.UnmarshalTypeError
	var known *touchstone.Error
	switch {
	case errors.As(err, &known): // from an UnmarshalJSON of ours
		return err
	case errors.As(err, &tooLarge):
		return touchstone.Errorf(touchstone.TooLarge, "The body is larger than %d bytes.", tooLarge.Limit)
	case errors.Is(err, io.EOF):
		return touchstone.Errorf(touchstone.Invalid, "The body is empty; a JSON value was expected.")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return touchstone.Errorf(touchstone.Invalid, "The body ends in the middle of its JSON value.")
	case errors.As(err, &syntax):
		return touchstone.Wrap(touchstone.Invalid, err, "The body is not valid JSON at byte %d: %s.", syntax.Offset, syntax)
	case errors.As(err, &wrong):
		return touchstone.Errorf(touchstone.Invalid, "%s must be %s, not %s.", fieldName(wrong.Field), wrong.Type, wrong.Value)
	}
	return touchstone.Wrap(touchstone.Invalid, err, "The body was not understood: %s.", err)
}

func fieldName(f string) string {
	if f == "" {
		return "The body"
	}
	return strconv.Quote(f)
}

// Limit reads ?limit= with the bounds of the management API.
func Limit(r *http.Request, byDefault, most int) (int, error) {
	s := r.URL.Query().Get("limit")
	if s == "" {
		return byDefault, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		return 0, touchstone.Errorf(touchstone.Invalid, "limit must be a whole number from 1 to %d, not %q.", most, s)
	}
	return min(n, most), nil
}

// Page is the answer of every list.
type Page[T any] struct {
	Items      []T    `json:"items"`
	NextCursor string `json:"next_cursor"`
}

// MakePage makes a Page whose items are never null.
func MakePage[T any](items []T, nextCursor string) Page[T] {
	if items == nil {
		items = []T{}
	}
	return Page[T]{items, nextCursor}
}

// EventStream writes server-sent events.
type EventStream struct {
	w  http.ResponseWriter
	rc *http.ResponseController
}

// StartEventStream sends the head of a text/event-stream answer.
func StartEventStream(w http.ResponseWriter) (*EventStream, error) {
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store, no-transform") // a proxy that compresses would hold messages back
	h.Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
	s := &EventStream{w, http.NewResponseController(w)}
	if err := s.rc.Flush(); err != nil {
		return nil, fmt.Errorf("the connection cannot stream: %w", err)
	}
	return s, nil
}

// Send writes v as one event.
func (s *EventStream) Send(v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(s.w, "data: %s\n\n", body); err != nil {
		return err
	}
	return s.rc.Flush()
}

// Heartbeat writes a comment, so that proxies keep the connection.
func (s *EventStream) Heartbeat() error {
	if _, err := io.WriteString(s.w, ": still here\n\n"); err != nil {
		return err
	}
	return s.rc.Flush()
}
