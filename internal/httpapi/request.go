package httpapi

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
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
