package consent

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

// Stage is the stage of the pipeline right behind identity. It keeps what events say of consent,
// follows merges, splits and erasures, and leaves out the events of those who refuse what
// they serve: what it decides about an event follows from the policy and the decisions that
// stand before it in the log, or in it, and so comes out the same when the log is read again.
type Stage struct {
	c     *Consent
	known remembered

	counts counts // of the batch under way
}

// counts is what a batch has added, told when it is committed.
type counts struct {
	leftOut int
	decided map[Decision]int
}

// Stage returns the consent's; one pipeline uses it at a time.
func (c *Consent) Stage() *Stage { return &Stage{c: c, known: remembered{most: c.cfg.CachePersons}} }

// Name is the stage's name.
func (*Stage) Name() string { return "consent" }

// Rollback forgets what the batch may have said of persons.
func (s *Stage) Rollback() { s.known.clear() }

// Committed counts.
func (s *Stage) Committed(*touchstone.Batch) {
	s.c.metrics.leftOut.Add(float64(s.counts.leftOut))
	for choice, n := range s.counts.decided {
		s.c.metrics.decided.WithLabelValues(string(choice)).Add(float64(n))
	}
	s.counts = counts{}
}

// Apply works on a batch. Without a policy it costs a look at one key.
func (s *Stage) Apply(ctx context.Context, tx *store.Tx, b *touchstone.Batch) error {
	s.counts = counts{}
	policy, version, err := s.c.current(ctx, tx)
	if err != nil || policy == nil {
		return err
	}
	s.known.of(version)
	w := &walk{stage: s, policy: policy, b: b, mentions: mentioned(policy, b), left: map[leftKey]leftOut{}, days: map[dayKey]int64{}}
	if err := w.load(ctx, tx); err != nil {
		return err
	}
	if err := w.run(ctx, tx); err != nil {
		return err
	}
	if err := w.name(ctx, tx); err != nil {
		return fmt.Errorf("give pseudonyms: %w", err)
	}
	return w.save(ctx, tx)
}

// mentioned returns the places of the facts that may say something of consent.
func mentioned(p *Policy, b *touchstone.Batch) map[int]bool {
	var places map[int]bool
	for i := range b.Facts {
		if p.mentions(&b.Facts[i].Event) {
			if places == nil {
				places = map[int]bool{}
			}
			places[i] = true
		}
	}
	return places
}

// walk goes through a batch in its one order.
type walk struct {
	stage    *Stage
	policy   *Policy
	b        *touchstone.Batch
	mentions map[int]bool

	// cells are those of the persons about whom the batch decides something, as they are at the
	// place that the walk has come to.
	cells  map[touchstone.PersonID][]cell
	dirty  map[cellKey]touchstone.PersonID // cells to write
	proofs []proof
	veil   []int // in Batch.Aside, that are to be kept as nobody's
	left   map[leftKey]leftOut
	days   map[dayKey]int64
}

type leftKey struct {
	day    int64
	source string
}

// leftOut counts events, and those of them that are kept as nobody's.
type leftOut struct{ n, kept int64 }

type dayKey struct {
	day              int64
	purpose, channel string
	choice           Decision
}

// proof is a decision as it was made.
type proof struct {
	cell
	taken                                          int64
	source, method, language, place, event, origin string
}

// moves reports whether a change moves nodes between persons.
func moves(c *touchstone.Change) bool {
	return c.Kind == touchstone.PersonsMerged || c.Kind == touchstone.PersonSplit || c.Kind == touchstone.PersonErased
}

// load reads what persons have decided: of those about whom the batch decides something all of it, of
// the others what they refuse, if it is not remembered. One look-up for the batch.
func (w *walk) load(ctx context.Context, tx *store.Tx) error {
	whole := map[touchstone.PersonID]bool{}
	for i := range w.mentions {
		whole[w.b.Facts[i].Person], whole[w.b.Facts[i].Then()] = true, true
	}
	for i := range w.b.Changes {
		if c := &w.b.Changes[i]; moves(c) {
			whole[c.Person] = true
			if c.Other != 0 {
				whole[c.Other] = true
			}
		}
	}
	ask := make([]touchstone.PersonID, 0, len(whole))
	for p := range whole {
		ask = append(ask, p)
	}
	known := &w.stage.known
	if known.anything(w.policy) {
		for i := range w.b.Facts {
			p := w.b.Facts[i].Then()
			if _, there := known.get(p); !there && !whole[p] {
				known.put(p, 0) // asked once; what is read says more
				ask = append(ask, p)
			}
		}
	}
	w.stage.c.metrics.lookups.WithLabelValues("store").Add(float64(len(ask)))
	w.stage.c.metrics.lookups.WithLabelValues("memory").Add(float64(max(0, len(w.b.Facts)-len(ask))))
	if len(ask) == 0 {
		return nil
	}
	slices.Sort(ask)
	cells, err := readCells(ctx, tx, ask)
	if err != nil {
		return err
	}
	w.cells = map[touchstone.PersonID][]cell{}
	for _, p := range ask {
		if whole[p] {
			w.cells[p] = cells[p]
		}
		known.put(p, w.policy.refusals(cells[p]))
	}
	return nil
}

// run judges each fact when what it brought about has been done: who it belongs to is then known.
func (w *walk) run(ctx context.Context, tx *store.Tx) error {
	if len(w.cells) == 0 {
		for i := range w.b.Facts {
			w.judge(i)
		}
		return nil
	}
	at := -1
	finish := func() {
		if at >= 0 {
			w.decide(at)
			w.judge(at)
		}
	}
	for item := range w.b.Ordered() {
		switch {
		case item.Change != nil:
			if err := w.move(ctx, tx, item.Change); err != nil {
				return err
			}
		case item.Fact != nil:
			finish()
			at++
		}
	}
	finish()
	return nil
}

// decide takes in what a fact says.
func (w *walk) decide(i int) {
	if !w.mentions[i] {
		return
	}
	f := &w.b.Facts[i]
	t := w.policy.read(&f.Event)
	if len(t.list) == 0 || f.Node == 0 {
		return
	}
	when := f.Time
	if f.ReceivedAt.Before(when) {
		when = f.ReceivedAt // a clock that is ahead decides nothing in advance
	}
	person := f.Then()
	for n, one := range t.list {
		c := cell{person: person, node: f.Node, purpose: one.purpose, channel: one.channel, choice: one.choice, at: when.UnixMilli(), wording: one.wording,
			proof: strconv.FormatInt(int64(f.Seq), 36) + "." + strconv.Itoa(n)}
		w.take(&c, f, &t)
	}
	w.stage.known.put(person, w.policy.refusals(w.cells[person]))
}

// confirmAfter is how much later an agreement that is said again must be to be noted: libraries send
// it with each event. A refusal is noted whenever it is said, so that no agreement that comes late outlives it.
const confirmAfter = 24 * time.Hour

// take keeps a decision: a proof of it, unless it only repeats what is known of the node, and
// the cell, if it holds over the one before.
func (w *walk) take(c *cell, f *touchstone.Fact, t *told) {
	cells := w.cells[c.person]
	at := slices.IndexFunc(cells, func(d cell) bool { return d.key() == c.key() })
	var old *cell
	if at >= 0 {
		old = &cells[at]
	}
	repeats := old != nil && old.choice == c.choice && (c.wording == 0 || old.wording == c.wording)
	if repeats {
		c.wording, c.proof = old.wording, old.proof
		if c.choice == Granted && c.at-old.at < confirmAfter.Milliseconds() {
			return
		}
	} else {
		w.proofs = append(w.proofs, proof{cell: *c, taken: f.ReceivedAt.UnixMilli(), source: f.Source, method: t.method, language: t.language, place: t.place, event: f.Name, origin: f.MessageID})
		w.days[dayKey{c.at / dayMillis, c.purpose, c.channel, c.choice}]++
		if w.stage.counts.decided == nil {
			w.stage.counts.decided = map[Decision]int{}
		}
		w.stage.counts.decided[c.choice]++
	}
	if !c.over(old) {
		return
	}
	if old != nil {
		*old = *c
	} else {
		cells = append(cells, *c)
	}
	w.cells[c.person] = cells
	w.touch(c.key(), c.person)
}

const dayMillis = 24 * 60 * 60 * 1000

func (w *walk) touch(key cellKey, person touchstone.PersonID) {
	if w.dirty == nil {
		w.dirty = map[cellKey]touchstone.PersonID{}
	}
	w.dirty[key] = person
}

// judge leaves a fact out if its person refuses what it serves. Nothing of it is kept but how
// many there were.
func (w *walk) judge(i int) {
	f := &w.b.Facts[i]
	mask, _ := w.stage.known.get(f.Then())
	if mask == 0 { // nearly everybody
		return
	}
	u, refusal := w.policy.collectedFor(&f.Event)
	if u == nil || mask&(1<<w.policy.place(u.Key)) == 0 {
		return
	}
	w.b.Aside = append(w.b.Aside, touchstone.Aside{Index: i, Silent: true})
	key := leftKey{f.ReceivedAt.UnixMilli() / dayMillis, f.Source}
	count := w.left[key]
	count.n++
	if refusal == Pseudonymise {
		w.veil = append(w.veil, len(w.b.Aside)-1)
		count.kept++
	}
	w.left[key] = count
	w.stage.counts.leftOut++
}

// move follows a merge, a split or an erasure.
func (w *walk) move(ctx context.Context, tx *store.Tx, c *touchstone.Change) error {
	if !moves(c) {
		return nil
	}
	parts := c.Parts
	if parts == nil {
		parts = &touchstone.Parts{}
	}
	switch c.Kind {
	case touchstone.PersonsMerged:
		return w.pass(ctx, tx, c.Other, c.Person, nil)
	case touchstone.PersonSplit:
		return w.pass(ctx, tx, c.Person, c.Other, parts.Nodes)
	}
	gone := func(n touchstone.NodeID, p touchstone.PersonID) bool {
		return p == c.Person || slices.Contains(parts.Nodes, n)
	}
	for key, person := range w.dirty {
		if gone(key.node, person) {
			delete(w.dirty, key)
		}
	}
	w.proofs = slices.DeleteFunc(w.proofs, func(p proof) bool { return gone(p.node, p.person) })
	delete(w.cells, c.Person)
	w.stage.known.forget(c.Person)
	return eraseRows(ctx, tx, c.Person, parts.Nodes)
}

// pass makes what came under nodes of one person another's; without nodes, all of it.
func (w *walk) pass(ctx context.Context, tx *store.Tx, from, to touchstone.PersonID, nodes []touchstone.NodeID) error {
	moved := func(n touchstone.NodeID) bool { return nodes == nil || slices.Contains(nodes, n) }
	var stay []cell
	touched := false
	for _, one := range w.cells[from] {
		if !moved(one.node) {
			stay = append(stay, one)
			continue
		}
		touched = true
		one.person = to
		w.cells[to] = append(w.cells[to], one)
		if _, dirty := w.dirty[one.key()]; dirty {
			w.dirty[one.key()] = to
		}
	}
	w.stage.known.put(from, w.policy.refusals(stay))
	w.stage.known.put(to, w.policy.refusals(w.cells[to]))
	if !touched {
		return nil
	}
	w.cells[from] = stay
	for i := range w.proofs {
		if p := &w.proofs[i]; p.person == from && moved(p.node) {
			p.person = to
		}
	}
	return passRows(ctx, tx, from, to, nodes)
}

// save writes what the batch has decided.
func (w *walk) save(ctx context.Context, tx *store.Tx) error {
	var cells []cell
	for key, person := range w.dirty {
		for _, c := range w.cells[person] {
			if c.key() == key {
				cells = append(cells, c)
			}
		}
	}
	if err := writeCells(ctx, tx, cells); err != nil {
		return fmt.Errorf("write what persons have decided: %w", err)
	}
	if err := writeProofs(ctx, tx, w.proofs); err != nil {
		return fmt.Errorf("write proofs of consent: %w", err)
	}
	for k, n := range w.days {
		if _, err := tx.Exec(ctx, `INSERT INTO consent_days (day, purpose, channel, choice, n) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT (day, purpose, channel, choice) DO UPDATE SET n = consent_days.n + excluded.n`, k.day, k.purpose, k.channel, string(k.choice), n); err != nil {
			return err
		}
	}
	for k, n := range w.left {
		if _, err := tx.Exec(ctx, `INSERT INTO consent_left_out (day, source, n, kept) VALUES (?, ?, ?, ?)
			ON CONFLICT (day, source) DO UPDATE SET n = consent_left_out.n + excluded.n, kept = consent_left_out.kept + excluded.kept`, k.day, k.source, n.n, n.kept); err != nil {
			return err
		}
	}
	return nil
}
