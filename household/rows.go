package household

import (
	"cmp"
	"context"
	"database/sql"
	"maps"
	"slices"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

// rowID names a clue's row.
type rowID struct {
	identifier string
	kind       Kind
	key        string
}

func (c *Clue) row() rowID { return rowID{c.Identifier, c.Kind, c.Key} }

const clueColumns = `identifier, kind, key, person, days, seq, note`

func scanClue(rows *sql.Rows) (c Clue, err error) {
	var days string
	err = rows.Scan(&c.Identifier, &c.Kind, &c.Key, (*int64)(&c.Person), &days, (*int64)(&c.Seq), &c.Note)
	c.Days = parseDays(days)
	return c, err
}

// keepClues adds clues to those that are kept, and returns the persons about whom something
// is new, and the things in which somebody is new.
func keepClues(ctx context.Context, tx *store.Tx, fresh []Clue) (persons []touchstone.PersonID, things map[Thing]int, err error) {
	merged := map[rowID]*Clue{}
	var identifiers []string
	for i := range fresh {
		c := fresh[i]
		if have := merged[c.row()]; have != nil {
			have.add(&c)
			have.Person = c.Person // of today, as all of them
			continue
		}
		merged[c.row()] = &c
		identifiers = append(identifiers, c.Identifier)
	}
	slices.Sort(identifiers)
	things = map[Thing]int{}
	var write []*Clue
	known := map[rowID]bool{}
	err = store.SelectIn(ctx, tx, `SELECT `+clueColumns+` FROM household_clues WHERE identifier IN (...)`, slices.Compact(identifiers), func(rows *sql.Rows) error {
		old, err := scanClue(rows)
		c := merged[old.row()]
		if err != nil || c == nil || known[old.row()] {
			return err
		}
		known[old.row()] = true
		c.add(&old)
		if slices.Equal(c.Days, old.Days) && c.Seq == old.Seq && c.Person == old.Person {
			delete(merged, old.row())
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	for id, c := range merged {
		write = append(write, c)
		persons = append(persons, c.Person)
		if !known[id] {
			things[Thing{c.Kind, c.Key}]++
		}
	}
	slices.SortFunc(write, func(a, b *Clue) int {
		return cmp.Or(cmp.Compare(a.Identifier, b.Identifier), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Key, b.Key))
	})
	return persons, things, upsertClues(ctx, tx, write)
}

func upsertClues(ctx context.Context, tx *store.Tx, list []*Clue) error {
	return tx.BulkUpsert(ctx, store.Upsert{Table: "household_clues", Key: []string{"identifier", "kind", "key"},
		Columns: []string{"identifier", "kind", "key", "person", "days", "seq", "note"}}, len(list), func(i int, args []any) {
		c := list[i]
		args[0], args[1], args[2], args[3], args[4], args[5], args[6] = c.Identifier, string(c.Kind), c.Key, int64(c.Person), formatDays(c.Days), int64(c.Seq), c.Note
	})
}

// worth is what came under an identifier.
type worth struct {
	identifier   string
	person       touchstone.PersonID
	orders, paid int64
	first, last  int64
}

// keepWorth adds purchases to those that are kept, and returns the persons who have become payers by
// them, or are none any more: nothing else of a household follows from what its members paid.
func keepWorth(ctx context.Context, tx *store.Tx, list map[string]*worth) (turned []touchstone.PersonID, err error) {
	ids := slices.Sorted(maps.Keys(list))
	before := make(map[string]int64, len(ids))
	err = store.SelectIn(ctx, tx, `SELECT identifier, orders, paid, first_at, last_at FROM household_value WHERE identifier IN (...)`, ids, func(rows *sql.Rows) error {
		var old worth
		if err := rows.Scan(&old.identifier, &old.orders, &old.paid, &old.first, &old.last); err != nil {
			return err
		}
		before[old.identifier] = old.paid
		w := list[old.identifier]
		w.orders, w.paid = w.orders+old.orders, w.paid+old.paid
		w.first, w.last = min(w.first, old.first), max(w.last, old.last)
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		if (before[id] > 0) != (list[id].paid > 0) {
			turned = append(turned, list[id].person)
		}
	}
	return turned, tx.BulkUpsert(ctx, store.Upsert{Table: "household_value", Key: []string{"identifier"},
		Columns: []string{"identifier", "person", "orders", "paid", "first_at", "last_at"}}, len(ids), func(i int, args []any) {
		w := list[ids[i]]
		args[0], args[1], args[2], args[3], args[4], args[5] = w.identifier, int64(w.person), w.orders, w.paid, w.first, w.last
	})
}

// setDirty notes that persons' households are to be derived anew.
func setDirty(ctx context.Context, tx *store.Tx, persons []touchstone.PersonID) error {
	persons = slices.Compact(slices.Sorted(slices.Values(persons)))
	return tx.BulkUpsert(ctx, store.Upsert{Table: "household_dirty", Key: []string{"person"}, Columns: []string{"person"}}, len(persons), func(i int, args []any) {
		args[0] = int64(persons[i])
	})
}

// numbers returns persons as rows hold them.
func numbers(persons []touchstone.PersonID) []int64 {
	list := make([]int64, len(persons))
	for i, p := range persons {
		list[i] = int64(p)
	}
	return list
}
