package segment

import (
	"cmp"
	"context"
	"slices"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/segment/rule"
	"github.com/touchstone-cdp/touchstone/store"
)

// Seat is a person's place in a household.
type Seat struct {
	rule.Seat
	Household int64
	Person    touchstone.PersonID
	Score     int64 // of several households a person counts in the one with the greatest score
}

// Households is what the package asks about who lives together. What it says changes only as
// [Segments.Moved] is told, in the same transaction.
type Households interface {
	// Seats returns the places of persons in households, those of all others there, and so on: of
	// everybody who hangs together with them.
	Seats(ctx context.Context, q store.Querier, persons []touchstone.PersonID) ([]Seat, error)
	// EachSeat calls fn for every place that somebody has.
	EachSeat(ctx context.Context, fn func(s Seat) error) error
}

// Moved has the persons asked again whose household is another, or whose household's members
// are: those who left, and everybody who lives with them. It is part of the transaction in
// which that becomes so; quiet says that it follows from history, so that nobody is messaged.
func (s *Segments) Moved(ctx context.Context, tx *store.Tx, persons []touchstone.PersonID, quiet bool) error {
	persons = slices.Compact(slices.Sorted(slices.Values(persons)))
	quietly := 0
	if quiet {
		quietly = 1
	}
	u := store.Upsert{Table: "segment_moved", Key: []string{"person"}, Columns: []string{"person", "quiet"}}
	if err := tx.BulkUpsert(ctx, u, len(persons), func(i int, args []any) { args[0], args[1] = int64(persons[i]), quietly }); err != nil {
		return err
	}
	return s.cfg.WakeIn(ctx, tx)
}

// movedPerBatch bounds how many persons a batch asks again because their household is another.
const movedPerBatch = 2_000

// moved is a person whose household is another.
type moved struct {
	person touchstone.PersonID
	quiet  bool
}

// takeMoved makes persons whose households have changed part of the batch.
func (s *Stage) takeMoved(ctx context.Context, tx *store.Tx) error {
	w := &s.work
	w.moved = w.moved[:0]
	if s.owns != nil { // the pipeline does it, alone
		return nil
	}
	rows, err := tx.Query(ctx, `SELECT person, quiet FROM segment_moved ORDER BY person LIMIT ?`, movedPerBatch)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var m moved
		var quiet int64
		if err := rows.Scan((*int64)(&m.person), &quiet); err != nil {
			return err
		}
		m.quiet = quiet != 0
		w.moved = append(w.moved, m)
	}
	if err := rows.Err(); err != nil || len(w.moved) == 0 {
		return err
	}
	w.more = w.more || len(w.moved) == movedPerBatch
	persons := make([]touchstone.PersonID, len(w.moved))
	stored := make([]int64, len(w.moved))
	for i, m := range w.moved {
		persons[i], stored[i] = m.person, int64(m.person)
	}
	if err := store.ExecIn(ctx, tx, `DELETE FROM segment_moved WHERE person IN (...)`, stored); err != nil {
		return err
	}
	now, err := s.persons.Canonical(ctx, tx, persons)
	for i := range now {
		w.moved[i].person = now[i]
	}
	w.moved = slices.DeleteFunc(w.moved, func(m moved) bool { return m.person == 0 }) // erased meanwhile
	return err
}

// homes are the households of those whom a batch concerns.
type homes struct {
	of map[touchstone.PersonID][]*Seat
	in map[int64][]*Seat
}

func newHomes(seats []Seat) *homes {
	h := &homes{of: make(map[touchstone.PersonID][]*Seat, len(seats)), in: map[int64][]*Seat{}}
	slices.SortFunc(seats, func(a, b Seat) int {
		return cmp.Or(cmp.Compare(a.Household, b.Household), cmp.Compare(a.Person, b.Person))
	})
	for i := range seats {
		s := &seats[i]
		h.of[s.Person] = append(h.of[s.Person], s)
		h.in[s.Household] = append(h.in[s.Household], s)
	}
	return h
}

// at returns the seats of the household in which a person counts, and until when that stands;
// nil for somebody who is in none.
func (h *homes) at(p touchstone.PersonID, now int64) (seats []*Seat, until int64) {
	until = rule.Never
	var best *Seat
	for _, s := range h.of[p] {
		switch {
		case now < s.From:
			until = min(until, s.From)
		case now < s.Until:
			until = min(until, s.Until)
			if best == nil || cmp.Or(cmp.Compare(s.Score, best.Score), cmp.Compare(best.Household, s.Household)) > 0 {
				best = s
			}
		}
	}
	if best == nil {
		return nil, until
	}
	return h.in[best.Household], until
}

// merge gives the seats of a person to the one who absorbed it.
func (h *homes) merge(kept, gone touchstone.PersonID) {
	for _, s := range h.of[gone] {
		s.Person = kept
		twice := func(o *Seat) bool { return o.Household == s.Household }
		if slices.ContainsFunc(h.of[kept], twice) { // the keeper keeps the one that is there
			h.in[s.Household] = slices.DeleteFunc(h.in[s.Household], func(o *Seat) bool { return o == s })
			continue
		}
		h.of[kept] = append(h.of[kept], s)
	}
	delete(h.of, gone)
}

// remove takes a person out of all households.
func (h *homes) remove(p touchstone.PersonID) {
	for _, s := range h.of[p] {
		h.in[s.Household] = slices.DeleteFunc(h.in[s.Household], func(o *Seat) bool { return o == s })
	}
	delete(h.of, p)
}

// loadHomes reads the households of everybody whom the batch concerns, and makes those who live
// with them part of it: what happens to one may be asked about another.
func (s *Stage) loadHomes(ctx context.Context, tx *store.Tx) error {
	w := &s.work
	w.homes = nil
	if !s.table.related.any() || s.households == nil || len(w.touched) == 0 {
		return nil
	}
	persons := make([]touchstone.PersonID, len(w.touched))
	for i, st := range w.touched {
		persons[i] = st.person
	}
	slices.Sort(persons)
	seats, err := s.households.Seats(ctx, tx, persons)
	if err != nil {
		return err
	}
	w.homes = newHomes(seats)
	for i := range seats {
		s.touch(seats[i].Person)
		w.ask = append(w.ask, seats[i].Person)
	}
	return nil
}

// spread has programs asked about everybody who lives with somebody of whom something that they
// ask about members has changed.
func (s *Stage) spread(st *state, programs mask) {
	w := &s.work
	if w.homes == nil || !programs.any() {
		return
	}
	if !w.erases(st.person) {
		w.concern(st) // first: what happens to somebody is told before what follows for others
	}
	for _, own := range w.homes.of[st.person] {
		for _, mate := range w.homes.in[own.Household] {
			if mate.Person != st.person && !w.erases(mate.Person) {
				other := s.touch(mate.Person)
				other.ask.or(programs)
				w.concern(other)
			}
		}
	}
}

// stepMoved asks those again whose household is another.
func (s *Stage) stepMoved(b *touchstone.Batch) {
	for _, quiet := range []bool{true, false} {
		for _, m := range s.work.moved {
			if m.quiet != quiet {
				continue
			}
			st := s.touch(m.person)
			if st.absorbed {
				continue
			}
			st.ask.or(s.table.related)
			s.work.concern(st)
		}
		s.step(b, origin{time: b.Now, backfill: quiet})
	}
}

// settleTogether asks the programs one after the other, each about all whom the event concerns: so
// whoever is asked about another is asked after the other has answered.
func (s *Stage) settleTogether(b *touchstone.Batch, o origin) {
	w := &s.work
	for _, st := range w.stepping {
		s.grow(st)
	}
	for i := 0; ; i++ {
		if i = w.nextAsked(i); i < 0 {
			break
		}
		for n := 0; n < len(w.stepping); n++ { // which may grow
			st := w.stepping[n]
			if !st.ask.has(i) {
				continue
			}
			st.ask.unset(i)
			if p := s.table.programs[i]; p.rule != nil && !st.absorbed {
				s.prune(st)
				v := view{stage: s, state: st, changes: b.Changes}
				st.arm(s.ask(&v, p))
			}
		}
	}
	for _, st := range w.stepping {
		s.settle(b, st, o)
	}
	w.stepping = w.stepping[:0]
}

// nextAsked returns the first program from i on that is to be asked about somebody, or -1.
func (w *work) nextAsked(i int) int {
	first := -1
	for _, st := range w.stepping {
		if n := st.ask.next(i); n >= 0 && (first < 0 || n < first) {
			first = n
		}
	}
	return first
}

// Household answers a household condition from the members' states.
func (v *view) Household(n int, now int64) (bool, int64) {
	h := v.stage.work.homes
	r := v.program.rule
	if h == nil {
		return r.Alone(n, v, now)
	}
	seats, until := h.at(v.state.person, now)
	if seats == nil {
		holds, deadline := r.Alone(n, v, now)
		return holds, min(deadline, until)
	}
	plain := make([]*rule.Seat, len(seats))
	for i, s := range seats {
		plain[i] = &s.Seat
	}
	holds, deadline := r.Among(n, plain, func(i int) (bool, int64) {
		mate := &view{stage: v.stage, state: v.stage.touch(seats[i].Person), program: v.program, changes: v.changes}
		return r.EvalMember(n, mate, now)
	}, now)
	return holds, min(deadline, until)
}

// homesOf reads all households, for the batch evaluator.
func homesOf(ctx context.Context, h Households) (*homes, error) {
	if h == nil {
		return newHomes(nil), nil
	}
	var all []Seat
	err := h.EachSeat(ctx, func(s Seat) error {
		all = append(all, s)
		return nil
	})
	return newHomes(all), err
}

// neighbours is what the batch evaluator knows of households: who passes what is asked of members.
type neighbours struct {
	rule   *rule.Rule
	homes  *homes
	passes []map[touchstone.PersonID]bool // by household condition
}

// household answers condition n for a person.
func (a *neighbours) household(p touchstone.PersonID, n int, self rule.Subject, now int64) (bool, int64) {
	seats, _ := a.homes.at(p, now)
	if seats == nil {
		return a.rule.Alone(n, self, now)
	}
	plain := make([]*rule.Seat, len(seats))
	for i, s := range seats {
		plain[i] = &s.Seat
	}
	return a.rule.Among(n, plain, func(i int) (bool, int64) { return a.passes[n][seats[i].Person], rule.Never }, now)
}
