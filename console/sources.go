package console

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/collect"
)

// Sources are who may send events: *collect.Sources.
type Sources interface {
	List(ctx context.Context) ([]collect.Source, error)
	Get(ctx context.Context, id string) (collect.Source, error)
	Create(ctx context.Context, n collect.NewSource) (collect.Source, error)
	Update(ctx context.Context, id string, change collect.SourceChange) (collect.Source, error)
	Rotate(ctx context.Context, id string, grace time.Duration) (collect.Source, error)
	Delete(ctx context.Context, id string) error
	EnsureByName(ctx context.Context, name, kind string) (collect.Source, error)
}

func (c *Console) sources() (Sources, error) {
	if c.cfg.Sources == nil {
		return nil, api.NotHere("sources")
	}
	return c.cfg.Sources, nil
}

// showSource leaves the write key out for those who may not change sources.
func showSource(v *access.Viewer, s collect.Source) collect.Source {
	if !v.May("sources:write") {
		s.WriteKey = ""
	}
	return s
}

// sourceVersion covers what a change may touch, and not the counters.
func sourceVersion(s *collect.Source) string {
	return api.ETag(s.ID, s.Name, s.Kind, s.WriteKey, fmt.Sprint(s.Enabled, s.RateLimit))
}

func (c *Console) listSources(w http.ResponseWriter, r *http.Request) error {
	p, err := api.ReadPaging(r)
	if err != nil {
		return err
	}
	sources, err := c.sources()
	if err != nil {
		return err
	}
	all, err := sources.List(r.Context())
	if err != nil {
		return err
	}
	items, next, err := api.Cut(all, p, func(s *collect.Source) string { return s.ID })
	if err != nil {
		return err
	}
	for i := range items {
		items[i] = showSource(api.ViewerOf(r), items[i])
	}
	return api.WritePage(w, items, next)
}

func (c *Console) getSource(w http.ResponseWriter, r *http.Request) error {
	sources, err := c.sources()
	if err != nil {
		return err
	}
	s, err := sources.Get(r.Context(), api.Param(r, "id"))
	if err != nil {
		return err
	}
	w.Header().Set("ETag", sourceVersion(&s))
	return api.WriteJSON(w, http.StatusOK, showSource(api.ViewerOf(r), s))
}

func (c *Console) createSource(w http.ResponseWriter, r *http.Request) error {
	var in collect.NewSource
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	sources, err := c.sources()
	if err != nil {
		return err
	}
	s, err := sources.Create(r.Context(), in)
	if err != nil {
		return err
	}
	api.NoteTarget(r, s.ID, s.Name)
	return api.WriteJSON(w, http.StatusCreated, s)
}

func (c *Console) updateSource(w http.ResponseWriter, r *http.Request) error {
	var in collect.SourceChange
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	sources, err := c.sources()
	if err != nil {
		return err
	}
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

func (c *Console) deleteSource(w http.ResponseWriter, r *http.Request) error {
	sources, err := c.sources()
	if err != nil {
		return err
	}
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

func (c *Console) rotateSource(w http.ResponseWriter, r *http.Request) error {
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
	grace := collect.RotationGrace
	if in.GraceSeconds != nil {
		const most = 30 * 24 * time.Hour
		if *in.GraceSeconds < 0 || *in.GraceSeconds > int64(most/time.Second) {
			return touchstone.Errorf(touchstone.Invalid, "grace_seconds must be from 0 to %d (30 days).", int64(most/time.Second))
		}
		grace = time.Duration(*in.GraceSeconds) * time.Second
	}
	sources, err := c.sources()
	if err != nil {
		return err
	}
	id := api.Param(r, "id")
	s, err := sources.Rotate(r.Context(), id, grace)
	if err != nil {
		return err
	}
	api.NoteTarget(r, id, s.Name)
	return api.WriteJSON(w, http.StatusOK, s)
}
