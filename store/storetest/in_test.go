package storetest_test

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/storetest"
)

func TestSelectInOfAnyLength(t *testing.T) {
	type id int64 // a named type, as keys are
	withRows(t, func(t *testing.T, db *store.DB) {
		all := make([]int64, 1200)
		for i := range all {
			all[i] = int64(i)
		}
		insert(t, db, all...)
		for _, n := range []int{0, 1, 2, 5, 255, 256, 257, 1000} {
			var keys, got []id
			for i := range n {
				keys = append(keys, id(2*i)) // beyond 1199 there is none
			}
			err := store.SelectIn(ctx, db.Reader(), "SELECT id, name FROM rows WHERE id < ? AND id IN (...) AND name <> ''", keys, func(rows *sql.Rows) error {
				var one id
				var name string
				if err := rows.Scan(&one, &name); err != nil {
					return err
				}
				if name != fmt.Sprintf("name %d", one) {
					t.Errorf("row %d is %q", one, name)
				}
				got = append(got, one)
				return nil
			}, 1100)
			if err != nil {
				t.Fatal(err)
			}
			var want []id
			for _, k := range keys {
				if k < 1100 {
					want = append(want, k)
				}
			}
			slices.Sort(got)
			if d := cmp.Diff(want, got); d != "" {
				t.Fatalf("of %d keys: %s", n, d)
			}
		}
	})
}

func TestSelectInOfTextsStopsAtTheFirstError(t *testing.T) {
	withRows(t, func(t *testing.T, db *store.DB) {
		insert(t, db, 1, 2, 3)
		enough, rows := errors.New("enough"), 0
		query := "SELECT id FROM rows WHERE name IN (...)"
		err := store.SelectIn(ctx, db.Reader(), query, []string{"name 1", "no\x00ne", "name 3"}, func(*sql.Rows) error {
			rows++
			return enough
		})
		if !errors.Is(err, enough) || rows != 1 {
			t.Errorf("%d rows, %v", rows, err)
		}
		if err := store.SelectIn(ctx, db.Reader(), "SELECT id FROM rows", []int{1}, nil); err == nil {
			t.Error("a query without a list was run")
		}
	})
}

func TestExecIn(t *testing.T) {
	withRows(t, func(t *testing.T, db *store.DB) {
		all := make([]int64, 600)
		for i := range all {
			all[i] = int64(i)
		}
		insert(t, db, all...)
		err := db.Retry(ctx, func(tx *store.Tx) error {
			return store.ExecIn(ctx, tx, "UPDATE rows SET name = ? WHERE id IN (...)", all[100:500], "new")
		})
		if err != nil {
			t.Fatal(err)
		}
		for id, name := range names(t, db) {
			want := fmt.Sprintf("name %d", id)
			if id >= 100 && id < 500 {
				want = "new"
			}
			if name != want {
				t.Fatalf("row %d is %q", id, name)
			}
		}
	})
}

func TestBulkDeleteByManyColumns(t *testing.T) {
	fsys := fstest.MapFS{"0001_parts.sql": sqlFile("-- +goose Up\nCREATE TABLE parts (a BIGINT NOT NULL, b TEXT NOT NULL, c BYTEA NOT NULL, d BIGINT, PRIMARY KEY (a, b, c));\n")}
	columns := []string{"a", "b", "c"}
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		if err := db.Migrate(ctx, "parts", fsys); err != nil {
			t.Fatal(err)
		}
		for _, n := range []int{0, 1, 2, 63, 64, 300, 1000} {
			err := db.Update(ctx, func(tx *store.Tx) error {
				u := store.Upsert{Table: "parts", Columns: append(columns, "d"), Key: columns}
				// Each key has neighbours that share all but one of its columns.
				err := tx.BulkUpsert(ctx, u, 4*(n+1), func(i int, args []any) {
					args[0], args[1], args[2], args[3] = i/4, fmt.Sprint("b", i&1), []byte{byte(i & 2)}, i
				})
				if err != nil {
					return err
				}
				return tx.BulkDeleteRows(ctx, "parts", columns, n, func(i int, args []any) {
					args[0], args[1], args[2] = i, "b1", []byte{2}
				})
			})
			if err != nil {
				t.Fatal(err)
			}
			var left, wrong int
			err = db.Reader().QueryRow(ctx, "SELECT count(*), coalesce(sum(CASE WHEN d % 4 = 3 AND a < ? THEN 1 ELSE 0 END), 0) FROM parts", n).Scan(&left, &wrong)
			if err != nil || left != 3*n+4 || wrong != 0 {
				t.Fatalf("of %d: %d rows are left, %d of them should be gone, %v", n, left, wrong, err)
			}
			err = db.Update(ctx, func(tx *store.Tx) error {
				return tx.BulkDeleteRows(ctx, "parts", []string{"d"}, 4*(n+1), func(i int, args []any) { args[0] = i })
			})
			if err != nil {
				t.Fatal(err)
			}
			if err := db.Reader().QueryRow(ctx, "SELECT count(*) FROM parts").Scan(&left); err != nil || left != 0 {
				t.Fatalf("%d rows are left, %v", left, err)
			}
		}
		if d := cmp.Diff([]string{"a", "b", "c"}, columns); d != "" {
			t.Error("the caller's columns were changed", d)
		}
	})
}

// clash is what a database says when a transaction has clashed.
type clash struct{}

func (clash) Error() string    { return "clash" }
func (clash) SQLState() string { return "40001" }

func TestRetryRunsAgainAfterAClash(t *testing.T) {
	withRows(t, func(t *testing.T, db *store.DB) {
		tries := 0
		err := db.Retry(ctx, func(tx *store.Tx) error {
			if tries++; tries <= 3 {
				if _, err := tx.Exec(ctx, "INSERT INTO rows (id, name) VALUES (7, 'seven')"); err != nil {
					return err // of a second row, if the first is still there
				}
				return fmt.Errorf("wrapped: %w", clash{})
			}
			return nil
		})
		if err != nil || tries != 4 {
			t.Fatalf("%d tries, %v", tries, err)
		}
		wantIDs(t, db.Reader())
		if err := db.Retry(ctx, func(*store.Tx) error { return clash{} }); touchstone.KindOf(err) != touchstone.Unavailable {
			t.Errorf("clashes for ever are %v", err)
		}
		other, tries := errors.New("other"), 0
		if err := db.Retry(ctx, func(*store.Tx) error { tries++; return other }); !errors.Is(err, other) || tries != 1 {
			t.Errorf("%d tries, %v", tries, err)
		}
	})
}
