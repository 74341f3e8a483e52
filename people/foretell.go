package people

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/identity"
	"github.com/touchstone-cdp/touchstone/profile"
	"github.com/touchstone-cdp/touchstone/segment"
)

// Foreteller tells what would be known of persons who are only thought of, from their events.
type Foreteller struct {
	Graph    *identity.Graph
	Profiles *profile.Profiles
	Segments *segment.Segments
	// Events returns all that came under some nodes, with corrections, in any order; false if it is
	// more than the bound, or if this process has no history.
	Events func(ctx context.Context, nodes []touchstone.NodeID, bound int) (facts []touchstone.Fact, whole bool, err error)
}

const (
	foretoldEvents  = 20_000 // of a person
	foretoldPersons = 20     // of a command
)

// Preview tries a command and fills in what each person has, and each one afterwards would have.
func (x Foreteller) Preview(ctx context.Context, v *access.Viewer, kind string, body any) (p identity.Preview, err error) {
	text, err := json.Marshal(body)
	if err != nil {
		return p, err
	}
	if p, err = x.Graph.Preview(ctx, v, kind, touchstone.JSON(text)); err != nil {
		return p, err
	}
	for i := range p.Before {
		if err := x.before(ctx, v, &p.Before[i]); err != nil {
			return p, err
		}
	}
	if len(p.After) > foretoldPersons {
		return p, nil
	}
	nodes := make([][]touchstone.NodeID, len(p.After))
	for i := range p.After {
		nodes[i] = p.After[i].Nodes
	}
	f, told, err := x.Foretell(ctx, nodes, foretoldEvents)
	if err != nil {
		return p, err
	}
	for i := range p.After {
		if told[i] == nil {
			continue
		}
		one := &p.After[i]
		one.Foretold = true
		for name, value := range told[i].Traits {
			one.Traits[name] = v.Field(name, value)
		}
		one.Segments = named(f.Segments, told[i].In)
		one.Unsure = named(f.Segments, told[i].Unsure)
	}
	return p, nil
}

func (x Foreteller) before(ctx context.Context, v *access.Viewer, p *identity.PreviewPerson) error {
	in, err := x.Segments.Memberships(ctx, access.System(), p.ID)
	if err != nil {
		return err
	}
	for _, m := range in {
		p.Segments = append(p.Segments, identity.PreviewSegment{ID: m.ID, Name: m.Name})
	}
	p.Foretold = true
	of, err := x.Profiles.Get(ctx, access.System(), p.ID)
	if touchstone.KindOf(err) == touchstone.NotFound { // nothing came under it
		return nil
	}
	if err != nil {
		return err
	}
	for name, value := range of.Traits {
		p.Traits[name] = v.Field(name, value)
	}
	return nil
}

func named(all []segment.Among, places []int) []identity.PreviewSegment {
	list := make([]identity.PreviewSegment, len(places))
	for i, at := range places {
		list[i] = identity.PreviewSegment{ID: all[at].ID, Name: all[at].Name}
	}
	return list
}

// Told is what is foretold of one person.
type Told struct {
	Traits map[string]touchstone.JSON
	segment.Foretold
}

// Foretell tells of persons with these nodes what they would have; nil for those with more events
// than the bound. In and Unsure are places in the forecast's segments.
func (x Foreteller) Foretell(ctx context.Context, persons [][]touchstone.NodeID, bound int) (f segment.Forecast, told []*Told, err error) {
	told = make([]*Told, len(persons))
	var futures []segment.Future
	var of []int
	for i, nodes := range persons {
		facts, whole, err := x.Events(ctx, nodes, bound)
		if err != nil {
			return f, nil, err
		}
		if !whole {
			continue
		}
		traits, err := profile.Foretell(facts)
		if err != nil {
			return f, nil, fmt.Errorf("foretell the traits of who is only thought of: %w", err)
		}
		told[i] = &Told{Traits: traits}
		futures, of = append(futures, segment.Future{Nodes: nodes, Traits: traits, Facts: facts}), append(of, i)
	}
	if f, err = x.Segments.Foretell(ctx, futures); err != nil {
		return f, nil, err
	}
	for n, i := range of {
		told[i].Foretold = f.Persons[n]
	}
	return f, told, nil
}
