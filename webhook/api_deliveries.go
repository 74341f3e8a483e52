package webhook

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/internal/httpapi"
	"github.com/touchstone-cdp/touchstone/outbox"
)

// deliveryAnswer is a call with its last attempt.
type deliveryAnswer struct {
	ID         string              `json:"id"`
	Type       string              `json:"type"`
	Segment    string              `json:"segment"`
	Person     touchstone.PersonID `json:"person"`
	State      outbox.State        `json:"state"`
	PutAt      time.Time           `json:"put_at"`
	Due        time.Time           `json:"due"`
	FinishedAt time.Time           `json:"finished_at"`
	Attempts   int                 `json:"attempts"`
	Status     int                 `json:"status"`
	TookMS     int64               `json:"took_ms"`
	Error      string              `json:"error"`
	ErrorText  *httpapi.Text       `json:"error_text,omitempty"`
	Answer     string              `json:"answer"`
}

// deliveryDetail is a call with all that is known of it.
type deliveryDetail struct {
	deliveryAnswer
	Body     *touchstone.JSON `json:"body"` // null once it is delivered
	Failures []failureAnswer  `json:"failures"`
}

type failureAnswer struct {
	Attempt   int           `json:"attempt"`
	At        time.Time     `json:"at"`
	Status    int           `json:"status"`
	TookMS    int64         `json:"took_ms"`
	Error     string        `json:"error"`
	ErrorText *httpapi.Text `json:"error_text,omitempty"`
	Answer    string        `json:"answer"`
}

// shownAnswer hides what a receiver said from who sees no contacts, if it was sent some: it
// may have said them back.
func shownAnswer(v *access.Viewer, w *Webhook, text string) string {
	if w.Identifiers == IdentifiersFull && !v.SeesContacts() {
		return ""
	}
	return text
}

func showDelivery(v *access.Viewer, w *Webhook, l *outbox.Letter) deliveryAnswer {
	kind, segment, _ := strings.Cut(l.Label, " ")
	return deliveryAnswer{
		ID: l.ID, Type: kind, Segment: segment, Person: l.Person, State: l.State, PutAt: l.PutAt, Due: l.Due, FinishedAt: l.FinishedAt,
		Attempts: l.Attempts, Status: l.Status, TookMS: l.Took.Milliseconds(), Error: l.Error, ErrorText: l.Why, Answer: shownAnswer(v, w, l.Answer),
	}
}

func (a answers) deliveries(w http.ResponseWriter, r *http.Request) error {
	p, err := api.ReadPaging(r)
	if err != nil {
		return err
	}
	state := outbox.State(r.URL.Query().Get("state"))
	if state == "" {
		state = outbox.Delivered
	}
	hook, err := a.h.Get(r.Context(), api.Param(r, "id"))
	if err != nil {
		return err
	}
	letters, next, err := a.h.cfg.Outbox.List(r.Context(), Kind, hook.ID, state, p.Limit, p.After)
	if err != nil {
		return err
	}
	items := make([]deliveryAnswer, len(letters))
	for i := range letters {
		items[i] = showDelivery(api.ViewerOf(r), &hook, &letters[i])
	}
	return api.WritePage(w, items, next)
}

func (a answers) delivery(w http.ResponseWriter, r *http.Request) error {
	hook, err := a.h.Get(r.Context(), api.Param(r, "id"))
	if err != nil {
		return err
	}
	id := api.Param(r, "delivery")
	l, attempts, err := a.h.cfg.Outbox.Get(r.Context(), id)
	if err != nil {
		return err
	}
	if l.Kind != Kind || l.Destination != hook.ID {
		return touchstone.Errorf(touchstone.NotFound, "There is no delivery %q.", id)
	}
	v := api.ViewerOf(r)
	out := deliveryDetail{deliveryAnswer: showDelivery(v, &hook, &l), Failures: make([]failureAnswer, len(attempts))}
	for i, at := range attempts {
		out.Failures[i] = failureAnswer{at.Attempt, at.At, at.Status, at.Took.Milliseconds(), at.Error, at.Why, shownAnswer(v, &hook, at.Answer)}
	}
	if len(l.Body) > 0 {
		body, err := a.shownBody(v, l.Body)
		if err != nil {
			return err
		}
		out.Body = &body
	}
	return api.WriteJSON(w, http.StatusOK, out)
}

// shownBody masks the identifiers for who sees no contacts.
func (a answers) shownBody(v *access.Viewer, body []byte) (touchstone.JSON, error) {
	if v.SeesContacts() {
		return touchstone.JSON(body), nil
	}
	var p payload
	if err := json.Unmarshal(body, &p); err != nil {
		return "", err
	}
	if list := p.Data.Person.Identifiers; list != nil {
		for i := range *list {
			(*list)[i] = a.h.cfg.Mask((*list)[i])
		}
	}
	text, err := json.Marshal(p)
	return touchstone.JSON(text), err
}

// which names dead letters: some, or all.
type which struct {
	IDs []string `json:"ids"`
	All bool     `json:"all"`
}

const maxIDs = 1000

func readWhich(r *http.Request) (in which, err error) {
	if err := api.ReadJSON(r, &in); err != nil {
		return in, err
	}
	switch {
	case in.All == (len(in.IDs) > 0):
		return in, touchstone.Errorf(touchstone.Invalid, "Give either \"ids\" or \"all\".")
	case len(in.IDs) > maxIDs:
		return in, touchstone.Errorf(touchstone.Invalid, "At most %d ids are taken at once.", maxIDs)
	}
	return in, nil
}

type countAnswer struct {
	Count int64 `json:"count"`
}

func (a answers) replay(w http.ResponseWriter, r *http.Request) error {
	return a.changeDead(w, r, a.h.cfg.Outbox.Replay)
}

func (a answers) discard(w http.ResponseWriter, r *http.Request) error {
	return a.changeDead(w, r, a.h.cfg.Outbox.Discard)
}

func (a answers) changeDead(w http.ResponseWriter, r *http.Request, change deadChange) error {
	in, err := readWhich(r)
	if err != nil {
		return err
	}
	hook, err := a.target(r)
	if err != nil {
		return err
	}
	n, err := change(r.Context(), Kind, hook.ID, in.IDs, in.All)
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, countAnswer{n})
}

// deadChange is Replay or Discard of the outbox.
type deadChange func(ctx context.Context, kind, destination string, ids []string, all bool) (int64, error)
