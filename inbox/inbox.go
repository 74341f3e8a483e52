// Package inbox carries what happened to those who react. The batch's transaction writes
// the occurrences that some reactor wants; each reactor reads them in order, at its own
// pace, with an offset, retries and dead letters of its own. So a reactor that is broken
// stops nobody else, and nothing depends on how events were batched.
//
// docs/design/reactors.md tells the whole story.
package inbox

import (
	"context"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

// Reactor is a feature that acts on what happens: a journey, a reward, a webhook.
type Reactor interface {
	// Name names its offset, its dead letters and its place in the console: "webhook".
	Name() string
	// Interest tells what it wants to hear of from now on. It is asked at the start and
	// after [Touch].
	Interest(ctx context.Context, q store.Querier) (Interest, error)
	// React works on occurrences in their order, in a transaction that also moves the
	// offset and takes what it puts in the outbox. An error rolls all of it back; the
	// occurrences come again, fewer at a time, until the one at fault is found and set
	// aside as a dead letter.
	React(ctx context.Context, tx *store.Tx, occurrences []touchstone.Occurrence, out Outbox) error
}

// Outbox takes effects in the reactor's transaction: outbox.Outbox.
type Outbox interface {
	Put(ctx context.Context, tx *store.Tx, effects ...touchstone.Effect) error
}

// Interest is what a reactor wants to hear of. The zero Interest is nothing.
type Interest struct {
	Events   []string // names; "*" is all
	Traits   []string // names; "*" is all
	Segments []string // ids, of entries and exits; "*" is all
	Timers   []string // owners
	Persons  bool     // merges, splits and erasures
	Backfill bool     // also what came with history
	Causes   bool     // changes carry the event that caused them
}
