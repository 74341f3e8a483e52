package profile

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/slabcache"
)

// mergesOf returns the merges of a batch in their order, by the person in whom they end.
func mergesOf(changes []touchstone.Change) map[touchstone.PersonID][]*touchstone.Change {
	into := map[touchstone.PersonID]touchstone.PersonID{}
	var order []*touchstone.Change
	for i := range changes {
		if c := &changes[i]; c.Kind == touchstone.PersonsMerged {
			into[c.Other] = c.Person
			order = append(order, c)
		}
	}
	byKept := map[touchstone.PersonID][]*touchstone.Change{}
	for _, m := range order {
		kept := m.Person
		for range len(into) {
			next, ok := into[kept]
			if !ok {
				break
			}
			kept = next
		}
		byKept[kept] = append(byKept[kept], m)
	}
	return byKept
}

// folded is a person on the way: its states as of one moment of the batch.
type folded struct {
	*activity
	*traits
}

// foldMerging does what fold does for persons that become one within the batch. It walks their
// events and merges in order, each event into the states of who it was at that moment, so
// that the changes are those of batches that end anywhere between. a and t are the final person's.
func (p *Profiles) foldMerging(ctx context.Context, b *batch, one *person, a *activity, t *traits) (changed bool, err error) {
	states, err := p.statesOfAbsorbed(ctx, b, one)
	if err != nil {
		return false, err
	}
	states[one.id] = folded{a, t}
	for i := range p.asked.corrections {
		if s, ok := states[p.asked.corrections[i].Person]; ok && p.correctFor(b, p.asked.corrections[i].Person, s.activity, s.traits) {
			changed = true
		}
	}
	merges := one.merges
	merge := func(through int) {
		for ; len(merges) > 0; merges = merges[1:] {
			m := merges[0]
			if m.Cause > through || m.Cause == through && m.Behind { // behind the event of that place
				break
			}
			kept, gone := states[m.Person], states[m.Other]
			kept.activity.merge(gone.activity)
			changed = changed || !gone.traits.empty()
			b.noteLast(m.Other, gone.traits)
			p.mergeTraits(b, m, kept.traits, gone.traits)
		}
	}
	merge(0)
	for _, key := range b.order[one.from:one.to] {
		at := int(key & (maxFacts - 1)) //nolint:gosec // masked
		merge(at + 1)
		id := b.facts[at].Then()
		if p.foldFact(b, at, id, states[id].activity, states[id].traits) {
			changed = true
		}
	}
	merge(len(b.facts) + 1)
	b.gone = append(b.gone, one.absorbed...)
	return changed, nil
}

// statesOfAbsorbed returns what the persons that are absorbed have so far.
func (p *Profiles) statesOfAbsorbed(ctx context.Context, b *batch, one *person) (map[touchstone.PersonID]folded, error) {
	activities, traitStates, err := p.statesOf(ctx, b, one.absorbed)
	if err != nil {
		return nil, err
	}
	states := make(map[touchstone.PersonID]folded, len(one.absorbed)+1)
	for i, id := range one.absorbed {
		s := folded{&activity{}, &traits{}}
		if len(activities[i]) > 0 {
			if err := s.activity.decode(activities[i]); err != nil {
				return nil, fmt.Errorf("person %s: %w", id, err)
			}
			b.fresh--
		}
		if len(traitStates[i]) > 0 {
			if err := s.traits.decode(traitStates[i]); err != nil {
				return nil, fmt.Errorf("person %s: %w", id, err)
			}
			b.terms.note(id, p.termsOf(nil, s.traits), nil)
		}
		states[id] = s
	}
	return states, nil
}

// noteLast keeps what an absorbed person had in the end, for the stages that follow.
func (b *batch) noteLast(id touchstone.PersonID, t *traits) {
	if b.last == nil {
		b.last = map[touchstone.PersonID][]byte{}
	}
	b.last[id] = nil
	if !t.empty() {
		b.last[id] = t.append(nil)
	}
}

func (p *Profiles) mergeTraits(b *batch, m *touchstone.Change, t, gone *traits) {
	for _, x := range gone.list {
		if x.json != "" { // one person less has it; if the value moves over, it counts again
			b.valueChanged(x.name, x.json, "")
		}
	}
	from := len(b.changes)
	t.merge(gone, func(name uint32, old, json string, _ stamp) {
		c := p.noteTrait(b, m.Person, name, old, json)
		c.Cause, c.Ahead, c.Behind, c.Time, c.Backfill = m.Cause, m.Ahead, m.Behind, m.Time, m.Backfill
		b.changes = append(b.changes, c)
	})
	b.sortByName(from)
}

// sortByName brings changes of one moment into an order that does not depend on the numbers
// of their words, which are given out batch by batch.
func (b *batch) sortByName(from int) {
	slices.SortStableFunc(b.changes[from:], func(x, y touchstone.Change) int { return strings.Compare(x.Name, y.Name) })
}

// statesOf returns the states of persons that have no facts in the batch.
func (p *Profiles) statesOf(ctx context.Context, b *batch, ids []touchstone.PersonID) (activities, traitStates [][]byte, err error) {
	read := func(cache *slabcache.Cache, table string) ([][]byte, error) {
		states := make([][]byte, len(ids))
		var missing []touchstone.PersonID
		var key [8]byte
		for i, id := range ids {
			if states[i] = cache.Get(0, slabcache.IntKey(&key, int64(id))); states[i] == nil && p.mayHaveRow(id) {
				missing = append(missing, id)
			}
		}
		err := readStates(ctx, b.tx, table, missing, func(id touchstone.PersonID, state []byte) {
			states[slices.Index(ids, id)] = state
		})
		return states, err
	}
	if activities, err = read(p.activity, "profile_activity"); err != nil {
		return nil, nil, err
	}
	traitStates, err = read(p.traits, "profile_traits")
	return activities, traitStates, err
}
