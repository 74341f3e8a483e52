package identity

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

const (
	requestsPerBatch = 16
	requestKept      = time.Hour // after it was done
)

// applyRequests does the splits that clients have asked for ($UnbindID) in earlier batches.
func (g *Graph) applyRequests(ctx context.Context, tx *store.Tx, b *touchstone.Batch, st *state) error {
	requests, err := waitingRequests(ctx, tx)
	if err != nil {
		return err
	}
	now := b.Now.UnixMilli()
	for _, req := range requests {
		failure := ""
		var other touchstone.PersonID
		p, err := g.split(ctx, tx, b, st, req)
		var bad *touchstone.Error
		switch {
		case errors.As(err, &bad):
			failure = bad.Message
		case err != nil:
			return err
		default:
			other = p.other
		}
		if _, err := tx.Exec(ctx, `UPDATE identity_requests SET done = ?, other = ?, failure = ? WHERE id = ?`, now, int64(other), failure, req.id); err != nil {
			return err
		}
	}
	st.requests -= int64(len(requests)) // differs from what was read, so that the version goes up
	_, err = tx.Exec(ctx, `DELETE FROM identity_requests WHERE done > 0 AND done < ?`, b.Now.Add(-requestKept).UnixMilli())
	return err
}

type request struct {
	id     string
	person touchstone.PersonID
	nodes  []touchstone.NodeID
	undo   bool // it can be taken back
}

func waitingRequests(ctx context.Context, tx *store.Tx) ([]request, error) {
	rows, err := tx.Query(ctx, `SELECT id, person, nodes FROM identity_requests WHERE done = 0 ORDER BY created, id LIMIT ?`, requestsPerBatch)
	if err != nil {
		return nil, fmt.Errorf("read requests: %w", err)
	}
	defer rows.Close()
	var list []request
	for rows.Next() {
		var req request
		var person int64
		var nodes string
		if err := rows.Scan(&req.id, &person, &nodes); err != nil {
			return nil, err
		}
		req.person = touchstone.PersonID(person)
		for _, text := range strings.Split(nodes, ",") {
			if n, err := strconv.ParseInt(text, 10, 64); err == nil {
				req.nodes = append(req.nodes, touchstone.NodeID(n))
			}
		}
		list = append(list, req)
	}
	return list, rows.Err()
}

// parting is a person that falls into two.
type parting struct {
	kept, moved []*node // kept holds the person's first node
	other       touchstone.PersonID
	cut, tied   []edgeKey // edges between the two; edges that hold each together
}

// split takes nodes out of a person. The part without the person's first node gets a person
// id of its own; history follows, because the overrides change. No later event joins the two.
func (g *Graph) split(ctx context.Context, tx *store.Tx, b *touchstone.Batch, st *state, req request) (*parting, error) {
	r := newRegion(g.rules(&g.apart), touchstone.NodeID(st.lastNode), 1)
	if err := g.loadPersons(ctx, tx, r, appendPart(r, req.person)); err != nil {
		return nil, err
	}
	p, err := planParting(r.parts[req.person].nodes, req)
	if err != nil {
		return nil, err
	}
	edges, err := readEdgeKeys(ctx, tx, r.parts[req.person].nodes)
	if err != nil {
		return nil, err
	}
	p.sortEdges(edges)
	if req.undo {
		if err := keepCut(ctx, tx, req.id, p.cut); err != nil {
			return nil, err
		}
		if err := remember(ctx, tx, remembered{command: req.id, kind: undoSplit, a: touchstone.NodeID(req.person), b: touchstone.NodeID(p.other)}, b.Now); err != nil {
			return nil, err
		}
	}
	if err := p.save(ctx, tx, req, b.Now.UnixMilli()); err != nil {
		return nil, err
	}
	return p, g.part(ctx, tx, b, st, p, req.person)
}

// part makes two persons of one, when its edges have been seen to.
func (g *Graph) part(ctx context.Context, tx *store.Tx, b *touchstone.Batch, st *state, p *parting, person touchstone.PersonID) error {
	err := store.ExecIn(ctx, tx, `UPDATE identity_nodes SET person = ? WHERE id IN (...)`, idsOf(p.moved), int64(p.other))
	if err != nil {
		return err
	}
	if err := p.takeBackMerges(ctx, tx); err != nil {
		return err
	}
	if err := saveOverrides(ctx, tx, p.overrides(), st); err != nil {
		return err
	}
	kept, moved := &part{person: person, nodes: p.kept}, &part{person: p.other, nodes: p.moved}
	if err := resize(ctx, tx, kept, moved); err != nil {
		return err
	}
	if g.anybody(p.kept) && g.anybody(p.moved) {
		st.persons++ // a car that was taken out is none
	}
	if holdsUserID(p.kept) && holdsUserID(p.moved) {
		st.known++
	}
	if err := g.apart.reload(ctx, tx, person, p.other); err != nil {
		return err
	}
	g.forgetParting(p, person)
	g.metrics.split.Inc()
	parts := g.partsOf(p.moved)
	parts.Bare = !slices.ContainsFunc(p.moved, func(n *node) bool { return n.carries })
	b.Changes = append(b.Changes, touchstone.Change{Kind: touchstone.PersonSplit, Person: person, Other: p.other, Time: b.Now, Parts: parts})
	return nil
}

// anybody tells whether one of some nodes says who somebody is.
func (g *Graph) anybody(nodes []*node) bool {
	return slices.ContainsFunc(nodes, func(n *node) bool { return !g.kinds.relates(n.kind) && n.trust != shared })
}

// partsOf names nodes for those that follow.
func (g *Graph) partsOf(nodes []*node) *touchstone.Parts {
	parts := &touchstone.Parts{}
	for _, n := range slices.SortedFunc(slices.Values(nodes), func(a, b *node) int { return int(a.id - b.id) }) {
		parts.Nodes = append(parts.Nodes, n.id)
		parts.Identifiers = append(parts.Identifiers, touchstone.Identifier{Kind: g.kinds.name(n.kind), Value: n.value})
	}
	return parts
}

func appendPart(r *region, person touchstone.PersonID) []touchstone.PersonID {
	r.part(person)
	return []touchstone.PersonID{person}
}

func planParting(nodes []*node, req request) (*parting, error) {
	if len(nodes) == 0 {
		return nil, touchstone.Errorf(touchstone.NotFound, "there is no person %s", req.person)
	}
	var chosen, rest []*node
	for _, n := range nodes {
		if slices.Contains(req.nodes, n.id) {
			chosen = append(chosen, n)
		} else {
			rest = append(rest, n)
		}
	}
	for _, id := range req.nodes {
		if !slices.ContainsFunc(chosen, func(n *node) bool { return n.id == id }) {
			return nil, touchstone.Errorf(touchstone.Invalid, "identifier %d does not belong to %s", id, req.person)
		}
	}
	if len(chosen) == 0 || len(rest) == 0 {
		return nil, touchstone.Errorf(touchstone.Invalid, "a split needs some, but not all identifiers of %s", req.person)
	}
	p := &parting{kept: rest, moved: chosen}
	if touchstone.PersonID(first(chosen)) == req.person {
		p.kept, p.moved = chosen, rest
	}
	p.other = touchstone.PersonID(first(p.moved))
	return p, nil
}

func first(nodes []*node) touchstone.NodeID {
	least := nodes[0].id
	for _, n := range nodes {
		least = min(least, n.id)
	}
	return least
}

func holdsUserID(nodes []*node) bool {
	return slices.ContainsFunc(nodes, func(n *node) bool { return n.kind == userIDKind })
}

// sortEdges finds the edges to cut, and those needed so that what the operator keeps
// together is connected without them.
func (p *parting) sortEdges(edges []edgeKey) {
	parent := map[touchstone.NodeID]touchstone.NodeID{}
	side := map[touchstone.NodeID]bool{}
	for _, n := range p.kept {
		parent[n.id], side[n.id] = n.id, true
	}
	for _, n := range p.moved {
		parent[n.id], side[n.id] = n.id, false
	}
	var find func(touchstone.NodeID) touchstone.NodeID
	find = func(n touchstone.NodeID) touchstone.NodeID {
		if parent[n] != n {
			parent[n] = find(parent[n])
		}
		return parent[n]
	}
	for _, e := range edges {
		if side[e.a] != side[e.b] {
			p.cut = append(p.cut, e)
			continue
		}
		parent[find(e.b)] = find(e.a)
	}
	for _, nodes := range [][]*node{p.kept, p.moved} {
		root := first(nodes)
		// In order: which edges tie a part decides how it comes apart another time.
		for _, n := range slices.SortedFunc(slices.Values(nodes), func(a, b *node) int { return cmp.Compare(a.id, b.id) }) {
			if find(n.id) != find(root) {
				p.tied = append(p.tied, keyOf(root, n.id, operated))
				parent[find(n.id)] = find(root)
			}
		}
	}
}

func (p *parting) save(ctx context.Context, tx *store.Tx, req request, now int64) error {
	for _, e := range p.cut {
		if _, err := tx.Exec(ctx, `DELETE FROM identity_edges WHERE a = ? AND b = ? AND evidence = ?`, int64(e.a), int64(e.b), e.evidence.String()); err != nil {
			return err
		}
	}
	for _, e := range p.tied {
		if _, err := tx.Exec(ctx, `INSERT INTO identity_edges (`+strings.Join(edgeColumns, ", ")+`) VALUES (?, ?, ?, ?, '', ?, ?, 1, '') ON CONFLICT (a, b, evidence) DO NOTHING`,
			int64(e.a), int64(e.b), e.evidence.String(), req.id, now, now); err != nil {
			return err
		}
	}
	_, err := tx.Exec(ctx, `INSERT INTO identity_apart (a, b, time) VALUES (?, ?, ?) ON CONFLICT (a, b) DO NOTHING`, int64(req.person), int64(p.other), now)
	return err
}

// takeBackMerges forgets the merges across the two: all that a merge names is of one person, so
// that it is erased with that one.
func (p *parting) takeBackMerges(ctx context.Context, tx *store.Tx) error {
	side := make(map[touchstone.NodeID]bool, len(p.kept)+len(p.moved))
	var nodes []touchstone.NodeID
	for moved, list := range [][]*node{p.kept, p.moved} {
		for _, n := range list {
			side[n.id] = moved == 1
			nodes = append(nodes, n.id)
		}
	}
	var across []int64
	err := store.SelectIn(ctx, tx, `SELECT id, kept, absorbed, a, b FROM identity_merges WHERE kept IN (...)`, nodes, func(rows *sql.Rows) error {
		var id int64
		var named [4]touchstone.NodeID
		if err := rows.Scan(&id, &named[0], &named[1], &named[2], &named[3]); err != nil {
			return err
		}
		if slices.ContainsFunc(named[1:], func(n touchstone.NodeID) bool { return side[n] != side[named[0]] }) {
			across = append(across, id)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read merges: %w", err)
	}
	return store.ExecIn(ctx, tx, `DELETE FROM identity_merges WHERE id IN (...)`, across)
}

// overrides moves the history of the nodes that have another person now.
func (p *parting) overrides() []override {
	var list []override
	for _, n := range p.moved {
		if n.carries {
			list = append(list, override{n.id, p.other})
		}
	}
	return list
}

func resize(ctx context.Context, tx *store.Tx, parts ...*part) error {
	var large, small []*part
	for _, p := range parts {
		if len(p.nodes) >= largePerson {
			large = append(large, p)
		} else {
			small = append(small, p)
		}
	}
	return saveLarge(ctx, tx, large, small)
}

// forgetParting brings the cache to a split: peers may point across it.
func (g *Graph) forgetParting(p *parting, person touchstone.PersonID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.refused = map[uint64]struct{}{}
	renew := func(nodes []*node, person touchstone.PersonID) {
		for _, n := range nodes {
			if e := entry(g.cache.Get(n.kind, n.value)); e != nil {
				g.flush.takePeers(e)
				e.forgetPeers()
				e.setPerson(person)
			}
		}
	}
	renew(p.kept, person)
	renew(p.moved, p.other)
}

func readEdgeKeys(ctx context.Context, tx *store.Tx, nodes []*node) ([]edgeKey, error) {
	var keys []edgeKey
	err := store.SelectIn(ctx, tx, `SELECT a, b, evidence FROM identity_edges WHERE a IN (...)`, idsOf(nodes), func(rows *sql.Rows) error {
		var a, b int64
		var name string
		if err := rows.Scan(&a, &b, &name); err != nil {
			return err
		}
		ev := slices.Index(evidenceNames[:], name)
		keys = append(keys, edgeKey{touchstone.NodeID(a), touchstone.NodeID(b), evidence(max(ev, 0))}) //nolint:gosec // a small index
		return nil
	})
	return keys, err
}

func idsOf(nodes []*node) []touchstone.NodeID {
	ids := make([]touchstone.NodeID, len(nodes))
	for i, n := range nodes {
		ids[i] = n.id
	}
	return ids
}
