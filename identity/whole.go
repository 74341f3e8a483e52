package identity

import (
	"context"
	"slices"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/keep"
	"github.com/touchstone-cdp/touchstone/store"
)

// WholeIn returns persons with all that they consist of, in the order of their numbers; those that
// there are not are left out.
func (g *Graph) WholeIn(ctx context.Context, q store.Querier, persons []touchstone.PersonID) ([]keep.Whole, error) {
	found, err := g.nodesOf(ctx, q, persons)
	if err != nil {
		return nil, err
	}
	list := make([]keep.Whole, 0, len(found))
	for person, nodes := range found {
		who := keep.Whole{Person: person}
		for _, n := range nodes {
			who.Nodes, who.Identifiers = append(who.Nodes, n.ID), append(who.Identifiers, n.Identifier())
		}
		list = append(list, who)
	}
	slices.SortFunc(list, func(a, b keep.Whole) int { return int(a.Person - b.Person) })
	return list, nil
}

// EachIdentifier calls fn with every identifier that there is, a page at a time.
func (g *Graph) EachIdentifier(ctx context.Context, fn func(touchstone.Identifier) error) error {
	const page = 5000
	for after, more := int64(0), true; more; {
		var ids []touchstone.Identifier
		err := keep.Each(ctx, g.cfg.DB.Reader(), `SELECT id, kind, value FROM identity_nodes WHERE id > ? ORDER BY id LIMIT ?`, []any{after, page}, func(scan func(...any) error) error {
			var id touchstone.Identifier
			err := scan(&after, &id.Kind, &id.Value)
			ids = append(ids, id)
			return err
		})
		if err != nil {
			return err
		}
		for _, id := range ids {
			if err := fn(id); err != nil {
				return err
			}
		}
		more = len(ids) == page
	}
	return nil
}
