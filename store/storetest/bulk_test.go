package storetest_test

import (
	"fmt"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/storetest"
)

func names(t *testing.T, db *store.DB) map[int64]string {
	t.Helper()
	rows, err := db.Reader().Query(ctx, "SELECT id, name FROM rows")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	got := map[int64]string{}
	for rows.Next() {
		var id int64
		var name string
		if err := rows.Scan(&id, &name); err != nil {
			t.Fatal(err)
		}
		got[id] = name
	}
	return got
}

func TestBulkUpsertAllSizes(t *testing.T) {
	withRows(t, func(t *testing.T, db *store.DB) {
		want := map[int64]string{}
		for round, n := range []int{0, 1, 2, 3, 63, 64, 65, 127, 128, 200, 1000} {
			err := db.Update(ctx, func(tx *store.Tx) error {
				return tx.BulkUpsert(ctx, upsert(), n, func(i int, args []any) {
					for j, a := range args {
						if a != nil {
							t.Errorf("args[%d] is left from an earlier row: %v", j, a)
						}
					}
					name := fmt.Sprintf("%d/%d", round, i)
					want[int64(i)] = name
					args[0], args[1] = i, name
				})
			})
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want, names(t, db)); d != "" {
				t.Fatalf("after %d rows: %s", n, d)
			}
		}
	})
}

func TestBulkUpsertConflicts(t *testing.T) {
	fill := func(label string) func(i int, args []any) {
		return func(i int, args []any) { args[0], args[1] = i, label }
	}
	withRows(t, func(t *testing.T, db *store.DB) {
		bulk := func(u store.Upsert, rows int, label string) error {
			return db.Update(ctx, func(tx *store.Tx) error { return tx.BulkUpsert(ctx, u, rows, fill(label)) })
		}
		plain := store.Upsert{Table: "rows", Columns: []string{"id", "name"}}
		ignore := store.Upsert{Table: "rows", Columns: []string{"id", "name"}, Key: []string{"id"}, IgnoreConflict: true}
		ignoreAny := store.Upsert{Table: "rows", Columns: []string{"id", "name"}, IgnoreConflict: true}
		keysOnly := store.Upsert{Table: "rows", Columns: []string{"id", "name"}, Key: []string{"id"}}
		if err := bulk(plain, 2, "plain"); err != nil {
			t.Fatal(err)
		}
		if err := bulk(plain, 100, "again"); err == nil {
			t.Error("a plain insert over existing rows")
		}
		if err := bulk(ignore, 3, "ignore"); err != nil {
			t.Fatal(err)
		}
		if err := bulk(ignoreAny, 4, "ignore any"); err != nil {
			t.Fatal(err)
		}
		want := map[int64]string{0: "plain", 1: "plain", 2: "ignore", 3: "ignore any"}
		if d := cmp.Diff(want, names(t, db)); d != "" {
			t.Error(d)
		}
		if err := bulk(keysOnly, 1, "new"); err != nil {
			t.Fatal(err)
		}
		want[0] = "new"
		if d := cmp.Diff(want, names(t, db)); d != "" {
			t.Error(d)
		}
	})
}

func TestBulkUpsertWhereAllColumnsAreKey(t *testing.T) {
	fsys := fstest.MapFS{"0001_pairs.sql": &fstest.MapFile{Data: []byte(
		"-- +goose Up\nCREATE TABLE pairs (a BIGINT NOT NULL, b TEXT NOT NULL, PRIMARY KEY (a, b));\n")}}
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		if err := db.Migrate(ctx, "pairs", fsys); err != nil {
			t.Fatal(err)
		}
		u := store.Upsert{Table: "pairs", Columns: []string{"a", "b"}, Key: []string{"a", "b"}}
		for range 2 {
			err := db.Update(ctx, func(tx *store.Tx) error {
				return tx.BulkUpsert(ctx, u, 70, func(i int, args []any) { args[0], args[1] = i, "x" })
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		var n int
		if err := db.Reader().QueryRow(ctx, "SELECT count(*) FROM pairs").Scan(&n); err != nil || n != 70 {
			t.Fatalf("%d rows, %v", n, err)
		}
	})
}

func TestBulkUpsertKeepsOtherColumns(t *testing.T) {
	withRows(t, func(t *testing.T, db *store.DB) {
		insert(t, db, 1)
		u := store.Upsert{Table: "rows", Columns: []string{"id", "name", "score"}, Key: []string{"id"}}
		err := db.Update(ctx, func(tx *store.Tx) error {
			if _, err := tx.Exec(ctx, "UPDATE rows SET good = ?", true); err != nil {
				return err
			}
			return tx.BulkUpsert(ctx, u, 1, func(i int, args []any) { args[0], args[1], args[2] = 1, "new", 2.5 })
		})
		if err != nil {
			t.Fatal(err)
		}
		var name string
		var score float64
		var good bool
		err = db.Reader().QueryRow(ctx, "SELECT name, score, good FROM rows").Scan(&name, &score, &good)
		if err != nil || name != "new" || score != 2.5 || !good {
			t.Errorf("got %q %v %v %v", name, score, good, err)
		}
	})
}

func TestBulkOfManyColumns(t *testing.T) {
	const width = 600 // 64 rows would pass the limit of parameters
	ddl, u := "-- +goose Up\nCREATE TABLE wide (c0 BIGINT PRIMARY KEY", store.Upsert{Table: "wide", Columns: []string{"c0"}, Key: []string{"c0"}}
	for i := 1; i < width; i++ {
		ddl += fmt.Sprintf(", c%d BIGINT", i)
		u.Columns = append(u.Columns, fmt.Sprintf("c%d", i))
	}
	fsys := fstest.MapFS{"0001_wide.sql": &fstest.MapFile{Data: []byte(ddl + ");\n")}}
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		if err := db.Migrate(ctx, "wide", fsys); err != nil {
			t.Fatal(err)
		}
		err := db.Update(ctx, func(tx *store.Tx) error {
			return tx.BulkUpsert(ctx, u, 100, func(i int, args []any) {
				for j := range args {
					args[j] = i * (j + 1)
				}
			})
		})
		if err != nil {
			t.Fatal(err)
		}
		var n, sum int64
		if err := db.Reader().QueryRow(ctx, "SELECT count(*), sum(c599) FROM wide").Scan(&n, &sum); err != nil || n != 100 || sum != 4950*600 {
			t.Fatalf("%d rows, sum %d, %v", n, sum, err)
		}
	})
}

func TestBulkDelete(t *testing.T) {
	withRows(t, func(t *testing.T, db *store.DB) {
		for _, n := range []int{0, 1, 5, 64, 131} {
			all := make([]int64, n+2)
			for i := range all {
				all[i] = int64(i)
			}
			insert(t, db, all...)
			err := db.Update(ctx, func(tx *store.Tx) error {
				return tx.BulkDelete(ctx, "rows", "id", n, func(i int) any { return i })
			})
			if err != nil {
				t.Fatal(err)
			}
			wantIDs(t, db.Reader(), int64(n), int64(n)+1)
			err = db.Update(ctx, func(tx *store.Tx) error {
				return tx.BulkDelete(ctx, "rows", "name", 2, func(i int) any { return fmt.Sprintf("name %d", n+i) })
			})
			if err != nil {
				t.Fatal(err)
			}
			wantIDs(t, db.Reader())
		}
	})
}
