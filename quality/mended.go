package quality

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"github.com/touchstone-cdp/touchstone/keep"
	"github.com/touchstone-cdp/touchstone/store"
)

// makeGood says of minutes and hours how many of the events that they refused have come in since. What
// it cannot write is lost: the scores stay lower than they might be.
func (q *Quality) makeGood(ctx context.Context, fence Fence) error {
	mended := q.takeMended()
	if len(mended) == 0 {
		return nil
	}
	for at, n := range mended {
		for _, open := range [...]*scoring{q.minute, q.hour} {
			if open != nil && open.covers(at) {
				open.of(at.source).mended += float64(n)
			}
		}
	}
	return q.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		if err := fence(ctx, tx); err != nil {
			return err
		}
		for at, n := range mended {
			start := at.number * time.Minute.Milliseconds()
			if err := makeSpanGood(ctx, tx, at.source, time.Minute, start, n); err != nil {
				return err
			}
			if err := makeSpanGood(ctx, tx, at.source, time.Hour, start-start%time.Hour.Milliseconds(), n); err != nil {
				return err
			}
		}
		return nil
	})
}

func makeSpanGood(ctx context.Context, tx *store.Tx, source string, span time.Duration, start, n int64) error {
	var events, refused, mended int64
	var text string
	err := tx.QueryRow(ctx, `SELECT events, refused, mended, parts FROM quality_scores WHERE span = ? AND start = ? AND source = ?`, span.Milliseconds(), start, source).
		Scan(&events, &refused, &mended, &text)
	if errors.Is(err, sql.ErrNoRows) || err == nil && mended >= refused { // it is not over, or nothing is known to be refused
		return nil
	}
	if err != nil {
		return err
	}
	var parts Parts
	if err := json.Unmarshal([]byte(text), &parts); err != nil {
		return err
	}
	now := min(mended+n, refused)
	if events+mended > 0 {
		parts.Validity = min(1, parts.Validity*float64(events+now)/float64(events+mended))
	} else {
		parts.Validity = float64(now) / float64(refused)
	}
	next, err := json.Marshal(parts)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `UPDATE quality_scores SET mended = ?, parts = ?, score = ? WHERE span = ? AND start = ? AND source = ?`,
		now, string(next), parts.Score(), span.Milliseconds(), start, source)
	return err
}

// Relearn forgets what was usual of a source, closes its alarms, and learns anew from what comes: it is
// as it should be now.
func (q *Quality) Relearn(ctx context.Context, source string) error {
	return q.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO quality_relearn (source) VALUES (?) ON CONFLICT (source) DO NOTHING`, source)
		return err
	})
}

// relearn does what was asked for by Relearn, in the process that watches.
func (q *Quality) relearn(ctx context.Context, fence Fence) error {
	var sources []string
	err := keep.Each(ctx, q.cfg.DB.Reader(), `SELECT source FROM quality_relearn`, nil, func(scan func(...any) error) error {
		var source string
		err := scan(&source)
		sources = append(sources, source)
		return err
	})
	if err != nil || len(sources) == 0 {
		return err
	}
	return q.withAlarms(ctx, fence, func(tx *store.Tx) error {
		for _, source := range sources {
			if err := q.forget(ctx, tx, source); err != nil {
				return err
			}
		}
		return nil
	})
}

func (q *Quality) forget(ctx context.Context, tx *store.Tx, source string) error {
	for _, statement := range [...]string{`DELETE FROM quality_relearn WHERE source = ?`, `DELETE FROM quality_series WHERE source = ?`} {
		if _, err := tx.Exec(ctx, statement, source); err != nil {
			return err
		}
	}
	q.drop(source)
	for at := range q.series {
		if at.source == source {
			delete(q.series, at)
		}
	}
	for _, a := range q.open {
		if a.Source == source {
			if err := q.end(ctx, tx, a, q.cfg.Clock.Now()); err != nil {
				return err
			}
		}
	}
	return nil
}
