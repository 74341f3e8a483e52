package tag

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/api"
)

//go:embed openapi.yaml
var spec []byte

// The permissions of tags.
const (
	mayRead    access.Permission = "tags:read"
	mayWrite   access.Permission = "tags:write"
	mayApprove access.Permission = "tags:approve"
	mayGive    access.Permission = "tags:give"
)

// Parts is what the API works with. Tags is nil in a process that knows no persons, Start where no jobs are.
type Parts struct {
	Tags   *Tags
	People api.People
	// Start starts a job of tags for a viewer; its id is empty when one is under way already.
	Start func(ctx context.Context, v *access.Viewer, kind string, input touchstone.JSON) (string, error)
	// Kinds and Normalise are those of identifiers.
	Kinds     func() []touchstone.IdentifierKind
	Normalise func(kind touchstone.IdentifierKind, value string) (string, bool)
}

const (
	maxFileBytes = 8 << 20
	maxShownDays = 90
)

// Resource is the API of tags. The function is asked when a request comes.
func Resource(parts func() Parts) api.Resource {
	x := resource{parts}
	const get, post, patch, put, del = http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodPut, http.MethodDelete
	return api.Resource{Name: "Tags", Spec: spec, Serves: touchstone.Operation("what is known of people is computed and looked at by hand; what acts on it is asked for each person"),
		Permissions: []access.Declared{
			{Permission: mayRead, Allows: "see tags, what they go by and how fresh they are"},
			{Permission: mayWrite, Allows: "write definitions of tags as drafts, have them computed, and read taxonomies"},
			{Permission: mayApprove, Allows: "approve definitions of tags that somebody else has written, and delete tags"},
			{Permission: mayGive, Allows: "give people values of tags: by hand, by file, and as a model"},
		},
		Routes: []api.Route{
			{Method: get, Path: "/tags", Need: mayRead, Rows: api.Impersonal, Handle: x.list},
			{Method: post, Path: "/tags", Need: mayWrite, Rows: api.Impersonal, Handle: x.create, Action: "tag.create"},
			{Method: get, Path: "/tags/{id}", Need: mayRead, Rows: api.Impersonal, Handle: x.get},
			{Method: patch, Path: "/tags/{id}", Need: mayWrite, Rows: api.Impersonal, Handle: x.update, Action: "tag.update"},
			{Method: del, Path: "/tags/{id}", Need: mayApprove, Handle: x.remove, Action: "tag.delete"},
			{Method: get, Path: "/tags/{id}/versions", Need: mayRead, Rows: api.Impersonal, Handle: x.versions},
			{Method: get, Path: "/tags/{id}/compare", Need: mayRead, Rows: api.Impersonal, Handle: x.compare},
			{Method: post, Path: "/tags/{id}/approve", Need: mayApprove, Handle: x.approve, Action: "tag.approve"},
			{Method: post, Path: "/tags/{id}/rollback", Need: mayWrite, Rows: api.Impersonal, Handle: x.rollback, Action: "tag.rollback"},
			{Method: del, Path: "/tags/{id}/draft", Need: mayWrite, Rows: api.Impersonal, Handle: x.discard, Action: "tag.discard"},
			{Method: post, Path: "/tags/{id}/compute", Need: mayWrite, Handle: x.compute, Action: "tag.compute"},
			{Method: get, Path: "/tags/{id}/distribution", Need: mayRead, Handle: x.distribution},
			{Method: get, Path: "/tags/{id}/history", Need: mayRead, Handle: x.history},
			{Method: post, Path: "/tags/{id}/values", Need: mayGive, Rows: api.Scoped, Handle: x.values, Action: "tag.values"},
			{Method: post, Path: "/tags/{id}/give", Need: mayGive, Handle: x.give, Action: "tag.give"},
			{Method: post, Path: "/tags/{id}/file", Need: mayGive, Handle: x.file, Action: "tag.file", Raw: true, MaxBody: maxFileBytes},
			{Method: get, Path: "/persons/{ref}/tags", Need: mayRead, Rows: api.Scoped, Handle: x.of},
			{Method: get, Path: "/taxonomies", Need: mayRead, Rows: api.Impersonal, Handle: x.taxonomies},
			{Method: post, Path: "/taxonomies", Need: mayWrite, Rows: api.Impersonal, Handle: x.setTaxonomy, Action: "taxonomy.create", Raw: true, MaxBody: maxFileBytes},
			{Method: put, Path: "/taxonomies/{id}", Need: mayWrite, Rows: api.Impersonal, Handle: x.setTaxonomy, Action: "taxonomy.update", Raw: true, MaxBody: maxFileBytes},
			{Method: get, Path: "/taxonomies/{id}/items", Need: mayRead, Rows: api.Impersonal, Handle: x.items},
		}}
}

type resource struct{ parts func() Parts }

func (x resource) tags() (*Tags, error) {
	if t := x.parts().Tags; t != nil {
		return t, nil
	}
	return nil, api.NotHere("tags")
}

func whoOf(r *http.Request) Who {
	v := api.ViewerOf(r)
	return Who{ID: v.ID, Name: v.Name, Alone: v.Kind == "dev"}
}

func (x resource) list(w http.ResponseWriter, r *http.Request) error {
	t, err := x.tags()
	if err != nil {
		return err
	}
	p, err := api.ReadPaging(r)
	if err != nil {
		return err
	}
	all, err := t.List(r.Context())
	if err != nil {
		return err
	}
	items, next, err := api.Cut(all, p, func(x *Tag) string { return x.ID })
	if err != nil {
		return err
	}
	return api.WritePage(w, items, next)
}

// one answers with a tag and notes it in the audit log.
func one(w http.ResponseWriter, r *http.Request, status int, x Tag, err error) error {
	if err != nil {
		return err
	}
	api.NoteTarget(r, x.ID, x.Name)
	return api.WriteJSON(w, status, x)
}

func (x resource) get(w http.ResponseWriter, r *http.Request) error {
	t, err := x.tags()
	if err != nil {
		return err
	}
	one, err := t.Get(r.Context(), api.Param(r, "id"))
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, one)
}

func (x resource) create(w http.ResponseWriter, r *http.Request) error {
	t, err := x.tags()
	if err != nil {
		return err
	}
	var in struct {
		Key         string     `json:"key"`
		Name        string     `json:"name"`
		Description string     `json:"description"`
		Owner       string     `json:"owner"`
		Folder      string     `json:"folder"`
		Kind        Kind       `json:"kind"`
		Definition  Definition `json:"definition"`
		Note        string     `json:"note"`
	}
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	if err := mayAsk(r, &in.Definition); err != nil {
		return err
	}
	made, err := t.Create(r.Context(), Draft(in), whoOf(r))
	return one(w, r, http.StatusCreated, made, err)
}

func (x resource) update(w http.ResponseWriter, r *http.Request) error {
	t, err := x.tags()
	if err != nil {
		return err
	}
	var in struct {
		Name        *string     `json:"name"`
		Description *string     `json:"description"`
		Owner       *string     `json:"owner"`
		Folder      *string     `json:"folder"`
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
	changed, err := t.Update(r.Context(), api.Param(r, "id"), Patch(in), whoOf(r))
	return one(w, r, http.StatusOK, changed, err)
}

// mayAsk refuses rules that would tell contacts to who may not see them.
func mayAsk(r *http.Request, d *Definition) error {
	for i := range d.Rules {
		if err := api.ViewerOf(r).CheckQuestion([]byte(d.Rules[i].Rule)); err != nil {
			return err
		}
	}
	return nil
}

// started answers with the job that does what was asked.
func (x resource) started(w http.ResponseWriter, r *http.Request, tag Tag, kind string, input touchstone.JSON) error {
	start := x.parts().Start
	if start == nil {
		return api.NotHere("jobs")
	}
	api.NoteTarget(r, tag.ID, tag.Name)
	id, err := start(r.Context(), api.ViewerOf(r), kind, input)
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusAccepted, map[string]any{"job": id})
}

func (x resource) remove(w http.ResponseWriter, r *http.Request) error {
	t, err := x.tags()
	if err != nil {
		return err
	}
	tag, err := t.Get(r.Context(), api.Param(r, "id"))
	if err != nil {
		return err
	}
	return x.started(w, r, tag, DeleteJob, touchstone.JSON(`{"tag":`+strconv.Quote(tag.ID)+`}`))
}

func (x resource) compute(w http.ResponseWriter, r *http.Request) error {
	t, err := x.tags()
	if err != nil {
		return err
	}
	tag, err := t.Get(r.Context(), api.Param(r, "id"))
	if err == nil && tag.Serving == 0 {
		err = touchstone.Errorf(touchstone.Conflict, "%s gives no values yet", tag.Name).WithHint("have its definition approved")
	}
	if err != nil {
		return err
	}
	return x.started(w, r, tag, ComputeJob, touchstone.JSON(`{"tag":`+strconv.Quote(tag.ID)+`}`))
}

func (x resource) versions(w http.ResponseWriter, r *http.Request) error {
	t, err := x.tags()
	if err != nil {
		return err
	}
	if _, err := t.Get(r.Context(), api.Param(r, "id")); err != nil {
		return err
	}
	list, err := t.Versions(r.Context(), api.Param(r, "id"))
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
	t, err := x.tags()
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
	list, err := t.Compare(r.Context(), api.Param(r, "id"), from, to)
	if err != nil {
		return err
	}
	return api.WritePage(w, list, "")
}

func (x resource) approve(w http.ResponseWriter, r *http.Request) error {
	t, err := x.tags()
	if err != nil {
		return err
	}
	var in struct {
		Version   int64     `json:"version"`
		WrittenAt time.Time `json:"written_at"`
	}
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	changed, err := t.Approve(r.Context(), api.Param(r, "id"), in.Version, in.WrittenAt, whoOf(r))
	return one(w, r, http.StatusOK, changed, err)
}

func (x resource) rollback(w http.ResponseWriter, r *http.Request) error {
	t, err := x.tags()
	if err != nil {
		return err
	}
	var in struct {
		Version int64 `json:"version"`
	}
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	changed, err := t.Rollback(r.Context(), api.Param(r, "id"), in.Version, whoOf(r))
	return one(w, r, http.StatusOK, changed, err)
}

func (x resource) discard(w http.ResponseWriter, r *http.Request) error {
	t, err := x.tags()
	if err != nil {
		return err
	}
	if err := t.Discard(r.Context(), api.Param(r, "id")); err != nil {
		return err
	}
	tag, err := t.Get(r.Context(), api.Param(r, "id"))
	return one(w, r, http.StatusOK, tag, err)
}

func (x resource) distribution(w http.ResponseWriter, r *http.Request) error {
	t, err := x.tags()
	if err != nil {
		return err
	}
	tag, err := t.Get(r.Context(), api.Param(r, "id"))
	if err != nil {
		return err
	}
	d, err := t.Distribution(r.Context(), tag.ID)
	if err != nil {
		return err
	}
	masked(r, &tag, d.Values)
	return api.WriteJSON(w, http.StatusOK, d)
}

func (x resource) history(w http.ResponseWriter, r *http.Request) error {
	t, err := x.tags()
	if err != nil {
		return err
	}
	tag, err := t.Get(r.Context(), api.Param(r, "id"))
	if err != nil {
		return err
	}
	days := maxShownDays
	if text := r.URL.Query().Get("days"); text != "" {
		if days, err = strconv.Atoi(text); err != nil || days < 1 || days > maxDays {
			return touchstone.Errorf(touchstone.Invalid, "days: is between 1 and %d", maxDays)
		}
	}
	list, err := t.History(r.Context(), tag.ID, days)
	if err != nil {
		return err
	}
	for i := range list {
		masked(r, &tag, list[i].Values)
	}
	return api.WritePage(w, list, "")
}

// masked shows values as whoever asks may see them: a tag may hold contacts.
func masked(r *http.Request, tag *Tag, list []ValueCount) {
	for i := range list {
		list[i].Value = api.ViewerOf(r).Field(tag.Trait(), list[i].Value)
	}
}

func (x resource) values(w http.ResponseWriter, r *http.Request) error {
	t, err := x.tags()
	if err != nil {
		return err
	}
	var in struct {
		Origin string  `json:"origin"`
		Values []Given `json:"values"`
	}
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	tag, err := t.Get(r.Context(), api.Param(r, "id"))
	if err == nil {
		err = tag.takes()
	}
	if err != nil {
		return err
	}
	sum, err := x.giveSome(r, t, &tag, in.Origin, in.Values)
	if err != nil {
		return err
	}
	api.NoteTarget(r, tag.ID, tag.Name)
	return api.WriteJSON(w, http.StatusOK, sum)
}

// giveSome writes values for persons that the viewer may see, whom a value names by id or identifier.
func (x resource) giveSome(r *http.Request, t *Tags, tag *Tag, origin string, values []Given) (sum Written, err error) {
	if len(values) == 0 || len(values) > maxPersonsIn {
		return sum, touchstone.Errorf(touchstone.Invalid, "values: there are 1 to %d", maxPersonsIn)
	}
	if len(origin) > maxName {
		return sum, touchstone.Errorf(touchstone.Invalid, "origin: has at most %d bytes", maxName)
	}
	v, people := api.ViewerOf(r), x.parts().People
	persons := make([]touchstone.PersonID, len(values))
	for i := range values {
		at := "values." + strconv.Itoa(i)
		if values[i].Value, err = checkValue(at+".value", values[i].Value); err != nil {
			return sum, err
		}
		if persons[i], err = people.Find(r.Context(), v, values[i].Person); err != nil {
			if touchstone.KindOf(err) == touchstone.NotFound {
				sum.Unknown++
				continue
			}
			return sum, within(at+".person", err)
		}
	}
	ids, err := t.cfg.Strongest(r.Context(), persons)
	if err != nil {
		return sum, err
	}
	in := WriteBody{Tag: tag.ID, Origin: cmp.Or(origin, cut(v.Name, maxName))} // people are shown who gave it, not an id
	for i, p := range persons {
		if id, ok := ids[p]; ok {
			in.Values = append(in.Values, Given{id.String(), values[i].Value})
		}
	}
	if len(in.Values) == 0 {
		return sum, nil
	}
	w, err := t.writeAll(r.Context(), in, v.ID)
	sum.Changed, sum.Unknown = w.Changed, sum.Unknown+w.Unknown
	return sum, err
}

func (x resource) give(w http.ResponseWriter, r *http.Request) error {
	t, err := x.tags()
	if err != nil {
		return err
	}
	var in struct {
		Segment string          `json:"segment"`
		Value   touchstone.JSON `json:"value"`
	}
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	tag, err := t.Get(r.Context(), api.Param(r, "id"))
	if err != nil {
		return err
	}
	value, err := checkValue("value", in.Value)
	if err != nil {
		return err
	}
	input, err := api.EncodeJSON(GiveInput{tag.ID, in.Segment, value})
	if err != nil {
		return err
	}
	return x.started(w, r, tag, GiveJob, touchstone.JSON(bytes.TrimSpace(input)))
}

func (x resource) file(w http.ResponseWriter, r *http.Request) error {
	t, err := x.tags()
	if err != nil {
		return err
	}
	body, err := api.ReadBody(r)
	if err != nil {
		return err
	}
	p, q := x.parts(), r.URL.Query()
	m, err := t.Import(r.Context(), api.Param(r, "id"), bytes.NewReader(body), FileOptions{Name: q.Get("name"), Value: touchstone.JSON(q.Get("value")), Trial: q.Get("trial") == "true",
		Normalise: p.Normalise, Kinds: p.Kinds(), Actor: api.ViewerOf(r).ID})
	if err != nil {
		return err
	}
	api.NoteTarget(r, api.Param(r, "id"), q.Get("name"))
	return api.WriteJSON(w, http.StatusOK, m)
}

func (x resource) of(w http.ResponseWriter, r *http.Request) error {
	t, err := x.tags()
	if err != nil {
		return err
	}
	person, err := x.parts().People.Find(r.Context(), api.ViewerOf(r), api.Param(r, "ref"))
	if err != nil {
		return err
	}
	list, err := t.Of(r.Context(), person)
	if err != nil {
		return err
	}
	v := api.ViewerOf(r)
	for i := range list {
		list[i].Value = v.Field(TraitPrefix+list[i].Key, list[i].Value)
	}
	return api.WriteJSON(w, http.StatusOK, map[string]any{"id": person, "items": list})
}

func (x resource) taxonomies(w http.ResponseWriter, r *http.Request) error {
	t, err := x.tags()
	if err != nil {
		return err
	}
	list, err := t.Taxonomies(r.Context())
	if err != nil {
		return err
	}
	return api.WritePage(w, list, "")
}

func (x resource) setTaxonomy(w http.ResponseWriter, r *http.Request) error {
	t, err := x.tags()
	if err != nil {
		return err
	}
	body, err := api.ReadBody(r)
	if err != nil {
		return err
	}
	id, status := api.Param(r, "id"), http.StatusOK
	if id == "" {
		status = http.StatusCreated
	}
	var levels []string
	for _, level := range strings.Split(r.URL.Query().Get("levels"), ",") {
		if level = strings.TrimSpace(level); level != "" {
			levels = append(levels, level)
		}
	}
	reading, err := t.SetTaxonomy(r.Context(), id, r.URL.Query().Get("name"), levels, bytes.NewReader(body))
	if err != nil {
		return err
	}
	api.NoteTarget(r, reading.ID, reading.Name)
	return api.WriteJSON(w, status, reading)
}

func (x resource) items(w http.ResponseWriter, r *http.Request) error {
	t, err := x.tags()
	if err != nil {
		return err
	}
	p, err := api.ReadPaging(r)
	if err != nil {
		return err
	}
	all, err := t.Items(r.Context(), api.Param(r, "id"))
	if err != nil {
		return err
	}
	items, next, err := api.Cut(all, p, func(x *Item) string { return strconv.FormatInt(x.Number, 10) })
	if err != nil {
		return err
	}
	return api.WritePage(w, items, next)
}
