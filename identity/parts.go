package identity

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/keep"
	"github.com/touchstone-cdp/touchstone/store"
)

// partsAtOnce is how many persons are read at a time.
const partsAtOnce = 1000

// PartsWithoutMatches returns the nodes of all persons that links of models have made, by ascending node, and for each the
// part of its person that it is in when those links are not counted: the least node of that part. What a model links that hangs together
// without it is one part.
func (g *Graph) PartsWithoutMatches(ctx context.Context) (nodes, parts []int64, err error) {
	err = g.cfg.DB.View(ctx, func(tx *store.Tx) error {
		var persons []touchstone.PersonID
		err := keep.Each(ctx, tx, `SELECT DISTINCT n.person FROM identity_edges e JOIN identity_nodes n ON n.id = e.a WHERE e.evidence = 'match' ORDER BY n.person`, nil, func(scan func(...any) error) error {
			var p touchstone.PersonID
			err := scan(&p)
			persons = append(persons, p)
			return err
		})
		if err != nil {
			return fmt.Errorf("read links of models: %w", err)
		}
		for some := range slices.Chunk(persons, partsAtOnce) {
			if err := g.partsWithout(ctx, tx, some, func(node, part touchstone.NodeID) {
				nodes, parts = append(nodes, int64(node)), append(parts, int64(part))
			}); err != nil {
				return err
			}
		}
		return nil
	})
	return nodes, parts, err
}

func (g *Graph) partsWithout(ctx context.Context, q store.Querier, persons []touchstone.PersonID, fn func(node, part touchstone.NodeID)) error {
	var all []*node
	var ids []int64
	err := store.SelectIn(ctx, q, `SELECT id FROM identity_nodes WHERE person IN (...)`, persons, func(rows *sql.Rows) error {
		n := &node{}
		err := rows.Scan(&n.id)
		all, ids = append(all, n), append(ids, int64(n.id))
		return err
	})
	if err != nil {
		return err
	}
	var edges []edgeKey
	err = store.SelectIn(ctx, q, `SELECT a, b FROM identity_edges WHERE evidence <> 'match' AND a IN (...)`, ids, func(rows *sql.Rows) error {
		var e edgeKey
		err := rows.Scan(&e.a, &e.b)
		edges = append(edges, e)
		return err
	})
	if err != nil {
		return err
	}
	for _, c := range componentsOf(all, edges) {
		for _, n := range c {
			fn(n.id, first(c))
		}
	}
	return nil
}
