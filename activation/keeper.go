package activation

import (
	"context"

	"github.com/touchstone-cdp/touchstone/keep"
	"github.com/touchstone-cdp/touchstone/store"
)

// keeper moves lines with the identifiers that they were made of. Where somebody was erased whose lines a receiver may have, the next run sends
// everything, so that the receiver drops them and nothing of them need be kept to say which.
type keeper struct{}

// Keeper returns the activations as a keeper of rows about persons.
func (a *Activations) Keeper() keep.Keeper { return keeper{} }

func (keeper) Name() string { return "activation" }

func (keeper) Tables() []keep.Table {
	return []keep.Table{{Name: "activation_lines", Persons: []string{"person"}, Nodes: []string{"node"}, Texts: []string{"line"}}}
}

// Merge gives the lines to who is kept.
func (keeper) Merge(ctx context.Context, tx *store.Tx, merges []keep.Merge) error {
	order, into := keep.Final(merges)
	for _, from := range order {
		if _, err := tx.Exec(ctx, `UPDATE activation_lines SET person = ? WHERE person = ?`, int64(into[from]), int64(from)); err != nil {
			return err
		}
	}
	return nil
}

// Split gives each the lines of the identifiers that are theirs.
func (keeper) Split(ctx context.Context, tx *store.Tx, splits []keep.Split) error {
	for _, s := range splits {
		if err := store.ExecIn(ctx, tx, `UPDATE activation_lines SET person = ? WHERE node IN (...)`, s.Moved, int64(s.To)); err != nil {
			return err
		}
	}
	return nil
}

// Erase deletes the lines.
func (keeper) Erase(ctx context.Context, tx *store.Tx, persons []keep.Whole) error {
	for _, w := range persons {
		for _, column := range []string{"person", "node"} {
			if err := store.ExecIn(ctx, tx, `UPDATE activations SET whole = whole + 1 WHERE id IN (SELECT activation FROM activation_lines WHERE `+column+` IN (...))`, w.Numbers()); err != nil {
				return err
			}
			if err := store.ExecIn(ctx, tx, `DELETE FROM activation_lines WHERE `+column+` IN (...)`, w.Numbers()); err != nil {
				return err
			}
		}
	}
	return nil
}

// Export hands over who has been sent what of the person.
func (keeper) Export(ctx context.Context, q store.Querier, who keep.Whole, put keep.Put) error {
	type sent struct {
		To   string `json:"to"`
		Line string `json:"line"`
	}
	return keep.Each(ctx, q, `SELECT COALESCE(a.name, l.activation), l.line FROM activation_lines l LEFT JOIN activations a ON a.id = l.activation WHERE l.person = ? ORDER BY 1, 2`,
		[]any{int64(who.Person)}, func(scan func(...any) error) error {
			var s sent
			if err := scan(&s.To, &s.Line); err != nil {
				return err
			}
			return put("sent", s)
		})
}
