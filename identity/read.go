package identity

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/warehouse"
)

// Node is an identifier of a person.
type Node struct {
	ID        touchstone.NodeID         `json:"id"`
	Kind      touchstone.IdentifierKind `json:"kind"`
	Value     string                    `json:"value"`
	Person    touchstone.PersonID       `json:"person"`
	FirstSeen time.Time                 `json:"first_seen"`
	LastSeen  time.Time                 `json:"last_seen"`
	Events    int64                     `json:"events"`
}

// Identifier returns the node's identifier.
func (n Node) Identifier() touchstone.Identifier {
	return touchstone.Identifier{Kind: n.Kind, Value: n.Value}
}

// Edge is evidence that two identifiers belong together.
type Edge struct {
	From      touchstone.NodeID `json:"from"`
	To        touchstone.NodeID `json:"to"`
	Evidence  string            `json:"evidence"` // event, identify, import, alias, operator, match
	MessageID string            `json:"message_id"`
	Source    string            `json:"source"`
	Time      time.Time         `json:"time"`      // of the first event
	LastTime  time.Time         `json:"last_time"` // of the latest
	Count     int64             `json:"count"`     // events seen; see docs/design/identity.md on its precision
	Detail    *MatchDetail      `json:"detail,omitempty"`
}

// Merge is a moment when two persons became one.
type Merge struct {
	Kept      touchstone.PersonID `json:"kept"`
	Absorbed  touchstone.PersonID `json:"absorbed"`
	Time      time.Time           `json:"time"`
	MessageID string              `json:"message_id"`
	Because   Edge                `json:"because"`
}

// Dropped is an identifier that was not linked to a person, and why.
type Dropped struct {
	Person     touchstone.PersonID   `json:"person"`
	Identifier touchstone.Identifier `json:"identifier"`
	Reason     string                `json:"reason"`
	MessageID  string                `json:"message_id"`
	Source     string                `json:"source"`
	Time       time.Time             `json:"time"`
}

// Parting is an operator's decision that two persons are not one.
type Parting struct {
	Person touchstone.PersonID `json:"person"` // the other one
	Time   time.Time           `json:"time"`
}

// View is all that the graph knows about a person.
type View struct {
	Person  touchstone.PersonID `json:"person"`
	Nodes   []Node              `json:"nodes"`
	Edges   []Edge              `json:"edges"`
	Merges  []Merge             `json:"merges"`
	Dropped []Dropped           `json:"dropped"`
	Parted  []Parting           `json:"parted"`
	Path    []Edge              `json:"path,omitempty"`
}

// Aliases returns the persons that were absorbed into this one.
func (v *View) Aliases() []touchstone.PersonID {
	var list []touchstone.PersonID
	seen := map[touchstone.PersonID]bool{v.Person: true}
	for _, m := range v.Merges {
		if !seen[m.Absorbed] {
			seen[m.Absorbed] = true
			list = append(list, m.Absorbed)
		}
	}
	return list
}

// Counts returns the number of persons, and of those with a user id.
func (g *Graph) Counts(ctx context.Context) (persons, known int64, err error) {
	err = g.cfg.DB.Reader().QueryRow(ctx, `SELECT persons, known_persons FROM identity_state WHERE id = 1`).Scan(&persons, &known)
	return persons, known, err
}

// Resolve returns the person that a reference means: "p_…", also one that was absorbed
// since, or "kind:value". NotFound if there is none, Invalid if it is no reference.
func (g *Graph) Resolve(ctx context.Context, ref string) (touchstone.PersonID, error) {
	var row *sql.Row
	q := g.cfg.DB.Reader()
	if p, ok := touchstone.ParsePersonID(ref); ok {
		// A person has the number of its first node, and nodes stay: so an alias needs no table.
		row = q.QueryRow(ctx, `SELECT person FROM identity_nodes WHERE id = ?`, int64(p))
	} else if id, ok := g.cfg.Kinds.Parse(ref); ok {
		row = q.QueryRow(ctx, `SELECT person FROM identity_nodes WHERE value = ? AND kind = ?`, id.Value, string(id.Kind))
	} else {
		return 0, touchstone.Errorf(touchstone.Invalid, "%.80q names no person", ref).WithHint("use a person id such as p_1a2b, or kind:value such as email:ann@example.com")
	}
	var person int64
	switch err := row.Scan(&person); {
	case errors.Is(err, sql.ErrNoRows):
		return 0, touchstone.Errorf(touchstone.NotFound, "there is no person %.80q", ref)
	case err != nil:
		return 0, err
	}
	return touchstone.PersonID(person), nil
}

// Nodes returns the identifiers of a person, oldest first.
func (g *Graph) Nodes(ctx context.Context, person touchstone.PersonID) ([]Node, error) {
	byPerson, err := g.nodesOf(ctx, g.cfg.DB.Reader(), []touchstone.PersonID{person})
	return byPerson[person], err
}

// NodesOfPersons returns the identifiers of several persons, oldest first.
func (g *Graph) NodesOfPersons(ctx context.Context, persons []touchstone.PersonID) (map[touchstone.PersonID][]Node, error) {
	return g.nodesOf(ctx, g.cfg.DB.Reader(), persons)
}

// NodesIn is NodesOfPersons as a transaction sees it.
func (g *Graph) NodesIn(ctx context.Context, q store.Querier, persons []touchstone.PersonID) (map[touchstone.PersonID][]Node, error) {
	return g.nodesOf(ctx, q, persons)
}

func (g *Graph) nodesOf(ctx context.Context, q store.Querier, persons []touchstone.PersonID) (map[touchstone.PersonID][]Node, error) {
	found := make(map[touchstone.PersonID][]Node, len(persons))
	err := store.SelectIn(ctx, q, `SELECT id, kind, value, person, first_seen, last_seen, events FROM identity_nodes WHERE person IN (...) ORDER BY id`, persons, func(rows *sql.Rows) error {
		var n Node
		var number, person, first, last int64
		if err := rows.Scan(&number, &n.Kind, &n.Value, &person, &first, &last, &n.Events); err != nil {
			return err
		}
		n.ID, n.Person = touchstone.NodeID(number), touchstone.PersonID(person)
		n.FirstSeen, n.LastSeen = timeOf(first), timeOf(last)
		found[n.Person] = append(found[n.Person], n)
		return nil
	})
	g.addPending(found)
	return found, err
}

// addPending adds the counts that the stage has in memory and not yet written.
func (g *Graph) addPending(found map[touchstone.PersonID][]Node) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, nodes := range found {
		for i := range nodes {
			n := &nodes[i]
			e := entry(g.cache.Get(g.kinds.number(n.Kind), n.Value))
			if e == nil || e.node() != n.ID {
				continue
			}
			events, last := e.pending()
			n.Events += events
			if at := timeOf(last); at.After(n.LastSeen) {
				n.LastSeen = at
			}
		}
	}
}

// Identity returns what the graph knows about a person, as viewer may see it. It is NotFound
// without nodes, and for a person that viewer may not see.
func (g *Graph) Identity(ctx context.Context, viewer *access.Viewer, person touchstone.PersonID) (*View, error) {
	if seen, err := g.cfg.Within.Sees(ctx, viewer, person); err != nil || !seen {
		return nil, cmp.Or(err, noPerson(person))
	}
	v, err := g.identity(ctx, person)
	if err != nil {
		return nil, err
	}
	for i, n := range v.Nodes {
		v.Nodes[i].Value = viewer.Identifier(n.Identifier()).Value
	}
	for i, d := range v.Dropped {
		v.Dropped[i].Identifier = viewer.Identifier(d.Identifier)
	}
	return v, nil
}

func noPerson(person touchstone.PersonID) error {
	return touchstone.Errorf(touchstone.NotFound, "there is no person %s", person)
}

func (g *Graph) identity(ctx context.Context, person touchstone.PersonID) (*View, error) {
	v := &View{Person: person}
	err := g.cfg.DB.View(ctx, func(tx *store.Tx) error {
		byPerson, err := g.nodesOf(ctx, tx, []touchstone.PersonID{person})
		if err != nil {
			return err
		}
		if v.Nodes = byPerson[person]; len(v.Nodes) == 0 {
			return noPerson(person)
		}
		if v.Edges, err = readEdges(ctx, tx, v.Nodes); err != nil {
			return err
		}
		if v.Merges, err = readMerges(ctx, tx, v.Nodes); err != nil {
			return err
		}
		if v.Dropped, err = readDropped(ctx, tx, v.Nodes); err != nil {
			return err
		}
		v.Parted, err = readParted(ctx, tx, v.Nodes)
		return err
	})
	return v, err
}

func nodeIDs(nodes []Node) []touchstone.NodeID {
	ids := make([]touchstone.NodeID, len(nodes))
	for i := range nodes {
		ids[i] = nodes[i].ID
	}
	return ids
}

// readEdges returns the edges inside a person: both ends are its nodes.
func readEdges(ctx context.Context, q store.Querier, nodes []Node) ([]Edge, error) {
	edges := []Edge{}
	err := store.SelectIn(ctx, q, `SELECT a, b, evidence, message_id, source, first_time, last_time, count, detail FROM identity_edges WHERE a IN (...) ORDER BY a, b, evidence`, nodeIDs(nodes), func(rows *sql.Rows) error {
		var e Edge
		var from, to, first, last int64
		var detail string
		if err := rows.Scan(&from, &to, &e.Evidence, &e.MessageID, &e.Source, &first, &last, &e.Count, &detail); err != nil {
			return err
		}
		if detail != "" {
			e.Detail = &MatchDetail{}
			if err := json.Unmarshal([]byte(detail), e.Detail); err != nil {
				return err
			}
		}
		e.From, e.To, e.Time, e.LastTime = touchstone.NodeID(from), touchstone.NodeID(to), timeOf(first), timeOf(last)
		edges = append(edges, e)
		return nil
	})
	return edges, err
}

func readMerges(ctx context.Context, q store.Querier, nodes []Node) ([]Merge, error) {
	merges := []Merge{}
	err := store.SelectIn(ctx, q, `SELECT kept, absorbed, time, message_id, source, a, b, evidence FROM identity_merges WHERE kept IN (...) ORDER BY id`, nodeIDs(nodes), func(rows *sql.Rows) error {
		var m Merge
		var kept, absorbed, at, a, b int64
		if err := rows.Scan(&kept, &absorbed, &at, &m.MessageID, &m.Because.Source, &a, &b, &m.Because.Evidence); err != nil {
			return err
		}
		m.Kept, m.Absorbed, m.Time = touchstone.PersonID(kept), touchstone.PersonID(absorbed), timeOf(at)
		m.Because.From, m.Because.To = touchstone.NodeID(a), touchstone.NodeID(b)
		m.Because.MessageID, m.Because.Time, m.Because.LastTime, m.Because.Count = m.MessageID, m.Time, m.Time, 1
		merges = append(merges, m)
		return nil
	})
	return merges, err
}

const droppedColumns = `node, kind, value, reason, message_id, source, time`

func readDropped(ctx context.Context, q store.Querier, nodes []Node) ([]Dropped, error) {
	dropped := []Dropped{}
	err := store.SelectIn(ctx, q, `SELECT `+droppedColumns+` FROM identity_dropped WHERE node IN (...) ORDER BY time, node, kind, value`, nodeIDs(nodes), func(rows *sql.Rows) error {
		return scanDropped(rows, &dropped)
	})
	for i := range dropped {
		dropped[i].Person = nodes[0].Person
	}
	return dropped, err
}

func scanDropped(rows *sql.Rows, to *[]Dropped) error {
	var d Dropped
	var person, at int64
	if err := rows.Scan(&person, &d.Identifier.Kind, &d.Identifier.Value, &d.Reason, &d.MessageID, &d.Source, &at); err != nil {
		return err
	}
	d.Person, d.Time = touchstone.PersonID(person), timeOf(at)
	*to = append(*to, d)
	return nil
}

func readParted(ctx context.Context, q store.Querier, nodes []Node) ([]Parting, error) {
	parted := []Parting{}
	for _, side := range [][2]string{{"a", "b"}, {"b", "a"}} {
		err := store.SelectIn(ctx, q, `SELECT n.person, p.time FROM identity_apart p JOIN identity_nodes n ON n.id = p.`+side[1]+` WHERE p.`+side[0]+` IN (...) ORDER BY p.time`, nodeIDs(nodes), func(rows *sql.Rows) error {
			var person, at int64
			if err := rows.Scan(&person, &at); err != nil {
				return err
			}
			parted = append(parted, Parting{touchstone.PersonID(person), timeOf(at)})
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return parted, nil
}

// RecentlyDropped returns the latest links that were refused, newest first.
func (g *Graph) RecentlyDropped(ctx context.Context, limit int) ([]Dropped, error) {
	rows, err := g.cfg.DB.Reader().Query(ctx, `SELECT `+droppedColumns+` FROM identity_dropped ORDER BY time DESC, node, kind, value LIMIT ?`, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	dropped := []Dropped{}
	for rows.Next() {
		if err := scanDropped(rows, &dropped); err != nil {
			return nil, err
		}
	}
	return dropped, rows.Err()
}

// Size is a person's number of identifiers.
type Size struct {
	Person touchstone.PersonID `json:"person"`
	Nodes  int                 `json:"nodes"`
}

// Largest returns the persons with most identifiers, for review: too many is a sign of a
// shared device or a bad value. Persons with fewer than twenty are not listed.
func (g *Graph) Largest(ctx context.Context, limit int) ([]Size, error) {
	rows, err := g.cfg.DB.Reader().Query(ctx, `SELECT person, nodes FROM identity_large ORDER BY nodes DESC, person LIMIT ?`, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	list := []Size{}
	for rows.Next() {
		var s Size
		var person int64
		if err := rows.Scan(&person, &s.Nodes); err != nil {
			return nil, err
		}
		s.Person = touchstone.PersonID(person)
		list = append(list, s)
	}
	return list, rows.Err()
}

// Match is an identifier found by Search.
type Match struct {
	Person     touchstone.PersonID
	Identifier touchstone.Identifier
}

// Search returns identifiers that begin with prefix, after the given one, in order of
// value and kind: of any kind, or of one when prefix has the form "kind:value". When
// there is none, prefix is tried as an e-mail address or phone number that somebody
// wrote in another form than the edge stores. The first page has those that end with prefix,
// too, if they are of a kind of which people know the end. What relates is followed by the persons that
// have to do with it, so that a car is found with its drivers.
func (g *Graph) Search(ctx context.Context, prefix string, after touchstone.Identifier, limit int) ([]Match, error) {
	var kind touchstone.IdentifierKind
	if id, ok := touchstone.ParseIdentifier(prefix); ok {
		if k, ok := touchstone.ParseKind(string(id.Kind)); ok && g.kinds.configured(k) {
			kind, prefix = k, id.Value
		}
	}
	found, err := g.search(ctx, kind, prefix, after, limit)
	for _, k := range []touchstone.IdentifierKind{touchstone.KindEmail, touchstone.KindPhone} {
		if err != nil || len(found) > 0 || after.Value != "" {
			break
		}
		if v, ok := g.cfg.Kinds.Normalise(k, prefix); ok && v != prefix && (kind == "" || kind == k) {
			found, err = g.search(ctx, k, v, after, limit)
		}
	}
	if err == nil && after.Value == "" && kind == "" && len(found) < limit-1 {
		var ends []Match
		ends, err = g.searchEnds(ctx, prefix, limit-1-len(found))
		found = append(found, ends...)
	}
	if err != nil {
		return nil, err
	}
	return g.withRelated(ctx, found)
}

const (
	leastEnd = 4   // characters of an identifier's end that are looked for
	sameEnds = 500 // identifiers with the same last four characters that are looked at
)

// searchEnds returns phone numbers, chassis numbers and plates that end with a text.
func (g *Graph) searchEnds(ctx context.Context, end string, limit int) ([]Match, error) {
	end = strings.ToUpper(strings.NewReplacer(" ", "", "-", "", "·", "").Replace(end))
	last := []rune(end)
	if len(last) < leastEnd {
		return nil, nil
	}
	rows, err := g.cfg.DB.Reader().Query(ctx, `SELECT person, kind, value FROM identity_nodes WHERE kind IN ('phone', 'vin', 'plate')
		AND substr(value, length(value) - 3) = ? ORDER BY value, kind LIMIT ?`, string(last[len(last)-leastEnd:]), sameEnds)
	if err != nil {
		return nil, fmt.Errorf("search ends of identifiers: %w", err)
	}
	defer rows.Close()
	var found []Match
	for rows.Next() && len(found) < limit {
		var m Match
		var person int64
		if err := rows.Scan(&person, &m.Identifier.Kind, &m.Identifier.Value); err != nil {
			return nil, err
		}
		if m.Person = touchstone.PersonID(person); strings.HasSuffix(m.Identifier.Value, end) && m.Identifier.Value != end {
			found = append(found, m)
		}
	}
	return found, rows.Err()
}

const maxFoundRelated = 10 // persons listed with a thing that was found

func (g *Graph) withRelated(ctx context.Context, found []Match) ([]Match, error) {
	out := make([]Match, 0, len(found))
	for _, m := range found {
		out = append(out, m)
		if !g.kinds.relates(g.kinds.number(m.Identifier.Kind)) {
			continue
		}
		rows, err := g.cfg.DB.Reader().Query(ctx, `SELECT o.person FROM identity_nodes n JOIN identity_relations r ON r.related = n.id JOIN identity_nodes o ON o.id = r.node
			WHERE n.value = ? AND n.kind = ? ORDER BY r.last_time DESC LIMIT ?`, m.Identifier.Value, string(m.Identifier.Kind), maxFoundRelated)
		if err != nil {
			return nil, fmt.Errorf("read related persons: %w", err)
		}
		for rows.Next() {
			var person int64
			if err := rows.Scan(&person); err != nil {
				rows.Close()
				return nil, err
			}
			out = append(out, Match{touchstone.PersonID(person), m.Identifier})
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (t *kindTable) configured(kind touchstone.IdentifierKind) bool {
	_, ok := t.current.Load().numbers[kind]
	return ok
}

func (g *Graph) search(ctx context.Context, kind touchstone.IdentifierKind, prefix string, after touchstone.Identifier, limit int) ([]Match, error) {
	query := `SELECT person, kind, value FROM identity_nodes WHERE value >= ? AND (value > ? OR kind > ?)`
	args := []any{max(prefix, after.Value), after.Value, string(after.Kind)}
	if end := store.PrefixEnd(prefix); end != "" {
		query += ` AND value < ?`
		args = append(args, end)
	}
	if kind != "" {
		query += ` AND kind = ?`
		args = append(args, string(kind))
	}
	rows, err := g.cfg.DB.Reader().Query(ctx, query+` ORDER BY value, kind LIMIT ?`, append(args, limit)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []Match
	for rows.Next() {
		var m Match
		var person int64
		if err := rows.Scan(&person, &m.Identifier.Kind, &m.Identifier.Value); err != nil {
			return nil, err
		}
		m.Person = touchstone.PersonID(person)
		list = append(list, m)
	}
	return list, rows.Err()
}

// SetNodes fills in the node that each fact came under, where it is 0: that of the first
// identifier that the graph keeps, as Apply has it. It stays 0 when there is none. Facts of
// persons that have been erased since get [touchstone.ErasedNode]. They are of one partition, in order.
func (g *Graph) SetNodes(ctx context.Context, facts []touchstone.Fact) error {
	var ids []touchstone.Identifier
	var at []int
	for i := range facts {
		if facts[i].Node != 0 {
			continue
		}
		for _, id := range facts[i].Identifiers {
			if _, ok := g.ident(id); ok {
				ids, at = append(ids, id), append(at, i)
				break
			}
		}
	}
	if len(ids) > 0 {
		nodes, err := g.nodesOfIdentifiers(ctx, ids)
		if err != nil {
			return err
		}
		for i := range nodes {
			facts[at[i]].Node = nodes[i]
		}
	}
	return g.nobodys(ctx, facts)
}

// nodesOfIdentifiers returns the node of each identifier, 0 for one that is not known.
func (g *Graph) nodesOfIdentifiers(ctx context.Context, ids []touchstone.Identifier) ([]touchstone.NodeID, error) {
	nodes := make([]touchstone.NodeID, len(ids))
	missing := g.cachedNodes(ids, nodes)
	if len(missing) == 0 {
		return nodes, nil
	}
	r := newRegion(rules{}, 0, len(missing))
	asked := map[ident]bool{}
	var wanted []ident
	for _, i := range missing {
		if k := (ident{g.kinds.number(ids[i].Kind), ids[i].Value}); k.kind != noKind && !asked[k] {
			asked[k] = true
			wanted = append(wanted, k)
		}
	}
	if err := g.loadIdents(ctx, g.cfg.DB.Reader(), r, wanted); err != nil {
		return nil, err
	}
	for _, i := range missing {
		if n := r.nodes[ident{g.kinds.number(ids[i].Kind), ids[i].Value}]; n != nil {
			nodes[i] = n.id
		}
	}
	return nodes, nil
}

// cachedNodes fills in what the cache knows. A node never changes its number, so an entry
// of a batch that is not yet committed does no harm: nobody asks for it before.
func (g *Graph) cachedNodes(ids []touchstone.Identifier, nodes []touchstone.NodeID) (missing []int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, id := range ids {
		if e := entry(g.cache.Get(g.kinds.number(id.Kind), id.Value)); e != nil {
			nodes[i] = e.node()
			continue
		}
		missing = append(missing, i)
	}
	return missing
}

// OverridesSince returns at most limit overrides that changed after version, oldest
// first, and the version up to which they reach. Person 0 takes an override away; that of an
// erased node is [warehouse.Erased].
func (g *Graph) OverridesSince(ctx context.Context, version int64, limit int) ([]warehouse.Override, int64, error) {
	rows, err := g.cfg.DB.Reader().Query(ctx, `SELECT node, person, version FROM identity_overrides WHERE version > ? ORDER BY version LIMIT ?`, version, limit)
	if err != nil {
		return nil, version, err
	}
	defer rows.Close()
	var list []warehouse.Override
	for rows.Next() {
		var node, person int64
		if err := rows.Scan(&node, &person, &version); err != nil {
			return nil, version, err
		}
		if person == node {
			person = 0
		}
		list = append(list, warehouse.Override{Node: touchstone.NodeID(node), Person: touchstone.PersonID(person)})
	}
	return list, version, rows.Err()
}

// Canonical returns who each person is now, as q sees it: the same id, or the id of the
// person that absorbed it, or 0 for one that was erased. A person that never was keeps its id.
func (g *Graph) Canonical(ctx context.Context, q store.Querier, persons []touchstone.PersonID) ([]touchstone.PersonID, error) {
	now := make(map[touchstone.PersonID]touchstone.PersonID, len(persons))
	err := store.SelectIn(ctx, q, `SELECT id, person FROM identity_nodes WHERE id IN (...)`, persons, func(rows *sql.Rows) error {
		var id, person int64
		if err := rows.Scan(&id, &person); err != nil {
			return err
		}
		now[touchstone.PersonID(id)] = touchstone.PersonID(person)
		return nil
	})
	if err != nil {
		return nil, err
	}
	gone := slices.DeleteFunc(slices.Clone(persons), func(p touchstone.PersonID) bool { return now[p] != 0 })
	err = store.SelectIn(ctx, q, `SELECT node FROM identity_erased WHERE node IN (...)`, gone, func(rows *sql.Rows) error {
		var id int64
		err := rows.Scan(&id)
		now[touchstone.PersonID(id)] = 0
		return err
	})
	out := make([]touchstone.PersonID, len(persons))
	for i, p := range persons {
		out[i] = p
		if current, ok := now[p]; ok {
			out[i] = current
		}
	}
	return out, err
}

// OverrideVersion returns the version of the newest override, 0 if there is none yet.
func (g *Graph) OverrideVersion(ctx context.Context) (version int64, err error) {
	err = g.cfg.DB.Reader().QueryRow(ctx, `SELECT coalesce(max(version), 0) FROM identity_overrides`).Scan(&version)
	return version, err
}
