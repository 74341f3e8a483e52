package people

import (
	"context"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/api"
)

// shown is [api.People], of identity, profiles and segments.
type shown struct{ parts func() Parts }

// Of makes what features show and find persons by. The function is asked at each call.
func Of(parts func() Parts) api.People { return shown{parts} }

// Find returns the person that a reference means.
func (p shown) Find(ctx context.Context, v *access.Viewer, ref string) (touchstone.PersonID, error) {
	person, err := p.parts().Graph.Resolve(ctx, ref)
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
func (p shown) Within(ctx context.Context, v *access.Viewer, persons []touchstone.PersonID) ([]touchstone.PersonID, error) {
	if !v.Limited() {
		return persons, nil
	}
	if p.parts().Segments == nil {
		return nil, api.NotHere("segments")
	}
	return p.parts().Segments.Within(ctx, v, persons)
}

// Follow returns whom ids mean now.
func (p shown) Follow(ctx context.Context, v *access.Viewer, persons []touchstone.PersonID) ([]touchstone.PersonID, error) {
	nodes, err := p.parts().Graph.NodesOfPersons(ctx, persons)
	if err != nil {
		return nil, err
	}
	known := make([]touchstone.PersonID, len(persons))
	for i, id := range persons {
		if known[i] = id; len(nodes[id]) > 0 {
			continue
		}
		known[i], err = p.parts().Graph.Resolve(ctx, id.String())
		if touchstone.KindOf(err) == touchstone.NotFound {
			return nil, noPerson(id)
		}
		if err != nil {
			return nil, err
		}
	}
	seen, err := p.Within(ctx, v, known)
	if err != nil || len(seen) == len(known) {
		return known, err
	}
	for i, id := range known {
		if i == len(seen) || seen[i] != id {
			return nil, noPerson(persons[i])
		}
	}
	return known, nil
}

func noPerson(id touchstone.PersonID) error {
	return touchstone.Errorf(touchstone.Invalid, "There is no person %s.", id)
}

// Lines returns a line for each of the persons that v may see.
func (p shown) Lines(ctx context.Context, v *access.Viewer, persons []touchstone.PersonID) ([]api.PersonLine, error) {
	persons, err := p.Within(ctx, v, persons)
	if err != nil || len(persons) == 0 {
		return nil, err
	}
	if p.parts().Profiles == nil {
		return nil, api.NotHere("profiles")
	}
	found, err := p.parts().Profiles.Lines(ctx, v, persons)
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
