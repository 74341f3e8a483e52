package app

import (
	"context"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/analytics"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/identity"
	"github.com/touchstone-cdp/touchstone/people"
)

// foreteller tells what would be of persons whom a command would make.
func (a *App) foreteller() people.Foreteller {
	return people.Foreteller{Graph: a.graph, Profiles: a.profiles, Segments: a.segments, Events: a.eventsUnder}
}

// preview tries a command of identity: [identity.Previewer].
func (a *App) preview(ctx context.Context, v *access.Viewer, kind string, body any) (identity.Preview, error) {
	if a.graph == nil || a.profiles == nil || a.segments == nil {
		return identity.Preview{}, api.NotHere("persons")
	}
	return a.foreteller().Preview(ctx, v, kind, body)
}

// eventsUnder returns all events that came under some nodes, as far as the warehouse has them, and
// corrections; false if there are more than the bound.
func (a *App) eventsUnder(ctx context.Context, nodes []touchstone.NodeID, bound int) (facts []touchstone.Fact, whole bool, err error) {
	if a.queries == nil {
		return nil, false, nil
	}
	if facts, err = a.profiles.Corrections(ctx, nodes); err != nil {
		return nil, false, err
	}
	q := analytics.TimelineQuery{Nodes: nodes, Limit: 500}
	for {
		page, next, err := a.queries.Timeline(ctx, access.System(), q)
		if err != nil {
			return nil, false, err
		}
		for i := range page {
			f, err := factOf(&page[i], 0)
			if err != nil {
				return nil, false, err
			}
			facts = append(facts, *f)
		}
		if q.Cursor = next; next == "" {
			return facts, true, nil
		}
		if len(facts) >= bound {
			return nil, false, nil
		}
	}
}
