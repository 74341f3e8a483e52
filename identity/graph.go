// Package identity is the One-ID graph: identifiers are nodes, an event that carries
// several of them is evidence that they belong together, and a person is a connected
// component. Limits per kind of identifier keep shared devices from gluing people
// together; what a limit drops is recorded.
//
// [Graph] is the first stage of the pipeline. In the steady state, when all identifiers
// of a batch are known and linked, it runs no SQL per event.
//
// docs/design/identity.md tells the whole story.
package identity

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/internal/slabcache"
	"github.com/touchstone-cdp/touchstone/store"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Migrations returns the feature's migrations; New runs them.
func Migrations() fs.FS {
	return store.Migrations(migrationFiles)
}

// Config is what New needs. Zero values take the defaults named here.
type Config struct {
	DB      *store.DB
	Kinds   *touchstone.KindSet // limits and normalisation; the default set
	Clock   touchstone.Clock
	Logger  *slog.Logger
	Metrics prometheus.Registerer
	// Wake asks the pipeline for a batch even when no event waits, so that a split
	// happens at once. Without it, a split waits for the next event.
	Wake func()
	// Imports tells whether a source is an import: its edges then say so.
	Imports func(source string) bool
	// Within tells whom a viewer sees who is limited to some persons.
	Within access.Within
	// Through returns, for each partition, the last place of the log that has been worked on;
	// an erasure notes them. Without it, a warehouse that is built anew from the log gives old
	// events of an identifier that was erased and has come again to the new person.
	Through func() []touchstone.Seq
	// Files counts the files that are looked at for a person who is erased; nil: there are none.
	Files func(ctx context.Context, q store.Querier) (int, error)

	CacheBytes    int           // identifiers kept in memory, 110 bytes each; 128 MiB
	MaxNodes      int           // most identifiers of one person; 2,000
	FlushInterval time.Duration // counts per identifier reach the store within about this; 15 min
}

func (c *Config) setDefaults() {
	if c.Kinds == nil {
		c.Kinds = touchstone.DefaultKindSet()
	}
	if c.Clock == nil {
		c.Clock = touchstone.SystemClock{}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Wake == nil {
		c.Wake = func() {}
	}
	if c.CacheBytes == 0 {
		c.CacheBytes = 128 << 20
	}
	if c.MaxNodes == 0 {
		c.MaxNodes = 2000
	}
	if c.FlushInterval == 0 {
		c.FlushInterval = 15 * time.Minute
	}
}

// maxRefused bounds the memory of links that were refused; it starts anew when full.
const maxRefused = 1 << 18

// Graph is the identity graph: a stage of the pipeline, and the reads of the API.
type Graph struct {
	cfg     Config
	kinds   *kindTable
	metrics *metrics

	// mu guards what follows. The stage holds it while it works in memory, not during
	// SQL, so the sink's and the API's look-ups wait for milliseconds at most.
	mu      sync.Mutex
	cache   *slabcache.Cache
	bonds   *slabcache.Cache // relations
	refused map[uint64]struct{}
	flush   stats // of entries that left the cache or were swept

	// Only the stage uses these.
	version int64        // of the graph that the caches show; -1: none
	noted   [noKind]bool // kinds that are in identity_kinds, by number
	apart   apartness
	swept   time.Time // when the cache was last swept
	again   bool      // requests wait that this batch has not done
	leaned  bool      // the fact at work is settled because a link of it was refused before
	// commanded: the batch at work begins with a command that has changed something.
	commanded bool
	step      int32 // by which settled facts are counted: 1, or -1 when they are taken back
	// changed are the rules that the batch's command has changed.
	changed *rulesChange
	// suspects outlive a failed batch: they only suggest.
	suspects *suspects
}

// New brings the tables up to date and returns the graph.
func New(ctx context.Context, cfg Config) (*Graph, error) {
	cfg.setDefaults()
	if err := cfg.DB.Migrate(ctx, "identity", Migrations()); err != nil {
		return nil, err
	}
	g := &Graph{cfg: cfg, kinds: newKindTable(cfg.Kinds), cache: slabcache.New(cfg.CacheBytes), metrics: newMetrics(cfg.Metrics), suspects: newSuspects(), step: 1}
	g.cache.OnEvict = func(_ uint8, _ string, value []byte) { g.flush.take(value) }
	g.bonds = slabcache.New(cfg.CacheBytes / 8)
	g.bonds.OnEvict = func(_ uint8, key string, value []byte) { g.flush.takeBond(key, value) }
	g.forget()
	return g, g.loadKinds(ctx)
}

// Name is the stage's name.
func (g *Graph) Name() string { return "identity" }

// Rollback forgets what a failed batch may have left in memory.
func (g *Graph) Rollback() {
	g.forget()
	g.changed = nil
	g.kinds.use(nil)
	for _, w := range g.suspects.watched {
		w.written = 0 // may not have come to the store
	}
}

// Committed publishes gauges.
func (g *Graph) Committed(*touchstone.Batch) {
	if g.again {
		g.again = false
		g.cfg.Wake()
	}
	if g.changed != nil {
		g.changed.publish(context.Background(), g.cfg.Logger)
		g.changed = nil
		g.kinds.use(nil)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.metrics.cached.Set(float64(g.cache.Len()))
	g.metrics.cacheBytes.Set(float64(g.cache.Bytes()))
}

func (g *Graph) forget() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.cache.Reset()
	g.bonds.Reset()
	g.refused = map[uint64]struct{}{}
	g.flush = stats{}
	g.version = -1
	g.noted = [noKind]bool{}
	g.apart.clear()
}

// Apply gives every fact its node and person, extends the graph by the batch's new
// identifiers and links, and reports merges.
func (g *Graph) Apply(ctx context.Context, tx *store.Tx, b *touchstone.Batch) error {
	g.commanded = len(b.Changes) > 0
	return g.change(ctx, tx, func(st *state) error {
		requested := st.requests > 0
		if requested {
			if err := g.applyRequests(ctx, tx, b, st); err != nil {
				return err
			}
			g.again = st.requests > 0
		}
		err := g.take(ctx, tx, b, st)
		if requested && errors.As(err, new(*touchstone.Cut)) {
			g.forget() // what was done for the requests comes again
		}
		if err != nil {
			return err
		}
		return g.writeStats(ctx, tx, b.Now)
	})
}

// take gives the batch's facts their nodes and persons. When identifiers turn out to be shared
// it looks at all of them anew: persons are others then.
func (g *Graph) take(ctx context.Context, tx *store.Tx, b *touchstone.Batch, st *state) error {
	sharing := map[ident]*exposure{}
	for {
		hard := g.resolve(b.Facts)
		if len(hard) == 0 {
			return nil
		}
		if again, err := g.extend(ctx, tx, b, hard, sharing, st); err != nil || !again {
			return err
		}
	}
}

// change runs fn with the graph's counters, and caches that show what the store holds; it
// saves the counters when fn has changed them.
func (g *Graph) change(ctx context.Context, tx *store.Tx, fn func(st *state) error) error {
	st, err := loadState(ctx, tx, true)
	if err != nil {
		return err
	}
	if st.version != g.version {
		if err := g.refresh(ctx, tx, st.version); err != nil {
			return err
		}
	}
	before := st
	if err := g.followRules(ctx, tx, &st); err != nil {
		return err
	}
	if err := fn(&st); err != nil {
		return err
	}
	if st != before {
		st.version++
		if err := st.save(ctx, tx); err != nil {
			return err
		}
		g.version = st.version
	}
	g.metrics.persons.Set(float64(st.persons))
	g.metrics.known.Set(float64(st.known))
	return nil
}

// refresh starts the caches anew when somebody else has changed the graph.
func (g *Graph) refresh(ctx context.Context, tx *store.Tx, version int64) error {
	g.forget()
	if err := g.apart.load(ctx, tx); err != nil {
		return err
	}
	g.version = version
	return nil
}

// followRules takes over rules that somebody has changed. Persons are counted anew when
// other kinds relate: what relates is no person.
func (g *Graph) followRules(ctx context.Context, tx *store.Tx, st *state) error {
	if g.kinds.refresh() {
		g.mu.Lock()
		g.refused = map[uint64]struct{}{} // a limit may have been raised
		g.mu.Unlock()
	}
	names := g.kinds.relating()
	relating := strings.Join(names, " ")
	if relating == st.relating {
		return nil
	}
	st.relating = relating
	if st.lastNode == 0 {
		return nil
	}
	args := make([]any, len(names))
	for i, name := range names {
		args[i] = name
	}
	where := ""
	if len(names) > 0 {
		where = ` AND kind NOT IN ` + store.Marks(len(names))
	}
	err := tx.QueryRow(ctx, `SELECT COUNT(DISTINCT person) FROM identity_nodes WHERE trust <> 1`+where, args...).Scan(&st.persons)
	if err != nil {
		return fmt.Errorf("count persons: %w", err)
	}
	return nil
}

// extend works on the facts that the cache could not settle. It reports true when identifiers
// have left their persons: then it has linked nothing yet.
func (g *Graph) extend(ctx context.Context, tx *store.Tx, b *touchstone.Batch, hard []int, sharing map[ident]*exposure, st *state) (again bool, err error) {
	g.metrics.extended.Add(float64(len(hard)))
	sets := make([]mention, len(hard))
	for i, at := range hard {
		sets[i] = g.mention(&b.Facts[at])
	}
	r, err := g.prepare(ctx, tx, b, hard, sets, sharing, st)
	if r == nil || err != nil {
		return err == nil, err
	}
	for i, at := range hard {
		f := &b.Facts[at]
		if len(sets[i].ids) == 0 { // the edge lets none such through, as far as it knows
			b.Aside = append(b.Aside, touchstone.Aside{Index: at, Reason: reasonNoPerson})
			continue
		}
		r.at = at
		n := r.mention(sets[i])
		f.Node, f.Person = n.id, n.part.root().person
		if len(sets[i].unbind) > 0 {
			if err := g.requestUnbinds(ctx, tx, b, r, sets[i], n); err != nil {
				return false, err
			}
		}
	}
	r.recount(sets, func(i int) uint64 { return b.Facts[hard[i]].Seq.Offset() }, func(n *node) uint64 { return b.Facts[n.born].Seq.Offset() })
	g.announce(b, r)
	g.settle(r)
	if err := g.write(ctx, tx, r, st); err != nil {
		return false, err
	}
	if err := g.noteSharing(ctx, tx, r, b.Now.UnixMilli()); err != nil {
		return false, err
	}
	return false, g.suspect(ctx, tx, r, b.Now)
}

// reasonNoPerson is why an event is set aside; the edge refuses with the same code.
const reasonNoPerson = "no_person: none of the event's identifiers is of a kind that the identity graph keeps"

func (g *Graph) rules(apart *apartness) rules {
	return rules{limit: g.kinds.limit, name: g.kinds.name, relates: g.kinds.relates, maxNodes: g.cfg.MaxNodes, window: g.kinds.window, apart: apart, bears: g.kinds.bears, sharable: g.kinds.mayBeShared}
}

// announce reports a region's merges, each with the fact that brought it about and into the
// person that this fact leaves, and gives the facts before it the person that absorbed
// theirs, and who that was at the time.
func (g *Graph) announce(b *touchstone.Batch, r *region) {
	if len(r.merges) == 0 {
		return
	}
	gone := make(map[touchstone.PersonID]*part, len(r.merges))
	for i, m := range r.merges {
		gone[m.absorbed] = r.parts[m.absorbed]
		kept := m.kept
		for _, next := range r.merges[i+1:] { // who is there for the blink of one event has not been there
			if next.at != m.at {
				break
			}
			if next.absorbed == kept {
				kept = next.kept
			}
		}
		b.Because(m.at, touchstone.Change{Kind: touchstone.PersonsMerged, Person: kept, Other: m.absorbed})
	}
	into := make(map[touchstone.PersonID]touchstone.PersonID, len(r.merges)) // by the merges so far
	next := 0
	for i := range b.Facts {
		for ; next < len(r.merges) && r.merges[next].at <= i; next++ {
			into[r.merges[next].absorbed] = r.merges[next].kept
		}
		f := &b.Facts[i]
		p := gone[f.Person]
		if p == nil {
			continue
		}
		was := f.Person
		for kept, ok := into[was]; ok; kept, ok = into[was] {
			was = kept
		}
		if f.Person = p.root().person; was != f.Person {
			f.Was = was
		}
	}
	g.metrics.merged.Add(float64(len(r.merges)))
}

// mention is what an event says about identity.
type mention struct {
	ids []ident
	// previous are the meanings of an alias call's previousId, in order: as an
	// anonymous id, as a user id. Both are tried, as Segment and Mixpanel do.
	previous []ident
	unbind   []ident // what is to be taken out of the person
	binds    bool    // an explicit statement, which also joins what was parted
	cause
}

// ident is an identifier as the graph keeps it; false if it keeps none such.
func (g *Graph) ident(id touchstone.Identifier) (ident, bool) {
	kind := g.kinds.number(id.Kind)
	return ident{kind, id.Value}, kind != noKind && storable(id.Value)
}

func (g *Graph) mention(f *touchstone.Fact) mention {
	m := mention{ids: make([]ident, 0, len(f.Identifiers)), cause: cause{evidence: evidenceOf(f.Type, g.imports(f.Source)), messageID: f.MessageID, source: f.Source, time: f.Time.UnixMilli()}}
	for _, id := range f.Identifiers {
		k, ok := g.ident(id)
		if !ok {
			g.metrics.ignored.Inc()
			continue
		}
		m.ids = append(m.ids, k)
	}
	if f.Type == touchstone.Track && f.Name == unbindEvent {
		m.unbind = g.unbinds(f)
	}
	m.binds = f.Type == touchstone.Track && f.Name == bindEvent
	if f.Type == touchstone.Alias {
		for _, kind := range []touchstone.IdentifierKind{touchstone.KindAnonymousID, touchstone.KindUserID} {
			if v, ok := g.kinds.rules().Normalise(kind, f.PreviousID); ok && storable(v) {
				m.previous = append(m.previous, ident{g.kinds.number(kind), v})
			}
		}
	}
	return m
}

// mention links an event's identifiers and returns the node that it comes under.
func (r *region) mention(m mention) *node {
	r.binding = m.binds
	carrier, first := r.link(m.ids, m.cause)
	if len(m.previous) > 0 && !r.relating(first.ident) { // an alias for a car joins nobody to it
		target := m.previous[0]
		for _, id := range m.previous {
			if r.nodes[id] != nil {
				target = id
				break
			}
		}
		r.join(first, target, m.cause, true)
	}
	return carrier
}

// resolve gives facts whose identifiers are all known and linked their node and person,
// and returns the indices of the others.
func (g *Graph) resolve(facts []touchstone.Fact) (hard []int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	var leaning []int
	source, imports := "", g.imports("") // neighbours mostly have the same source
	kinds := g.kinds.current.Load()
	for i := range facts {
		f := &facts[i]
		f.Was = 0 // of an earlier attempt
		if f.Source != source {
			source, imports = f.Source, g.imports(f.Source)
		}
		g.leaned = false
		if !g.settled(f, kinds, evidenceOf(f.Type, imports)) {
			f.Node, f.Person = 0, 0
			hard = append(hard, i)
		} else if g.leaned {
			leaning = append(leaning, i)
		}
	}
	if len(hard) > 0 && len(leaning) > 0 {
		hard = g.harden(facts, hard, leaning)
	}
	return hard
}

// maxSettled is how many identifiers an event of the fast path may have.
const maxSettled = 12

func (g *Graph) imports(source string) bool { return g.cfg.Imports != nil && g.cfg.Imports(source) }

// sight is an identifier of a fact as the cache has it.
type sight struct {
	entry
	kind    uint8
	relates bool // it does not say who somebody is
	linked  bool // to the anchor, by an edge that is noted
	chained bool // to the one before, in the same way
}

// settled settles a fact by the cache alone, if it brings nothing new: each link that it is
// evidence of is noted, as an edge, as a relation, or among those that were refused.
func (g *Graph) settled(f *touchstone.Fact, kinds *kindNumbers, ev evidence) bool {
	if speaks(f) || len(f.Identifiers) > maxSettled || len(f.Identifiers) == 0 {
		return false
	}
	var room [maxSettled]sight
	seen := room[:len(f.Identifiers)]
	anchor := -1
	for i := range seen {
		id, s := &f.Identifiers[i], &seen[i]
		s.kind = g.kinds.number(id.Kind)
		s.entry = g.cache.Get(s.kind, id.Value)
		s.relates = kinds.relates[s.kind] || s.entry != nil && s.shared()
		if kinds.timed && g.isEarlier(s, kinds, f.Time) {
			return false
		}
		if anchor < 0 && !s.relates && s.kind != noKind {
			if s.entry == nil {
				return false
			}
			anchor = i
		}
	}
	first := seen[0].entry
	if first == nil || !first.carries() {
		return false
	}
	anchor = max(anchor, 0)
	a, before := seen[anchor].entry, entry(nil)
	chain := len(seen) > 2 && kinds.after[seen[anchor].kind] != touchstone.NeverShared
	for i := range seen {
		s := &seen[i]
		switch {
		case i == anchor || s.entry != nil && s.node() == a.node():
			continue
		case s.kind == noKind:
			g.metrics.ignored.Inc()
			continue
		case s.relates:
			if s.entry == nil || !g.hasBond(bondKey{a.node(), s.node()}) {
				return false
			}
			continue
		}
		id := ident{s.kind, f.Identifiers[i].Value}
		var known bool
		if s.linked, known = g.isNoted(a, s.entry, id, ev); !known {
			return false
		}
		if chain && before != nil {
			if s.chained, known = g.isNoted(before, s.entry, id, ev); !known {
				return false
			}
		}
		if s.entry != nil {
			before = s.entry
		}
	}
	g.countSettled(seen, anchor, ev, seconds(f.Time))
	f.Node, f.Person = first.node(), first.person()
	return true
}

// isEarlier tells whether an event may be the first of an identifier that a window looks at:
// one that is older than the latest. What is taken back (step -1) has been looked at.
func (g *Graph) isEarlier(s *sight, kinds *kindNumbers, at time.Time) bool {
	return g.step > 0 && s.entry != nil && s.kind != noKind && kinds.windows[s.kind].limit > 0 && seconds(at) < s.last()
}

// isNoted tells whether it is known what becomes of a link, and whether it is an edge.
func (g *Graph) isNoted(a, e entry, id ident, ev evidence) (linked, known bool) {
	switch {
	case e == nil:
		known = g.isRefused(refusedIdent(a.node(), id))
	case e.person() == a.person():
		linked = e.linked(a.node(), ev)
		return linked, linked
	default:
		known = g.isRefused(refusedNodes(a.node(), e.node()))
	}
	if known {
		g.leaned = true
		g.metrics.refused.Inc()
	}
	return false, known
}

// countSettled counts what a fact of the fast path has seen.
func (g *Graph) countSettled(seen []sight, anchor int, ev evidence, at uint32) {
	a, before := seen[anchor].entry, entry(nil)
	a.see(g.step, at)
	for i := range seen {
		s := &seen[i]
		switch {
		case i == anchor || s.entry == nil || s.node() == a.node():
			continue
		case s.relates:
			s.see(g.step, at)
			g.countBond(bondKey{a.node(), s.node()}, at)
			continue
		case s.linked:
			s.see(g.step, at)
			s.countLink(a.node(), ev, g.step)
			if s.chained {
				s.countLink(before.node(), ev, g.step)
			}
		}
		before = s.entry
	}
}

func seconds(t time.Time) uint32 { return uint32(min(max(t.Unix(), 0), 1<<32-1)) } //nolint:gosec // clamped

func (g *Graph) isRefused(key uint64) bool {
	_, ok := g.refused[key]
	return ok
}

// settle brings the cache to what a region has found out.
func (g *Graph) settle(r *region) {
	g.mu.Lock()
	defer g.mu.Unlock()
	flushPeers := func(e entry) { g.flush.takePeers(e) }
	for _, n := range r.order {
		person := n.part.root().person
		e := entry(g.cache.Get(n.kind, n.value))
		if e == nil {
			if !n.seen {
				continue
			}
			e = newEntry(n.id)
			e.setPerson(person)
			stored := g.cache.Put(n.kind, n.value, e)
			if stored == nil {
				continue
			}
			e = stored
		}
		e.setPerson(person)
		e.setCarries(n.carries)
		e.setTrust(n.trust)
		if n.seen {
			events := n.events
			if n.fresh { // its row is written with them
				events = 0
			}
			e.see(int32(min(events, 1<<20)), seconds(timeOf(n.last))) //nolint:gosec // clamped
		}
		for _, l := range n.links {
			if l.evidence < countedEvidence {
				e.remember(l.to, l.evidence, flushPeers)
			}
		}
	}
	for _, d := range r.drops {
		g.refuse(r, d)
	}
	g.settleBonds(r)
}

// refuse remembers that a link was refused. Persons only grow, so it will be refused
// again; a split forgets all.
func (g *Graph) refuse(r *region, d drop) {
	g.metrics.dropped.WithLabelValues(dropLabel(d.reason)).Inc()
	if dropLabel(d.reason) == "window" { // an earlier event may make room: it is judged each time
		return
	}
	if len(g.refused) >= maxRefused {
		g.refused = map[uint64]struct{}{}
	}
	if d.other == nil {
		g.refused[refusedIdent(d.from.id, d.ident)] = struct{}{}
	} else if n := r.nodes[d.ident]; n != nil && n.part.root() != d.from.part.root() {
		g.refused[refusedNodes(d.from.id, n.id)] = struct{}{}
	}
}

func dropLabel(reason string) string {
	switch {
	case strings.HasPrefix(reason, "parted"):
		return "parted"
	case strings.HasSuffix(reason, "identifiers"):
		return "size"
	case strings.HasSuffix(reason, " days"):
		return "window"
	}
	return "limit"
}
