package segment

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/backfill"
	"github.com/touchstone-cdp/touchstone/segment/rule"
	"github.com/touchstone-cdp/touchstone/store"
)

// Run builds new segments and changed ones from history, one unit after the other, until
// ctx is done.
func (s *Segments) Run(ctx context.Context) error {
	s.cfg.Wake() // the stage may have builds of an earlier process to restart
	for {
		u := s.builds.first()
		if u == nil {
			select {
			case <-ctx.Done():
				return nil
			case <-s.builds.signal:
			}
			continue
		}
		err := (&builder{Segments: s, unit: u}).build(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, errAbandoned):
			s.metrics.builds.WithLabelValues("abandoned").Inc()
		case err != nil:
			s.cfg.Logger.Error("a segment could not be built", "segments", u.names(), "error", err)
			s.metrics.builds.WithLabelValues("failed").Inc()
			s.noteFailure(ctx, u, err)
		default:
			s.metrics.builds.WithLabelValues("done").Inc()
		}
		s.builds.finished(u)
	}
}

// noteFailure tries until it is noted: a database in trouble must not end the server.
func (s *Segments) noteFailure(ctx context.Context, u *unit, why error) {
	for ctx.Err() == nil {
		err := s.fail(ctx, u, why)
		if err == nil || ctx.Err() != nil {
			return
		}
		s.cfg.Logger.Error("that a segment could not be built was not noted; trying again", "segments", u.names(), "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(notePause):
		}
	}
}

const notePause = 5 * time.Second

// errAbandoned ends a build whose segments have been deleted or changed again.
var errAbandoned = errors.New("nobody waits for this build any more")

func (u *unit) names() []string {
	var names []string
	for _, g := range u.generations {
		names = append(names, g.segment)
	}
	return names
}

// builder builds one unit. It works beside the pipeline on what has been committed and
// hands what it finds to the stage in chunks; what changes meanwhile the stage sees itself.
type builder struct {
	*Segments
	unit    *unit
	pending []touchstone.PersonID // candidates of the next chunk
}

func (b *builder) build(ctx context.Context) error {
	u := b.unit
	scan, profiles := b.needs()
	b.builds.begin(u, len(u.fresh)+len(u.generations)+2)
	if len(u.fresh) > 0 {
		if err := b.await(ctx); err != nil {
			return err
		}
	}
	for _, l := range u.fresh {
		if err := b.history(ctx, l); err != nil {
			return fmt.Errorf("history of %s: %w", l.Key(), err)
		}
		b.builds.step(u)
	}
	if scan != nil {
		if err := b.scan(ctx, scan); err != nil {
			return fmt.Errorf("look through states: %w", err)
		}
	}
	b.builds.step(u)
	if len(profiles) > 0 {
		if err := b.profiles(ctx, profiles); err != nil {
			return fmt.Errorf("look through profiles: %w", err)
		}
	}
	if err := b.flush(ctx); err != nil {
		return err
	}
	b.builds.step(u)
	for _, g := range u.generations {
		if g.rule == nil {
			if err := b.static(ctx, g.id); err != nil {
				return fmt.Errorf("read the list of persons: %w", err)
			}
		}
		b.builds.step(u)
	}
	return b.send(ctx, &chunk{last: true})
}

// interest is what a person's state may hold that makes the person a candidate.
type interest struct {
	leaves      map[uint32]bool // complete leaves that the unit uses again
	generations map[uint32]bool // generations outside the unit that it refers to
}

// needs tells who are candidates beside those with history in a fresh leaf: persons with
// a state of interest, and persons whom a rule may admit by their traits alone. Nobody
// else can be a member: for them all leaves are empty and all references false.
func (b *builder) needs() (*interest, []*rule.Rule) {
	in := interest{map[uint32]bool{}, map[uint32]bool{}}
	var byTraits []*rule.Rule
	own := map[uint32]bool{}
	for _, g := range b.unit.generations {
		own[g.id] = true
	}
	t := b.stage.snapshot.Load()
	for _, g := range b.unit.generations {
		for _, l := range b.unit.leavesOf[g.id] {
			if !slices.Contains(b.unit.fresh, l) {
				in.leaves[l.id] = true
			}
		}
		if p := t.program(g.id); p != nil {
			for _, ref := range p.refs {
				if ref >= 0 && !own[t.programs[ref].generation] {
					in.generations[t.programs[ref].generation] = true
				}
			}
		}
		if g.rule != nil && g.rule.TraitsMayDecide() {
			byTraits = append(byTraits, g.rule)
		}
	}
	if len(in.leaves)+len(in.generations) == 0 {
		return nil, byTraits
	}
	return &in, byTraits
}

// await waits until the warehouse holds every event before the first tracked batch, and
// knows who is behind each.
func (b *builder) await(ctx context.Context) error {
	var mark string
	marker, marked := b.cfg.History.(Marker)
	if marked {
		if err := b.until(ctx, func() (ok bool, err error) {
			mark, err = marker.Mark(ctx)
			return err == nil, err
		}); err != nil {
			return err
		}
	}
	for partition, through := range b.unit.through {
		if err := b.until(ctx, func() (bool, error) {
			at, err := b.cfg.History.Position(ctx, partition)
			return at >= through, err
		}); err != nil {
			return err
		}
	}
	if !marked {
		return nil
	}
	return b.until(ctx, func() (bool, error) { return marker.Reached(ctx, mark) })
}

// until asks until the answer is yes, or nobody waits for the build any more.
func (b *builder) until(ctx context.Context, ask func() (bool, error)) error {
	return backfill.Until(ctx, ask, func(err error) {
		b.cfg.Logger.Warn("the warehouse's position cannot be read; trying again", "error", err)
	}, func() error {
		if b.abandoned() {
			return errAbandoned
		}
		return nil
	})
}

func pauseFor(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// history sends what a leaf was before it was tracked. A question that fails before any
// answer has come is asked again; later that would count events twice.
func (b *builder) history(ctx context.Context, l *leaf) error {
	from := int64(0)
	if l.horizon > 0 {
		from = b.cfg.Clock.Now().UnixMilli() - l.horizon + 1
	}
	for attempt := 0; ; attempt++ {
		var c *chunk
		var one sync.Mutex // of the goroutines at a time
		sent := false
		err := past(ctx, b.cfg.History, KeptQuery{Leaf: &l.Leaf, Since: from, Through: b.unit.through}, func(_ int, person touchstone.PersonID, kept []int64) error {
			one.Lock()
			defer one.Unlock()
			if c == nil {
				c = &chunk{leaf: l.id}
			}
			c.persons = append(c.persons, person)
			c.times = append(c.times, slices.Clone(kept))
			if len(c.persons) < b.builds.chunkPersons {
				return nil
			}
			full := c
			c, sent = nil, true
			return b.send(ctx, full)
		})
		if err == nil && c != nil {
			err = b.send(ctx, c)
		}
		if err == nil || sent || attempt == 3 || ctx.Err() != nil || errors.Is(err, errAbandoned) {
			return err
		}
		b.cfg.Logger.Warn("the history of an event cannot be read; trying again", "event", l.Event, "error", err)
		if err := pauseFor(ctx, time.Second<<attempt); err != nil {
			return err
		}
	}
}

// scan finds the persons whose state is of interest.
func (b *builder) scan(ctx context.Context, in *interest) error {
	const page = 2_000
	for from := touchstone.PersonID(0); ; {
		found, last, n, err := b.scanPage(ctx, in, from, page)
		if err != nil {
			return err
		}
		for _, p := range found {
			if err := b.candidate(ctx, p); err != nil {
				return err
			}
		}
		if n < page {
			return nil
		}
		from = last
	}
}

func (b *builder) scanPage(ctx context.Context, in *interest, from touchstone.PersonID, page int) (found []touchstone.PersonID, last touchstone.PersonID, n int, err error) {
	rows, err := b.db.Reader().Query(ctx, `SELECT person, state FROM segment_states WHERE person > ? ORDER BY person LIMIT ?`, int64(from), page)
	if err != nil {
		return nil, 0, 0, err
	}
	defer rows.Close()
	var st state
	var stored []byte
	for rows.Next() {
		if err := rows.Scan(&last, &stored); err != nil {
			return nil, 0, 0, err
		}
		if err := st.decode(stored); err != nil {
			return nil, 0, 0, fmt.Errorf("person %s: %w", last, err)
		}
		n++
		if slices.ContainsFunc(st.leaves, func(l leafTimes) bool { return in.leaves[l.leaf] }) ||
			slices.ContainsFunc(st.in, func(m membership) bool { return in.generations[m.generation] }) {
			found = append(found, last)
		}
	}
	return found, last, n, rows.Err()
}

// profiles finds the persons whom one of the rules admits, or will, by their traits alone.
func (b *builder) profiles(ctx context.Context, rules []*rule.Rule) error {
	v := &stranger{}
	now := b.cfg.Clock.Now().UnixMilli()
	return b.cfg.Profiles.Each(ctx, func(person touchstone.PersonID, trait func(name string) (touchstone.JSON, bool)) error {
		v.person, v.trait = person, trait
		for _, r := range rules {
			if len(r.Households()) > 0 { // others decide, too
				return b.candidate(ctx, person)
			}
			if member, until := r.Eval(v, now); member || until != rule.Never { // now, or when a date comes
				return b.candidate(ctx, person)
			}
		}
		return nil
	})
}

// stranger is a person of whom only traits are known.
type stranger struct {
	person touchstone.PersonID
	trait  func(name string) (touchstone.JSON, bool)
}

func (s *stranger) Person() touchstone.PersonID { return s.person }

func (s *stranger) Trait(name string) (touchstone.JSON, bool) { return s.trait(name) }
func (s *stranger) Kept(int) []int64                          { return nil }
func (s *stranger) InSegment(int) (int64, bool)               { return 0, false }
func (s *stranger) Household(int, int64) (bool, int64)        { return false, 0 }

// candidate has the stage ask the unit's rules about a person.
func (b *builder) candidate(ctx context.Context, p touchstone.PersonID) error {
	b.pending = append(b.pending, p)
	if len(b.pending) < b.builds.chunkPersons {
		return nil
	}
	return b.flush(ctx)
}

func (b *builder) flush(ctx context.Context) error {
	if len(b.pending) == 0 {
		return nil
	}
	c := &chunk{persons: b.pending}
	for _, g := range b.unit.generations {
		if g.rule != nil {
			c.ask = append(c.ask, g.id)
		}
	}
	b.pending = nil
	return b.send(ctx, c)
}

// static sends the persons of a fixed list.
func (b *builder) static(ctx context.Context, generation uint32) error {
	for from := touchstone.PersonID(0); ; {
		persons, err := readPersons(ctx, b.db.Reader(), `SELECT person FROM segment_static WHERE generation = ? AND person > ? ORDER BY person LIMIT ?`,
			int64(generation), int64(from), b.builds.chunkPersons)
		if err != nil || len(persons) == 0 {
			return err
		}
		if err := b.send(ctx, &chunk{persons: persons, grant: generation}); err != nil {
			return err
		}
		from = persons[len(persons)-1]
	}
}

func readPersons(ctx context.Context, q store.Querier, query string, args ...any) ([]touchstone.PersonID, error) {
	rows, err := q.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var persons []touchstone.PersonID
	for rows.Next() {
		var p touchstone.PersonID
		if err := rows.Scan(&p); err != nil {
			return nil, err
		}
		persons = append(persons, p)
	}
	return persons, rows.Err()
}

// send hands a chunk to the stage. It waits while the stage is behind.
func (b *builder) send(ctx context.Context, c *chunk) error {
	if b.abandoned() {
		return errAbandoned
	}
	c.unit = b.unit
	if err := b.builds.Send(ctx, c); err != nil {
		return err
	}
	b.cfg.Wake()
	return nil
}

func (b *builder) abandoned() bool {
	t := b.stage.snapshot.Load()
	return !slices.ContainsFunc(b.unit.generations, func(g unitGeneration) bool { return t.program(g.id) != nil })
}

// fail gives a unit up: its segments keep the members that they had. Segments outside the
// unit that are being built upon it are built again without it.
func (s *Segments) fail(ctx context.Context, u *unit, cause error) error {
	reason := "an internal error; the log has the details"
	var e *touchstone.Error
	if errors.As(cause, &e) && e.Kind != touchstone.Internal {
		reason = e.Message
	}
	return s.update(ctx, func(tx *store.Tx) error {
		var failed []string
		for _, g := range u.generations {
			res, err := tx.Exec(ctx, `UPDATE segments SET building = 0, failure = ? WHERE id = ? AND building = ?`, reason, g.segment, int64(g.id))
			if err != nil {
				return err
			}
			if n, err := res.RowsAffected(); err != nil || n == 0 {
				continue // changed again or deleted
			}
			failed = append(failed, g.segment)
			if _, err := tx.Exec(ctx, `UPDATE segment_generations SET phase = ? WHERE generation = ?`, dead, int64(g.id)); err != nil {
				return err
			}
		}
		refs, err := references(ctx, tx)
		if err != nil {
			return err
		}
		for _, id := range dependents(refs, failed...) {
			if err := rebuildIfBuilding(ctx, tx, id); err != nil {
				return err
			}
		}
		return bump(ctx, tx)
	})
}

func rebuildIfBuilding(ctx context.Context, tx *store.Tx, id string) error {
	var text string
	var building int64
	if err := tx.QueryRow(ctx, `SELECT rule, building FROM segments WHERE id = ?`, id).Scan(&text, &building); err != nil || building == 0 {
		return err
	}
	_, err := newGeneration(ctx, tx, id, touchstone.JSON(text))
	return err
}
