package identity

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

// RejudgeBody has the rules run again over the clusters of some identifiers.
type RejudgeBody struct {
	Identifiers []string `json:"identifiers"`
	// Whole says that with these the whole graph was judged, by the rules that the command Latest
	// (empty: none in the log) was the last to change.
	Whole  bool   `json:"whole,omitempty"`
	Latest string `json:"latest,omitempty"`
}

// Rejudged is what came of it.
type Rejudged struct {
	Clusters int `json:"clusters"` // that were judged
	Changed  int `json:"changed"`  // in which somebody is another person now, or evidence stands otherwise
	Merged   int `json:"merged"`   // persons that were absorbed
	Split    int `json:"split"`    // persons that have come out of others
	Shared   int `json:"shared"`   // identifiers that say no longer who somebody is
	Unshared int `json:"unshared"` // that say it again
	Skipped  int `json:"skipped"`  // clusters with too many identifiers
}

func (r *Rejudged) add(o Rejudged) {
	r.Clusters, r.Changed, r.Merged, r.Split = r.Clusters+o.Clusters, r.Changed+o.Changed, r.Merged+o.Merged, r.Split+o.Split
	r.Shared, r.Unshared, r.Skipped = r.Shared+o.Shared, r.Unshared+o.Unshared, r.Skipped+o.Skipped
}

func (g *Graph) doRejudge(ctx context.Context, tx *store.Tx, b *touchstone.Batch, c touchstone.Command) (any, error) {
	var in RejudgeBody
	if err := readBody(c.Body, &in); err != nil {
		return nil, err
	}
	_, found, err := findNamed(ctx, tx, in.Identifiers)
	if err != nil {
		return nil, err
	}
	var out Rejudged
	if err := g.flushEdges(ctx, tx); err != nil {
		return nil, err
	}
	err = g.change(ctx, tx, func(st *state) error {
		st.version++ // other processes' caches hold what it was
		done := map[touchstone.NodeID]bool{}
		for _, at := range found {
			if at.node == 0 || done[at.node] { // erased since, or of a cluster that was judged
				continue
			}
			one, err := g.rejudge(ctx, tx, b, st, at.node, c, done)
			if err != nil {
				return err
			}
			out.add(one)
		}
		return nil
	})
	if err == nil {
		err = settle(ctx, tx, in)
	}
	return out, err
}

// rejudge has the rules run again over the cluster of a node.
func (g *Graph) rejudge(ctx context.Context, tx *store.Tx, b *touchstone.Batch, st *state, seed touchstone.NodeID, c touchstone.Command, done map[touchstone.NodeID]bool) (out Rejudged, err error) {
	cl, err := g.loadCluster(ctx, tx, []touchstone.NodeID{seed})
	if touchstone.KindOf(err) == touchstone.TooLarge {
		return Rejudged{Clusters: 1, Skipped: 1}, nil
	}
	if err != nil {
		return out, err
	}
	for id := range cl.members {
		done[id] = true
	}
	out.Clusters = 1
	v, err := g.judge(ctx, tx, cl, touchstone.NodeID(st.lastNode))
	if err != nil || !v.changes() {
		return out, err
	}
	out.Changed = 1
	persons, known := st.persons, st.known
	before, beforeKnown := g.headcount(v, false)
	if err := g.restand(ctx, tx, v, c, &out); err != nil {
		return out, err
	}
	if err := g.moveClues(ctx, tx, v, c.SubmittedAt.UnixMilli()); err != nil {
		return out, err
	}
	if out.Split, err = g.partVerdict(ctx, tx, b, st, v); err != nil {
		return out, err
	}
	if out.Merged, err = g.joinVerdict(ctx, tx, b, st, v, c); err != nil {
		return out, err
	}
	after, afterKnown := g.headcount(v, true)
	st.persons, st.known = persons+after-before, known+afterKnown-beforeKnown
	return out, nil
}

// headcount counts the persons of a cluster, and those of them with a user id: as they are in
// the store, or as the verdict has them.
func (g *Graph) headcount(v *verdict, after bool) (persons, known int64) {
	counted := map[touchstone.PersonID][2]bool{}
	note := func(p touchstone.PersonID, kind uint8, t trust) {
		c := counted[p]
		counted[p] = [2]bool{c[0] || !g.kinds.relates(kind) && t != shared, c[1] || kind == userIDKind}
	}
	for _, m := range v.members {
		if !after {
			note(m.person, m.kind, m.trust)
		}
	}
	for _, n := range v.region.order {
		if after {
			note(n.part.root().person, n.kind, n.trust)
		}
	}
	for _, c := range counted {
		persons, known = persons+asInt(c[0]), known+asInt(c[1])
	}
	return persons, known
}

// restand writes which identifiers are shared.
func (g *Graph) restand(ctx context.Context, tx *store.Tx, v *verdict, c touchstone.Command, out *Rejudged) error {
	for _, m := range v.sorted() {
		now := v.trusts[m.id]
		if now == m.trust {
			continue
		}
		if _, err := tx.Exec(ctx, `UPDATE identity_nodes SET trust = ? WHERE id = ?`, int64(now), int64(m.id)); err != nil {
			return fmt.Errorf("write whether an identifier is shared: %w", err)
		}
		g.setCached(&node{ident: m.ident, trust: now})
		if now != shared {
			out.Unshared++
			if _, err := tx.Exec(ctx, `DELETE FROM identity_shared WHERE node = ?`, int64(m.id)); err != nil {
				return err
			}
			continue
		}
		out.Shared++
		g.metrics.shared.Inc()
		why := v.shown[m.id]
		row := sharedRow{node: m.id, state: stateShared, decided: byDetector, at: c.SubmittedAt.UnixMilli(), witness: g.kinds.name(why.witness), seen: why.seen, bears: why.bears, source: c.Actor}
		if err := row.save(ctx, tx); err != nil {
			return err
		}
	}
	return nil
}

// moveClues keeps each clue where its fate says: what is made among the edges, what is left out
// in identity_cut, with all that is known of it, so that other rules can make it again.
func (g *Graph) moveClues(ctx context.Context, tx *store.Tx, v *verdict, now int64) error {
	var relations []bond
	bondsGone := false
	for i := range v.fates {
		f := &v.fates[i]
		if !f.stirs() {
			continue
		}
		if f.kept == inRelations {
			bondsGone = true
		}
		if err := g.takeClue(ctx, tx, v, f); err != nil {
			return err
		}
		switch {
		case f.made:
			if err := g.putClue(ctx, tx, v, f, "identity_edges"); err != nil {
				return err
			}
		case f.relates:
			relations = append(relations, v.relation(f))
		default:
			if err := g.putClue(ctx, tx, v, f, "identity_cut"); err != nil {
				return err
			}
			if f.reason != reasonBlocked && f.reason != reasonNeither {
				if err := g.noteDropped(ctx, tx, f); err != nil {
					return err
				}
			}
		}
	}
	g.mu.Lock()
	g.refused = map[uint64]struct{}{}
	if bondsGone {
		g.bonds.Reset()
	}
	for _, m := range v.members {
		if e := entry(g.cache.Get(m.kind, m.value)); e != nil {
			g.flush.takePeers(e)
			e.forgetPeers()
		}
	}
	g.mu.Unlock()
	return saveBonds(ctx, tx, relations)
}

// relation is what becomes of a clue one end of which relates.
func (v *verdict) relation(f *fate) bond {
	from, to := f.from, f.to
	if v.region.relating(v.members[from].ident) {
		from, to = to, from
	}
	return bond{bondKey: bondKey{from, to}, cause: f.cause, last: f.last, count: f.count}
}

// takeClue takes a clue away from where it is.
func (g *Graph) takeClue(ctx context.Context, tx *store.Tx, v *verdict, f *fate) (err error) {
	key := keyOf(f.from, f.to, f.evidence)
	switch f.kept {
	case inEdges:
		_, err = tx.Exec(ctx, `DELETE FROM identity_edges WHERE a = ? AND b = ? AND evidence = ?`, int64(key.a), int64(key.b), key.evidence.String())
	case inCut:
		if err := g.forgetDropped(ctx, tx, v, f); err != nil { // the note about it
			return err
		}
		_, err = tx.Exec(ctx, `DELETE FROM identity_cut WHERE command = '' AND a = ? AND b = ? AND evidence = ?`, int64(key.a), int64(key.b), key.evidence.String())
	case inDropped:
		return g.forgetDropped(ctx, tx, v, f)
	case inRelations:
		_, err = tx.Exec(ctx, `DELETE FROM identity_relations WHERE node = ? AND related = ?`, int64(f.from), int64(f.to))
	}
	if err != nil {
		return fmt.Errorf("move evidence: %w", err)
	}
	return nil
}

// forgetDropped deletes the note that a link was left out, whichever end it stands under.
func (g *Graph) forgetDropped(ctx context.Context, tx *store.Tx, v *verdict, f *fate) error {
	for _, k := range []clue{f.clue, {from: f.to, id: v.members[f.from].ident}} {
		if _, err := tx.Exec(ctx, `DELETE FROM identity_dropped WHERE node = ? AND kind = ? AND value = ?`, int64(k.from), string(g.kinds.name(k.id.kind)), k.id.value); err != nil {
			return err
		}
	}
	return nil
}

// putClue writes a clue to a table with the columns of edges.
func (g *Graph) putClue(ctx context.Context, tx *store.Tx, v *verdict, f *fate, table string) error {
	to := f.to
	if to == 0 {
		to = v.region.nodes[f.id].id
	}
	key := keyOf(f.from, to, f.evidence)
	columns, command := strings.Join(edgeColumns, ", "), []any{}
	keys := `a, b, evidence`
	if table == "identity_cut" {
		columns, keys, command = "command, "+columns, "command, "+keys, []any{leftOut}
	}
	args := append(command, int64(key.a), int64(key.b), key.evidence.String(), f.messageID, f.source, f.time, f.last, max(f.count, 1), f.detail)
	_, err := tx.Exec(ctx, `INSERT INTO `+table+` (`+columns+`) VALUES `+store.Marks(len(args))+` ON CONFLICT (`+keys+`) DO NOTHING`, args...)
	if err != nil {
		return fmt.Errorf("keep evidence: %w", err)
	}
	return nil
}

// noteDropped shows people that a link is left out.
func (g *Graph) noteDropped(ctx context.Context, tx *store.Tx, f *fate) error {
	_, err := tx.Exec(ctx, `INSERT INTO identity_dropped (`+droppedColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (node, kind, value) DO NOTHING`,
		int64(f.from), string(g.kinds.name(f.id.kind)), f.id.value, f.reason, f.messageID, f.source, f.time)
	return err
}

// partVerdict parts the persons that the verdict has fall apart.
func (g *Graph) partVerdict(ctx context.Context, tx *store.Tx, b *touchstone.Batch, st *state, v *verdict) (parted int, err error) {
	pieces := map[touchstone.PersonID]map[touchstone.PersonID][]*node{}
	var persons []touchstone.PersonID
	for _, m := range v.sorted() {
		if pieces[m.person] == nil {
			pieces[m.person] = map[touchstone.PersonID][]*node{}
			persons = append(persons, m.person)
		}
		n := &node{ident: m.ident, id: m.id, carries: m.carries, trust: v.trusts[m.id]}
		pieces[m.person][v.becomes(m)] = append(pieces[m.person][v.becomes(m)], n)
	}
	slices.Sort(persons)
	for _, person := range persons {
		var list [][]*node
		var kept []*node
		for _, nodes := range pieces[person] {
			kept = append(kept, nodes...)
			list = append(list, nodes)
		}
		slices.SortFunc(list, func(a, b []*node) int { return cmp.Compare(first(a), first(b)) })
		for _, moved := range list {
			if touchstone.PersonID(first(moved)) == person {
				continue
			}
			kept = slices.DeleteFunc(kept, func(n *node) bool { return slices.Contains(moved, n) })
			slices.SortFunc(kept, func(a, b *node) int { return cmp.Compare(a.id, b.id) })
			p := &parting{kept: slices.Clone(kept), moved: moved, other: touchstone.PersonID(first(moved))}
			if err := g.part(ctx, tx, b, st, p, person); err != nil {
				return parted, err
			}
			parted++
		}
	}
	return parted, nil
}

// joinVerdict makes those one that the verdict has be one, link by link.
func (g *Graph) joinVerdict(ctx context.Context, tx *store.Tx, b *touchstone.Batch, st *state, v *verdict, c touchstone.Command) (merged int, err error) {
	r := newRegion(g.rules(&g.apart), touchstone.NodeID(st.lastNode), len(v.members))
	r.withoutEdges = true
	nodes := make([]touchstone.NodeID, 0, len(v.members))
	for _, m := range v.sorted() {
		nodes = append(nodes, m.id)
	}
	if err := store.SelectIn(ctx, tx, `SELECT `+nodeColumns+` FROM identity_nodes WHERE id IN (...)`, nodes, g.putNode(r)); err != nil {
		return 0, err
	}
	byID := make(map[touchstone.NodeID]*node, len(r.nodes))
	for _, n := range r.nodes {
		n.part.loaded = true
		byID[n.id] = n
	}
	fresh := false
	for i := range v.fates {
		f := &v.fates[i]
		if !f.made {
			continue
		}
		from, to := byID[f.from], r.nodes[f.id]
		if to == nil { // a limit had left it out before anybody had it
			to = r.create(f.id, from.part.root())
			to.first, to.last, to.events, to.since = f.time, f.last, max(f.count, 1), f.time
			fresh = true
			continue
		}
		if p, q := from.part.root(), to.part.root(); p != q {
			r.merge(p, q, from, to, f.cause)
		}
	}
	if len(r.merges) == 0 && !fresh {
		return 0, nil
	}
	return len(r.merges), g.commitRegion(ctx, tx, b, r, st, c.SubmittedAt.UnixMilli())
}

// checkRejudge looks at a body before it goes in the log.
func checkRejudge(body touchstone.JSON) error {
	var in RejudgeBody
	if err := json.Unmarshal([]byte(body), &in); err != nil {
		return touchstone.Errorf(touchstone.Invalid, "the command's body is not of its form")
	}
	ids, err := parseIdentifiers(in.Identifiers)
	if err == nil && len(ids) == 0 && !in.Whole {
		err = touchstone.Errorf(touchstone.Invalid, "name the identifiers whose persons are to be judged anew")
	}
	return err
}
