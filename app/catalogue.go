package app

import (
	"context"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/analytics"
	"github.com/touchstone-cdp/touchstone/catalogue"
)

// wireCatalogue makes what is known of names. Every process masks by it.
func (a *App) wireCatalogue(ctx context.Context) (err error) {
	a.catalogue, err = catalogue.Open(ctx, catalogue.Config{DB: a.store, Clock: a.clock, Logger: a.part("catalogue"), Metrics: a.metrics, Samples: samples{a}, Feed: stored{a}})
	if err == nil {
		a.fields = a.catalogue.Fields()
	}
	return err
}

// different tells the catalogue of events how many different values properties have had.
func (a *App) different(ctx context.Context, event string) (map[string]analytics.Ever, error) {
	counts, err := a.catalogue.Different(ctx, event)
	out := make(map[string]analytics.Ever, len(counts))
	for name, d := range counts {
		out[name] = analytics.Ever{Values: d.Values, Error: d.Error}
	}
	return out, err
}

// stored is what is in the warehouse, for who counts it. A process without one counts nothing.
type stored struct{ *App }

func (s stored) Partitions() int {
	if s.queries == nil {
		return 0
	}
	return s.log.Partitions()
}

func (s stored) After(ctx context.Context, last touchstone.Seq, n int, fn func(event string, properties touchstone.JSON)) (touchstone.Seq, error) {
	return s.queries.After(ctx, last, n, fn)
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
