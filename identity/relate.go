package identity

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/binary"
	"fmt"
	"slices"
	"time"
	"unsafe"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/store"
)

// maxRelations is how many relations an identifier keeps; further ones are counted only.
const maxRelations = 1000

// bondKey is a relation: an identifier that says who somebody is (or, in an event without
// one, the strongest) and one that relates.
type bondKey struct {
	node, related touchstone.NodeID
}

type bond struct {
	bondKey
	cause // the first event
	last  int64
	count int64
	ends  [2]*node
}

// relate notes that an event named both.
func (r *region) relate(anchor, n *node, c cause) {
	if r.withoutEdges || anchor == n {
		return
	}
	key := bondKey{anchor.id, n.id}
	b := r.bonds[key]
	if b == nil {
		b = &bond{bondKey: key, cause: c, last: c.time, ends: [2]*node{anchor, n}}
		r.bonds[key] = b
	}
	b.count++
	b.time, b.last = min(b.time, c.time), max(b.last, c.time)
}

// A relation in the cache is a count and the time of the latest event, in seconds, since
// its row was last written.
type bondEntry []byte

const bondEntrySize = 8

func bondCacheKey(buf *[16]byte, k bondKey) string {
	binary.LittleEndian.PutUint64(buf[:8], uint64(k.node))    //nolint:gosec // bits
	binary.LittleEndian.PutUint64(buf[8:], uint64(k.related)) //nolint:gosec // bits
	return unsafe.String(&buf[0], len(buf))
}

func (e bondEntry) see(events int32, at uint32) {
	count(e, events)
	if at > binary.LittleEndian.Uint32(e[4:]) {
		binary.LittleEndian.PutUint32(e[4:], at)
	}
}

// takeBond moves an entry's count to s.
func (s *stats) takeBond(key string, e bondEntry) {
	n := binary.LittleEndian.Uint32(e)
	if n == 0 {
		return
	}
	last := int64(binary.LittleEndian.Uint32(e[4:])) * 1000
	k := bondKey{
		touchstone.NodeID(binary.LittleEndian.Uint64([]byte(key[:8]))), //nolint:gosec // bits
		touchstone.NodeID(binary.LittleEndian.Uint64([]byte(key[8:]))), //nolint:gosec // bits
	}
	s.bonds = append(s.bonds, bond{bondKey: k, cause: cause{time: last}, last: last, count: int64(n)})
	binary.LittleEndian.PutUint32(e, 0)
}

// countBond counts an event on the fast path; false when the relation must be written first.
func (g *Graph) countBond(k bondKey, at uint32) bool {
	var buf [16]byte
	e := bondEntry(g.bonds.Get(0, bondCacheKey(&buf, k)))
	if e == nil {
		return false
	}
	e.see(g.step, at)
	return true
}

func (g *Graph) hasBond(k bondKey) bool {
	var buf [16]byte
	return g.bonds.Get(0, bondCacheKey(&buf, k)) != nil
}

// settleBonds notes a region's relations in the cache; its counts are written by the region.
func (g *Graph) settleBonds(r *region) {
	var buf [16]byte
	for k := range r.bonds {
		if g.bonds.Get(0, bondCacheKey(&buf, k)) == nil {
			g.bonds.Put(0, bondCacheKey(&buf, k), make([]byte, bondEntrySize))
		}
	}
}

// writeBonds writes a region's relations. An identifier that has very many keeps no new one.
func (g *Graph) writeBonds(ctx context.Context, tx *store.Tx, r *region, _ *state) error {
	if len(r.bonds) == 0 {
		return nil
	}
	list := make([]bond, 0, len(r.bonds))
	var nodes []touchstone.NodeID
	for _, b := range r.bonds {
		list = append(list, *b)
		nodes = append(nodes, b.node)
	}
	slices.Sort(nodes)
	have, err := countBonds(ctx, tx, slices.Compact(nodes))
	if err != nil {
		return err
	}
	for node, n := range have {
		if n >= maxRelations {
			if list, err = g.keepKnown(ctx, tx, list, node); err != nil {
				return err
			}
		}
	}
	return saveBonds(ctx, tx, list)
}

func countBonds(ctx context.Context, tx *store.Tx, nodes []touchstone.NodeID) (map[touchstone.NodeID]int, error) {
	counts := map[touchstone.NodeID]int{}
	err := store.SelectIn(ctx, tx, `SELECT node, COUNT(*) FROM identity_relations WHERE node IN (...) GROUP BY node`, nodes, func(rows *sql.Rows) error {
		var node int64
		var n int
		err := rows.Scan(&node, &n)
		counts[touchstone.NodeID(node)] = n
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("count relations: %w", err)
	}
	return counts, nil
}

// keepKnown leaves out a node's relations that have no row yet.
func (g *Graph) keepKnown(ctx context.Context, tx *store.Tx, list []bond, node touchstone.NodeID) ([]bond, error) {
	rows, err := tx.Query(ctx, `SELECT related FROM identity_relations WHERE node = ?`, int64(node))
	if err != nil {
		return nil, fmt.Errorf("read relations: %w", err)
	}
	defer rows.Close()
	known := map[touchstone.NodeID]bool{}
	for rows.Next() {
		var related int64
		if err := rows.Scan(&related); err != nil {
			return nil, err
		}
		known[touchstone.NodeID(related)] = true
	}
	return slices.DeleteFunc(list, func(b bond) bool {
		if b.node != node || known[b.related] {
			return false
		}
		g.metrics.unrelated.Inc()
		return true
	}), rows.Err()
}

var bondColumns = []string{"node", "related", "message_id", "source", "first_time", "last_time", "count"}

// joinBonds sorts relations and makes those of the same two one, as evidence of several kinds becomes: the first message
// stays, counts add up.
func joinBonds(list []bond) []bond {
	slices.SortFunc(list, func(a, b bond) int {
		return cmp.Or(cmp.Compare(a.node, b.node), cmp.Compare(a.related, b.related), cmp.Compare(a.time, b.time), cmp.Compare(a.messageID, b.messageID))
	})
	out := list[:0]
	for _, b := range list {
		if n := len(out); n > 0 && out[n-1].bondKey == b.bondKey {
			out[n-1].count, out[n-1].last = out[n-1].count+b.count, max(out[n-1].last, b.last)
			continue
		}
		out = append(out, b)
	}
	return out
}

// saveBonds writes relations in key order: the first message stays, counts add up.
func saveBonds(ctx context.Context, tx *store.Tx, list []bond) error {
	list = joinBonds(list) // PostgreSQL takes no row twice
	return inRows(len(list), len(bondColumns), func(i int, args []any) {
		b := &list[i]
		args[0], args[1], args[2], args[3] = int64(b.node), int64(b.related), b.messageID, b.source
		args[4], args[5], args[6] = b.time, b.last, b.count
	}, func(values string, args []any) error {
		_, err := tx.Exec(ctx, `INSERT INTO identity_relations (node, related, message_id, source, first_time, last_time, count) VALUES `+values+
			` ON CONFLICT (node, related) DO UPDATE SET count = identity_relations.count + excluded.count,
			first_time = CASE WHEN excluded.first_time < identity_relations.first_time THEN excluded.first_time ELSE identity_relations.first_time END,
			last_time = CASE WHEN excluded.last_time > identity_relations.last_time THEN excluded.last_time ELSE identity_relations.last_time END`, args...)
		return err
	})
}

// saveBondStats adds what has been counted in memory to relations that have rows.
func saveBondStats(ctx context.Context, tx *store.Tx, list []bond) error {
	list = sumStats(list, func(a, b bond) int { return cmp.Or(cmp.Compare(a.node, b.node), cmp.Compare(a.related, b.related)) }, func(to *bond, b bond) {
		to.count, to.last, to.time = to.count+b.count, max(to.last, b.last), min(to.time, b.time)
	})
	return inRows(len(list), 4, func(i int, args []any) {
		args[0], args[1], args[2], args[3] = int64(list[i].node), int64(list[i].related), list[i].count, list[i].last
	}, func(values string, args []any) error {
		_, err := tx.Exec(ctx, `UPDATE identity_relations SET count = count + v.column3,
			last_time = CASE WHEN v.column4 > last_time THEN v.column4 ELSE last_time END
			FROM (VALUES `+bigints(values)+`) AS v WHERE identity_relations.node = v.column1 AND identity_relations.related = v.column2`, args...)
		return err
	})
}

// Relation is something that a person has to do with, or a person that has to do with it:
// an identifier of a kind that relates, and the events that named both.
type Relation struct {
	Kind      touchstone.IdentifierKind `json:"kind"`
	Value     string                    `json:"value"`
	ID        touchstone.PersonID       `json:"id"` // whose events come under the identifier: the car itself
	FirstSeen time.Time                 `json:"first_seen"`
	LastSeen  time.Time                 `json:"last_seen"`
	Events    int64                     `json:"events"`
}

// RelatedPerson is a person that has to do with something.
type RelatedPerson struct {
	Person    touchstone.PersonID `json:"person"`
	FirstSeen time.Time           `json:"first_seen"`
	LastSeen  time.Time           `json:"last_seen"`
	Events    int64               `json:"events"`
}

const maxShownRelations = 200

// Relations returns what a person has to do with, and who has to do with it, the latest
// first; at most 200 of each. Counts are those that have been written.
func (g *Graph) Relations(ctx context.Context, viewer *access.Viewer, person touchstone.PersonID) (of []Relation, by []RelatedPerson, err error) {
	of, by = []Relation{}, []RelatedPerson{}
	if seen, err := g.cfg.Within.Sees(ctx, viewer, person); err != nil || !seen {
		return nil, nil, cmp.Or(err, noPerson(person))
	}
	q := g.cfg.DB.Reader()
	rows, err := q.Query(ctx, `SELECT t.kind, t.value, t.person, MIN(r.first_time), MAX(r.last_time), CAST(SUM(r.count) AS BIGINT)
		FROM identity_nodes n JOIN identity_relations r ON r.node = n.id JOIN identity_nodes t ON t.id = r.related
		WHERE n.person = ? GROUP BY t.kind, t.value, t.person ORDER BY 5 DESC, 1, 2 LIMIT ?`, int64(person), maxShownRelations)
	if err != nil {
		return nil, nil, fmt.Errorf("read relations: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var r Relation
		var id, first, last int64
		if err := rows.Scan(&r.Kind, &r.Value, &id, &first, &last, &r.Events); err != nil {
			return nil, nil, err
		}
		r.ID, r.FirstSeen, r.LastSeen = touchstone.PersonID(id), timeOf(first), timeOf(last)
		r.Value = viewer.Identifier(touchstone.Identifier{Kind: r.Kind, Value: r.Value}).Value
		of = append(of, r)
	}
	if err := rows.Err(); err != nil {
		return nil, nil, err
	}
	others, err := q.Query(ctx, `SELECT o.person, MIN(r.first_time), MAX(r.last_time), CAST(SUM(r.count) AS BIGINT)
		FROM identity_nodes n JOIN identity_relations r ON r.related = n.id JOIN identity_nodes o ON o.id = r.node
		WHERE n.person = ? AND o.person <> ? GROUP BY o.person ORDER BY 3 DESC, 1 LIMIT ?`, int64(person), int64(person), maxShownRelations)
	if err != nil {
		return nil, nil, fmt.Errorf("read related persons: %w", err)
	}
	defer others.Close()
	for others.Next() {
		var r RelatedPerson
		var id, first, last int64
		if err := others.Scan(&id, &first, &last, &r.Events); err != nil {
			return nil, nil, err
		}
		r.Person, r.FirstSeen, r.LastSeen = touchstone.PersonID(id), timeOf(first), timeOf(last)
		by = append(by, r)
	}
	if err := others.Err(); err != nil {
		return nil, nil, err
	}
	by, err = g.seen(ctx, viewer, by)
	return of, by, err
}

// seen leaves out the persons that viewer may not see.
func (g *Graph) seen(ctx context.Context, viewer *access.Viewer, list []RelatedPerson) ([]RelatedPerson, error) {
	if !viewer.Limited() {
		return list, nil
	}
	persons := make([]touchstone.PersonID, len(list))
	for i := range list {
		persons[i] = list[i].Person
	}
	persons, err := g.cfg.Within.Of(ctx, viewer, persons)
	return slices.DeleteFunc(list, func(r RelatedPerson) bool { return !slices.Contains(persons, r.Person) }), err
}
