package sqlite

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/touchstone-cdp/touchstone/store"
)

var ctx = context.Background()

func openBench(tb testing.TB, ddl string) *store.DB {
	tb.Helper()
	db, err := Open(filepath.Join(tb.TempDir(), "store.db"), Options{})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { db.Close() })
	fsys := fstest.MapFS{"0001_bench.sql": &fstest.MapFile{Data: []byte("-- +goose Up\n" + ddl)}}
	if err := db.Migrate(ctx, "bench", fsys); err != nil {
		tb.Fatal(err)
	}
	return db
}

const profiles = `CREATE TABLE profiles (
	person BIGINT PRIMARY KEY,
	traits TEXT NOT NULL,
	seen BIGINT NOT NULL,
	events BIGINT NOT NULL
);`

// BenchmarkBulkUpsert is the pipeline's main write: half of 100,000 rows, each of 250
// bytes, in key order, in one durable transaction.
func BenchmarkBulkUpsert(b *testing.B) {
	const rows, changed = 100_000, 50_000
	db := openBench(b, profiles)
	u := store.Upsert{Table: "profiles", Columns: []string{"person", "traits", "seen", "events"}, Key: []string{"person"}}
	letters := make([]byte, 1<<16)
	for i := range letters {
		letters[i] = 'a' + byte(rand.IntN(26))
	}
	text := string(letters)
	write := func(n, step int) {
		err := db.Update(ctx, func(tx *store.Tx) error {
			return tx.BulkUpsert(ctx, u, n, func(i int, args []any) {
				at := rand.IntN(len(text) - 230)
				args[0], args[1], args[2], args[3] = int64(1+i*step), text[at:at+230], int64(1_700_000_000_000+i), int64(i)
			})
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	write(rows, 1)
	b.ReportAllocs()
	before := cpu()
	for b.Loop() {
		write(changed, rows/changed)
	}
	b.ReportMetric(float64((cpu()-before).Nanoseconds())/float64(b.N)/changed, "cpu-ns/row")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/changed, "ns/row")
}

// BenchmarkReader looks single rows up, as the console and decide do.
func BenchmarkReader(b *testing.B) {
	db := openBench(b, profiles)
	u := store.Upsert{Table: "profiles", Columns: []string{"person", "traits", "seen", "events"}}
	err := db.Update(ctx, func(tx *store.Tx) error {
		return tx.BulkUpsert(ctx, u, 10_000, func(i int, args []any) {
			args[0], args[1], args[2], args[3] = i, `{"name":"x"}`, i, i
		})
	})
	if err != nil {
		b.Fatal(err)
	}
	cancellable, cancel := context.WithCancel(ctx)
	defer cancel()
	b.ReportAllocs()
	for b.Loop() {
		var traits string
		var seen int64
		if err := db.Reader().QueryRow(cancellable, "SELECT traits, seen FROM profiles WHERE person = ?", rand.IntN(10_000)).Scan(&traits, &seen); err != nil {
			b.Fatal(err)
		}
	}
}

func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

const identifiers = `
CREATE TABLE nodes (id BIGINT PRIMARY KEY, value TEXT NOT NULL, person BIGINT NOT NULL);
CREATE UNIQUE INDEX nodes_value ON nodes (value);
CREATE TABLE states (person BIGINT PRIMARY KEY, state BYTEA NOT NULL);`

// BenchmarkSmallBatches is a busy hour of single events: each transaction brings 3,000
// new identifiers, whose values fall anywhere into an index but come in its order, and
// changes 1,500 of 200,000 states.
func BenchmarkSmallBatches(b *testing.B) {
	const persons, fresh, changed = 200_000, 3000, 1500
	db := openBench(b, identifiers)
	nodes := store.Upsert{Table: "nodes", Columns: []string{"id", "value", "person"}}
	states := store.Upsert{Table: "states", Columns: []string{"person", "state"}, Key: []string{"person"}}
	scattered := func(id int64) uint64 { return uint64(id) * 0x9e3779b97f4a7c15 }
	next := int64(0)
	write := func(inserts int, updates []int64) {
		err := db.Update(ctx, func(tx *store.Tx) error {
			ids := make([]int64, inserts)
			for i := range ids {
				next++
				ids[i] = next
			}
			slices.SortFunc(ids, func(a, b int64) int { return cmp.Compare(scattered(a), scattered(b)) })
			err := tx.BulkUpsert(ctx, nodes, inserts, func(i int, args []any) {
				args[0], args[1], args[2] = ids[i], fmt.Sprintf("%016x", scattered(ids[i])), ids[i]
			})
			if err != nil {
				return err
			}
			return tx.BulkUpsert(ctx, states, len(updates), func(i int, args []any) { args[0], args[1] = updates[i], make([]byte, 300) })
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	all := make([]int64, persons)
	for i := range all {
		all[i] = int64(i)
	}
	write(persons, all)
	before := cpu()
	for b.Loop() {
		var some []int64
		for i := range int64(changed) {
			some = append(some, i*(persons/changed)+rand.Int64N(persons/changed))
		}
		write(fresh, some)
	}
	b.ReportMetric(float64((cpu()-before).Nanoseconds())/float64(b.N)/(fresh+changed), "cpu-ns/row")
}
