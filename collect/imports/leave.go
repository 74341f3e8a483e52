package imports

import (
	"context"
	"slices"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/collect/importer"
	"github.com/touchstone-cdp/touchstone/store"
)

// leave returns the sets of identifiers whose rows would merge persons, as the dry run of an upload has found.
func (r *runs) leave(upload string, m *importer.Mapping) ([]uint64, error) {
	r.mu.Lock()
	job := r.dries[upload]
	r.mu.Unlock()
	if job == nil {
		return nil, touchstone.Errorf(touchstone.Conflict, "Which rows would merge persons is not known: there is no dry run of this file.").WithHint("Start the dry run, and import the file when it has ended.")
	}
	job.mu.Lock()
	defer job.mu.Unlock()
	switch {
	case job.result == nil:
		return nil, touchstone.Errorf(touchstone.Conflict, "Which rows would merge persons is not known: the dry run has not ended well.").WithHint("Start the dry run, and import the file when it has ended.")
	case job.mapping != string(m.JSON()):
		return nil, touchstone.Errorf(touchstone.Conflict, "The mapping has changed since the dry run.").WithHint("Start the dry run, and import the file when it has ended.")
	case job.result.Partial || job.result.Persons != nil && job.result.Persons.Truncated:
		return nil, touchstone.Errorf(touchstone.Conflict, "The file is too large to know all rows that would merge persons.").WithHint("Import it in parts, or with the rows that merge.")
	}
	return job.result.Leave, nil
}

// saveLeftOut has a run leave out the rows of some sets of identifiers, and of no others.
func saveLeftOut(ctx context.Context, tx *store.Tx, importID string, leave []uint64) error {
	if _, err := tx.Exec(ctx, `DELETE FROM import_left_out WHERE import_id = ?`, importID); err != nil {
		return err
	}
	leave = slices.Clone(leave)
	slices.Sort(leave)
	return tx.BulkUpsert(ctx, store.Upsert{Table: "import_left_out", Columns: []string{"import_id", "key"}}, len(leave), func(i int, args []any) {
		args[0], args[1] = importID, int64(leave[i]) //nolint:gosec // bits
	})
}

// leftOut returns what a run leaves out.
func (r *runs) leftOut(ctx context.Context, importID string) (map[uint64]struct{}, error) {
	rows, err := r.m.cfg.DB.Reader().Query(ctx, `SELECT key FROM import_left_out WHERE import_id = ?`, importID)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var set map[uint64]struct{}
	for rows.Next() {
		var key int64
		if err := rows.Scan(&key); err != nil {
			return nil, err
		}
		if set == nil {
			set = map[uint64]struct{}{}
		}
		set[uint64(key)] = struct{}{} //nolint:gosec // bits
	}
	return set, rows.Err()
}
