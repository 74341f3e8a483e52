package webhook

import (
	_ "embed"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/internal/httpapi"
	"github.com/touchstone-cdp/touchstone/internal/randid"
)

//go:embed openapi.yaml
var spec []byte

// The permissions.
const (
	mayRead  access.Permission = "webhooks:read"
	mayWrite access.Permission = "webhooks:write"
)

// Resource is the webhooks' part of the API. h may be nil where only the document is made.
func Resource(h *Webhooks) api.Resource {
	const get, post, patch, del = http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete
	a := answers{h}
	return api.Resource{
		Name: "Webhooks", Spec: spec, Serves: touchstone.Operation("definitions, and what was sent: each call was asked for when it was made"),
		Permissions: []access.Declared{
			{Permission: mayRead, Allows: "see webhooks and what became of their calls"},
			{Permission: mayWrite, Allows: "change webhooks, see and replace their secrets, repeat calls"},
		},
		Routes: []api.Route{
			{Method: get, Path: "/webhooks", Need: mayRead, Handle: a.list},
			{Method: post, Path: "/webhooks", Need: mayWrite, Handle: a.create, Action: "webhook.create", Secret: true},
			{Method: get, Path: "/webhooks/{id}", Need: mayRead, Handle: a.get},
			{Method: patch, Path: "/webhooks/{id}", Need: mayWrite, Handle: a.update, Action: "webhook.update", Secret: true},
			{Method: del, Path: "/webhooks/{id}", Need: mayWrite, Handle: a.remove, Action: "webhook.delete"},
			{Method: post, Path: "/webhooks/{id}/rotate", Need: mayWrite, Handle: a.rotate, Action: "webhook.rotate", Secret: true},
			{Method: post, Path: "/webhooks/{id}/test", Need: mayWrite, Handle: a.test, Action: "webhook.test"},
			{Method: post, Path: "/webhooks/{id}/pause", Need: mayWrite, Handle: a.pause(true), Action: "webhook.pause"},
			{Method: post, Path: "/webhooks/{id}/resume", Need: mayWrite, Handle: a.pause(false), Action: "webhook.resume"},
			{Method: get, Path: "/webhooks/{id}/deliveries", Need: mayRead, Handle: a.deliveries},
			{Method: get, Path: "/webhooks/{id}/deliveries/{delivery}", Need: mayRead, Handle: a.delivery},
			{Method: post, Path: "/webhooks/{id}/replay", Need: mayWrite, Handle: a.replay, Action: "webhook.replay"},
			{Method: post, Path: "/webhooks/{id}/discard", Need: mayWrite, Handle: a.discard, Action: "webhook.discard"},
		},
	}
}

type answers struct{ h *Webhooks }

// webhookAnswer is a webhook as the API shows it: values of headers and secrets are not read
// back.
type webhookAnswer struct {
	Webhook
	Headers []string     `json:"headers"`
	Secrets []secretNote `json:"secrets"`
	Secret  string       `json:"secret,omitempty"` // of a new one: shown once
	Queue   queueAnswer  `json:"queue"`
}

type secretNote struct {
	Prefix    string    `json:"prefix"`
	CreatedAt time.Time `json:"created_at"`
	EndsAt    time.Time `json:"ends_at"`
}

type queueAnswer struct {
	Paused      bool      `json:"paused"`
	Failures    int       `json:"failures"`
	HeldUntil   time.Time `json:"held_until"`
	Waiting     int64     `json:"waiting"`
	DeadLetters int64     `json:"dead_letters"`
	Delivered   int64     `json:"delivered"`
	Failed      int64     `json:"failed"`
	DeliveredAt time.Time `json:"delivered_at"`
	FailedAt    time.Time `json:"failed_at"`
	Oldest      time.Time `json:"oldest"`
	Error       string    `json:"error"`
	// ErrorText is what Error is made from, for other languages; likewise below.
	ErrorText *httpapi.Text `json:"error_text,omitempty"`
}

func (a answers) show(r *http.Request, w Webhook) (webhookAnswer, error) {
	q, err := a.h.cfg.Outbox.Queue(r.Context(), Kind, w.ID)
	if err != nil {
		return webhookAnswer{}, err
	}
	out := webhookAnswer{Webhook: w, Headers: slices.Sorted(maps.Keys(w.Headers)), Queue: queueAnswer{
		Paused: q.Paused, Failures: q.Failures, Waiting: q.Waiting, DeadLetters: q.DeadLetters, Delivered: q.Delivered, Failed: q.Failed,
		DeliveredAt: q.DeliveredAt, FailedAt: q.FailedAt, Oldest: q.Oldest, Error: q.Error, ErrorText: q.Why,
	}}
	now := a.h.cfg.Clock.Now()
	if q.HeldUntil.After(now) {
		out.Queue.HeldUntil = q.HeldUntil
	}
	for _, s := range w.Secrets {
		if s.EndsAt.IsZero() || s.EndsAt.After(now) {
			out.Secrets = append(out.Secrets, secretNote{s.Text[:len(secretPrefix)+4] + "…", s.CreatedAt, s.EndsAt})
		}
	}
	if !api.ViewerOf(r).May(mayWrite) {
		out.URL = withoutQuery(out.URL) // keys may be in it
	}
	return out, nil
}

func withoutQuery(url string) string {
	if i := strings.IndexByte(url, '?'); i >= 0 {
		return url[:i] + "?…"
	}
	return url
}

func version(w *Webhook) string {
	newest := ""
	if len(w.Secrets) > 0 {
		newest = w.Secrets[0].Text
	}
	return api.ETag(w.ID, w.UpdatedAt.String(), newest)
}

func (a answers) list(w http.ResponseWriter, r *http.Request) error {
	p, err := api.ReadPaging(r)
	if err != nil {
		return err
	}
	all, err := a.h.List(r.Context())
	if err != nil {
		return err
	}
	some, next, err := api.Cut(all, p, func(w *Webhook) string { return w.ID })
	if err != nil {
		return err
	}
	items := make([]webhookAnswer, len(some))
	for i := range some {
		if items[i], err = a.show(r, some[i]); err != nil {
			return err
		}
	}
	return api.WritePage(w, items, next)
}

func (a answers) get(w http.ResponseWriter, r *http.Request) error {
	hook, err := a.h.Get(r.Context(), api.Param(r, "id"))
	if err != nil {
		return err
	}
	return a.answer(w, r, http.StatusOK, hook, "")
}

// answer shows a webhook, and a new secret.
func (a answers) answer(w http.ResponseWriter, r *http.Request, status int, hook Webhook, secret string) error {
	out, err := a.show(r, hook)
	if err != nil {
		return err
	}
	out.Secret = secret
	w.Header().Set("ETag", version(&hook))
	return api.WriteJSON(w, status, out)
}

// noted is what the audit log keeps of a write: no values of headers.
func noted(r *http.Request, d *Draft) {
	headers := slices.Sorted(maps.Keys(d.Headers))
	shown := *d
	shown.Headers = nil
	api.NoteDetail(r, struct {
		Draft
		Headers []string `json:"headers,omitempty"`
	}{shown, headers})
}

func (a answers) create(w http.ResponseWriter, r *http.Request) error {
	var d Draft
	if err := api.ReadJSON(r, &d); err != nil {
		return err
	}
	hook, err := a.h.Create(r.Context(), d)
	if err != nil {
		return err
	}
	api.NoteTarget(r, hook.ID, hook.Name)
	noted(r, &d)
	return a.answer(w, r, http.StatusCreated, hook, hook.Secrets[0].Text)
}

func (a answers) update(w http.ResponseWriter, r *http.Request) error {
	var d Draft
	if err := api.ReadJSON(r, &d); err != nil {
		return err
	}
	hook, err := a.h.Update(r.Context(), api.Param(r, "id"), d, func(was Webhook) error { return api.CheckIfMatch(r, version(&was)) })
	if err != nil {
		return err
	}
	api.NoteTarget(r, hook.ID, hook.Name)
	noted(r, &d)
	return a.answer(w, r, http.StatusOK, hook, "")
}

// target names the webhook of a write in the audit log.
func (a answers) target(r *http.Request) (Webhook, error) {
	hook, err := a.h.Get(r.Context(), api.Param(r, "id"))
	if err == nil {
		api.NoteTarget(r, hook.ID, hook.Name)
	}
	return hook, err
}

func (a answers) remove(w http.ResponseWriter, r *http.Request) error {
	hook, err := a.target(r)
	if err != nil {
		return err
	}
	if err := a.h.Delete(r.Context(), hook.ID); err != nil {
		return err
	}
	return api.NoContent(w)
}

func (a answers) rotate(w http.ResponseWriter, r *http.Request) error {
	in := struct {
		GraceSeconds *int64 `json:"grace_seconds"`
	}{}
	if r.ContentLength != 0 {
		if err := api.ReadJSON(r, &in); err != nil {
			return err
		}
	}
	grace := 24 * time.Hour
	if in.GraceSeconds != nil {
		grace = time.Duration(max(-1, min(*in.GraceSeconds, 1<<30))) * time.Second
	}
	hook, err := a.target(r)
	if err != nil {
		return err
	}
	if hook, err = a.h.Rotate(r.Context(), hook.ID, grace); err != nil {
		return err
	}
	api.NoteDetail(r, struct {
		GraceSeconds int64 `json:"grace_seconds"`
	}{int64(grace.Seconds())})
	return a.answer(w, r, http.StatusOK, hook, hook.Secrets[0].Text)
}

type testAnswer struct {
	Delivered bool          `json:"delivered"`
	Status    int           `json:"status"`
	TookMS    int64         `json:"took_ms"`
	Error     string        `json:"error"`
	ErrorText *httpapi.Text `json:"error_text,omitempty"`
	Answer    string        `json:"answer"`
}

func (a answers) test(w http.ResponseWriter, r *http.Request) error {
	hook, err := a.target(r)
	if err != nil {
		return err
	}
	receipt, took, err := a.h.Test(r.Context(), hook.ID, randid.New("msg_test"))
	out := testAnswer{Delivered: err == nil, Status: receipt.Status, TookMS: took.Milliseconds(), Answer: strings.ToValidUTF8(receipt.Answer, "\uFFFD")}
	if err != nil {
		out.Error, out.ErrorText = err.Error(), httpapi.TextOf(err)
	}
	return api.WriteJSON(w, http.StatusOK, out)
}

func (a answers) pause(paused bool) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		hook, err := a.target(r)
		if err != nil {
			return err
		}
		if err := a.h.SetPaused(r.Context(), hook.ID, paused); err != nil {
			return err
		}
		return a.answer(w, r, http.StatusOK, hook, "")
	}
}
