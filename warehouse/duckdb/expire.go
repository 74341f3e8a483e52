package duckdb

import (
	"context"
	"time"

	"github.com/touchstone-cdp/touchstone/warehouse"
)

var _ warehouse.Expirer = (*Warehouse)(nil)

// expired selects what goes. Times are those of events.
func expired(e warehouse.Expiry) (where string, args []any) {
	where, args = " WHERE time < ?", []any{e.Before.UTC()}
	if e.Event != "" {
		where, args = where+" AND event = (SELECT code FROM event_names WHERE name = ?)", append(args, e.Event)
	}
	if e.Source != "" {
		where, args = where+" AND source = ?", append(args, e.Source)
	}
	if e.Anonymise != nil {
		where += " AND node > 0" // the others are nobody's already
	}
	if len(e.Keep) > 0 {
		nodes := make([]int64, len(e.Keep))
		for i, n := range e.Keep {
			nodes[i] = int64(n)
		}
		where, args = where+" AND node NOT IN (SELECT unnest(?::BIGINT[]))", append(args, nodes)
	}
	return where, args
}

// Oldest implements [warehouse.Expirer].
func (w *Warehouse) Oldest(ctx context.Context, e warehouse.Expiry) (at time.Time, ok bool, err error) {
	where, args := expired(e)
	res, err := w.Query(ctx, warehouse.Statement{SQL: "SELECT min(time) FROM events_raw" + where, Args: args, Own: true})
	if err != nil {
		return at, false, err
	}
	at, ok = res.Rows[0][0].(time.Time)
	return at, ok, nil
}

// Expire implements [warehouse.Expirer].
func (w *Warehouse) Expire(ctx context.Context, e warehouse.Expiry) (n int64, err error) {
	where, args := expired(e)
	if e.Trial {
		res, err := w.Query(ctx, warehouse.Statement{SQL: "SELECT count(*) FROM events_raw" + where, Args: args, Own: true})
		if err != nil {
			return 0, err
		}
		return res.Rows[0][0].(int64), nil
	}
	if e.Anonymise != nil {
		return w.anonymise(ctx, e)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return 0, errClosed()
	}
	conn := w.writer.conn
	if err := conn.exec(ctx, "BEGIN TRANSACTION"); err != nil {
		return 0, troubled(err)
	}
	err = w.writer.rowsOf(ctx, "DELETE FROM events_raw"+where, args, func(row []any) { n, _ = row[0].(int64) })
	if err == nil && n > 0 {
		err = conn.exec(ctx, "UPDATE erased_events SET n = n + ?", n)
	}
	if err == nil {
		err = conn.exec(ctx, "COMMIT")
	}
	if err != nil {
		_ = conn.exec(context.WithoutCancel(ctx), "ROLLBACK")
		return 0, troubled(err)
	}
	w.checkpointIfDue(ctx)
	return n, nil
}
