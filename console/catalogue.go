package console

import (
	"context"
	"net/http"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/analytics"
	"github.com/touchstone-cdp/touchstone/api"
)

// Catalogue says which events exist: *analytics.Engine.
type Catalogue interface {
	Events(ctx context.Context, from, to time.Time) ([]analytics.EventVolume, error)
	Properties(ctx context.Context, v *access.Viewer, event string) ([]analytics.Property, error)
	Values(ctx context.Context, v *access.Viewer, q analytics.ValuesQuery) ([]string, error)
}

const catalogueRange = 30 * 24 * time.Hour

func (c *Console) catalogue() (Catalogue, error) {
	if c.cfg.Catalogue == nil {
		return nil, api.NotHere("analytics")
	}
	return c.cfg.Catalogue, nil
}

func (c *Console) listCatalogueEvents(w http.ResponseWriter, r *http.Request) error {
	to, err := api.ReadTime(r, "to", c.cfg.Clock.Now())
	if err != nil {
		return err
	}
	from, err := api.ReadTime(r, "from", to.Add(-catalogueRange))
	if err != nil {
		return err
	}
	catalogue, err := c.catalogue()
	if err != nil {
		return err
	}
	items, err := catalogue.Events(r.Context(), from, to)
	if err != nil {
		return err
	}
	return api.WritePage(w, items, "")
}

func (c *Console) listCatalogueProperties(w http.ResponseWriter, r *http.Request) error {
	catalogue, err := c.catalogue()
	if err != nil {
		return err
	}
	items, err := catalogue.Properties(r.Context(), api.ViewerOf(r), api.Param(r, "name"))
	if err != nil {
		return err
	}
	return api.WritePage(w, items, "")
}

func (c *Console) listCatalogueTraits(w http.ResponseWriter, r *http.Request) error {
	profiles, err := c.profiles()
	if err != nil {
		return err
	}
	items, err := profiles.Traits(r.Context(), api.ViewerOf(r))
	if err != nil {
		return err
	}
	return api.WritePage(w, items, "")
}

func (c *Console) listCatalogueValues(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	limit, err := api.ReadLimit(q.Get("limit"))
	if err != nil {
		return err
	}
	ask := analytics.ValuesQuery{Event: q.Get("event"), Property: q.Get("property"), Dimension: q.Get("dimension"), Prefix: q.Get("q"), Limit: limit}
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
		profiles, err := c.profiles()
		if err != nil {
			return err
		}
		values, err = profiles.Values(r.Context(), api.ViewerOf(r), trait, ask.Prefix, limit)
		if err != nil {
			return err
		}
	} else {
		catalogue, err := c.catalogue()
		if err != nil {
			return err
		}
		values, err = catalogue.Values(r.Context(), api.ViewerOf(r), ask)
		if err != nil {
			return err
		}
	}
	return api.WriteJSON(w, http.StatusOK, map[string]any{"values": values})
}
