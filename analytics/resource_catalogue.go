package analytics

import (
	"net/http"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/api"
)

const catalogueRange = 30 * 24 * time.Hour

func (x *resource) listEvents(w http.ResponseWriter, r *http.Request) error {
	to, err := api.ReadTime(r, "to", x.cfg.Clock.Now())
	if err != nil {
		return err
	}
	from, err := api.ReadTime(r, "from", to.Add(-catalogueRange))
	if err != nil {
		return err
	}
	engine, err := x.parts()
	if err != nil {
		return err
	}
	items, err := engine.Events(r.Context(), api.ViewerOf(r), from, to)
	if err != nil {
		return err
	}
	return api.WritePage(w, items, "")
}

func (x *resource) listProperties(w http.ResponseWriter, r *http.Request) error {
	engine, err := x.parts()
	if err != nil {
		return err
	}
	viewer, event := api.ViewerOf(r), api.Param(r, "name")
	items, err := engine.Properties(r.Context(), viewer, event)
	if err != nil {
		return err
	}
	if x.cfg.Different != nil && !viewer.Limited() { // what is counted is of everybody
		ever, err := x.cfg.Different(r.Context(), event)
		if err != nil {
			return err
		}
		for i := range items {
			if e, ok := ever[items[i].Property]; ok {
				items[i].Ever = &e
			}
		}
	}
	return api.WritePage(w, items, "")
}

func (x *resource) listTraits(w http.ResponseWriter, r *http.Request) error {
	profiles := x.cfg.Profiles()
	if profiles == nil {
		return api.NotHere("profiles")
	}
	items, err := profiles.Traits(r.Context(), api.ViewerOf(r))
	if err != nil {
		return err
	}
	return api.WritePage(w, items, "")
}

func (x *resource) listValues(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	limit, err := api.ReadLimit(q.Get("limit"))
	if err != nil {
		return err
	}
	ask := ValuesQuery{Event: q.Get("event"), Property: q.Get("property"), Dimension: q.Get("dimension"), Prefix: q.Get("q"), Limit: limit}
	named := 0
	for _, name := range []string{ask.Property, ask.Dimension, q.Get("trait")} {
		if name != "" {
			named++
		}
	}
	if named != 1 {
		return touchstone.Errorf(touchstone.Invalid, "Name one of the parameters property, dimension and trait.")
	}
	var values any
	if trait := q.Get("trait"); trait != "" {
		profiles := x.cfg.Profiles()
		if profiles == nil {
			return api.NotHere("profiles")
		}
		values, err = profiles.Values(r.Context(), api.ViewerOf(r), trait, ask.Prefix, limit)
		if err != nil {
			return err
		}
	} else {
		engine, err := x.parts()
		if err != nil {
			return err
		}
		values, err = engine.Values(r.Context(), api.ViewerOf(r), ask)
		if err != nil {
			return err
		}
	}
	return api.WriteJSON(w, http.StatusOK, map[string]any{"values": values})
}
