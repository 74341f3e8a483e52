package store

import (
	"context"
	"fmt"
)

// Try runs fn within the transaction, so that what fn has written goes when it fails, and the
// rest of the transaction stays: it goes on as if fn had not been run. The error is fn's, or
// that of a statement that failed. When the database is in trouble the whole transaction may
// be lost; then its other statements fail, too.
func (tx *Tx) Try(ctx context.Context, fn func() error) error {
	const name = "touchstone_try" // they nest: the latest of a name is meant
	if _, err := tx.Exec(ctx, "SAVEPOINT "+name); err != nil {
		return err
	}
	err := fn()
	if tx.failed != nil && err == nil {
		err = tx.failed
	}
	if err == nil {
		_, err = tx.Exec(ctx, "RELEASE SAVEPOINT "+name)
		return err
	}
	failed := tx.failed
	tx.failed = nil
	ctx = context.WithoutCancel(ctx)
	for _, statement := range []string{"ROLLBACK TO SAVEPOINT ", "RELEASE SAVEPOINT "} {
		if _, e := tx.Exec(ctx, statement+name); e != nil {
			if failed != nil {
				tx.failed = failed // the first one tells more
			}
			return fmt.Errorf("%w; and what was tried cannot be taken back: %w", err, e)
		}
	}
	return err
}
