package register

import (
	"context"
	"encoding/json"
	"time"

	"github.com/touchstone-cdp/touchstone/store"
)

// openGaps returns those that were open when somebody last looked, by key.
func (x *Register) openGaps(ctx context.Context, q store.Querier) (map[string]Gap, error) {
	rows, err := q.Query(ctx, `SELECT key, gap, found_at FROM register_gaps WHERE closed_at = 0`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	open := map[string]Gap{}
	for rows.Next() {
		var key, text string
		var at int64
		if err := rows.Scan(&key, &text, &at); err != nil {
			return nil, err
		}
		var g Gap
		if err := json.Unmarshal([]byte(text), &g); err != nil {
			return nil, err
		}
		g.FoundAt = time.UnixMilli(at).UTC()
		open[key] = g
	}
	return open, rows.Err()
}

// Look writes down which gaps are new and which are closed, and has people told of them, all in one transaction. fence fails
// when another process does it.
func (x *Register) Look(ctx context.Context, fence func(ctx context.Context, tx *store.Tx) error) error {
	view, err := x.Read(ctx)
	if err != nil {
		return err
	}
	now, kept := x.cfg.Clock.Now().UTC().Truncate(time.Millisecond), len(view.Activities) > 0
	return x.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		if err := fence(ctx, tx); err != nil {
			return err
		}
		open, err := x.openGaps(ctx, tx)
		if err != nil {
			return err
		}
		for _, g := range view.Gaps {
			if _, known := open[g.Key()]; known {
				delete(open, g.Key())
				continue
			}
			g.FoundAt = now
			if err := x.open(ctx, tx, g, kept); err != nil {
				return err
			}
		}
		for key, g := range open {
			g.ClosedAt = now
			if _, err := tx.Exec(ctx, `UPDATE register_gaps SET closed_at = ? WHERE key = ?`, now.UnixMilli(), key); err != nil {
				return err
			}
			if err := x.tell(ctx, tx, g, kept); err != nil {
				return err
			}
		}
		return nil
	})
}

func (x *Register) open(ctx context.Context, tx *store.Tx, g Gap, kept bool) error {
	text, err := json.Marshal(g)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `INSERT INTO register_gaps (key, gap, found_at, closed_at) VALUES (?, ?, ?, 0)
		ON CONFLICT (key) DO UPDATE SET gap = excluded.gap, found_at = excluded.found_at, closed_at = 0`, g.Key(), string(text), g.FoundAt.UnixMilli()); err != nil {
		return err
	}
	return x.tell(ctx, tx, g, kept)
}

// tell tells people, once somebody keeps a register: before, everything is a gap.
func (x *Register) tell(ctx context.Context, tx *store.Tx, g Gap, kept bool) error {
	if x.cfg.Tell == nil || !kept {
		return nil
	}
	return x.cfg.Tell(ctx, tx, g)
}

// lookEvery is how soon people are told of something that no activity covers.
const lookEvery = time.Minute

// Run looks again and again, until ctx ends.
func (x *Register) Run(ctx context.Context, fence func(ctx context.Context, tx *store.Tx) error) error {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		if err := x.Look(ctx, fence); err != nil && ctx.Err() == nil {
			x.cfg.Logger.Warn("the register could not be held against what is collected and shared, and will be again", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}
