// Package keeptest exercises a keeper: it plays random lives of persons to the feature, with
// merges, splits, erasures, failed batches and restarts, and asks whether what is kept is
// what it would be had everything happened to the right person from the start, and whether
// nothing is left of those who were erased.
//
// docs/design/keepers.md tells what is asked and why.
package keeptest

import (
	"context"
	"flag"
	"os"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/keep"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/storetest"
)

// SeedsEnv names the variable that says how many random histories are played on each database.
const SeedsEnv = "KEEPTEST_SEEDS"

// How many are played without it.
const (
	seedsSQLite   = 40
	seedsPostgres = 8
)

// Feature is the feature under test, as one process runs it.
type Feature struct {
	Keeper keep.Keeper
	// Apply is a stage's, which comes before keep.Stage; React is what a feature writes for a
	// batch's facts that is no stage, and comes behind it. One of them may be nil.
	Apply func(ctx context.Context, tx *store.Tx, b *touchstone.Batch) error
	React func(ctx context.Context, tx *store.Tx, b *touchstone.Batch) error
	// Rollback and Committed are called as the pipeline calls those of a stage; nil: nothing
	// is held in memory.
	Rollback  func()
	Committed func(b *touchstone.Batch)
	// Settle does what the feature does beside the pipeline (builds, jobs) as far as it gets, and
	// tells whether more is to be done after another batch; nil: nothing.
	Settle func(ctx context.Context) (more bool, err error)
	// Promise returns what of an exported value is promised to be the same however the
	// person came to be, nil for nothing of it; without it, all is.
	Promise func(name string, value any) any
	// Totals returns what is counted over all persons. It must come out the same, too.
	Totals func(ctx context.Context, q store.Querier) (any, error)
	// Unpack returns a row of the keeper's as rows that can be searched, when it is packed or
	// holds what is of several persons; nil: rows are searched as they are.
	Unpack func(table string, columns []string, row []any) ([]string, [][]any)
	// Gathered names columns that are counted in memory and written some time later, with
	// whatever batch comes then, or in which an erasure changes rows of others.
	Gathered []string
	// Follows names tables whose rows follow from what several persons have in common, so that
	// an erasure may change, add or take away rows of others.
	Follows []string
	// Identity is set by identity's own exercise: its Apply finds the persons, and commands
	// go to it. All others get facts and changes from the exercise.
	Identity Identity
}

// Identity does the commands of a batch before its Apply, and reports them as changes.
type Identity interface {
	Split(ctx context.Context, tx *store.Tx, b *touchstone.Batch, person touchstone.PersonID, moved []touchstone.NodeID) error
	Erase(ctx context.Context, tx *store.Tx, b *touchstone.Batch, person touchstone.PersonID) error
}

// Open makes the feature on w.DB, which may hold tables from before, as a process does at its
// start. It is called again for each restart.
type Open func(t testing.TB, w *World) Feature

// Exercise plays fixed stories, each named for what it shows, and then random ones, on each
// database.
func Exercise(t *testing.T, open Open) {
	t.Helper()
	if _, err := os.Stat("/dev/shm"); err == nil {
		t.Setenv("TMPDIR", "/dev/shm") // thousands of commits; what a disk does is not the subject
	}
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		s := &stage{t: t, db: db, open: open, stored: map[string]bool{}}
		s.prepare()
		for _, story := range stories {
			t.Run(story.name, func(t *testing.T) { s.play(t, story.batches) })
		}
		t.Run("random", func(t *testing.T) {
			defer checks(db)()
			rapid.Check(t, func(t *rapid.T) { s.play(t, draw(t)) })
		})
		s.meant(t)
	})
}

// checks sets how many histories rapid draws; what it returns sets it back.
func checks(db *store.DB) func() {
	n := seedsSQLite
	if db.Dialect() == store.Postgres {
		n = seedsPostgres
	}
	if asked, err := strconv.Atoi(os.Getenv(SeedsEnv)); err == nil && asked > 0 {
		n = asked
	}
	const name = "rapid.checks"
	before := flag.Lookup(name).Value.String()
	_ = flag.Set(name, strconv.Itoa(n))
	return func() { _ = flag.Set(name, before) }
}
