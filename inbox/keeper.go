package inbox

import (
	"context"
	"fmt"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/keep"
	"github.com/touchstone-cdp/touchstone/store"
)

// Keeper returns who sees to the persons in what waits and in dead letters. Both keep the
// person as of their moment, and are given to reactors as of today, so a merge moves only
// the column by which dead letters are found; what is parted stays with the older person.
func (in *Inbox) Keeper() keep.Keeper { return keeper{in} }

type keeper struct{ in *Inbox }

// Name is that of the migrations.
func (keeper) Name() string { return "inbox" }

// Tables lists what holds occurrences.
func (keeper) Tables() []keep.Table {
	return []keep.Table{
		{Name: "inbox_rows", Texts: []string{"body"}},
		{Name: "inbox_dead", Persons: []string{"person"}, Texts: []string{"body", "reason"}},
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

// Split leaves everything where it is.
func (keeper) Split(context.Context, *store.Tx, []keep.Split) error { return nil }

// Erase empties the places of the persons' occurrences, so that the places of others keep
// their numbers, and deletes their dead letters. That a person was erased is still told: it
// says no more than a number.
func (k keeper) Erase(ctx context.Context, tx *store.Tx, persons []keep.Whole) error {
	gone := map[touchstone.PersonID]bool{}
	var list []int64
	for _, e := range persons {
		for _, n := range e.Numbers() {
			gone[touchstone.PersonID(n)] = true
			list = append(list, n)
		}
	}
	if err := k.forgetDead(ctx, tx, gone, list); err != nil {
		return err
	}
	return eachRow(ctx, tx, func(id int64, items []item) error {
		if !forget(items, gone) {
			return nil
		}
		_, err := tx.Exec(ctx, `UPDATE inbox_rows SET body = ?, edition = edition + 1 WHERE id = ?`, repack(items), id)
		return err
	})
}

// forgetDead deletes dead letters that are about the persons, also as the other one.
func (k keeper) forgetDead(ctx context.Context, tx *store.Tx, gone map[touchstone.PersonID]bool, list []int64) error {
	if err := store.ExecIn(ctx, tx, `DELETE FROM inbox_dead WHERE person IN (...)`, list); err != nil {
		return err
	}
	var ids []string
	err := keep.Each(ctx, tx, `SELECT id, body FROM inbox_dead`, nil, func(scan func(...any) error) error {
		var id string
		var body []byte
		if err := scan(&id, &body); err != nil {
			return err
		}
		items, err := unpack(body)
		if err != nil {
			return fmt.Errorf("dead letter %s: %w", id, err)
		}
		if forget(items, gone) {
			ids = append(ids, id)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return store.ExecIn(ctx, tx, `DELETE FROM inbox_dead WHERE id IN (...)`, ids)
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
	is := k.isNow(ctx, q, person)
	err := eachRow(ctx, q, func(_ int64, items []item) error {
		for i := range items {
			o := &items[i].Occurrence
			if mine, err := is(o.Person); err != nil || !mine || o.Kind == erased {
				if err != nil {
					return err
				}
				continue
			}
			if err := put("waiting_occurrence", told(o)); err != nil {
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
		o, err := unpackOne(body)
		if err != nil {
			return err
		}
		t := told(&o)
		t.Person, t.Reactor, t.Reason = person, reactor, reason
		return put("dead_letter", t)
	})
}

// isNow returns a test of whether somebody is the person today.
func (k keeper) isNow(ctx context.Context, q store.Querier, person touchstone.PersonID) func(touchstone.PersonID) (bool, error) {
	known := map[touchstone.PersonID]bool{person: true, 0: false}
	return func(p touchstone.PersonID) (bool, error) {
		if is, ok := known[p]; ok || k.in.cfg.Persons == nil {
			return is, nil
		}
		now, err := k.in.cfg.Persons.Canonical(ctx, q, []touchstone.PersonID{p})
		if err != nil {
			return false, err
		}
		known[p] = now[0] == person
		return known[p], nil
	}
}
