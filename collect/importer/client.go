package importer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/touchstone-cdp/touchstone"
)

// client speaks to a server's management API. Each call is repeated while the server
// says that it cannot now, or does not answer; all of them may be.
type client struct {
	http     *http.Client
	base     string
	key      string
	retryFor time.Duration
	pause    time.Duration // before the first repetition
	note     func(string)  // told when a call has to be repeated
}

// importState is what the server knows of an import.
type importState struct {
	ID      string          `json:"id"`
	NextRow int64           `json:"next_row"` // rows count from 1
	Status  string          `json:"status"`
	Mapping json.RawMessage `json:"mapping"` // that the rows came under
	Source  struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	} `json:"source"`
}

const statusFinished = "finished"

type importRequest struct {
	File        string          `json:"file"`
	Fingerprint string          `json:"fingerprint"`
	Size        int64           `json:"size"`
	Source      string          `json:"source"`
	Mapping     json.RawMessage `json:"mapping"`
}

// stats is the part of GET /api/v1/stats that an import looks at.
type stats struct {
	Accepted    int64 `json:"accepted"`
	Processed   int64 `json:"processed"`
	InWarehouse int64 `json:"in_warehouse"`
	Quarantined int64 `json:"quarantined"`
	Duplicates  int64 `json:"duplicates"`
	Persons     int64 `json:"persons"`
}

// settled tells whether every accepted event has reached its end.
func (s stats) settled(accepted int64) bool {
	return s.InWarehouse+s.Quarantined+s.Duplicates >= accepted
}

// Preview is what an import would do to persons.
type Preview struct {
	Created   int64 `json:"persons_created"`
	Merged    int64 `json:"persons_merged"`
	Matched   int64 `json:"persons_matched"`
	Events    int64 `json:"events"`
	Truncated bool  `json:"truncated"` // the server looked at a part only
}

func (c *client) begin(ctx context.Context, r importRequest) (s importState, err error) {
	body, err := json.Marshal(r)
	if err != nil {
		return s, err
	}
	return s, c.call(ctx, http.MethodPost, "/api/v1/imports", jsonBody, body, &s)
}

func (c *client) state(ctx context.Context, id string) (s importState, err error) {
	return s, c.call(ctx, http.MethodGet, "/api/v1/imports/"+id, jsonBody, nil, &s)
}

func (c *client) finish(ctx context.Context, id string) (s importState, err error) {
	return s, c.call(ctx, http.MethodPost, "/api/v1/imports/"+id+"/finish", jsonBody, []byte("{}"), &s)
}

func (c *client) stats(ctx context.Context) (s stats, err error) {
	return s, c.call(ctx, http.MethodGet, "/api/v1/stats", jsonBody, nil, &s)
}

func (c *client) preview(ctx context.Context, frames []byte) (p Preview, err error) {
	return p, c.call(ctx, http.MethodPost, "/api/v1/imports/preview", frameBody, frames, &p)
}

// send posts a chunk. The server takes it once, however often it comes.
func (c *client) send(ctx context.Context, id string, k *chunk) error {
	path := fmt.Sprintf("/api/v1/imports/%s/rows?first_row=%d&rows=%d", id, k.first, k.rows)
	return c.call(ctx, http.MethodPost, path, frameBody, k.body, nil)
}

type bodyKind uint8

const (
	jsonBody bodyKind = iota
	frameBody
)

const (
	firstPause = 200 * time.Millisecond
	maxPause   = 10 * time.Second
	maxAnswer  = 4 << 20
	// serverErrors is how often a call is repeated that the server fails at: a bug there
	// does not go away by waiting, a restart does.
	serverErrors = 4
)

// call sends a request until it is answered for good.
func (c *client) call(ctx context.Context, method, path string, kind bodyKind, body []byte, answer any) error {
	deadline := time.Now().Add(c.retryFor)
	pause := c.pause
	failures := 0
	for {
		err := c.once(ctx, method, path, kind, body, answer)
		if err == nil || ctx.Err() != nil {
			return err
		}
		var e *touchstone.Error
		wait := pause
		if errors.As(err, &e) {
			switch e.Kind {
			case touchstone.RateLimited, touchstone.Unavailable:
				wait = max(wait, min(e.RetryAfter, time.Minute))
			case touchstone.Internal:
				if failures++; failures > serverErrors {
					return err
				}
			default:
				return err
			}
		}
		if time.Now().Add(wait).After(deadline) {
			return err
		}
		c.note(fmt.Sprintf("%v; trying again in %s", err, wait.Round(100*time.Millisecond)))
		jitter := time.Duration(rand.Int64N(int64(wait)/4 + 1))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait + jitter):
		}
		pause = min(2*pause, maxPause)
	}
}

// once sends a request. Its error has the kind that the status means; without an answer
// it is Unavailable.
func (c *client) once(ctx context.Context, method, path string, kind bodyKind, body []byte, answer any) error {
	r, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(c.base, "/")+path, bytes.NewReader(body))
	if err != nil {
		return touchstone.Wrap(touchstone.Invalid, err, "%q is not the address of a server", c.base)
	}
	r.Header.Set("Accept", "application/json")
	if c.key != "" {
		r.Header.Set("Authorization", "Bearer "+c.key)
	}
	switch {
	case kind == frameBody:
		r.Header.Set("Content-Type", "application/vnd.touchstone.frames")
		r.Header.Set("Content-Encoding", "s2")
	case body != nil:
		r.Header.Set("Content-Type", "application/json")
	}
	response, err := c.http.Do(r)
	if err != nil {
		return touchstone.Wrap(touchstone.Unavailable, err, "the server at %s does not answer", c.base).
			WithHint("start it with  touchstone serve  or name another one with --server")
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return touchstone.Wrap(touchstone.Unavailable, err, "the server's answer was cut off")
	}
	if response.StatusCode/100 != 2 {
		return problem(response, text)
	}
	if answer == nil {
		return nil
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return touchstone.Wrap(touchstone.Invalid, err, "%s did not answer like a Touchstone server", c.base)
	}
	return nil
}

// problem turns an RFC 9457 answer back into the error that the server had.
func problem(response *http.Response, text []byte) error {
	var p struct {
		Title   string `json:"title"`
		Detail  string `json:"detail"`
		Hint    string `json:"hint"`
		ErrorID string `json:"error_id"`
	}
	_ = json.Unmarshal(text, &p) // anything else than a problem has a status at least
	message := p.Detail
	if message == "" {
		message = p.Title
	}
	if message == "" {
		message = "the server answered " + response.Status
	}
	if p.ErrorID != "" && response.StatusCode >= 500 {
		message += " (error id " + p.ErrorID + ")"
	}
	e := &touchstone.Error{Kind: kindOfStatus(response.StatusCode), Message: message, Hint: p.Hint}
	if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil && seconds > 0 {
		e.RetryAfter = time.Duration(seconds) * time.Second
	}
	return e
}

func kindOfStatus(status int) touchstone.ErrorKind {
	switch status {
	case http.StatusUnauthorized:
		return touchstone.Unauthenticated
	case http.StatusForbidden:
		return touchstone.Forbidden
	case http.StatusNotFound:
		return touchstone.NotFound
	case http.StatusConflict:
		return touchstone.Conflict
	case http.StatusRequestEntityTooLarge:
		return touchstone.TooLarge
	case http.StatusTooManyRequests:
		return touchstone.RateLimited
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return touchstone.Unavailable
	}
	if status >= 500 {
		return touchstone.Internal
	}
	return touchstone.Invalid
}
