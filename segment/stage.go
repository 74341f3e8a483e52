package segment

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/segment/rule"
	"github.com/touchstone-cdp/touchstone/store"
)

// StageName is the stage's name and the Owner of its timers.
const StageName = "segment"

// Traits is what the stage asks the profile stage, which runs before it.
type Traits interface {
	// Prefetch makes the traits of persons ready who have no fact in the batch. The
	// traits of those who have one are ready without asking.
	Prefetch(ctx context.Context, tx *store.Tx, persons []touchstone.PersonID) error
	// TraitsOf returns a look-up of a person's traits as the batch has left them; of a person
	// that it absorbed, as they were then.
	TraitsOf(person touchstone.PersonID) func(name string) (touchstone.JSON, bool)
}

// Persons is what the package asks identity.
type Persons interface {
	// Canonical returns who each person is now, as q sees it: the same id, or the id of
	// the person that absorbed it, or 0 for one that was erased.
	Canonical(ctx context.Context, q store.Querier, persons []touchstone.PersonID) ([]touchstone.PersonID, error)
}

// Stage is the pipeline's stage. Its methods are called by the pipeline's goroutine.
type Stage struct {
	traits     Traits
	persons    Persons
	households Households // nil: everybody lives alone
	builds     *builds
	metrics    *metrics
	zone       func() *time.Location
	keep       int64 // changes in the feed
	wake       func()

	table     *table
	snapshot  atomic.Pointer[table] // for other goroutines; do not look at members
	cache     *cache
	batch     int64
	started   bool                // builds of an earlier process have been restarted
	lastID    int64               // of the change feed
	maxPerson touchstone.PersonID // no row has a greater person

	owns    func(touchstone.PersonID) bool // of a lane: whether a person is its own; nil: all are
	settled atomic.Int64                   // version of the definitions as of the last commit

	work work
}

// work is what one batch touches. Its slices are used again.
type work struct {
	now      int64 // at which rules are asked: the batch's clock; while timers go off, their moment
	at       time.Time
	touched  []*state
	missing  []*state
	hits     []hit
	marks    []int32               // places in Batch.Changes of what concerns rules, by cause
	stepping []*state              // who the event at work concerns
	erased   []touchstone.PersonID // whom the batch erases
	ask      []touchstone.PersonID // whose traits must be fetched
	moved    []moved               // whose households have changed
	homes    *homes                // of whom the batch concerns; nil while no rule asks
	absorbed []*state
	dirty    []*state
	deleted  []*state
	enter    []memberRow
	leave    []memberRow
	feed     []feedRow
	days     map[string]*dayCount  // of live segments, today
	past     map[pastDay]pastCount // what timers that went off late have changed on days before
	due      dues
	rung     []*state // whose timers went off at the moment at work
	together int      // how often persons were asked at the batch's time for what was due before
	chunks   []*chunk
	begun    *unit
	more     bool // another batch is needed soon
	starting bool
	evals    int
	fired    int
	set      int
	late     int
	view     view
	finding  rule.Finding
	members  mask // of the person who is asked
	order    []ordered
	buf      []byte
}

// ordered carries the key beside the pointer, so that sorting does not chase pointers.
type ordered struct {
	person touchstone.PersonID
	state  *state
}

// sort puts the touched persons in order.
func (w *work) sort() {
	w.order = w.order[:0]
	for _, st := range w.touched {
		w.order = append(w.order, ordered{st.person, st})
	}
	slices.SortFunc(w.order, func(a, b ordered) int { return cmp.Compare(a.person, b.person) })
	for i := range w.order {
		w.touched[i] = w.order[i].state
	}
	clear(w.order)
}

// hit is an event that belongs to a leaf; without one it only shows that the person exists.
type hit struct {
	state *state
	leaf  *leaf
	at    int64
	value int64 // see rule.Leaf.Value
	cause int32 // place of the fact, from 1
}

func newStage(cfg *Config, b *builds, m *metrics) *Stage {
	return &Stage{traits: cfg.Traits, persons: cfg.Persons, households: cfg.Households, builds: b, metrics: m, zone: cfg.Zone, wake: cfg.Wake,
		keep: int64(cfg.FeedLength), cache: newCache(cfg.CachePersons)}
}

// Name returns "segment".
func (s *Stage) Name() string { return StageName }

// Apply brings every segment up to date with the batch.
func (s *Stage) Apply(ctx context.Context, tx *store.Tx, b *touchstone.Batch) error {
	if err := s.refresh(ctx, tx); err != nil {
		return fmt.Errorf("load definitions: %w", err)
	}
	if err := s.position(ctx, tx, b); err != nil {
		return err
	}
	split := slices.ContainsFunc(b.Changes, func(c touchstone.Change) bool { return c.Kind == touchstone.PersonSplit && !bare(&c) })
	if split {
		if err := startOver(ctx, tx); err != nil { // takes effect with the next batch
			return fmt.Errorf("start over after a split: %w", err)
		}
	}
	if err := s.erase(ctx, tx, b); err != nil {
		return fmt.Errorf("erase persons: %w", err)
	}
	s.work.more = split
	if err := s.takeMoved(ctx, tx); err != nil {
		return fmt.Errorf("see who has moved: %w", err)
	}
	if s.table.idle() && s.maxPerson == 0 && len(b.Due) == 0 && len(s.table.garbage) == 0 && s.builds.Waiting() == 0 {
		return nil
	}
	s.batch++
	s.work.reset(b.Now)
	s.collect(b)
	if err := s.takeChunks(ctx, tx); err != nil {
		return err
	}
	if err := s.loadHomes(ctx, tx); err != nil {
		return fmt.Errorf("load households: %w", err)
	}
	if err := s.load(ctx, tx); err != nil {
		return fmt.Errorf("load states: %w", err)
	}
	if len(s.work.ask) > 0 && s.table.asksTrait.any() {
		slices.Sort(s.work.ask)
		if err := s.traits.Prefetch(ctx, tx, slices.Compact(s.work.ask)); err != nil {
			return fmt.Errorf("fetch traits: %w", err)
		}
	}
	s.ring(b)
	s.stepMoved(b)
	s.walk(b)
	s.mergeChunks(b)
	if err := s.write(ctx, tx, b); err != nil {
		return err
	}
	return s.finish(ctx, tx)
}

// Rollback forgets what the failed batch has changed: everything in memory.
func (s *Stage) Rollback() {
	s.cache.clear()
	s.table = nil
	s.builds.giveBack(s.work.chunks)
	s.work.chunks = nil
	s.work.begun = nil
	s.work.starting = false
}

// Resume forgets what outlives a failed batch, too: another process may have worked since.
// Builds that were under way start anew.
func (s *Stage) Resume() {
	s.Rollback()
	s.started = false
	s.builds.clear()
}

// Committed makes the batch's outcome known.
func (s *Stage) Committed(*touchstone.Batch) {
	w := &s.work
	s.started = s.started || w.starting
	s.snapshot.Store(s.table)
	if s.table != nil {
		s.settled.Store(s.table.version)
	}
	if w.begun != nil {
		s.builds.add(w.begun)
	}
	w.chunks, w.begun, w.starting = nil, nil, false
	s.cache.trim()
	s.metrics.batch(w, s.cache, s.builds.Waiting())
	if w.more || s.builds.Waiting() > 0 {
		s.wake()
	}
	w.more = false
	w.evals, w.fired, w.set, w.late, w.together, w.feed = 0, 0, 0, 0, 0, w.feed[:0]
}

func (w *work) reset(now time.Time) {
	w.at, w.now = now, now.UnixMilli()
	w.touched, w.missing, w.hits, w.marks, w.ask = w.touched[:0], w.missing[:0], w.hits[:0], w.marks[:0], w.ask[:0]
	w.absorbed, w.dirty, w.deleted = w.absorbed[:0], w.dirty[:0], w.deleted[:0]
	w.enter, w.leave, w.feed = w.enter[:0], w.leave[:0], w.feed[:0]
	w.evals, w.fired, w.set, w.late, w.together = 0, 0, 0, 0, 0
	w.due = w.due[:0]
	clear(w.days)
	clear(w.past)
}

// refresh loads the definitions when they have changed, and begins what is to be built.
func (s *Stage) refresh(ctx context.Context, tx *store.Tx) error {
	if s.owns != nil {
		return s.refreshLane(ctx, tx)
	}
	var version, merged int64
	if err := tx.QueryRow(ctx, `SELECT version, chunk FROM segment_meta WHERE id = 1`).Scan(&version, &merged); err != nil {
		return err
	}
	s.builds.Joined(merged)
	if s.table != nil && s.table.version == version {
		return nil
	}
	d, err := loadDefinitions(ctx, tx)
	if err != nil {
		return err
	}
	if !s.started {
		if err := d.restart(ctx, tx); err != nil {
			return err
		}
		s.work.starting = true
		if d, err = loadDefinitions(ctx, tx); err != nil {
			return err
		}
	}
	u, err := d.begin(ctx, tx)
	if err != nil {
		return err
	}
	t, err := d.compile()
	if err != nil {
		return err
	}
	if err := t.dropUnused(ctx, tx); err != nil {
		return err
	}
	if u != nil {
		if u.through, err = positions(ctx, tx); err != nil {
			return err
		}
		s.work.begun = u
	}
	if s.table == nil {
		if err := tx.QueryRow(ctx, `SELECT coalesce(max(id), 0) FROM segment_changes`).Scan(&s.lastID); err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, `SELECT coalesce(max(person), 0) FROM segment_states`).Scan(&s.maxPerson); err != nil {
			return err
		}
	}
	s.table = t
	return nil
}

// position remembers the last event worked on: where history ends for a segment whose
// life begins with the next batch.
func (s *Stage) position(ctx context.Context, tx *store.Tx, b *touchstone.Batch) error {
	if len(b.Facts) == 0 || s.owns != nil {
		return nil
	}
	_, err := tx.Exec(ctx, `INSERT INTO segment_positions (partition_id, seq) VALUES (?, ?)
		ON CONFLICT (partition_id) DO UPDATE SET seq = excluded.seq`, b.Partition, int64(b.Facts[len(b.Facts)-1].Seq))
	return err
}

func positions(ctx context.Context, q store.Querier) ([]touchstone.Seq, error) {
	rows, err := q.Query(ctx, `SELECT partition_id, seq FROM segment_positions ORDER BY partition_id`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	through := []touchstone.Seq{}
	for rows.Next() {
		var partition int
		var seq touchstone.Seq
		if err := rows.Scan(&partition, &seq); err != nil {
			return nil, err
		}
		for len(through) < partition { // nothing has come from these yet
			through = append(through, touchstone.MakeSeq(len(through), 0, 0))
		}
		through = append(through, seq)
	}
	return through, rows.Err()
}

// touch returns the person's state and makes it part of the batch.
func (s *Stage) touch(p touchstone.PersonID) *state {
	st := s.cache.get(p)
	if st == nil {
		st = &state{person: p}
		if !s.mayHaveRow(p) { // nobody with such an id has a row
			st.loaded, st.table = true, s.table.version
		}
		s.cache.put(st)
	}
	if st.batch == s.batch {
		return st
	}
	st.batch, st.kept, st.changed, st.absorbed, st.armed, st.ahead = s.batch, false, false, false, false, st.ahead[:0]
	if len(st.ask) != s.table.words {
		st.ask, st.grown = make(mask, s.table.words), make(mask, s.table.words)
	} else {
		clear(st.ask)
		clear(st.grown)
	}
	s.work.touched = append(s.work.touched, st)
	if !st.loaded {
		s.work.missing = append(s.work.missing, st)
	} else {
		st.clean(s.table)
	}
	return st
}

// collect finds the persons that the batch concerns, and what of it concerns them.
func (s *Stage) collect(b *touchstone.Batch) {
	t, w := s.table, &s.work
	open := t.open.any()
	for i := range b.Facts {
		f := &b.Facts[i]
		asked := t.events[f.Name]
		if asked == nil && !open || f.Person == 0 {
			continue
		}
		cause := int32(i) + 1 //nolint:gosec // a batch is far smaller
		if open {
			if st := s.touch(f.Then()); st.met != t.version {
				w.hits = append(w.hits, hit{state: st, cause: cause})
			}
		}
		if asked == nil {
			continue
		}
		at := moment(f.Time.UnixMilli())
		if at <= w.now-asked.longest {
			w.late += len(asked.leaves)
			continue
		}
		for _, n := range asked.index.Find(&w.finding, f.Properties, f.Context) {
			l := asked.leaves[n]
			if l.horizon > 0 && at <= w.now-l.horizon {
				w.late++
				continue
			}
			if !l.During(at) {
				continue
			}
			if value, ok := l.Value(f.Properties, at); ok {
				w.hits = append(w.hits, hit{s.touch(f.Then()), l, at, value, cause})
			}
		}
	}
	s.collectChanges(b.Changes)
	for i := range b.Due {
		if d := &b.Due[i]; d.Owner == StageName {
			w.fired++
			s.touch(d.Subject.Person())
			w.ask = append(w.ask, d.Subject.Person())
		}
	}
	if !t.related.any() {
		w.moved = w.moved[:0]
	}
	for _, m := range w.moved {
		s.touch(m.person)
		w.ask = append(w.ask, m.person)
	}
}

// collectChanges finds the changes that concern rules, and brings them into order.
func (s *Stage) collectChanges(changes []touchstone.Change) {
	t, w := s.table, &s.work
	for i := range changes {
		c := &changes[i]
		switch c.Kind {
		case touchstone.TraitChanged:
			if t.traits[c.Name] == nil {
				continue
			}
			s.touch(c.Person)
		case touchstone.PersonsMerged:
			if c.Person == c.Other {
				continue
			}
			s.touch(c.Person)
			s.touch(c.Other)
			w.ask = append(w.ask, c.Person)
		case touchstone.PersonSplit:
			if bare(c) {
				continue
			}
			s.touch(c.Person)
			s.touch(c.Other)
			w.ask = append(w.ask, c.Person, c.Other)
		case touchstone.PersonErased:
			s.touch(c.Person)
		default:
			continue
		}
		w.marks = append(w.marks, int32(i)) //nolint:gosec // a batch is far smaller
	}
	slices.SortFunc(w.marks, func(i, j int32) int {
		return cmp.Or(touchstone.CompareCauses(&changes[i], &changes[j]), cmp.Compare(i, j))
	})
	for _, i := range w.marks {
		if c := &changes[i]; c.Kind == touchstone.TraitChanged {
			st := s.touch(c.Person)
			st.ahead = append(st.ahead, i)
		}
	}
}

// load reads the rows of the persons that are not in the cache, in order of person.
func (s *Stage) load(ctx context.Context, tx *store.Tx) error {
	missing := s.work.missing
	slices.SortFunc(missing, byPerson)
	persons := make([]int64, len(missing))
	for i, st := range missing {
		persons[i] = int64(st.person)
	}
	err := store.SelectIn(ctx, tx, `SELECT person, state FROM segment_states WHERE person IN (...)`, persons, func(rows *sql.Rows) error {
		var person touchstone.PersonID
		var stored []byte
		if err := rows.Scan(&person, &stored); err != nil {
			return err
		}
		i, ok := slices.BinarySearchFunc(missing, person, func(st *state, p touchstone.PersonID) int { return cmp.Compare(st.person, p) })
		if !ok {
			return fmt.Errorf("asked for other persons than %s", person)
		}
		if err := missing[i].decode(stored); err != nil {
			return fmt.Errorf("person %s: %w", person, err)
		}
		missing[i].stored = true
		return nil
	})
	for _, st := range missing {
		st.loaded = true
		st.clean(s.table)
	}
	return err
}

func byPerson(a, b *state) int { return cmp.Compare(a.person, b.person) }

// meet has a person who exists asked about the rules that hold for a person of whom
// nothing is known, once for each version of the definitions while the state is cached.
func (s *Stage) meet(st *state) {
	if st.met != s.table.version {
		st.met = s.table.version
		st.ask.or(s.table.open)
	}
}

// askAll has every rule asked about a person.
func (s *Stage) askAll(st *state) {
	for i := range s.table.programs {
		st.ask.set(i)
	}
}

// bare tells of a split that moves identifiers only: whoever has done nothing is in no segment,
// and the other has done what it had.
func bare(c *touchstone.Change) bool { return c.Parts != nil && c.Parts.Bare }

// origin says where a change of membership comes from: the fact with the place cause, or, if
// that is 0, something else at a time.
type origin struct {
	cause    int
	time     time.Time
	backfill bool
	ahead    int // the fact's place, if it stands before all facts all the same
	behind   int // the fact's place behind which it stands, though another one brought it about
}

// walk goes through the batch's events and changes in their order, and settles each person
// whom one of them touches before it goes on. So whoever enters and leaves within a batch
// does both, and nothing depends on where batches are cut.
func (s *Stage) walk(b *touchstone.Batch) {
	w := &s.work
	hits, marks := w.hits, w.marks
	parted := false
	for ; len(marks) > 0 && b.Changes[marks[0]].Cause == 0; marks = marks[1:] {
		c := &b.Changes[marks[0]]
		s.follow(c)
		parted = parted || c.Kind == touchstone.PersonSplit
		if next := marks[1:]; c.Ahead > 0 && len(next) > 0 && b.Changes[next[0]].Ahead > 0 {
			continue // what a record brings about ahead happens at once
		}
		s.step(b, origin{time: c.Time, backfill: c.Backfill || parted, ahead: c.Ahead})
		parted = false
	}
	for len(hits) > 0 || len(marks) > 0 {
		cause := math.MaxInt
		if len(hits) > 0 {
			cause = int(hits[0].cause)
		}
		if len(marks) > 0 {
			cause = min(cause, b.Changes[marks[0]].Cause)
		}
		for ; len(marks) > 0 && b.Changes[marks[0]].Cause == cause && !b.Changes[marks[0]].Behind; marks = marks[1:] {
			s.follow(&b.Changes[marks[0]])
		}
		for ; len(hits) > 0 && int(hits[0].cause) == cause; hits = hits[1:] {
			s.count(&hits[0])
		}
		s.step(b, origin{cause: cause})
		for ; len(marks) > 0 && b.Changes[marks[0]].Cause == cause; marks = marks[1:] {
			c := &b.Changes[marks[0]]
			s.follow(c)
			s.step(b, origin{behind: cause, time: c.Time, backfill: c.Backfill})
		}
	}
}

// step settles the persons whom the event at work concerns.
func (s *Stage) step(b *touchstone.Batch, o origin) {
	if s.work.homes != nil {
		s.settleTogether(b, o)
		return
	}
	for _, st := range s.work.stepping {
		s.settle(b, st, o)
	}
	s.work.stepping = s.work.stepping[:0]
}

// concern makes a person one of those whom the event at work concerns. That some come
// twice does no harm.
func (w *work) concern(st *state) {
	if n := len(w.stepping); n == 0 || w.stepping[n-1] != st {
		w.stepping = append(w.stepping, st)
	}
}

// count adds an event to its leaf, and has those asked again for whom something changed.
func (s *Stage) count(h *hit) {
	switch {
	case h.leaf == nil:
		s.meet(h.state)
	case h.state.add(h.leaf, h.at, h.value):
		h.state.ask.or(h.leaf.users)
		h.state.grown.or(h.leaf.growing)
		s.spread(h.state, h.leaf.mates)
	default:
		return
	}
	s.work.concern(h.state)
}

// follow takes in a change of an earlier stage.
func (s *Stage) follow(c *touchstone.Change) {
	st := s.touch(c.Person)
	switch c.Kind {
	case touchstone.TraitChanged:
		st.ahead = st.ahead[1:] // this one, for they are in order
		st.ask.or(s.table.traits[c.Name])
		s.spread(st, s.table.mateTraits[c.Name])
		s.meet(st)
	case touchstone.PersonsMerged:
		s.merge(st, s.touch(c.Other))
	case touchstone.PersonSplit: // the other is new; what the two have done is read again
		other := s.touch(c.Other)
		s.meet(other)
		s.askAll(st)
		s.askAll(other)
		s.spread(st, s.table.related)
		if !s.work.erases(other.person) {
			s.work.concern(other)
		}
	case touchstone.PersonErased:
		s.spread(st, s.table.related)
		if s.work.homes != nil {
			s.work.homes.remove(st.person)
		}
		s.forget(st)
	}
	if !s.work.erases(st.person) { // nobody is told of one who is erased further on
		s.work.concern(st)
	}
}

// merge joins the states of persons that have become one. The absorbed person leaves
// everything without a word to reactors; the kept one is asked about everything.
func (s *Stage) merge(kept, gone *state) {
	for _, l := range gone.leaves {
		def := s.table.leaf(l.leaf)
		if def == nil {
			continue
		}
		kept.join(def, l.times)
	}
	for _, m := range gone.in {
		kept.inherit(m)
	}
	kept.absorbed, kept.pruned = false, 0
	s.askAll(kept)
	if s.work.homes != nil {
		s.spread(gone, s.table.related)
		s.work.homes.merge(kept.person, gone.person)
		s.spread(kept, s.table.related)
	}
	gone.keepWas()
	gone.leaves, gone.in, gone.timer = nil, gone.in[:0], 0
	gone.absorbed, gone.dirty = true, true
	s.work.concern(gone)
}

// inherit takes over another person's membership, from the earlier moment.
func (s *state) inherit(m membership) {
	s.keepWas()
	s.dirty = true
	for i := range s.in {
		if s.in[i].generation == m.generation {
			s.in[i].at = min(s.in[i].at, m.at)
			return
		}
	}
	s.in = append(s.in, m)
}

// settle asks the rules about a person that something has changed for, and tells what follows.
func (s *Stage) settle(b *touchstone.Batch, st *state, o origin) {
	if st.ask.any() || st.grown.any() {
		if !st.absorbed {
			s.grow(st)
			s.evaluate(b, st)
		}
		clear(st.ask)
		clear(st.grown) // of one who was absorbed
	}
	if st.changed {
		s.tell(b, st, o)
		st.changed = false
	}
}

// grow has those rules asked that hold all the more for what has happened and do not hold yet. Those that hold go on doing so, for no
// shorter than was known; and if the clock has ended that and the timer is yet to go off, all are asked.
func (s *Stage) grow(st *state) {
	if !st.grown.any() {
		return
	}
	if st.timer == 0 || st.timer > s.work.now {
		members := s.work.members[:0]
		for range s.table.words {
			members = append(members, 0)
		}
		for _, m := range st.in {
			if p := s.table.program(m.generation); p != nil {
				members.set(p.index)
			}
		}
		st.grown.without(members)
		s.work.members = members
	}
	st.ask.or(st.grown)
	clear(st.grown)
}

// prune does so once in a batch, in which the clock stands still.
func (s *Stage) prune(st *state) {
	if st.pruned != s.batch {
		st.pruned = s.batch
		st.prune(s.table, s.work.now)
	}
}

// evaluate asks the rules about a person.
func (s *Stage) evaluate(b *touchstone.Batch, st *state) {
	s.prune(st)
	v := &s.work.view
	*v = view{stage: s, state: st, changes: b.Changes}
	for i := st.ask.next(0); i >= 0; i = st.ask.next(i + 1) {
		if p := s.table.programs[i]; p.rule != nil {
			st.arm(s.ask(v, p))
		}
	}
}

// ask asks one rule about one person, notes a change of membership and marks the programs
// that refer to it.
func (s *Stage) ask(v *view, p *program) (deadline int64) {
	s.work.evals++
	v.program = p
	st := v.state
	member, deadline := p.rule.Eval(v, s.work.now)
	_, was := st.enteredAt(p.generation)
	if member == was {
		return deadline
	}
	if member {
		at := s.work.now
		if p.replaces != 0 {
			if earlier, ok := st.enteredAt(p.replaces); ok {
				at = earlier
			}
		}
		st.enter(p.generation, at)
	} else {
		st.leave(p.generation)
	}
	st.ask.or(p.users)
	s.spread(st, p.mates)
	return deadline
}

// view shows a person to a rule.
type view struct {
	stage   *Stage
	state   *state
	program *program
	changes []touchstone.Change // of the batch
	trait   func(name string) (touchstone.JSON, bool)
}

// Trait returns what a trait is at the event at work: as the batch leaves it, unless it
// changes later, for then that change knows what it was.
func (v *view) Trait(name string) (touchstone.JSON, bool) {
	for _, i := range v.state.ahead {
		if c := &v.changes[i]; c.Name == name {
			return c.Old, c.Old != ""
		}
	}
	if v.trait == nil {
		v.trait = v.stage.traits.TraitsOf(v.state.person)
	}
	return v.trait(name)
}

func (v *view) Person() touchstone.PersonID { return v.state.person }

func (v *view) Kept(leaf int) []int64 { return v.state.times(v.program.leaves[leaf].id) }

func (v *view) InSegment(ref int) (since int64, in bool) {
	i := v.program.refs[ref]
	if i < 0 {
		return 0, false
	}
	return v.state.enteredAt(v.stage.table.programs[i].generation)
}
