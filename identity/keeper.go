package identity

import (
	"context"
	"database/sql"
	"errors"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/keep"
	"github.com/touchstone-cdp/touchstone/store"
)

// keeper is the graph as a keeper. Merges are the graph's own doing; splits and erasures are
// commands to it.
type keeper struct {
	keep.ByStage
	g *Graph
}

// Keeper returns the graph as a keeper of rows about persons.
func (g *Graph) Keeper() keep.Keeper { return keeper{g: g} }

func (keeper) Name() string { return "identity" }

func (keeper) Tables() []keep.Table {
	return []keep.Table{
		{Name: "identity_nodes", Persons: []string{"person"}, Nodes: []string{"id"}, Texts: []string{"value"}},
		{Name: "identity_edges", Nodes: []string{"a", "b"}, Texts: []string{"message_id", "detail"}},
		{Name: "identity_merges", Nodes: []string{"kept", "absorbed", "a", "b"}, Texts: []string{"message_id"}},
		{Name: "identity_dropped", Nodes: []string{"node"}, Texts: []string{"value", "message_id"}},
		{Name: "identity_relations", Nodes: []string{"node", "related"}, Texts: []string{"message_id"}},
		{Name: "identity_large", Persons: []string{"person"}},
		{Name: "identity_shared", Nodes: []string{"node"}},
		{Name: "identity_undo", Nodes: []string{"a", "b"}},
		{Name: "identity_cut", Nodes: []string{"a", "b"}, Texts: []string{"message_id", "detail"}},
		{Name: "identity_rerun_samples", Nodes: []string{"node", "was", "becomes"}},
		{Name: "identity_rerun_reasons", Nodes: []string{"a", "b"}, Texts: []string{"message_id"}},
		{Name: "identity_apart", Nodes: []string{"a", "b"}},
		{Name: "identity_requests", Nodes: []string{"person", "other"}, Texts: []string{"nodes"}},
		{Name: "identity_suggestions", Texts: []string{"value", "examples"}},
		{Name: "identity_overrides", Nodes: []string{"node", "person"}, Stays: "a tombstone, numbers only: the warehouse follows the versions, and must hear that the node was erased, however late it comes"},
		{Name: "identity_erased", Nodes: []string{"node"}, Stays: "the tombstone, numbers only"},
	}
}

// Export hands over the person's identifiers with the evidence, and whom they relate to.
func (k keeper) Export(ctx context.Context, q store.Querier, who keep.Whole, put keep.Put) error {
	person := who.Person
	found, err := k.g.nodesOf(ctx, q, []touchstone.PersonID{person})
	if err != nil {
		return err
	}
	nodes := found[person]
	if len(nodes) == 0 {
		return nil
	}
	var errs []error
	edges, err := readEdges(ctx, q, nodes)
	errs = append(errs, err)
	merges, err := readMerges(ctx, q, nodes)
	errs = append(errs, err)
	dropped, err := readDropped(ctx, q, nodes)
	errs = append(errs, err)
	parted, err := readParted(ctx, q, nodes)
	errs = append(errs, err)
	related, err := readRelated(ctx, q, nodes)
	if err := errors.Join(append(errs, err)...); err != nil {
		return err
	}
	for _, one := range []struct {
		name  string
		value any
		some  bool
	}{
		{"identifiers", nodes, true}, {"evidence", edges, len(edges) > 0}, {"merges", merges, len(merges) > 0},
		{"not_linked", dropped, len(dropped) > 0}, {"parted_from", parted, len(parted) > 0}, {"relations", related, len(related) > 0},
	} {
		if !one.some {
			continue
		}
		if err := put(one.name, one.value); err != nil {
			return err
		}
	}
	return nil
}

// readRelated returns what the nodes have to do with, all of it.
func readRelated(ctx context.Context, q store.Querier, nodes []Node) (list []Relation, err error) {
	err = store.SelectIn(ctx, q, `SELECT t.kind, t.value, t.person, r.first_time, r.last_time, r.count
		FROM identity_relations r JOIN identity_nodes t ON t.id = r.related WHERE r.node IN (...) ORDER BY r.node, r.related`, nodeIDs(nodes), func(rows *sql.Rows) error {
		var r Relation
		var first, last int64
		if err := rows.Scan(&r.Kind, &r.Value, &r.ID, &first, &last, &r.Events); err != nil {
			return err
		}
		r.FirstSeen, r.LastSeen = timeOf(first), timeOf(last)
		list = append(list, r)
		return nil
	})
	return list, err
}
