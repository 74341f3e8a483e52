package webhook

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/touchstone-cdp/touchstone"
)

// Sender makes signed calls for others than webhooks, by the same rules: where they may go, how they are signed, what counts as a yes.
type Sender struct {
	guard   guard
	client  *http.Client
	version string
	clock   touchstone.Clock
}

// NewSender makes one. allow lists networks that calls may go to although they are not the world.
func NewSender(allow []netip.Prefix, version string, clock touchstone.Clock) *Sender {
	return &Sender{guard{allow}, newClient(guard{allow}), version, clock}
}

// CheckURL refuses an address that cannot be called.
func (s *Sender) CheckURL(url string) error {
	return (&Webhooks{cfg: Config{Allow: s.guard.allow}}).checkURL(url)
}

// Dial connects to an address that calls may go to.
func (s *Sender) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{Timeout: 5 * time.Second, Control: s.guard.control}
	return d.DialContext(ctx, network, address)
}

// Post sends a message that is signed by a secret and returns the status of the answer. An error says why there was no yes.
func (s *Sender) Post(ctx context.Context, url, secret, id string, body []byte) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0, touchstone.Wrap(touchstone.Invalid, err, "%q is not an address that can be called.", url)
	}
	at := s.clock.Now()
	req.Header.Set("User-Agent", "Touchstone/"+s.version+" (activations)")
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("webhook-id", id)
	req.Header.Set("webhook-timestamp", strconv.FormatInt(at.Unix(), 10))
	req.Header.Set("webhook-signature", sign([]Secret{{Text: secret}}, id, at, body))
	resp, err := s.client.Do(req)
	if err != nil {
		return 0, explain(err)
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, drainBytes)
	if resp.StatusCode/100 == 2 {
		return resp.StatusCode, nil
	}
	return resp.StatusCode, refusal(resp, at, nil)
}
