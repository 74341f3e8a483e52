package job

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/touchstone-cdp/touchstone/keep"
	"github.com/touchstone-cdp/touchstone/store"
)

// Migrate brings the tables up to date, also where no jobs are worked on.
func Migrate(ctx context.Context, db *store.DB) error {
	return db.Migrate(ctx, "job", store.Migrations(migrationFiles))
}

// Keeper returns who sees to the persons in files of results. Files are no part of a
// transaction: an erasure notes numbers, and whoever has the files deletes those that may
// hold one of them. wake is called when there is something to delete.
func Keeper(wake func()) keep.Keeper { return keeper{wake} }

type keeper struct{ wake func() }

// Name is that of the migrations.
func (keeper) Name() string { return "job" }

// Tables lists what is left of the erased: their numbers.
func (keeper) Tables() []keep.Table {
	const stays = "numbers, until no file is left that is older"
	return []keep.Table{
		{Name: "job_erased", Nodes: []string{"node"}, Stays: stays},
		{Name: "job_parted", Nodes: []string{"person", "from_person"}, Stays: stays},
	}
}

// Merge has nothing to do: an absorbed person's number is among the nodes of the other one.
func (keeper) Merge(context.Context, *store.Tx, []keep.Merge) error { return nil }

// Split notes who was parted from whom.
func (keeper) Split(ctx context.Context, tx *store.Tx, splits []keep.Split) error {
	now := time.Now().UnixMilli()
	for _, s := range splits {
		_, err := tx.Exec(ctx, `INSERT INTO job_parted (person, from_person, at) VALUES (?, ?, ?) ON CONFLICT (person, from_person) DO UPDATE SET at = excluded.at`,
			int64(s.To), int64(s.From), now)
		if err != nil {
			return fmt.Errorf("note that %s was parted from %s: %w", s.To, s.From, err)
		}
	}
	return nil
}

// Erase notes the persons' numbers, and those under which older files may hold what was theirs.
func (k keeper) Erase(ctx context.Context, tx *store.Tx, persons []keep.Whole) error {
	numbers := map[int64]struct{}{}
	for i := range persons {
		for _, n := range persons[i].Numbers() {
			numbers[n] = struct{}{}
		}
	}
	for asked := slices.Sorted(maps.Keys(numbers)); len(asked) > 0; {
		var more []int64
		err := store.SelectIn(ctx, tx, `SELECT from_person FROM job_parted WHERE person IN (...)`, asked, func(rows *sql.Rows) error {
			var n int64
			err := rows.Scan(&n)
			if _, known := numbers[n]; !known {
				numbers[n] = struct{}{}
				more = append(more, n)
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("look up who was one with the erased: %w", err)
		}
		asked = more
	}
	last, err := lastErasure(ctx, tx)
	if err != nil {
		return err
	}
	now, list := time.Now().UnixMilli(), slices.Sorted(maps.Keys(numbers))
	err = tx.BulkUpsert(ctx, store.Upsert{Table: "job_erased", Columns: []string{"erasure", "node", "at"}}, len(list), func(i int, args []any) {
		args[0], args[1], args[2] = last+1, list[i], now
	})
	if err == nil && k.wake != nil {
		tx.AfterCommit(k.wake)
	}
	return err
}

// Export has nothing: a number is not the person's.
func (keeper) Export(context.Context, store.Querier, keep.Whole, keep.Put) error { return nil }

// lastErasure numbers erasures. The last one is never deleted, so that no number comes again.
func lastErasure(ctx context.Context, q store.Querier) (last int64, err error) {
	if err = q.QueryRow(ctx, `SELECT coalesce(max(erasure), 0) FROM job_erased`).Scan(&last); err != nil {
		err = fmt.Errorf("read the last erasure: %w", err)
	}
	return last, err
}

// CountFiles returns how many files of results are kept, in a transaction: an erasure's receipt
// tells how many are looked at for the person.
func CountFiles(ctx context.Context, q store.Querier) (n int, err error) {
	err = q.QueryRow(ctx, `SELECT count(*) FROM jobs WHERE status = 'done' AND file_erased_at = 0 AND result LIKE '%"file":{%'`).Scan(&n)
	return n, err
}
