package console

import (
	"context"
	"net/http"
	"slices"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/analytics"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/collect"
	"github.com/touchstone-cdp/touchstone/collect/imports"
	"github.com/touchstone-cdp/touchstone/command"
	"github.com/touchstone-cdp/touchstone/identity"
	"github.com/touchstone-cdp/touchstone/internal/live"
	"github.com/touchstone-cdp/touchstone/people"
	"github.com/touchstone-cdp/touchstone/profile"
	"github.com/touchstone-cdp/touchstone/segment"
)

// behind is what the resources of features reach in tests: all nil where only the document is
// made.
type behind struct {
	incoming collect.Parts
	imports  *imports.Imports
	persons  people.Parts
	rules    *identity.Rules
	engine   *analytics.Engine
	clock    touchstone.Clock
	feeds    *api.Feeds
}

// featureResources lists the resources of features as app does.
func featureResources(b *behind) []api.Resource {
	parts := func() people.Parts { return b.persons }
	segments := func() *segment.Segments { return b.persons.Segments }
	shown := people.Of(parts)
	return slices.Concat(
		[]api.Resource{command.Resource(func() *command.Log { return b.persons.Commands })},
		collect.Resources(func() collect.Parts { return b.incoming }, shown, b.feeds),
		imports.Resources(func() *imports.Imports { return b.imports }),
		analytics.Resources(analytics.ResourceConfig{
			Engine: func() *analytics.Engine { return b.engine }, Segments: segments,
			Profiles: func() *profile.Profiles { return b.persons.Profiles }, People: shown, Clock: b.clock,
		}),
		[]api.Resource{
			people.Resource(parts, shown, b.feeds),
			identity.Resource(func() *identity.Rules { return b.rules }, func() *identity.Graph { return b.persons.Graph }, func(r *http.Request, kind string, body, result any) (string, error) {
				return b.persons.Commands.Ask(r, kind, body, result)
			}, b.preview),
			segment.Resource(segments, shown),
		},
	)
}

// preview tries a command; nothing is foretold without a history.
func (b *behind) preview(ctx context.Context, v *access.Viewer, kind string, body any) (identity.Preview, error) {
	return people.Foreteller{Graph: b.persons.Graph, Profiles: b.persons.Profiles, Segments: b.persons.Segments, Events: func(context.Context, []touchstone.NodeID, int) ([]touchstone.Fact, bool, error) {
		return nil, false, nil
	}}.Preview(ctx, v, kind, body)
}

// personsOf is how app finds who has identifiers.
func (b *behind) personsOf(ctx context.Context, ids []touchstone.Identifier) (persons []touchstone.PersonID, err error) {
	for _, id := range ids {
		if p, err := b.persons.Graph.Resolve(ctx, id.String()); err == nil {
			persons = append(persons, p)
		}
	}
	return persons, nil
}

// watch gives a console a feed of events and nothing else of the features.
func watch(c *Config, hub *live.Hub[touchstone.Event], most int) {
	c.Feeds = api.NewFeeds(most, nil)
	c.Resources = featureResources(&behind{feeds: c.Feeds, incoming: collect.Parts{Events: hub}})
}
