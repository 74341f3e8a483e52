package app

import (
	"context"
	"slices"
	"strings"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/live"
	"github.com/touchstone-cdp/touchstone/keep"
	"github.com/touchstone-cdp/touchstone/store"
)

// changeFeed is the pipeline's last stage: it shows what the others derived to whoever
// watches, in the one order, once the batch has been committed. Trait changes are left out: there are many,
// and the debugger shows the events that carry them.
//
// Of a person who is erased it forgets what it has shown, and so does the feed of the edge, if that is in this
// process: another one's forgets by showing newer ones.
type changeFeed struct {
	hub    *live.Hub[touchstone.Occurrence]
	events func() *live.Hub[touchstone.Event] // the edge's; nil in a process without one
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
	defer f.forget(b.Changes)
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

// forget takes what is about persons who were erased out of what is kept for newcomers.
func (f *changeFeed) forget(changes []touchstone.Change) {
	var gone []keep.Whole
	numbers, ids := map[int64]bool{}, map[touchstone.Identifier]bool{}
	for i := range changes {
		c := &changes[i]
		if c.Kind != touchstone.PersonErased || c.Parts == nil {
			continue
		}
		who := keep.Whole{Person: c.Person, Nodes: c.Parts.Nodes, Identifiers: c.Parts.Identifiers}
		for _, n := range who.Numbers() {
			numbers[n] = true
		}
		for _, id := range who.Identifiers {
			ids[id] = true
		}
		gone = append(gone, who)
	}
	if len(gone) == 0 {
		return
	}
	f.hub.Forget(func(o touchstone.Occurrence) bool { // that the number was erased may be told
		return o.Kind != touchstone.Erased && (numbers[int64(o.Person)] || o.Other != 0 && numbers[int64(o.Other)])
	})
	if f.events == nil {
		return
	}
	search := keep.NewSearch(gone)
	f.events().Forget(func(e touchstone.Event) bool {
		return slices.ContainsFunc(e.Identifiers, func(id touchstone.Identifier) bool { return ids[id] }) ||
			search.In(string(e.Properties), string(e.Traits), string(e.Context), string(e.Raw))
	})
}
