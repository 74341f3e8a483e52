package analytics

import (
	"context"
	_ "embed"
	"net/http"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/profile"
	"github.com/touchstone-cdp/touchstone/segment"
)

//go:embed openapi.yaml
var spec []byte

// The permissions, beside RunSQL.
const (
	mayAsk       access.Permission = "analytics:read"
	readPeople   access.Permission = "people:read"    // declared by people
	makeSegments access.Permission = "segments:write" // declared by segments
	readNames    access.Permission = "catalogue:read"
)

// ResourceConfig is what the API of questions and of the catalogue needs. The functions are
// asked when a request comes; nil stands for what this process does not run.
type ResourceConfig struct {
	Engine   func() *Engine
	Segments func() *segment.Segments
	Profiles func() *profile.Profiles // for the catalogue of traits
	People   api.People
	Clock    touchstone.Clock
	// Different returns, by property, how many different values an event has had; nil where that is not counted.
	Different func(ctx context.Context, event string) (map[string]Ever, error)
	// Households returns a page of the households that some persons count in, how many they are, and the next cursor.
	Households func(ctx context.Context, v *access.Viewer, persons []touchstone.PersonID, cursor string, limit int) (items any, total int, next string, err error)
}

type resource struct{ cfg ResourceConfig }

// Resources are the API of questions about events and of the catalogue of what can be asked for.
func Resources(cfg ResourceConfig) []api.Resource {
	const get, post = http.MethodGet, http.MethodPost
	x := &resource{cfg}
	return []api.Resource{{Name: "Catalogue", Spec: spec, Serves: touchstone.Operation("names and values that are used, of nobody"), Permissions: []access.Declared{
		{Permission: readNames, Allows: "see which events, properties and traits there are"},
	}, Routes: []api.Route{
		{Method: get, Path: "/catalogue/events", Need: readNames, Rows: api.Scoped, Handle: x.listEvents},
		{Method: get, Path: "/catalogue/events/{name}/properties", Need: readNames, Rows: api.Scoped, Handle: x.listProperties},
		{Method: get, Path: "/catalogue/traits", Need: readNames, Rows: api.Scoped, Handle: x.listTraits},
		{Method: get, Path: "/catalogue/values", Need: readNames, Rows: api.Scoped, Handle: x.listValues},
	}}, {Name: "Analytics", Serves: touchstone.Operation("counts; events of who refuses to be counted are not taken in"), Permissions: []access.Declared{
		{Permission: mayAsk, Allows: "ask questions about events"},
		{Permission: RunSQL, Allows: "ask questions in SQL", AboutAll: true},
	}, Routes: []api.Route{
		{Method: post, Path: "/query", Need: mayAsk, Or: RunSQL, Rows: api.Scoped, Handle: x.query},
		{Method: post, Path: "/query/people", Need: mayAsk, Rows: api.Scoped, Serves: touchstone.For(touchstone.UseAnalyse), Handle: x.behind},
		{Method: post, Path: "/query/households", Need: mayAsk, Serves: touchstone.For(touchstone.UseAnalyse), Handle: x.householdsBehind},
		{Method: post, Path: "/query/segment", Need: makeSegments, Rows: api.Scoped, Handle: x.segment, Action: "segment.create"},
	}}}
}

func (x *resource) parts() (*Engine, error) {
	if e := x.cfg.Engine(); e != nil {
		return e, nil
	}
	return nil, api.NotHere("analytics")
}

func (x *resource) query(w http.ResponseWriter, r *http.Request) error {
	body, err := api.ReadBody(r)
	if err != nil {
		return err
	}
	if err := checkObject(body); err != nil {
		return err
	}
	engine, err := x.parts()
	if err != nil {
		return err
	}
	answer, err := engine.Run(r.Context(), api.ViewerOf(r), body)
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, answer)
}

// checkObject refuses what is not one JSON object, before a package with a parser of its
// own sees it.
func checkObject(body []byte) error {
	if len(body) == 0 {
		return touchstone.Errorf(touchstone.Invalid, "The body is empty.").WithHint("Send a JSON object.")
	}
	var v jsontext.Value
	if err := api.DecodeJSON(body, &v); err != nil {
		return err
	}
	if v.Kind() != '{' {
		return touchstone.Errorf(touchstone.Invalid, "The body must be an object, not %s.", api.KindName(v.Kind()))
	}
	return nil
}

type peopleAnswer struct {
	Total      int              `json:"total"`
	Items      []api.PersonLine `json:"items"`
	NextCursor string           `json:"next_cursor"`
}

// behindInput names a number of an answer.
type behindInput struct {
	Query  jsontext.Value `json:"query"`
	Select jsontext.Value `json:"select"`
	Limit  *int           `json:"limit"`
	Cursor string         `json:"cursor"`
}

// readHouseholds is the permission that a list of households needs, declared by household.
const readHouseholds access.Permission = "households:read"

// householdsBehind answers with the households behind a number: those that its people count in.
func (x *resource) householdsBehind(w http.ResponseWriter, r *http.Request) error {
	var in behindInput
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	v := api.ViewerOf(r)
	if err := v.Require(readHouseholds); err != nil {
		return err
	}
	limit := api.DefaultLimit
	if in.Limit != nil {
		var err error
		if limit, err = api.ReadLimit(strconv.Itoa(*in.Limit)); err != nil {
			return err
		}
	}
	people, err := x.peopleBehind(r.Context(), v, in.Query, in.Select)
	if err != nil {
		return err
	}
	if people, err = api.Consenting(r.Context(), people); err != nil {
		return err
	}
	if x.cfg.Households == nil {
		return api.NotHere("households")
	}
	items, total, next, err := x.cfg.Households(r.Context(), v, people, in.Cursor, limit)
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, map[string]any{"total": total, "items": items, "next_cursor": next})
}

func (x *resource) behind(w http.ResponseWriter, r *http.Request) error {
	var in behindInput
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	if err := api.ViewerOf(r).Require(readPeople); err != nil {
		return err
	}
	p := api.Paging{Limit: api.DefaultLimit}
	if in.Limit != nil {
		var err error
		if p.Limit, err = api.ReadLimit(strconv.Itoa(*in.Limit)); err != nil {
			return err
		}
	}
	var err error
	if p.After, err = api.DecodeCursor(in.Cursor); err != nil {
		return err
	}
	people, err := x.peopleBehind(r.Context(), api.ViewerOf(r), in.Query, in.Select)
	if err != nil {
		return err
	}
	if people, err = api.Consenting(r.Context(), people); err != nil {
		return err
	}
	ids, next, err := cutPersons(people, p)
	if err != nil {
		return err
	}
	items, err := x.cfg.People.Lines(r.Context(), api.ViewerOf(r), ids)
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, peopleAnswer{len(people), items, api.EncodeCursor(next)})
}

func (x *resource) peopleBehind(ctx context.Context, v *access.Viewer, query, sel jsontext.Value) ([]touchstone.PersonID, error) {
	if query.Kind() != '{' || sel.Kind() != '{' {
		return nil, touchstone.Errorf(touchstone.Invalid, "Give \"query\", the question, and \"select\", which number of its answer is meant; both are objects.")
	}
	engine, err := x.parts()
	if err != nil {
		return nil, err
	}
	return engine.People(ctx, v, query, sel)
}

// cutPersons returns the page of an ascending list after the person in the cursor. New
// events may have changed the list since; ids stay in order, so nobody is shown twice.
func cutPersons(all []touchstone.PersonID, p api.Paging) (ids []touchstone.PersonID, next string, err error) {
	if p.After != "" {
		after, ok := touchstone.ParsePersonID(p.After)
		if !ok {
			return nil, "", api.BadCursor()
		}
		at, found := slices.BinarySearch(all, after)
		if found {
			at++
		}
		all = all[at:]
	}
	if len(all) <= p.Limit {
		return all, "", nil
	}
	return all[:p.Limit], all[p.Limit-1].String(), nil
}

func (x *resource) segment(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Query       jsontext.Value `json:"query"`
		Select      jsontext.Value `json:"select"`
		Name        string         `json:"name"`
		Description string         `json:"description"`
		Purpose     string         `json:"purpose"`
	}
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	if _, err := api.CheckName("name", in.Name, 200); err != nil {
		return err
	}
	segments := x.cfg.Segments()
	if segments == nil {
		return api.NotHere("segments")
	}
	people, err := x.peopleBehind(r.Context(), api.ViewerOf(r), in.Query, in.Select)
	if err != nil {
		return err
	}
	s, err := segments.CreateStatic(r.Context(), segment.Draft{Name: in.Name, Description: in.Description, Purpose: in.Purpose}, people)
	if err != nil {
		return err
	}
	api.NoteTarget(r, s.ID, s.Name)
	if s, err = segments.Get(r.Context(), api.ViewerOf(r), s.ID); err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusCreated, s)
}
