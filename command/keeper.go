package command

import (
	"context"
	"slices"

	"github.com/touchstone-cdp/touchstone/keep"
	"github.com/touchstone-cdp/touchstone/store"
)

// keeper sees to what commands say of persons: their bodies name identifiers. That something
// was asked for, by whom and what became of it stays; what it was about goes.
type keeper struct{ proofs []string }

// Keeper returns the keeper of what was asked for. Proofs are the kinds whose result is the
// answer to an erasure: it holds numbers that nobody has any more, and stays.
func Keeper(proofs ...string) keep.Keeper { return keeper{proofs} }

func (keeper) Name() string { return "command" }

func (keeper) Tables() []keep.Table {
	return []keep.Table{{Name: "commands", Texts: []string{"body", "result", "failure"}, Stays: "who asked for what kind of thing must be shown; bodies and results are taken out; which numbers were erased stays"}}
}

func (keeper) Merge(context.Context, *store.Tx, []keep.Merge) error { return nil }

func (keeper) Split(context.Context, *store.Tx, []keep.Split) error { return nil }

func (k keeper) Erase(ctx context.Context, tx *store.Tx, persons []keep.Whole) error {
	var ids []string
	err := mentioned(ctx, tx, persons, func(r *Row) error {
		proof := r.State == Done && slices.Contains(k.proofs, r.Kind)
		if r.State != Waiting && !proof { // what waits has its place in the log still to come
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
	search := keep.NewSearch(persons)
	return keep.Each(ctx, q, `SELECT `+rowColumns+` FROM commands ORDER BY submitted_at, id`, nil, func(scan func(...any) error) error {
		r, err := scanRow(scan)
		if err != nil || !r.names(search) {
			return err
		}
		return fn(&r)
	})
}

func (r *Row) names(search *keep.Search) bool {
	return search.In(string(r.Body), string(r.Result), r.Failure)
}

// searched is how many of the latest commands are looked through for those about a person.
const searched = 5000

// About returns the latest commands that name a person, the latest first, at most limit of
// them; it looks through the latest 5000 commands.
func (l *Log) About(ctx context.Context, who keep.Whole, limit int) ([]Row, error) {
	search := keep.NewSearch([]keep.Whole{who})
	rows := []Row{}
	err := keep.Each(ctx, l.cfg.DB.Reader(), `SELECT `+rowColumns+` FROM commands ORDER BY submitted_at DESC, id DESC LIMIT ?`, []any{searched}, func(scan func(...any) error) error {
		r, err := scanRow(scan)
		if err == nil && len(rows) < limit && r.names(search) {
			rows = append(rows, r)
		}
		return err
	})
	return rows, err
}
