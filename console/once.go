package console

import (
	"context"
	"database/sql"
	"errors"
	"net/http"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/store"
)

const (
	keepAnswers = 24 * time.Hour
	// A call that is noted as running for longer was cut off by a crash.
	longestWrite = 5 * time.Minute
	maxKeptBody  = 1 << 20
)

// onceKey names a write that must happen once: console_answers holds its answer.
type onceKey struct {
	owner, key string
}

// beginOnce claims an Idempotency-Key. It returns the kept answer when the same call was
// made before, and Conflict when another call used the key or the same one still runs.
//
// The claim is committed before the write starts and the answer after it, so a crash in
// between leaves a claim without an answer; after longestWrite the call may be repeated.
func (c *Console) beginOnce(ctx context.Context, v *access.Viewer, key string, r *http.Request, body []byte) (*onceKey, *heldAnswer, error) {
	if len(key) > 255 {
		return nil, nil, touchstone.Errorf(touchstone.Invalid, "The Idempotency-Key is longer than 255 characters.")
	}
	once := &onceKey{v.Kind + ":" + v.ID, key}
	request := hashSecret(r.Method + " " + r.URL.RequestURI() + "\n" + string(body))
	now := c.cfg.Clock.Now()
	var kept *heldAnswer
	err := c.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		kept = nil
		var was string
		var status int
		var answer []byte
		var created int64
		err := tx.QueryRow(ctx, `SELECT request, status, body, created_at FROM console_answers WHERE owner = ? AND idem_key = ?`,
			once.owner, once.key).Scan(&was, &status, &answer, &created)
		age := now.Sub(time.UnixMilli(created))
		switch {
		case errors.Is(err, sql.ErrNoRows), err == nil && age > keepAnswers, err == nil && status == 0 && age > longestWrite:
			return tx.BulkUpsert(ctx, store.Upsert{
				Table: "console_answers", Columns: []string{"owner", "idem_key", "request", "status", "body", "created_at"},
				Key: []string{"owner", "idem_key"},
			}, 1, func(_ int, args []any) {
				args[0], args[1], args[2], args[3], args[4], args[5] = once.owner, once.key, request, 0, nil, now.UnixMilli()
			})
		case err != nil:
			return err
		case was != request:
			return touchstone.Errorf(touchstone.Conflict, "The Idempotency-Key was used for another request.").
				WithHint("Use a new key for each write, and the same one only to repeat it.")
		case status == 0:
			return touchstone.Errorf(touchstone.Conflict, "The same request is still running.").WithHint("Wait for it and try again.")
		}
		kept = &heldAnswer{header: http.Header{}, status: status}
		kept.body.Write(answer)
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	return once, kept, nil
}

// keepOnce stores the answer in the transaction that notes the write.
func keepOnce(ctx context.Context, tx *store.Tx, once *onceKey, held *heldAnswer) error {
	if held.body.Len() > maxKeptBody {
		_, err := tx.Exec(ctx, `DELETE FROM console_answers WHERE owner = ? AND idem_key = ?`, once.owner, once.key)
		return err
	}
	_, err := tx.Exec(ctx, `UPDATE console_answers SET status = ?, body = ? WHERE owner = ? AND idem_key = ?`,
		max(held.status, http.StatusOK), held.body.Bytes(), once.owner, once.key)
	return err
}

// forgetOnce gives a claim back after a failure, so that the caller may try again.
func (c *Console) forgetOnce(ctx context.Context, once *onceKey) {
	if once == nil {
		return
	}
	ctx = context.WithoutCancel(ctx)
	err := c.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM console_answers WHERE owner = ? AND idem_key = ? AND status = 0`, once.owner, once.key)
		return err
	})
	if err != nil {
		c.cfg.Log.Warn("an idempotency key stays claimed for some minutes", "error", err)
	}
}
