package console

import (
	"context"

	"github.com/touchstone-cdp/touchstone/store"
)

// update is [store.DB.Retry].
func update(ctx context.Context, db *store.DB, fn func(tx *store.Tx) error) error {
	return db.Retry(ctx, fn)
}
