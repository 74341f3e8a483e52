package segment

import (
	"context"
	"sync"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/backfill"
	"github.com/touchstone-cdp/touchstone/segment/rule"
	"github.com/touchstone-cdp/touchstone/store"
)

// unit is a set of generations that are built and go live together: those that were
// wanted when a batch began. From that batch on the stage tracks them; what was before
// comes from the builder.
type unit struct {
	generations []unitGeneration
	fresh       []*leaf            // to be filled from history
	leavesOf    map[uint32][]*leaf // of each generation, by the rule's leaf numbers
	through     []touchstone.Seq   // the last event of each partition before the first tracked batch
	steps, done int                // progress; guarded by builds.mu
}

type unitGeneration struct {
	id      uint32
	segment string
	rule    *rule.Rule // nil for a static segment
}

// want notes the leaves of a wanted generation: complete ones are used again, the others
// are to be made, one for all generations of the unit.
func (u *unit) want(t *table, g *generation) (*rule.Rule, error) {
	if g.rule == "" {
		return nil, nil
	}
	r, err := rule.Parse(g.rule)
	if err != nil {
		return nil, err
	}
	if u.leavesOf == nil {
		u.leavesOf = map[uint32][]*leaf{}
	}
	for i := range r.Leaves() {
		need := &r.Leaves()[i]
		l, key := t.choose(need, false), need.Key()
		for _, f := range u.fresh {
			if l == nil && f.Event == need.Event && f.name() == key {
				f.Widen(need)
				l = f
			}
		}
		if l == nil {
			l = &leaf{Leaf: *need}
			u.fresh = append(u.fresh, l)
		}
		u.leavesOf[g.id] = append(u.leavesOf[g.id], l)
	}
	return r, nil
}

// chunk is a part of what the builder found: a bounded number of persons.
type chunk struct {
	unit    *unit
	number  int64
	persons []touchstone.PersonID
	leaf    uint32    // history of this leaf, with what is kept of it
	times   [][]int64 // of each person
	ask     []uint32  // generations to ask the persons about
	grant   uint32    // static generation to put the persons in
	last    bool      // all has been said: the unit goes live

	states []*state
}

// limits bound what is under way between builder and stage.
type limits struct {
	chunkPersons   int
	chunksPerBatch int
	chunksWaiting  int
}

// builds is what passes between the stage and the builder.
type builds struct {
	limits
	*backfill.Queue[*chunk]               // from the builder
	signal                  chan struct{} // units has grown

	mu    sync.Mutex
	units []*unit // to be built, the first is being built
}

func newBuilds(l limits) *builds {
	return &builds{limits: l, Queue: backfill.NewQueue[*chunk](l.chunksWaiting), signal: make(chan struct{}, 1)}
}

func (b *builds) add(u *unit) {
	b.mu.Lock()
	b.units = append(b.units, u)
	b.mu.Unlock()
	select {
	case b.signal <- struct{}{}:
	default:
	}
}

// clear forgets all units and what has been built of them.
func (b *builds) clear() {
	b.Clear()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.units = nil
}

// first returns the unit to build, nil when there is none.
func (b *builds) first() *unit {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.units) == 0 {
		return nil
	}
	return b.units[0]
}

func (b *builds) finished(u *unit) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.units) > 0 && b.units[0] == u {
		b.units = b.units[1:]
	}
}

// begin sets how many steps a unit's build has.
func (b *builds) begin(u *unit, steps int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	u.steps = steps
}

// step notes progress of a unit.
func (b *builds) step(u *unit) {
	b.mu.Lock()
	defer b.mu.Unlock()
	u.done++
}

// progress of a generation, 0 to 1; 0 while it waits for its turn.
func (b *builds) progress(generation uint32) float64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, u := range b.units {
		for _, g := range u.generations {
			if g.id == generation && u.steps > 0 {
				return float64(u.done) / float64(u.steps)
			}
		}
	}
	return 0
}

// giveBack returns the chunks of a batch that failed.
func (b *builds) giveBack(chunks []*chunk) {
	parts := make([]backfill.Part[*chunk], len(chunks))
	for i, c := range chunks {
		c.states = nil
		parts[i] = backfill.Part[*chunk]{Number: c.number, What: c}
	}
	b.GiveBack(parts)
}

// takeChunks makes the persons of the next chunks part of the batch.
func (s *Stage) takeChunks(ctx context.Context, tx *store.Tx) error {
	w := &s.work
	for len(w.chunks) < s.builds.chunksPerBatch {
		part, ok := s.builds.Take()
		if !ok {
			break
		}
		c := part.What
		c.number = part.Number
		w.chunks = append(w.chunks, c) // before anything can fail, so that Rollback finds it
		if !s.concerns(c) || len(c.persons) == 0 {
			continue
		}
		now, err := s.persons.Canonical(ctx, tx, c.persons)
		if err != nil {
			return err
		}
		c.states = make([]*state, len(now))
		for i, p := range now {
			if p != 0 { // erased meanwhile
				c.states[i] = s.touch(p)
				w.ask = append(w.ask, p)
			}
		}
	}
	return nil
}

// concerns tells whether anybody still waits for the chunk.
func (s *Stage) concerns(c *chunk) bool {
	for _, g := range c.unit.generations {
		if s.table.program(g.id) != nil {
			return true
		}
	}
	return false
}

// mergeChunks adds what the builder found. What follows from it is told to nobody, for the
// generations do not answer yet.
func (s *Stage) mergeChunks(b *touchstone.Batch) {
	for _, c := range s.work.chunks {
		l := s.table.leaf(c.leaf)
		for i, st := range c.states {
			if st == nil {
				continue
			}
			if l != nil && !l.ready {
				st.join(l, c.times[i])
				st.ask.or(l.users)
				st.ask.or(l.growing)
				s.spread(st, l.mates)
			}
			for _, g := range c.ask {
				if p := s.table.program(g); p != nil {
					st.ask.set(p.index)
				}
			}
			if p := s.table.program(c.grant); p != nil {
				if _, in := st.enteredAt(c.grant); !in {
					st.enter(c.grant, s.work.now)
					st.ask.or(p.users)
					s.spread(st, p.mates)
				}
			}
			s.work.concern(st)
		}
	}
	s.step(b, origin{time: b.Now, backfill: true})
}

// flip makes a unit's generations the ones that answer. Nobody is told of entries and
// exits: a new or changed rule is not something that happened to a person. What a split in
// the same batch has given up stays so: it is built anew.
func (s *Stage) flip(ctx context.Context, tx *store.Tx, u *unit) error {
	s.work.more = true
	for _, g := range u.generations {
		p := s.table.program(g.id)
		if p == nil || p.live {
			continue
		}
		var now phase
		if err := tx.QueryRow(ctx, `SELECT phase FROM segment_generations WHERE generation = ?`, int64(g.id)).Scan(&now); err != nil {
			return err
		}
		if now != tracking {
			continue
		}
		for _, q := range []struct {
			text string
			args []any
		}{
			{`UPDATE segment_generations SET phase = ? WHERE segment = ? AND phase = ?`, []any{dead, g.segment, live}},
			{`UPDATE segment_generations SET phase = ?, leaves = '' WHERE generation = ?`, []any{live, int64(g.id)}},
			{`UPDATE segments SET live = ?, building = 0, failure = '' WHERE id = ?`, []any{int64(g.id), g.segment}},
			{`DELETE FROM segment_static WHERE generation = ?`, []any{int64(g.id)}},
		} {
			if _, err := tx.Exec(ctx, q.text, q.args...); err != nil {
				return err
			}
		}
		if err := s.writeDay(ctx, tx, g.segment, dayCount{members: p.members}); err != nil {
			return err
		}
	}
	for _, l := range u.fresh {
		if _, err := tx.Exec(ctx, `UPDATE segment_leaves SET ready = 1 WHERE leaf = ?`, int64(l.id)); err != nil {
			return err
		}
	}
	return bump(ctx, tx)
}
