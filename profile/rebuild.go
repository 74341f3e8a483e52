package profile

import (
	"context"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

// History is the past of a person, for computing a profile anew after a split.
type History interface {
	// Mark returns a text that stands for all events which the pipeline has committed.
	Mark() string
	// Events calls fn with a person's events up to a mark, in any order. It reports
	// false, and calls fn for none, while they are not all there yet.
	Events(ctx context.Context, person touchstone.PersonID, mark string, fn func(f *touchstone.Fact) error) (bool, error)
}

// rebuild is a profile that waits for its history.
type rebuild struct {
	person   touchstone.PersonID
	mark     string
	activity activity // of the events since the mark
	traits   traits
}

func loadRebuilds(context.Context, store.Querier) (map[touchstone.PersonID]*rebuild, error) {
	return map[touchstone.PersonID]*rebuild{}, nil
}

func (p *Profiles) rebuildDue(context.Context, *store.Tx, *batch, *touchstone.Batch) error {
	return nil
}
func (p *Profiles) foldDelta(*batch, *rebuild, int) {}
func (p *Profiles) mergeRebuilds(context.Context, *batch, touchstone.PersonID, *rebuild) error {
	return nil
}
func (p *Profiles) saveRebuilds(context.Context, *store.Tx) error { return nil }
