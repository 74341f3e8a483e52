package identity

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

// MatchDetail is what is known of a link that a model has found.
type MatchDetail struct {
	Model  string  `json:"model"`  // its name and version
	Weight float64 `json:"weight"` // bits of evidence for it
}

// Link is a link between two identifiers that a model has found.
type Link struct {
	Identifiers [2]string `json:"identifiers"`
	MatchDetail
}

// LinkBody makes links that a model has found: edges like others, within the limits.
type LinkBody struct {
	Links []Link `json:"links"`
}

// UnlinkBody takes links of models back, between the pairs that it names.
type UnlinkBody struct {
	Links [][2]string `json:"links"`
	// Apart says that the two persons are not one: nothing joins them again.
	Apart bool `json:"apart,omitempty"`
}

// Linked is what became of each link, in order.
type Linked struct {
	Links []LinkOutcome `json:"links"`
}

// LinkOutcome tells what became of a link.
type LinkOutcome struct {
	Outcome string              `json:"outcome"` // joined, noted (they were one person already), refused, unknown, parted, left (they are one by other links)
	Reason  string              `json:"reason,omitempty"`
	ID      touchstone.PersonID `json:"id,omitempty"` // whose the first identifier is then
}

const maxLinks = 500 // of one command

func checkLink(body touchstone.JSON) error {
	var in LinkBody
	if err := readBody(body, &in); err != nil {
		return err
	}
	pairs := make([][2]string, len(in.Links))
	for i, l := range in.Links {
		if pairs[i] = l.Identifiers; l.Model == "" || len(l.Model) > 200 {
			return touchstone.Errorf(touchstone.Invalid, "a link names the model that has found it, in at most %d bytes", 200)
		}
	}
	return checkPairs(pairs)
}

func checkUnlink(body touchstone.JSON) error {
	var in UnlinkBody
	if err := readBody(body, &in); err != nil {
		return err
	}
	return checkPairs(in.Links)
}

func checkPairs(pairs [][2]string) error {
	if len(pairs) == 0 || len(pairs) > maxLinks {
		return touchstone.Errorf(touchstone.Invalid, "a command names 1 to %d links", maxLinks)
	}
	for _, p := range pairs {
		ids, err := parseIdentifiers(p[:])
		if err != nil {
			return err
		}
		if ids[0] == ids[1] {
			return touchstone.Errorf(touchstone.Invalid, "%.80q is linked to itself", ids[0])
		}
	}
	return nil
}

func (g *Graph) doLink(ctx context.Context, tx *store.Tx, b *touchstone.Batch, c touchstone.Command) (any, error) {
	var in LinkBody
	if err := readBody(c.Body, &in); err != nil {
		return nil, err
	}
	out := Linked{Links: make([]LinkOutcome, len(in.Links))}
	err := g.change(ctx, tx, func(st *state) error {
		r := newRegion(g.rules(&g.apart), touchstone.NodeID(st.lastNode), len(in.Links))
		mentions := make([]mention, 0, len(in.Links))
		for i, l := range in.Links {
			m, err := g.linkMention(l, c)
			if err != nil {
				return err
			}
			if len(m.ids) < 2 {
				out.Links[i].Outcome = "unknown"
			}
			mentions = append(mentions, m)
		}
		if err := g.load(ctx, tx, r, mentions, false); err != nil {
			return err
		}
		for i, m := range mentions {
			if len(m.ids) == 2 {
				r.connect(m, &out.Links[i])
			}
		}
		for i, m := range mentions {
			if len(m.ids) == 2 && r.nodes[m.ids[0]] != nil {
				out.Links[i].ID = r.nodes[m.ids[0]].part.root().person
			}
		}
		return g.commitRegion(ctx, tx, b, r, st, c.SubmittedAt.UnixMilli())
	})
	return out, err
}

func (g *Graph) linkMention(l Link, c touchstone.Command) (mention, error) {
	ids, err := parseIdentifiers(l.Identifiers[:])
	if err != nil {
		return mention{}, err
	}
	detail, err := json.Marshal(l.MatchDetail)
	if err != nil {
		return mention{}, err
	}
	m := mention{cause: cause{evidence: matched, messageID: c.ID, source: c.Actor, time: c.SubmittedAt.UnixMilli(), detail: string(detail)}}
	for _, id := range ids {
		if k, ok := g.ident(id); ok {
			m.ids = append(m.ids, k)
		}
	}
	return m, nil
}

// connect makes a link between two identifiers that are there.
func (r *region) connect(m mention, out *LinkOutcome) {
	x, y := r.nodes[m.ids[0]], r.nodes[m.ids[1]]
	switch {
	case x == nil || y == nil:
		out.Outcome = "unknown"
		return
	case r.relating(x.ident) || r.relating(y.ident):
		out.Outcome, out.Reason = "refused", "one of them does not say who somebody is"
		return
	case x.part.root() == y.part.root():
		out.Outcome = "noted"
	default:
		if out.Reason = r.refuseMerge(x.part.root(), y.part.root(), false); out.Reason != "" {
			out.Outcome = "refused"
			return
		}
		r.merge(x.part.root(), y.part.root(), x, y, m.cause)
		out.Outcome = "joined"
	}
	r.edge(x, y, m.cause)
}

// commitRegion writes what a command has brought about, and reports its merges.
func (g *Graph) commitRegion(ctx context.Context, tx *store.Tx, b *touchstone.Batch, r *region, st *state, now int64) error {
	for _, m := range r.merges {
		b.Changes = append(b.Changes, touchstone.Change{Kind: touchstone.PersonsMerged, Person: m.kept, Other: m.absorbed, Time: timeOf(now)})
	}
	g.metrics.merged.Add(float64(len(r.merges)))
	g.settle(r)
	return g.write(ctx, tx, r, st)
}

func (g *Graph) doUnlink(ctx context.Context, tx *store.Tx, b *touchstone.Batch, c touchstone.Command) (any, error) {
	var in UnlinkBody
	if err := readBody(c.Body, &in); err != nil {
		return nil, err
	}
	out := Linked{Links: make([]LinkOutcome, len(in.Links))}
	err := g.change(ctx, tx, func(st *state) error {
		for i, pair := range in.Links {
			if err := g.unlink(ctx, tx, b, st, pair, in.Apart, &out.Links[i]); err != nil {
				return err
			}
		}
		return nil
	})
	return out, err
}

func (g *Graph) unlink(ctx context.Context, tx *store.Tx, b *touchstone.Batch, st *state, pair [2]string, apart bool, out *LinkOutcome) error {
	_, found, err := findNamed(ctx, tx, pair[:])
	if err != nil {
		return err
	}
	x, y := found[0], found[1]
	if x.node == 0 || y.node == 0 {
		out.Outcome = "unknown"
		return nil
	}
	if x.person == y.person {
		key := keyOf(x.node, y.node, matched)
		if _, err := tx.Exec(ctx, `DELETE FROM identity_edges WHERE a = ? AND b = ? AND evidence = ?`, int64(key.a), int64(key.b), matched.String()); err != nil {
			return err
		}
		if err := g.fallApart(ctx, tx, b, st, x.person); err != nil {
			return err
		}
		if _, found, err = findNamed(ctx, tx, pair[:]); err != nil {
			return err
		}
		x, y = found[0], found[1]
	}
	out.ID = x.person
	if x.person == y.person {
		out.Outcome = "left"
		return nil
	}
	out.Outcome = "parted"
	if !apart {
		return nil
	}
	g.apart.add(x.person, y.person)
	_, err = tx.Exec(ctx, `INSERT INTO identity_apart (a, b, time) VALUES (?, ?, ?) ON CONFLICT (a, b) DO NOTHING`, int64(x.person), int64(y.person), b.Now.UnixMilli())
	return err
}

// fallApart makes a person of each component that a person's edges leave, and tries again what
// the person was refused.
func (g *Graph) fallApart(ctx context.Context, tx *store.Tx, b *touchstone.Batch, st *state, person touchstone.PersonID) error {
	r := newRegion(g.rules(&g.apart), touchstone.NodeID(st.lastNode), 1)
	if err := g.loadPersons(ctx, tx, r, appendPart(r, person)); err != nil {
		return err
	}
	nodes := slices.Clone(r.parts[person].nodes)
	if len(nodes) == 0 {
		return fmt.Errorf("there is no person %s", person)
	}
	before := len(b.Changes)
	if _, err := g.comeApart(ctx, tx, b, st, person, nodes, nil); err != nil {
		return err
	}
	if len(b.Changes) == before {
		return nil
	}
	return g.retry(ctx, tx, b, st, nodes)
}
