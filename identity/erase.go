package identity

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/keep"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/warehouse"
)

// Erase forgets persons, in the batch's transaction and before Apply: their identifiers with
// all that is known of them. It reports PersonErased of each with what the person consisted of, so
// that the stages and keepers follow, and returns that, too; NotFound if one of them is not there.
//
// What is left are numbers: a later event with one of the identifiers makes a new person. See
// docs/design/keepers.md.
func (g *Graph) Erase(ctx context.Context, tx *store.Tx, b *touchstone.Batch, persons []touchstone.PersonID) (map[touchstone.PersonID]*touchstone.Parts, error) {
	gone := make(map[touchstone.PersonID]*touchstone.Parts, len(persons))
	if len(persons) == 0 {
		return gone, nil
	}
	err := g.change(ctx, tx, func(st *state) error {
		found, err := g.nodesOf(ctx, tx, persons)
		if err != nil {
			return err
		}
		all := &touchstone.Parts{}
		for _, person := range persons {
			parts := &touchstone.Parts{}
			for _, n := range found[person] {
				parts.Nodes, parts.Identifiers = append(parts.Nodes, n.ID), append(parts.Identifiers, n.Identifier())
			}
			if len(parts.Nodes) == 0 {
				return touchstone.Errorf(touchstone.NotFound, "there is no person %s", person)
			}
			gone[person] = parts
			all.Nodes, all.Identifiers = append(all.Nodes, parts.Nodes...), append(all.Identifiers, parts.Identifiers...)
		}
		if err := g.eraseRows(ctx, tx, all, st); err != nil {
			return fmt.Errorf("erase %d persons: %w", len(persons), err)
		}
		if err := g.bury(ctx, tx, all, st, b.Now.UnixMilli()); err != nil {
			return fmt.Errorf("erase %d persons: %w", len(persons), err)
		}
		for _, person := range persons {
			g.eraseCached(person, gone[person])
			g.countGone(found[person], st)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	b.Due = slices.DeleteFunc(b.Due, func(t touchstone.Timer) bool { return gone[t.Subject.Person()] != nil })
	for _, person := range persons {
		b.Changes = append(b.Changes, touchstone.Change{Kind: touchstone.PersonErased, Person: person, Time: b.Now, Parts: gone[person]})
	}
	return gone, nil
}

// countGone takes somebody out of the numbers of persons.
func (g *Graph) countGone(nodes []Node, st *state) {
	if slices.ContainsFunc(nodes, func(n Node) bool { return !g.kinds.relates(g.kinds.number(n.Kind)) }) {
		st.persons--
	}
	if slices.ContainsFunc(nodes, func(n Node) bool { return n.Kind == touchstone.KindUserID }) {
		st.known--
	}
	g.metrics.erased.Inc()
}

func (g *Graph) eraseRows(ctx context.Context, tx *store.Tx, parts *touchstone.Parts, st *state) error {
	if err := g.eraseFromOthers(ctx, tx, parts); err != nil {
		return err
	}
	if err := eraseOverrides(ctx, tx, parts.Nodes, st); err != nil {
		return err
	}
	for _, statement := range []string{
		`DELETE FROM identity_edges WHERE a IN (...)`,     // both ends are one of the persons'
		`DELETE FROM identity_merges WHERE kept IN (...)`, // as is all that a merge names
		`DELETE FROM identity_dropped WHERE node IN (...)`,
		`DELETE FROM identity_relations WHERE node IN (...)`,
		`DELETE FROM identity_relations WHERE related IN (...)`,
		`DELETE FROM identity_apart WHERE a IN (...)`,
		`DELETE FROM identity_apart WHERE b IN (...)`,
		`DELETE FROM identity_requests WHERE person IN (...)`,
		`DELETE FROM identity_requests WHERE other IN (...)`,
		`DELETE FROM identity_large WHERE person IN (...)`,
		`DELETE FROM identity_shared WHERE node IN (...)`,
		`DELETE FROM identity_cut WHERE a IN (...)`,
		`DELETE FROM identity_cut WHERE b IN (...)`,
		`DELETE FROM identity_undo WHERE a IN (...)`,
		`DELETE FROM identity_undo WHERE b IN (...)`,
		`DELETE FROM identity_rerun_samples WHERE node IN (...)`,
		`DELETE FROM identity_rerun_samples WHERE was IN (...)`,
		`DELETE FROM identity_rerun_samples WHERE becomes IN (...)`,
		`DELETE FROM identity_rerun_reasons WHERE a IN (...)`,
		`DELETE FROM identity_rerun_reasons WHERE b IN (...)`,
		`DELETE FROM identity_nodes WHERE id IN (...)`,
	} {
		if err := store.ExecIn(ctx, tx, statement, parts.Nodes); err != nil {
			return err
		}
	}
	return nil
}

// eraseOverrides has the warehouse hear that the nodes were erased. The rows stay, as numbers:
// who follows the versions must see them, also one that begins anew.
func eraseOverrides(ctx context.Context, tx *store.Tx, nodes []touchstone.NodeID, st *state) error {
	list := make([]override, len(nodes))
	for i, n := range nodes {
		list[i] = override{n, warehouse.Erased}
	}
	return saveOverrides(ctx, tx, list, st)
}

// eraseFromOthers takes the identifiers out of rows that are about other persons: links that
// were refused, suggestions and their examples.
func (g *Graph) eraseFromOthers(ctx context.Context, tx *store.Tx, parts *touchstone.Parts) error {
	gone := make(map[string]bool, len(parts.Identifiers))
	for _, id := range parts.Identifiers {
		gone[id.String()] = true
	}
	if err := eraseRefused(ctx, tx, parts, gone); err != nil {
		return err
	}
	g.suspects.forget(parts.Identifiers, g.kinds)
	if err := eraseFromCompany(ctx, tx, parts); err != nil {
		return err
	}
	return eraseSuggested(ctx, tx, gone)
}

// eraseRefused deletes links to the identifiers that were refused.
func eraseRefused(ctx context.Context, tx *store.Tx, parts *touchstone.Parts, gone map[string]bool) error {
	type row struct {
		node        int64
		kind, value string
	}
	var list []row
	values := make([]string, len(parts.Identifiers))
	for i, id := range parts.Identifiers {
		values[i] = id.Value
	}
	seen := map[row]bool{} // the same value may be asked for twice
	err := store.SelectIn(ctx, tx, `SELECT node, kind, value FROM identity_dropped WHERE value IN (...)`, values, func(rows *sql.Rows) error {
		var r row
		err := rows.Scan(&r.node, &r.kind, &r.value)
		if gone[touchstone.Identifier{Kind: touchstone.IdentifierKind(r.kind), Value: r.value}.String()] && !seen[r] {
			seen[r] = true
			list = append(list, r)
		}
		return err
	})
	if err != nil {
		return err
	}
	return tx.BulkDeleteRows(ctx, "identity_dropped", []string{"node", "kind", "value"}, len(list), func(i int, args []any) {
		args[0], args[1], args[2] = list[i].node, list[i].kind, list[i].value
	})
}

// eraseSuggested deletes suggestions about the identifiers, and takes those out of the examples of
// others. A value that an operator has blocked names nobody and stays.
func eraseSuggested(ctx context.Context, tx *store.Tx, gone map[string]bool) error {
	type row struct{ kind, value, state, examples string }
	var about, changed []row
	err := keep.Each(ctx, tx, `SELECT kind, value, state, examples FROM identity_suggestions`, nil, func(scan func(...any) error) error {
		var r row
		if err := scan(&r.kind, &r.value, &r.state, &r.examples); err != nil {
			return err
		}
		if r.state != "blocked" && gone[touchstone.Identifier{Kind: touchstone.IdentifierKind(r.kind), Value: r.value}.String()] {
			about = append(about, r)
			return nil
		}
		var examples []string
		if err := json.Unmarshal([]byte(r.examples), &examples); err != nil {
			return err
		}
		kept := slices.DeleteFunc(slices.Clone(examples), func(e string) bool { return gone[e] })
		if len(kept) == len(examples) {
			return nil
		}
		text, err := json.Marshal(kept)
		r.examples = string(text)
		changed = append(changed, r)
		return err
	})
	if err != nil {
		return err
	}
	for _, r := range changed {
		if _, err := tx.Exec(ctx, `UPDATE identity_suggestions SET examples = ? WHERE kind = ? AND value = ?`, r.examples, r.kind, r.value); err != nil {
			return err
		}
	}
	return tx.BulkDeleteRows(ctx, "identity_suggestions", []string{"kind", "value"}, len(about), func(i int, args []any) {
		args[0], args[1] = about[i].kind, about[i].value
	})
}

// eraseFromCompany takes fingerprints of the identifiers out of what others were seen with.
func eraseFromCompany(ctx context.Context, tx *store.Tx, parts *touchstone.Parts) error {
	prints := make(map[string]bool, len(parts.Identifiers))
	for _, id := range parts.Identifiers {
		f := fingerprint(id.Kind, id.Value)
		prints[string(f[:])] = true
	}
	left := map[int64]company{}
	for _, query := range []string{
		`SELECT n.id, n.company FROM identity_dropped d JOIN identity_nodes n ON n.value = d.value AND n.kind = d.kind WHERE d.node IN (...)`,
		`SELECT n.id, n.company FROM identity_relations r JOIN identity_nodes n ON n.id = r.related WHERE r.node IN (...)`,
	} {
		err := store.SelectIn(ctx, tx, query, parts.Nodes, func(rows *sql.Rows) error {
			var id int64
			var c company
			err := rows.Scan(&id, &c)
			if rest := c.without(prints); rest != c {
				left[id] = rest
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("read what others were seen with: %w", err)
		}
	}
	for id, c := range left {
		if _, err := tx.Exec(ctx, `UPDATE identity_nodes SET company = ? WHERE id = ?`, c.stored(), id); err != nil {
			return err
		}
	}
	return nil
}

// forget takes identifiers out of what is being watched.
func (s *suspects) forget(ids []touchstone.Identifier, kinds *kindTable) {
	gone := make(map[string]bool, len(ids))
	for _, id := range ids {
		delete(s.watched, ident{kinds.number(id.Kind), id.Value})
		gone[id.String()] = true
	}
	for _, w := range s.watched {
		w.examples = slices.DeleteFunc(w.examples, func(e string) bool { return gone[e] })
	}
}

// bury notes the numbers, and where the erasure stands among the events.
func (g *Graph) bury(ctx context.Context, tx *store.Tx, parts *touchstone.Parts, st *state, now int64) error {
	var erasure int64
	if err := tx.QueryRow(ctx, `SELECT COALESCE(MAX(erasure), 0) + 1 FROM identity_erased`).Scan(&erasure); err != nil {
		return err
	}
	err := tx.BulkUpsert(ctx, store.Upsert{Table: "identity_erased", Columns: []string{"node", "erasure"}}, len(parts.Nodes), func(i int, args []any) {
		args[0], args[1] = int64(parts.Nodes[i]), erasure
	})
	if err != nil || g.cfg.Through == nil {
		return err
	}
	through := g.cfg.Through()
	return tx.BulkUpsert(ctx, store.Upsert{Table: "identity_erasures", Columns: []string{"erasure", "partition_id", "seq", "last_node", "at"}},
		len(through), func(i int, args []any) {
			args[0], args[1], args[2], args[3], args[4] = erasure, i, int64(through[i]), st.lastNode, now
		})
}

// eraseCached forgets the identifiers. Counts of them that wait to be written find no row.
func (g *Graph) eraseCached(person touchstone.PersonID, parts *touchstone.Parts) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, id := range parts.Identifiers {
		g.cache.Delete(g.kinds.number(id.Kind), id.Value)
	}
	for other := range g.apart.from[person] {
		g.apart.remove(person, other)
	}
	g.refused = map[uint64]struct{}{}
}

// nobodys gives facts of persons that were erased since the node [touchstone.ErasedNode]: those
// whose node is a tombstone, whose identifier is not known any more, or has come again and is
// another's now. Facts are of one partition and in order.
func (g *Graph) nobodys(ctx context.Context, facts []touchstone.Fact) error {
	if len(facts) == 0 {
		return nil
	}
	type erasure struct {
		seq  touchstone.Seq
		last touchstone.NodeID
	}
	var since []erasure
	rows, err := g.cfg.DB.Reader().Query(ctx, `SELECT seq, last_node FROM identity_erasures WHERE partition_id = ? AND seq >= ? ORDER BY seq, erasure`,
		facts[0].Seq.Partition(), int64(facts[0].Seq))
	if err != nil {
		return fmt.Errorf("read the erasures: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var e erasure
		if err := rows.Scan(&e.seq, &e.last); err != nil {
			return err
		}
		since = append(since, e)
	}
	if err := rows.Err(); err != nil || len(since) == 0 {
		return err
	}
	var asked []touchstone.NodeID
	at := map[touchstone.NodeID][]int{}
	for i := range facts {
		f := &facts[i]
		next := slices.IndexFunc(since, func(e erasure) bool { return e.seq >= f.Seq })
		switch {
		case next < 0: // came after all of them
		case f.Node == 0 || f.Node > since[next].last:
			f.Node = touchstone.ErasedNode
		default:
			if at[f.Node] == nil {
				asked = append(asked, f.Node)
			}
			at[f.Node] = append(at[f.Node], i)
		}
	}
	return store.SelectIn(ctx, g.cfg.DB.Reader(), `SELECT node FROM identity_erased WHERE node IN (...)`, asked, func(rows *sql.Rows) error {
		var node touchstone.NodeID
		if err := rows.Scan(&node); err != nil {
			return err
		}
		for _, i := range at[node] {
			facts[i].Node = touchstone.ErasedNode
		}
		return nil
	})
}
