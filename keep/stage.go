package keep

import (
	"context"
	"fmt"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

// Stage is the stage of the pipeline that lets the keepers follow the batch's merges, splits
// and erasures. It stands after the stages that derive them and before the inbox, so that
// what reactors find in their tables belongs to the persons that they hear of.
type Stage struct{ keepers []Keeper }

// NewStage makes the stage; keepers are called in their order.
func NewStage(keepers []Keeper) *Stage { return &Stage{keepers} }

// Name is the stage's name.
func (*Stage) Name() string { return "keepers" }

// Rollback calls that of keepers that have one: what they hold in memory may not have come to
// the store.
func (s *Stage) Rollback() {
	for _, k := range s.keepers {
		if r, ok := k.(interface{ Rollback() }); ok {
			r.Rollback()
		}
	}
}

// Apply hands the changes over in their order: as many of a kind at once as stand together.
func (s *Stage) Apply(ctx context.Context, tx *store.Tx, b *touchstone.Batch) error {
	for from := 0; from < len(b.Changes); {
		kind := b.Changes[from].Kind
		to := from + 1
		for to < len(b.Changes) && (b.Changes[to].Kind == kind || !moves(b.Changes[to].Kind)) {
			to++ // what a reactor may want to hear of in between moves no rows
		}
		if moves(kind) {
			if err := s.follow(ctx, tx, kind, b.Changes[from:to]); err != nil {
				return err
			}
		}
		from = to
	}
	return nil
}

// moves tells whether keepers follow changes of a kind.
func moves(kind touchstone.ChangeKind) bool {
	return kind == touchstone.PersonsMerged || kind == touchstone.PersonSplit || kind == touchstone.PersonErased
}

// follow calls every keeper with the changes of a kind.
func (s *Stage) follow(ctx context.Context, tx *store.Tx, kind touchstone.ChangeKind, changes []touchstone.Change) error {
	var merges []Merge
	var splits []Split
	var erasures []Whole
	for i := range changes {
		c := &changes[i]
		parts := c.Parts
		if parts == nil {
			parts = &touchstone.Parts{}
		}
		switch {
		case c.Kind != kind:
		case kind == touchstone.PersonsMerged:
			merges = append(merges, Merge{c.Person, c.Other})
		case kind == touchstone.PersonSplit:
			splits = append(splits, Split{c.Person, c.Other, parts.Nodes, parts.Identifiers})
		default:
			erasures = append(erasures, Whole{c.Person, parts.Nodes, parts.Identifiers})
		}
	}
	for _, k := range s.keepers {
		var err error
		switch kind {
		case touchstone.PersonsMerged:
			err = k.Merge(ctx, tx, merges)
		case touchstone.PersonSplit:
			err = k.Split(ctx, tx, splits)
		default:
			err = k.Erase(ctx, tx, erasures)
		}
		if err != nil {
			return fmt.Errorf("%s of %s: %w", kind, k.Name(), err)
		}
	}
	return nil
}
