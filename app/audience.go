package app

import (
	"context"

	"github.com/touchstone-cdp/touchstone/audience"
)

// wireAudiences makes what answers questions about segments and rules.
func (a *App) wireAudiences(ctx context.Context) (err error) {
	a.audiences, err = audience.Open(ctx, audience.Config{DB: a.store, Segments: a.segments, Profiles: a.profiles, Clock: a.clock, Zone: a.settings.Zone, Metrics: a.metrics})
	return err
}
