package console

import (
	"context"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

// update runs fn in a transaction, and again when it clashed with another one
// (PostgreSQL). fn must set what it returns from its start.
func update(ctx context.Context, db *store.DB, fn func(tx *store.Tx) error) error {
	const tries = 6
	for try := 0; ; try++ {
		err := db.Update(ctx, fn)
		if err == nil || !store.IsRetryable(err) {
			return err
		}
		if try == tries {
			e := touchstone.Wrap(touchstone.Unavailable, err, "The change clashed with others.").WithHint("Try again.")
			e.RetryAfter = time.Second
			return e
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond << try):
		}
	}
}
