package app

import (
	"context"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/privacy/hold"
	"github.com/touchstone-cdp/touchstone/segment"
	"github.com/touchstone-cdp/touchstone/store"
)

// wireHolds makes what keeps persons from being removed.
func (a *App) wireHolds(ctx context.Context) (err error) {
	a.holds, err = hold.Open(ctx, hold.Config{DB: a.store, Clock: a.clock, Find: a.graph.Find, Among: a.amongSegments, Members: a.membersOf})
	return err
}

// amongSegments returns which of the persons are in which of the segments.
func (a *App) amongSegments(ctx context.Context, q store.Querier, segments []string, persons []touchstone.PersonID) (map[string][]touchstone.PersonID, error) {
	list, err := segment.MembersAmongIn(ctx, q, persons)
	out := make(map[string][]touchstone.PersonID, len(segments))
	for _, s := range list {
		out[s.ID] = s.Members
	}
	return out, err
}

// membersOf returns who is in a segment; nobody in one that has been deleted.
func (a *App) membersOf(ctx context.Context, segment string) ([]touchstone.PersonID, error) {
	ids, err := a.segments.MemberIDs(ctx, segment)
	if touchstone.KindOf(err) == touchstone.NotFound {
		return nil, nil
	}
	return ids, err
}

func (a *App) holdResource() api.Resource {
	return hold.Resource(func() hold.Parts {
		if a.holds == nil {
			return hold.Parts{}
		}
		return hold.Parts{Holds: a.holds, People: a.people(), Identifiers: personIdentifiers{a.graph, a.kinds}.IdentifiersOf, Ask: a.ask,
			Segment: func(ctx context.Context, id string) error {
				_, err := a.segments.Get(ctx, access.System(), id)
				return err
			}}
	})
}
