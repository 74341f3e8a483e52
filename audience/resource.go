package audience

import (
	_ "embed"
	"net/http"
	"strconv"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/api"
)

//go:embed openapi.yaml
var spec []byte

// The permissions, which segments declare.
const (
	mayRead  access.Permission = "segments:read"
	mayWrite access.Permission = "segments:write"
)

const (
	maxAskedBytes = 4 << 20
	usualPoints   = 48
	usualHours    = 7 * 24
)

type resource struct {
	audience func() *Audience
	people   api.People
}

// Resource is the API of audiences. The function is asked when a request comes; it returns nil in a process that knows no persons.
func Resource(audience func() *Audience, people api.People) api.Resource {
	const get, post = http.MethodGet, http.MethodPost
	x := &resource{audience, people}
	shows := touchstone.For(touchstone.UseAct)
	return api.Resource{
		Name: "Audiences", Spec: spec, Serves: touchstone.Operation("counts, and definitions; who hands out or acts on members says so"),
		Routes: []api.Route{
			{Method: post, Path: "/audience/count", Need: mayRead, Rows: api.Scoped, Serves: shows, Handle: x.count, MaxBody: maxAskedBytes},
			{Method: post, Path: "/audience/overlap", Need: mayRead, Rows: api.Scoped, Serves: shows, Handle: x.overlap, MaxBody: maxAskedBytes},
			{Method: post, Path: "/audience/portrait", Need: mayRead, Rows: api.Scoped, Handle: x.portrait, MaxBody: maxAskedBytes},
			{Method: get, Path: "/audience/fields", Need: mayRead, Rows: api.Scoped, Handle: x.fields},
			{Method: post, Path: "/audience/freeze", Need: mayWrite, Rows: api.Scoped, Handle: x.freeze, Action: "segment.freeze", MaxBody: maxAskedBytes},
			{Method: get, Path: "/segments/{id}/trend", Need: mayRead, Rows: api.Scoped, Handle: x.trend},
			{Method: get, Path: "/segments/{id}/flow", Need: mayRead, Rows: api.Scoped, Handle: x.flow},
			{Method: get, Path: "/segments/{id}/origin", Need: mayRead, Rows: api.Scoped, Handle: x.origin},
		},
	}
}

func (x *resource) part() (*Audience, error) {
	if a := x.audience(); a != nil {
		return a, nil
	}
	return nil, api.NotHere("segments")
}

// check refuses rules that would tell contacts bit by bit to who may not see them.
func check(r *http.Request, list ...Who) error {
	for _, w := range list {
		if err := api.ViewerOf(r).CheckQuestion([]byte(w.Rule)); err != nil {
			return err
		}
	}
	return nil
}

// lines shows a sample. Who has no profile any more was erased since the sample was taken.
func (x *resource) lines(r *http.Request, persons []touchstone.PersonID, limit int) ([]api.PersonLine, error) {
	lines, err := x.people.Lines(r.Context(), api.ViewerOf(r), persons)
	shown := []api.PersonLine{}
	for i := range lines {
		if len(shown) < limit && !lines[i].FirstSeen.IsZero() {
			shown = append(shown, lines[i])
		}
	}
	return shown, err
}

func (x *resource) count(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Who
		When
		Sample SampleOf `json:"sample"`
	}
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	a, err := x.part()
	if err != nil {
		return err
	}
	if err := check(r, in.Who); err != nil {
		return err
	}
	c, err := a.Count(r.Context(), api.ViewerOf(r), in.Who, in.When, in.Sample)
	if err != nil {
		return err
	}
	answer := struct {
		Count
		Sample []api.PersonLine `json:"sample"`
	}{Count: c}
	if answer.Sample, err = x.lines(r, c.Sample, in.Sample.limit()); err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, answer)
}

func (x *resource) overlap(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Sets []Who `json:"sets"`
		When
		Sample *SampleIn `json:"sample"`
	}
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	a, err := x.part()
	if err != nil {
		return err
	}
	if err := check(r, in.Sets...); err != nil {
		return err
	}
	o, err := a.Overlap(r.Context(), api.ViewerOf(r), in.Sets, in.When, in.Sample)
	if err != nil {
		return err
	}
	answer := struct {
		Overlap
		Sample []api.PersonLine `json:"sample"`
	}{Overlap: o}
	limit := 0
	if in.Sample != nil {
		limit = SampleOf{Limit: in.Sample.Limit}.limit()
	}
	if answer.Sample, err = x.lines(r, o.Sample, limit); err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, answer)
}

func (x *resource) portrait(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Who
		When
		Fields []FieldName `json:"fields"`
		Limit  int         `json:"limit"`
	}
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	a, err := x.part()
	if err != nil {
		return err
	}
	if err := check(r, in.Who); err != nil {
		return err
	}
	p, err := a.Portrait(r.Context(), api.ViewerOf(r), in.Who, in.When, in.Fields, in.Limit)
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, p)
}

func (x *resource) fields(w http.ResponseWriter, r *http.Request) error {
	a, err := x.part()
	if err != nil {
		return err
	}
	list, err := a.Fields(r.Context(), api.ViewerOf(r))
	if err != nil {
		return err
	}
	return api.WritePage(w, list, "")
}

func (x *resource) freeze(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Name        string          `json:"name"`
		Description string          `json:"description"`
		Purpose     string          `json:"purpose"`
		Segment     string          `json:"segment"`
		Rule        touchstone.JSON `json:"rule"`
		When
	}
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	a, err := x.part()
	if err != nil {
		return err
	}
	who := Who{Segment: in.Segment, Rule: in.Rule}
	if err := check(r, who); err != nil {
		return err
	}
	made, err := a.Freeze(r.Context(), api.ViewerOf(r), NewList{in.Name, in.Description, in.Purpose}, who, in.When)
	if err != nil {
		return err
	}
	api.NoteTarget(r, made.Segment, in.Name)
	return api.WriteJSON(w, http.StatusCreated, made)
}

// whole reads a whole number of the query.
func whole(r *http.Request, name string, usual, most int) (int, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return usual, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return 0, touchstone.Errorf(touchstone.Invalid, "The parameter %s must be a whole number from %d to %d.", name, 1, most)
	}
	return n, nil
}

func (x *resource) trend(w http.ResponseWriter, r *http.Request) error {
	a, err := x.part()
	if err != nil {
		return err
	}
	points, err := whole(r, "points", usualPoints, mostPoints)
	if err != nil {
		return err
	}
	interval := r.URL.Query().Get("interval")
	if interval == "" {
		interval = hourly
	}
	t, err := a.Trend(r.Context(), api.ViewerOf(r), api.Param(r, "id"), interval, points)
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, t)
}

func (x *resource) flow(w http.ResponseWriter, r *http.Request) error {
	a, err := x.part()
	if err != nil {
		return err
	}
	hours, err := whole(r, "hours", usualHours, mostHours)
	if err != nil {
		return err
	}
	f, err := a.Flow(r.Context(), api.ViewerOf(r), api.Param(r, "id"), hours, r.URL.Query().Get("reasons") == "true")
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, f)
}

func (x *resource) origin(w http.ResponseWriter, r *http.Request) error {
	a, err := x.part()
	if err != nil {
		return err
	}
	o, err := a.OriginOf(r.Context(), api.ViewerOf(r), api.Param(r, "id"))
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, struct {
		Origin *Origin `json:"origin"`
	}{o})
}
