package segment

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/backfill"
	"github.com/touchstone-cdp/touchstone/segment/rule"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/sqlite"
)

var ctx = context.Background()

// world is everything around the stage: a pipeline with its timers, identity, profiles and
// a warehouse, all in memory, and a real store. Batches run one at a time, and builds only
// when the test says so: nothing depends on goroutines.
type world struct {
	t    fataler
	db   *store.DB
	segs *Segments
	now  time.Time

	events  []pastEvent // in log order
	offset  uint64      // of the last record
	people  map[touchstone.PersonID]map[string]touchstone.JSON
	merged  map[touchstone.PersonID]touchstone.PersonID
	last    map[touchstone.PersonID]map[string]touchstone.JSON // traits of those absorbed in this batch
	timers  map[touchstone.PersonID]time.Time
	batch   *touchstone.Batch   // being filled
	changes []touchstone.Change // that stages emitted, since last asked

	seats []Seat // of merged persons, too

	copies map[string]follower

	withhold bool // batches do not get the timers of persons with even ids

	committed func() // called after each batch
	done      func(b *touchstone.Batch)
}

type fataler interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

type pastEvent struct {
	seq   touchstone.Seq
	node  touchstone.PersonID // who it came under
	name  string
	props touchstone.JSON
	ctx   touchstone.JSON
	at    int64
}

// openDB opens a fresh database, in memory where the system has a file system for that:
// these tests commit many thousand times, and what a disk does is not their subject.
func openDB(t testing.TB) *store.DB {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "segment")
	if err != nil {
		dir = t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	db, err := sqlite.Open(filepath.Join(dir, "store.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func newWorld(t fataler, db *store.DB) *world {
	w := &world{t: t, db: db, now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
		people: map[touchstone.PersonID]map[string]touchstone.JSON{}, merged: map[touchstone.PersonID]touchstone.PersonID{},
		timers: map[touchstone.PersonID]time.Time{}, copies: map[string]follower{}}
	w.open()
	return w
}

// open starts the package on the database, as a new process would.
func (w *world) open() {
	w.t.Helper()
	segs, err := Open(ctx, Config{DB: w.db, Traits: w, Persons: w, History: w, Profiles: w, Households: w, Clock: touchstone.ClockFunc(func() time.Time { return w.now })})
	if err != nil {
		w.t.Fatal(err)
	}
	// Small chunks, so that builds take several batches.
	segs.builds.limits = limits{chunkPersons: 2, chunksPerBatch: 1, chunksWaiting: 10_000}
	segs.builds.Queue = backfill.NewQueue[*chunk](segs.builds.chunksWaiting)
	w.segs = segs
}

// Identity.

func (w *world) current(p touchstone.PersonID) touchstone.PersonID {
	for w.merged[p] != 0 {
		p = w.merged[p]
	}
	return p
}

func (w *world) Canonical(_ context.Context, _ store.Querier, persons []touchstone.PersonID) ([]touchstone.PersonID, error) {
	out := make([]touchstone.PersonID, len(persons))
	for i, p := range persons {
		out[i] = w.current(p)
	}
	return out, nil
}

// Profiles.

func (w *world) Prefetch(context.Context, *store.Tx, []touchstone.PersonID) error { return nil }

func (w *world) TraitsOf(p touchstone.PersonID) func(name string) (touchstone.JSON, bool) {
	traits := w.people[p]
	if last, gone := w.last[p]; gone {
		traits = last
	}
	return func(name string) (touchstone.JSON, bool) {
		v, ok := traits[name]
		return v, ok
	}
}

func (w *world) Count(context.Context) (int64, error) { return int64(len(w.people)), nil }

func (w *world) Each(_ context.Context, fn func(touchstone.PersonID, func(string) (touchstone.JSON, bool)) error) error {
	for p := range w.people {
		if err := fn(p, w.TraitsOf(p)); err != nil {
			return err
		}
	}
	return nil
}

// Households.

// Seats returns all that is known: more than is asked for.
func (w *world) Seats(_ context.Context, _ store.Querier, _ []touchstone.PersonID) ([]Seat, error) {
	var list []Seat
	return list, w.EachSeat(ctx, func(s Seat) error {
		list = append(list, s)
		return nil
	})
}

// EachSeat gives what the keeper would leave, as of the last batch.
func (w *world) EachSeat(_ context.Context, fn func(s Seat) error) error {
	for _, s := range w.seats {
		if err := fn(s); err != nil {
			return err
		}
	}
	return nil
}

// move puts a person into a household, or takes it out, and tells of it.
func (w *world) move(s Seat, in bool) {
	w.t.Helper()
	s.Person = w.current(s.Person)
	if w.people[s.Person] == nil {
		w.event(s.Person, 0, "Came", "")
	}
	asked := []touchstone.PersonID{s.Person}
	w.seats = slices.DeleteFunc(w.seats, func(o Seat) bool { return o.Household == s.Household && o.Person == s.Person })
	if in {
		w.seats = append(w.seats, s)
	}
	for _, o := range w.seats {
		if o.Household == s.Household {
			asked = append(asked, o.Person)
		}
	}
	if err := w.db.Update(ctx, func(tx *store.Tx) error { return w.segs.Moved(ctx, tx, asked, false) }); err != nil {
		w.t.Fatal(err)
	}
}

// keepSeats does what the keeper of households does at a merge: where both have a seat, the kept
// person's is kept.
func (w *world) keepSeats(kept, gone touchstone.PersonID) {
	has := func(p touchstone.PersonID, household int64) bool {
		return slices.ContainsFunc(w.seats, func(s Seat) bool { return s.Person == p && s.Household == household })
	}
	w.seats = slices.DeleteFunc(w.seats, func(s Seat) bool { return s.Person == gone && has(kept, s.Household) })
	for i := range w.seats {
		if w.seats[i].Person == gone {
			w.seats[i].Person = kept
		}
	}
}

// The warehouse.

func (w *world) Position(context.Context, int) (touchstone.Seq, error) {
	return touchstone.MakeSeq(0, w.offset, touchstone.MaxEventsPerRecord-1), nil
}

func (w *world) LatestTimes(_ context.Context, q LatestQuery, fn func(touchstone.PersonID, []int64) error) error {
	times := map[touchstone.PersonID][]int64{}
	l := rule.Leaf{Event: q.Event, Where: q.Where}
	for _, e := range w.events {
		through := touchstone.Seq(1 << 62)
		if q.Through != nil {
			if through = 0; len(q.Through) > 0 {
				through = q.Through[0]
			}
		}
		if e.name == q.Event && e.seq <= through && e.at >= q.Since && (q.Until == 0 || e.at < q.Until) && l.Match(e.props, e.ctx) {
			p := w.current(e.node)
			times[p] = append(times[p], e.at)
		}
	}
	for _, p := range sortedPersons(times) {
		slices.Sort(times[p])
		if err := fn(p, q.cut(times[p])); err != nil {
			return err
		}
	}
	return nil
}

// cut leaves what is asked for of ascending times.
func (q *LatestQuery) cut(times []int64) []int64 {
	switch {
	case q.Keep == 0:
		return times
	case q.Oldest:
		return times[:min(len(times), q.Keep)]
	}
	return times[max(0, len(times)-q.Keep):]
}

// leaf reads the values of events.
func (q *ValuesQuery) leaf() *rule.Leaf {
	l := &rule.Leaf{Event: q.Event, Where: q.Where, Property: q.Property, Kind: rule.Distinct}
	if q.Amounts {
		l.Kind = rule.Sums
	}
	return l
}

func (w *world) Values(_ context.Context, q ValuesQuery, fn func(person touchstone.PersonID, at, n, value int64) error) error {
	l := q.leaf()
	through := touchstone.Seq(1 << 62)
	if q.Through != nil {
		if through = 0; len(q.Through) > 0 {
			through = q.Through[0]
		}
	}
	for _, e := range w.events {
		if e.name != q.Event || e.seq > through || e.at < q.Since || q.Until != 0 && e.at >= q.Until || !l.Match(e.props, e.ctx) {
			continue
		}
		if v, ok := l.Value(e.props, e.at); ok {
			if err := fn(w.current(e.node), e.at, 1, v); err != nil {
				return err
			}
		}
	}
	return nil
}

func sortedPersons[V any](m map[touchstone.PersonID]V) []touchstone.PersonID {
	keys := make([]touchstone.PersonID, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// The pipeline.

// next returns the batch being filled.
func (w *world) next() *touchstone.Batch {
	if w.batch == nil {
		w.batch = &touchstone.Batch{}
		w.last = map[touchstone.PersonID]map[string]touchstone.JSON{}
		w.offset++
	}
	return w.batch
}

func (w *world) meet(p touchstone.PersonID) {
	if w.people[p] == nil {
		w.people[p] = map[string]touchstone.JSON{}
	}
}

// event adds an event that happened some time before now to the batch.
func (w *world) event(p touchstone.PersonID, ago time.Duration, name string, props touchstone.JSON) {
	b := w.next()
	node := p
	p = w.current(p)
	w.meet(p)
	seq := touchstone.MakeSeq(0, w.offset, len(b.Facts))
	at := w.now.Add(-ago)
	w.events = append(w.events, pastEvent{seq: seq, node: node, name: name, props: props, at: at.UnixMilli()})
	b.Facts = append(b.Facts, touchstone.Fact{Event: touchstone.Event{Type: touchstone.Track, Name: name, MessageID: fmt.Sprint("m", len(w.events)), Properties: props, Time: at}, Seq: seq, Person: p})
}

// trait sets a trait by an identify call, or takes it away.
func (w *world) trait(p touchstone.PersonID, name string, value touchstone.JSON) {
	p = w.current(p)
	w.event(p, 0, "$identify", "")
	w.set(p, name, value)
}

// set changes a trait because of the latest event.
func (w *world) set(p touchstone.PersonID, name string, value touchstone.JSON) {
	old := w.people[p][name]
	if old == value {
		return
	}
	if value == "" {
		delete(w.people[p], name)
	} else {
		w.people[p][name] = value
	}
	w.batch.Because(len(w.batch.Facts)-1, touchstone.Change{Kind: touchstone.TraitChanged, Person: p, Name: name, Old: old, New: value})
}

// merge makes the older person absorb the other.
func (w *world) merge(a, b touchstone.PersonID) {
	kept, gone := w.current(a), w.current(b)
	if kept == gone {
		return
	}
	if kept > gone {
		kept, gone = gone, kept
	}
	w.event(kept, 0, "$alias", "")
	w.meet(gone)
	w.batch.Because(len(w.batch.Facts)-1, touchstone.Change{Kind: touchstone.PersonsMerged, Person: kept, Other: gone})
	for _, name := range sortedKeys(w.people[gone]) {
		if _, ok := w.people[kept][name]; !ok {
			w.set(kept, name, w.people[gone][name])
		}
	}
	w.last[gone] = w.people[gone]
	delete(w.people, gone)
	w.merged[gone] = kept
}

// handOver brings the batch into the form in which the stages before this one leave it:
// facts under the final person, merges before traits, and traits by person.
func (w *world) handOver(b *touchstone.Batch) {
	for i := range b.Facts {
		f := &b.Facts[i]
		f.Was, f.Person = f.Then(), w.current(f.Person)
		if f.Was == f.Person {
			f.Was = 0
		}
	}
	slices.SortStableFunc(b.Changes, func(a, b touchstone.Change) int {
		if a.Kind == touchstone.TraitChanged && b.Kind == touchstone.TraitChanged {
			return cmp.Compare(w.current(a.Person), w.current(b.Person))
		}
		return -cmp.Compare(a.Kind, b.Kind) // merges and splits are the greater kinds
	})
}

// split parts a person again from the one who absorbed it, in a batch of its own. History
// goes with it; traits stay.
func (w *world) split(gone touchstone.PersonID) {
	kept := w.current(gone)
	delete(w.merged, gone)
	w.meet(gone)
	w.next().Changes = []touchstone.Change{{Kind: touchstone.PersonSplit, Time: w.now, Person: kept, Other: gone}}
	w.commit(0)
}

var errInjected = errors.New("injected failure")

// commit runs the batch; failures says how often it fails first.
func (w *world) commit(failures int) {
	w.t.Helper()
	filled := w.batch
	w.batch = nil
	if filled == nil {
		filled = &touchstone.Batch{}
	}
	w.handOver(filled)
	for attempt := 0; ; attempt++ {
		b := &touchstone.Batch{Now: w.now, Facts: filled.Facts, Changes: slices.Clone(filled.Changes)}
		for p, at := range w.timers {
			if !at.After(w.now) && !(w.withhold && p%2 == 0) {
				b.Due = append(b.Due, touchstone.Timer{Owner: StageName, Subject: touchstone.PersonSubject(p), At: at})
			}
		}
		slices.SortFunc(b.Due, func(a, b touchstone.Timer) int { return cmp.Compare(a.Subject.ID, b.Subject.ID) })
		err := w.db.Update(ctx, func(tx *store.Tx) error {
			if err := w.segs.stage.Apply(ctx, tx, b); err != nil {
				return err
			}
			if attempt < failures {
				return errInjected
			}
			return nil
		})
		if errors.Is(err, errInjected) {
			w.segs.stage.Rollback()
			continue
		}
		if err != nil {
			w.t.Fatal(err)
		}
		for _, d := range b.Due {
			delete(w.timers, d.Subject.Person())
		}
		for _, timer := range b.Timers {
			if !timer.At.After(w.now) {
				w.t.Fatalf("a timer of %s at %s is not ahead of %s", timer.Subject, timer.At, w.now)
			}
			w.timers[timer.Subject.Person()] = timer.At
		}
		w.changes = append(w.changes, b.Changes[len(filled.Changes):]...)
		w.segs.stage.Committed(b)
		for _, c := range filled.Changes {
			if c.Kind == touchstone.PersonsMerged {
				w.keepSeats(c.Person, c.Other)
			}
		}
		if w.done != nil {
			w.done(b)
		}
		if w.committed != nil {
			w.committed()
		}
		return
	}
}

// advance lets time pass; timers go off at their moments.
func (w *world) advance(d time.Duration) {
	w.t.Helper()
	until := w.now.Add(d)
	for {
		next := until
		for _, at := range w.timers {
			if at.Before(next) {
				next = at
			}
		}
		if next.After(w.now) {
			w.now = next
		}
		due := false
		for _, at := range w.timers {
			due = due || !at.After(w.now)
		}
		if due {
			w.commit(0)
		} else if !w.now.Before(until) {
			return
		}
	}
}

// build makes the chunks of the next unit that waits. They are merged by later batches.
func (w *world) build() bool {
	w.t.Helper()
	u := w.segs.builds.first()
	if u == nil {
		return false
	}
	err := (&builder{Segments: w.segs, unit: u}).build(ctx)
	if err != nil && !errors.Is(err, errAbandoned) {
		w.t.Fatal(err)
	}
	w.segs.builds.finished(u)
	return true
}

// settle runs batches and builds until nothing is left to do.
func (w *world) settle() {
	w.t.Helper()
	for range 1_000 {
		w.commit(0)
		if !w.build() && w.segs.builds.Waiting() == 0 && len(w.segs.stage.table.garbage) == 0 && w.segs.builds.first() == nil {
			w.commit(0)
			if w.segs.builds.first() == nil && w.segs.builds.Waiting() == 0 {
				return
			}
		}
	}
	w.t.Fatal("builds do not come to an end")
}

// members returns who is in a segment by the stage's reckoning.
func (w *world) members(id string) []touchstone.PersonID {
	w.t.Helper()
	persons, err := w.segs.MemberIDs(ctx, id)
	if err != nil {
		w.t.Fatal(err)
	}
	return persons
}

// answering returns the rule that answers for a segment, "" for none or a static one.
func (w *world) answering(id string) (text touchstone.JSON, live bool) {
	w.t.Helper()
	rows, err := w.db.Reader().Query(ctx, `SELECT g.rule FROM segments s JOIN segment_generations g ON g.generation = s.live WHERE s.id = ?`, id)
	if err != nil {
		w.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		live = true
		if err := rows.Scan(&text); err != nil {
			w.t.Fatal(err)
		}
	}
	return text, live
}

// expected returns who is in a segment by the batch evaluator; static says who is in
// segments without a rule.
func (w *world) expected(id string, static map[string][]touchstone.PersonID) []touchstone.PersonID {
	w.t.Helper()
	text, live := w.answering(id)
	if !live {
		return nil
	}
	if text == "" {
		var persons []touchstone.PersonID
		for _, p := range static[id] {
			persons = append(persons, w.current(p))
		}
		slices.Sort(persons)
		return slices.Compact(persons)
	}
	r, err := rule.Parse(text)
	if err != nil {
		w.t.Fatal(err)
	}
	e := Evaluator{History: w, Profiles: w, Households: w, Since: w.segs.membersSince, Members: func(_ context.Context, ref string) ([]touchstone.PersonID, error) {
		return w.expected(ref, static), nil
	}}
	members, err := e.Evaluate(ctx, r, w.now)
	if err != nil {
		w.t.Fatal(err)
	}
	return members
}

// audit checks that the tables agree with each other.
func (w *world) audit() {
	w.t.Helper()
	w.follow()
	var version int64
	if err := w.db.Reader().QueryRow(ctx, `SELECT version FROM segment_meta`).Scan(&version); err != nil {
		w.t.Fatal(err)
	}
	if version != w.segs.stage.table.version {
		return // the stage has not heard of the latest definitions yet
	}
	byState := map[string]bool{}
	rows, err := w.db.Reader().Query(ctx, `SELECT person, state FROM segment_states`)
	if err != nil {
		w.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var p touchstone.PersonID
		var stored []byte
		if err := rows.Scan(&p, &stored); err != nil {
			w.t.Fatal(err)
		}
		var st state
		if err := st.decode(stored); err != nil {
			w.t.Fatal(err)
		}
		if w.merged[p] != 0 {
			w.t.Fatalf("%s was absorbed but has a state", p)
		}
		if at := w.timers[p]; st.timer != 0 && at.UnixMilli() != st.timer {
			w.t.Fatalf("%s believes in a timer at %d, but it is set to %v", p, st.timer, at)
		}
		for _, m := range st.in {
			if w.segs.stage.table.program(m.generation) != nil {
				byState[fmt.Sprint(m.generation, " ", m.at, " ", p)] = true
			}
		}
	}
	members, err := w.db.Reader().Query(ctx, `SELECT m.generation, m.entered_at, m.person FROM segment_members m
		JOIN segment_generations g ON g.generation = m.generation WHERE g.phase <> ?`, dead)
	if err != nil {
		w.t.Fatal(err)
	}
	defer members.Close()
	count := map[uint32]int64{}
	for members.Next() {
		var m memberRow
		if err := members.Scan(&m.generation, &m.at, &m.person); err != nil {
			w.t.Fatal(err)
		}
		count[m.generation]++
		key := fmt.Sprint(m.generation, " ", m.at, " ", m.person)
		if !byState[key] {
			w.t.Fatalf("member row %s is not in the person's state", key)
		}
		delete(byState, key)
	}
	for key := range byState {
		w.t.Fatalf("membership %s has no row", key)
	}
	for _, p := range w.segs.stage.table.programs {
		if count[p.generation] != p.members {
			w.t.Fatalf("generation %d has %d members, but counts %d", p.generation, count[p.generation], p.members)
		}
	}
}
