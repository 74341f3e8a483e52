package console

import (
	"context"
	"net/http"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/analytics"
	"github.com/touchstone-cdp/touchstone/api"
)

// Questions answers questions about events: *analytics.Engine.
type Questions interface {
	Run(ctx context.Context, v *access.Viewer, query []byte) (*analytics.Answer, error)
	// People returns the people behind one number of an answer, by ascending id.
	People(ctx context.Context, v *access.Viewer, query, sel []byte) ([]touchstone.PersonID, error)
}

func (c *Console) questions() (Questions, error) {
	if c.cfg.Questions == nil {
		return nil, api.NotHere("analytics")
	}
	return c.cfg.Questions, nil
}

func (c *Console) query(w http.ResponseWriter, r *http.Request) error {
	body, err := api.ReadBody(r)
	if err != nil {
		return err
	}
	if err := checkObject(body); err != nil {
		return err
	}
	questions, err := c.questions()
	if err != nil {
		return err
	}
	answer, err := questions.Run(r.Context(), api.ViewerOf(r), body)
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

func (c *Console) queryPeople(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Query  jsontext.Value `json:"query"`
		Select jsontext.Value `json:"select"`
		Limit  *int           `json:"limit"`
		Cursor string         `json:"cursor"`
	}
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	if err := api.ViewerOf(r).Require("people:read"); err != nil {
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
	people, err := c.peopleBehind(r.Context(), api.ViewerOf(r), in.Query, in.Select)
	if err != nil {
		return err
	}
	ids, next, err := cutPersons(people, p)
	if err != nil {
		return err
	}
	items, err := c.summaries(r.Context(), api.ViewerOf(r), ids)
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, peopleAnswer{len(people), items, api.EncodeCursor(next)})
}

func (c *Console) peopleBehind(ctx context.Context, v *access.Viewer, query, sel jsontext.Value) ([]touchstone.PersonID, error) {
	if query.Kind() != '{' || sel.Kind() != '{' {
		return nil, touchstone.Errorf(touchstone.Invalid, "Give \"query\", the question, and \"select\", which number of its answer is meant; both are objects.")
	}
	questions, err := c.questions()
	if err != nil {
		return nil, err
	}
	return questions.People(ctx, v, query, sel)
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

func (c *Console) querySegment(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Query       jsontext.Value `json:"query"`
		Select      jsontext.Value `json:"select"`
		Name        string         `json:"name"`
		Description string         `json:"description"`
	}
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	if _, err := api.CheckName("name", in.Name, 200); err != nil {
		return err
	}
	segments, err := c.segments()
	if err != nil {
		return err
	}
	people, err := c.peopleBehind(r.Context(), api.ViewerOf(r), in.Query, in.Select)
	if err != nil {
		return err
	}
	s, err := segments.CreateStatic(r.Context(), in.Name, in.Description, people)
	if err != nil {
		return err
	}
	api.NoteTarget(r, s.ID, s.Name)
	return api.WriteJSON(w, http.StatusCreated, s)
}
