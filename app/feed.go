package app

import (
	"context"
	"strings"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/live"
	"github.com/touchstone-cdp/touchstone/store"
)

// changeFeed is the pipeline's last stage: it shows what the others derived to whoever
// watches, in the one order, once the batch has been committed. Trait changes are left out: there are many,
// and the debugger shows the events that carry them.
type changeFeed struct {
	hub *live.Hub[touchstone.Occurrence]
}

// How much the feed keeps for newcomers, and how many may watch.
const (
	feedKeep     = 200
	feedWatchers = 200
	feedPerBatch = 200
)

func newChangeFeed() *changeFeed {
	return &changeFeed{hub: live.New[touchstone.Occurrence](feedKeep, feedWatchers)}
}

// Name is the stage's name.
func (*changeFeed) Name() string { return "feed" }

// Apply changes nothing.
func (*changeFeed) Apply(context.Context, *store.Tx, *touchstone.Batch) error { return nil }

// Rollback has nothing to forget.
func (*changeFeed) Rollback() {}

// Committed publishes the batch's changes, at most the last 200 of them. They outlive the
// batch, so they keep nothing of an event's record but a copy of its message id.
func (f *changeFeed) Committed(b *touchstone.Batch) {
	var changes []touchstone.Item
	for item := range b.Ordered() {
		if c := item.Change; c != nil && c.Kind != touchstone.TraitChanged {
			changes = append(changes, item)
		}
	}
	for _, item := range changes[max(0, len(changes)-feedPerBatch):] {
		o := item.Occurrence()
		o.Event, o.MessageID = nil, strings.Clone(o.MessageID)
		f.hub.Publish(o)
	}
}
