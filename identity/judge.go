package identity

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

// fate is what the rules make of a clue.
type fate struct {
	clue
	made    bool
	relates bool   // it says what somebody has to do with
	reason  string // why it is left out
}

// verdict is who the persons of a cluster are by the rules of now.
type verdict struct {
	*cluster
	region  *region // every identifier with its part
	trusts  map[touchstone.NodeID]trust
	blocked map[touchstone.NodeID]bool
	shown   map[touchstone.NodeID]exposure // why those are shared that were not
	fates   []fate                         // in the order in which they were judged
}

// judge decides a cluster anew: everybody is alone, and the evidence is looked at in the order
// of its events. It reads nothing but how many people shared identifiers were seen with.
func (g *Graph) judge(ctx context.Context, q store.Querier, c *cluster, lastNode touchstone.NodeID) (*verdict, error) {
	v := &verdict{cluster: c, trusts: map[touchstone.NodeID]trust{}, blocked: map[touchstone.NodeID]bool{}, shown: map[touchstone.NodeID]exposure{}}
	if err := g.standings(ctx, q, v); err != nil {
		return nil, err
	}
	var parted apartness
	for _, pair := range c.apart {
		parted.add(touchstone.PersonID(pair[0]), touchstone.PersonID(pair[1]))
	}
	r := newRegion(g.rules(&parted), lastNode, len(c.members))
	r.withoutEdges, r.judging = true, true
	for _, m := range v.sorted() {
		n := r.put(m.ident, m.id, touchstone.PersonID(m.id), m.carries)
		n.since, n.known = m.first, true
		r.setTrust(n, v.trusts[m.id])
		n.part.loaded = true
	}
	v.region = r
	v.fates = make([]fate, len(c.clues))
	for i, k := range c.clues {
		v.fates[i].clue = k
	}
	v.order(g)
	for i := range v.fates {
		v.try(&v.fates[i])
	}
	return v, nil
}

func (c *cluster) sorted() []*member {
	list := make([]*member, 0, len(c.members))
	for _, m := range c.members {
		list = append(list, m)
	}
	slices.SortFunc(list, func(a, b *member) int { return cmp.Compare(a.id, b.id) })
	return list
}

// standings decides which identifiers say who somebody is.
func (g *Graph) standings(ctx context.Context, q store.Querier, v *verdict) error {
	met := v.meetings()
	for _, m := range v.members {
		name := g.kinds.name(m.kind)
		if _, refused := g.cfg.Kinds.Check(name, m.value); refused == touchstone.RefusedBlocked {
			v.blocked[m.id] = true
		}
		counts, err := g.witnesses(ctx, q, m)
		if err != nil {
			return err
		}
		for of, n := range met[m.ident] {
			if counts == nil {
				counts = map[touchstone.IdentifierKind]int{}
			}
			counts[g.kinds.name(of)] = max(counts[g.kinds.name(of)], n)
		}
		v.trusts[m.id] = g.standing(m, counts)
		if v.trusts[m.id] == shared && m.trust != shared {
			v.shown[m.id] = g.exposureOf(m, counts)
		}
	}
	return nil
}

// meetings counts, by kind, with how many others each identifier has evidence: its company knows
// more, but only of kinds that told persons apart when they met.
func (c *cluster) meetings() map[ident]map[uint8]int {
	seen := map[[2]ident]bool{}
	met := map[ident]map[uint8]int{}
	note := func(id, with ident) {
		if seen[[2]ident{id, with}] {
			return
		}
		seen[[2]ident{id, with}] = true
		if met[id] == nil {
			met[id] = map[uint8]int{}
		}
		met[id][with.kind]++
	}
	for _, k := range c.clues {
		if from := c.members[k.from]; from != nil && k.evidence != operated && k.evidence != matched {
			note(from.ident, k.id)
			note(k.id, from.ident)
		}
	}
	return met
}

// witnesses counts, by kind, with whom a shared identifier was seen since it is shared; others
// have it in their company.
func (g *Graph) witnesses(ctx context.Context, q store.Querier, m *member) (map[touchstone.IdentifierKind]int, error) {
	if m.trust != shared {
		return nil, nil
	}
	counts := map[touchstone.IdentifierKind]int{}
	rows, err := q.Query(ctx, `SELECT n.kind, COUNT(*) FROM identity_relations r JOIN identity_nodes n ON n.id = r.node WHERE r.related = ? GROUP BY n.kind`, int64(m.id))
	if err != nil {
		return nil, fmt.Errorf("count who relates to an identifier: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var kind touchstone.IdentifierKind
		var n int
		if err := rows.Scan(&kind, &n); err != nil {
			return nil, err
		}
		counts[kind] = n
	}
	return counts, rows.Err()
}

// standing is whether an identifier is shared by the rules of now. What somebody has decided
// stays.
func (g *Graph) standing(m *member, counts map[touchstone.IdentifierKind]int) trust {
	switch {
	case m.trust == trusted, m.trust == shared && m.decided == byOperator, g.kinds.relates(m.kind):
		return m.trust
	case g.exposureOf(m, counts).seen > 0:
		return shared
	}
	return ordinary
}

// exposureOf is of which kind an identifier was seen with too many; seen is 0 if of none.
func (g *Graph) exposureOf(m *member, counts map[touchstone.IdentifierKind]int) exposure {
	for _, c := range g.cfg.Kinds.Configs() {
		of := g.kinds.number(c.Kind)
		if of == noKind {
			continue
		}
		bears, counted := g.kinds.bears(m.kind, of)
		if n := max(m.company.count(c.Kind), counts[c.Kind]); counted && n > bears {
			return exposure{ident: m.ident, witness: of, seen: n, bears: bears}
		}
	}
	return exposure{}
}

// order puts the evidence in the order in which it is judged: what operators tied first, for a
// person decided it, then by the time of the event; within an event the stronger identifiers
// first, so that it is the weaker one that finds no room.
func (v *verdict) order(g *Graph) {
	rank := func(id ident) int {
		c := g.cfg.Kinds.Config(g.kinds.name(id.kind))
		if c.Role == touchstone.Relates {
			return c.Priority
		}
		return c.Priority + 10_000
	}
	text := func(f *fate) ident {
		if m := v.members[f.from]; m != nil {
			return m.ident
		}
		return ident{}
	}
	for i := range v.fates {
		f := &v.fates[i]
		if f.to != 0 && f.kept != inRelations && cmp.Or(cmp.Compare(rank(text(f)), rank(f.id)), byValue(f.id, text(f))) < 0 {
			f.from, f.to, f.id = f.to, f.from, text(f)
		}
	}
	slices.SortFunc(v.fates, func(a, b fate) int {
		return cmp.Or(cmp.Compare(asInt(b.evidence == operated), asInt(a.evidence == operated)), cmp.Compare(a.time, b.time), cmp.Compare(a.messageID, b.messageID),
			cmp.Compare(rank(text(&b)), rank(text(&a))), cmp.Compare(rank(b.id), rank(a.id)),
			byValue(text(&a), text(&b)), byValue(a.id, b.id), cmp.Compare(a.evidence, b.evidence), cmp.Compare(a.kept, b.kept))
	})
}

// try makes a link if the rules let it.
func (v *verdict) try(f *fate) {
	r := v.region
	first := r.nodes[v.members[f.from].ident]
	id := f.id
	to := r.nodes[id]
	switch {
	case v.blocked[f.from] || to != nil && v.blocked[to.id]:
		f.reason = reasonBlocked
		return
	case to == nil && r.relates(id.kind):
		f.reason = reasonUnknown
		return
	case r.relating(first.ident) && r.relating(id):
		f.reason = reasonNeither
		return
	case r.relating(first.ident) || r.relating(id):
		f.relates = true
		return
	}
	before := len(r.drops)
	switch {
	case f.evidence == operated && to != nil:
		f.reason = v.tie(first, to, f.cause)
	case f.evidence == operated:
		f.reason = reasonUnknown
	default:
		r.join(first, id, f.cause, f.evidence == aliased)
	}
	if len(r.drops) > before {
		f.reason = r.drops[before].reason
	}
	f.made = f.reason == ""
}

const (
	reasonBlocked = "the value names nobody"
	reasonUnknown = "nobody has it"
	reasonNeither = "neither says who somebody is"
)

// tie joins what an operator has joined, over limits too, unless somebody parted the two.
func (v *verdict) tie(first, to *node, c cause) (refusal string) {
	r := v.region
	p, q := first.part.root(), to.part.root()
	switch {
	case p == q:
	case r.apart.has(p.person, q.person):
		return "parted by an operator"
	case len(p.nodes)+len(q.nodes) > r.maxNodes:
		return r.refuseMerge(p, q, true)
	default:
		r.merge(p, q, first, to, c)
	}
	return ""
}

// becomes returns whose a member is by the verdict.
func (v *verdict) becomes(m *member) touchstone.PersonID {
	return v.region.nodes[m.ident].part.root().person
}

// changes tells whether somebody would be another person, or an identifier stand otherwise.
func (v *verdict) changes() bool {
	for id, m := range v.members {
		if v.becomes(m) != m.person || v.trusts[id] != m.trust {
			return true
		}
	}
	return slices.ContainsFunc(v.fates, func(f fate) bool { return f.stirs() })
}

// stirs tells whether a clue must be kept elsewhere.
func (f *fate) stirs() bool {
	switch {
	case f.made:
		return f.kept != inEdges
	case f.relates:
		return f.kept != inRelations
	}
	return f.kept == inEdges || f.kept == inRelations
}
