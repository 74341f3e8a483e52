package outbox

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

const itemColumns = `id, kind, destination, person, body, since, place, attempts, tries`

// claim takes up to want effects of a queue that are due, but for those that are held.
func (o *Outbox) claim(ctx context.Context, n name, want int, holding map[string]struct{}, now time.Time) ([]*item, error) {
	if o.leases() {
		return o.claimRows(ctx, n, want, holding, now)
	}
	rows, err := o.cfg.DB.Reader().Query(ctx, `SELECT `+itemColumns+` FROM outbox_effects
		WHERE state = 0 AND kind = ? AND destination = ? AND due <= ? ORDER BY due, place LIMIT ?`,
		n.kind, n.destination, now.UnixMilli(), want+len(holding))
	if err != nil {
		return nil, fmt.Errorf("read what is due: %w", err)
	}
	items, err := scanItems(rows)
	items = slices.DeleteFunc(items, func(it *item) bool {
		_, held := holding[it.effect.ID]
		return held
	})
	return items[:min(want, len(items))], err
}

// claimRows writes this process' name and the lease's end into the rows. Rows that another
// process is claiming are skipped, and what this one holds: of that a note may just have
// been committed that memory does not know of yet.
func (o *Outbox) claimRows(ctx context.Context, n name, want int, holding map[string]struct{}, now time.Time) (items []*item, err error) {
	lease := now.Add(o.cfg.Lease)
	not, ids := notIn(holding)
	args := append([]any{o.owner, lease.UnixMilli(), n.kind, n.destination, now.UnixMilli()}, ids...)
	err = o.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		rows, err := tx.Query(ctx, `UPDATE outbox_effects SET owner = ?, due = ? WHERE state = 0 AND id IN (
			SELECT id FROM outbox_effects WHERE state = 0 AND kind = ? AND destination = ? AND due <= ?`+not+`
			ORDER BY due, place LIMIT ? FOR UPDATE SKIP LOCKED) RETURNING `+itemColumns, append(args, want)...)
		if err != nil {
			return fmt.Errorf("claim what is due: %w", err)
		}
		items, err = scanItems(rows)
		return err
	})
	for _, it := range items {
		it.lease = lease
	}
	slices.SortFunc(items, func(a, b *item) int {
		return cmp.Or(a.since.Compare(b.since), cmp.Compare(a.place, b.place))
	})
	return items, err
}

// notIn leaves ids out. Lists have few lengths, so that few statements are ever prepared.
func notIn(ids map[string]struct{}) (text string, args []any) {
	if len(ids) == 0 {
		return "", nil
	}
	size := 1
	for size < len(ids) {
		size *= 4
	}
	args = make([]any, 0, size)
	for id := range ids {
		args = append(args, id)
	}
	for len(args) < size {
		args = append(args, args[0])
	}
	return " AND id NOT IN (?" + strings.Repeat(",?", size-1) + ")", args
}

func scanItems(rows *sql.Rows) ([]*item, error) {
	defer rows.Close()
	var items []*item
	for rows.Next() {
		it := &item{}
		e := &it.effect
		var person, since int64
		if err := rows.Scan(&e.ID, &e.Kind, &e.Destination, &person, &e.Body, &since, &it.place, &it.attempts, &it.tries); err != nil {
			return nil, err
		}
		e.Person, it.since = touchstone.PersonID(person), time.UnixMilli(since).UTC()
		items = append(items, it)
	}
	return items, rows.Err()
}

// nextDue returns when the first effect of a queue comes due after a moment, zero if none waits.
func nextDue(ctx context.Context, q store.Querier, n name, after time.Time) (time.Time, error) {
	var due int64
	err := q.QueryRow(ctx, `SELECT due FROM outbox_effects WHERE state = 0 AND kind = ? AND destination = ? AND due > ? ORDER BY due LIMIT 1`,
		n.kind, n.destination, after.UnixMilli()).Scan(&due)
	if errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, nil
	}
	return time.UnixMilli(due).UTC(), err
}

// earliest returns when each queue with waiting effects is due first: one probe of the
// index per queue.
func earliest(ctx context.Context, q store.Querier) (map[name]time.Time, error) {
	found := map[name]time.Time{}
	n := name{}
	for {
		var due int64
		err := q.QueryRow(ctx, `SELECT kind, destination, due FROM outbox_effects WHERE state = 0 AND (kind, destination) > (?, ?)
			ORDER BY kind, destination, due LIMIT 1`, n.kind, n.destination).Scan(&n.kind, &n.destination, &due)
		if errors.Is(err, sql.ErrNoRows) {
			return found, nil
		}
		if err != nil {
			return nil, fmt.Errorf("look for waiting effects: %w", err)
		}
		found[n] = time.UnixMilli(due).UTC()
	}
}

// renewLoop keeps the claims of what is held.
func (o *Outbox) renewLoop(ctx context.Context) {
	tick := time.NewTicker(o.cfg.Lease / 4)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			o.report(ctx, "renew leases", o.renew(ctx))
		}
	}
}

func (o *Outbox) renew(ctx context.Context) error {
	o.mu.Lock()
	held := make([]*item, 0, o.held)
	for _, q := range o.queues {
		for _, it := range q.held {
			held = append(held, it)
		}
	}
	o.mu.Unlock()
	for part := range slices.Chunk(held, 256) {
		until := o.now().Add(o.cfg.Lease)
		var kept map[string]struct{}
		err := o.cfg.DB.Retry(ctx, func(tx *store.Tx) (err error) {
			kept, err = renewRows(ctx, tx, o.owner, until, part)
			return err
		})
		if err != nil {
			return err
		}
		o.mu.Lock()
		for _, it := range part {
			if _, ok := kept[it.effect.ID]; ok { // else another process has it by now
				it.lease = until
			}
		}
		o.mu.Unlock()
	}
	return nil
}

func renewRows(ctx context.Context, tx *store.Tx, owner string, until time.Time, items []*item) (map[string]struct{}, error) {
	args := []any{until.UnixMilli(), owner}
	for _, it := range items {
		args = append(args, it.effect.ID)
	}
	rows, err := tx.Query(ctx, `UPDATE outbox_effects SET due = ? WHERE owner = ? AND state = 0 AND id IN (?`+
		strings.Repeat(",?", len(items)-1)+`) RETURNING id`, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	kept := make(map[string]struct{}, len(items))
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		kept[id] = struct{}{}
	}
	return kept, rows.Err()
}

// releaseAll gives back what this process had claimed and has not begun.
func (o *Outbox) releaseAll(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, o.cfg.Grace)
	defer cancel()
	o.mu.Lock()
	for _, q := range o.queues {
		for _, it := range q.letGo() {
			o.release(q, it)
		}
	}
	o.mu.Unlock()
	o.report(ctx, "give claims back", o.flush(ctx))
}
