package identity

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

// scanPage is how many rows a scan reads at a time.
const scanPage = 2000

// seeds calls fn with nodes whose clusters the rules of now may see otherwise than they stand;
// everybody else is who the edges say, and no rule speaks against it. It pages through the
// tables, so nothing is held between pages; done counts identifiers that were looked at.
func (g *Graph) seeds(ctx context.Context, q store.Querier, fn func(nodes []touchstone.NodeID, done int64) error) error {
	for _, part := range []func(context.Context, store.Querier, func([]touchstone.NodeID, int64) error) error{
		g.seedsLeftOut, g.seedsOverLimits, g.seedsRelating, g.seedsByValue,
	} {
		if err := part(ctx, q, fn); err != nil {
			return err
		}
	}
	return nil
}

// pages reads a statement of the form "… > ? … ORDER BY … LIMIT ?" page by page; row returns the
// number after which the next page begins.
func pages(ctx context.Context, q store.Querier, query string, args []any, row func(*sql.Rows) (int64, error), page func(last int64) error) error {
	for after := int64(-1); ; {
		rows, err := q.Query(ctx, query, append([]any{after}, append(args[:len(args):len(args)], scanPage)...)...)
		if err != nil {
			return fmt.Errorf("look through identifiers: %w", err)
		}
		n, last := 0, after
		for rows.Next() {
			if last, err = row(rows); err != nil {
				rows.Close()
				return err
			}
			n++
		}
		if err := closed(rows); err != nil {
			return err
		}
		if n > 0 {
			if err := page(last); err != nil {
				return err
			}
		}
		if n < scanPage {
			return nil
		}
		after = last
	}
}

// nodePages calls fn with the identifiers that a query lists, page by page.
func nodePages(ctx context.Context, q store.Querier, query string, args []any, fn func([]touchstone.NodeID, int64) error) error {
	var nodes []touchstone.NodeID
	return pages(ctx, q, query, args, func(rows *sql.Rows) (int64, error) {
		var id int64
		err := rows.Scan(&id)
		nodes = append(nodes, touchstone.NodeID(id))
		return id, err
	}, func(int64) error {
		defer func() { nodes = nodes[:0] }()
		return fn(nodes, 0)
	})
}

// seedsLeftOut are the ends of links that rules have left out.
func (g *Graph) seedsLeftOut(ctx context.Context, q store.Querier, fn func([]touchstone.NodeID, int64) error) error {
	for _, query := range []string{
		`SELECT DISTINCT node FROM identity_dropped WHERE node > ? ORDER BY node LIMIT ?`,
		`SELECT DISTINCT a FROM identity_cut WHERE a > ? AND command = '' ORDER BY a LIMIT ?`,
	} {
		if err := nodePages(ctx, q, query, nil, fn); err != nil {
			return err
		}
	}
	return nil
}

// seedsOverLimits are the persons that have more of a kind than they may.
func (g *Graph) seedsOverLimits(ctx context.Context, q store.Querier, fn func([]touchstone.NodeID, int64) error) error {
	least := unlimitedNumber // so that few rows come
	bounds := g.kinds.current.Load().bounds()
	for _, limit := range bounds {
		least = min(least, limit)
	}
	var nodes []touchstone.NodeID
	// A person that a page cuts in two is read twice: its first kinds are looked at again.
	return pages(ctx, q, `SELECT person, kind, COUNT(*) FROM identity_nodes WHERE person > ? GROUP BY person, kind HAVING COUNT(*) > ? ORDER BY person, kind LIMIT ?`, []any{least}, func(rows *sql.Rows) (int64, error) {
		var person, n int64
		var kind string
		if err := rows.Scan(&person, &kind, &n); err != nil {
			return 0, err
		}
		if k := g.kinds.number(touchstone.IdentifierKind(kind)); k != noKind && n > int64(bounds[k]) && !g.kinds.relates(k) {
			nodes = append(nodes, touchstone.NodeID(person)) // named by its first node
		}
		return person - 1, nil
	}, func(int64) error {
		defer func() { nodes = nodes[:0] }()
		return fn(nodes, 0)
	})
}

// bounds are the numbers of identifiers of each kind from which on a rule may speak against a person.
func (k *kindNumbers) bounds() []int {
	if !k.timed {
		return k.limits
	}
	list := slices.Clone(k.limits)
	for i, w := range k.windows {
		if w.limit > 0 {
			list[i] = min(list[i], w.limit)
		}
	}
	return list
}

// seedsRelating are identifiers that somebody relates to though they say who somebody is.
func (g *Graph) seedsRelating(ctx context.Context, q store.Querier, fn func([]touchstone.NodeID, int64) error) error {
	condition, args := g.relatingKinds()
	return nodePages(ctx, q, `SELECT DISTINCT r.related FROM identity_relations r JOIN identity_nodes n ON n.id = r.related WHERE r.related > ? AND n.trust <> 1`+condition+` ORDER BY r.related LIMIT ?`, args, fn)
}

// seedsByValue are the identifiers whose value, kind or company the rules see otherwise: all are
// looked at.
func (g *Graph) seedsByValue(ctx context.Context, q store.Querier, fn func([]touchstone.NodeID, int64) error) error {
	var nodes, relating []touchstone.NodeID
	var done int64
	return pages(ctx, q, `SELECT id, kind, value, person, trust, company FROM identity_nodes WHERE id > ? ORDER BY id LIMIT ?`, nil, func(rows *sql.Rows) (int64, error) {
		m := member{}
		var kind touchstone.IdentifierKind
		if err := rows.Scan(&m.id, &kind, &m.value, &m.person, &m.trust, &m.company); err != nil {
			return 0, err
		}
		done++
		if m.kind = g.kinds.number(kind); m.kind == noKind {
			return int64(m.id), nil
		}
		switch {
		case g.kinds.relates(m.kind):
			relating = append(relating, m.id)
		case m.trust == shared, g.standing(&m, nil) != m.trust:
			nodes = append(nodes, m.id)
		default:
			if _, refused := g.cfg.Kinds.Check(kind, m.value); refused == touchstone.RefusedBlocked {
				nodes = append(nodes, m.id)
			}
		}
		return int64(m.id), nil
	}, func(int64) error {
		defer func() { nodes, relating = nodes[:0], relating[:0] }()
		err := store.SelectIn(ctx, q, `SELECT n.id FROM identity_nodes n JOIN identity_nodes m ON m.person = n.person AND m.id <> n.id WHERE n.id IN (...)`, relating, func(rows *sql.Rows) error {
			var id touchstone.NodeID
			err := rows.Scan(&id)
			nodes = append(nodes, id)
			return err
		})
		if err != nil {
			return err
		}
		return fn(nodes, done)
	})
}
