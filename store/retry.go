package store

import (
	"context"
	"time"

	touchstone "github.com/touchstone-cdp/touchstone"
)

const clashes = 6 // after which Retry gives up

// Retry is [DB.Update] that runs fn again, from its start, when it clashed with another
// transaction. So fn sets whatever it leaves outside of the database anew each time. After
// several clashes the error is Unavailable.
//
// What keeps state between transactions (the pipeline) uses Update and restores it itself.
func (db *DB) Retry(ctx context.Context, fn func(tx *Tx) error) error {
	for clash := 0; ; clash++ {
		err := db.Update(ctx, fn)
		if err == nil || !IsRetryable(err) {
			return err
		}
		if clash == clashes {
			e := touchstone.Wrap(touchstone.Unavailable, err, "The change clashed with others.").WithHint("Try again.")
			e.RetryAfter = time.Second
			return e
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond << clash):
		}
	}
}
