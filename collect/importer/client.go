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

// client is a [Server] over HTTP: it speaks to a server's management API. Each call is repeated while the server
// says that it cannot now, or does not answer; all of them may be.
type client struct {
	patience
	http *http.Client
	base string
	key  string
}

// Begin and the others are the calls of [Server].
func (c *client) Begin(ctx context.Context, r Request) (s State, err error) {
	body, err := json.Marshal(r)
	if err != nil {
		return s, err
	}
	return s, c.call(ctx, http.MethodPost, "/api/v1/imports", jsonBody, body, &s)
}

// State returns an import.
func (c *client) State(ctx context.Context, id string) (s State, err error) {
	return s, c.call(ctx, http.MethodGet, "/api/v1/imports/"+id, jsonBody, nil, &s)
}

// Finish notes that all rows have come.
func (c *client) Finish(ctx context.Context, id string) (s State, err error) {
	return s, c.call(ctx, http.MethodPost, "/api/v1/imports/"+id+"/finish", jsonBody, []byte("{}"), &s)
}

// Stats returns the server's counters.
func (c *client) Stats(ctx context.Context) (s Stats, err error) {
	return s, c.call(ctx, http.MethodGet, "/api/v1/stats", jsonBody, nil, &s)
}

// Persons asks what events would do to persons.
func (c *client) Persons(ctx context.Context, part Part) (p Persons, err error) {
	return p, c.call(ctx, http.MethodPost, "/api/v1/imports/preview?thorough="+strconv.FormatBool(part.Thorough), frameBody, part.Frames, &p)
}

// Append posts a part. The server takes it once, however often it comes.
func (c *client) Append(ctx context.Context, id string, p Part) (s Step, err error) {
	path := fmt.Sprintf("/api/v1/imports/%s/rows?first_row=%d&rows=%d", id, p.First, p.Rows)
	return s, c.call(ctx, http.MethodPost, path, frameBody, p.Frames, &s)
}

// Check asks what would become of a part.
func (c *client) Check(ctx context.Context, p Part) (s Step, err error) {
	path := fmt.Sprintf("/api/v1/imports/check?first_row=%d&rows=%d", p.First, p.Rows)
	return s, c.call(ctx, http.MethodPost, path, frameBody, p.Frames, &s)
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

// patience repeats calls that a server cannot answer now.
type patience struct {
	retryFor time.Duration
	pause    time.Duration // before the first repetition
	note     func(string)  // told when a call has to be repeated
}

// call sends a request until it is answered for good.
func (c *client) call(ctx context.Context, method, path string, kind bodyKind, body []byte, answer any) error {
	return c.do(ctx, func() error { return c.once(ctx, method, path, kind, body, answer) })
}

// do calls fn until it succeeds, or fails for good.
func (p patience) do(ctx context.Context, fn func() error) error {
	deadline := time.Now().Add(p.retryFor)
	pause := p.pause
	failures := 0
	for {
		err := fn()
		if err == nil || ctx.Err() != nil {
			return err
		}
		var e *touchstone.Error
		wait := pause
		switch touchstone.KindOf(err) {
		case touchstone.RateLimited, touchstone.Unavailable:
			if errors.As(err, &e) {
				wait = max(wait, min(e.RetryAfter, time.Minute))
			}
		case touchstone.Internal:
			if failures++; failures > serverErrors {
				return err
			}
		default:
			return err
		}
		if time.Now().Add(wait).After(deadline) {
			return err
		}
		p.note(fmt.Sprintf("%v; trying again in %s", err, wait.Round(100*time.Millisecond)))
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
