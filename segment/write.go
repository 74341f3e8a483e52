package segment

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

// memberRow is a row of segment_members.
type memberRow struct {
	generation uint32
	at         int64
	person     touchstone.PersonID
}

func byKey(a, b memberRow) int {
	return cmp.Or(cmp.Compare(a.generation, b.generation), cmp.Compare(a.at, b.at), cmp.Compare(a.person, b.person))
}

// feedRow is a row of segment_changes.
type feedRow struct {
	segment string
	person  touchstone.PersonID
	entered bool
	at      int64 // when it became so: a deadline, or the time of the batch that heard of its cause
}

// dayCount is what a batch adds to a segment's day.
type dayCount struct{ members, entered, departed int64 }

const sweepRows = 2_000

// write stores what the batch has changed: each row once, in the order of the keys.
func (s *Stage) write(ctx context.Context, tx *store.Tx, b *touchstone.Batch) error {
	w := &s.work
	w.sort()
	for _, st := range w.touched { // in order of person
		if st.kept {
			w.compare(st)
		}
		if st.armed && st.timer != 0 {
			w.set++
			b.Timers = append(b.Timers, touchstone.Timer{Owner: StageName, Subject: touchstone.PersonSubject(st.person), At: time.UnixMilli(st.timer).UTC()})
		}
		switch {
		case !st.dirty:
		case st.empty():
			if st.stored {
				w.deleted = append(w.deleted, st)
			}
		default:
			w.dirty = append(w.dirty, st)
		}
		if st.dirty || st.bytes == 0 {
			s.cache.weigh(st)
		}
	}
	if err := s.writeStates(ctx, tx); err != nil {
		return err
	}
	if err := s.writeMembers(ctx, tx); err != nil {
		return err
	}
	if err := s.writeFeed(ctx, tx); err != nil {
		return err
	}
	return s.writeCounts(ctx, tx)
}

// compare turns the difference between the memberships before and after the batch into rows.
func (w *work) compare(st *state) {
	for _, m := range st.was {
		if at, still := st.enteredAt(m.generation); !still || at != m.at {
			w.leave = append(w.leave, memberRow{m.generation, m.at, st.person})
		}
	}
	for _, m := range st.in {
		if at, already := was(st.was, m.generation); !already || at != m.at {
			w.enter = append(w.enter, memberRow{m.generation, m.at, st.person})
		}
	}
}

// tell turns the difference between the memberships before and after an event into changes.
func (s *Stage) tell(b *touchstone.Batch, st *state, o origin) {
	earlier := st.earlier()
	for _, m := range earlier {
		if _, still := st.enteredAt(m.generation); !still {
			s.changed(b, st, m.generation, false, o)
		}
	}
	for _, m := range st.in {
		if _, already := was(earlier, m.generation); !already {
			s.changed(b, st, m.generation, true, o)
		}
	}
}

func was(in []membership, generation uint32) (int64, bool) {
	for _, m := range in {
		if m.generation == generation {
			return m.at, true
		}
	}
	return 0, false
}

// changed counts an entry or exit and, when the segment is live, tells of it. An absorbed
// person's exits go to the feed only: for reactors that person has ceased to be.
func (s *Stage) changed(b *touchstone.Batch, st *state, generation uint32, entered bool, o origin) {
	p := s.table.program(generation)
	if p == nil {
		return
	}
	p.changed = true
	delta, kind := int64(1), touchstone.SegmentEntered
	if !entered {
		delta, kind = -1, touchstone.SegmentLeft
	}
	p.members += delta
	if !p.live {
		return
	}
	if !ofFeature(p.segment) {
		s.work.feed = append(s.work.feed, feedRow{p.segment, st.person, entered, s.work.now})
		s.tally(p, entered)
	}
	if st.absorbed || strings.HasPrefix(p.segment, rowsPrefix) {
		return
	}
	c := touchstone.Change{Kind: kind, Person: st.person, Name: p.segment, Time: o.time, Backfill: o.backfill, Ahead: o.ahead, Cause: o.behind, Behind: o.behind > 0}
	if o.cause > 0 {
		b.Because(o.cause-1, c)
	} else {
		b.Changes = append(b.Changes, c)
	}
}

func (s *Stage) writeStates(ctx context.Context, tx *store.Tx) error {
	w := &s.work
	err := tx.BulkDelete(ctx, "segment_states", "person", len(w.deleted), func(i int) any { return int64(w.deleted[i].person) })
	if err != nil {
		return err
	}
	u := store.Upsert{Table: "segment_states", Columns: []string{"person", "state"}, Key: []string{"person"}}
	w.buf = w.buf[:0]
	err = tx.BulkUpsert(ctx, u, len(w.dirty), func(i int, args []any) {
		if len(w.buf) > 1<<20 { // earlier rows have been written or keep the old memory
			w.buf = nil
		}
		from := len(w.buf)
		w.buf = w.dirty[i].append(w.buf)
		args[0], args[1] = int64(w.dirty[i].person), w.buf[from:len(w.buf):len(w.buf)]
	})
	if err != nil {
		return err
	}
	for _, st := range w.deleted {
		st.stored, st.dirty = false, false
	}
	for _, st := range w.dirty {
		st.stored, st.dirty = true, false
	}
	if n := len(w.dirty); n > 0 {
		s.maxPerson = max(s.maxPerson, w.dirty[n-1].person)
	}
	return nil
}

func (s *Stage) writeMembers(ctx context.Context, tx *store.Tx) error {
	w := &s.work
	slices.SortFunc(w.leave, byKey)
	key := []string{"generation", "entered_at", "person"}
	err := tx.BulkDeleteRows(ctx, "segment_members", key, len(w.leave), func(i int, args []any) {
		r := &w.leave[i]
		args[0], args[1], args[2] = int64(r.generation), r.at, int64(r.person)
	})
	if err != nil {
		return err
	}
	slices.SortFunc(w.enter, byKey)
	u := store.Upsert{Table: "segment_members", Columns: key, Key: key, IgnoreConflict: true}
	return tx.BulkUpsert(ctx, u, len(w.enter), func(i int, args []any) {
		r := &w.enter[i]
		args[0], args[1], args[2] = int64(r.generation), r.at, int64(r.person)
	})
}

// writeFeed adds to the feed of changes, and cuts its oldest part off now and then.
func (s *Stage) writeFeed(ctx context.Context, tx *store.Tx) error {
	feed := s.work.feed
	if len(feed) == 0 {
		return nil
	}
	if err := s.queueForFeed(ctx, tx); err != nil {
		return err
	}
	u := store.Upsert{Table: "segment_changes", Columns: []string{"id", "segment", "person", "entered", "at"}}
	first := s.lastID + 1
	err := tx.BulkUpsert(ctx, u, len(feed), func(i int, args []any) {
		entered := 0
		if feed[i].entered {
			entered = 1
		}
		args[0], args[1], args[2], args[3], args[4] = first+int64(i), feed[i].segment, int64(feed[i].person), entered, feed[i].at
	})
	if err != nil {
		return err
	}
	s.lastID += int64(len(feed))
	if s.lastID>>10 != (first-1)>>10 && s.lastID > s.keep {
		_, err = tx.Exec(ctx, `DELETE FROM segment_changes WHERE id <= ?`, s.lastID-s.keep)
	}
	return err
}

// writeCounts stores the numbers of members, and the day's row of each live segment that
// has changed.
func (s *Stage) writeCounts(ctx context.Context, tx *store.Tx) error {
	for _, p := range s.table.programs {
		if !p.changed {
			continue
		}
		p.changed = false
		if err := s.writeMemberCount(ctx, tx, p); err != nil {
			return err
		}
	}
	if err := s.writePast(ctx, tx); err != nil {
		return err
	}
	for _, segment := range sortedKeys(s.work.days) {
		if err := s.writeDay(ctx, tx, segment, *s.work.days[segment]); err != nil {
			return err
		}
	}
	return nil
}

func (s *Stage) writeDay(ctx context.Context, tx *store.Tx, segment string, d dayCount) error {
	_, err := tx.Exec(ctx, `INSERT INTO segment_days (segment, day, members, entered, departed) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (segment, day) DO UPDATE SET members = excluded.members,
			entered = segment_days.entered + excluded.entered, departed = segment_days.departed + excluded.departed`,
		segment, s.work.at.In(s.zone()).Format(time.DateOnly), d.members, d.entered, d.departed)
	return err
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// finish completes builds, sweeps up dead generations and lets go of absorbed persons.
func (s *Stage) finish(ctx context.Context, tx *store.Tx) error {
	w := &s.work
	for _, st := range w.touched {
		if st.absorbed {
			s.cache.remove(st)
		}
	}
	for _, c := range w.chunks {
		if c.last {
			if err := s.flip(ctx, tx, c.unit); err != nil {
				return err
			}
		}
	}
	if n := len(w.chunks); n > 0 {
		if _, err := tx.Exec(ctx, `UPDATE segment_meta SET chunk = ? WHERE id = 1`, w.chunks[n-1].number); err != nil {
			return err
		}
	}
	return s.sweep(ctx, tx)
}

// sweep deletes some rows of a generation that has been replaced or deleted.
func (s *Stage) sweep(ctx context.Context, tx *store.Tx) error {
	garbage := s.table.garbage
	if len(garbage) == 0 {
		return nil
	}
	s.work.more = true
	g := int64(garbage[0])
	res, err := tx.Exec(ctx, `DELETE FROM segment_members WHERE generation = ? AND (entered_at, person) IN
		(SELECT entered_at, person FROM segment_members WHERE generation = ? LIMIT ?)`, g, g, sweepRows)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == sweepRows {
		return err
	}
	if _, err := tx.Exec(ctx, `DELETE FROM segment_static WHERE generation = ?`, g); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `DELETE FROM segment_generations WHERE generation = ?`, g); err != nil {
		return err
	}
	s.table.garbage = garbage[1:]
	return nil
}
