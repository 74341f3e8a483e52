package segment

import (
	"net/http"
	"strconv"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/api"
)

// mayApprove is the right to have a guarded segment's rule changed by what somebody else has written, and to lift the guard.
const mayApprove access.Permission = "segments:approve"

// lifeRoutes are those of what a segment was, is to be, and is a copy of.
func (x *resource) lifeRoutes() []api.Route {
	const get, post, del = http.MethodGet, http.MethodPost, http.MethodDelete
	return []api.Route{
		{Method: get, Path: "/segments/{id}/versions", Need: mayRead, Rows: api.Impersonal, Handle: x.versions},
		{Method: get, Path: "/segments/{id}/compare", Need: mayRead, Rows: api.Impersonal, Handle: x.compare},
		{Method: post, Path: "/segments/{id}/rollback", Need: mayWrite, Rows: api.Scoped, Handle: x.rollback, Action: "segment.rollback"},
		{Method: post, Path: "/segments/{id}/approve", Need: mayApprove, Rows: api.Scoped, Handle: x.approve, Action: "segment.approve"},
		{Method: del, Path: "/segments/{id}/draft", Need: mayWrite, Rows: api.Scoped, Handle: x.discard, Action: "segment.discard"},
		{Method: post, Path: "/segments/{id}/duplicate", Need: mayWrite, Rows: api.Scoped, Handle: x.duplicate, Action: "segment.duplicate"},
	}
}

func whoOf(r *http.Request) Who {
	v := api.ViewerOf(r)
	return Who{ID: v.ID, Name: v.Name, Alone: v.Kind == "dev"}
}

// checkGuard lets only those lift the guard who could approve what it holds back.
func checkGuard(r *http.Request, was, will bool) error {
	if was && !will {
		return api.ViewerOf(r).Require(mayApprove)
	}
	return nil
}

// answer shows a segment as who asks may see it, and notes it in the audit log.
func (x *resource) answer(w http.ResponseWriter, r *http.Request, status int, segments *Segments, s Segment, err error) error {
	if err != nil {
		return err
	}
	api.NoteTarget(r, s.ID, s.Name)
	if s, err = segments.Get(r.Context(), api.ViewerOf(r), s.ID); err != nil {
		return err
	}
	w.Header().Set("ETag", versionOf(&s))
	return api.WriteJSON(w, status, s)
}

func readVersion(r *http.Request, name string) (int64, error) {
	n, err := strconv.ParseInt(r.URL.Query().Get(name), 10, 64)
	if err != nil || n < 1 {
		return 0, touchstone.Errorf(touchstone.Invalid, "The parameter %s must be the number of a version.", name)
	}
	return n, nil
}

func (x *resource) versions(w http.ResponseWriter, r *http.Request) error {
	segments, err := x.parts()
	if err != nil {
		return err
	}
	list, err := segments.Versions(r.Context(), api.Param(r, "id"))
	if err != nil {
		return err
	}
	return api.WritePage(w, list, "")
}

func (x *resource) compare(w http.ResponseWriter, r *http.Request) error {
	segments, err := x.parts()
	if err != nil {
		return err
	}
	to, err := readVersion(r, "to")
	if err != nil {
		return err
	}
	from, err := readVersion(r, "from")
	if err != nil {
		return err
	}
	list, err := segments.Compare(r.Context(), api.Param(r, "id"), from, to)
	if err != nil {
		return err
	}
	return api.WritePage(w, list, "")
}

func (x *resource) rollback(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Version int64 `json:"version"`
	}
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	segments, err := x.parts()
	if err != nil {
		return err
	}
	s, err := segments.Rollback(r.Context(), api.Param(r, "id"), in.Version, whoOf(r))
	return x.answer(w, r, http.StatusOK, segments, s, err)
}

func (x *resource) approve(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Version   int64     `json:"version"`
		WrittenAt time.Time `json:"written_at"`
	}
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	segments, err := x.parts()
	if err != nil {
		return err
	}
	s, err := segments.Approve(r.Context(), api.Param(r, "id"), in.Version, in.WrittenAt, whoOf(r))
	return x.answer(w, r, http.StatusOK, segments, s, err)
}

func (x *resource) discard(w http.ResponseWriter, r *http.Request) error {
	segments, err := x.parts()
	if err != nil {
		return err
	}
	id := api.Param(r, "id")
	was, err := segments.Get(r.Context(), api.ViewerOf(r), id)
	if err == nil {
		err = segments.Discard(r.Context(), id)
	}
	if err != nil {
		return err
	}
	api.NoteTarget(r, id, was.Name)
	return api.NoContent(w)
}

func (x *resource) duplicate(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Name string `json:"name"`
	}
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	segments, err := x.parts()
	if err != nil {
		return err
	}
	s, err := segments.Duplicate(r.Context(), api.ViewerOf(r), api.Param(r, "id"), in.Name, whoOf(r))
	return x.answer(w, r, http.StatusCreated, segments, s, err)
}
