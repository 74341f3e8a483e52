package inbox

import (
	"context"
	"fmt"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

// chunk is what a reactor works on in one transaction: its next occurrences.
type chunk struct {
	from, to place
	rows     []row // that it reaches into; their editions are checked again
	list     []item
	places   []place // of each in list
	passed   int64   // places of the reactor's that it covers: list and what has been erased
	through  int64   // no row: the last one, up to which there is nothing for the reactor
}

func (c *chunk) empty() bool { return c.passed == 0 }

// editions is the sum of the editions of its rows: it grows when something in them is erased.
func (c *chunk) editions() (sum int64) {
	for i := range c.rows {
		sum += c.rows[i].edition
	}
	return sum
}

// row is a row of the inbox, unpacked. What is unpacked stays until the reactor has passed it.
type row struct {
	id, edition int64
	items       []item
}

// How many rows are read at a time, and how much of packed bodies.
const (
	leastRows  = 4
	mostRows   = 64
	mostPacked = 4 * maxRowBytes
)

// next reads the reactor's next chunk, which is empty when nothing waits.
func (r *reactor) next(ctx context.Context) (c chunk, err error) {
	err = r.in.cfg.DB.View(ctx, func(tx *store.Tx) error {
		c = chunk{}
		if c.from, err = r.position(ctx, tx); err != nil {
			return err
		}
		if err := r.load(ctx, tx, c.from); err != nil {
			return err
		}
		if len(r.rows) == 0 {
			return tx.QueryRow(ctx, `SELECT last_row FROM inbox_head WHERE one = 1`).Scan(&c.through)
		}
		return nil
	})
	if err == nil {
		r.cut(&c)
	}
	return c, err
}

func (r *reactor) position(ctx context.Context, q store.Querier) (p place, err error) {
	err = q.QueryRow(ctx, `SELECT row_id, item FROM inbox_reactors WHERE name = ?`, r.name).Scan(&p.row, &p.item)
	if err != nil {
		return p, fmt.Errorf("read how far the reactor is: %w", err)
	}
	return p, nil
}

// load sees to it that the unpacked rows are those from a place on, with at least as many
// occurrences as a chunk takes, if there are so many.
func (r *reactor) load(ctx context.Context, q store.Querier, from place) error {
	for len(r.rows) > 0 && r.rows[0].id < from.row {
		r.rows = r.rows[1:]
	}
	have := 0
	after := from.row - 1
	for i := range r.rows {
		start := int64(0)
		if r.rows[i].id == from.row {
			start = from.item
		}
		have += int(countFor(r.rows[i].items, int(start), r.bit))
		after = r.rows[i].id
	}
	if have >= r.size {
		return nil
	}
	rows, err := q.Query(ctx, `SELECT id, edition, body FROM inbox_rows WHERE id > ? AND (wants & ?) <> 0 ORDER BY id LIMIT ?`,
		after, int64(r.bit), r.fetch) //nolint:gosec // 63 reactors at most
	if err != nil {
		return fmt.Errorf("read the inbox: %w", err)
	}
	defer rows.Close()
	read, packed := 0, 0
	for have < r.size && packed < mostPacked && rows.Next() {
		var fresh row
		var body []byte
		if err := rows.Scan(&fresh.id, &fresh.edition, &body); err != nil {
			return err
		}
		if fresh.items, err = unpack(body); err != nil {
			return fmt.Errorf("row %d: %w", fresh.id, err)
		}
		packed += len(body)
		read++
		have += int(countFor(fresh.items, 0, r.bit))
		r.rows = append(r.rows, fresh)
	}
	r.fetch = min(max(2*read, leastRows), mostRows)
	return rows.Err()
}

// cut takes the chunk from the unpacked rows.
func (r *reactor) cut(c *chunk) {
	c.to = c.from
	for i := range r.rows {
		row := &r.rows[i]
		at := 0
		if row.id == c.from.row {
			at = int(c.from.item)
		}
		c.rows = append(c.rows, *row)
		for ; at < len(row.items); at++ {
			it := &row.items[at]
			if it.who&r.bit == 0 {
				continue
			}
			if len(c.list) >= r.size {
				c.to = place{row.id, int64(at)}
				return
			}
			c.passed++
			if it.Kind == erased {
				continue
			}
			one := *it
			if it.carries&r.bit == 0 {
				one.Event = nil
			}
			c.list = append(c.list, one)
			c.places = append(c.places, place{row.id, int64(at)})
		}
		c.to = place{row.id + 1, 0}
	}
}

// check tells whether the chunk still is what the database holds: the reactor has not been
// moved, and nothing in its rows has been erased.
func (r *reactor) check(ctx context.Context, tx *store.Tx, c *chunk) error {
	at, err := r.position(ctx, tx)
	if err != nil {
		return err
	}
	if at != c.from {
		return errMoved
	}
	edition := c.editions()
	var count, now int64
	first, last := c.rows[0].id, c.rows[len(c.rows)-1].id
	if err := tx.QueryRow(ctx, `SELECT count(*), coalesce(sum(edition), 0) FROM inbox_rows WHERE id >= ? AND id <= ? AND (wants & ?) <> 0`,
		first, last, int64(r.bit)).Scan(&count, &now); err != nil { //nolint:gosec // 63 reactors at most
		return fmt.Errorf("look at the rows again: %w", err)
	}
	if count != int64(len(c.rows)) || now != edition {
		return errMoved
	}
	return nil
}

// nowadays returns what items tell, with the persons of today. What is about somebody who has
// been erased since is left out; that it was so is told.
func (r *reactor) nowadays(ctx context.Context, tx *store.Tx, items []item) ([]touchstone.Occurrence, error) {
	var ids []touchstone.PersonID
	at := map[touchstone.PersonID]int{}
	for i := range items {
		p := items[i].about()
		if _, known := at[p]; p != 0 && !known {
			at[p] = len(ids)
			ids = append(ids, p)
		}
	}
	now := ids
	if r.in.cfg.Persons != nil && len(ids) > 0 {
		var err error
		if now, err = r.in.cfg.Persons.Canonical(ctx, tx, ids); err != nil {
			return nil, err
		}
	}
	list := make([]touchstone.Occurrence, 0, len(items)) // of its own: the reactor may change it, and a retry needs all
	for i := range items {
		o := items[i].Occurrence
		if p := items[i].about(); p != 0 && o.Kind != touchstone.Erased && r.in.cfg.Persons != nil {
			if p = now[at[p]]; p == 0 {
				continue
			}
			if o.Person != 0 {
				o.Person = p
			}
			if o.Subject.Kind == touchstone.SubjectPerson {
				o.Subject.ID = int64(p)
			}
		}
		list = append(list, o)
	}
	return list, nil
}

// about returns whose number tells whom an item is about: that of the event's node, which a
// split may have moved, else the person's; 0 for nobody. A person's number is that of a node.
func (it *item) about() touchstone.PersonID {
	switch {
	case it.Node != 0:
		return touchstone.PersonID(it.Node)
	case it.Person == 0:
		return it.Subject.Person()
	}
	return it.Person
}
