package identity

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

// maxCluster bounds the identifiers that are judged together.
const maxCluster = 20_000

// leftOut is the command of identity_cut under which evidence is kept that the rules leave out.
const leftOut = ""

// clue is stored evidence that two identifiers belong together, whatever the rules made of it.
type clue struct {
	from, to touchstone.NodeID // to 0: nobody has the identifier yet
	id       ident             // of to
	cause
	last, count int64
	kept        where
}

// where a clue is stored.
type where uint8

const (
	inEdges where = iota
	inCut
	inDropped
	inRelations
)

// member is an identifier of a cluster as the store has it.
type member struct {
	ident
	id      touchstone.NodeID
	person  touchstone.PersonID
	carries bool
	trust   trust
	company company
	first   int64
	decided string // by whom it was taken for shared
}

// cluster is all identifiers that hang together by any evidence, also by what a limit has left
// out: what becomes of them depends on nothing else.
type cluster struct {
	members map[touchstone.NodeID]*member
	byIdent map[ident]*member
	clues   []clue
	apart   [][2]touchstone.NodeID
	joining map[touchstone.NodeID]bool // of what is related: whether it says who somebody is by the rules of now
}

// loadCluster reads the cluster of some identifiers.
func (g *Graph) loadCluster(ctx context.Context, q store.Querier, seeds []touchstone.NodeID) (*cluster, error) {
	c := &cluster{members: map[touchstone.NodeID]*member{}, byIdent: map[ident]*member{}, joining: map[touchstone.NodeID]bool{}}
	wanted, persons := slices.Clone(seeds), map[touchstone.PersonID]bool{}
	var named []ident
	for len(wanted) > 0 || len(named) > 0 {
		found, err := g.loadMembers(ctx, q, c, wanted, named, persons)
		if err != nil {
			return nil, err
		}
		if len(c.members) > maxCluster {
			return nil, touchstone.Errorf(touchstone.TooLarge, "more than %d identifiers hang together", maxCluster).WithHint("block the value that joins them, or say that it is shared")
		}
		if wanted, named, err = g.loadClues(ctx, q, c, found); err != nil {
			return nil, err
		}
	}
	return c, c.loadRest(ctx, q)
}

// loadMembers adds nodes, those of some identifiers, and all of their persons; it returns those
// that were not there.
func (g *Graph) loadMembers(ctx context.Context, q store.Querier, c *cluster, ids []touchstone.NodeID, named []ident, persons map[touchstone.PersonID]bool) ([]*member, error) {
	var more []touchstone.PersonID
	asked := make(map[ident]bool, len(named))
	values := make([]string, len(named))
	for i, id := range named {
		asked[id], values[i] = true, id.value
	}
	note := func(all bool) func(*sql.Rows) error {
		return func(rows *sql.Rows) error {
			var p touchstone.PersonID
			var kind touchstone.IdentifierKind
			var value string
			err := rows.Scan(&p, &kind, &value)
			if !persons[p] && (all || asked[ident{g.kinds.number(kind), value}]) {
				persons[p] = true
				more = append(more, p)
			}
			return err
		}
	}
	if err := store.SelectIn(ctx, q, `SELECT person, kind, value FROM identity_nodes WHERE id IN (...)`, ids, note(true)); err != nil {
		return nil, err
	}
	if err := store.SelectIn(ctx, q, `SELECT person, kind, value FROM identity_nodes WHERE value IN (...)`, values, note(false)); err != nil {
		return nil, err
	}
	slices.Sort(more)
	var found []*member
	err := store.SelectIn(ctx, q, `SELECT `+nodeColumns+` FROM identity_nodes WHERE person IN (...)`, more, func(rows *sql.Rows) error {
		m := &member{}
		var kind string
		if err := rows.Scan(&m.id, &kind, &m.value, &m.person, &m.carries, &m.trust, &m.company, &m.first); err != nil {
			return err
		}
		if m.kind = g.kinds.number(touchstone.IdentifierKind(kind)); m.kind == noKind {
			return fmt.Errorf("identifier %d is of a kind that is not known", m.id)
		}
		c.members[m.id], c.byIdent[m.ident] = m, m
		found = append(found, m)
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(found, func(a, b *member) int { return int(a.id - b.id) })
	var shares []touchstone.NodeID
	for _, m := range found {
		if m.trust == shared {
			shares = append(shares, m.id)
		}
	}
	err = store.SelectIn(ctx, q, `SELECT node, decided FROM identity_shared WHERE node IN (...)`, shares, func(rows *sql.Rows) error {
		var id touchstone.NodeID
		var by string
		err := rows.Scan(&id, &by)
		c.members[id].decided = by
		return err
	})
	return found, err
}

// loadClues adds the evidence that some members are an end of, and returns the nodes and the
// identifiers that it leads to.
func (g *Graph) loadClues(ctx context.Context, q store.Querier, c *cluster, of []*member) (ids []touchstone.NodeID, named []ident, err error) {
	nodes := make([]touchstone.NodeID, len(of))
	mine := make([]string, len(of))
	for i, m := range of {
		nodes[i], mine[i] = m.id, m.value
	}
	const columns = `a, b, evidence, message_id, source, first_time, last_time, count, detail`
	edge := func(kept where) func(*sql.Rows) error {
		return func(rows *sql.Rows) error {
			k := clue{kept: kept}
			var name string
			if err := rows.Scan(&k.from, &k.to, &name, &k.messageID, &k.source, &k.time, &k.last, &k.count, &k.detail); err != nil {
				return err
			}
			k.evidence = evidence(max(slices.Index(evidenceNames[:], name), 0)) //nolint:gosec // a small index
			c.clues, ids = append(c.clues, k), append(ids, k.from, k.to)
			return nil
		}
	}
	if err := store.SelectIn(ctx, q, `SELECT `+columns+` FROM identity_edges WHERE a IN (...)`, nodes, edge(inEdges)); err != nil {
		return nil, nil, err
	}
	for _, side := range []string{"a", "b"} { // what both sides lead to comes twice, and is told apart later
		if err := store.SelectIn(ctx, q, `SELECT `+columns+` FROM identity_cut WHERE command = '' AND `+side+` IN (...)`, nodes, edge(inCut)); err != nil {
			return nil, nil, err
		}
	}
	dropped := func(rows *sql.Rows) error {
		k := clue{kept: inDropped, count: 1}
		var kind string
		if err := rows.Scan(&k.from, &kind, &k.id.value, &k.messageID, &k.source, &k.time); err != nil {
			return err
		}
		k.id.kind = g.kinds.number(touchstone.IdentifierKind(kind))
		if k.id.kind == noKind || c.members[k.from] == nil && c.byIdent[k.id] == nil { // another kind has the value
			return nil
		}
		k.last = k.time
		c.clues, ids, named = append(c.clues, k), append(ids, k.from), append(named, k.id)
		return nil
	}
	for column, list := range map[string]any{"node": nodes, "value": mine} {
		query := `SELECT node, kind, value, message_id, source, time FROM identity_dropped WHERE ` + column + ` IN (...)`
		if list, ok := list.([]string); ok {
			err = store.SelectIn(ctx, q, query, list, dropped)
		} else {
			err = store.SelectIn(ctx, q, query, nodes, dropped)
		}
		if err != nil {
			return nil, nil, err
		}
	}
	more, err := g.loadRelations(ctx, q, c, of)
	return c.unknown(append(ids, more...)), c.unseen(named), err
}

// loadRelations adds relations to identifiers that say who somebody is by the rules of now.
func (g *Graph) loadRelations(ctx context.Context, q store.Querier, c *cluster, of []*member) (ids []touchstone.NodeID, err error) {
	var found []clue
	scan := func(rows *sql.Rows) error {
		k := clue{kept: inRelations}
		err := rows.Scan(&k.from, &k.to, &k.messageID, &k.source, &k.time, &k.last, &k.count)
		found = append(found, k)
		return err
	}
	nodes := make([]touchstone.NodeID, 0, len(of))
	for _, m := range of {
		nodes = append(nodes, m.id)
	}
	for _, side := range []string{"node", "related"} {
		err := store.SelectIn(ctx, q, `SELECT node, related, message_id, source, first_time, last_time, count FROM identity_relations WHERE `+side+` IN (...)`, nodes, scan)
		if err != nil {
			return nil, fmt.Errorf("read relations: %w", err)
		}
	}
	if err := g.loadJoining(ctx, q, c, found); err != nil {
		return nil, err
	}
	for _, k := range found {
		if c.joining[k.to] {
			c.clues, ids = append(c.clues, k), append(ids, k.from, k.to)
		}
	}
	return ids, nil
}

// loadJoining finds out which identifiers that others relate to say who somebody is.
func (g *Graph) loadJoining(ctx context.Context, q store.Querier, c *cluster, found []clue) error {
	var asked []touchstone.NodeID
	for _, k := range found {
		if _, known := c.joining[k.to]; !known {
			c.joining[k.to] = false
			asked = append(asked, k.to)
		}
	}
	slices.Sort(asked)
	var related []*member
	err := store.SelectIn(ctx, q, `SELECT id, kind, value, trust, company, COALESCE((SELECT decided FROM identity_shared s WHERE s.node = identity_nodes.id), '') FROM identity_nodes WHERE id IN (...)`, asked, func(rows *sql.Rows) error {
		m := &member{}
		var kind touchstone.IdentifierKind
		err := rows.Scan(&m.id, &kind, &m.value, &m.trust, &m.company, &m.decided)
		if m.kind = g.kinds.number(kind); m.kind != noKind && !g.kinds.relates(m.kind) {
			related = append(related, m)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("read what is related: %w", err)
	}
	for _, m := range related {
		counts, err := g.witnesses(ctx, q, m)
		if err != nil {
			return err
		}
		c.joining[m.id] = g.standing(m, counts) != shared
	}
	return nil
}

// relatingKinds is a condition that leaves out nodes n of kinds that relate, and its arguments.
func (g *Graph) relatingKinds() (string, []any) {
	names := g.kinds.relating()
	if len(names) == 0 {
		return "", nil
	}
	args := make([]any, len(names))
	for i, name := range names {
		args[i] = name
	}
	return ` AND n.kind NOT IN ` + store.Marks(len(names)), args
}

func (c *cluster) unknown(ids []touchstone.NodeID) []touchstone.NodeID {
	slices.Sort(ids)
	return slices.DeleteFunc(slices.Compact(ids), func(id touchstone.NodeID) bool { return c.members[id] != nil })
}

// unseen returns those that are no members yet.
func (c *cluster) unseen(named []ident) []ident {
	slices.SortFunc(named, byValue)
	return slices.DeleteFunc(slices.Compact(named), func(id ident) bool { return c.byIdent[id] != nil })
}

// loadRest reads who was parted, and leaves each clue once.
func (c *cluster) loadRest(ctx context.Context, q store.Querier) error {
	nodes := make([]touchstone.NodeID, 0, len(c.members))
	for id := range c.members {
		nodes = append(nodes, id)
	}
	slices.Sort(nodes)
	err := store.SelectIn(ctx, q, `SELECT a, b FROM identity_apart WHERE a IN (...)`, nodes, func(rows *sql.Rows) error {
		var pair [2]touchstone.NodeID
		err := rows.Scan(&pair[0], &pair[1])
		if c.members[pair[1]] != nil {
			c.apart = append(c.apart, pair)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("read who was parted: %w", err)
	}
	type key struct {
		from touchstone.NodeID
		id   ident
		evidence
		kept where
	}
	seen := map[key]bool{}
	full := map[[2]ident]bool{} // of these all is known: a note that they were left out says less
	for _, k := range c.clues {
		if from, to := c.members[k.from], c.members[k.to]; from != nil && to != nil && (k.kept == inEdges || k.kept == inCut) {
			full[[2]ident{from.ident, to.ident}], full[[2]ident{to.ident, from.ident}] = true, true
		}
	}
	c.clues = slices.DeleteFunc(c.clues, func(k clue) bool {
		if m := c.members[k.to]; m != nil {
			k.id = m.ident
		}
		at := key{k.from, k.id, k.evidence, k.kept}
		again := seen[at] || c.members[k.from] == nil || k.kept == inDropped && full[[2]ident{c.members[k.from].ident, k.id}]
		seen[at] = true
		return again
	})
	for i := range c.clues {
		k := &c.clues[i]
		if k.to == 0 {
			if m := c.byIdent[k.id]; m != nil {
				k.to = m.id
			}
		} else if m := c.members[k.to]; m != nil {
			k.id = m.ident
		}
	}
	return nil
}
