package storetest_test

import (
	"strings"
	"testing"

	touchstone "github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/postgres"
	"github.com/touchstone-cdp/touchstone/store/storetest"
)

func openPostgres(t *testing.T, url string) *store.DB {
	t.Helper()
	db, err := postgres.Open(ctx, url, postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func TestPostgresClashIsRetryable(t *testing.T) {
	db := openPostgres(t, storetest.PostgresSchema(t))
	if err := db.Migrate(ctx, "rows", rowsFS); err != nil {
		t.Fatal(err)
	}
	insert(t, db, 1, 2)
	err := db.Update(ctx, func(tx *store.Tx) error {
		wantIDs(t, tx, 1, 2) // takes the snapshot
		err := db.Update(ctx, func(other *store.Tx) error {
			_, err := other.Exec(ctx, "UPDATE rows SET name = 'other' WHERE id = 1")
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return tx.BulkUpsert(ctx, upsert(), 2, func(i int, args []any) { args[0], args[1] = i+1, "mine" })
	})
	if !store.IsRetryable(err) {
		t.Fatalf("got %v, want a retryable error", err)
	}
	if got := names(t, db)[1]; got != "other" {
		t.Errorf("row 1 is %q", got)
	}
}

func TestPostgresConnectErrorsSayWhatToDo(t *testing.T) {
	real := storetest.PostgresSchema(t)
	for name, tt := range map[string]struct{ url, want string }{
		"syntax":      {"postgres://%zz", "write it like postgres://"},
		"refused":     {"postgres://u@127.0.0.1:1/x", "check the host and port"},
		"no socket":   {"postgres:///x?host=/nowhere&user=u", "check the host and port"},
		"no database": {strings.Replace(real, "/postgres?", "/nothing_here?", 1), "CREATE DATABASE"},
	} {
		t.Run(name, func(t *testing.T) {
			db, err := postgres.Open(ctx, tt.url, postgres.Options{})
			if err == nil {
				db.Close()
				t.Fatal("connected")
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %q, want it to say %q", err, tt.want)
			}
			if k := touchstone.KindOf(err); k == touchstone.Internal {
				t.Errorf("the error has no kind")
			}
		})
	}
}
