package inbox

import (
	"context"
	_ "embed"
	"net/http"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/internal/httpapi"
)

//go:embed openapi.yaml
var spec []byte

// The permissions of reactors.
const (
	mayRead  access.Permission = "reactors:read"
	mayWrite access.Permission = "reactors:write"
)

// Resource is the API of reactors. The function is asked when a request comes.
func Resource(in func() *Inbox) api.Resource {
	r := resource{in}
	const get, post = http.MethodGet, http.MethodPost
	return api.Resource{Name: "Reactors", Spec: spec, Serves: touchstone.Operation("of the program itself"),
		Permissions: []access.Declared{
			{Permission: mayRead, Allows: "see how far reactors are, and what they could not work on"},
			{Permission: mayWrite, Allows: "replay and discard what reactors could not work on"},
		},
		Routes: []api.Route{
			{Method: get, Path: "/reactors", Need: mayRead, Handle: r.list},
			{Method: get, Path: "/reactors/{name}/dead-letters", Need: mayRead, Handle: r.letters},
			{Method: post, Path: "/reactors/{name}/dead-letters/replay", Need: mayWrite, Handle: r.replay, Action: "reactor.replay"},
			{Method: post, Path: "/reactors/{name}/dead-letters/discard", Need: mayWrite, Handle: r.discard, Action: "reactor.discard"},
		}}
}

type resource struct{ in func() *Inbox }

// reactorView is a reactor in an answer.
type reactorView struct {
	Name         string    `json:"name"`
	State        State     `json:"state"`
	Waiting      int64     `json:"waiting"`
	Oldest       time.Time `json:"oldest"`
	LagSeconds   float64   `json:"lag_seconds"`
	Passed       int64     `json:"passed"`
	Dropped      int64     `json:"dropped"`
	DeadLetters  int64     `json:"dead_letters"`
	FailingSince time.Time `json:"failing_since"`
	Attempts     int       `json:"attempts"`
	Error        string    `json:"error"`
	// ErrorText is what Error is made from, for other languages; ReasonText likewise.
	ErrorText *httpapi.Text `json:"error_text,omitempty"`
}

func (x resource) list(w http.ResponseWriter, r *http.Request) error {
	p, err := api.ReadPaging(r)
	if err != nil {
		return err
	}
	in := x.in()
	all, err := in.Progress(r.Context())
	if err != nil {
		return err
	}
	now := in.cfg.Clock.Now()
	views := make([]reactorView, len(all))
	for i, g := range all {
		views[i] = reactorView{g.Name, g.State, g.Waiting, g.Oldest, 0, g.Passed, g.Dropped, g.DeadLetters, g.Since, g.Attempts, g.Error, g.Why}
		if !g.Oldest.IsZero() {
			views[i].LagSeconds = max(0, now.Sub(g.Oldest).Seconds())
		}
	}
	items, next, err := api.Cut(views, p, func(v *reactorView) string { return v.Name })
	if err != nil {
		return err
	}
	return api.WritePage(w, items, next)
}

// letterView is a dead letter in an answer: what it was about, but nothing that the event
// held, so there is nothing to mask.
type letterView struct {
	ID         string        `json:"id"`
	Kind       string        `json:"kind"`
	Person     *string       `json:"person"`
	Name       string        `json:"name"`
	Time       time.Time     `json:"time"`
	MessageID  string        `json:"message_id"`
	Reason     string        `json:"reason"`
	ReasonText *httpapi.Text `json:"reason_text,omitempty"`
	DiedAt     time.Time     `json:"died_at"`
	Attempts   int           `json:"attempts"`
	Waiting    bool          `json:"waiting"`
}

func (x resource) letters(w http.ResponseWriter, r *http.Request) error {
	p, err := api.ReadPaging(r)
	if err != nil {
		return err
	}
	list, next, err := x.in().DeadLetters(r.Context(), api.Param(r, "name"), p.Limit, p.After)
	if err != nil {
		return err
	}
	views := make([]letterView, len(list))
	for i := range list {
		l := &list[i]
		o := &l.Occurrence
		views[i] = letterView{l.ID, o.Kind.String(), nil, o.Name, o.Time, o.MessageID, l.Reason, l.Why, l.DiedAt, l.Attempts, l.Waiting}
		if o.Person != 0 {
			id := o.Person.String()
			views[i].Person = &id
		}
	}
	return api.WritePage(w, views, next)
}

// maxIDs bounds the dead letters that a call names.
const maxIDs = 1000

// change runs an action on some or all dead letters of the reactor.
func (x resource) change(w http.ResponseWriter, r *http.Request, do func(ctx context.Context, reactor string, ids []string) (int64, error)) error {
	var in struct {
		IDs []string `json:"ids"`
		All bool     `json:"all"`
	}
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	switch {
	case in.All == (len(in.IDs) > 0):
		return touchstone.Errorf(touchstone.Invalid, "Name the dead letters in \"ids\", or set \"all\".")
	case len(in.IDs) > maxIDs:
		return touchstone.Errorf(touchstone.Invalid, "At most %d dead letters can be named at a time.", maxIDs).WithHint("Set \"all\" for all of them.")
	}
	name := api.Param(r, "name")
	n, err := do(r.Context(), name, in.IDs)
	if err != nil {
		return err
	}
	api.NoteTarget(r, name, name)
	return api.WriteJSON(w, http.StatusOK, struct {
		Changed int64 `json:"changed"`
	}{n})
}

func (x resource) replay(w http.ResponseWriter, r *http.Request) error {
	return x.change(w, r, x.in().Replay)
}

func (x resource) discard(w http.ResponseWriter, r *http.Request) error {
	return x.change(w, r, x.in().Discard)
}
