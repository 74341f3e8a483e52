package segment

import (
	_ "embed"
	"net/http"
	"strconv"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/segment/rule"
)

//go:embed openapi.yaml
var spec []byte

// The permissions.
const (
	mayRead  access.Permission = "segments:read"
	mayWrite access.Permission = "segments:write"
)

// resource is the API of segments.
type resource struct {
	segments func() *Segments
	people   api.People
}

// Resource is the API of segments. The function is asked when a request comes; it returns nil
// in a process that knows no segments.
func Resource(segments func() *Segments, people api.People) api.Resource {
	const get, post, patch, del = http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete
	x := &resource{segments, people}
	return api.Resource{
		Name: "Segments", Spec: spec, Serves: touchstone.Operation("definitions; who hands out or acts on members says so"),
		Permissions: []access.Declared{
			{Permission: mayRead, Allows: "see segments and their members"},
			{Permission: mayWrite, Allows: "create, change and delete segments"},
			{Permission: mayApprove, Allows: "approve a guarded segment's rule that somebody else has changed, and lift the guard"},
		},
		Routes: append([]api.Route{
			{Method: get, Path: "/segments", Need: mayRead, Rows: api.Scoped, Handle: x.list},
			{Method: post, Path: "/segments", Need: mayWrite, Rows: api.Scoped, Handle: x.create, Action: "segment.create", MaxBody: maxSentBytes},
			{Method: post, Path: "/segments/preview", Need: mayRead, Rows: api.Scoped, Serves: touchstone.For(touchstone.UseAct), Handle: x.preview},
			{Method: post, Path: "/segments/reading", Need: mayRead, Rows: api.Impersonal, Handle: x.read},
			{Method: get, Path: "/segments/movements", Need: mayRead, Handle: x.movements},
			{Method: get, Path: "/segments/{id}", Need: mayRead, Rows: api.Scoped, Handle: x.get},
			{Method: patch, Path: "/segments/{id}", Need: mayWrite, Rows: api.Scoped, Handle: x.update, Action: "segment.update"},
			{Method: del, Path: "/segments/{id}", Need: mayWrite, Rows: api.Scoped, Handle: x.remove, Action: "segment.delete"},
			{Method: get, Path: "/segments/{id}/members", Need: mayRead, Rows: api.Scoped, Serves: touchstone.For(touchstone.UseAct), Handle: x.members},
			{Method: get, Path: "/segments/{id}/changes", Need: mayRead, Rows: api.Scoped, Serves: touchstone.For(touchstone.UseAct), Handle: x.changes},
			{Method: get, Path: "/segments/{id}/history", Need: mayRead, Handle: x.history},
		}, x.lifeRoutes()...),
	}
}

func (x *resource) parts() (*Segments, error) {
	if s := x.segments(); s != nil {
		return s, nil
	}
	return nil, api.NotHere("segments")
}

const maxSentBytes = 4 << 20 // 100,000 person ids

const (
	maxSentPersons = 100_000 // in one body
	historyDays    = 90
)

func versionOf(s *Segment) string {
	return api.ETag(append([]string{s.ID, s.Name, s.Description, s.Purpose, string(s.Rule), strconv.FormatInt(s.Version, 10), strconv.FormatInt(s.Draft, 10),
		s.Folder, s.Owner, strconv.FormatBool(s.Guarded)}, s.Labels...)...)
}

func (x *resource) list(w http.ResponseWriter, r *http.Request) error {
	p, err := api.ReadPaging(r)
	if err != nil {
		return err
	}
	segments, err := x.parts()
	if err != nil {
		return err
	}
	all, err := segments.List(r.Context(), api.ViewerOf(r))
	if err != nil {
		return err
	}
	items, next, err := api.Cut(all, p, func(s *Segment) string { return s.ID })
	if err != nil {
		return err
	}
	return api.WritePage(w, items, next)
}

func (x *resource) get(w http.ResponseWriter, r *http.Request) error {
	segments, err := x.parts()
	if err != nil {
		return err
	}
	s, err := segments.Get(r.Context(), api.ViewerOf(r), api.Param(r, "id"))
	if err != nil {
		return err
	}
	w.Header().Set("ETag", versionOf(&s))
	return api.WriteJSON(w, http.StatusOK, s)
}

func (x *resource) create(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Name        string                 `json:"name"`
		Description string                 `json:"description"`
		Purpose     string                 `json:"purpose"`
		Folder      string                 `json:"folder"`
		Labels      []string               `json:"labels"`
		Owner       string                 `json:"owner"`
		Guarded     bool                   `json:"guarded"`
		Note        string                 `json:"note"`
		Rule        touchstone.JSON        `json:"rule"`
		Persons     *[]touchstone.PersonID `json:"persons"`
	}
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	segments, err := x.parts()
	if err != nil {
		return err
	}
	if err := api.ViewerOf(r).CheckQuestion([]byte(in.Rule)); err != nil {
		return err
	}
	ruled := in.Rule != "" && in.Rule != "null"
	draft := Draft{Name: in.Name, Description: in.Description, Purpose: in.Purpose, Note: in.Note, Who: whoOf(r),
		Place: Place{Folder: in.Folder, Labels: in.Labels, Owner: in.Owner, Guarded: in.Guarded}}
	var s Segment
	switch {
	case ruled == (in.Persons != nil):
		return touchstone.Errorf(touchstone.Invalid, "Give either \"rule\" or \"persons\".").
			WithHint("A rule makes a segment that follows it; persons make a fixed list.")
	case ruled:
		draft.Rule = in.Rule
		s, err = segments.Create(r.Context(), draft)
	case len(*in.Persons) > maxSentPersons:
		return touchstone.Errorf(touchstone.Invalid, "The field \"persons\" has %d entries; at most %d fit.", len(*in.Persons), maxSentPersons)
	default:
		var persons []touchstone.PersonID
		if persons, err = x.people.Follow(r.Context(), api.ViewerOf(r), *in.Persons); err == nil {
			s, err = segments.CreateStatic(r.Context(), draft, persons)
		}
	}
	if err != nil {
		return err
	}
	api.NoteTarget(r, s.ID, s.Name)
	if s, err = segments.Get(r.Context(), api.ViewerOf(r), s.ID); err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusCreated, s)
}

func (x *resource) update(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Name        *string          `json:"name"`
		Description *string          `json:"description"`
		Purpose     *string          `json:"purpose"`
		Folder      *string          `json:"folder"`
		Labels      *[]string        `json:"labels"`
		Owner       *string          `json:"owner"`
		Guarded     *bool            `json:"guarded"`
		Note        string           `json:"note"`
		Rule        *touchstone.JSON `json:"rule"`
	}
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	segments, err := x.parts()
	if err != nil {
		return err
	}
	if in.Rule != nil {
		if err := api.ViewerOf(r).CheckQuestion([]byte(*in.Rule)); err != nil {
			return err
		}
	}
	id := api.Param(r, "id")
	was, err := segments.Get(r.Context(), api.ViewerOf(r), id)
	if err != nil {
		return err
	}
	if r.Header.Get("If-Match") != "" {
		if err := api.CheckIfMatch(r, versionOf(&was)); err != nil {
			return err
		}
	}
	if err := checkGuard(r, was.Guarded, in.Guarded == nil || *in.Guarded); err != nil {
		return err
	}
	s, err := segments.Update(r.Context(), id, Patch{Name: in.Name, Description: in.Description, Purpose: in.Purpose, Rule: in.Rule, Note: in.Note, Who: whoOf(r),
		Place: PlacePatch{Folder: in.Folder, Labels: in.Labels, Owner: in.Owner, Guarded: in.Guarded}})
	return x.answer(w, r, http.StatusOK, segments, s, err)
}

func (x *resource) remove(w http.ResponseWriter, r *http.Request) error {
	segments, err := x.parts()
	if err != nil {
		return err
	}
	id := api.Param(r, "id")
	was, err := segments.Get(r.Context(), api.ViewerOf(r), id)
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
	Members   int64            `json:"members"`
	Of        int64            `json:"of"`
	Sample    []api.PersonLine `json:"sample"`
	Leaves    []PreviewLeaf    `json:"leaves"`
	Warnings  []rule.Warning   `json:"warnings"`
	ElapsedMS int64            `json:"elapsed_ms"`
}

func (x *resource) preview(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Rule touchstone.JSON `json:"rule"`
	}
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	segments, err := x.parts()
	if err != nil {
		return err
	}
	if err := api.ViewerOf(r).CheckQuestion([]byte(in.Rule)); err != nil {
		return err
	}
	p, err := segments.Preview(r.Context(), api.ViewerOf(r), in.Rule)
	if err != nil {
		return err
	}
	sample, err := x.people.Lines(r.Context(), api.ViewerOf(r), p.Sample)
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, previewAnswer{p.Members, p.Of, sample, p.Leaves, p.Warnings, p.ElapsedMS})
}

// linesOf returns how the persons of a list are shown to who asks.
func linesOf[T any](x *resource, r *http.Request, list []T, person func(*T) touchstone.PersonID) ([]api.PersonLine, error) {
	ids := make([]touchstone.PersonID, len(list))
	for i := range list {
		ids[i] = person(&list[i])
	}
	return x.people.Lines(r.Context(), api.ViewerOf(r), ids)
}

// forPurpose has persons asked for what the segment of the path serves.
func (x *resource) forPurpose(r *http.Request, segments *Segments) (*http.Request, error) {
	one, err := segments.Get(r.Context(), api.ViewerOf(r), api.Param(r, "id"))
	if err != nil {
		return nil, err
	}
	return r.WithContext(api.WithPurpose(r.Context(), one.Purpose)), nil
}

type memberAnswer struct {
	api.PersonLine
	EnteredAt time.Time `json:"entered_at"`
}

func (x *resource) members(w http.ResponseWriter, r *http.Request) error {
	p, err := api.ReadPaging(r)
	if err != nil {
		return err
	}
	segments, err := x.parts()
	if err != nil {
		return err
	}
	list, next, err := segments.Members(r.Context(), api.ViewerOf(r), api.Param(r, "id"), p.Limit, p.After)
	if err != nil {
		return err
	}
	if r, err = x.forPurpose(r, segments); err != nil {
		return err
	}
	people, err := linesOf(x, r, list, func(m *Member) touchstone.PersonID { return m.Person })
	if err != nil {
		return err
	}
	entered := make(map[touchstone.PersonID]time.Time, len(list))
	for _, m := range list {
		entered[m.Person] = m.EnteredAt
	}
	items := make([]memberAnswer, len(people))
	for i := range people {
		items[i] = memberAnswer{people[i], entered[people[i].ID]}
	}
	return api.WritePage(w, items, next)
}

type changeAnswer struct {
	Person touchstone.PersonID `json:"person"`
	Name   *string             `json:"name"`
	Kind   string              `json:"kind"`
	Time   time.Time           `json:"time"`
}

func (x *resource) changes(w http.ResponseWriter, r *http.Request) error {
	p, err := api.ReadPaging(r)
	if err != nil {
		return err
	}
	segments, err := x.parts()
	if err != nil {
		return err
	}
	list, next, err := segments.Changes(r.Context(), api.ViewerOf(r), api.Param(r, "id"), p.Limit, p.After)
	if err != nil {
		return err
	}
	if r, err = x.forPurpose(r, segments); err != nil {
		return err
	}
	people, err := linesOf(x, r, list, func(c *Change) touchstone.PersonID { return c.Person })
	if err != nil {
		return err
	}
	names := make(map[touchstone.PersonID]*string, len(people))
	for i := range people {
		names[people[i].ID] = people[i].Name
	}
	items := make([]changeAnswer, 0, len(list))
	for _, ch := range list {
		if name, seen := names[ch.Person]; seen {
			items = append(items, changeAnswer{ch.Person, name, ch.Kind, ch.Time})
		}
	}
	return api.WritePage(w, items, next)
}

func (x *resource) history(w http.ResponseWriter, r *http.Request) error {
	segments, err := x.parts()
	if err != nil {
		return err
	}
	days, err := segments.History(r.Context(), api.ViewerOf(r), api.Param(r, "id"), historyDays)
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, days)
}

const (
	movementDays    = 7
	maxMovementDays = 366
)

func (x *resource) movements(w http.ResponseWriter, r *http.Request) error {
	segments, err := x.parts()
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
	list, err := segments.Movements(r.Context(), api.ViewerOf(r), days, limit)
	if err != nil {
		return err
	}
	return api.WritePage(w, list, "")
}
