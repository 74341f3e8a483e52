package storetest_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/storetest"
)

var ctx = context.Background()

// rowsFS is the migration of a table that most tests use.
var rowsFS = fstest.MapFS{"0001_rows.sql": &fstest.MapFile{Data: []byte(`-- +goose Up
CREATE TABLE rows (
	id BIGINT PRIMARY KEY,
	name TEXT NOT NULL,
	data BYTEA,
	score DOUBLE PRECISION,
	good BOOLEAN
);
`)}}

var columns = []string{"id", "name", "data", "score", "good"}

func upsert() store.Upsert {
	return store.Upsert{Table: "rows", Columns: columns, Key: []string{"id"}}
}

func withRows(t *testing.T, body func(t *testing.T, db *store.DB)) {
	t.Helper()
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		if err := db.Migrate(ctx, "rows", rowsFS); err != nil {
			t.Fatal(err)
		}
		body(t, db)
	})
}

func insert(t *testing.T, db *store.DB, ids ...int64) {
	t.Helper()
	err := db.Update(ctx, func(tx *store.Tx) error {
		return tx.BulkUpsert(ctx, upsert(), len(ids), func(i int, args []any) {
			args[0], args[1] = ids[i], fmt.Sprintf("name %d", ids[i])
		})
	})
	if err != nil {
		t.Fatal(err)
	}
}

func ids(t *testing.T, q store.Querier) []int64 {
	t.Helper()
	rows, err := q.Query(ctx, "SELECT id FROM rows ORDER BY id")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var got []int64
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			t.Fatal(err)
		}
		got = append(got, id)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return got
}

func wantIDs(t *testing.T, q store.Querier, want ...int64) {
	t.Helper()
	if d := cmp.Diff(want, ids(t, q)); d != "" {
		t.Fatal(d)
	}
}

func TestUpdateCommits(t *testing.T) {
	withRows(t, func(t *testing.T, db *store.DB) {
		err := db.Update(ctx, func(tx *store.Tx) error {
			res, err := tx.Exec(ctx, "INSERT INTO rows (id, name) VALUES (?, ?), (?, ?)", 1, "a", 2, "b")
			if err != nil {
				return err
			}
			if n, err := res.RowsAffected(); n != 2 || err != nil {
				t.Errorf("RowsAffected = %d, %v", n, err)
			}
			wantIDs(t, tx, 1, 2) // reads its own writes
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		wantIDs(t, db.Reader(), 1, 2)
	})
}

func TestUpdateRollsBack(t *testing.T) {
	boom := errors.New("boom")
	for name, fn := range map[string]func(tx *store.Tx) error{
		"error": func(tx *store.Tx) error { return boom },
		"panic": func(tx *store.Tx) error { panic(boom) },
	} {
		t.Run(name, func(t *testing.T) {
			withRows(t, func(t *testing.T, db *store.DB) {
				insert(t, db, 1)
				err := func() (err error) {
					defer func() {
						if p := recover(); p != nil {
							err = p.(error)
						}
					}()
					return db.Update(ctx, func(tx *store.Tx) error {
						if _, err := tx.Exec(ctx, "DELETE FROM rows"); err != nil {
							return err
						}
						return fn(tx)
					})
				}()
				if !errors.Is(err, boom) {
					t.Fatalf("got %v", err)
				}
				wantIDs(t, db.Reader(), 1)
				insert(t, db, 2) // the connection is free again
			})
		})
	}
}

func TestFailedStatementFailsTheUpdate(t *testing.T) {
	withRows(t, func(t *testing.T, db *store.DB) {
		insert(t, db, 1)
		var first error
		err := db.Update(ctx, func(tx *store.Tx) error {
			if _, err := tx.Exec(ctx, "INSERT INTO rows (id, name) VALUES (2, 'x')"); err != nil {
				return err
			}
			_, first = tx.Exec(ctx, "INSERT INTO rows (id, name) VALUES (1, 'twice')")
			if first == nil {
				t.Error("a second row with the same key was taken")
			}
			if _, err := tx.Exec(ctx, "INSERT INTO rows (id, name) VALUES (3, 'x')"); err == nil {
				t.Error("a statement ran after another had failed")
			}
			var n int
			if err := tx.QueryRow(ctx, "SELECT 1").Scan(&n); !errors.Is(err, context.Canceled) && !errors.Is(err, first) {
				t.Errorf("QueryRow after a failure: %v", err)
			}
			return nil // as if nothing had happened
		})
		if err == nil || !errors.Is(err, first) {
			t.Fatalf("got %v, want %v", err, first)
		}
		wantIDs(t, db.Reader(), 1)
	})
}

// A caller that words the failure anew must not hide from IsRetryable what it was.
func TestRewordedErrorKeepsItsCause(t *testing.T) {
	withRows(t, func(t *testing.T, db *store.DB) {
		insert(t, db, 1)
		reworded := errors.New("in other words")
		var cause error
		err := db.Update(ctx, func(tx *store.Tx) error {
			_, cause = tx.Exec(ctx, "INSERT INTO rows (id, name) VALUES (1, 'twice')")
			return reworded
		})
		if !errors.Is(err, reworded) || !errors.Is(err, cause) {
			t.Errorf("got %v", err)
		}
	})
}

func TestManyReadersNest(t *testing.T) {
	withRows(t, func(t *testing.T, db *store.DB) {
		insert(t, db, 1, 2, 3)
		var wg sync.WaitGroup
		for range 12 {
			wg.Go(func() {
				short, cancel := context.WithTimeout(ctx, 2*time.Minute)
				defer cancel()
				rows, err := db.Reader().Query(short, "SELECT id FROM rows")
				if err != nil {
					t.Error(err)
					return
				}
				defer rows.Close()
				for rows.Next() {
					var n int
					if err := db.Reader().QueryRow(short, "SELECT count(*) FROM rows").Scan(&n); err != nil || n != 3 {
						t.Errorf("%d, %v", n, err)
					}
				}
				if err := rows.Err(); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	})
}

func TestEndedTransactionIsOfNoUse(t *testing.T) {
	withRows(t, func(t *testing.T, db *store.DB) {
		var kept *store.Tx
		if err := db.Update(ctx, func(tx *store.Tx) error { kept = tx; return nil }); err != nil {
			t.Fatal(err)
		}
		if _, err := kept.Exec(ctx, "INSERT INTO rows (id, name) VALUES (1, 'x')"); err == nil {
			t.Error("Exec on an ended transaction")
		}
		if err := kept.BulkUpsert(ctx, upsert(), 1, func(i int, args []any) { args[0], args[1] = 1, "x" }); err == nil {
			t.Error("BulkUpsert on an ended transaction")
		}
		wantIDs(t, db.Reader())
	})
}

func TestCommitsSurviveReopening(t *testing.T) {
	storetest.RunReopen(t, func(t *testing.T, open func() *store.DB) {
		db := open()
		if err := db.Migrate(ctx, "rows", rowsFS); err != nil {
			t.Fatal(err)
		}
		insert(t, db, 1, 2, 3)
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		db = open()
		wantIDs(t, db.Reader(), 1, 2, 3)
		if n, err := db.Size(ctx); n <= 0 || err != nil {
			t.Errorf("Size = %d, %v", n, err)
		}
	})
}

func TestReadersDoNotWaitForTheWriter(t *testing.T) {
	withRows(t, func(t *testing.T, db *store.DB) {
		insert(t, db, 1)
		err := db.Update(ctx, func(tx *store.Tx) error {
			if _, err := tx.Exec(ctx, "INSERT INTO rows (id, name) VALUES (2, 'x')"); err != nil {
				return err
			}
			var wg sync.WaitGroup
			for range 3 {
				wg.Go(func() {
					short, cancel := context.WithTimeout(ctx, 2*time.Minute)
					defer cancel()
					var n int
					if err := db.Reader().QueryRow(short, "SELECT count(*) FROM rows").Scan(&n); err != nil || n != 1 {
						t.Errorf("a reader beside an open update: %d rows, %v; want the one that is committed", n, err)
					}
				})
			}
			wg.Wait()
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		wantIDs(t, db.Reader(), 1, 2)
	})
}

func TestViewIsASnapshot(t *testing.T) {
	withRows(t, func(t *testing.T, db *store.DB) {
		insert(t, db, 1)
		err := db.View(ctx, func(tx *store.Tx) error {
			wantIDs(t, tx, 1)
			insert(t, db, 2)
			wantIDs(t, tx, 1)
			wantIDs(t, db.Reader(), 1, 2)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

func TestReadsDoNotWrite(t *testing.T) {
	withRows(t, func(t *testing.T, db *store.DB) {
		const query = "INSERT INTO rows (id, name) VALUES (1, 'x')"
		if _, err := db.Reader().Exec(ctx, query); err == nil {
			t.Error("the reader wrote")
		}
		err := db.View(ctx, func(tx *store.Tx) error {
			_, err := tx.Exec(ctx, query)
			return err
		})
		if err == nil {
			t.Error("a view wrote")
		}
		wantIDs(t, db.Reader())
	})
}

func TestManyUpdatesAtOnce(t *testing.T) {
	withRows(t, func(t *testing.T, db *store.DB) {
		insert(t, db, 1)
		const workers, each = 8, 20
		var wg sync.WaitGroup
		for range workers {
			wg.Go(func() {
				for range each {
					for {
						err := db.Update(ctx, func(tx *store.Tx) error {
							var score sql.NullFloat64
							if err := tx.QueryRow(ctx, "SELECT score FROM rows WHERE id = ?", 1).Scan(&score); err != nil {
								return err
							}
							_, err := tx.Exec(ctx, "UPDATE rows SET score = ? WHERE id = ?", score.Float64+1, 1)
							return err
						})
						if store.IsRetryable(err) {
							continue // clashed; nothing happened
						}
						if err != nil {
							t.Error(err)
						}
						break
					}
				}
			})
		}
		wg.Wait()
		var score float64
		if err := db.Reader().QueryRow(ctx, "SELECT score FROM rows").Scan(&score); err != nil || score != workers*each {
			t.Fatalf("score %v, %v; want %d: an update was lost", score, err, workers*each)
		}
	})
}

func TestCancelledUpdateLeavesNothing(t *testing.T) {
	withRows(t, func(t *testing.T, db *store.DB) {
		ctx, cancel := context.WithCancel(ctx)
		err := db.Update(ctx, func(tx *store.Tx) error {
			if _, err := tx.Exec(ctx, "INSERT INTO rows (id, name) VALUES (1, 'x')"); err != nil {
				return err
			}
			cancel()
			// Both after the end of the context, and as if fn did not notice.
			_ = tx.BulkUpsert(ctx, upsert(), 200, func(i int, args []any) { args[0], args[1] = 10+i, "y" })
			_, _ = tx.Exec(context.Background(), "INSERT INTO rows (id, name) VALUES (2, 'x')")
			return nil
		})
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("got %v", err)
		}
		wantIDs(t, db.Reader())
		insert(t, db, 3)
	})
}

func TestCancelledQueryStops(t *testing.T) {
	withRows(t, func(t *testing.T, db *store.DB) {
		short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
		defer cancel()
		start := time.Now()
		var n int64
		err := db.Reader().QueryRow(short, `WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 1000000000)
			SELECT count(*) FROM t`).Scan(&n)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %v", err)
		}
		if d := time.Since(start); d > time.Minute {
			t.Errorf("took %v to stop", d)
		}
		wantIDs(t, db.Reader())
	})
}

func TestQueriesNestWithTheSameText(t *testing.T) {
	withRows(t, func(t *testing.T, db *store.DB) {
		if db.Dialect() == store.Postgres {
			t.Skip("a PostgreSQL connection runs one query at a time")
		}
		insert(t, db, 1, 2, 3)
		err := db.View(ctx, func(tx *store.Tx) error {
			const query = "SELECT id FROM rows WHERE id > ? ORDER BY id"
			outer, err := tx.Query(ctx, query, 0)
			if err != nil {
				return err
			}
			defer outer.Close()
			var got []string
			for outer.Next() {
				var a int64
				if err := outer.Scan(&a); err != nil {
					return err
				}
				inner, err := tx.Query(ctx, query, a)
				if err != nil {
					return err
				}
				for inner.Next() {
					var b int64
					if err := inner.Scan(&b); err != nil {
						return err
					}
					got = append(got, fmt.Sprint(a, b))
				}
				inner.Close()
			}
			if d := cmp.Diff([]string{"1 2", "1 3", "2 3"}, got); d != "" {
				t.Error(d)
			}
			return outer.Err()
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

func TestManyStatementTexts(t *testing.T) {
	withRows(t, func(t *testing.T, db *store.DB) {
		err := db.Update(ctx, func(tx *store.Tx) error {
			for round := range 2 {
				for i := range 700 { // more than any cache holds
					var got int
					query := fmt.Sprintf("SELECT %d + CAST(? AS INTEGER)", i)
					if err := tx.QueryRow(ctx, query, round).Scan(&got); err != nil || got != i+round {
						return fmt.Errorf("%s gave %d: %w", query, got, err)
					}
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

type named string

func TestValues(t *testing.T) {
	blob := make([]byte, 300)
	for i := range blob {
		blob[i] = byte(i)
	}
	type row struct {
		ID    int64
		Name  string
		Data  []byte
		Score *float64
		Good  *bool
	}
	half, yes, no := 0.5, true, false
	want := []row{
		{ID: math.MinInt64, Name: "", Data: blob},
		{ID: -1, Name: "it's \"quoted\" ? $1 \\ 订单 🚗\n", Data: []byte{}, Score: &half, Good: &yes},
		{ID: 0, Name: strings.Repeat("长", 100_000), Good: &no},
		{ID: math.MaxInt64, Name: "ends", Data: bytes.Repeat([]byte{0, 255}, 50_000)},
	}
	withRows(t, func(t *testing.T, db *store.DB) {
		read := func(id int64) (r row) {
			t.Helper()
			err := db.Reader().QueryRow(ctx, "SELECT id, name, data, score, good FROM rows WHERE id = ?", id).
				Scan(&r.ID, &r.Name, &r.Data, &r.Score, &r.Good)
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		clearAll := func(tx *store.Tx) error {
			_, err := tx.Exec(ctx, "DELETE FROM rows")
			return err
		}
		for _, way := range []string{"exec", "bulk"} {
			err := db.Update(ctx, func(tx *store.Tx) error {
				if err := clearAll(tx); err != nil {
					return err
				}
				if way == "bulk" {
					return tx.BulkUpsert(ctx, upsert(), len(want), func(i int, args []any) {
						r := want[i]
						args[0], args[1], args[2], args[3], args[4] = r.ID, named(r.Name), r.Data, r.Score, r.Good
					})
				}
				for _, r := range want {
					if _, err := tx.Exec(ctx, "INSERT INTO rows (id, name, data, score, good) VALUES (?, ?, ?, ?, ?)",
						r.ID, named(r.Name), r.Data, r.Score, r.Good); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(way, err)
			}
			for _, w := range want {
				got := read(w.ID)
				if len(w.Data) == 0 && len(got.Data) == 0 {
					got.Data = w.Data
				}
				if d := cmp.Diff(w, got); d != "" {
					t.Errorf("%s: %s", way, d)
				}
			}
		}
	})
}

func TestTextThatNoDatabaseStores(t *testing.T) {
	bad := "a\x00b\xffc"
	const want = "a\uFFFDb\uFFFDc"
	withRows(t, func(t *testing.T, db *store.DB) {
		err := db.Update(ctx, func(tx *store.Tx) error {
			if _, err := tx.Exec(ctx, "INSERT INTO rows (id, name) VALUES (?, ?)", 1, bad); err != nil {
				return err
			}
			return tx.BulkUpsert(ctx, upsert(), 1, func(i int, args []any) { args[0], args[1] = 2, named(bad) })
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, arg := range []any{bad, named(bad)} {
			rows, err := db.Reader().Query(ctx, "SELECT name FROM rows WHERE name = ?", arg)
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			for ; rows.Next(); n++ {
				var got string
				if err := rows.Scan(&got); err != nil || got != want {
					t.Errorf("got %q, %v; want %q", got, err, want)
				}
			}
			rows.Close()
			if n != 2 {
				t.Errorf("found %d of 2 rows by the same text", n)
			}
		}
	})
}

func TestParametersInQuotes(t *testing.T) {
	withRows(t, func(t *testing.T, db *store.DB) {
		var a, b, c, d string
		err := db.Reader().QueryRow(ctx, `SELECT 'is it ?', CAST(? AS TEXT) AS "?", 'it''s ?', -- really?
			/* ? */ CAST(? AS TEXT)`, "one", "two").Scan(&a, &b, &c, &d)
		if err != nil {
			t.Fatal(err)
		}
		if got := []string{a, b, c, d}; !cmp.Equal(got, []string{"is it ?", "one", "it's ?", "two"}) {
			t.Errorf("got %q", got)
		}
	})
}

func TestNoRows(t *testing.T) {
	withRows(t, func(t *testing.T, db *store.DB) {
		err := db.Update(ctx, func(tx *store.Tx) error {
			var id int64
			if err := tx.QueryRow(ctx, "SELECT id FROM rows WHERE id = ?", 1).Scan(&id); !errors.Is(err, sql.ErrNoRows) {
				t.Errorf("got %v", err)
			}
			_, err := tx.Exec(ctx, "INSERT INTO rows (id, name) VALUES (1, 'x')") // no row is no failure
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}
