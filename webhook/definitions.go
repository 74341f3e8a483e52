package webhook

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/inbox"
	"github.com/touchstone-cdp/touchstone/internal/randid"
	"github.com/touchstone-cdp/touchstone/store"
)

// Draft is what a webhook is made from, and what changes one: a nil field stays as it is.
type Draft struct {
	Name        *string            `json:"name"`
	URL         *string            `json:"url"`
	Segments    *[]string          `json:"segments"`
	Events      *[]string          `json:"events"`
	Identifiers *string            `json:"identifiers"`
	Purpose     *string            `json:"purpose"`
	Backfill    *bool              `json:"backfill"`
	Headers     map[string]*string `json:"headers"` // nil: all stay; a value null: that one stays
	Concurrency *int               `json:"concurrency"`
	PerSecond   *float64           `json:"per_second"`
}

func set[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

func (d *Draft) apply(w *Webhook) error {
	set(&w.Name, d.Name)
	set(&w.URL, d.URL)
	set(&w.Segments, d.Segments)
	set(&w.Events, d.Events)
	set(&w.Identifiers, d.Identifiers)
	set(&w.Purpose, d.Purpose)
	set(&w.Backfill, d.Backfill)
	set(&w.Concurrency, d.Concurrency)
	set(&w.PerSecond, d.PerSecond)
	if d.Headers == nil {
		return nil
	}
	headers := make(map[string]string, len(d.Headers))
	for name, value := range d.Headers {
		was, known := w.Headers[http.CanonicalHeaderKey(name)]
		switch {
		case value != nil:
			headers[http.CanonicalHeaderKey(name)] = *value
		case known:
			headers[http.CanonicalHeaderKey(name)] = was
		default:
			return touchstone.Errorf(touchstone.Invalid, "The header %q has no value.", name)
		}
	}
	w.Headers = headers
	return nil
}

// told is all that webhooks can tell.
var told = []string{Entered, Left, Merged, Split, AlarmOpened, AlarmClosed}

func (w *Webhook) tellsOfSegments() bool {
	return slices.Contains(w.Events, Entered) || slices.Contains(w.Events, Left)
}

func (w *Webhook) tellsOfPersons() bool {
	return slices.Contains(w.Events, Merged) || slices.Contains(w.Events, Split)
}

// check says what is wrong with a definition.
func (h *Webhooks) check(ctx context.Context, q store.Querier, w *Webhook) error {
	w.Name = strings.TrimSpace(w.Name)
	switch {
	case w.Name == "" || len(w.Name) > 200:
		return touchstone.Errorf(touchstone.Invalid, "A webhook needs a name of at most %d bytes.", 200)
	case len(w.Segments) == 0 && w.tellsOfSegments() || len(w.Segments) > maxSegments:
		return touchstone.Errorf(touchstone.Invalid, "A webhook needs 1 to %d segments.", maxSegments).WithHint(`"*" stands for all of them.`)
	case len(w.Events) == 0:
		return touchstone.Errorf(touchstone.Invalid, "A webhook needs something to tell: %s.", strings.Join(told, ", "))
	case !slices.Contains([]string{IdentifiersNone, IdentifiersMasked, IdentifiersFull}, w.Identifiers):
		return touchstone.Errorf(touchstone.Invalid, "%q does not say how identifiers are sent: none, masked or full.", w.Identifiers)
	case w.Concurrency < 1 || w.Concurrency > maxConcurrency:
		return touchstone.Errorf(touchstone.Invalid, "A webhook makes 1 to %d calls at a time, not %d.", maxConcurrency, w.Concurrency)
	case w.PerSecond < 0 || w.PerSecond > 100_000 || w.PerSecond != w.PerSecond:
		return touchstone.Errorf(touchstone.Invalid, "The calls per second must be between 0 (no limit) and %d.", 100_000)
	}
	for _, e := range w.Events {
		if !slices.Contains(told, e) {
			return touchstone.Errorf(touchstone.Invalid, "%q is nothing that a webhook tells.", e).WithHint("It tells %s.", strings.Join(told, ", "))
		}
	}
	if err := h.checkURL(w.URL); err != nil {
		return err
	}
	if err := checkHeaders(w.Headers); err != nil {
		return err
	}
	if w.Purpose != "" && h.cfg.Purposes != nil {
		if err := h.cfg.Purposes(ctx, q, w.Purpose); err != nil {
			return err
		}
	}
	names, err := h.cfg.Names(ctx)
	if err != nil {
		return err
	}
	for _, s := range w.Segments {
		if _, ok := names[s]; !ok && s != "*" {
			return touchstone.Errorf(touchstone.Invalid, "There is no segment %q.", s)
		}
	}
	return nil
}

func (h *Webhooks) checkURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || len(text) > 2000 || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return touchstone.Errorf(touchstone.Invalid, "%q is not an address that can be called.", text).WithHint("Write it like https://example.com/hooks/segments.")
	case u.User != nil:
		return touchstone.Errorf(touchstone.Invalid, "The address holds a user or a password, which would be in every log.").WithHint("Send it in a header instead.")
	case u.Fragment != "":
		return touchstone.Errorf(touchstone.Invalid, "The address has a part behind #, which is never sent.")
	}
	host := u.Hostname()
	if ip, err := netip.ParseAddr(host); err == nil {
		return guard{h.cfg.Allow}.check(ip)
	}
	if ascii, err := net.LookupPort("tcp", cmpOr(u.Port(), "443")); err != nil || ascii == 0 {
		return touchstone.Errorf(touchstone.Invalid, "%q is not a port.", u.Port())
	}
	return nil
}

func cmpOr(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// What the signature, the transport or the client sets.
var reservedHeaders = []string{"Host", "Content-Length", "Content-Type", "Content-Encoding", "Transfer-Encoding", "Connection", "Keep-Alive",
	"Te", "Trailer", "Upgrade", "Expect", "Proxy-Authorization", "Proxy-Connection", "Accept-Encoding"}

func checkHeaders(headers map[string]string) error {
	if len(headers) > maxHeaders {
		return touchstone.Errorf(touchstone.Invalid, "A webhook has at most %d headers of its own.", maxHeaders)
	}
	for name, value := range headers {
		switch {
		case !httpguts.ValidHeaderFieldName(name) || len(name) > 100:
			return touchstone.Errorf(touchstone.Invalid, "%q is not the name of a header.", name)
		case slices.Contains(reservedHeaders, name) || strings.HasPrefix(name, "Webhook-"):
			return touchstone.Errorf(touchstone.Invalid, "The header %q is set by Touchstone itself.", name)
		case !httpguts.ValidHeaderFieldValue(value) || len(value) > 4000:
			return touchstone.Errorf(touchstone.Invalid, "The value of the header %q cannot be sent.", name)
		}
	}
	return nil
}

// newSecret makes a secret of 192 bits, as the standard recommends.
func newSecret(now time.Time) Secret {
	b := make([]byte, 24)
	rand.Read(b) // never fails: crypto/rand ends the process instead
	return Secret{Text: secretPrefix + base64.StdEncoding.EncodeToString(b), CreatedAt: now}
}

// List returns all webhooks, by name.
func (h *Webhooks) List(ctx context.Context) ([]Webhook, error) {
	all, err := readAll(ctx, h.cfg.DB.Reader())
	if err != nil {
		return nil, err
	}
	out := make([]Webhook, 0, len(all))
	for _, w := range all {
		out = append(out, *w)
	}
	slices.SortFunc(out, func(a, b Webhook) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// Get returns one. NotFound: it is not there.
func (h *Webhooks) Get(ctx context.Context, id string) (Webhook, error) {
	return get(ctx, h.cfg.DB.Reader(), id)
}

func notFound(id string) error {
	return touchstone.Errorf(touchstone.NotFound, "There is no webhook %q.", id)
}

// Create makes a webhook with its first secret. What the draft leaves out takes defaults:
// entries and exits, masked identifiers, 16 calls at a time.
func (h *Webhooks) Create(ctx context.Context, d Draft) (Webhook, error) {
	now := h.cfg.Clock.Now()
	w := Webhook{ID: randid.New("wh"), Events: []string{Entered, Left}, Identifiers: IdentifiersMasked, Concurrency: 16,
		Headers: map[string]string{}, Secrets: []Secret{newSecret(now)}, CreatedAt: now, UpdatedAt: now}
	if err := d.apply(&w); err != nil {
		return Webhook{}, err
	}
	err := h.change(ctx, func(tx *store.Tx, all map[string]*Webhook) error {
		if err := h.check(ctx, tx, &w); err != nil {
			return err
		}
		if len(all) >= MaxWebhooks {
			return touchstone.Errorf(touchstone.Conflict, "There are %d webhooks, which is the most.", MaxWebhooks).WithHint("Delete one that is not needed.")
		}
		return h.write(ctx, tx, &w, all)
	})
	return w, err
}

// Update changes a webhook. Same reports whether the version that the change was made for
// is still the one that is there.
func (h *Webhooks) Update(ctx context.Context, id string, d Draft, same func(Webhook) error) (w Webhook, err error) {
	err = h.change(ctx, func(tx *store.Tx, all map[string]*Webhook) error {
		was := all[id]
		if was == nil {
			return notFound(id)
		}
		if err := same(*was); err != nil {
			return err
		}
		w = *was
		w.Headers = maps.Clone(was.Headers)
		if err := d.apply(&w); err != nil {
			return err
		}
		if err := h.check(ctx, tx, &w); err != nil {
			return err
		}
		w.UpdatedAt = h.cfg.Clock.Now()
		return h.write(ctx, tx, &w, all)
	})
	return w, err
}

// Rotate gives a webhook a new secret. The others sign beside it for a time; with 0 they
// end at once.
func (h *Webhooks) Rotate(ctx context.Context, id string, grace time.Duration) (w Webhook, err error) {
	if grace < 0 || grace > 7*24*time.Hour {
		return Webhook{}, touchstone.Errorf(touchstone.Invalid, "The old secret can go on for at most %d days.", 7)
	}
	err = h.change(ctx, func(tx *store.Tx, all map[string]*Webhook) error {
		was := all[id]
		if was == nil {
			return notFound(id)
		}
		now := h.cfg.Clock.Now()
		w = *was
		w.Secrets = []Secret{newSecret(now)}
		for _, s := range was.Secrets {
			if s.EndsAt.IsZero() || s.EndsAt.After(now.Add(grace)) {
				s.EndsAt = now.Add(grace)
			}
			if s.EndsAt.After(now) && len(w.Secrets) < maxSecrets {
				w.Secrets = append(w.Secrets, s)
			}
		}
		w.UpdatedAt = now
		return h.write(ctx, tx, &w, all)
	})
	return w, err
}

// Delete ends a webhook, with all that waits for it.
func (h *Webhooks) Delete(ctx context.Context, id string) error {
	err := h.change(ctx, func(tx *store.Tx, all map[string]*Webhook) error {
		if all[id] == nil {
			return notFound(id)
		}
		_, err := tx.Exec(ctx, `DELETE FROM webhooks WHERE id = ?`, id)
		return err
	})
	if err != nil {
		return err
	}
	return h.cfg.Outbox.Remove(ctx, Kind, id)
}

// SetPaused stops the calls, or goes on with them. Meanwhile what is to be told waits.
func (h *Webhooks) SetPaused(ctx context.Context, id string, paused bool) error {
	return h.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		if _, err := get(ctx, tx, id); err != nil {
			return err
		}
		return h.cfg.Outbox.SetPaused(ctx, tx, Kind, id, paused)
	})
}

// change runs a change of definitions; reactor and deliverer of all processes go by it soon.
func (h *Webhooks) change(ctx context.Context, fn func(tx *store.Tx, all map[string]*Webhook) error) error {
	err := h.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		all, err := readAll(ctx, tx)
		if err != nil {
			return err
		}
		if err := fn(tx, all); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE webhook_version SET version = version + 1 WHERE one = 1`); err != nil {
			return err
		}
		return inbox.Touch(ctx, tx)
	})
	if err != nil {
		return err
	}
	if err := h.load(ctx, h.cfg.DB.Reader()); err != nil {
		return fmt.Errorf("read the webhooks: %w", err)
	}
	return nil
}
