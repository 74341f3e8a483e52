package profile

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/slabcache"
	"github.com/touchstone-cdp/touchstone/store"
)

// batch is the work on one batch of facts.
type batch struct {
	ctx     context.Context // of the Apply; for TraitsOf, which has none
	tx      *store.Tx
	now     time.Time
	facts   []touchstone.Fact
	changes []touchstone.Change // new ones
	persons []person            // ascending
	order   []uint64            // facts by person: person<<17 | index
	parsed  []seen              // by index of fact
	arena   []byte              // new states

	loaded map[touchstone.PersonID][]byte // traits read for look-ups
	last   map[touchstone.PersonID][]byte // traits of absorbed persons when they were absorbed
	terms  termChanges
	days   []dayRow // to write
	// heldDays are to be held back, unless daysWritten.
	heldDays    []dayRow
	daysWritten bool
	// values are what the catalogue of traits learns when the batch is committed; their
	// texts are in valueTexts.
	values         []valueChange
	valueTexts     []byte
	detailsWritten bool
	gone           []touchstone.PersonID // absorbed and erased persons, whose rows go
	erased         []touchstone.PersonID
	fresh          int64 // persons without a row so far
	seen           []activePerson

	wordless error // why a lane could not number a word

	startedRebuilds, endedRebuilds []touchstone.PersonID
}

// person is a person of a batch.
type person struct {
	id       touchstone.PersonID
	from, to int // of batch.order
	rare     bool
	merges   []*touchstone.Change  // that lead to this person, in order
	absorbed []touchstone.PersonID // by them
	rebuilt  *rebuilt              // takes the place of both states

	activity, traits []byte // as they were; empty: no row
	cached           bool   // activity is the cache's own memory
	hasTraits        bool   // whether traits were looked for

	newActivity, newTraits area // in the arena; empty: unchanged
	dropTraits             bool
}

type area struct{ from, to int }

func (a area) of(arena []byte) []byte { return arena[a.from:a.to:a.to] }
func (a area) empty() bool            { return a.from == a.to }

// scratch is memory that batches use one after the other.
type scratch struct {
	order    []uint64
	parsed   []seen
	persons  []person
	arena    []byte
	activity activity
	traits   traits
	terms    [2][]string
}

const (
	indexBits = 17
	maxFacts  = 1 << indexBits
	maxPerson = 1 << (63 - indexBits)
)

// Apply folds the batch's facts into the profiles of their persons and reports changed
// traits.
func (p *Profiles) Apply(ctx context.Context, tx *store.Tx, tb *touchstone.Batch) error {
	if len(tb.Facts) > maxFacts {
		return fmt.Errorf("a batch of %d events; at most %d fit", len(tb.Facts), maxFacts)
	}
	if err := p.begin(ctx, tx); err != nil {
		return err
	}
	if err := p.learnWords(ctx, tx, tb.Changes); err != nil {
		return err
	}
	b := &batch{ctx: ctx, tx: tx, now: tb.Now, facts: tb.Facts, order: p.scratch.order[:0], parsed: p.scratch.parsed[:0], persons: p.scratch.persons[:0], arena: p.scratch.arena[:0]}
	p.batch = b
	p.gather(b, tb.Changes)
	p.gatherCorrections(b, tb.Changes)
	if err := p.rebuildDue(b, tb); err != nil {
		return err
	}
	if err := p.eraseDue(ctx, b, tb); err != nil {
		return err
	}
	if len(b.persons)+len(b.startedRebuilds)+len(b.erased)+len(p.taken) > 0 {
		if err := p.load(ctx, b); err != nil {
			return err
		}
		for i := range b.persons {
			if err := p.fold(ctx, b, &b.persons[i]); err != nil {
				return err
			}
		}
		if b.wordless != nil {
			return fmt.Errorf("number a new word: %w", b.wordless)
		}
		tb.Changes = append(tb.Changes, b.changes...)
		if err := p.write(ctx, tx, b); err != nil {
			return err
		}
		p.remember(b)
	}
	clear(b.parsed) // lets go of the records' memory
	b.facts, b.changes = nil, nil
	p.scratch.order, p.scratch.parsed, p.scratch.arena = b.order, b.parsed, b.arena
	// Persons stay with the batch until the next one, for TraitsOf and Committed.
	p.scratch.persons = b.persons
	return nil
}

// gather groups the facts by person and notes who was absorbed.
func (p *Profiles) gather(b *batch, changes []touchstone.Change) {
	for i := range b.facts {
		f := &b.facts[i]
		b.parsed = append(b.parsed, p.parse(f))
		if f.Person > 0 && f.Person < maxPerson {
			b.order = append(b.order, uint64(f.Person)<<indexBits|uint64(i)) //nolint:gosec // both in their bounds
		}
	}
	slices.Sort(b.order)
	for i := 0; i < len(b.order); {
		id := b.order[i] >> indexBits
		one := person{id: touchstone.PersonID(id), from: i} //nolint:gosec // in its bounds
		for ; i < len(b.order) && b.order[i]>>indexBits == id; i++ {
			at := b.order[i] & (maxFacts - 1)
			one.rare = one.rare || b.parsed[at].rare(&b.facts[at])
		}
		one.to = i
		b.persons = append(b.persons, one)
	}
	merges := mergesOf(changes)
	if len(merges) == 0 {
		return
	}
	kept := make([]touchstone.PersonID, 0, len(merges))
	for id := range merges {
		kept = append(kept, id)
	}
	b.include(kept)
	for _, id := range kept {
		one := b.person(id)
		one.merges, one.rare = merges[id], true
		for _, m := range one.merges {
			one.absorbed = append(one.absorbed, m.Other)
		}
	}
}

// include makes sure that persons are in the batch, also those without facts.
func (b *batch) include(ids []touchstone.PersonID) {
	n := len(b.persons)
	for _, id := range ids {
		if _, ok := slices.BinarySearchFunc(b.persons[:n], id, comparePerson); !ok {
			b.persons = append(b.persons, person{id: id})
		}
	}
	if len(b.persons) > n {
		slices.SortFunc(b.persons, func(x, y person) int { return cmp.Compare(x.id, y.id) })
	}
}

func comparePerson(x person, id touchstone.PersonID) int { return cmp.Compare(x.id, id) }

// person returns a person of the batch, nil if it is not one.
func (b *batch) person(id touchstone.PersonID) *person {
	i, ok := slices.BinarySearchFunc(b.persons, id, comparePerson)
	if !ok {
		return nil
	}
	return &b.persons[i]
}

// load finds the states of the batch's persons, in the cache or with a few statements.
func (p *Profiles) load(ctx context.Context, b *batch) error {
	var activity, traits []touchstone.PersonID
	var key [8]byte
	for i := range b.persons {
		one := &b.persons[i]
		if !p.mayHaveRow(one.id) {
			one.hasTraits = true
			continue
		}
		k := slabcache.IntKey(&key, int64(one.id))
		if one.activity = p.activity.Get(0, k); one.activity != nil {
			one.cached = true
		} else {
			activity = append(activity, one.id)
		}
		if one.rare {
			if one.traits = p.traits.Get(0, k); one.traits != nil {
				one.hasTraits = true
			} else {
				traits = append(traits, one.id)
			}
		}
	}
	p.metrics.misses.Add(float64(len(activity)))
	err := readStates(ctx, b.tx, "profile_activity", activity, func(id touchstone.PersonID, state []byte) {
		b.person(id).activity = state
	})
	if err != nil {
		return err
	}
	return readStates(ctx, b.tx, "profile_traits", traits, func(id touchstone.PersonID, state []byte) {
		one := b.person(id)
		one.traits, one.hasTraits = state, true
	})
}

// readStates calls fn with the state of each person, nil for those without a row.
func readStates(ctx context.Context, q store.Querier, table string, persons []touchstone.PersonID, fn func(id touchstone.PersonID, state []byte)) error {
	missing := make(map[touchstone.PersonID]struct{}, len(persons))
	keys := make([]int64, len(persons))
	for i, id := range persons {
		missing[id], keys[i] = struct{}{}, int64(id)
	}
	err := store.SelectIn(ctx, q, `SELECT person, state FROM `+table+` WHERE person IN (...)`, keys, func(rows *sql.Rows) error {
		var id int64
		var state []byte
		if err := rows.Scan(&id, &state); err != nil {
			return err
		}
		if len(state) > 0 && state[0] > stateVersions[table] { // here, because not every reader decodes all
			return checkVersion(state[0], stateVersions[table])
		}
		delete(missing, touchstone.PersonID(id))
		fn(touchstone.PersonID(id), state)
		return nil
	})
	if err != nil {
		return fmt.Errorf("read %s: %w", table, err)
	}
	for id := range missing {
		fn(id, nil)
	}
	return nil
}

// fold brings one person's states up to date.
func (p *Profiles) fold(ctx context.Context, b *batch, one *person) error {
	a := &p.scratch.activity
	fresh := len(one.activity) == 0
	if fresh {
		a.reset()
	} else if err := a.decode(one.activity); err != nil {
		return fmt.Errorf("person %s: %w", one.id, err)
	}
	before := dayOf(a)
	var t *traits
	if one.rare {
		t = &p.scratch.traits
		t.reset()
		if len(one.traits) > 0 {
			if err := t.decode(one.traits); err != nil {
				return fmt.Errorf("person %s: %w", one.id, err)
			}
		}
	}
	terms := p.termsOf(p.scratch.terms[0][:0], t)
	changed := one.rebuilt != nil
	if changed {
		p.install(b, one, a, t)
	}
	if len(one.merges) > 0 {
		merged, err := p.foldMerging(ctx, b, one, a, t)
		if err != nil {
			return err
		}
		changed = changed || merged
	} else {
		changed = t != nil && p.correctFor(b, one.id, a, t) || changed
		for _, key := range b.order[one.from:one.to] {
			if p.foldFact(b, int(key&(maxFacts-1)), one.id, a, t) { //nolint:gosec // masked
				changed = true
			}
		}
	}
	if d := p.rebuilds[one.id]; d != nil {
		if err := p.foldDelta(b, one, d); err != nil {
			return err
		}
	}
	if a.empty() {
		if !fresh { // all of its events belong to somebody else now
			b.fresh--
			b.gone = append(b.gone, one.id)
			b.terms.note(one.id, terms, nil)
		}
		return nil // else it absorbed persons without events
	}
	if fresh {
		b.fresh++
	}
	one.newActivity = b.put(a.append)
	if day := dayOf(a); day != before {
		p.noteDay(b, one.id, day, before == noDay)
	}
	b.seen = append(b.seen, activePerson{one.id, a.last})
	if changed {
		if one.dropTraits = t.empty(); !one.dropTraits {
			one.newTraits = b.put(t.append)
		}
		after := p.termsOf(p.scratch.terms[1][:0], t)
		b.terms.note(one.id, terms, after)
		p.scratch.terms[1] = after
	}
	p.scratch.terms[0] = terms
	return nil
}

// put appends a state to the arena.
func (b *batch) put(write func([]byte) []byte) area {
	from := len(b.arena)
	b.arena = write(b.arena)
	return area{from, len(b.arena)}
}

// foldRare folds what few events have: traits, groups, consent. changed is called for each
// trait that gets another value.
func (p *Profiles) foldRare(f *touchstone.Fact, s *seen, t *traits, changed func(word uint32, old, json string)) (any bool) {
	st := stamp{s.at, f.Seq, s.source}
	set := func(object string) { any = p.setTraits(object, t, st, changed) || any }
	if s.contextTraits != "" {
		set(s.contextTraits)
	}
	if s.traits != "" {
		set(s.traits)
	}
	if s.operations != "" && p.foldOperations(s.operations, t, st, changed) {
		any = true
	}
	if s.consent != "" && t.setConsent(value{s.consent, st}) {
		any = true
	}
	if f.GroupID != "" && len(f.GroupID) <= maxGroupBytes && t.join(f.GroupID, st) {
		any = true
	}
	return any
}

func (p *Profiles) setTrait(t *traits, name string, v value, changed func(word uint32, old, json string)) bool {
	if v.json == "null" {
		v.json = ""
	}
	if p.reserved(name, v.stamp) {
		return false
	}
	word := p.words[traitWords].id(name)
	switch {
	case word == 0:
		p.metrics.drop("trait_name")
		return false
	case len(v.json) > maxValueBytes:
		p.metrics.drop("trait_value")
		return false
	}
	old, did := t.set(word, v)
	switch did {
	case full:
		p.metrics.drop("trait")
	case replaced:
		changed(word, old, t.json(word)) // later operations may have made something else of it
	}
	return did == replaced || did == kept
}

// foldFact folds the fact at index at into a person's states. t may be nil if no fact of the
// person touches it.
func (p *Profiles) foldFact(b *batch, at int, id touchstone.PersonID, a *activity, t *traits) (changed bool) {
	s := &b.parsed[at]
	a.fold(s.touch)
	return t != nil && p.foldRare(&b.facts[at], s, t, func(word uint32, old, json string) { p.traitChangedBy(b, at, id, word, old, json) })
}

// traitChanged reports what came with a rebuild: without a cause, and backfill.
func (p *Profiles) traitChanged(b *batch, id touchstone.PersonID, at time.Time, word uint32, old, json string) {
	c := p.noteTrait(b, id, word, old, json)
	c.Time, c.Backfill = at, true
	b.changes = append(b.changes, c)
}

// traitChangedBy reports what the fact at index at brought about.
func (p *Profiles) traitChangedBy(b *batch, at int, id touchstone.PersonID, word uint32, old, json string) {
	f := &b.facts[at]
	c := p.noteTrait(b, id, word, old, json)
	c.Cause, c.Time, c.Backfill = at+1, f.Time, f.Backfill
	b.changes = append(b.changes, c)
}

// noteTrait counts a change and returns it.
func (p *Profiles) noteTrait(b *batch, id touchstone.PersonID, word uint32, old, json string) touchstone.Change {
	b.valueChanged(word, old, json)
	return touchstone.Change{Kind: touchstone.TraitChanged, Person: id,
		Name: p.words[traitWords].word(word), Old: touchstone.JSON(old), New: touchstone.JSON(json)}
}
