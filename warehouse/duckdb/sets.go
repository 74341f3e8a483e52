package duckdb

import (
	"context"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/warehouse"
)

// maxSets bounds the sets that are kept.
const maxSets = 200

var _ warehouse.Tables = (*Warehouse)(nil)

// SetVersion implements warehouse.Tables.
func (w *Warehouse) SetVersion(ctx context.Context, name string) (string, error) {
	res, err := w.Query(ctx, warehouse.Statement{SQL: "SELECT version FROM set_names WHERE name = ?", Args: []any{name}, Own: true})
	if err != nil || len(res.Rows) == 0 {
		return "", err
	}
	version, _ := res.Rows[0][0].(string)
	return version, nil
}

// Replace implements warehouse.Tables. It waits for an append, and appends for it.
func (w *Warehouse) Replace(ctx context.Context, s warehouse.Set) (size int64, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return 0, errClosed()
	}
	if err := w.writer.conn.exec(ctx, "BEGIN TRANSACTION"); err != nil {
		return 0, troubled(err)
	}
	size, err = w.writer.replaceSet(ctx, s)
	if err == nil {
		err = w.writer.conn.exec(ctx, "COMMIT")
	}
	if err != nil {
		_ = w.writer.conn.exec(context.WithoutCancel(ctx), "ROLLBACK")
		return 0, troubled(err)
	}
	w.checkpointIfDue(ctx)
	return size, nil
}

func (w *writer) replaceSet(ctx context.Context, s warehouse.Set) (size int64, err error) {
	code, version, last := int64(0), "", int64(0)
	err = w.rows(ctx, "SELECT code, name, version FROM set_names", func(row []any) {
		c, _ := row[0].(int64)
		if last = max(last, c); row[1].(string) == s.Name {
			code, version = c, row[2].(string)
		}
	})
	if err != nil {
		return 0, err
	}
	if s.From != "" && s.From != version {
		return 0, touchstone.Errorf(touchstone.Conflict, "the set %s is not at version %s", s.Name, s.From)
	}
	// A whole set comes under a new code: nobody finds a part of it, and the old rows go at once.
	if s.From == "" {
		if err := w.dropSet(ctx, code); err != nil {
			return 0, err
		}
		code = last + 1
		if err := w.conn.exec(ctx, "INSERT INTO set_names VALUES (?, ?, ?)", code, s.Name, s.Version); err != nil {
			return 0, err
		}
		if err := w.dropSetsBeyond(ctx); err != nil {
			return 0, err
		}
	} else if err := w.conn.exec(ctx, "UPDATE set_names SET version = ? WHERE code = ?", s.Version, code); err != nil {
		return 0, err
	}
	if gone := append(append([]int64(nil), s.Remove...), s.Add...); s.From != "" && len(gone) > 0 { // what is there already must not be there twice
		if err := w.conn.exec(ctx, "DELETE FROM set_members WHERE code = ? AND n IN (SELECT unnest(?::BIGINT[]))", code, gone); err != nil {
			return 0, err
		}
	}
	if len(s.Add) > 0 {
		if err := w.conn.exec(ctx, "INSERT INTO set_members SELECT ?::INTEGER, unnest(?::BIGINT[])", code, s.Add); err != nil {
			return 0, err
		}
	}
	err = w.rowsOf(ctx, "SELECT count(*) FROM set_members WHERE code = ?", []any{code}, func(row []any) { size, _ = row[0].(int64) })
	return size, err
}

func (w *writer) dropSet(ctx context.Context, code int64) error {
	if code == 0 {
		return nil
	}
	if err := w.conn.exec(ctx, "DELETE FROM set_names WHERE code = ?", code); err != nil {
		return err
	}
	return w.conn.exec(ctx, "DELETE FROM set_members WHERE code = ?", code)
}

// dropSetsBeyond deletes the sets that were written whole longest ago.
func (w *writer) dropSetsBeyond(ctx context.Context) error {
	const kept = "(SELECT code FROM set_names ORDER BY code DESC LIMIT ?)"
	if err := w.conn.exec(ctx, "DELETE FROM set_members WHERE code NOT IN "+kept, int64(maxSets)); err != nil {
		return err
	}
	return w.conn.exec(ctx, "DELETE FROM set_names WHERE code NOT IN "+kept, int64(maxSets))
}
