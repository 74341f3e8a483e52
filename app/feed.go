package app

import (
	"context"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/live"
	"github.com/touchstone-cdp/touchstone/store"
)

// changeFeed is the pipeline's last stage: it shows what the others derived to whoever
// watches, once the batch has been committed. Trait changes are left out: there are many,
// and the debugger shows the events that carry them.
type changeFeed struct {
	hub *live.Hub[touchstone.Change]
}

// How much the feed keeps for newcomers, and how many may watch.
const (
	feedKeep     = 200
	feedWatchers = 200
	feedPerBatch = 200
)

func newChangeFeed() *changeFeed {
	return &changeFeed{hub: live.New[touchstone.Change](feedKeep, feedWatchers)}
}

// Name is the stage's name.
func (*changeFeed) Name() string { return "feed" }

// Apply changes nothing.
func (*changeFeed) Apply(context.Context, *store.Tx, *touchstone.Batch) error { return nil }

// Rollback has nothing to forget.
func (*changeFeed) Rollback() {}

// Committed publishes the batch's changes, at most the last 200 of them.
func (f *changeFeed) Committed(b *touchstone.Batch) {
	var shown []touchstone.Change
	for i := len(b.Changes) - 1; i >= 0 && len(shown) < feedPerBatch; i-- {
		if c := b.Changes[i]; c.Kind != touchstone.TraitChanged {
			shown = append(shown, c)
		}
	}
	for i := len(shown) - 1; i >= 0; i-- {
		f.hub.Publish(shown[i])
	}
}
