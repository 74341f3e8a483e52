package inbox

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/touchstone-cdp/touchstone/store"
)

// How often rows are deleted that all have passed, and how many in one transaction.
const (
	cleanEvery = time.Second
	cleanIdle  = 10 * time.Second // between two looks at an empty inbox
	cleanRows  = 256
	seenEvery  = 5 * time.Minute // how often a program says which reactors it has
)

// cleanUnderLease works whenever this process has the lease.
func (in *Inbox) cleanUnderLease(ctx context.Context) {
	for {
		if err := in.cfg.Lease(ctx, "inbox", in.clean); err == nil || ctx.Err() != nil {
			return
		}
		if !sleep(ctx, cleanEvery, nil) {
			return
		}
	}
}

// clean deletes what every reactor has passed, until ctx is done.
func (in *Inbox) clean(ctx context.Context, fence Fence) error {
	var said time.Time
	for ctx.Err() == nil {
		if time.Since(said) > seenEvery {
			if err := in.sayPresent(ctx); err == nil {
				said = time.Now()
			}
		}
		some, err := in.sweep(ctx, fence)
		var l lost
		switch {
		case errors.As(err, &l):
			return l.error
		case err != nil && ctx.Err() == nil:
			in.cfg.Logger.Warn("the inbox could not be cleaned and will be tried again", "error", err)
		}
		switch {
		case len(in.reactors) == 0:
			sleep(ctx, time.Minute, nil)
		case err == nil && !some:
			sleep(ctx, cleanIdle, in.written)
			fallthrough
		default:
			sleep(ctx, cleanEvery, nil)
		}
	}
	return nil
}

// sayPresent notes that the reactors of this program are there.
func (in *Inbox) sayPresent(ctx context.Context) error {
	now := in.cfg.Clock.Now().UnixMilli()
	return in.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		for _, r := range in.reactors {
			if _, err := tx.Exec(ctx, `UPDATE inbox_reactors SET seen_at = ?, gone_at = 0 WHERE name = ?`, now, r.name); err != nil {
				return err
			}
		}
		return nil
	})
}

// sweep lets go of reactors that are gone, of what waits for too long, and of rows that
// nobody needs any more. It tells whether there were any rows.
func (in *Inbox) sweep(ctx context.Context, fence Fence) (some bool, err error) {
	now := in.cfg.Clock.Now()
	known, err := readReactors(ctx, in.cfg.DB.Reader())
	if err != nil {
		return false, err
	}
	var head, bytes int64
	if err := in.cfg.DB.Reader().QueryRow(ctx, `SELECT last_row, bytes FROM inbox_head WHERE one = 1`).Scan(&head, &bytes); err != nil {
		return false, err
	}
	var waiting int // 0 while nothing is in the inbox at all
	if err := in.cfg.DB.Reader().QueryRow(ctx, `SELECT count(*) FROM (SELECT 1 FROM inbox_rows LIMIT 1) AS r`).Scan(&waiting); err != nil {
		return false, err
	}
	needed := head + 1 // the first row that somebody needs
	for _, s := range known {
		if s.goneAt != 0 {
			continue
		}
		if in.byName(s.name) == nil && now.Sub(timeOf(s.seenAt)) > in.cfg.GoneAfter {
			if err := in.letGo(ctx, fence, s, now); err != nil {
				return false, err
			}
			continue
		}
		var first int64
		var written time.Time
		if waiting != 0 {
			if first, written, err = in.oldestKept(ctx, fence, &s, now, bytes); err != nil {
				return false, err
			}
		}
		in.show(&s, written, now)
		if first != 0 {
			needed = min(needed, first)
		}
	}
	if err := in.deleteBefore(ctx, fence, needed); err != nil {
		return false, err
	}
	return waiting != 0, in.measure(ctx, head, bytes)
}

// letGo marks a reactor as gone that no program has any more: it holds no rows.
func (in *Inbox) letGo(ctx context.Context, fence Fence, s state, now time.Time) error {
	in.cfg.Logger.Warn("a reactor is gone and no longer holds what was written for it", "reactor", s.name, "waiting", s.lag(), "last_seen", timeOf(s.seenAt))
	in.metrics.dropped.WithLabelValues(s.name).Add(float64(s.lag()))
	return in.fencedUpdate(ctx, fence, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE inbox_reactors SET gone_at = ?, dropped = dropped + ? WHERE name = ? AND seen_at = ?`, now.UnixMilli(), s.lag(), s.name, s.seenAt)
		return err
	})
}

// oldestKept returns the first row that a reactor needs, after it has dropped those that
// wait for longer than they may, or that take too much room.
func (in *Inbox) oldestKept(ctx context.Context, fence Fence, s *state, now time.Time, head int64) (row int64, written time.Time, err error) {
	for {
		row, written, err = oldest(ctx, in.cfg.DB.Reader(), s)
		if err != nil || row == 0 {
			return row, written, err
		}
		var before int64
		if err := in.cfg.DB.Reader().QueryRow(ctx, `SELECT before FROM inbox_rows WHERE id = ?`, row).Scan(&before); err != nil {
			return row, written, err
		}
		reason := ""
		switch {
		case now.Sub(written) > in.cfg.RetainAge:
			reason = "too old"
		case head-before > in.cfg.RetainBytes:
			reason = "too much waits"
		default:
			return row, written, nil
		}
		if err := in.drop(ctx, fence, s, row, reason); err != nil {
			return row, written, err
		}
	}
}

// drop moves a reactor behind a row that it has not worked on.
func (in *Inbox) drop(ctx context.Context, fence Fence, s *state, row int64, reason string) error {
	var n int64
	to := place{row + 1, 0}
	err := in.fencedUpdate(ctx, fence, func(tx *store.Tx) error {
		var body []byte
		if err := tx.QueryRow(ctx, `SELECT body FROM inbox_rows WHERE id = ?`, row).Scan(&body); err != nil {
			return err
		}
		items, err := unpack(body)
		if err != nil { // nobody can read it: that it is let go matters more than how much it held
			in.cfg.Logger.Error("a row of the inbox cannot be read", "row", row, "error", err)
		}
		from := 0
		if s.at.row == row {
			from = int(s.at.item)
		}
		n = countFor(items, from, 1<<s.bit)
		res, err := tx.Exec(ctx, `UPDATE inbox_reactors SET row_id = ?, item = 0, dropped = dropped + ? WHERE name = ? AND row_id = ? AND item = ?`,
			to.row, n, s.name, s.at.row, s.at.item)
		if err != nil {
			return err
		}
		if moved, err := res.RowsAffected(); err != nil || moved != 1 {
			return errors.Join(err, errMoved)
		}
		return nil
	})
	if errors.Is(err, errMoved) { // it has gone on, after all
		at, e := in.placeOf(ctx, s.name)
		s.at = at
		return e
	}
	if err != nil {
		return fmt.Errorf("drop what waits for %s: %w", s.name, err)
	}
	s.at = to
	in.metrics.dropped.WithLabelValues(s.name).Add(float64(n))
	in.cfg.Logger.Error("a reactor stands still, and occurrences that wait for it are dropped", "reactor", s.name, "dropped", n, "reason", reason)
	return nil
}

func (in *Inbox) placeOf(ctx context.Context, name string) (p place, err error) {
	err = in.cfg.DB.Reader().QueryRow(ctx, `SELECT row_id, item FROM inbox_reactors WHERE name = ?`, name).Scan(&p.row, &p.item)
	return p, err
}

// show lets the metrics tell how far a reactor is.
func (in *Inbox) show(s *state, written, now time.Time) {
	in.metrics.lag.WithLabelValues(s.name).Set(float64(s.lag()))
	age, failing := 0.0, 0.0
	if !written.IsZero() {
		age = now.Sub(written).Seconds()
	}
	if s.failing != 0 || s.stopped {
		failing = 1
	}
	in.metrics.lagSeconds.WithLabelValues(s.name).Set(age)
	in.metrics.failing.WithLabelValues(s.name).Set(failing)
}

// deleteBefore deletes the rows before one, a portion at a time.
func (in *Inbox) deleteBefore(ctx context.Context, fence Fence, row int64) error {
	for {
		var first sql.NullInt64
		if err := in.cfg.DB.Reader().QueryRow(ctx, `SELECT min(id) FROM inbox_rows`).Scan(&first); err != nil {
			return err
		}
		if !first.Valid || first.Int64 >= row {
			return nil
		}
		err := in.fencedUpdate(ctx, fence, func(tx *store.Tx) error {
			_, err := tx.Exec(ctx, `DELETE FROM inbox_rows WHERE id < ?`, min(row, first.Int64+cleanRows))
			return err
		})
		if err != nil {
			return err
		}
	}
}

func (in *Inbox) fencedUpdate(ctx context.Context, fence Fence, fn func(tx *store.Tx) error) error {
	return in.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		if err := fence(ctx, tx); err != nil && !store.IsTrouble(err) {
			return lost{err}
		} else if err != nil {
			return err
		}
		return fn(tx)
	})
}

// measure tells the metrics how much waits.
func (in *Inbox) measure(ctx context.Context, head, bytes int64) error {
	var first, before sql.NullInt64
	err := in.cfg.DB.Reader().QueryRow(ctx, `SELECT id, before FROM inbox_rows ORDER BY id LIMIT 1`).Scan(&first, &before)
	if errors.Is(err, sql.ErrNoRows) {
		in.metrics.rows.Set(0)
		in.metrics.bytes.Set(0)
		return nil
	}
	if err != nil {
		return err
	}
	in.metrics.rows.Set(float64(max(0, head-first.Int64+1)))
	in.metrics.bytes.Set(float64(max(0, bytes-before.Int64)))
	return nil
}
