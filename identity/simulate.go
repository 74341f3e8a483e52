package identity

import (
	"context"
	"iter"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

// Simulation is what an import would do to the graph.
type Simulation struct {
	Events         int64 `json:"events"`
	PersonsCreated int64 `json:"persons_created"` // persons that would be new
	PersonsMerged  int64 `json:"persons_merged"`  // existing persons that would be absorbed by others
	PersonsMatched int64 `json:"persons_matched"` // existing persons that events would come under
	LinksDropped   int64 `json:"links_dropped"`   // identifiers that a limit would keep from being linked
	// Truncated tells that the import has more identifiers than fit; the rest was not looked at.
	Truncated bool `json:"truncated"`
}

const (
	simulateChunk = 1024
	// maxSimulated bounds the memory of a simulation to a few hundred megabytes.
	maxSimulated = 1_000_000
)

// Simulate tells what events with these identifiers, strongest first, would do. It
// changes nothing. Values must be normalised as the edge does it.
func (g *Graph) Simulate(ctx context.Context, events iter.Seq[[]touchstone.Identifier]) (Simulation, error) {
	var s Simulation
	err := g.cfg.DB.View(ctx, func(tx *store.Tx) error {
		st, err := loadState(ctx, tx, false)
		if err != nil {
			return err
		}
		var apart apartness
		if err := apart.load(ctx, tx); err != nil {
			return err
		}
		r := newRegion(g.rules(&apart), touchstone.NodeID(st.lastNode), simulateChunk)
		r.withoutEdges = true
		var chunk []mention
		for ids := range events {
			s.Events++
			if m := g.mention(&touchstone.Fact{Event: touchstone.Event{Identifiers: ids}}); len(m.ids) > 0 {
				chunk = append(chunk, m)
			}
			if len(r.nodes) > maxSimulated {
				s.Truncated = true
				break
			}
			if len(chunk) == simulateChunk {
				if err := s.link(ctx, g, tx, r, chunk); err != nil {
					return err
				}
				chunk = chunk[:0]
			}
		}
		if err := s.link(ctx, g, tx, r, chunk); err != nil {
			return err
		}
		s.count(r)
		return nil
	})
	return s, err
}

func (s *Simulation) link(ctx context.Context, g *Graph, tx *store.Tx, r *region, chunk []mention) error {
	if err := g.load(ctx, tx, r, chunk, false); err != nil {
		return err
	}
	for _, m := range chunk {
		r.mention(m)
	}
	s.LinksDropped += int64(len(r.drops))
	r.drops, r.merges = r.drops[:0], r.merges[:0]
	return nil
}

func (s *Simulation) count(r *region) {
	touched := map[*part]bool{}
	for _, n := range r.order {
		if n.seen && !n.part.root().fresh {
			touched[n.part.root()] = true
		}
	}
	s.PersonsMatched = int64(len(touched))
	for _, p := range r.parts {
		switch {
		case p.fresh && p.into == nil:
			s.PersonsCreated++
		case !p.fresh && p.into != nil:
			s.PersonsMerged++
		}
	}
}
