package keep_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/keep"
	"github.com/touchstone-cdp/touchstone/store"
)

// scribe writes down what it hears.
type scribe struct{ heard []string }

func (s *scribe) Name() string         { return "scribe" }
func (s *scribe) Tables() []keep.Table { return nil }
func (s *scribe) Rollback()            { s.heard = append(s.heard, "rollback") }

func (s *scribe) Merge(_ context.Context, _ *store.Tx, merges []keep.Merge) error {
	s.heard = append(s.heard, fmt.Sprint("merge ", merges))
	return nil
}

func (s *scribe) Split(_ context.Context, _ *store.Tx, splits []keep.Split) error {
	s.heard = append(s.heard, fmt.Sprint("split ", splits))
	return nil
}

func (s *scribe) Erase(_ context.Context, _ *store.Tx, persons []keep.Whole) error {
	s.heard = append(s.heard, fmt.Sprint("erase ", persons))
	return nil
}

func (s *scribe) Export(context.Context, store.Querier, keep.Whole, keep.Put) error {
	return nil
}

// Keepers follow the changes in their order, those of a kind that stand together at once.
func TestStageKeepsTheOrder(t *testing.T) {
	s := &scribe{}
	stage := keep.NewStage([]keep.Keeper{s})
	change := func(kind touchstone.ChangeKind, p, other touchstone.PersonID, nodes ...touchstone.NodeID) touchstone.Change {
		c := touchstone.Change{Kind: kind, Person: p, Other: other}
		if nodes != nil {
			c.Parts = &touchstone.Parts{Nodes: nodes}
		}
		return c
	}
	b := &touchstone.Batch{Changes: []touchstone.Change{
		change(touchstone.TraitChanged, 9, 0),
		change(touchstone.PersonSplit, 1, 2, 2, 5),
		change(touchstone.PersonErased, 3, 0, 3, 4),
		change(touchstone.PersonsMerged, 1, 6),
		change(touchstone.TraitChanged, 1, 0),
		change(touchstone.PersonsMerged, 1, 7),
		change(touchstone.SegmentEntered, 1, 0),
		change(touchstone.PersonSplit, 1, 6, 6),
	}}
	if err := stage.Apply(t.Context(), nil, b); err != nil {
		t.Fatal(err)
	}
	stage.Rollback()
	want := []string{"split [{p_1 p_2 [2 5] []}]", "erase [{p_3 [3 4] []}]", "merge [{p_1 p_6} {p_1 p_7}]", "split [{p_1 p_6 [6] []}]", "rollback"}
	if !slices.Equal(s.heard, want) {
		t.Errorf("heard %q, not %q", s.heard, want)
	}
	s.heard = nil
	if err := stage.Apply(t.Context(), nil, &touchstone.Batch{Changes: b.Changes[:1]}); err != nil || s.heard != nil {
		t.Errorf("heard %q of a trait; %v", s.heard, err)
	}
}
