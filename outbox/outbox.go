// Package outbox does what has been decided on. Effects are put in it in the transaction
// that decides; after the commit, deliverers do them, at least once and with the same
// idempotency key on every repeat, one queue per destination, so that a dead one slows
// no other.
//
// docs/design/effects.md tells the whole story.
package outbox

import (
	"context"

	"github.com/touchstone-cdp/touchstone"
)

// Deliverer does the effects of one kind.
type Deliverer interface {
	Kind() string // of [touchstone.Effect]
	// Deliver does an effect. It is called by many goroutines, and again for an effect that
	// may have been done. A touchstone.Error of kind Invalid, Forbidden or NotFound goes to
	// the dead letters at once; one with RetryAfter is tried again then; any other with
	// growing pauses.
	Deliver(ctx context.Context, e touchstone.Effect, attempt int) error
}
