package identity

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/touchstone-cdp/touchstone"
)

// ident is an identifier with its kind as a number; see [kindTable].
type ident struct {
	kind  uint8
	value string
}

// node is an identifier in a region.
type node struct {
	ident
	id      touchstone.NodeID
	part    *part
	fresh   bool  // made by this region
	born    int   // region.at then
	carries bool  // events came under it
	carried bool  // and did so before this region
	moved   bool  // its person is another than before
	seen    bool  // a fact of the region named it
	degree  int32 // edges of the region
	trust   trust

	company company // what it has been seen with, if it is known
	known   bool    // company is what the store has, and what the region has added
	met     bool    // the region has added to it

	first, last int64 // event times of the region, Unix milliseconds
	since       int64 // the first event time of all, if it is known; 0: it is not
	glimpse     int64 // the first time of an event in which a link to it was refused; 0: there was none
	events      int64
	links       []link // to nodes that were the strongest of an event with this one
}

// link is an edge as the weaker node remembers it.
type link struct {
	to       touchstone.NodeID
	evidence evidence
}

// part is a person in a region: a connected component, or all of one that is known so far.
type part struct {
	person touchstone.PersonID
	into   *part // the part that absorbed it
	fresh  bool  // made by this region
	loaded bool  // all its nodes are here
	nodes  []*node
	counts tally
	grown  bool
}

// root returns the part that p has become.
func (p *part) root() *part {
	for p.into != nil {
		if p.into.into != nil {
			p.into = p.into.into
		}
		p = p.into
	}
	return p
}

// tally counts identifiers by kind; lists are short.
type tally []kindCount

type kindCount struct {
	kind uint8
	n    int32
}

func (t tally) of(kind uint8) int {
	for _, c := range t {
		if c.kind == kind {
			return int(c.n)
		}
	}
	return 0
}

func (t *tally) add(kind uint8, n int32) {
	for i := range *t {
		if (*t)[i].kind == kind {
			(*t)[i].n += n
			return
		}
	}
	*t = append(*t, kindCount{kind, n})
}

// evidence tells why two nodes are linked.
type evidence uint8

const (
	seenTogether evidence = iota // in a track, page, screen or group call
	identified                   // in an identify call
	imported                     // in an event of an import
	aliased                      // by an alias call
	operated                     // an operator decided
	matched                      // a model found them alike; detail says how much
)

var evidenceNames = [...]string{"event", "identify", "import", "alias", "operator", "match"}

func (e evidence) String() string { return evidenceNames[e] }

// cause is the event that a link comes from.
type cause struct {
	evidence  evidence
	messageID string
	source    string
	time      int64
	detail    string // JSON; "" but for a match
}

type edgeKey struct {
	a, b     touchstone.NodeID
	evidence evidence
}

type edge struct {
	edgeKey
	cause
	last  int64
	count int64
	fresh bool // surely not in the store, because an end of it is fresh
	ends  [2]*node
}

type merge struct {
	at             int // the mention that brought it about: region.at
	kept, absorbed touchstone.PersonID
	between        edgeKey
	ends           [2]*node
	cause
}

type drop struct {
	ident
	other  *part // the person that holds the identifier, nil if nobody does
	reason string
	from   *node // the event's strongest
	cause
}

// rules are the limits that keep a region's persons from growing together wrongly.
type rules struct {
	limit    func(kind uint8) int
	name     func(kind uint8) touchstone.IdentifierKind
	relates  func(kind uint8) bool
	window   func(kind uint8) window
	maxNodes int
	bears    func(kind, of uint8) (n int, counts bool) // see [touchstone.KindConfig.Bears]
	sharable func(kind uint8) bool                     // identifiers of the kind may turn out to be shared
	apart    *apartness
}

// region is the part of the graph that a batch works on, in memory: pure, without I/O.
// What is not fresh was put in by load functions before it is linked.
type region struct {
	rules
	lastNode touchstone.NodeID
	nodes    map[ident]*node
	parts    map[touchstone.PersonID]*part
	edges    map[edgeKey]*edge
	bonds    map[bondKey]*bond

	at      int                      // the mention at work: its fact's place in the batch
	binding bool                     // the mention at work may join what was parted
	lifted  [][2]touchstone.PersonID // pairs that were joined so
	sharing map[ident]*exposure      // identifiers that are new and shared from the start
	brought map[ident]*node          // the nodes that identifiers which are new will have, with what they have met
	meeting [noKind + 1]bool         // kinds of brought
	shares  bool                     // some node is shared

	order  []*node // of first mention, for steps that must be deterministic
	merges []merge
	drops  []drop
	// persons and known are by how much the number of persons, and of those with a
	// user id, has changed.
	persons, known int64
	withoutEdges   bool
	judging        bool // evidence is looked at again: what a window leaves out becomes no node by that

	spareNodes []node
	spareParts []part
	spareEdges []edge
}

// newRegion makes a region for about that many mentions.
func newRegion(r rules, lastNode touchstone.NodeID, mentions int) *region {
	return &region{rules: r, lastNode: lastNode, nodes: make(map[ident]*node, 2*mentions), parts: make(map[touchstone.PersonID]*part, mentions), edges: make(map[edgeKey]*edge, mentions), bonds: map[bondKey]*bond{}}
}

// Regions of an import hold tens of thousands of nodes: they are made in blocks.
func (r *region) newNode() *node {
	if len(r.spareNodes) == 0 {
		r.spareNodes = make([]node, min(256, 8+2*len(r.order)))
	}
	n := &r.spareNodes[0]
	r.spareNodes = r.spareNodes[1:]
	return n
}

func (r *region) newEdge() *edge {
	if len(r.spareEdges) == 0 {
		r.spareEdges = make([]edge, min(256, 8+2*len(r.edges)))
	}
	e := &r.spareEdges[0]
	r.spareEdges = r.spareEdges[1:]
	return e
}

func (r *region) newPart() *part {
	if len(r.spareParts) == 0 {
		r.spareParts = make([]part, min(256, 8+2*len(r.parts)))
	}
	p := &r.spareParts[0]
	r.spareParts = r.spareParts[1:]
	return p
}

// part returns the part of a person in the store.
func (r *region) part(person touchstone.PersonID) *part {
	p := r.parts[person]
	if p == nil {
		p = r.newPart()
		p.person = person
		r.parts[person] = p
	}
	return p
}

// put adds a node that is in the store. Nodes of one person may come one by one.
func (r *region) put(id ident, number touchstone.NodeID, person touchstone.PersonID, carries bool) *node {
	if n := r.nodes[id]; n != nil {
		return n
	}
	n := r.newNode()
	n.ident, n.id, n.carries, n.carried = id, number, carries, carries
	n.part = r.part(person).root()
	n.part.nodes = append(n.part.nodes, n)
	n.part.counts.add(id.kind, 1)
	r.nodes[id] = n
	r.order = append(r.order, n)
	return n
}

func (r *region) setTrust(n *node, t trust) {
	n.trust = t
	r.shares = r.shares || t == shared
}

// create makes a node for an identifier that nobody has seen before.
func (r *region) create(id ident, p *part) *node {
	r.lastNode++
	var n *node
	if r.meeting[id.kind] { // a look at a large map less for those that meet nobody
		n = r.brought[id]
	}
	if n == nil {
		n = r.newNode()
	}
	n.ident, n.id, n.fresh, n.known, n.born = id, r.lastNode, true, true, r.at
	if r.sharing[id] != nil {
		r.setTrust(n, shared)
		p = nil
	}
	if p == nil {
		p = r.newPart()
		p.person, p.fresh, p.loaded = touchstone.PersonID(n.id), true, true
		r.parts[p.person] = p
		if !r.relating(id) { // a car is no person, nor is a kiosk's tablet
			r.persons++
		}
	}
	if id.kind == userIDKind && p.counts.of(userIDKind) == 0 {
		r.known++
	}
	n.part = p
	p.nodes = append(p.nodes, n)
	p.counts.add(id.kind, 1)
	p.grown = true
	r.nodes[id] = n
	r.order = append(r.order, n)
	return n
}

// link takes an event's identifiers, strongest first, and returns the node that the
// event comes under, and the one that the others were linked to. All nodes and parts that
// it may touch must be loaded.
//
// An event comes under its first identifier. What relates does not join: it is a node of
// its own, and a relation of the strongest identifier that says who somebody is.
func (r *region) link(ids []ident, c cause) (carrier, anchor *node) {
	who, what := r.byRole(ids)
	if len(who) > 0 {
		if anchor = r.nodes[who[0]]; anchor == nil {
			anchor = r.create(who[0], r.welcoming(who, c.time))
		}
		anchor.see(c.time)
		// An event of which any identifier may turn out to be shared notes a chain beside the
		// star, so that the others still hang together without it.
		var before *node
		for _, id := range who[1:] {
			n := r.join(anchor, id, c, false)
			if before != nil && r.sharable(anchor.kind) {
				r.chain(before, id, c)
			}
			if n != nil {
				before = n
			}
		}
	}
	for _, id := range what {
		n := r.nodes[id]
		if n == nil {
			n = r.create(id, nil)
		}
		n.see(c.time)
		if anchor == nil {
			anchor = n
		} else {
			r.relate(anchor, n, c)
		}
	}
	carrier = r.nodes[ids[0]]
	carrier.carries = true
	return carrier, anchor
}

// relating tells whether an identifier says what somebody has to do with, not who somebody is:
// by its kind, or because it is shared.
func (r *region) relating(id ident) bool {
	if r.relates(id.kind) {
		return true
	}
	if !r.shares && len(r.sharing) == 0 {
		return false
	}
	if n := r.nodes[id]; n != nil {
		return n.trust == shared
	}
	return r.sharing[id] != nil
}

// byRole parts identifiers into those that say who somebody is, and the others. The edge
// sorts them so; events that came under other rules may differ.
func (r *region) byRole(ids []ident) (who, what []ident) {
	at := slices.IndexFunc(ids, r.relating)
	if at < 0 {
		return ids, nil
	}
	if !slices.ContainsFunc(ids[at:], func(id ident) bool { return !r.relating(id) }) {
		return ids[:at], ids[at:]
	}
	for _, id := range ids {
		if r.relating(id) {
			what = append(what, id)
		} else {
			who = append(who, id)
		}
	}
	return who, what
}

// welcoming finds the person that a new identifier joins: that of the strongest other
// identifier whose person has room. Joining at once spares a merge.
func (r *region) welcoming(ids []ident, at int64) *part {
	for _, id := range ids[1:] {
		if n := r.nodes[id]; n != nil {
			if p := n.part.root(); r.refuseAdd(p, ids[0].kind, at) == "" {
				return p
			}
		}
	}
	return nil
}

// join links an identifier to an event's strongest node unless that breaks a rule. An
// explicit link may give a person a second user id.
func (r *region) join(first *node, id ident, c cause, explicit bool) *node {
	home := first.part.root()
	n := r.nodes[id]
	if n == first {
		return n
	}
	if n != nil && n.trust == shared {
		n.see(c.time)
		r.relate(first, n, c)
		return nil
	}
	if n == nil {
		if reason := r.refuseAdd(home, id.kind, c.time); reason != "" && (!explicit || id.kind != userIDKind) {
			if r.judging || dropLabel(reason) != "window" {
				r.drops = append(r.drops, drop{id, nil, reason, first, c})
				return nil
			}
			// It was seen now, whenever it finds room: that must not be forgotten.
			n = r.create(id, nil)
			n.see(c.time)
			r.drops = append(r.drops, drop{id, n.part, reason, first, c})
			return n
		}
		n = r.create(id, home)
	} else if other := n.part.root(); other != home {
		if reason := r.refuseMerge(home, other, explicit); reason != "" {
			r.drops = append(r.drops, drop{id, other, reason, first, c})
			if n.glimpse == 0 || c.time < n.glimpse {
				n.glimpse = c.time
			}
			return n
		}
		r.merge(home, other, first, n, c)
	}
	n.see(c.time)
	r.edge(first, n, c)
	return n
}

// chain notes that two identifiers beside an event's strongest one were seen together. They are
// of one person already, unless one of them was refused.
func (r *region) chain(before *node, id ident, c cause) {
	n := r.nodes[id]
	switch {
	case n == nil:
		if reason := r.refuseAdd(before.part.root(), id.kind, c.time); reason != "" {
			r.drops = append(r.drops, drop{id, nil, reason, before, c})
		}
	case n.part.root() == before.part.root():
		r.edge(before, n, c)
	default:
		if reason := r.refuseMerge(before.part.root(), n.part.root(), false); reason != "" {
			r.drops = append(r.drops, drop{id, n.part.root(), reason, before, c})
		}
	}
}

func (n *node) see(at int64) {
	if !n.seen {
		n.seen, n.first, n.last = true, at, at
	}
	n.events++
	n.first, n.last = min(n.first, at), max(n.last, at)
}

// edge notes that two nodes were seen together.
func (r *region) edge(first, n *node, c cause) {
	if r.withoutEdges {
		return
	}
	key := keyOf(first.id, n.id, c.evidence)
	if e := r.edges[key]; e != nil {
		e.count++
		e.last = max(e.last, c.time) // the first message stays, with its time
		return
	}
	e := r.newEdge()
	*e = edge{edgeKey: key, cause: c, last: c.time, count: 1, fresh: first.fresh || n.fresh, ends: [2]*node{first, n}}
	r.edges[key] = e
	first.degree++
	n.degree++
	n.links = append(n.links, link{first.id, c.evidence})
}

func keyOf(a, b touchstone.NodeID, e evidence) edgeKey {
	return edgeKey{min(a, b), max(a, b), e}
}

// refuseAdd says why a person may not take one more identifier of a kind, first seen at a time.
func (r *region) refuseAdd(p *part, kind uint8, at int64) string {
	if n := p.counts.of(kind); n >= r.limit(kind) {
		return fmt.Sprintf("limit of %d %s", r.limit(kind), r.name(kind))
	}
	if w := r.window(kind); w.limit > 0 && w.crowded(p.moments(kind, []int64{at / 1000})) {
		return r.windowReason(kind, w)
	}
	if len(p.nodes) >= r.maxNodes {
		return fmt.Sprintf("limit of %d identifiers", r.maxNodes)
	}
	return ""
}

// refuseMerge says why two persons may not become one. A person that is over a limit
// already (by an alias, or because the limit was lowered) may still merge with one that
// has none of that kind.
func (r *region) refuseMerge(p, q *part, explicit bool) string {
	parted := r.apart.has(p.person, q.person)
	if parted && !r.binding {
		return "parted by an operator"
	}
	broken := -1 // the least kind, so that the reason does not depend on what was loaded when
	for _, c := range p.counts {
		m := q.counts.of(c.kind)
		if m > 0 && int(c.n)+m > r.limit(c.kind) && (!explicit || c.kind != userIDKind) && (broken < 0 || int(c.kind) < broken) {
			broken = int(c.kind)
		}
	}
	if kind := uint8(max(broken, 0)); broken >= 0 { //nolint:gosec // a kind's number
		return fmt.Sprintf("limit of %d %s", r.limit(kind), r.name(kind))
	}
	if reason := r.refuseWindows(p, q, explicit); reason != "" {
		return reason
	}
	if len(p.nodes)+len(q.nodes) > r.maxNodes {
		return fmt.Sprintf("limit of %d identifiers", r.maxNodes)
	}
	if parted {
		r.lift(p.person, q.person)
	}
	return ""
}

// refuseWindows says which bound over time two persons would break together: of the least kind.
func (r *region) refuseWindows(p, q *part, explicit bool) (reason string) {
	least := -1
	for _, c := range p.counts {
		w := r.window(c.kind)
		if w.limit == 0 || q.counts.of(c.kind) == 0 || explicit && c.kind == userIDKind || least >= 0 && int(c.kind) > least {
			continue
		}
		if w.crowded(q.moments(c.kind, p.moments(c.kind, nil))) {
			least, reason = int(c.kind), r.windowReason(c.kind, w)
		}
	}
	return reason
}

func (r *region) windowReason(kind uint8, w window) string {
	return fmt.Sprintf("limit of %d %s in %d days", w.limit, r.name(kind), w.seconds/86_400)
}

// moments appends when the identifiers of a kind were first seen, in Unix seconds.
func (p *part) moments(kind uint8, list []int64) []int64 {
	for _, n := range p.nodes {
		if n.kind == kind {
			list = append(list, n.moment()/1000)
		}
	}
	return list
}

// moment is the first event time of a node, also of an event that it was not linked in.
func (n *node) moment() int64 {
	at := n.since
	if n.seen && (at == 0 || n.first < at) {
		at = n.first
	}
	if n.glimpse != 0 && (at == 0 || n.glimpse < at) {
		at = n.glimpse
	}
	return at
}

// crowded tells whether more moments than the limit lie within the window's span.
func (w window) crowded(moments []int64) bool {
	slices.Sort(moments)
	for i := w.limit; i < len(moments); i++ {
		if moments[i]-moments[i-w.limit] < w.seconds {
			return true
		}
	}
	return false
}

// merge makes two persons one: the older one.
func (r *region) merge(p, q *part, first, n *node, c cause) {
	kept, absorbed := p, q
	if q.person < p.person {
		kept, absorbed = q, p
	}
	r.merges = append(r.merges, merge{r.at, kept.person, absorbed.person, keyOf(first.id, n.id, c.evidence), [2]*node{first, n}, c})
	r.persons--
	if kept.counts.of(userIDKind) > 0 && absorbed.counts.of(userIDKind) > 0 {
		r.known--
	}
	for _, k := range absorbed.counts {
		kept.counts.add(k.kind, k.n)
	}
	for _, m := range absorbed.nodes {
		m.part, m.moved = kept, true
	}
	kept.nodes = append(kept.nodes, absorbed.nodes...)
	kept.grown = true
	absorbed.into, absorbed.nodes = kept, nil
	r.apart.merged(kept.person, absorbed.person)
}

// sortedEdges returns the edges in key order.
func (r *region) sortedEdges() []*edge {
	list := make([]*edge, 0, len(r.edges))
	for _, e := range r.edges {
		list = append(list, e)
	}
	slices.SortFunc(list, func(x, y *edge) int {
		return cmp.Or(cmp.Compare(x.a, y.a), cmp.Compare(x.b, y.b), cmp.Compare(x.edgeKey.evidence, y.edgeKey.evidence))
	})
	return list
}

// evidenceOf tells what a call of a type, from an import or not, is evidence of.
func evidenceOf(t touchstone.EventType, imports bool) evidence {
	switch {
	case t == touchstone.Alias:
		return aliased
	case imports:
		return imported
	case t == touchstone.Identify:
		return identified
	}
	return seenTogether
}

func timeOf(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
