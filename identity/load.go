package identity

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

// state is the row of counters, and how many requests of clients wait.
type state struct {
	version, lastNode, lastOverride, lastMerge, persons, known, requests int64
	relating                                                             string
}

// loadState reads the counters. Who writes them locks them, so that processors take turns
// in changing the graph.
func loadState(ctx context.Context, tx *store.Tx, lock bool) (state, error) {
	query := `SELECT version, last_node, last_override, last_merge, persons, known_persons, relating,
		(SELECT COUNT(*) FROM identity_requests WHERE done = 0) FROM identity_state WHERE id = 1`
	if lock && tx.Dialect() == store.Postgres {
		query += ` FOR UPDATE`
	}
	var s state
	err := tx.QueryRow(ctx, query).Scan(&s.version, &s.lastNode, &s.lastOverride, &s.lastMerge, &s.persons, &s.known, &s.relating, &s.requests)
	if err != nil {
		return s, fmt.Errorf("read the graph's counters: %w", err)
	}
	return s, nil
}

func (s state) save(ctx context.Context, tx *store.Tx) error {
	_, err := tx.Exec(ctx, `UPDATE identity_state SET version = ?, last_node = ?, last_override = ?, last_merge = ?, persons = ?, known_persons = ?, relating = ? WHERE id = 1`,
		s.version, s.lastNode, s.lastOverride, s.lastMerge, s.persons, s.known, s.relating)
	return err
}

// load puts into a region what the mentions may touch: the nodes named, and all nodes of
// persons that may grow or merge. cached: the cache may be asked (by the stage only).
func (g *Graph) load(ctx context.Context, q store.Querier, r *region, mentions []mention, cached bool) error {
	missing := g.loadCached(r, mentions, cached)
	if err := g.loadIdents(ctx, q, r, missing); err != nil {
		return err
	}
	var persons []touchstone.PersonID
	wanted := map[touchstone.PersonID]bool{}
	for _, m := range mentions {
		for _, p := range needed(r, m) {
			if !p.loaded && !wanted[p.person] {
				wanted[p.person] = true
				persons = append(persons, p.person)
			}
		}
	}
	return g.loadPersons(ctx, q, r, persons)
}

// needed returns the persons whose nodes must all be known to link a mention.
func needed(r *region, m mention) []*part {
	var parts []*part
	unknown := len(m.previous) > 0
	look := func(ids []ident) {
		for _, id := range ids {
			if r.relating(id) {
				continue // joins nobody
			}
			n := r.nodes[id]
			if n == nil {
				unknown = true
				continue
			}
			p := n.part.root()
			if len(parts) == 0 || parts[len(parts)-1] != p {
				parts = append(parts, p)
			}
		}
	}
	look(m.ids)
	look(m.previous)
	if len(parts) == 1 && !unknown {
		return nil // all in one person: at most an edge is new
	}
	return parts
}

func (g *Graph) loadCached(r *region, mentions []mention, cached bool) (missing []ident) {
	if cached {
		g.mu.Lock()
		defer g.mu.Unlock()
	}
	asked := make(map[ident]bool, 2*len(mentions))
	look := func(ids []ident) {
		for _, id := range ids {
			if r.nodes[id] != nil || asked[id] {
				continue
			}
			if cached {
				if e := entry(g.cache.Get(id.kind, id.value)); e != nil {
					r.setTrust(r.put(id, e.node(), e.person(), e.carries()), e.trust())
					continue
				}
			}
			asked[id] = true
			missing = append(missing, id)
		}
	}
	for _, m := range mentions {
		look(m.ids)
		look(m.unbind)
		look(m.previous)
	}
	return missing
}

const nodeColumns = `id, kind, value, person, carries, trust, company, first_seen`

// loadIdents reads the nodes of identifiers. One value is rarely used by two kinds, so
// asking by value alone costs nothing and keeps the statement simple. It sorts ids, so that
// each page of the index is read once.
func (g *Graph) loadIdents(ctx context.Context, q store.Querier, r *region, ids []ident) error {
	slices.SortFunc(ids, byValue)
	values := make([]string, len(ids))
	for i, id := range ids {
		values[i] = id.value
	}
	return store.SelectIn(ctx, q, `SELECT `+nodeColumns+` FROM identity_nodes WHERE value IN (...)`, values, g.putNode(r))
}

// byValue is the order of the index by which identifiers are found.
func byValue(a, b ident) int {
	return cmp.Or(strings.Compare(a.value, b.value), cmp.Compare(a.kind, b.kind))
}

func (g *Graph) loadPersons(ctx context.Context, q store.Querier, r *region, persons []touchstone.PersonID) error {
	err := store.SelectIn(ctx, q, `SELECT `+nodeColumns+` FROM identity_nodes WHERE person IN (...)`, persons, g.putNode(r))
	for _, p := range persons {
		r.parts[p].loaded = true
	}
	return err
}

// putNode puts a row of nodeColumns into a region.
func (g *Graph) putNode(r *region) func(*sql.Rows) error {
	return func(rows *sql.Rows) error {
		var number, person int64
		var kind, value string
		var carries bool
		var trusted trust
		var with company
		var since int64
		if err := rows.Scan(&number, &kind, &value, &person, &carries, &trusted, &with, &since); err != nil {
			return err
		}
		if k := g.kinds.number(touchstone.IdentifierKind(kind)); k != noKind {
			n := r.put(ident{k, value}, touchstone.NodeID(number), touchstone.PersonID(person), carries)
			n.since = since
			if r.setTrust(n, trusted); !n.known {
				n.company, n.known = with, true
			}
		}
		return nil
	}
}

// The keys of refused links: of identifiers, not of their persons, so that each link is looked
// at once; from the stronger to the weaker, as it is on record. Two of them clash with a chance
// of n²/2^65.
func refusedNodes(from, to touchstone.NodeID) uint64 {
	return mix(uint64(from)*0x9E3779B97F4A7C15 ^ mix(uint64(to))) //nolint:gosec // bits
}

func refusedIdent(n touchstone.NodeID, id ident) uint64 {
	return mix(xxhash.Sum64String(id.value) + uint64(id.kind)<<32 ^ mix(^uint64(n))) //nolint:gosec // bits
}

func mix(x uint64) uint64 {
	x ^= x >> 32
	x *= 0xd6e8feb86659fd93
	x ^= x >> 32
	x *= 0xd6e8feb86659fd93
	return x ^ x>>32
}
