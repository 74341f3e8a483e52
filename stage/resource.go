package stage

import (
	"context"
	_ "embed"
	"net/http"
	"strconv"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/api"
)

//go:embed openapi.yaml
var spec []byte

// The permissions of stages.
const (
	mayRead  access.Permission = "stages:read"
	mayWrite access.Permission = "stages:write"
)

// Parts is what the API works with. Stages is nil in a process that knows no persons, Start where no jobs are.
type Parts struct {
	Stages *Stages
	People api.People
	// Start starts a job of stages for a viewer; its id is empty when one is under way already.
	Start func(ctx context.Context, v *access.Viewer, kind string, input touchstone.JSON) (string, error)
}

// Resource is the API of stages. The function is asked when a request comes.
func Resource(parts func() Parts) api.Resource {
	x := resource{parts}
	const get, post, patch, del = http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete
	return api.Resource{Name: "Stages", Spec: spec, Serves: touchstone.Operation("what is known of people is computed and looked at by hand; what acts on it is asked for each person"),
		Permissions: []access.Declared{
			{Permission: mayRead, Allows: "see life cycles, who is in which stage, and how people go on"},
			{Permission: mayWrite, Allows: "write, change and delete life cycles"},
		},
		Routes: []api.Route{
			{Method: get, Path: "/stages", Need: mayRead, Rows: api.Impersonal, Handle: x.list},
			{Method: post, Path: "/stages", Need: mayWrite, Rows: api.Impersonal, Handle: x.create, Action: "stage.create"},
			{Method: get, Path: "/stages/{id}", Need: mayRead, Rows: api.Impersonal, Handle: x.get},
			{Method: patch, Path: "/stages/{id}", Need: mayWrite, Rows: api.Impersonal, Handle: x.update, Action: "stage.update"},
			{Method: del, Path: "/stages/{id}", Need: mayWrite, Handle: x.remove, Action: "stage.delete"},
			{Method: get, Path: "/stages/{id}/versions", Need: mayRead, Rows: api.Impersonal, Handle: x.versions},
			{Method: get, Path: "/stages/{id}/compare", Need: mayRead, Rows: api.Impersonal, Handle: x.compare},
			{Method: post, Path: "/stages/{id}/rollback", Need: mayWrite, Rows: api.Impersonal, Handle: x.rollback, Action: "stage.rollback"},
			{Method: get, Path: "/stages/{id}/report", Need: mayRead, Handle: x.report},
			{Method: get, Path: "/stages/{id}/spans", Need: mayRead, Rows: api.Scoped, Handle: x.spans},
			{Method: get, Path: "/persons/{ref}/stages", Need: mayRead, Rows: api.Scoped, Handle: x.of},
		}}
}

type resource struct{ parts func() Parts }

func (x resource) stages() (*Stages, error) {
	if s := x.parts().Stages; s != nil {
		return s, nil
	}
	return nil, api.NotHere("stages")
}

func whoOf(r *http.Request) Who {
	v := api.ViewerOf(r)
	return Who{ID: v.ID, Name: v.Name}
}

func (x resource) list(w http.ResponseWriter, r *http.Request) error {
	s, err := x.stages()
	if err != nil {
		return err
	}
	p, err := api.ReadPaging(r)
	if err != nil {
		return err
	}
	all, err := s.List(r.Context())
	if err != nil {
		return err
	}
	items, next, err := api.Cut(all, p, func(x *Cycle) string { return x.ID })
	if err != nil {
		return err
	}
	return api.WritePage(w, items, next)
}

// one answers with a life cycle and notes it in the audit log.
func one(w http.ResponseWriter, r *http.Request, status int, x Cycle, err error) error {
	if err != nil {
		return err
	}
	api.NoteTarget(r, x.ID, x.Name)
	return api.WriteJSON(w, status, x)
}

func (x resource) get(w http.ResponseWriter, r *http.Request) error {
	s, err := x.stages()
	if err != nil {
		return err
	}
	one, err := s.Get(r.Context(), api.Param(r, "id"))
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, one)
}

func (x resource) create(w http.ResponseWriter, r *http.Request) error {
	s, err := x.stages()
	if err != nil {
		return err
	}
	var in struct {
		Key         string     `json:"key"`
		Name        string     `json:"name"`
		Description string     `json:"description"`
		Owner       string     `json:"owner"`
		Definition  Definition `json:"definition"`
		Note        string     `json:"note"`
	}
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	if err := mayAsk(r, &in.Definition); err != nil {
		return err
	}
	made, err := s.Create(r.Context(), Draft(in), whoOf(r))
	return one(w, r, http.StatusCreated, made, err)
}

func (x resource) update(w http.ResponseWriter, r *http.Request) error {
	s, err := x.stages()
	if err != nil {
		return err
	}
	var in struct {
		Name        *string     `json:"name"`
		Description *string     `json:"description"`
		Owner       *string     `json:"owner"`
		Definition  *Definition `json:"definition"`
		Note        string      `json:"note"`
	}
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	if in.Definition != nil {
		if err := mayAsk(r, in.Definition); err != nil {
			return err
		}
	}
	changed, err := s.Update(r.Context(), api.Param(r, "id"), Patch(in), whoOf(r))
	return one(w, r, http.StatusOK, changed, err)
}

// mayAsk refuses rules that would tell contacts to who may not see them.
func mayAsk(r *http.Request, d *Definition) error {
	for _, rule := range d.rules() {
		if err := api.ViewerOf(r).CheckQuestion([]byte(rule)); err != nil {
			return err
		}
	}
	return nil
}

func (x resource) remove(w http.ResponseWriter, r *http.Request) error {
	s, err := x.stages()
	if err != nil {
		return err
	}
	cycle, err := s.Get(r.Context(), api.Param(r, "id"))
	if err != nil {
		return err
	}
	start := x.parts().Start
	if start == nil {
		return api.NotHere("jobs")
	}
	api.NoteTarget(r, cycle.ID, cycle.Name)
	id, err := start(r.Context(), api.ViewerOf(r), DeleteJob, touchstone.JSON(`{"cycle":`+strconv.Quote(cycle.ID)+`}`))
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusAccepted, map[string]any{"job": id})
}

func (x resource) versions(w http.ResponseWriter, r *http.Request) error {
	s, err := x.stages()
	if err != nil {
		return err
	}
	if _, err := s.Get(r.Context(), api.Param(r, "id")); err != nil {
		return err
	}
	list, err := s.Versions(r.Context(), api.Param(r, "id"))
	if err != nil {
		return err
	}
	return api.WritePage(w, list, "")
}

func readVersion(r *http.Request, name string) (int64, error) {
	n, err := strconv.ParseInt(r.URL.Query().Get(name), 10, 64)
	if err != nil || n < 1 {
		return 0, touchstone.Errorf(touchstone.Invalid, "%s: is the number of a version", name)
	}
	return n, nil
}

func (x resource) compare(w http.ResponseWriter, r *http.Request) error {
	s, err := x.stages()
	if err != nil {
		return err
	}
	from, err := readVersion(r, "from")
	if err != nil {
		return err
	}
	to, err := readVersion(r, "to")
	if err != nil {
		return err
	}
	list, err := s.Compare(r.Context(), api.Param(r, "id"), from, to)
	if err != nil {
		return err
	}
	return api.WritePage(w, list, "")
}

func (x resource) rollback(w http.ResponseWriter, r *http.Request) error {
	s, err := x.stages()
	if err != nil {
		return err
	}
	var in struct {
		Version int64 `json:"version"`
	}
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	changed, err := s.Rollback(r.Context(), api.Param(r, "id"), in.Version, whoOf(r))
	return one(w, r, http.StatusOK, changed, err)
}

// reportDays is how many days a report is about that says no other period.
const reportDays = 90

func (x resource) report(w http.ResponseWriter, r *http.Request) error {
	s, err := x.stages()
	if err != nil {
		return err
	}
	now := s.cfg.Clock.Now().Truncate(time.Minute).Add(time.Minute)
	to, err := api.ReadTime(r, "to", now)
	if err != nil {
		return err
	}
	from, err := api.ReadTime(r, "from", to.AddDate(0, 0, -reportDays))
	if err != nil {
		return err
	}
	report, err := s.Report(r.Context(), api.Param(r, "id"), from, to)
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, report)
}

// shownSpan is a span with who it is about.
type shownSpan struct {
	Span
	Line api.PersonLine `json:"line"`
}

func (x resource) spans(w http.ResponseWriter, r *http.Request) error {
	s, err := x.stages()
	if err != nil {
		return err
	}
	p, err := api.ReadPaging(r)
	if err != nil {
		return err
	}
	if _, err := s.Get(r.Context(), api.Param(r, "id")); err != nil {
		return err
	}
	q := SpanQuery{Limit: p.Limit, Cursor: p.After, Open: r.URL.Query().Get("open") == "true"}
	if r.URL.Query().Has("stage") {
		stage := r.URL.Query().Get("stage")
		q.Stage = &stage
	}
	list, next, err := s.Spans(r.Context(), api.Param(r, "id"), q)
	if err != nil {
		return err
	}
	persons := make([]touchstone.PersonID, len(list))
	for i := range list {
		persons[i] = list[i].Person
	}
	lines, err := x.parts().People.Lines(r.Context(), api.ViewerOf(r), persons)
	if err != nil {
		return err
	}
	of := make(map[touchstone.PersonID]api.PersonLine, len(lines))
	for _, l := range lines {
		of[l.ID] = l
	}
	shown := make([]shownSpan, 0, len(list))
	for _, one := range list {
		if line, visible := of[one.Person]; visible {
			shown = append(shown, shownSpan{one, line})
		}
	}
	return api.WritePage(w, shown, next)
}

func (x resource) of(w http.ResponseWriter, r *http.Request) error {
	s, err := x.stages()
	if err != nil {
		return err
	}
	person, err := x.parts().People.Find(r.Context(), api.ViewerOf(r), api.Param(r, "ref"))
	if err != nil {
		return err
	}
	list, err := s.Of(r.Context(), person)
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, map[string]any{"id": person, "items": list})
}
