package app

import (
	"context"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/api"
)

// people shows persons to features: [api.People], of identity, profiles and segments.
type people struct{ app *App }

// Find returns the person that a reference means.
func (p people) Find(ctx context.Context, v *access.Viewer, ref string) (touchstone.PersonID, error) {
	person, err := p.app.graph.Resolve(ctx, ref)
	if err != nil {
		return 0, err
	}
	seen, err := p.Within(ctx, v, []touchstone.PersonID{person})
	if err == nil && len(seen) == 0 {
		err = touchstone.Errorf(touchstone.NotFound, "there is no person %.80q", ref)
	}
	return person, err
}

// Within returns those of the persons that v may see.
func (p people) Within(_ context.Context, v *access.Viewer, persons []touchstone.PersonID) ([]touchstone.PersonID, error) {
	if v.Limited() {
		return nil, nil
	}
	return persons, nil
}

// Lines returns a line for each of the persons that v may see.
func (p people) Lines(ctx context.Context, v *access.Viewer, persons []touchstone.PersonID) ([]api.PersonLine, error) {
	persons, err := p.Within(ctx, v, persons)
	if err != nil || len(persons) == 0 {
		return nil, err
	}
	if p.app.profiles == nil {
		return nil, api.NotHere("profiles")
	}
	found, err := p.app.profiles.Lines(ctx, v, persons)
	if err != nil {
		return nil, err
	}
	byID := make(map[touchstone.PersonID]*api.PersonLine, len(found))
	for i := range found {
		byID[found[i].ID] = &found[i]
	}
	lines := make([]api.PersonLine, len(persons))
	for i, id := range persons {
		if l := byID[id]; l != nil {
			lines[i] = *l
		} else {
			lines[i].ID = id
		}
	}
	return lines, nil
}

var _ api.People = people{}
