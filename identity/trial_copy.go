package identity

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

// copied is a table of which rows are copied into a trial's store.
type copied struct {
	table   string
	columns []string
	rows    [][]any
}

// copies are the tables that the stage reads, with what finds their rows.
type copies struct {
	nodes, edges, dropped, relations, shared, apart copied
}

func newCopies() *copies {
	return &copies{
		nodes:     copied{table: "identity_nodes", columns: []string{"id", "kind", "value", "person", "carries", "first_seen", "last_seen", "events", "trust", "company"}},
		edges:     copied{table: "identity_edges", columns: edgeColumns},
		dropped:   copied{table: "identity_dropped", columns: []string{"node", "kind", "value", "reason", "message_id", "source", "time"}},
		relations: copied{table: "identity_relations", columns: []string{"node", "related", "message_id", "source", "first_time", "last_time", "count"}},
		shared:    copied{table: "identity_shared", columns: []string{"node", "verdict", "decided", "at", "witness", "seen", "bears", "source", "parted"}},
		apart:     copied{table: "identity_apart", columns: []string{"a", "b", "time"}},
	}
}

// in reads rows of which a column has one of the keys.
func in[K any](ctx context.Context, q store.Querier, c *copied, column string, keys []K, each func(row []any)) error {
	text := "SELECT "
	for i, name := range c.columns {
		if i > 0 {
			text += ", "
		}
		text += name
	}
	err := store.SelectIn(ctx, q, text+" FROM "+c.table+" WHERE "+column+" IN (...)", keys, func(rows *sql.Rows) error {
		row, err := anyRow(rows)
		if err != nil {
			return err
		}
		c.rows = append(c.rows, row)
		if each != nil {
			each(row)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("copy %s: %w", c.table, err)
	}
	return nil
}

// fetch copies what facts touch: the persons of their identifiers, whole, and whoever hangs together with these by
// links that were refused, which are tried again when an identifier turns out to be shared.
func (t *Trial) fetch(ctx context.Context, facts []touchstone.Fact) error {
	var values []string
	for i := range facts {
		m := t.scratch.mention(&facts[i])
		for _, list := range [][]ident{m.ids, m.previous, m.unbind} {
			for _, id := range list {
				values = append(values, id.value)
			}
		}
	}
	all := newCopies()
	err := t.g.cfg.DB.View(ctx, func(tx *store.Tx) error {
		var nodes []int64
		for len(values) > 0 || len(nodes) > 0 {
			persons, err := t.newPersons(ctx, tx, values, nodes)
			if err != nil || len(persons) == 0 {
				return err
			}
			if values, nodes, err = t.fetchPersons(ctx, tx, all, persons); err != nil {
				return err
			}
			if t.nodes > maxTrialNodes {
				t.result.Truncated = true
				return nil
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return t.db.Update(ctx, func(tx *store.Tx) error {
		for _, c := range []*copied{&all.nodes, &all.edges, &all.dropped, &all.relations, &all.shared, &all.apart} {
			err := tx.BulkUpsert(ctx, store.Upsert{Table: c.table, Columns: c.columns, IgnoreConflict: true}, len(c.rows), func(i int, args []any) { copy(args, c.rows[i]) })
			if err != nil {
				return err
			}
		}
		if len(all.apart.rows) > 0 {
			t.scratch.version = -1 // who was parted is in memory
		}
		return nil
	})
}

// newPersons returns the persons of values and nodes who are not copied yet.
func (t *Trial) newPersons(ctx context.Context, q store.Querier, values []string, nodes []int64) (persons []touchstone.PersonID, err error) {
	scan := func(rows *sql.Rows) error {
		var p touchstone.PersonID
		if err := rows.Scan(&p); err != nil {
			return err
		}
		if _, known := t.loaded[p]; !known {
			t.loaded[p] = struct{}{}
			persons = append(persons, p)
		}
		return nil
	}
	slices.Sort(values)
	slices.Sort(nodes)
	if err := store.SelectIn(ctx, q, `SELECT person FROM identity_nodes WHERE value IN (...)`, slices.Compact(values), scan); err != nil {
		return nil, err
	}
	err = store.SelectIn(ctx, q, `SELECT person FROM identity_nodes WHERE id IN (...)`, slices.Compact(nodes), scan)
	slices.Sort(persons)
	return persons, err
}

// fetchPersons reads all about persons, and returns the values and nodes of links between them and others.
func (t *Trial) fetchPersons(ctx context.Context, q store.Querier, all *copies, persons []touchstone.PersonID) (values []string, nodes []int64, err error) {
	var ids []int64
	var own []string
	err = in(ctx, q, &all.nodes, "person", persons, func(row []any) {
		ids, own = append(ids, row[0].(int64)), append(own, textOf(row[2]))
		t.nodes++
	})
	if err != nil {
		return nil, nil, err
	}
	other := func(row []any) {
		nodes, values = append(nodes, row[0].(int64)), append(values, textOf(row[2]))
	}
	for _, read := range []func() error{
		func() error { return in(ctx, q, &all.edges, "a", ids, nil) },
		func() error { return in(ctx, q, &all.dropped, "node", ids, other) },
		func() error { return in(ctx, q, &all.dropped, "value", own, other) },
		func() error { return in(ctx, q, &all.relations, "node", ids, nil) },
		func() error { return in(ctx, q, &all.shared, "node", ids, nil) },
		func() error { return in(ctx, q, &all.apart, "a", ids, nil) },
		func() error { return in(ctx, q, &all.apart, "b", ids, nil) },
	} {
		if err := read(); err != nil {
			return nil, nil, err
		}
	}
	return values, nodes, nil
}
