package inbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/httpapi"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/storetest"
)

// scribe is a reactor that writes each occurrence that it hears of into a table, and can
// be told to fail.
type scribe struct {
	name     string
	interest Interest
	failures atomic.Int64 // how many of the next calls fail
	refuse   func(o *touchstone.Occurrence) error
	trouble  func() error // nil: there is none
	panics   bool
	calls    atomic.Int64

	mu  sync.Mutex
	err error // of Interest
}

func (s *scribe) Name() string { return s.name }

func (s *scribe) Interest(context.Context, store.Querier) (Interest, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.interest, s.err
}

func (s *scribe) want(i Interest, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.interest, s.err = i, err
}

func (s *scribe) React(ctx context.Context, tx *store.Tx, list []touchstone.Occurrence, out Outbox) error {
	s.calls.Add(1)
	if s.trouble != nil {
		if err := s.trouble(); err != nil {
			return err
		}
	}
	for i := range list {
		o := &list[i]
		if _, err := tx.Exec(ctx, `INSERT INTO heard (reactor, place, what) VALUES (?, (SELECT count(*) FROM heard WHERE reactor = ?), ?)`, s.name, s.name, tell(o)); err != nil {
			return err
		}
		if s.refuse != nil {
			if err := s.refuse(o); err != nil {
				if s.panics {
					panic(err)
				}
				return err
			}
		}
	}
	if out != nil {
		if err := out.Put(ctx, tx, touchstone.Effect{ID: tell(&list[0])}); err != nil {
			return err
		}
	}
	if s.failures.Add(-1) >= 0 {
		return errors.New("told to fail")
	}
	return nil
}

// tell writes an occurrence down: "segment_entered p_1 seg_a <m1 e1>".
func tell(o *touchstone.Occurrence) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", o.Kind, o.Person)
	if o.Other != 0 {
		fmt.Fprintf(&b, " other %s", o.Other)
	}
	if o.Name != "" {
		b.WriteString(" " + o.Name)
	}
	if o.Subject != (touchstone.Subject{}) {
		b.WriteString(" of " + o.Subject.String())
	}
	if o.New != "" {
		b.WriteString(" = " + string(o.New))
	}
	if o.Backfill {
		b.WriteString(" backfill")
	}
	if o.MessageID != "" {
		b.WriteString(" <" + o.MessageID)
		if o.Event != nil {
			b.WriteString(" " + o.Event.Name + string(o.Event.Properties))
		}
		b.WriteString(">")
	}
	return b.String()
}

var epoch = time.Date(2026, 11, 27, 8, 0, 0, 0, time.UTC)

// rig is an inbox on a real database, with batches made by hand.
type rig struct {
	testing.TB
	db     *store.DB
	cfg    Config
	in     *Inbox
	writer *Writer
	seq    touchstone.Seq
	stop   func()
}

func newRig(t testing.TB, db *store.DB, reactors ...*scribe) *rig {
	r := &rig{TB: t, db: db, stop: func() {}}
	r.cfg = Config{DB: db, Poll: 5 * time.Millisecond, firstPause: 5 * time.Millisecond, Logger: slog.New(slog.DiscardHandler)}
	for _, s := range reactors {
		r.cfg.Reactors = append(r.cfg.Reactors, s)
	}
	r.exec(`CREATE TABLE IF NOT EXISTS heard (reactor TEXT NOT NULL, place BIGINT NOT NULL, what TEXT NOT NULL, PRIMARY KEY (reactor, place))`)
	r.open()
	t.Cleanup(func() { r.stop() })
	return r
}

func (r *rig) exec(query string, args ...any) {
	r.Helper()
	if err := r.db.Update(context.Background(), func(tx *store.Tx) error {
		_, err := tx.Exec(context.Background(), query, args...)
		return err
	}); err != nil {
		r.Fatal(err)
	}
}

// open makes a fresh inbox, as after a restart of the process.
func (r *rig) open() {
	r.Helper()
	r.stop()
	in, err := Open(context.Background(), r.cfg)
	if err != nil {
		r.Fatal(err)
	}
	r.in, r.writer = in, in.Writer()
}

// run lets the reactors work until stop.
func (r *rig) run() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	in := r.in
	go func() { done <- in.Run(ctx) }()
	r.stop = func() {
		cancel()
		if err := <-done; err != nil {
			r.Error(err)
		}
		r.stop = func() {}
	}
}

// event makes a fact of a person.
func (r *rig) event(person touchstone.PersonID, name string) touchstone.Fact {
	r.seq++
	return touchstone.Fact{Seq: r.seq, Person: person, Event: touchstone.Event{Type: touchstone.Track, MessageID: fmt.Sprintf("m%d", r.seq), Name: name,
		Time: epoch.Add(time.Duration(r.seq) * time.Second), ReceivedAt: epoch.Add(time.Duration(r.seq) * time.Second), Properties: `{"n":1}`}}
}

// batch commits a batch, as the pipeline does.
func (r *rig) batch(b *touchstone.Batch) {
	r.Helper()
	if b.Now.IsZero() {
		b.Now = time.Now()
	}
	for {
		err := r.db.Update(context.Background(), func(tx *store.Tx) error { return r.writer.Apply(context.Background(), tx, b) })
		if err == nil {
			r.writer.Committed(b)
			return
		}
		r.writer.Rollback()
		if !store.IsRetryable(err) {
			r.Fatal(err)
		}
	}
}

func (r *rig) events(facts ...touchstone.Fact) { r.Helper(); r.batch(&touchstone.Batch{Facts: facts}) }

// await waits until something holds.
func (r *rig) await(what string, ok func() bool) {
	r.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for !ok() {
		if time.Now().After(deadline) {
			p, _ := r.in.Progress(context.Background())
			r.Fatalf("waited in vain for %s: %+v", what, p)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// drain waits until nothing waits for a reactor.
func (r *rig) drain(names ...string) {
	r.Helper()
	for _, name := range names {
		r.await(name+" to have passed all", func() bool { p := r.progress(name); return p.Waiting == 0 })
	}
}

func (r *rig) progress(name string) Progress {
	r.Helper()
	list, err := r.in.Progress(context.Background())
	if err != nil {
		r.Fatal(err)
	}
	for _, p := range list {
		if p.Name == name {
			return p
		}
	}
	r.Fatalf("no reactor %s", name)
	return Progress{}
}

// heard returns what a reactor has written, in order.
func (r *rig) heard(name string) (list []string) {
	r.Helper()
	rows, err := r.db.Reader().Query(context.Background(), `SELECT what FROM heard WHERE reactor = ? ORDER BY place`, name)
	if err != nil {
		r.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			r.Fatal(err)
		}
		list = append(list, s)
	}
	if err := rows.Err(); err != nil {
		r.Fatal(err)
	}
	return list
}

func (r *rig) wantHeard(name string, want ...string) {
	r.Helper()
	if got := r.heard(name); !slices.Equal(got, want) {
		r.Errorf("%s heard\n\t%s\nwant\n\t%s", name, strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

func (r *rig) count(table string) (n int) {
	r.Helper()
	if err := r.db.Reader().QueryRow(context.Background(), `SELECT count(*) FROM `+table).Scan(&n); err != nil {
		r.Fatal(err)
	}
	return n
}

// TestInterest: each reactor hears what it asked for, in the batch's order, and of history
// only if it asked.
func TestInterest(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		orders := &scribe{name: "orders", interest: Interest{Events: []string{"order"}}}
		entries := &scribe{name: "entries", interest: Interest{Segments: []string{"seg_a"}, Causes: true}}
		traits := &scribe{name: "traits", interest: Interest{Traits: []string{"*"}, Backfill: true}}
		persons := &scribe{name: "persons", interest: Interest{Persons: true, Timers: []string{"clock"}}}
		r := newRig(t, db, orders, entries, traits, persons)
		b := &touchstone.Batch{Facts: []touchstone.Fact{r.event(1, "order"), r.event(2, "view"), r.event(3, "order")},
			Due: []touchstone.Timer{{Owner: "clock", Subject: touchstone.PersonSubject(9), Key: "k", At: epoch}, {Owner: "other", Subject: touchstone.PersonSubject(9), Key: "k", At: epoch}}}
		b.Facts[2].Backfill = true
		b.Because(0, touchstone.Change{Kind: touchstone.TraitChanged, Person: 1, Name: "city", New: `"上海"`})
		b.Because(2, touchstone.Change{Kind: touchstone.TraitChanged, Person: 3, Name: "city", New: `"x"`})
		b.Because(2, touchstone.Change{Kind: touchstone.SegmentEntered, Person: 3, Name: "seg_a"})
		b.Because(0, touchstone.Change{Kind: touchstone.SegmentEntered, Person: 1, Name: "seg_a"})
		b.Because(0, touchstone.Change{Kind: touchstone.SegmentLeft, Person: 1, Name: "seg_a"})
		b.Because(1, touchstone.Change{Kind: touchstone.SegmentEntered, Person: 2, Name: "seg_b"})
		b.Because(2, touchstone.Change{Kind: touchstone.PersonsMerged, Person: 1, Other: 3})
		r.run()
		r.batch(b)
		r.drain("orders", "entries", "traits", "persons")
		r.wantHeard("orders", `event p_1 order <m1 order{"n":1}>`)
		r.wantHeard("entries", `segment_entered p_1 seg_a <m1 order{"n":1}>`, `segment_left p_1 seg_a <m1 order{"n":1}>`)
		r.wantHeard("traits", `trait_changed p_1 city = "上海" <m1>`, `trait_changed p_3 city = "x" backfill <m3>`)
		r.wantHeard("persons", `timer p_9 k of person:9`, `persons_merged p_1 other p_3 backfill <m3>`)
		r.await("the rows to be deleted", func() bool { return r.count("inbox_rows") == 0 })
	})
}

// TestNews: of events that say the same the first is told, until an erasure, a failure or other
// interests; one that is of no use is not, and one without a key always is.
func TestNews(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		keys := map[string]uint64{"same": 7, "other": 8}
		a := &scribe{name: "a", interest: Interest{Events: []string{"*"}, Persons: true, News: func(f *touchstone.Fact) (uint64, bool) { return keys[f.Name], f.Name != "useless" }}}
		all := &scribe{name: "all", interest: Interest{Events: []string{"*"}}}
		r := newRig(t, db, a, all)
		tell := func(names ...string) (facts []touchstone.Fact) {
			for _, n := range names {
				facts = append(facts, r.event(1, n))
			}
			return facts
		}
		r.events(tell("same", "other", "same", "useless", "free")...)
		r.events(tell("same", "free")...)
		b := &touchstone.Batch{Facts: tell("same", "same")}
		b.Changes = append(b.Changes, touchstone.Change{Kind: touchstone.PersonErased, Person: 9, Cause: 1})
		r.batch(b)
		r.events(tell("same")...)
		r.writer.Rollback()
		r.events(tell("same", "same")...)
		r.run()
		r.drain("a", "all")
		var names []string
		for _, what := range r.heard("a") {
			if f := strings.Fields(what); f[0] == "event" {
				names = append(names, f[2])
			}
		}
		if want := strings.Fields("same other free free same same same"); !slices.Equal(names, want) {
			t.Errorf("heard %v, and not %v", names, want)
		}
		if n := len(r.heard("all")); n != 12 {
			t.Errorf("whoever did not ask for news alone heard %d of 12", n)
		}
	})
}

// patient hears once an hour.
type patient struct{ *scribe }

func (patient) Patience() time.Duration { return time.Hour }

// TestPatience: what comes after a quiet time is told at once, also when it is more than a chunk;
// what comes soon after it waits.
func TestPatience(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		calm := patient{&scribe{name: "calm", interest: Interest{Events: []string{"*"}}}}
		r := newRig(t, db, &scribe{name: "eager", interest: Interest{Events: []string{"*"}}})
		r.cfg.Reactors = append(r.cfg.Reactors, calm)
		r.open()
		var many []touchstone.Fact
		for range 2*patientSize + 3 {
			many = append(many, r.event(1, "order"))
		}
		r.events(many...)
		r.run()
		r.drain("calm", "eager")
		r.events(r.event(1, "order"))
		r.drain("eager")
		if n := r.progress("calm").Waiting; n != 1 {
			t.Errorf("%d occurrences wait, and not the one that came soon after", n)
		}
		r.open()
		r.run()
		r.drain("calm")
		if n := len(r.heard("calm")); n != len(many)+1 {
			t.Errorf("heard of %d, and not of %d", n, len(many)+1)
		}
	})
}

// TestNothingWanted: a batch in which nobody wants anything leaves no row, and a program
// without reactors writes and reads nothing.
func TestNothingWanted(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		r := newRig(t, db, &scribe{name: "a", interest: Interest{Events: []string{"order"}}})
		r.events(r.event(1, "view"))
		if n := r.count("inbox_rows"); n != 0 {
			t.Errorf("%d rows", n)
		}
	})
}

// TestTouch: a definition that another process makes counts from the next batch on.
func TestTouch(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		a := &scribe{name: "a"}
		r := newRig(t, db, a)
		r.run()
		r.events(r.event(1, "order"))
		a.want(Interest{Events: []string{"order"}}, nil)
		r.events(r.event(2, "order")) // nobody has said so yet
		if err := db.Update(t.Context(), func(tx *store.Tx) error { return Touch(t.Context(), tx) }); err != nil {
			t.Fatal(err)
		}
		r.events(r.event(3, "order"))
		r.drain("a")
		r.wantHeard("a", `event p_3 order <m3 order{"n":1}>`)
	})
}

// TestUnknownInterest: a reactor that cannot tell what it wants stops nobody, keeps its last
// interest, and hears of everything if there was none.
func TestUnknownInterest(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		a, b := &scribe{name: "a", err: errors.New("a broken definition")}, &scribe{name: "b", interest: Interest{Events: []string{"order"}}}
		r := newRig(t, db, a, b)
		r.run()
		r.events(r.event(1, "order"), r.event(1, "view"))
		r.drain("a", "b")
		r.wantHeard("a", `event p_1 order <m1 order{"n":1}>`, `event p_1 view <m2 view{"n":1}>`)
		r.wantHeard("b", `event p_1 order <m1 order{"n":1}>`)
		if p := r.progress("a"); p.State != Failing || !strings.Contains(p.Error, "a broken definition") {
			t.Errorf("got %+v", p)
		}
		a.want(Interest{Events: []string{"view"}}, nil)
		r.batch(&touchstone.Batch{Now: time.Now().Add(2 * retryInterest), Facts: []touchstone.Fact{r.event(2, "order"), r.event(2, "view")}})
		r.drain("a", "b")
		if got := r.heard("a"); got[len(got)-1] != `event p_2 view <m4 view{"n":1}>` || len(got) != 3 {
			t.Errorf("heard %q", got)
		}
		if p := r.progress("a"); p.State != Idle {
			t.Errorf("got %+v", p)
		}
	})
}

// TestOncePerOccurrence stops and starts the process again and again, in the midst of work and with
// failures, while batches come in: everything is heard once and in order.
func TestOncePerOccurrence(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		a := &scribe{name: "a", interest: Interest{Events: []string{"*"}}}
		r := newRig(t, db, a)
		var want []string
		for round := range 12 {
			r.run()
			for range 20 {
				var facts []touchstone.Fact
				for range 1 + round {
					f := r.event(touchstone.PersonID(1+r.seq%7), "order")
					want = append(want, fmt.Sprintf(`event %s order <%s order{"n":1}>`, f.Person, f.MessageID))
					facts = append(facts, f)
				}
				if round%3 == 1 {
					a.failures.Store(1)
				}
				r.events(facts...)
			}
			r.open()
		}
		r.run()
		r.drain("a")
		r.wantHeard("a", want...)
		if p := r.progress("a"); p.Passed != int64(len(want)) || p.DeadLetters != 0 || p.Dropped != 0 {
			t.Errorf("got %+v, want %d passed", p, len(want))
		}
	})
}

// TestBrokenReactor: one that fails always neither slows the others nor the writer; what it
// cannot work on is set aside only as long as it looks like the occurrences' fault.
func TestBrokenReactor(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		all := Interest{Events: []string{"*"}}
		broken := &scribe{name: "broken", interest: all, refuse: func(*touchstone.Occurrence) error { return errors.New("always") }}
		fine := &scribe{name: "fine", interest: all}
		r := newRig(t, db, broken, fine)
		r.run()
		for range 400 {
			r.events(r.event(1, "order"))
		}
		r.drain("fine")
		if n := len(r.heard("fine")); n != 400 {
			t.Errorf("fine heard %d", n)
		}
		r.await("the broken one to stand still", func() bool {
			p := r.progress("broken")
			return p.DeadLetters > 0 && p.Attempts > 5
		})
		p := r.progress("broken")
		if p.State != Failing || p.DeadLetters > maxDeadInRow || p.Waiting != 400-p.DeadLetters || p.Error != "always" || p.Oldest.IsZero() || p.Since.IsZero() {
			t.Errorf("got %+v", p)
		}
		if n := len(r.heard("broken")); n != 0 {
			t.Errorf("broken left %d rows", n)
		}
	})
}

// TestDeadLetters: the occurrence at fault is found among many and set aside, whether it
// fails or panics; the others go on in order. It can be replayed or discarded.
func TestDeadLetters(t *testing.T) {
	for _, panics := range []bool{false, true} {
		storetest.Run(t, func(t *testing.T, db *store.DB) {
			var healed atomic.Bool
			a := &scribe{name: "a", interest: Interest{Events: []string{"*"}}, panics: panics}
			a.refuse = func(o *touchstone.Occurrence) error {
				if strings.HasPrefix(o.Name, "bad") && !(o.Name == "bad1" && healed.Load()) {
					return touchstone.Errorf(touchstone.Invalid, "%s is not liked", o.Name)
				}
				return nil
			}
			r := newRig(t, db, a)
			var facts []touchstone.Fact
			var want []string
			for i := range 50 {
				name := "good"
				if i == 17 || i == 40 {
					name = fmt.Sprintf("bad%d", i/17)
				}
				f := r.event(touchstone.PersonID(i+1), name)
				if name == "good" {
					want = append(want, fmt.Sprintf(`event %s good <%s good{"n":1}>`, f.Person, f.MessageID))
				}
				facts = append(facts, f)
			}
			r.events(facts...)
			r.run()
			r.drain("a")
			r.wantHeard("a", want...)
			why := &httpapi.Text{Template: "{0} is not liked", Params: []any{"bad1"}}
			if panics {
				why = nil // what a program says of itself
			}
			letters, next, err := r.in.DeadLetters(t.Context(), "a", 1, "")
			if err != nil || len(letters) != 1 || next == "" || letters[0].Occurrence.Name != "bad1" || letters[0].Occurrence.Event == nil ||
				!strings.HasPrefix(letters[0].Reason, reasonFailed) || !strings.Contains(letters[0].Reason, "bad1 is not liked") ||
				!cmp.Equal(letters[0].Why, why) {
				t.Fatalf("got %+v, %q, %v", letters, next, err)
			}
			rest, next, err := r.in.DeadLetters(t.Context(), "a", 1, next)
			if err != nil || len(rest) != 1 || next != "" || rest[0].Occurrence.Name != "bad2" {
				t.Fatalf("got %+v, %q, %v", rest, next, err)
			}
			healed.Store(true)
			if n, err := r.in.Replay(t.Context(), "a", nil); err != nil || n != 2 {
				t.Fatalf("replay: %d, %v", n, err)
			}
			r.await("the healed one to be gone", func() bool { return r.progress("a").DeadLetters == 1 && len(r.heard("a")) == 49 })
			r.await("the other to have failed again", func() bool {
				l, _, err := r.in.DeadLetters(t.Context(), "a", 10, "")
				return err == nil && len(l) == 1 && l[0].Attempts == 1 && !l[0].Waiting && l[0].Occurrence.Name == "bad2"
			})
			if n, err := r.in.Discard(t.Context(), "a", []string{rest[0].ID, "dead_unknown"}); err != nil || n != 1 {
				t.Fatalf("discard: %d, %v", n, err)
			}
			if p := r.progress("a"); p.DeadLetters != 0 || p.State != Idle {
				t.Errorf("got %+v", p)
			}
			if _, err := r.in.Discard(t.Context(), "nobody", nil); touchstone.KindOf(err) != touchstone.NotFound {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestTroubleSetsNothingAside: an error of the database or a newer release's row is nobody's fault.
func TestTroubleSetsNothingAside(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		var trouble atomic.Bool
		trouble.Store(true)
		a := &scribe{name: "a", interest: Interest{Events: []string{"*"}}, refuse: func(*touchstone.Occurrence) error {
			if trouble.Load() {
				return fmt.Errorf("write: %w", context.DeadlineExceeded)
			}
			return nil
		}}
		r := newRig(t, db, a)
		r.run()
		r.events(r.event(1, "order"))
		r.await("several attempts", func() bool { return r.progress("a").Attempts > 4 })
		if p := r.progress("a"); p.DeadLetters != 0 || p.State != Failing {
			t.Errorf("got %+v", p)
		}
		trouble.Store(false)
		r.drain("a")
		r.wantHeard("a", `event p_1 order <m1 order{"n":1}>`)
		if p := r.progress("a"); p.State != Idle || p.Error != "" {
			t.Errorf("got %+v", p)
		}
	})
}

// TestNewerStopsTheReactorOnly: what a later release has written stops the one, and a restart
// (of the later release) lets it go on.
func TestNewerStopsTheReactorOnly(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		var newer atomic.Bool
		newer.Store(true)
		a := &scribe{name: "a", interest: Interest{Events: []string{"*"}}, refuse: func(*touchstone.Occurrence) error {
			if newer.Load() {
				return touchstone.Newer("the journey", 2, 1)
			}
			return nil
		}}
		b := &scribe{name: "b", interest: Interest{Events: []string{"*"}}}
		r := newRig(t, db, a, b)
		r.run()
		r.events(r.event(1, "order"))
		r.await("a to stop", func() bool { return r.progress("a").State == Stopped })
		calls := a.calls.Load()
		r.events(r.event(2, "order"))
		r.drain("b")
		if a.calls.Load() != calls || r.progress("a").DeadLetters != 0 {
			t.Errorf("it was tried again: %+v", r.progress("a"))
		}
		newer.Store(false)
		r.open()
		r.run()
		r.drain("a")
		if n := len(r.heard("a")); n != 2 {
			t.Errorf("a heard %d", n)
		}
	})
}

// TestNewReactorBeginsAtTheEnd: it hears nothing of what came before it was there.
func TestNewReactorBeginsAtTheEnd(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		all := Interest{Events: []string{"*"}}
		r := newRig(t, db, &scribe{name: "a", interest: all})
		r.events(r.event(1, "order"))
		b := &scribe{name: "b", interest: all}
		r.cfg.Reactors = append(r.cfg.Reactors, b)
		r.open()
		r.events(r.event(2, "order"))
		r.run()
		r.drain("a", "b")
		if n := len(r.heard("a")); n != 2 {
			t.Errorf("a heard %d", n)
		}
		r.wantHeard("b", `event p_2 order <m2 order{"n":1}>`)
	})
}

// TestGoneReactorHoldsNothing: rows that only a reactor without a program wants are let go.
func TestGoneReactorHoldsNothing(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		all := Interest{Events: []string{"*"}}
		a, b := &scribe{name: "a", interest: all}, &scribe{name: "b", interest: all}
		r := newRig(t, db, a, b)
		r.events(r.event(1, "order"))
		r.cfg.Reactors = r.cfg.Reactors[:1]
		r.cfg.GoneAfter = time.Hour
		r.open()
		r.run()
		r.drain("a")
		time.Sleep(2 * cleanEvery)
		if r.count("inbox_rows") != 1 || r.progress("b").Waiting != 1 {
			t.Fatal("it was let go at once, as a rolling update would")
		}
		r.stop()
		r.exec(`UPDATE inbox_reactors SET seen_at = seen_at - 7200000 WHERE name = 'b'`)
		r.run()
		r.await("the row to be let go", func() bool { return r.count("inbox_rows") == 0 })
		if p := r.progress("b"); p.State != Gone || p.Dropped != 1 {
			t.Errorf("got %+v", p)
		}
		r.cfg.Reactors = []Reactor{a, b}
		r.open()
		r.events(r.event(2, "order"))
		r.run()
		r.drain("a", "b")
		r.wantHeard("b", `event p_2 order <m2 order{"n":1}>`)
	})
}

// TestRetention: a reactor that stands still loses what is too old or too much, and it is counted.
func TestRetention(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		for name, limit := range map[string]func(c *Config){
			"age":  func(c *Config) { c.RetainAge = time.Hour },
			"size": func(c *Config) { c.RetainBytes = 100 },
		} {
			a := &scribe{name: "a" + name, interest: Interest{Events: []string{"*"}}, refuse: func(*touchstone.Occurrence) error { return context.DeadlineExceeded }}
			b := &scribe{name: "b" + name, interest: Interest{Events: []string{"*"}}}
			r := newRig(t, db, a, b)
			limit(&r.cfg)
			r.open()
			old := time.Now().Add(-2 * time.Hour)
			if name == "size" {
				old = time.Now()
			}
			r.batch(&touchstone.Batch{Now: old, Facts: []touchstone.Fact{r.event(1, "order"), r.event(2, "order")}})
			r.batch(&touchstone.Batch{Facts: []touchstone.Fact{r.event(3, "order")}})
			r.run()
			r.drain(b.name)
			r.await("the old ones to be dropped", func() bool { p := r.progress(a.name); return p.Dropped == 2 && p.State == Failing })
			if p := r.progress(a.name); p.Waiting != 1 || p.State != Failing || p.DeadLetters != 0 {
				t.Errorf("%s: %+v", name, p)
			}
			r.stop()
		}
	})
}
