package app

import (
	"context"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/catalogue"
)

// wireCatalogue makes what is known of names. Every process masks by it.
func (a *App) wireCatalogue(ctx context.Context) (err error) {
	a.catalogue, err = catalogue.Open(ctx, catalogue.Config{DB: a.store, Clock: a.clock, Logger: a.part("catalogue"), Metrics: a.metrics, Samples: samples{a}})
	if err == nil {
		a.fields = a.catalogue.Fields()
	}
	return err
}

// samples are values as the program itself sees them.
type samples struct{ *App }

func (s samples) Traits(ctx context.Context) (map[string][]touchstone.JSON, error) {
	return s.profiles.Sample(ctx)
}

func (s samples) Events(ctx context.Context) ([]string, error) {
	if s.queries == nil {
		return nil, nil
	}
	return s.queries.EventNames(ctx)
}

func (s samples) Properties(ctx context.Context, event string) (map[string][]touchstone.JSON, error) {
	return s.queries.Sample(ctx, event)
}
