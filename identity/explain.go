package identity

import (
	"context"

	"github.com/touchstone-cdp/touchstone"
)

// Explain returns the shortest path of evidence from one identifier to another of the
// same person. It is empty when both are the same; NotFound when they are not linked.
func (g *Graph) Explain(ctx context.Context, from, to touchstone.Identifier) ([]Edge, error) {
	person, err := g.Resolve(ctx, from.String())
	if err != nil {
		return nil, err
	}
	other, err := g.Resolve(ctx, to.String())
	if err != nil {
		return nil, err
	}
	if person != other {
		return nil, touchstone.Errorf(touchstone.NotFound, "%s and %s belong to different persons, %s and %s", from, to, person, other)
	}
	v, err := g.identity(ctx, person)
	if err != nil {
		return nil, err
	}
	return v.Explain(g.normal(from), g.normal(to)), nil
}

func (g *Graph) normal(id touchstone.Identifier) touchstone.Identifier {
	if n, ok := g.cfg.Kinds.Parse(id.String()); ok {
		return n
	}
	return id
}

// Explain returns the shortest path between two identifiers of a person, nil if there is
// none. A person has a bounded number of nodes, so a plain breadth-first search will do.
func (v *View) Explain(from, to touchstone.Identifier) []Edge {
	var start, end touchstone.NodeID
	for _, n := range v.Nodes {
		if n.Identifier() == from {
			start = n.ID
		}
		if n.Identifier() == to {
			end = n.ID
		}
	}
	if start == 0 || end == 0 {
		return nil
	}
	edges := map[touchstone.NodeID][]Edge{}
	for _, e := range v.Edges {
		edges[e.From] = append(edges[e.From], e)
		edges[e.To] = append(edges[e.To], e.reverse())
	}
	came := map[touchstone.NodeID]Edge{start: {}}
	for queue := []touchstone.NodeID{start}; len(queue) > 0 && came[end] == (Edge{}); queue = queue[1:] {
		for _, e := range edges[queue[0]] {
			if _, seen := came[e.To]; !seen {
				came[e.To] = e
				queue = append(queue, e.To)
			}
		}
	}
	path := []Edge{}
	for at := end; at != start; {
		e, ok := came[at]
		if !ok {
			return nil
		}
		path = append(path, e)
		at = e.From
	}
	for i, j := 0, len(path)-1; i < j; i, j = i+1, j-1 {
		path[i], path[j] = path[j], path[i]
	}
	return path
}

func (e Edge) reverse() Edge {
	e.From, e.To = e.To, e.From
	return e
}
