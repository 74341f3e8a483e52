package inbox

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/internal/bisect"
	"github.com/touchstone-cdp/touchstone/internal/httpapi"
	"github.com/touchstone-cdp/touchstone/store"
)

// DeadLetter is an occurrence that a reactor could not work on.
type DeadLetter struct {
	ID         string // "dead_…"
	Reactor    string
	Occurrence touchstone.Occurrence
	Reason     string        // "code: sentence"
	Why        *httpapi.Text // the sentence, for other languages; nil: not known
	DiedAt     time.Time
	Attempts   int  // how often it was replayed in vain
	Waiting    bool // to be replayed
}

// DeadLetters returns those of a reactor, in the order of what they tell, from after the
// place that the previous page ended with; next is "" on the last page.
func (in *Inbox) DeadLetters(ctx context.Context, reactor string, limit int, after string) (list []DeadLetter, next string, err error) {
	var at place
	if after != "" {
		if _, err := fmt.Sscanf(after, "%d.%d", &at.row, &at.item); err != nil {
			return nil, "", api.BadCursor()
		}
	} else {
		at.row = -1
	}
	rows, err := in.cfg.DB.Reader().Query(ctx, `SELECT id, row_id, item, died_at, reason, why, attempts, replay, body FROM inbox_dead
		WHERE reactor = ? AND (row_id > ? OR row_id = ? AND item > ?) ORDER BY row_id, item LIMIT ?`, reactor, at.row, at.row, at.item, limit+1)
	if err != nil {
		return nil, "", fmt.Errorf("list the dead letters: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		if len(list) == limit {
			return list, fmt.Sprintf("%d.%d", at.row, at.item), nil
		}
		l := DeadLetter{Reactor: reactor}
		var died, replay int64
		var body []byte
		var why string
		if err := rows.Scan(&l.ID, &at.row, &at.item, &died, &l.Reason, &why, &l.Attempts, &replay, &body); err != nil {
			return nil, "", err
		}
		it, err := unpackOne(body)
		if err != nil {
			return nil, "", fmt.Errorf("dead letter %s: %w", l.ID, err)
		}
		l.Occurrence = it.Occurrence
		l.DiedAt, l.Waiting, l.Why = timeOf(died), replay != 0, httpapi.LoadText(why)
		list = append(list, l)
	}
	return list, "", rows.Err()
}

// Replay has dead letters of a reactor tried again; no ids stand for all of them. It
// returns how many. They come alone and one by one, behind what came after them: the order
// of their person is not kept. One that fails again stays, with its new reason.
func (in *Inbox) Replay(ctx context.Context, reactor string, ids []string) (n int64, err error) {
	n, err = in.change(ctx, reactor, ids, `UPDATE inbox_dead SET replay = ? WHERE reactor = ? AND replay = 0`, in.cfg.Clock.Now().UnixMilli(), reactor)
	if r := in.byName(reactor); r != nil && err == nil {
		r.replay.Store(true)
		signal(r.wake)
	}
	return n, err
}

// Discard deletes dead letters of a reactor; no ids stand for all of them. It returns how many.
func (in *Inbox) Discard(ctx context.Context, reactor string, ids []string) (n int64, err error) {
	n, err = in.change(ctx, reactor, ids, `DELETE FROM inbox_dead WHERE reactor = ?`, reactor)
	in.metrics.discards.WithLabelValues(reactor).Add(float64(n))
	return n, err
}

// change runs a statement on all dead letters of a reactor, or on some.
func (in *Inbox) change(ctx context.Context, reactor string, ids []string, statement string, args ...any) (n int64, err error) {
	err = in.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		n = 0
		var known int
		if err := tx.QueryRow(ctx, `SELECT count(*) FROM inbox_reactors WHERE name = ?`, reactor).Scan(&known); err != nil {
			return err
		}
		if known == 0 {
			return touchstone.Errorf(touchstone.NotFound, "There is no reactor %q.", reactor)
		}
		if len(ids) == 0 {
			return execCounted(ctx, tx, &n, statement, args...)
		}
		for _, id := range ids {
			if err := execCounted(ctx, tx, &n, statement+` AND id = ?`, append(args[:len(args):len(args)], id)...); err != nil {
				return err
			}
		}
		return nil
	})
	return n, err
}

func execCounted(ctx context.Context, tx *store.Tx, n *int64, statement string, args ...any) error {
	res, err := tx.Exec(ctx, statement, args...)
	if err != nil {
		return err
	}
	some, err := res.RowsAffected()
	*n += some
	return err
}

// replayLetters tries dead letters again that somebody asked for, each in a transaction of
// its own. It returns an error only for a trouble that is not the letter's.
func (r *reactor) replayLetters(ctx context.Context) error {
	if !r.replay.Swap(false) && time.Since(r.looked) < replayLook {
		return nil
	}
	r.looked = time.Now()
	for ctx.Err() == nil {
		id, err := r.nextReplay(ctx)
		if err != nil || id == "" {
			return err
		}
		why := r.replayOne(ctx, id)
		if why == nil {
			continue
		}
		var l lost
		if store.IsTrouble(why) || errors.As(why, &l) || errors.Is(why, touchstone.ErrNewer) {
			r.replay.Store(true)
			return why
		}
		err = r.in.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
			_, err := tx.Exec(ctx, `UPDATE inbox_dead SET replay = 0, attempts = attempts + 1, reason = ?, why = ? WHERE id = ?`, reasonFailed+bisect.Shortly(why), storeWhy(why), id)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *reactor) nextReplay(ctx context.Context) (id string, err error) {
	err = r.in.cfg.DB.Reader().QueryRow(ctx, `SELECT id FROM inbox_dead WHERE reactor = ? AND replay > 0 ORDER BY row_id, item LIMIT 1`, r.name).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return id, err
}

// replayOne tries a dead letter, and deletes it with what the reactor does about it.
func (r *reactor) replayOne(ctx context.Context, id string) error {
	err := r.in.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		if err := r.fenced(ctx, tx); err != nil {
			return err
		}
		var body []byte
		err := tx.QueryRow(ctx, `SELECT body FROM inbox_dead WHERE id = ? AND replay > 0`, id).Scan(&body)
		if errors.Is(err, sql.ErrNoRows) { // discarded meanwhile
			return nil
		}
		if err != nil {
			return err
		}
		o, err := unpackOne(body)
		if err != nil {
			return err
		}
		if err := r.react(ctx, tx, []item{o}, nil); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `DELETE FROM inbox_dead WHERE id = ?`, id)
		return err
	})
	if err == nil {
		r.in.metrics.replayed.WithLabelValues(r.name).Inc()
	}
	return err
}
