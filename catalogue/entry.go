package catalogue

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/store"
)

// Entry is what is known of an event, a property or a trait beside its values.
type Entry struct {
	Sort        Sort   `json:"sort"`
	Name        string `json:"name"`
	NameZH      string `json:"name_zh"`
	NameEN      string `json:"name_en"`
	Description string `json:"description"`
	Owner       string `json:"owner"`
	Unit        string `json:"unit"`
	Hidden      bool   `json:"hidden"`
	Starred     bool   `json:"starred"`
	// Class is what personal data the field holds: by hand, as found, or by its name. Empty or none: none.
	Class     string     `json:"class"`
	ClassBy   string     `json:"class_by"` // hand, values, name; empty: there is none
	ClassHand string     `json:"class_by_hand"`
	Found     []Evidence `json:"found"`
	ChangedBy string     `json:"changed_by"`
	ChangedAt *time.Time `json:"changed_at"`
}

// Evidence is what a sample of a field's values showed. Values counts different ones, Matched those that have the form.
type Evidence struct {
	Event   string       `json:"event"` // of a property
	Class   access.Class `json:"class"`
	Values  int64        `json:"values"`
	Matched int64        `json:"matched"`
	At      time.Time    `json:"at"`
}

type key struct {
	sort Sort
	name string
}

// List returns the entries that anything is known of, in order of sort and name. Who is limited to some persons
// is not told the evidence, which is about all.
func (c *Catalogue) List(ctx context.Context, v *access.Viewer) ([]Entry, error) {
	list, err := c.read(ctx, everything)
	hideEvidence(v, list)
	return list, err
}

// hideEvidence takes away what is about all persons from who is limited to some.
func hideEvidence(v *access.Viewer, list []Entry) {
	for i := range list {
		if v.Limited() {
			list[i].Found = []Evidence{}
		}
	}
}

// Conditions on entries.
const (
	everything = `1 = 1`
	oneEntry   = `sort = ? AND name = ?`
)

// read returns all entries, or those that a condition on sort and name holds for.
func (c *Catalogue) read(ctx context.Context, where string, args ...any) ([]Entry, error) {
	entries := map[key]*Entry{}
	err := c.cfg.DB.View(ctx, func(tx *store.Tx) error {
		if err := readEntries(ctx, tx, entries, where, args...); err != nil {
			return err
		}
		return readSeen(ctx, tx, entries, where, args...)
	})
	if err != nil {
		return nil, err
	}
	list := make([]Entry, 0, len(entries))
	for _, e := range entries {
		e.decide()
		list = append(list, *e)
	}
	slices.SortFunc(list, func(a, b Entry) int { return cmp.Or(cmp.Compare(a.Sort, b.Sort), cmp.Compare(a.Name, b.Name)) })
	return list, nil
}

// decide sets the class: what a hand says, before what most of the values say, before what the name does.
func (e *Entry) decide() {
	e.Class, e.ClassBy = e.ClassHand, "hand"
	if e.Class != "" || e.Sort == Event {
		return
	}
	matched, few := int64(-1), false
	for _, f := range e.Found {
		if f.Class != access.NoClass && f.Matched > matched {
			matched, e.Class, e.ClassBy = f.Matched, string(f.Class), "values"
			few = 2*f.Matched < f.Values
		}
	}
	named := string(access.NamedClass(e.Name))
	if named != "" && (matched <= 0 || few && e.Class == named) {
		e.Class, e.ClassBy = named, "name"
	}
	if e.Class == "" {
		e.ClassBy = ""
	}
}

func readEntries(ctx context.Context, tx *store.Tx, into map[key]*Entry, where string, args ...any) error {
	rows, err := tx.Query(ctx, `SELECT sort, name, name_zh, name_en, description, owner, unit, class, hidden, starred, changed_by, changed_at FROM catalogue_entries WHERE `+where, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		e := &Entry{Found: []Evidence{}}
		var hidden, starred, at int64
		if err := rows.Scan(&e.Sort, &e.Name, &e.NameZH, &e.NameEN, &e.Description, &e.Owner, &e.Unit, &e.ClassHand, &hidden, &starred, &e.ChangedBy, &at); err != nil {
			return err
		}
		e.Hidden, e.Starred = hidden != 0, starred != 0
		moment := time.UnixMilli(at)
		e.ChangedAt = &moment
		into[key{e.Sort, e.Name}] = e
	}
	return rows.Err()
}

func readSeen(ctx context.Context, tx *store.Tx, into map[key]*Entry, where string, args ...any) error {
	rows, err := tx.Query(ctx, `SELECT sort, event, name, class, values_seen, values_matched, seen_at FROM catalogue_seen WHERE `+where+` ORDER BY sort, name, event`, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var k key
		var f Evidence
		var at int64
		if err := rows.Scan(&k.sort, &f.Event, &k.name, &f.Class, &f.Values, &f.Matched, &at); err != nil {
			return err
		}
		f.At = time.UnixMilli(at)
		if into[k] == nil {
			into[k] = &Entry{Sort: k.sort, Name: k.name, Found: []Evidence{}}
		}
		into[k].Found = append(into[k].Found, f)
	}
	return rows.Err()
}

// Change is what somebody says of an entry; nil leaves a part as it is.
type Change struct {
	NameZH      *string `json:"name_zh"`
	NameEN      *string `json:"name_en"`
	Description *string `json:"description"`
	Owner       *string `json:"owner"`
	Unit        *string `json:"unit"`
	Class       *string `json:"class"` // empty: as found
	Hidden      *bool   `json:"hidden"`
	Starred     *bool   `json:"starred"`
}

// Change changes an entry, and makes it if there is none. Only who sees contacts may say what class a field has: the masks
// of all others follow it.
func (c *Catalogue) Change(ctx context.Context, v *access.Viewer, sort Sort, name string, change Change) (Entry, error) {
	if err := check(v, sort, name, change); err != nil {
		return Entry{}, err
	}
	err := c.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		entries := map[key]*Entry{}
		if err := readEntries(ctx, tx, entries, oneEntry, string(sort), name); err != nil {
			return err
		}
		e := entries[key{sort, name}]
		if e == nil {
			var n int
			if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM catalogue_entries`).Scan(&n); err != nil {
				return err
			}
			if n >= maxEntries {
				return touchstone.Errorf(touchstone.Conflict, "The catalogue holds %d entries that were written by hand, and has no room for more.", maxEntries)
			}
			e = &Entry{Sort: sort, Name: name}
		}
		change.apply(e)
		if err := bump(ctx, tx); err != nil {
			return err
		}
		columns := []string{"sort", "name", "name_zh", "name_en", "description", "owner", "unit", "class", "hidden", "starred", "changed_by", "changed_at"}
		return tx.BulkUpsert(ctx, store.Upsert{Table: "catalogue_entries", Columns: columns, Key: []string{"sort", "name"}}, 1, func(_ int, args []any) {
			args[0], args[1], args[2], args[3], args[4], args[5], args[6], args[7] = string(sort), name, e.NameZH, e.NameEN, e.Description, e.Owner, e.Unit, e.ClassHand
			args[8], args[9], args[10], args[11] = one(e.Hidden), one(e.Starred), cmp.Or(v.Name, v.ID), c.cfg.Clock.Now().UnixMilli()
		})
	})
	if err != nil {
		return Entry{}, err
	}
	if err := c.Reload(ctx); err != nil {
		return Entry{}, err
	}
	list, err := c.read(ctx, oneEntry, string(sort), name)
	if err != nil || len(list) == 0 {
		return Entry{}, err
	}
	hideEvidence(v, list)
	return list[0], nil
}

func one(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

const maxNameBytes = 1_000 // of events, properties and traits

func check(v *access.Viewer, sort Sort, name string, c Change) error {
	if !slices.Contains([]Sort{Event, Property, Trait}, sort) {
		return touchstone.Errorf(touchstone.Invalid, "sort: %.40q is none of event, property, trait.", sort)
	}
	if name == "" || len(name) > maxNameBytes {
		return touchstone.Errorf(touchstone.Invalid, "The name of an event, a property or a trait has 1 to %d bytes.", maxNameBytes)
	}
	for _, text := range []struct {
		field string
		value *string
		most  int
	}{{"name_zh", c.NameZH, 80}, {"name_en", c.NameEN, 80}, {"description", c.Description, 1000}, {"owner", c.Owner, 120}, {"unit", c.Unit, 40}} {
		if text.value == nil || *text.value == "" {
			continue
		}
		trimmed, err := api.CheckName(text.field, *text.value, text.most)
		if err != nil {
			return err
		}
		*text.value = trimmed
	}
	if c.Class == nil {
		return nil
	}
	if sort == Event || *c.Class != "" && *c.Class != none && !slices.Contains(access.Classes(), access.Class(*c.Class)) {
		return touchstone.Errorf(touchstone.Invalid, "class: a property or a trait has one of %v, none, or an empty one to go by its values; not %.40q.", access.Classes(), *c.Class)
	}
	return v.Require(access.PeopleContacts)
}

func (c Change) apply(e *Entry) {
	set(&e.NameZH, c.NameZH)
	set(&e.NameEN, c.NameEN)
	set(&e.Description, c.Description)
	set(&e.Owner, c.Owner)
	set(&e.Unit, c.Unit)
	set(&e.ClassHand, c.Class)
	set(&e.Hidden, c.Hidden)
	set(&e.Starred, c.Starred)
}

func set[T any](to *T, value *T) {
	if value != nil {
		*to = *value
	}
}
