package outbox

import (
	"context"
	"fmt"
	"strings"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

// The states of an effect.
const (
	waits = 0
	done  = 1
	dead  = 2
)

const effectColumns = 20

// insertTexts are the statements for 1, 8 and 64 rows, so that few are ever prepared.
var insertTexts = map[int]string{1: insertText(1), 8: insertText(8), 64: insertText(64)}

// chunk returns how many of n rows the next statement takes.
func chunk(n int) int {
	switch {
	case n >= 64:
		return 64
	case n >= 8:
		return 8
	}
	return 1
}

func insertText(rows int) string {
	one := "(?" + strings.Repeat(",?", effectColumns-1) + ")"
	return `INSERT INTO outbox_effects (id, kind, destination, person, node, label, body, put_at, place, since, due,
		owner, state, attempts, tries, finished_at, status, took_ms, error, answer) VALUES ` +
		one + strings.Repeat(","+one, rows-1) + ` ON CONFLICT (id) DO NOTHING`
}

// insert writes effects, and returns how many were new.
func insert(ctx context.Context, tx *store.Tx, effects []touchstone.Effect, now, place int64) (int64, error) {
	args := make([]any, 0, effectColumns*len(effects))
	for i := range effects {
		e := &effects[i]
		body := e.Body
		if body == nil {
			body = []byte{}
		}
		due := now
		if !e.NotBefore.IsZero() {
			due = max(due, e.NotBefore.UnixMilli())
		}
		args = append(args, e.ID, e.Kind, e.Destination, int64(e.Person), int64(e.Node), e.Label, body, now, place+int64(i), due, due,
			"", waits, 0, 0, 0, 0, 0, "", "")
	}
	res, err := tx.Exec(ctx, insertTexts[len(effects)], args...)
	if err != nil {
		return 0, fmt.Errorf("put effects: %w", err)
	}
	return res.RowsAffected()
}
