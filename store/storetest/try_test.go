package storetest_test

import (
	"errors"
	"testing"

	"github.com/touchstone-cdp/touchstone/store"
)

func TestTryTakesBackItsOwnOnly(t *testing.T) {
	withRows(t, func(t *testing.T, db *store.DB) {
		add := func(tx *store.Tx, id int64) error {
			_, err := tx.Exec(ctx, `INSERT INTO rows (id, name) VALUES (?, 'x')`, id)
			return err
		}
		wrong := errors.New("no")
		err := db.Update(ctx, func(tx *store.Tx) error {
			if err := add(tx, 1); err != nil {
				return err
			}
			if err := tx.Try(ctx, func() error { return errors.Join(add(tx, 2), wrong) }); !errors.Is(err, wrong) {
				t.Errorf("got %v", err)
			}
			if err := tx.Try(ctx, func() error { return errors.Join(add(tx, 3), add(tx, 1)) }); err == nil {
				t.Error("a row twice went through")
			}
			if err := tx.Try(ctx, func() error { _ = add(tx, 1); return nil }); err == nil {
				t.Error("a statement's error was lost")
			}
			if err := tx.Try(ctx, func() error {
				_ = tx.Try(ctx, func() error { return errors.Join(add(tx, 4), wrong) })
				return add(tx, 5)
			}); err != nil {
				t.Error(err)
			}
			return add(tx, 6)
		})
		if err != nil {
			t.Fatal(err)
		}
		wantIDs(t, db.Reader(), 1, 5, 6)
	})
}
