package outbox

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/httpapi"
	"github.com/touchstone-cdp/touchstone/store"
)

const (
	sweepEvery  = time.Minute
	sweepAtOnce = 2000 // rows in one transaction, so that other writers get their turn
)

func (o *Outbox) sweepLoop(ctx context.Context) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			o.report(ctx, "keep the bounds", o.Sweep(ctx))
		}
	}
}

// Sweep keeps every queue within its bounds of age and number. Run does so each minute.
func (o *Outbox) Sweep(ctx context.Context) error {
	names, err := o.names(ctx)
	if err != nil {
		return err
	}
	for _, n := range names {
		if err := o.sweepQueue(ctx, n); err != nil {
			return fmt.Errorf("queue %s/%s: %w", n.kind, n.destination, err)
		}
	}
	return nil
}

// names returns all queues that have rows or a state.
func (o *Outbox) names(ctx context.Context) ([]name, error) {
	q := o.cfg.DB.Reader()
	waiting, err := earliest(ctx, q)
	if err != nil {
		return nil, err
	}
	states, err := readQueues(ctx, q, "")
	if err != nil {
		return nil, err
	}
	for i := range states {
		waiting[name{states[i].Kind, states[i].Destination}] = time.Time{}
	}
	names := make([]name, 0, len(waiting))
	for n := range waiting {
		names = append(names, n)
	}
	return names, nil
}

func (o *Outbox) sweepQueue(ctx context.Context, n name) error {
	now := o.now()
	o.mu.Lock()
	policy := Policy{}.withDefaults()
	if d := o.serves[n.kind]; d != nil {
		policy = policyOf(d, n.destination)
	}
	o.mu.Unlock()
	// Those that were tried are dead at their last attempt; these have been due for so long
	// because their queue was paused or its breaker open.
	if err := o.bury(ctx, n, now.Add(-policy.GiveUp).UnixMilli(), touchstone.Textf("It was not delivered in time: its destination was paused or out of reach."), "old"); err != nil {
		return err
	}
	over, err := bound(ctx, o.cfg.DB.Reader(), n, waits, "due", o.cfg.MaxWaiting)
	if err != nil {
		return err
	}
	if err := o.bury(ctx, n, over, touchstone.Textf("Too many effects wait for this destination; the oldest were given up."), "overflow"); err != nil {
		return err
	}
	for _, keep := range []struct {
		state, most int
		age         time.Duration
		why         string
	}{
		{dead, o.cfg.MaxDead, o.cfg.KeepDead, "expired"},
		{done, o.cfg.MaxDone, o.cfg.KeepDone, ""},
		{discarded, o.cfg.MaxDone, o.cfg.KeepDone, ""},
	} {
		over, err := bound(ctx, o.cfg.DB.Reader(), n, keep.state, "finished_at", keep.most)
		if err != nil {
			return err
		}
		if over > 0 && keep.state == done {
			o.metrics.ended.WithLabelValues("window_shortened").Inc()
		}
		if err := o.expire(ctx, n, keep.state, max(over, now.Add(-keep.age).UnixMilli()), keep.why); err != nil {
			return err
		}
	}
	return nil
}

// bound returns the moment up to which rows are too many, 0 if they are not.
func bound(ctx context.Context, q store.Querier, n name, state int, column string, most int) (at int64, err error) {
	partial := "state <> 0"
	if state == waits {
		partial = "state = 0"
	}
	err = q.QueryRow(ctx, `SELECT `+column+` FROM outbox_effects WHERE `+partial+` AND state = ? AND kind = ? AND destination = ? ORDER BY `+column+` DESC LIMIT 1 OFFSET ?`,
		state, n.kind, n.destination, most).Scan(&at)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return at, err
}

// bury makes dead letters of what has been due since a moment or before.
func (o *Outbox) bury(ctx context.Context, n name, until int64, why touchstone.Text, label string) error {
	now := o.now().UnixMilli()
	const old = `state = 0 AND kind = ? AND destination = ? AND due <= ? AND owner = ''`
	args := []any{n.kind, n.destination, until}
	return o.someAtATime(ctx, old, args, func(tx *store.Tx) (hit int64, err error) {
		res, err := tx.Exec(ctx, `UPDATE outbox_effects SET state = 2, finished_at = ?, why = CASE WHEN error = '' THEN ? ELSE why END,
			error = CASE WHEN error = '' THEN ? ELSE error END
			WHERE state = 0 AND id IN (SELECT id FROM outbox_effects WHERE `+old+` ORDER BY due LIMIT ?)`,
			now, httpapi.NewText(why).Store(), why.String(), n.kind, n.destination, until, sweepAtOnce)
		if err != nil {
			return 0, err
		}
		if hit, err = res.RowsAffected(); err != nil || hit == 0 {
			return 0, err
		}
		o.metrics.ended.WithLabelValues(label).Add(float64(hit))
		return hit, writeQueueDead(ctx, tx, n, hit)
	})
}

func writeQueueDead(ctx context.Context, tx *store.Tx, n name, count int64) error {
	_, err := tx.Exec(ctx, `INSERT INTO outbox_queues (`+queueColumns+`) VALUES (?,?,0,0,0,0,0,?,0,0,0,'','')
		ON CONFLICT (kind, destination) DO UPDATE SET dead = outbox_queues.dead + excluded.dead`, n.kind, n.destination, count)
	return err
}

// expire forgets finished ones.
func (o *Outbox) expire(ctx context.Context, n name, state int, until int64, why string) error {
	const old = `state <> 0 AND state = ? AND kind = ? AND destination = ? AND finished_at <= ?`
	args := []any{state, n.kind, n.destination, until}
	return o.someAtATime(ctx, old, args, func(tx *store.Tx) (int64, error) {
		hit, err := deleteEffects(ctx, tx, old+` ORDER BY finished_at LIMIT ?`, append(args[:4:4], sweepAtOnce)...)
		if why != "" {
			o.metrics.ended.WithLabelValues(why).Add(float64(hit))
		}
		return hit, err
	})
}

// deleteEffects deletes effects and their failures.
func deleteEffects(ctx context.Context, tx *store.Tx, where string, args ...any) (int64, error) {
	ids, err := selectIDs(ctx, tx, where, args...)
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	key := func(i int) any { return ids[i] }
	if err := tx.BulkDelete(ctx, "outbox_failures", "id", len(ids), key); err != nil {
		return 0, err
	}
	return int64(len(ids)), tx.BulkDelete(ctx, "outbox_effects", "id", len(ids), key)
}

func selectIDs(ctx context.Context, tx *store.Tx, where string, args ...any) ([]string, error) {
	rows, err := tx.Query(ctx, `SELECT id FROM outbox_effects WHERE `+where, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var ids []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}

// someAtATime repeats a transaction until it has nothing left to do, if there is anything:
// it looks before it takes the writer, which the pipeline wants.
func (o *Outbox) someAtATime(ctx context.Context, where string, args []any, fn func(tx *store.Tx) (int64, error)) error {
	var one int
	err := o.cfg.DB.Reader().QueryRow(ctx, `SELECT 1 FROM outbox_effects WHERE `+where+` LIMIT 1`, args...).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	for hit := int64(sweepAtOnce); err == nil && hit >= sweepAtOnce; {
		err = o.cfg.DB.Retry(ctx, func(tx *store.Tx) (err error) {
			hit, err = fn(tx)
			return err
		})
	}
	return err
}
