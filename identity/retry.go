package identity

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

// attempt is a link that was refused, or a relation that is to be a link.
type attempt struct {
	from touchstone.NodeID
	id   ident
	cause
}

// retry tries the links again that were refused to persons of some nodes, now that the persons
// are others: in the order of their events.
func (g *Graph) retry(ctx context.Context, tx *store.Tx, b *touchstone.Batch, st *state, nodes []*node) error {
	var list []attempt
	scan := func(rows *sql.Rows) error {
		var a attempt
		var kind string
		if err := rows.Scan(&a.from, &kind, &a.id.value, &a.messageID, &a.source, &a.time); err != nil {
			return err
		}
		if a.id.kind = g.kinds.number(touchstone.IdentifierKind(kind)); a.id.kind != noKind {
			list = append(list, a)
		}
		return nil
	}
	const columns = `SELECT node, kind, value, message_id, source, time FROM identity_dropped`
	if err := store.SelectIn(ctx, tx, columns+` WHERE node IN (...)`, idsOf(nodes), scan); err != nil {
		return fmt.Errorf("read refused links: %w", err)
	}
	values := make([]string, len(nodes))
	mine := map[ident]bool{}
	for i, n := range nodes {
		values[i], mine[n.ident] = n.value, true
	}
	own := len(list)
	if err := store.SelectIn(ctx, tx, columns+` WHERE value IN (...)`, values, scan); err != nil {
		return fmt.Errorf("read refused links: %w", err)
	}
	others := slices.DeleteFunc(list[own:], func(a attempt) bool { return !mine[a.id] })
	list = list[:own+len(others)]
	if len(list) == 0 {
		return nil
	}
	joined, err := g.attempt(ctx, tx, b, st, list, b.Now.UnixMilli())
	if err != nil {
		return err
	}
	for _, a := range joined {
		if _, err := tx.Exec(ctx, `DELETE FROM identity_dropped WHERE node = ? AND kind = ? AND value = ?`, int64(a.from), string(g.kinds.name(a.id.kind)), a.id.value); err != nil {
			return err
		}
	}
	return nil
}

// attempt makes links as far as the rules let it, and returns those that are made.
func (g *Graph) attempt(ctx context.Context, tx *store.Tx, b *touchstone.Batch, st *state, list []attempt, now int64) (joined []attempt, err error) {
	slices.SortFunc(list, func(x, y attempt) int {
		return cmp.Or(cmp.Compare(x.time, y.time), cmp.Compare(x.from, y.from), byValue(x.id, y.id))
	})
	r := newRegion(g.rules(&g.apart), touchstone.NodeID(st.lastNode), len(list))
	froms := make([]touchstone.NodeID, len(list))
	for i, a := range list {
		froms[i] = a.from
	}
	slices.Sort(froms)
	byID := map[touchstone.NodeID]*node{}
	if err := store.SelectIn(ctx, tx, `SELECT `+nodeColumns+` FROM identity_nodes WHERE id IN (...)`, slices.Compact(froms), g.putNode(r)); err != nil {
		return nil, err
	}
	for _, n := range r.nodes {
		byID[n.id] = n
	}
	mentions := make([]mention, 0, len(list))
	for _, a := range list {
		if n := byID[a.from]; n != nil {
			mentions = append(mentions, mention{ids: []ident{n.ident, a.id}})
		}
	}
	if err := g.load(ctx, tx, r, mentions, false); err != nil {
		return nil, err
	}
	for _, a := range list {
		from := byID[a.from]
		if from == nil || r.relating(from.ident) || r.relating(a.id) {
			continue
		}
		r.join(from, a.id, a.cause, false)
		if n := r.nodes[a.id]; n != nil && n.part.root() == from.part.root() {
			joined = append(joined, a)
		}
	}
	r.uncount()
	return joined, g.commitRegion(ctx, tx, b, r, st, now)
}

// uncount forgets that nodes were seen: what is tried again has been counted.
func (r *region) uncount() {
	for _, n := range r.order {
		if !n.fresh {
			n.seen, n.events = false, 0
		}
	}
}
