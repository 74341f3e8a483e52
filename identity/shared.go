package identity

import (
	"context"
	"database/sql"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

// trust says whether an identifier says who somebody is.
type trust uint8

const (
	ordinary trust = iota // as its kind does
	shared                // it belongs to many: it relates, as a car does
	trusted               // somebody has said that it does, whatever it is seen with
)

// company is what an identifier was seen with in events, of the kinds that tell persons apart: a
// fingerprint of 8 bytes each, of the kind and of the value. It is a function of the set of
// events, so whether an identifier is shared does not depend on their order.
type company string

const (
	fingerprintSize = 8
	kindPrintSize   = 2
	maxCompany      = 128 * fingerprintSize // more than kinds and bounds ever need
)

// Scan reads what the store has: null is nobody.
func (c *company) Scan(v any) error {
	switch v := v.(type) {
	case nil:
		*c = ""
	case []byte:
		*c = company(v)
	case string:
		*c = company(v)
	default:
		return fmt.Errorf("company is a %T", v)
	}
	return nil
}

func (c company) stored() any {
	if c == "" {
		return nil
	}
	return []byte(c)
}

func fingerprint(kind touchstone.IdentifierKind, value string) (f [fingerprintSize]byte) {
	binary.LittleEndian.PutUint64(f[:], xxhash.Sum64String(value))
	binary.LittleEndian.PutUint16(f[:], uint16(xxhash.Sum64String(string(kind)))) //nolint:gosec // a print of it
	return f
}

// with adds a fingerprint; it returns how many of its kind there are, and whether it is new.
func (c company) with(f [fingerprintSize]byte) (_ company, ofKind int, added bool) {
	for at := 0; at+fingerprintSize <= len(c); at += fingerprintSize {
		switch one := c[at : at+fingerprintSize]; {
		case string(one) == string(f[:]):
			return c, 0, false
		case string(one[:kindPrintSize]) == string(f[:kindPrintSize]):
			ofKind++
		}
	}
	if len(c) >= maxCompany {
		return c, ofKind, false
	}
	return c + company(f[:]), ofKind + 1, true
}

// count returns how many there are of a kind.
func (c company) count(kind touchstone.IdentifierKind) (n int) {
	print := fingerprint(kind, "")
	for at := 0; at+fingerprintSize <= len(c); at += fingerprintSize {
		if string(c[at:at+kindPrintSize]) == string(print[:kindPrintSize]) {
			n++
		}
	}
	return n
}

// without takes fingerprints out.
func (c company) without(gone map[string]bool) company {
	var left []byte
	for at := 0; at+fingerprintSize <= len(c); at += fingerprintSize {
		if one := string(c[at : at+fingerprintSize]); !gone[one] {
			left = append(left, one...)
		}
	}
	return company(left)
}

// exposure is why an identifier is taken for shared.
type exposure struct {
	ident
	mention int   // that showed it
	node    *node // nil: the batch brings it
	witness uint8 // the kind of which it was seen with too many
	seen    int
	bears   int
	source  string
}

// meet notes what the identifiers of mentions were seen with, and returns those that have
// been seen with too many by now, in order.
func (r *region) meet(mentions []mention) (exposed []*exposure) {
	r.brought = make(map[ident]*node, len(mentions))
	for i := range mentions {
		m := &mentions[i]
		r.pairs(m.ids, func(id, with ident) {
			if e := r.meets(id, with); e != nil {
				e.mention, e.source = i, m.source
				exposed = append(exposed, e)
			}
		})
	}
	return exposed
}

// recount mends what new identifiers have met that a limit had refused before they became nodes:
// it counts from the record that made them, as in a batch that begins there. record returns
// that of a mention, and born that of a node.
func (r *region) recount(mentions []mention, record func(i int) uint64, born func(n *node) uint64) {
	for i := range r.drops {
		n := r.nodes[r.drops[i].ident]
		if r.drops[i].other != nil || n == nil || !n.fresh || n.trust == shared {
			continue
		}
		n.company = ""
		for i := range mentions {
			if record(i) < born(n) {
				continue
			}
			r.pairs(mentions[i].ids, func(id, with ident) {
				if _, counts := r.bears(id.kind, with.kind); counts && id == n.ident && id != with {
					n.company, _, _ = n.company.with(fingerprint(r.name(with.kind), with.value))
				}
			})
		}
	}
}

// pairs calls fn with each identifier of an event and one that it was seen with: its strongest,
// and when that may turn out to be shared, each other. So an edge is only ever noted between
// two that have met.
func (r *region) pairs(ids []ident, fn func(id, with ident)) {
	for i, id := range ids {
		if i > 0 && !r.sharable(ids[0].kind) {
			return
		}
		for _, other := range ids[i+1:] {
			fn(id, other)
			fn(other, id)
		}
	}
}

func (r *region) meets(id, with ident) *exposure {
	bears, counts := r.bears(id.kind, with.kind)
	if !counts || id == with || r.sharing[id] != nil {
		return nil
	}
	known := r.nodes[id]
	n := known
	if n == nil {
		if n = r.brought[id]; n == nil {
			n = r.newNode()
			n.known = true
			r.brought[id], r.meeting[id.kind] = n, true
		}
	}
	if n.trust == shared || !n.known {
		return nil
	}
	more, ofKind, added := n.company.with(fingerprint(r.name(with.kind), with.value))
	if !added {
		return nil
	}
	n.company, n.met = more, true
	if ofKind <= bears || n.trust == trusted {
		return nil
	}
	r.setTrust(n, shared) // once is enough
	return &exposure{ident: id, node: known, witness: with.kind, bears: bears, seen: ofKind}
}

// loadCompany reads what is known of identifiers that came from the cache.
func (g *Graph) loadCompany(ctx context.Context, q store.Querier, r *region, mentions []mention) error {
	var wanted []touchstone.NodeID
	byID := map[touchstone.NodeID]*node{}
	for i := range mentions {
		r.pairs(mentions[i].ids, func(id, with ident) {
			n := r.nodes[id]
			if n == nil || n.known || n.trust == shared || byID[n.id] != nil {
				return
			}
			if _, counts := r.bears(id.kind, with.kind); counts {
				byID[n.id] = n
				wanted = append(wanted, n.id)
			}
		})
	}
	slices.Sort(wanted)
	return store.SelectIn(ctx, q, `SELECT id, company FROM identity_nodes WHERE id IN (...)`, wanted, func(rows *sql.Rows) error {
		var id int64
		var c company
		if err := rows.Scan(&id, &c); err != nil {
			return err
		}
		n := byID[touchstone.NodeID(id)]
		n.company, n.known = c, true
		return nil
	})
}

// writeCompany stores what known identifiers have met; new ones bring it with their rows.
func writeCompany(ctx context.Context, tx *store.Tx, r *region) error {
	var list []*node
	for _, n := range r.order {
		if n.met && !n.fresh {
			list = append(list, n)
		}
	}
	slices.SortFunc(list, func(a, b *node) int { return int(a.id - b.id) })
	for _, n := range list {
		if _, err := tx.Exec(ctx, `UPDATE identity_nodes SET company = ? WHERE id = ?`, n.company.stored(), int64(n.id)); err != nil {
			return fmt.Errorf("write what an identifier was seen with: %w", err)
		}
	}
	return nil
}
