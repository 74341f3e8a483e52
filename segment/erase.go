package segment

import (
	"context"
	"slices"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

// erase forgets the persons that the batch erases: their states and memberships without a
// word to anybody, their lines in the feed and in lists that wait to be built. What a builder
// has found for them is left out when it comes: identity knows them no more.
func (s *Stage) erase(ctx context.Context, tx *store.Tx, b *touchstone.Batch) error {
	s.work.erased = s.work.erased[:0]
	var numbers []int64
	for i := range b.Changes {
		c := &b.Changes[i]
		if c.Kind != touchstone.PersonErased {
			continue
		}
		s.work.erased = append(s.work.erased, c.Person)
		numbers = append(numbers, int64(c.Person))
		if c.Parts != nil {
			for _, n := range c.Parts.Nodes { // persons that it had absorbed
				numbers = append(numbers, int64(n))
			}
		}
	}
	if len(numbers) == 0 {
		return nil
	}
	slices.Sort(numbers)
	numbers = slices.Compact(numbers)
	for _, statement := range []string{
		`UPDATE segment_changes SET person = 0, segment = '` + rowsPrefix + `' WHERE id = (SELECT max(id) FROM segment_changes) AND person IN (...)`, // see feedEnd
		`DELETE FROM segment_changes WHERE person IN (...)`,
		`DELETE FROM segment_static WHERE person IN (...)`,
		`DELETE FROM segment_moved WHERE person IN (...)`,
	} {
		if err := store.ExecIn(ctx, tx, statement, numbers); err != nil {
			return err
		}
	}
	for _, g := range s.table.garbage { // rows that wait to be swept up, which no state knows
		if err := store.ExecIn(ctx, tx, `DELETE FROM segment_members WHERE generation = ? AND person IN (...)`, numbers, int64(g)); err != nil {
			return err
		}
	}
	return nil
}

// erases tells whether the batch erases a person.
func (w *work) erases(p touchstone.PersonID) bool { return slices.Contains(w.erased, p) }

// forget empties a person's state. Its generations have a member less; nobody has left.
func (s *Stage) forget(st *state) {
	st.keepWas()
	for _, m := range st.in {
		if p := s.table.program(m.generation); p != nil {
			p.members--
			p.changed = true
		}
	}
	st.leaves, st.in, st.timer = nil, st.in[:0], 0
	st.absorbed, st.dirty, st.changed, st.armed = true, true, false, false
	clear(st.ask)
	clear(st.grown)
}
