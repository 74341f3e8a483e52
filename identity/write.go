package identity

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

const (
	maxDropsPerNode = 100 // further ones are counted only
	largePerson     = 20  // nodes from which a person is listed for review
)

// write stores what a region has found out.
func (g *Graph) write(ctx context.Context, tx *store.Tx, r *region, st *state) error {
	for _, step := range []func(context.Context, *store.Tx, *region, *state) error{
		g.writeNodes, g.writeLifted, g.writeMerges, g.writeEdges, g.writeDrops, g.writeOverrides, g.writeLarge, g.writeBonds,
	} {
		if err := step(ctx, tx, r, st); err != nil {
			return err
		}
	}
	st.persons += r.persons
	st.known += r.known
	return nil
}

func (g *Graph) writeNodes(ctx context.Context, tx *store.Tx, r *region, st *state) error {
	var fresh []*node
	var carrying []touchstone.NodeID
	for _, n := range r.order {
		switch {
		case n.fresh:
			fresh = append(fresh, n)
		case n.carries && !n.carried:
			carrying = append(carrying, n.id)
		}
	}
	g.metrics.created.Add(float64(len(fresh)))
	st.lastNode = int64(r.lastNode)
	// The index by value is the one in which new rows fall anywhere; so each of its pages is
	// touched once.
	slices.SortFunc(fresh, func(a, b *node) int { return byValue(a.ident, b.ident) })
	if err := g.writeKinds(ctx, tx, fresh); err != nil {
		return err
	}
	err := tx.BulkUpsert(ctx, store.Upsert{Table: "identity_nodes",
		Columns: []string{"id", "kind", "value", "person", "carries", "first_seen", "last_seen", "events", "trust", "company"}},
		len(fresh), func(i int, args []any) {
			n := fresh[i]
			args[0], args[1], args[2], args[3] = int64(n.id), string(g.kinds.name(n.kind)), n.value, int64(n.part.root().person)
			args[4], args[5], args[6], args[7], args[8], args[9] = n.carries, n.moment(), n.last, n.events, int64(n.trust), n.company.stored()
		})
	if err != nil {
		return err
	}
	if err := writeCompany(ctx, tx, r); err != nil {
		return err
	}
	if err := writeEarlier(ctx, tx, r); err != nil {
		return err
	}
	slices.Sort(carrying)
	return store.ExecIn(ctx, tx, `UPDATE identity_nodes SET carries = TRUE WHERE id IN (...)`, carrying)
}

// writeEarlier notes that identifiers were seen earlier than was known, where a window looks at it.
func writeEarlier(ctx context.Context, tx *store.Tx, r *region) error {
	for _, n := range r.order {
		if n.fresh || !n.seen && n.glimpse == 0 || r.window(n.kind).limit == 0 || n.moment() == n.since {
			continue
		}
		if _, err := tx.Exec(ctx, `UPDATE identity_nodes SET first_seen = ? WHERE id = ? AND first_seen > ?`, n.moment(), int64(n.id), n.moment()); err != nil {
			return fmt.Errorf("write when an identifier was first seen: %w", err)
		}
	}
	return nil
}

func (g *Graph) writeMerges(ctx context.Context, tx *store.Tx, r *region, st *state) error {
	for _, m := range r.merges {
		if p := r.parts[m.absorbed]; !p.fresh {
			if _, err := tx.Exec(ctx, `UPDATE identity_nodes SET person = ? WHERE person = ?`, int64(p.root().person), int64(m.absorbed)); err != nil {
				return err
			}
		}
	}
	err := tx.BulkUpsert(ctx, store.Upsert{Table: "identity_merges",
		Columns: []string{"id", "kept", "absorbed", "time", "message_id", "source", "a", "b", "evidence"}},
		len(r.merges), func(i int, args []any) {
			m := &r.merges[i]
			args[0], args[1], args[2], args[3] = st.lastMerge+int64(i)+1, int64(m.kept), int64(m.absorbed), m.time
			args[4], args[5], args[6], args[7], args[8] = m.messageID, m.source, int64(m.between.a), int64(m.between.b), m.between.evidence.String()
		})
	st.lastMerge += int64(len(r.merges))
	return err
}

var edgeColumns = []string{"a", "b", "evidence", "message_id", "source", "first_time", "last_time", "count", "detail"}

func (g *Graph) writeEdges(ctx context.Context, tx *store.Tx, r *region, _ *state) error {
	var fresh, other []*edge
	for _, e := range r.sortedEdges() {
		if e.fresh {
			fresh = append(fresh, e)
		} else {
			other = append(other, e)
		}
	}
	fill := func(e *edge, args []any) {
		args[0], args[1], args[2], args[3] = int64(e.a), int64(e.b), e.edgeKey.evidence.String(), e.messageID
		args[4], args[5], args[6], args[7], args[8] = e.source, e.time, e.last, e.count, e.detail
	}
	err := tx.BulkUpsert(ctx, store.Upsert{Table: "identity_edges", Columns: edgeColumns}, len(fresh), func(i int, args []any) { fill(fresh[i], args) })
	if err != nil {
		return err
	}
	// The others may be there: the first message stays, counts add up.
	return inRows(len(other), len(edgeColumns), func(i int, args []any) { fill(other[i], args) }, func(values string, args []any) error {
		_, err := tx.Exec(ctx, `INSERT INTO identity_edges (`+strings.Join(edgeColumns, ", ")+`) VALUES `+values+
			` ON CONFLICT (a, b, evidence) DO UPDATE SET count = identity_edges.count + excluded.count, detail = excluded.detail,
			last_time = CASE WHEN excluded.last_time > identity_edges.last_time THEN excluded.last_time ELSE identity_edges.last_time END`, args...)
		return err
	})
}

func (g *Graph) writeDrops(ctx context.Context, tx *store.Tx, r *region, _ *state) error {
	type key struct {
		node touchstone.NodeID
		ident
	}
	seen := map[key]bool{}
	var rows []drop
	var nodes []touchstone.NodeID
	for _, d := range r.drops {
		k := key{d.from.id, d.ident}
		if seen[k] {
			continue
		}
		seen[k] = true
		rows = append(rows, d)
		nodes = append(nodes, k.node)
	}
	if len(rows) == 0 {
		return nil
	}
	slices.Sort(nodes)
	recorded, err := countDrops(ctx, tx, slices.Compact(nodes))
	if err != nil {
		return err
	}
	rows = slices.DeleteFunc(rows, func(d drop) bool {
		recorded[d.from.id]++
		return recorded[d.from.id] > maxDropsPerNode
	})
	slices.SortStableFunc(rows, func(a, b drop) int { return cmp.Compare(a.from.id, b.from.id) })
	return tx.BulkUpsert(ctx, store.Upsert{Table: "identity_dropped", IgnoreConflict: true, Key: []string{"node", "kind", "value"},
		Columns: []string{"node", "kind", "value", "reason", "message_id", "source", "time"}},
		len(rows), func(i int, args []any) {
			d := &rows[i]
			args[0], args[1], args[2], args[3] = int64(d.from.id), string(g.kinds.name(d.kind)), d.value, d.reason
			args[4], args[5], args[6] = d.messageID, d.source, d.time
		})
}

func countDrops(ctx context.Context, tx *store.Tx, nodes []touchstone.NodeID) (map[touchstone.NodeID]int, error) {
	counts := map[touchstone.NodeID]int{}
	err := store.SelectIn(ctx, tx, `SELECT node, COUNT(*) FROM identity_dropped WHERE node IN (...) GROUP BY node`, nodes, func(rows *sql.Rows) error {
		var node int64
		var n int
		err := rows.Scan(&node, &n)
		counts[touchstone.NodeID(node)] = n
		return err
	})
	return counts, err
}

// override says whose a node's events are now.
type override struct {
	node   touchstone.NodeID
	person touchstone.PersonID
}

// writeOverrides notes nodes whose events belong to another person than the one with the
// node's own number, as far as events came under them: most nodes need no row.
func (g *Graph) writeOverrides(ctx context.Context, tx *store.Tx, r *region, st *state) error {
	var list []override
	for _, n := range r.order {
		person := n.part.root().person
		if n.carries && (n.moved || !n.carried) && touchstone.PersonID(n.id) != person {
			list = append(list, override{n.id, person})
		}
	}
	return saveOverrides(ctx, tx, list, st)
}

func saveOverrides(ctx context.Context, tx *store.Tx, list []override, st *state) error {
	slices.SortFunc(list, func(a, b override) int { return cmp.Compare(a.node, b.node) })
	err := tx.BulkUpsert(ctx, store.Upsert{Table: "identity_overrides", Columns: []string{"node", "person", "version"}, Key: []string{"node"}},
		len(list), func(i int, args []any) {
			args[0], args[1], args[2] = int64(list[i].node), int64(list[i].person), st.lastOverride+int64(i)+1
		})
	st.lastOverride += int64(len(list))
	return err
}

func (g *Graph) writeLarge(ctx context.Context, tx *store.Tx, r *region, _ *state) error {
	var large, gone []*part
	for _, p := range r.parts {
		switch {
		case p.into != nil && !p.fresh && p.counts.total() >= largePerson:
			gone = append(gone, p)
		case p.into == nil && p.grown && len(p.nodes) >= largePerson:
			large = append(large, p)
		}
	}
	return saveLarge(ctx, tx, large, gone)
}

func saveLarge(ctx context.Context, tx *store.Tx, large, gone []*part) error {
	byPerson := func(a, b *part) int { return cmp.Compare(a.person, b.person) }
	slices.SortFunc(large, byPerson)
	slices.SortFunc(gone, byPerson)
	if err := tx.BulkDelete(ctx, "identity_large", "person", len(gone), func(i int) any { return int64(gone[i].person) }); err != nil {
		return err
	}
	return tx.BulkUpsert(ctx, store.Upsert{Table: "identity_large", Columns: []string{"person", "nodes"}, Key: []string{"person"}},
		len(large), func(i int, args []any) { args[0], args[1] = int64(large[i].person), int64(len(large[i].nodes)) })
}

func (t tally) total() (n int) {
	for _, c := range t {
		n += int(c.n)
	}
	return n
}

const maxSweptBytes = 4 << 20 // of the cache, in one batch

// writeStats sweeps a part of the cache and writes the counts that it and evictions
// have yielded. Each identifier comes by once in FlushInterval, so that a busy one
// costs a write per interval, not per batch.
func (g *Graph) writeStats(ctx context.Context, tx *store.Tx, now time.Time) error {
	due := g.takeStats(now)
	return saveStats(ctx, tx, due)
}

func (g *Graph) takeStats(now time.Time) stats {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.swept.IsZero() || now.Before(g.swept) {
		g.swept = now
	}
	if part := float64(now.Sub(g.swept)) / float64(g.cfg.FlushInterval); part > 0.002 {
		g.swept = now
		g.cache.Sweep(int(min(part*float64(g.cache.Bytes()), maxSweptBytes)), func(_ uint8, _ string, value []byte) { g.flush.take(value) })
		g.bonds.Sweep(int(min(part*float64(g.bonds.Bytes()), maxSweptBytes)), func(_ uint8, key string, value []byte) { g.flush.takeBond(key, value) })
	}
	due := g.flush
	g.flush = stats{}
	return due
}

// Flush writes all counts that are still in memory. Call it when the pipeline has stopped, or
// when it does no harm that a batch which is under way, and may fail, is counted.
func (g *Graph) Flush(ctx context.Context) error {
	g.mu.Lock()
	g.cache.Sweep(2*g.cache.Bytes(), func(_ uint8, _ string, value []byte) { g.flush.take(value) })
	g.bonds.Sweep(2*g.bonds.Bytes(), func(_ uint8, key string, value []byte) { g.flush.takeBond(key, value) })
	due := g.flush
	g.flush = stats{}
	g.mu.Unlock()
	return g.cfg.DB.Update(ctx, func(tx *store.Tx) error { return saveStats(ctx, tx, due) })
}

func saveStats(ctx context.Context, tx *store.Tx, due stats) error {
	nodes := sumStats(due.nodes, func(a, b nodeStat) int { return cmp.Compare(a.id, b.id) }, func(to *nodeStat, s nodeStat) {
		to.events, to.last = to.events+s.events, max(to.last, s.last)
	})
	err := inRows(len(nodes), 3, func(i int, args []any) {
		args[0], args[1], args[2] = int64(nodes[i].id), nodes[i].events, nodes[i].last
	}, func(values string, args []any) error {
		_, err := tx.Exec(ctx, `UPDATE identity_nodes SET events = events + v.column2,
			last_seen = CASE WHEN v.column3 > last_seen THEN v.column3 ELSE last_seen END
			FROM (VALUES `+bigints(values)+`) AS v WHERE identity_nodes.id = v.column1`, args...)
		return err
	})
	if err != nil {
		return err
	}
	edges := sumStats(due.edges, compareEdges, func(to *edgeStat, s edgeStat) {
		to.count, to.last = to.count+s.count, max(to.last, s.last)
	})
	if err := saveEdgeStats(ctx, tx, edges); err != nil {
		return err
	}
	return saveBondStats(ctx, tx, due.bonds)
}

func compareEdges(x, y edgeStat) int {
	return cmp.Or(cmp.Compare(x.evidence, y.evidence), cmp.Compare(x.a, y.a), cmp.Compare(x.b, y.b))
}

func saveEdgeStats(ctx context.Context, tx *store.Tx, edges []edgeStat) error {
	for len(edges) > 0 {
		n := slices.IndexFunc(edges, func(e edgeStat) bool { return e.evidence != edges[0].evidence })
		if n < 0 {
			n = len(edges)
		}
		some := edges[:n]
		edges = edges[n:]
		err := inRows(len(some), 4, func(i int, args []any) {
			args[0], args[1], args[2], args[3] = int64(some[i].a), int64(some[i].b), some[i].count, some[i].last
		}, func(values string, args []any) error {
			_, err := tx.Exec(ctx, `UPDATE identity_edges SET count = count + v.column3,
				last_time = CASE WHEN v.column4 > last_time THEN v.column4 ELSE last_time END
				FROM (VALUES `+bigints(values)+`) AS v
				WHERE identity_edges.a = v.column1 AND identity_edges.b = v.column2 AND identity_edges.evidence = '`+some[0].evidence.String()+`'`, args...)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// sumStats sorts rows and adds up those with the same key.
func sumStats[S any](list []S, compare func(a, b S) int, add func(to *S, s S)) []S {
	slices.SortFunc(list, compare)
	out := list[:0]
	for _, s := range list {
		if n := len(out); n > 0 && compare(out[n-1], s) == 0 {
			add(&out[n-1], s)
			continue
		}
		out = append(out, s)
	}
	return out
}

// bigints types the parameters of a VALUES list: PostgreSQL would take them for text.
func bigints(values string) string { return strings.ReplaceAll(values, "?", "CAST(? AS BIGINT)") }

// inRows calls fn with the text of a VALUES list and its arguments, a bounded number of
// rows at a time, in sizes of powers of two, so that few statements are ever prepared.
func inRows(n, width int, row func(i int, args []any), fn func(values string, args []any) error) error {
	size := 64
	one := "(?" + strings.Repeat(", ?", width-1) + ")"
	args := make([]any, min(n, size)*width)
	for at := 0; at < n; {
		for size > n-at {
			size /= 2
		}
		for i := range size {
			row(at+i, args[i*width:(i+1)*width])
		}
		if err := fn(one+strings.Repeat(", "+one, size-1), args[:size*width]); err != nil {
			return err
		}
		at += size
	}
	return nil
}
