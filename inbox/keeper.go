package inbox

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/keep"
	"github.com/touchstone-cdp/touchstone/store"
)

// Keeper returns who sees to the persons in what waits and in dead letters. Both keep the
// person and the event's node as of their moment, and are given to reactors as of today, so
// merges and splits move only the column by which dead letters are found.
func (in *Inbox) Keeper() keep.Keeper { return keeper{in} }

type keeper struct{ in *Inbox }

// Name is that of the migrations.
func (keeper) Name() string { return "inbox" }

// Tables lists what holds occurrences.
func (keeper) Tables() []keep.Table {
	return []keep.Table{
		{Name: "inbox_rows", Texts: []string{"body"}},
		{Name: "inbox_dead", Persons: []string{"person"}, Texts: []string{"body", "reason", "why"}},
	}
}

// Merge makes dead letters of the absorbed ones the other's.
func (keeper) Merge(ctx context.Context, tx *store.Tx, merges []keep.Merge) error {
	some, err := anyDead(ctx, tx)
	if err != nil || !some {
		return err
	}
	order, into := keep.Final(merges)
	for _, from := range order {
		if _, err := tx.Exec(ctx, `UPDATE inbox_dead SET person = ? WHERE person = ?`, int64(into[from]), int64(from)); err != nil {
			return err
		}
	}
	return nil
}

func anyDead(ctx context.Context, q store.Querier) (some bool, err error) {
	var n int
	err = q.QueryRow(ctx, `SELECT count(*) FROM (SELECT 1 FROM inbox_dead LIMIT 1) AS r`).Scan(&n)
	return n > 0, err
}

// Split gives the other one the dead letters of the events that came under the nodes that
// moved. What waits goes by its nodes anyway.
func (k keeper) Split(ctx context.Context, tx *store.Tx, splits []keep.Split) error {
	for _, split := range splits {
		moved := map[int64]bool{}
		for _, n := range split.Moved {
			moved[int64(n)] = true
		}
		ids, err := findDead(ctx, tx, ` WHERE person = ?`, []any{int64(split.From)}, func(it *item) bool { return moved[int64(it.Node)] })
		if err != nil {
			return err
		}
		if err := store.ExecIn(ctx, tx, `UPDATE inbox_dead SET person = ? WHERE id IN (...)`, ids, int64(split.To)); err != nil {
			return err
		}
	}
	return nil
}

// Erase empties the places of the persons' occurrences, so that the places of others keep
// their numbers, and deletes their dead letters; events of others lose what they say of them.
// That a person was erased is still told: it says no more than a number.
func (k keeper) Erase(ctx context.Context, tx *store.Tx, persons []keep.Whole) error {
	g := graveOf(persons)
	gone, err := findDead(ctx, tx, "", nil, g.holds)
	if err != nil {
		return err
	}
	if err := store.ExecIn(ctx, tx, `DELETE FROM inbox_dead WHERE id IN (...)`, gone); err != nil {
		return err
	}
	k.in.metrics.erased.Add(float64(len(gone)))
	if err := g.stripDead(ctx, tx); err != nil {
		return err
	}
	return eachRow(ctx, tx, func(id int64, items []item) error {
		if !g.forget(items) {
			return nil
		}
		_, err := tx.Exec(ctx, `UPDATE inbox_rows SET body = ?, edition = edition + 1 WHERE id = ?`, repack(items), id)
		return err
	})
}

func graveOf(persons []keep.Whole) *grave {
	g := &grave{numbers: map[int64]bool{}, nodes: map[touchstone.NodeID]bool{}, identifiers: map[touchstone.Identifier]bool{}, values: map[string]bool{}}
	var quoted []string
	for _, who := range persons {
		for _, n := range who.Numbers() {
			g.numbers[n] = true
		}
		for _, n := range who.Nodes {
			g.nodes[n] = true
		}
		for _, id := range who.Identifiers {
			g.identifiers[id] = true
			g.values[id.Value] = true
			quoted = append(quoted, strconv.Quote(id.Value))
		}
	}
	g.texts = keep.NewTexts(quoted)
	return g
}

// eachDead calls fn for each dead letter that a condition lets through.
func eachDead(ctx context.Context, q store.Querier, condition string, args []any, fn func(id string, it *item)) error {
	return keep.Each(ctx, q, `SELECT id, body FROM inbox_dead`+condition, args, func(scan func(...any) error) error {
		var id string
		var body []byte
		if err := scan(&id, &body); err != nil {
			return err
		}
		it, err := unpackOne(body)
		if err != nil {
			return fmt.Errorf("dead letter %s: %w", id, err)
		}
		fn(id, &it)
		return nil
	})
}

// findDead returns the ids of dead letters of which is says so.
func findDead(ctx context.Context, q store.Querier, condition string, args []any, is func(it *item) bool) (ids []string, err error) {
	err = eachDead(ctx, q, condition, args, func(id string, it *item) {
		if is(it) {
			ids = append(ids, id)
		}
	})
	return ids, err
}

// stripDead takes the identifiers of the erased out of the dead letters of others.
func (g *grave) stripDead(ctx context.Context, tx *store.Tx) error {
	changed := map[string][]byte{}
	err := eachDead(ctx, tx, "", nil, func(id string, it *item) {
		if it.Event != nil && g.strip(it.Event) {
			changed[id] = packOne(it)
		}
	})
	for id, body := range changed {
		if err == nil {
			_, err = tx.Exec(ctx, `UPDATE inbox_dead SET body = ? WHERE id = ?`, body, id)
		}
	}
	return err
}

// eachRow calls fn for each row of the inbox, one at a time, so that fn may write.
func eachRow(ctx context.Context, q store.Querier, fn func(id int64, items []item) error) error {
	for after := int64(0); ; {
		var id int64
		var body []byte
		found := false
		err := keep.Each(ctx, q, `SELECT id, body FROM inbox_rows WHERE id > ? ORDER BY id LIMIT 1`, []any{after}, func(scan func(...any) error) error {
			found = true
			return scan(&id, &body)
		})
		if err != nil || !found {
			return err
		}
		items, err := unpack(body)
		if err != nil {
			return fmt.Errorf("row %d of the inbox: %w", id, err)
		}
		if err := fn(id, items); err != nil {
			return err
		}
		after = id
	}
}

// Told is an occurrence as an export shows it.
type Told struct {
	Kind      string
	Person    touchstone.PersonID
	Other     touchstone.PersonID `json:",omitzero"`
	Name      string              `json:",omitzero"`
	Old       touchstone.JSON     `json:",omitzero"`
	New       touchstone.JSON     `json:",omitzero"`
	Time      time.Time
	MessageID string            `json:",omitzero"`
	Event     *touchstone.Event `json:",omitempty"`
	Reactor   string            `json:",omitzero"` // of a dead letter
	Reason    string            `json:",omitzero"`
}

func told(o *touchstone.Occurrence) Told {
	return Told{Kind: o.Kind.String(), Person: o.Person, Other: o.Other, Name: o.Name, Old: o.Old, New: o.New, Time: o.Time, MessageID: o.MessageID, Event: o.Event}
}

// Export hands over what waits about a person, and the dead letters.
func (k keeper) Export(ctx context.Context, q store.Querier, who keep.Whole, put keep.Put) error {
	person := who.Person
	g := graveOf([]keep.Whole{who})
	err := eachRow(ctx, q, func(_ int64, items []item) error {
		for i := range items {
			it := &items[i]
			if it.Kind == erased || it.Kind == touchstone.Erased || !g.owns(it) && !g.joins(it) {
				continue
			}
			t := told(&it.Occurrence)
			if !g.owns(it) { // the event that brought it about is somebody else's
				t.MessageID, t.Event = "", nil
			}
			if g.owns(it) {
				t.Person = person
			}
			if err := put("waiting_occurrence", t); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return keep.Each(ctx, q, `SELECT reactor, reason, body FROM inbox_dead WHERE person = ? ORDER BY row_id, item, reactor`, []any{int64(person)}, func(scan func(...any) error) error {
		var reactor, reason string
		var body []byte
		if err := scan(&reactor, &reason, &body); err != nil {
			return err
		}
		it, err := unpackOne(body)
		if err != nil {
			return err
		}
		t := told(&it.Occurrence)
		t.Person, t.Reactor, t.Reason = person, reactor, reason
		return put("dead_letter", t)
	})
}
