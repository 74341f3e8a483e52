package identity

import (
	"context"
	"fmt"
	"strconv"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/jsonwalk"
	"github.com/touchstone-cdp/touchstone/store"
)

// Two events are explicit statements of a client about identifiers, as 神策's SDKs make
// them. One that binds may join what was parted before. One that unbinds takes the
// identifiers that its context lists out of their person; it becomes a request, and the next
// batch does it.
const (
	bindEvent   = "$BindID"
	unbindEvent = "$UnbindID"

	maxUnbinds = 10 // identifiers of one event
)

// speaks tells whether an event says more than that its identifiers belong together.
func speaks(f *touchstone.Fact) bool {
	return f.Type == touchstone.Alias || f.Type == touchstone.Track && (f.Name == bindEvent || f.Name == unbindEvent)
}

// unbinds reads context.unbind: [{"type":"phone","id":"+8613800138001"}].
func (g *Graph) unbinds(f *touchstone.Fact) (list []ident) {
	jsonwalk.Elements(jsonwalk.Member(string(f.Context), "unbind"), func(one string) bool {
		kind, ok := touchstone.ParseKind(jsonwalk.Text(jsonwalk.Member(one, "type")))
		if !ok {
			return true
		}
		text := jsonwalk.Member(one, "id")
		if text != "" && text[0] == '"' {
			text = jsonwalk.Text(text)
		}
		if v, ok := g.kinds.rules().Normalise(kind, text); ok && storable(v) {
			if n := g.kinds.number(kind); n != noKind {
				list = append(list, ident{n, v})
			}
		}
		return len(list) < maxUnbinds
	})
	return list
}

// requestUnbinds asks for the splits that a mention means. An identifier that is not of
// the event's person, or is all that it has, stays.
func (g *Graph) requestUnbinds(ctx context.Context, tx *store.Tx, b *touchstone.Batch, r *region, m mention, at *node) error {
	for i, id := range m.unbind {
		n := r.nodes[id]
		if n == nil || n == at || n.part.root() != at.part.root() {
			g.metrics.unbinds.WithLabelValues("not_bound").Inc()
			continue
		}
		_, err := tx.Exec(ctx, `INSERT INTO identity_requests (id, person, nodes, created, done, other, failure) VALUES (?, ?, ?, ?, 0, 0, '') ON CONFLICT (id) DO NOTHING`,
			fmt.Sprintf("unbind:%s:%d", m.messageID, i), int64(n.part.root().person), strconv.FormatInt(int64(n.id), 10), b.Now.UnixMilli())
		if err != nil {
			return fmt.Errorf("ask to unbind: %w", err)
		}
		g.metrics.unbinds.WithLabelValues("asked").Inc()
		g.again = true
	}
	return nil
}

// lift forgets that two persons were parted, because a client has bound them again.
func (r *region) lift(p, q touchstone.PersonID) {
	r.apart.remove(p, q)
	r.lifted = append(r.lifted, [2]touchstone.PersonID{p, q})
}

// writeLifted must come before the merges: rows know persons by nodes that they had.
func (g *Graph) writeLifted(ctx context.Context, tx *store.Tx, r *region, _ *state) error {
	for _, pair := range r.lifted {
		for _, side := range [][2]string{{"a", "b"}, {"b", "a"}} {
			_, err := tx.Exec(ctx, `DELETE FROM identity_apart WHERE `+side[0]+` IN (SELECT id FROM identity_nodes WHERE person = ?) AND `+side[1]+` IN (SELECT id FROM identity_nodes WHERE person = ?)`,
				int64(pair[0]), int64(pair[1]))
			if err != nil {
				return fmt.Errorf("join what was parted: %w", err)
			}
		}
	}
	return nil
}
