package command

import (
	"context"

	"github.com/touchstone-cdp/touchstone/keep"
	"github.com/touchstone-cdp/touchstone/store"
)

// keeper sees to what commands say of persons: their bodies name identifiers. That something
// was asked for, by whom and what became of it stays; what it was about goes.
type keeper struct{}

// Keeper returns the keeper of what was asked for.
func Keeper() keep.Keeper { return keeper{} }

func (keeper) Name() string { return "command" }

func (keeper) Tables() []keep.Table {
	return []keep.Table{{Name: "commands", Texts: []string{"body", "result", "failure"}, Stays: "who asked for what kind of thing must be shown; bodies and results are taken out"}}
}

func (keeper) Merge(context.Context, *store.Tx, []keep.Merge) error { return nil }

func (keeper) Split(context.Context, *store.Tx, []keep.Split) error { return nil }

func (keeper) Erase(ctx context.Context, tx *store.Tx, persons []keep.Whole) error {
	var ids []string
	err := mentioned(ctx, tx, persons, func(r *Row) error {
		if r.State != Waiting { // its place in the log is still to come
			ids = append(ids, r.ID)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return store.ExecIn(ctx, tx, `UPDATE commands SET body = '{}', result = '{}', failure = '' WHERE id IN (...)`, ids)
}

func (keeper) Export(ctx context.Context, q store.Querier, who keep.Whole, put keep.Put) error {
	return mentioned(ctx, q, []keep.Whole{who}, func(r *Row) error {
		return put("command", struct {
			Kind  string `json:"kind"`
			Body  any    `json:"body"`
			State State  `json:"state"`
		}{r.Kind, r.Body, r.State})
	})
}

// mentioned calls fn for each command that names one of the persons.
func mentioned(ctx context.Context, q store.Querier, persons []keep.Whole, fn func(r *Row) error) error {
	mentions := keep.Mentions(persons)
	return keep.Each(ctx, q, `SELECT `+rowColumns+` FROM commands ORDER BY submitted_at, id`, nil, func(scan func(...any) error) error {
		r, err := scanRow(scan)
		if err != nil {
			return err
		}
		if !keep.MentionedIn(mentions, string(r.Body)) && !keep.MentionedIn(mentions, string(r.Result)) && !keep.MentionedIn(mentions, r.Failure) {
			return nil
		}
		return fn(&r)
	})
}
