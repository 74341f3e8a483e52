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

// A connection that breaks within a transaction ends the transaction, whichever statement
// hears of it first, and the next one gets a connection that works.
func TestConnectionBreaksWithinATransaction(t *testing.T) {
	ctx := t.Context()
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		if db.Dialect() == store.SQLite {
			t.Skip("there is no connection that could break")
		}
		if err := db.Update(ctx, func(tx *store.Tx) error {
			_, err := tx.Exec(ctx, `CREATE TABLE things (id BIGINT PRIMARY KEY)`)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		put := func(tx *store.Tx, first int) error {
			return tx.BulkUpsert(ctx, store.Upsert{Table: "things", Columns: []string{"id"}}, 10, func(i int, args []any) { args[0] = first + i })
		}
		for name, statement := range map[string]func(tx *store.Tx) error{
			"bulk":  func(tx *store.Tx) error { return put(tx, 100) },
			"exec":  func(tx *store.Tx) error { _, err := tx.Exec(ctx, `DELETE FROM things`); return err },
			"again": func(tx *store.Tx) error { return errors.Join(put(tx, 100), put(tx, 200)) },
		} {
			err := db.Update(ctx, func(tx *store.Tx) error {
				var session int
				if err := tx.QueryRow(ctx, `SELECT pg_backend_pid()`).Scan(&session); err != nil {
					return err
				}
				if err := put(tx, 0); err != nil {
					return err
				}
				var ended bool
				if err := db.Reader().QueryRow(ctx, `SELECT pg_terminate_backend(?, 5000)`, session).Scan(&ended); err != nil || !ended {
					t.Fatalf("%s: the session goes on: %v", name, err)
				}
				return statement(tx)
			})
			if err == nil || !store.IsTrouble(err) {
				t.Errorf("%s: a transaction without a connection ends with %v", name, err)
			}
			var n int
			if err := db.Reader().QueryRow(ctx, `SELECT count(*) FROM things`).Scan(&n); err != nil || n != 0 {
				t.Errorf("%s: %d rows, %v", name, n, err)
			}
		}
		if err := db.Update(ctx, func(tx *store.Tx) error { return put(tx, 0) }); err != nil {
			t.Error(err)
		}
	})
}
