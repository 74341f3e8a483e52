package identity

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

// prepare returns a region with all that the batch's hard facts touch. Identifiers that the
// batch's first record shows to be shared are taken out of their persons before, so that none
// of its facts joins anybody through them: then it returns nil, for persons are others. When
// a later record shows it the batch is cut there.
func (g *Graph) prepare(ctx context.Context, tx *store.Tx, b *touchstone.Batch, hard []int, sets []mention, sharing map[ident]*exposure, st *state) (*region, error) {
	r := newRegion(g.rules(&g.apart), touchstone.NodeID(st.lastNode), len(hard))
	r.sharing = sharing
	if err := g.load(ctx, tx, r, sets, true); err != nil {
		return nil, err
	}
	if err := g.loadCompany(ctx, tx, r, sets); err != nil {
		return nil, err
	}
	exposed := r.meet(sets)
	if len(exposed) == 0 {
		return r, nil
	}
	if err := g.askCut(b, hard, exposed); err != nil {
		return nil, err
	}
	g.metrics.shared.Add(float64(len(exposed)))
	if demoted, err := g.demoteAll(ctx, tx, b, hard, exposed, sharing, st); demoted || err != nil {
		return nil, err
	}
	return r, nil
}

// demoteAll takes identifiers out of their persons, and reports whether there were any: those
// that are new are only noted in sharing. Links are tried again when all have left.
func (g *Graph) demoteAll(ctx context.Context, tx *store.Tx, b *touchstone.Batch, hard []int, exposed []*exposure, sharing map[ident]*exposure, st *state) (any bool, err error) {
	known := slices.DeleteFunc(slices.Clone(exposed), func(e *exposure) bool {
		if e.node == nil {
			sharing[e.ident] = e // it is made so
		}
		return e.node == nil
	})
	if len(known) == 0 {
		return false, nil
	}
	g.uncount(b.Facts, hard)
	var freed []*node
	last := 0
	for _, e := range known {
		last = hard[e.mention]
		from := len(b.Changes)
		_, nodes, err := g.demote(ctx, tx, b, st, e.node.id, sharedRow{decided: byDetector, witness: g.kinds.name(e.witness), seen: e.seen, bears: e.bears, source: e.source, at: b.Now.UnixMilli(), company: e.node.company})
		if err != nil {
			return false, fmt.Errorf("take %s:%.80s for shared: %w", g.kinds.name(e.kind), e.value, err)
		}
		b.Ahead(last, from)
		freed = append(freed, nodes...)
	}
	from := len(b.Changes)
	if err := g.retry(ctx, tx, b, st, freed); err != nil {
		return false, err
	}
	b.Ahead(last, from)
	return true, nil
}

// askCut asks that a batch be cut before each record that shows an identifier to be shared, unless it
// begins with it: else what is told of the events before would depend on whether it came in
// the same batch. A command has a batch of its own then, for both may part a person.
func (g *Graph) askCut(b *touchstone.Batch, hard []int, exposed []*exposure) error {
	if b.Whole {
		return nil
	}
	var before []touchstone.Seq
	beginning := func(at int) int { // of the record that the fact is in
		for at > 0 && b.Facts[at-1].Seq.Offset() == b.Facts[at].Seq.Offset() {
			at--
		}
		return at
	}
	for _, e := range exposed {
		at := beginning(hard[e.mention])
		if at == 0 && !g.commanded {
			continue
		}
		if seq := b.Facts[at].Seq; len(before) == 0 || before[len(before)-1] != seq {
			before = append(before, seq)
		}
	}
	if len(before) == 0 {
		return nil
	}
	g.uncount(b.Facts, hard)
	return &touchstone.Cut{Partition: b.Partition, Before: before}
}

// uncount takes back what resolve has counted of the facts that it has settled: they come again.
func (g *Graph) uncount(facts []touchstone.Fact, hard []int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.step = -1
	defer func() { g.step = 1 }()
	kinds := g.kinds.current.Load()
	for i := range facts {
		if _, is := slices.BinarySearch(hard, i); !is {
			g.settled(&facts[i], kinds, evidenceOf(facts[i].Type, g.imports(facts[i].Source)))
		}
	}
}

// harden returns the hard facts with those of the leaning ones, which are settled because a link
// was refused before, for which it may be otherwise by now: the batch joins people explicitly,
// or brings the identifier that was refused.
func (g *Graph) harden(facts []touchstone.Fact, hard, leaning []int) []int {
	explicit := false
	brought := map[ident]bool{}
	for _, i := range hard {
		f := &facts[i]
		explicit = explicit || speaks(f)
		for _, id := range f.Identifiers {
			brought[ident{g.kinds.number(id.Kind), id.Value}] = true
		}
	}
	kinds := g.kinds.current.Load()
	g.step = -1
	defer func() { g.step = 1 }()
	all := hard
	for _, i := range leaning {
		f := &facts[i]
		if !explicit && !slices.ContainsFunc(f.Identifiers, func(id touchstone.Identifier) bool {
			kind := g.kinds.number(id.Kind)
			return brought[ident{kind, id.Value}] && g.cache.Get(kind, id.Value) == nil
		}) {
			continue
		}
		g.settled(f, kinds, evidenceOf(f.Type, g.imports(f.Source)))
		f.Node, f.Person = 0, 0
		all = append(all, i)
	}
	slices.Sort(all)
	return all
}

// noteSharing writes why new identifiers of a region are shared from the start.
func (g *Graph) noteSharing(ctx context.Context, tx *store.Tx, r *region, now int64) error {
	for _, n := range r.order {
		if e := r.sharing[n.ident]; e != nil && n.fresh {
			row := sharedRow{node: n.id, state: stateShared, decided: byDetector, witness: g.kinds.name(e.witness), seen: e.seen, bears: e.bears, source: e.source, at: now}
			if err := row.save(ctx, tx); err != nil {
				return err
			}
		}
	}
	return nil
}

// The states of an identifier about which something was decided, and who did.
const (
	stateShared  = "shared"
	stateTrusted = "trusted"

	byDetector = "detector"
	byOperator = "operator"
)

// sharedRow is a row of identity_shared.
type sharedRow struct {
	node        touchstone.NodeID
	state       string
	decided     string
	at          int64
	witness     touchstone.IdentifierKind
	seen, bears int
	source      string
	parted      int
	company     company // that the detector has seen; in the node's row
}

func (s *sharedRow) save(ctx context.Context, tx *store.Tx) error {
	err := tx.BulkUpsert(ctx, store.Upsert{Table: "identity_shared", Key: []string{"node"},
		Columns: []string{"node", "verdict", "decided", "at", "witness", "seen", "bears", "source", "parted"}}, 1, func(_ int, args []any) {
		args[0], args[1], args[2], args[3], args[4] = int64(s.node), s.state, s.decided, s.at, string(s.witness)
		args[5], args[6], args[7], args[8] = s.seen, s.bears, s.source, s.parted
	})
	if err != nil {
		return fmt.Errorf("write that an identifier is shared: %w", err)
	}
	return nil
}

// demote says of an identifier that it is shared. It leaves its person, and what hung together
// through it alone comes apart, with history; those that it was linked to relate to it from
// then on. It returns how many persons there are now where there was one, and the nodes of
// which links that were refused are to be tried again.
func (g *Graph) demote(ctx context.Context, tx *store.Tx, b *touchstone.Batch, st *state, id touchstone.NodeID, why sharedRow) (parted int, nodes []*node, err error) {
	var person int64
	if err := tx.QueryRow(ctx, `SELECT person FROM identity_nodes WHERE id = ?`, int64(id)).Scan(&person); err != nil {
		return 0, nil, fmt.Errorf("read the identifier: %w", err)
	}
	r := newRegion(g.rules(&g.apart), touchstone.NodeID(st.lastNode), 1)
	if err := g.loadPersons(ctx, tx, r, appendPart(r, touchstone.PersonID(person))); err != nil {
		return 0, nil, err
	}
	nodes = slices.Clone(r.parts[touchstone.PersonID(person)].nodes)
	at := slices.IndexFunc(nodes, func(n *node) bool { return n.id == id })
	if at < 0 {
		return 0, nil, fmt.Errorf("identifier %d is of a kind that is not known", id)
	}
	x := nodes[at]
	alone := len(nodes) == 1
	r.setTrust(x, shared)
	if why.company != "" {
		x.company = why.company
	}
	if _, err := tx.Exec(ctx, `UPDATE identity_nodes SET trust = ?, company = ? WHERE id = ?`, int64(shared), x.company.stored(), int64(id)); err != nil {
		return 0, nil, err
	}
	g.setCached(x)
	if err := g.relateInstead(ctx, tx, nodes, x); err != nil {
		return 0, nil, err
	}
	if alone {
		st.persons--
	}
	parted, err = g.comeApart(ctx, tx, b, st, touchstone.PersonID(person), nodes, x)
	if err != nil {
		return 0, nil, err
	}
	why.node, why.state, why.parted = id, stateShared, parted
	return parted, nodes, why.save(ctx, tx)
}

// demoteNow is demote for an operator.
func (g *Graph) demoteNow(ctx context.Context, tx *store.Tx, b *touchstone.Batch, st *state, id touchstone.NodeID, why sharedRow) (parted int, err error) {
	parted, nodes, err := g.demote(ctx, tx, b, st, id, why)
	if err != nil {
		return 0, err
	}
	return parted, g.retry(ctx, tx, b, st, nodes)
}

// setCached brings the cache to what was decided about a node, and forgets whom it was linked to.
func (g *Graph) setCached(n *node) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.refused = map[uint64]struct{}{}
	if e := entry(g.cache.Get(n.kind, n.value)); e != nil {
		g.flush.takePeers(e)
		e.forgetPeers()
		e.setTrust(n.trust)
	}
}

// relateInstead makes relations of the edges of a node, and of the links to it that were refused.
func (g *Graph) relateInstead(ctx context.Context, tx *store.Tx, nodes []*node, x *node) error {
	byNode := map[touchstone.NodeID]*bond{}
	add := func(n touchstone.NodeID, c cause, last, count int64) {
		b := byNode[n]
		if b == nil {
			byNode[n] = &bond{bondKey: bondKey{n, x.id}, cause: c, last: last, count: count}
			return
		}
		if c.time < b.time {
			b.cause = c
		}
		b.last, b.count = max(b.last, last), b.count+count
	}
	err := store.SelectIn(ctx, tx, `SELECT a, b, message_id, source, first_time, last_time, count FROM identity_edges WHERE a IN (...)`, idsOf(nodes), func(rows *sql.Rows) error {
		var a, b touchstone.NodeID
		var c cause
		var last, count int64
		if err := rows.Scan(&a, &b, &c.messageID, &c.source, &c.time, &last, &count); err != nil {
			return err
		}
		if a == x.id {
			a, b = b, a
		}
		if b == x.id {
			add(a, c, last, count)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read the edges of an identifier: %w", err)
	}
	kind := string(g.kinds.name(x.kind))
	err = store.SelectIn(ctx, tx, `SELECT node, message_id, source, time, kind FROM identity_dropped WHERE value IN (...)`, []string{x.value}, func(rows *sql.Rows) error {
		var n touchstone.NodeID
		var c cause
		var of string
		if err := rows.Scan(&n, &c.messageID, &c.source, &c.time, &of); err != nil {
			return err
		}
		if of == kind {
			add(n, c, c.time, 1)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read the refused links of an identifier: %w", err)
	}
	list := make([]bond, 0, len(byNode))
	for _, b := range byNode {
		list = append(list, *b)
	}
	if err := saveBonds(ctx, tx, list); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `DELETE FROM identity_edges WHERE a = ?`, int64(x.id)); err != nil {
		return err
	}
	// Only the first column is indexed: the other ends are named.
	if err := store.ExecIn(ctx, tx, `DELETE FROM identity_edges WHERE b = ? AND a IN (...)`, idsOf(nodes), int64(x.id)); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `DELETE FROM identity_dropped WHERE value = ? AND kind = ?`, x.value, kind)
	return err
}

// comeApart makes a person of each component of what was one, and of a node that has left it
// (nil: none has). It returns how many persons there are.
func (g *Graph) comeApart(ctx context.Context, tx *store.Tx, b *touchstone.Batch, st *state, person touchstone.PersonID, nodes []*node, left *node) (int, error) {
	edges, err := readEdgeKeys(ctx, tx, nodes)
	if err != nil {
		return 0, err
	}
	comps := componentsOf(nodes, edges)
	if left != nil {
		if err := g.carryApart(ctx, tx, left, comps); err != nil {
			return 0, err
		}
	}
	persons := 0
	for _, c := range comps {
		if g.anybody(c) {
			persons++
		}
	}
	kept := slices.Clone(nodes)
	for _, c := range comps {
		if touchstone.PersonID(first(c)) == person {
			continue
		}
		kept = slices.DeleteFunc(kept, func(n *node) bool { return slices.Contains(c, n) })
		p := &parting{kept: slices.Clone(kept), moved: c, other: touchstone.PersonID(first(c))}
		if err := g.part(ctx, tx, b, st, p, person); err != nil {
			return 0, err
		}
	}
	return persons, nil
}

// componentsOf returns the connected components of nodes, each in order, by their first nodes.
func componentsOf(nodes []*node, edges []edgeKey) [][]*node {
	parent := map[touchstone.NodeID]touchstone.NodeID{}
	for _, n := range nodes {
		parent[n.id] = n.id
	}
	find := func(n touchstone.NodeID) touchstone.NodeID {
		for parent[n] != n {
			parent[n] = parent[parent[n]]
			n = parent[n]
		}
		return n
	}
	for _, e := range edges {
		if a, b := find(e.a), find(e.b); a != 0 && b != 0 {
			parent[max(a, b)] = min(a, b)
		}
	}
	byRoot := map[touchstone.NodeID][]*node{}
	var roots []touchstone.NodeID
	for _, n := range slices.SortedFunc(slices.Values(nodes), func(a, b *node) int { return cmp.Compare(a.id, b.id) }) {
		root := find(n.id)
		if byRoot[root] == nil {
			roots = append(roots, root)
		}
		byRoot[root] = append(byRoot[root], n)
	}
	list := make([][]*node, len(roots))
	for i, root := range roots {
		list[i] = byRoot[root]
	}
	return list
}

// carryApart has who was parted from a person stay so from each of its components, when the
// row names the node that has left them.
func (g *Graph) carryApart(ctx context.Context, tx *store.Tx, left *node, comps [][]*node) error {
	type row struct{ other, time int64 }
	var rows []row
	for _, side := range [][2]string{{"a", "b"}, {"b", "a"}} {
		found, err := tx.Query(ctx, `SELECT `+side[1]+`, time FROM identity_apart WHERE `+side[0]+` = ?`, int64(left.id))
		if err != nil {
			return fmt.Errorf("read who was parted: %w", err)
		}
		for found.Next() {
			var r row
			if err := found.Scan(&r.other, &r.time); err != nil {
				found.Close()
				return err
			}
			rows = append(rows, r)
		}
		if err := found.Close(); err != nil {
			return err
		}
	}
	if len(rows) == 0 {
		return nil
	}
	if _, err := tx.Exec(ctx, `DELETE FROM identity_apart WHERE a = ? OR b = ?`, int64(left.id), int64(left.id)); err != nil {
		return err
	}
	for _, r := range rows {
		for _, c := range comps {
			if c[0] == left {
				continue
			}
			if _, err := tx.Exec(ctx, `INSERT INTO identity_apart (a, b, time) VALUES (?, ?, ?) ON CONFLICT (a, b) DO NOTHING`, int64(c[0].id), r.other, r.time); err != nil {
				return err
			}
		}
	}
	return nil
}
