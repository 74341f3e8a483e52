package outbox

import (
	"context"
	"fmt"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/keep"
	"github.com/touchstone-cdp/touchstone/store"
)

// Keeper is how effects stay with their person.
type Keeper struct{ outbox *Outbox }

// Keeper returns the outbox's part of a person's state, for app's list.
func (o *Outbox) Keeper() Keeper { return Keeper{o} }

// Name is "outbox".
func (Keeper) Name() string { return "outbox" }

// Tables are effects and, with them, their failures.
func (Keeper) Tables() []keep.Table {
	return []keep.Table{
		{Name: "outbox_effects", Persons: []string{"person"}, Nodes: []string{"node"}, Texts: []string{"body", "error", "why", "answer"}},
		{Name: "outbox_failures", Texts: []string{"error", "why", "answer"}},
	}
}

// Merge names the other person. Bodies stay as they were decided: an absorbed person's id
// goes on to be understood.
func (Keeper) Merge(ctx context.Context, tx *store.Tx, merges []keep.Merge) error {
	for _, m := range merges {
		if _, err := tx.Exec(ctx, `UPDATE outbox_effects SET person = ? WHERE person = ? AND person <> 0`, int64(m.Into), int64(m.From)); err != nil {
			return fmt.Errorf("move effects of %s to %s: %w", m.From, m.Into, err)
		}
	}
	return nil
}

// Split takes along what is about a node that moved. What is about no node stays with From.
func (Keeper) Split(ctx context.Context, tx *store.Tx, splits []keep.Split) error {
	for _, s := range splits {
		err := store.ExecIn(ctx, tx, `UPDATE outbox_effects SET person = ? WHERE person = ? AND person <> 0 AND node IN (...)`, s.Moved, int64(s.To), int64(s.From))
		if err != nil {
			return fmt.Errorf("part effects of %s and %s: %w", s.From, s.To, err)
		}
	}
	return nil
}

// Erase deletes the persons' effects with their failures, also those that wait: nothing
// more is sent about them but what is under way this moment.
func (k Keeper) Erase(ctx context.Context, tx *store.Tx, persons []keep.Whole) error {
	gone := make(map[touchstone.PersonID]struct{}, len(persons))
	for _, p := range persons {
		if _, err := deleteEffects(ctx, tx, `person = ? AND person <> 0`, int64(p.Person)); err != nil {
			return fmt.Errorf("erase effects of %s: %w", p.Person, err)
		}
		gone[p.Person] = struct{}{}
	}
	if k.outbox != nil {
		tx.AfterCommit(func() { k.outbox.forget(gone) })
	}
	return nil
}

// exported is an effect in a person's export.
type exported struct {
	ID          string    `json:"id"`
	Kind        string    `json:"kind"`
	Destination string    `json:"destination"`
	Label       string    `json:"label,omitempty"`
	State       State     `json:"state"`
	PutAt       time.Time `json:"put_at"`
	Body        string    `json:"body,omitempty"` // of one that is not done
}

// Export hands over the effects, one by one.
func (Keeper) Export(ctx context.Context, q store.Querier, who keep.Whole, put keep.Put) error {
	rows, err := q.Query(ctx, `SELECT `+letterColumns+` FROM outbox_effects WHERE person = ? AND person <> 0 ORDER BY put_at, id`, int64(who.Person))
	if err != nil {
		return fmt.Errorf("export effects of %s: %w", who.Person, err)
	}
	letters, err := scanLetters(rows)
	if err != nil {
		return err
	}
	for i := range letters {
		l := &letters[i]
		if err := put("effects", exported{l.ID, l.Kind, l.Destination, l.Label, l.State, l.PutAt, string(l.Body)}); err != nil {
			return err
		}
	}
	return nil
}

var _ keep.Keeper = Keeper{}
