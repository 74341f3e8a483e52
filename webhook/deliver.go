package webhook

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/outbox"
)

// Deliverer makes the calls: Webhooks as the outbox sees it.
type Deliverer struct{ *Webhooks }

// Kind is that of the effects.
func (Deliverer) Kind() string { return Kind }

// Serves: somebody else's machine is told.
func (Deliverer) Serves() touchstone.Serves { return touchstone.For(touchstone.UseShare) }

// callTimeout is how long a receiver may take, as the standard recommends.
const callTimeout = 15 * time.Second

// Policy is that of the definition.
func (d Deliverer) Policy(id string) outbox.Policy {
	p := outbox.Policy{Timeout: callTimeout}
	d.mu.Lock()
	defer d.mu.Unlock()
	if w := d.known[id]; w != nil {
		p.Concurrency, p.PerSecond, p.Purpose = w.Concurrency, w.PerSecond, w.Purpose
	}
	return p
}

// Deliver makes one call. 410 means that nobody wants any more: the webhook is paused.
func (d Deliverer) Deliver(ctx context.Context, e touchstone.Effect, _ int) (outbox.Receipt, error) {
	w := d.find(ctx, e.Destination)
	if w == nil {
		return outbox.Receipt{}, notFound(e.Destination)
	}
	receipt, err := d.call(ctx, w, e.ID, e.Body)
	if receipt.Status == http.StatusGone {
		d.cfg.Logger.Warn("a receiver says that it is gone; its webhook is paused", "webhook", w.ID)
		if pauseErr := d.SetPaused(context.WithoutCancel(ctx), w.ID, true); pauseErr != nil {
			d.cfg.Logger.Warn("a webhook could not be paused", "webhook", w.ID, "error", pauseErr)
		}
	}
	return receipt, err
}

const (
	excerptBytes = 1 << 10  // of an answer that is kept
	drainBytes   = 64 << 10 // of an answer that is read, so that the connection can be used again
)

// call sends a signed message and reads the answer.
func (h *Webhooks) call(ctx context.Context, w *Webhook, id string, body []byte) (outbox.Receipt, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL, bytes.NewReader(body))
	if err != nil {
		return outbox.Receipt{}, touchstone.Wrap(touchstone.Invalid, err, "%q is not an address that can be called.", w.URL)
	}
	at := h.cfg.Clock.Now()
	for name, value := range w.Headers {
		req.Header.Set(name, value)
	}
	if req.Header.Get("User-Agent") == "" {
		req.Header.Set("User-Agent", "Touchstone/"+h.cfg.Version+" (webhooks)")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("webhook-id", id)
	req.Header.Set("webhook-timestamp", strconv.FormatInt(at.Unix(), 10))
	req.Header.Set("webhook-signature", sign(w.Secrets, id, at, body))
	resp, err := h.client.Do(req)
	if err != nil {
		return outbox.Receipt{}, explain(err)
	}
	defer resp.Body.Close()
	excerpt, readErr := io.ReadAll(io.LimitReader(resp.Body, excerptBytes))
	_, _ = io.CopyN(io.Discard, resp.Body, drainBytes) // what is longer costs the connection
	receipt := outbox.Receipt{Status: resp.StatusCode, Answer: string(excerpt)}
	if resp.StatusCode/100 == 2 {
		return receipt, nil // the head says so, whatever becomes of the rest
	}
	return receipt, refusal(resp, at, readErr)
}

// refusal turns an answer other than 2xx into an error: an answer may be mended at the
// other end, so all but 410 are tried again.
func refusal(resp *http.Response, now time.Time, readErr error) error {
	e := touchstone.Wrap(touchstone.Unavailable, readErr, "The receiver answered %d.", resp.StatusCode)
	switch {
	case resp.StatusCode == http.StatusGone:
		e = touchstone.Errorf(touchstone.NotFound, "The receiver answered %d: it wants no more calls.", resp.StatusCode)
	case resp.StatusCode/100 == 3:
		e = touchstone.Errorf(touchstone.Unavailable, "The receiver answered %d: redirects are not followed.", resp.StatusCode).
			WithHint("Enter the address that it leads to.")
	}
	if resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusServiceUnavailable {
		e.RetryAfter = readRetryAfter(resp.Header.Get("Retry-After"), now)
	}
	return e
}

// readRetryAfter understands seconds and dates.
func readRetryAfter(text string, now time.Time) time.Duration {
	if seconds, err := strconv.Atoi(text); err == nil {
		return max(0, time.Duration(min(seconds, 1<<30))*time.Second)
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

// explain says in words why there was no answer.
func explain(err error) error {
	var own *touchstone.Error
	switch {
	case errors.As(err, &own): // the guard's
		return own
	case errors.Is(err, context.DeadlineExceeded):
		return touchstone.Errorf(touchstone.Unavailable, "The receiver did not answer in time.")
	}
	var call *url.Error
	if errors.As(err, &call) { // it repeats the address, which the webhook's page shows
		err = call.Err
	}
	return touchstone.Errorf(touchstone.Unavailable, "The receiver cannot be reached: %s.", err.Error())
}

// Test sends a call at once, which says that it is one, and returns what came of it.
func (h *Webhooks) Test(ctx context.Context, id, messageID string) (outbox.Receipt, time.Duration, error) {
	w, err := h.Get(ctx, id)
	if err != nil {
		return outbox.Receipt{}, 0, err
	}
	body, err := h.example(ctx, &w)
	if err != nil {
		return outbox.Receipt{}, 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	began := time.Now()
	receipt, err := h.call(ctx, &w, messageID, body)
	return receipt, time.Since(began), err
}

// example is the body of a test: about nobody.
func (h *Webhooks) example(ctx context.Context, w *Webhook) ([]byte, error) {
	names, err := h.cfg.Names(ctx)
	if err != nil {
		return nil, err
	}
	o := touchstone.Occurrence{Person: 1, Time: h.cfg.Clock.Now(), MessageID: "test"}
	switch w.Events[0] {
	case Merged:
		o.Kind, o.Other = touchstone.BecameOne, 2
	case Split:
		o.Kind, o.Other = touchstone.BecameTwo, 2
	case Left:
		o.Kind = touchstone.LeftSegment
	default:
		o.Kind = touchstone.EnteredSegment
	}
	if o.Other == 0 {
		if o.Name = w.Segments[0]; o.Name == "*" {
			o.Name = "seg_example"
		}
	}
	ids := []touchstone.Identifier{{Kind: touchstone.KindUserID, Value: "example"}, {Kind: touchstone.KindEmail, Value: "someone@example.com"}}
	body, err := h.body(&o, names, ids, w.Identifiers)
	if err != nil {
		return nil, err
	}
	return append([]byte(`{"test":true,`), body[1:]...), nil
}

var (
	_ outbox.Deliverer = Deliverer{}
	_ outbox.Policer   = Deliverer{}
)
