package collect

import (
	"fmt"
	"net/http"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/api"
)

// For leaves the write key out for those who may not change sources.
func (s Source) For(v *access.Viewer) Source {
	if !v.May(writeSources) {
		s.WriteKey = ""
	}
	return s
}

// sourceVersion covers what a change may touch, and not the counters.
func sourceVersion(s *Source) string {
	return api.ETag(s.ID, s.Name, s.Kind, s.WriteKey, fmt.Sprint(s.Enabled, s.RateLimit))
}

func (x *resource) listSources(w http.ResponseWriter, r *http.Request) error {
	p, err := api.ReadPaging(r)
	if err != nil {
		return err
	}
	sources := x.parts().Sources
	all, err := sources.List(r.Context())
	if err != nil {
		return err
	}
	items, next, err := api.Cut(all, p, func(s *Source) string { return s.ID })
	if err != nil {
		return err
	}
	for i := range items {
		items[i] = items[i].For(api.ViewerOf(r))
	}
	return api.WritePage(w, items, next)
}

// sourceName is what is known of a source wherever its events are seen.
type sourceName struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Kind string `json:"kind"`
}

func (x *resource) sourceNames(w http.ResponseWriter, r *http.Request) error {
	p, err := api.ReadPaging(r)
	if err != nil {
		return err
	}
	all, err := x.parts().Sources.List(r.Context())
	if err != nil {
		return err
	}
	names := make([]sourceName, len(all))
	for i := range all {
		names[i] = sourceName{all[i].ID, all[i].Name, all[i].Kind}
	}
	items, next, err := api.Cut(names, p, func(n *sourceName) string { return n.ID })
	if err != nil {
		return err
	}
	return api.WritePage(w, items, next)
}

func (x *resource) getSource(w http.ResponseWriter, r *http.Request) error {
	sources := x.parts().Sources
	s, err := sources.Get(r.Context(), api.Param(r, "id"))
	if err != nil {
		return err
	}
	w.Header().Set("ETag", sourceVersion(&s))
	return api.WriteJSON(w, http.StatusOK, s.For(api.ViewerOf(r)))
}

func (x *resource) createSource(w http.ResponseWriter, r *http.Request) error {
	var in NewSource
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	sources := x.parts().Sources
	s, err := sources.Create(r.Context(), in)
	if err != nil {
		return err
	}
	api.NoteTarget(r, s.ID, s.Name)
	return api.WriteJSON(w, http.StatusCreated, s)
}

func (x *resource) updateSource(w http.ResponseWriter, r *http.Request) error {
	var in SourceChange
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	sources := x.parts().Sources
	id := api.Param(r, "id")
	was, err := sources.Get(r.Context(), id)
	if err != nil {
		return err
	}
	if err := api.CheckIfMatch(r, sourceVersion(&was)); err != nil {
		return err
	}
	s, err := sources.Update(r.Context(), id, in)
	if err != nil {
		return err
	}
	api.NoteTarget(r, id, s.Name)
	w.Header().Set("ETag", sourceVersion(&s))
	return api.WriteJSON(w, http.StatusOK, s)
}

func (x *resource) deleteSource(w http.ResponseWriter, r *http.Request) error {
	sources := x.parts().Sources
	id := api.Param(r, "id")
	was, err := sources.Get(r.Context(), id)
	if err != nil {
		return err
	}
	if err := sources.Delete(r.Context(), id); err != nil {
		return err
	}
	api.NoteTarget(r, id, was.Name)
	return api.NoContent(w)
}

func (x *resource) rotateSource(w http.ResponseWriter, r *http.Request) error {
	in := struct {
		GraceSeconds *int64 `json:"grace_seconds"`
	}{}
	body, err := api.ReadBody(r)
	if err != nil {
		return err
	}
	if len(body) > 0 {
		if err := api.DecodeJSON(body, &in); err != nil {
			return err
		}
	}
	grace := RotationGrace
	if in.GraceSeconds != nil {
		const most = 30 * 24 * time.Hour
		if *in.GraceSeconds < 0 || *in.GraceSeconds > int64(most/time.Second) {
			return touchstone.Errorf(touchstone.Invalid, "grace_seconds must be from 0 to %d (30 days).", int64(most/time.Second))
		}
		grace = time.Duration(*in.GraceSeconds) * time.Second
	}
	sources := x.parts().Sources
	id := api.Param(r, "id")
	s, err := sources.Rotate(r.Context(), id, grace)
	if err != nil {
		return err
	}
	api.NoteTarget(r, id, s.Name)
	return api.WriteJSON(w, http.StatusOK, s)
}
