package profile

import (
	"context"
	"fmt"
	"slices"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

// eraseDue forgets the persons that the batch erases: states, terms, days, what they wait
// for, and their share in the catalogue. They have no facts in the batch: a command is done
// before the events that come after it, and these are of a new person.
func (p *Profiles) eraseDue(ctx context.Context, b *batch, tb *touchstone.Batch) error {
	for i := range tb.Changes {
		if c := &tb.Changes[i]; c.Kind == touchstone.PersonErased {
			b.erased = append(b.erased, c.Person)
			if c.Parts != nil {
				for _, table := range []string{"profile_corrections", "profile_computed"} {
					if err := store.ExecIn(ctx, b.tx, `DELETE FROM `+table+` WHERE node IN (...)`, c.Parts.Nodes); err != nil {
						return fmt.Errorf("erase corrections: %w", err)
					}
				}
			}
		}
	}
	if len(b.erased) == 0 {
		return nil
	}
	gone := func(id touchstone.PersonID) bool { return slices.Contains(b.erased, id) }
	activities, traitStates, err := p.statesOf(ctx, b, b.erased)
	if err != nil {
		return err
	}
	for i, id := range b.erased {
		if p.rebuilds[id] != nil {
			p.endRebuild(b, id)
		}
		if len(activities[i]) > 0 {
			b.fresh--
		}
		if len(traitStates[i]) == 0 {
			continue
		}
		var t traits
		if err := t.decode(traitStates[i]); err != nil {
			return fmt.Errorf("person %s: %w", id, err)
		}
		for _, x := range t.list {
			if x.json != "" {
				b.valueChanged(x.name, x.json, "")
			}
		}
		b.terms.note(id, p.termsOf(nil, &t), nil)
	}
	b.gone = append(b.gone, b.erased...)
	b.persons = slices.DeleteFunc(b.persons, func(one person) bool { return gone(one.id) })
	return p.forgetShared(b)
}

// forgetShared leaves persons that wait for their history with what has happened since: until
// it comes, they show what they had in common with somebody, who may have been erased.
func (p *Profiles) forgetShared(b *batch) error {
	var waiting []touchstone.PersonID
	for id := range p.rebuilds {
		if one := b.person(id); one == nil || one.rebuilt == nil {
			waiting = append(waiting, id)
		}
	}
	b.include(waiting)
	for _, id := range waiting {
		one, r := b.person(id), &rebuilt{at: b.now}
		if err := p.rebuilds[id].decode(&r.activity, &r.traits); err != nil {
			return fmt.Errorf("person %s: %w", id, err)
		}
		one.rebuilt, one.rare = r, true
	}
	return nil
}
