package console

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/segment"
	"github.com/touchstone-cdp/touchstone/segment/rule"
)

// Segments are the definitions: *segment.Segments.
type Segments interface {
	List(ctx context.Context) ([]segment.Segment, error)
	Get(ctx context.Context, id string) (segment.Segment, error)
	Create(ctx context.Context, d segment.Draft) (segment.Segment, error)
	CreateStatic(ctx context.Context, name, description string, persons []touchstone.PersonID) (segment.Segment, error)
	Update(ctx context.Context, id string, p segment.Patch) (segment.Segment, error)
	Delete(ctx context.Context, id string) error
	Preview(ctx context.Context, rule touchstone.JSON) (segment.Preview, error)
}

// Members are who is in the segments: *segment.Segments.
type Members interface {
	Members(ctx context.Context, id string, limit int, cursor string) ([]segment.Member, string, error)
	Memberships(ctx context.Context, person touchstone.PersonID) ([]segment.Membership, error)
	Changes(ctx context.Context, id string, limit int, cursor string) ([]segment.Change, string, error)
	History(ctx context.Context, id string, days int) ([]segment.Day, error)
	Movements(ctx context.Context, days, limit int) ([]segment.Movement, error)
}

const (
	maxStaticPersons = 100_000 // in one body
	historyDays      = 90
)

func (c *Console) segments() (Segments, error) {
	if c.cfg.Segments == nil {
		return nil, api.NotHere("segments")
	}
	return c.cfg.Segments, nil
}

func (c *Console) members() (Members, error) {
	if c.cfg.Members == nil {
		return nil, api.NotHere("segments")
	}
	return c.cfg.Members, nil
}

func segmentVersion(s *segment.Segment) string {
	return api.ETag(s.ID, s.Name, s.Description, string(s.Rule), strconv.FormatInt(s.Version, 10))
}

func (c *Console) listSegments(w http.ResponseWriter, r *http.Request) error {
	p, err := api.ReadPaging(r)
	if err != nil {
		return err
	}
	segments, err := c.segments()
	if err != nil {
		return err
	}
	all, err := segments.List(r.Context())
	if err != nil {
		return err
	}
	items, next, err := api.Cut(all, p, func(s *segment.Segment) string { return s.ID })
	if err != nil {
		return err
	}
	return api.WritePage(w, items, next)
}

func (c *Console) getSegment(w http.ResponseWriter, r *http.Request) error {
	segments, err := c.segments()
	if err != nil {
		return err
	}
	s, err := segments.Get(r.Context(), api.Param(r, "id"))
	if err != nil {
		return err
	}
	w.Header().Set("ETag", segmentVersion(&s))
	return api.WriteJSON(w, http.StatusOK, s)
}

func (c *Console) createSegment(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Name        string                 `json:"name"`
		Description string                 `json:"description"`
		Rule        touchstone.JSON        `json:"rule"`
		Persons     *[]touchstone.PersonID `json:"persons"`
	}
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	segments, err := c.segments()
	if err != nil {
		return err
	}
	if err := api.ViewerOf(r).CheckQuestion([]byte(in.Rule)); err != nil {
		return err
	}
	ruled := in.Rule != "" && in.Rule != "null"
	var s segment.Segment
	switch {
	case ruled == (in.Persons != nil):
		return touchstone.Errorf(touchstone.Invalid, "Give either \"rule\" or \"persons\".").
			WithHint("A rule makes a segment that follows it; persons make a fixed list.")
	case ruled:
		s, err = segments.Create(r.Context(), segment.Draft{Name: in.Name, Description: in.Description, Rule: in.Rule})
	case len(*in.Persons) > maxStaticPersons:
		return touchstone.Errorf(touchstone.Invalid, "The field \"persons\" has %d entries; at most %d fit.", len(*in.Persons), maxStaticPersons)
	default:
		var persons []touchstone.PersonID
		if persons, err = c.knownPersons(r.Context(), *in.Persons); err == nil {
			s, err = segments.CreateStatic(r.Context(), in.Name, in.Description, persons)
		}
	}
	if err != nil {
		return err
	}
	api.NoteTarget(r, s.ID, s.Name)
	return api.WriteJSON(w, http.StatusCreated, s)
}

func (c *Console) updateSegment(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Name        *string          `json:"name"`
		Description *string          `json:"description"`
		Rule        *touchstone.JSON `json:"rule"`
	}
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	segments, err := c.segments()
	if err != nil {
		return err
	}
	if in.Rule != nil {
		if err := api.ViewerOf(r).CheckQuestion([]byte(*in.Rule)); err != nil {
			return err
		}
	}
	id := api.Param(r, "id")
	if r.Header.Get("If-Match") != "" {
		was, err := segments.Get(r.Context(), id)
		if err != nil {
			return err
		}
		if err := api.CheckIfMatch(r, segmentVersion(&was)); err != nil {
			return err
		}
	}
	s, err := segments.Update(r.Context(), id, segment.Patch{Name: in.Name, Description: in.Description, Rule: in.Rule})
	if err != nil {
		return err
	}
	api.NoteTarget(r, id, s.Name)
	w.Header().Set("ETag", segmentVersion(&s))
	return api.WriteJSON(w, http.StatusOK, s)
}

func (c *Console) deleteSegment(w http.ResponseWriter, r *http.Request) error {
	segments, err := c.segments()
	if err != nil {
		return err
	}
	id := api.Param(r, "id")
	was, err := segments.Get(r.Context(), id)
	if err != nil {
		return err
	}
	if err := segments.Delete(r.Context(), id); err != nil {
		return err
	}
	api.NoteTarget(r, id, was.Name)
	return api.NoContent(w)
}

type previewAnswer struct {
	Members   int64                 `json:"members"`
	Of        int64                 `json:"of"`
	Sample    []api.PersonLine      `json:"sample"`
	Leaves    []segment.PreviewLeaf `json:"leaves"`
	Warnings  []rule.Warning        `json:"warnings"`
	ElapsedMS int64                 `json:"elapsed_ms"`
}

func (c *Console) previewSegment(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Rule touchstone.JSON `json:"rule"`
	}
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	segments, err := c.segments()
	if err != nil {
		return err
	}
	if err := api.ViewerOf(r).CheckQuestion([]byte(in.Rule)); err != nil {
		return err
	}
	p, err := segments.Preview(r.Context(), in.Rule)
	if err != nil {
		return err
	}
	sample, err := c.summaries(r.Context(), api.ViewerOf(r), p.Sample)
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, previewAnswer{p.Members, p.Of, sample, p.Leaves, p.Warnings, p.ElapsedMS})
}

type memberAnswer struct {
	api.PersonLine
	EnteredAt time.Time `json:"entered_at"`
}

func (c *Console) listSegmentMembers(w http.ResponseWriter, r *http.Request) error {
	p, err := api.ReadPaging(r)
	if err != nil {
		return err
	}
	members, err := c.members()
	if err != nil {
		return err
	}
	list, next, err := members.Members(r.Context(), api.Param(r, "id"), p.Limit, p.After)
	if err != nil {
		return err
	}
	ids := make([]touchstone.PersonID, len(list))
	for i := range list {
		ids[i] = list[i].Person
	}
	people, err := c.summaries(r.Context(), api.ViewerOf(r), ids)
	if err != nil {
		return err
	}
	items := make([]memberAnswer, len(list))
	for i := range list {
		items[i] = memberAnswer{people[i], list[i].EnteredAt}
	}
	return api.WritePage(w, items, next)
}

type changeAnswer struct {
	Person touchstone.PersonID `json:"person"`
	Name   *string             `json:"name"`
	Kind   string              `json:"kind"`
	Time   time.Time           `json:"time"`
}

func (c *Console) listSegmentChanges(w http.ResponseWriter, r *http.Request) error {
	p, err := api.ReadPaging(r)
	if err != nil {
		return err
	}
	members, err := c.members()
	if err != nil {
		return err
	}
	list, next, err := members.Changes(r.Context(), api.Param(r, "id"), p.Limit, p.After)
	if err != nil {
		return err
	}
	ids := make([]touchstone.PersonID, len(list))
	for i := range list {
		ids[i] = list[i].Person
	}
	people, err := c.summaries(r.Context(), api.ViewerOf(r), ids)
	if err != nil {
		return err
	}
	items := make([]changeAnswer, len(list))
	for i, ch := range list {
		items[i] = changeAnswer{ch.Person, people[i].Name, ch.Kind, ch.Time}
	}
	return api.WritePage(w, items, next)
}

func (c *Console) getSegmentHistory(w http.ResponseWriter, r *http.Request) error {
	members, err := c.members()
	if err != nil {
		return err
	}
	days, err := members.History(r.Context(), api.Param(r, "id"), historyDays)
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, days)
}

const (
	movementDays    = 7
	maxMovementDays = 366
)

func (c *Console) listSegmentMovements(w http.ResponseWriter, r *http.Request) error {
	members, err := c.members()
	if err != nil {
		return err
	}
	q, days := r.URL.Query(), movementDays
	if text := q.Get("days"); text != "" {
		if days, err = strconv.Atoi(text); err != nil || days < 1 || days > maxMovementDays {
			return touchstone.Errorf(touchstone.Invalid, "The parameter %s must be a whole number from %d to %d.", "days", 1, maxMovementDays)
		}
	}
	limit, err := api.ReadLimit(q.Get("limit"))
	if err != nil {
		return err
	}
	list, err := members.Movements(r.Context(), days, limit)
	if err != nil {
		return err
	}
	return api.WritePage(w, list, "")
}
