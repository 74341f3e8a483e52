package app

import (
	"context"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/console"
	"github.com/touchstone-cdp/touchstone/people"
)

// people is how features show and find persons.
func (a *App) people() api.People { return consenting{people.Of(a.persons)} }

// within is [access.Within]: segments keep who is in the sets that viewers are limited to.
func (a *App) within(ctx context.Context, v *access.Viewer, persons []touchstone.PersonID) ([]touchstone.PersonID, error) {
	return a.people().Within(ctx, v, persons)
}

// rowSets keeps the sets of persons that users and keys are limited to; nil in a process without segments.
func (a *App) rowSets() console.RowSets {
	if a.segments == nil {
		return nil
	}
	return a.segments
}

// personsOf returns who has the identifiers, as far as that is known.
func (a *App) personsOf(ctx context.Context, ids []touchstone.Identifier) ([]touchstone.PersonID, error) {
	var persons []touchstone.PersonID
	for _, id := range ids {
		p, err := a.graph.Resolve(ctx, id.String())
		switch kind := touchstone.KindOf(err); {
		case err == nil:
			persons = append(persons, p)
		case kind != touchstone.NotFound && kind != touchstone.Invalid:
			return nil, err
		}
	}
	return persons, nil
}
