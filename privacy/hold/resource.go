package hold

import (
	"context"
	_ "embed"
	"encoding/json"
	"net/http"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/api"
)

//go:embed openapi.yaml
var spec []byte

// The permissions of holds.
const (
	mayRead  access.Permission = "holds:read"
	mayWrite access.Permission = "holds:write"
)

// Parts is what a process knows of holds.
type Parts struct {
	Holds  *Holds // nil: this process knows none
	People api.People
	// Identifiers returns those of persons, as a command names them.
	Identifiers func(ctx context.Context, persons []touchstone.PersonID) (map[touchstone.PersonID][]touchstone.Identifier, error)
	// Segment checks that there is such a segment.
	Segment func(ctx context.Context, id string) error
	// Ask has the pipeline carry out a command.
	Ask func(r *http.Request, kind string, body, result any) (string, error)
}

// Resource is the API of holds.
func Resource(of func() Parts) api.Resource {
	x := resource{of}
	return api.Resource{Name: "Holds", Spec: spec, Serves: touchstone.Operation("a duty of the law"),
		Permissions: []access.Declared{
			{Permission: mayRead, Allows: "see which persons are held, by whom and why"},
			{Permission: mayWrite, Allows: "place holds, so that nothing of some persons is removed, and lift them"},
		},
		Routes: []api.Route{
			{Method: http.MethodGet, Path: "/holds", Need: mayRead, Handle: x.list},
			{Method: http.MethodPost, Path: "/holds", Need: mayWrite, Handle: x.place, Action: "hold.place"},
			{Method: http.MethodGet, Path: "/holds/{id}", Need: mayRead, Handle: x.get},
			{Method: http.MethodPost, Path: "/holds/{id}/lift", Need: mayWrite, Handle: x.lift, Action: "hold.lift"},
		}}
}

type resource struct{ of func() Parts }

func (x resource) parts() (Parts, error) {
	p := x.of()
	if p.Holds == nil {
		return p, api.NotHere("holds")
	}
	return p, nil
}

func (x resource) list(w http.ResponseWriter, r *http.Request) error {
	p, err := x.parts()
	if err != nil {
		return err
	}
	list, err := p.Holds.List(r.Context())
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, map[string]any{"items": list})
}

// maxLines is how many of those whom a hold names are shown.
const maxLines = 200

func (x resource) get(w http.ResponseWriter, r *http.Request) error {
	p, err := x.parts()
	if err != nil {
		return err
	}
	one, err := p.Holds.get(r.Context(), p.Holds.cfg.DB.Reader(), api.Param(r, "id"))
	if err != nil {
		return err
	}
	named, err := p.Holds.Named(r.Context(), one.ID)
	if err != nil {
		return err
	}
	one.Persons = len(named)
	lines, err := p.People.Lines(r.Context(), api.ViewerOf(r), named[:min(len(named), maxLines)])
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, struct {
		*Hold
		People []api.PersonLine `json:"people"`
	}{one, lines})
}

// placing is what a call asks for.
type placing struct {
	Reason  string     `json:"reason"`
	Persons []string   `json:"persons"` // references: p_… or kind:value
	Segment string     `json:"segment"`
	Until   *time.Time `json:"until"`
}

// maxPersons bounds whom one call names; more belong in a segment.
const maxPersons = 500

func (x resource) place(w http.ResponseWriter, r *http.Request) error {
	p, err := x.parts()
	if err != nil {
		return err
	}
	var in placing
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	if len(in.Persons) > maxPersons {
		return touchstone.Errorf(touchstone.TooLarge, "a call names at most %d persons", maxPersons).WithHint("put the persons in a segment and hold that")
	}
	body := PlaceBody{Reason: in.Reason, Segment: in.Segment}
	if in.Until != nil {
		if !in.Until.After(p.Holds.cfg.Clock.Now()) {
			return touchstone.Errorf(touchstone.Invalid, "the hold would have ended already")
		}
		body.Until = in.Until.UTC()
	}
	if in.Segment != "" && p.Segment != nil {
		if err := p.Segment(r.Context(), in.Segment); err != nil {
			return err
		}
	}
	persons := make([]touchstone.PersonID, len(in.Persons))
	for i, ref := range in.Persons {
		if persons[i], err = p.People.Find(r.Context(), api.ViewerOf(r), ref); err != nil {
			return err
		}
	}
	ids, err := p.Identifiers(r.Context(), persons)
	if err != nil {
		return err
	}
	for _, person := range persons {
		for _, id := range ids[person] {
			body.Identifiers = append(body.Identifiers, id.String())
		}
	}
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	if err := checkPlace(touchstone.JSON(text)); err != nil {
		return err
	}
	var out Placed
	if _, err := p.Ask(r, PlaceCommand, body, &out); err != nil {
		return err
	}
	return x.answer(w, r, p, out.ID, http.StatusCreated)
}

func (x resource) lift(w http.ResponseWriter, r *http.Request) error {
	p, err := x.parts()
	if err != nil {
		return err
	}
	var out Placed
	if _, err := p.Ask(r, LiftCommand, LiftBody{api.Param(r, "id")}, &out); err != nil {
		return err
	}
	return x.answer(w, r, p, out.ID, http.StatusOK)
}

// answer shows the hold, and notes what was done: the reason stands in the hold.
func (x resource) answer(w http.ResponseWriter, r *http.Request, p Parts, id string, status int) error {
	one, err := p.Holds.get(r.Context(), p.Holds.cfg.DB.Reader(), id)
	if err != nil {
		return err
	}
	named, err := p.Holds.Named(r.Context(), id)
	if err != nil {
		return err
	}
	one.Persons = len(named)
	api.NoteTarget(r, id, "")
	api.NoteDetail(r, map[string]any{"persons": one.Persons, "segment": one.Segment, "until": one.Until})
	return api.WriteJSON(w, status, one)
}
