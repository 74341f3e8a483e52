package storetest_test

import (
	"context"
	"errors"
	"testing"

	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/storetest"
)

// What is wrong with a row is told from what is wrong with the database.
func TestTrouble(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		exec := func(ctx context.Context, query string, args ...any) error {
			return db.Update(ctx, func(tx *store.Tx) error {
				_, err := tx.Exec(ctx, query, args...)
				return err
			})
		}
		if err := exec(t.Context(), `CREATE TABLE things (id BIGINT PRIMARY KEY, name TEXT NOT NULL)`); err != nil {
			t.Fatal(err)
		}
		if err := exec(t.Context(), `INSERT INTO things VALUES (?, ?)`, 1, "a"); err != nil {
			t.Fatal(err)
		}
		for query, args := range map[string][]any{
			`INSERT INTO things VALUES (?, ?)`:           {1, "b"},
			`INSERT INTO things (id, name) VALUES (?,?)`: {2, nil},
			`INSERT INTO nothings VALUES (?, ?)`:         {1, "b"},
		} {
			if err := exec(t.Context(), query, args...); err == nil || store.IsTrouble(err) {
				t.Errorf("%s: %v is said to be trouble", query, err)
			}
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if err := exec(ended, `INSERT INTO things VALUES (?, ?)`, 3, "c"); !store.IsTrouble(err) {
			t.Errorf("%v is not said to be trouble", err)
		}
		if store.IsTrouble(errors.New("a stage's own")) || store.IsTrouble(nil) {
			t.Error("errors of others are said to be trouble")
		}
	})
}
