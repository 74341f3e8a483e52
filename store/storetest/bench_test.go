package storetest_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/postgres"
	"github.com/touchstone-cdp/touchstone/store/storetest"
)

// BenchmarkPostgresBulkUpsert is the pipeline's main write on PostgreSQL; see the one
// of package sqlite.
func BenchmarkPostgresBulkUpsert(b *testing.B) {
	db, err := postgres.Open(ctx, storetest.PostgresSchema(b), postgres.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { db.Close() })
	fsys := fstest.MapFS{"0001_bench.sql": sqlFile(`-- +goose Up
CREATE TABLE profiles (person BIGINT PRIMARY KEY, traits TEXT NOT NULL, seen BIGINT NOT NULL, events BIGINT NOT NULL);`)}
	if err := db.Migrate(ctx, "bench", fsys); err != nil {
		b.Fatal(err)
	}
	u := store.Upsert{Table: "profiles", Columns: []string{"person", "traits", "seen", "events"}, Key: []string{"person"}}
	text := strings.Repeat("abcdefghij", 23)
	const changed = 50_000
	for b.Loop() {
		err := db.Update(ctx, func(tx *store.Tx) error {
			return tx.BulkUpsert(ctx, u, changed, func(i int, args []any) {
				args[0], args[1], args[2], args[3] = int64(1+i), text, int64(i), int64(i)
			})
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/changed, "ns/row")
}
