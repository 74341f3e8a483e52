package stage

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/job"
	"github.com/touchstone-cdp/touchstone/store"
)

// world is what is around stages: who is who, sets of rules, what the inbox holds, profiles, and a log that carries out a
// command at once. A rule is a JSON text that names a set; who is in it is the test's to say.
type world struct {
	t      tester
	db     *store.DB
	stages *Stages
	now    time.Time
	seq    touchstone.Seq

	people   map[string]touchstone.PersonID // by identifier; nodes have the numbers that persons began with
	merged   map[touchstone.PersonID]touchstone.PersonID
	rules    map[string]string                            // by set
	members  map[string]map[touchstone.PersonID]bool      // by rule
	since    map[string]map[touchstone.PersonID]time.Time // by rule; nil: it does not tell
	building bool
	mark     int64
	traits   map[string]string // "p_1 stage.x"
	inbox    []touchstone.Occurrence
	effects  []touchstone.Effect
}

// tester is what is common to the tests of Go and of rapid.
type tester interface {
	Helper()
	Fatal(args ...any)
}

func newWorld(t tester, db *store.DB) *world {
	w := &world{t: t, db: db, now: time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC), seq: touchstone.MakeSeq(0, 1, 0), people: map[string]touchstone.PersonID{}, merged: map[touchstone.PersonID]touchstone.PersonID{},
		rules: map[string]string{}, members: map[string]map[touchstone.PersonID]bool{}, since: map[string]map[touchstone.PersonID]time.Time{}, traits: map[string]string{}, mark: 1}
	for i := range 9 {
		w.people[fmt.Sprintf("user_id:u%d", i+1)] = touchstone.PersonID(i + 1)
	}
	w.restart()
	return w
}

func (w *world) restart() {
	var err error
	w.stages, err = Open(context.Background(), Config{DB: w.db, Persons: w, Rules: w, Clock: touchstone.ClockFunc(func() time.Time { return w.now }), SetTraits: w.setTraits, Strongest: w.strongest, Submit: w.submit})
	w.must(err)
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) who(p touchstone.PersonID) touchstone.PersonID {
	for w.merged[p] != 0 {
		p = w.merged[p]
	}
	return p
}

func (w *world) Find(_ context.Context, _ store.Querier, id touchstone.Identifier) (touchstone.NodeID, touchstone.PersonID, error) {
	p := w.people[id.String()]
	return touchstone.NodeID(p), w.who(p), nil
}

func (w *world) Canonical(_ context.Context, _ store.Querier, persons []touchstone.PersonID) ([]touchstone.PersonID, error) {
	out := make([]touchstone.PersonID, len(persons))
	for i, p := range persons {
		out[i] = w.who(p)
	}
	return out, nil
}

func (w *world) strongest(_ context.Context, persons []touchstone.PersonID) (map[touchstone.PersonID]touchstone.Identifier, error) {
	out := map[touchstone.PersonID]touchstone.Identifier{}
	for _, p := range persons {
		if ref := fmt.Sprintf("user_id:u%d", p); w.people[ref] == p {
			out[p], _ = touchstone.ParseIdentifier(ref)
		}
	}
	return out, nil
}

func (w *world) CheckTagRule(_ context.Context, r touchstone.JSON) error {
	if len(r) == 0 || r[0] != '"' {
		return touchstone.Errorf(touchstone.Invalid, "a rule of this test is a text")
	}
	return nil
}

func (w *world) KeepTagRule(_ context.Context, _ *store.Tx, set string, r touchstone.JSON) error {
	var name string
	w.must(json.Unmarshal([]byte(r), &name))
	w.rules[set] = name
	return nil
}

func (w *world) DropTagRules(_ context.Context, _ *store.Tx, sets []string) error {
	for _, s := range sets {
		delete(w.rules, s)
	}
	return nil
}

func (w *world) TagRulesBuilt(context.Context, store.Querier, []string) (bool, int64, string, error) {
	return !w.building, w.mark, "", nil
}

func (w *world) InTagRules(_ context.Context, _ store.Querier, sets []string, persons []touchstone.PersonID) (map[touchstone.PersonID][]int, error) {
	in := map[touchstone.PersonID][]int{}
	for i, s := range sets {
		for _, p := range persons {
			if w.members[w.rules[s]][p] {
				in[p] = append(in[p], i)
			}
		}
	}
	return in, nil
}

func (w *world) MemberIDs(_ context.Context, set string) (list []touchstone.PersonID, _ error) {
	for p, is := range w.members[w.rules[set]] {
		if is {
			list = append(list, p)
		}
	}
	slices.Sort(list)
	return list, nil
}

func (w *world) Since(_ context.Context, r touchstone.JSON) (map[touchstone.PersonID]time.Time, bool, error) {
	var name string
	w.must(json.Unmarshal([]byte(r), &name))
	at, known := w.since[name]
	return at, known, nil
}

func (w *world) setTraits(_ context.Context, _ *store.Tx, values []Value) error {
	for _, v := range values {
		w.traits[v.Person.String()+" "+v.Trait] = string(v.Value)
	}
	return nil
}

func (w *world) submit(ctx context.Context, c touchstone.Command) (result touchstone.JSON, err error) {
	w.seq += touchstone.MaxEventsPerRecord
	c.Seq, c.SubmittedAt = w.seq, w.now
	err = w.db.Update(ctx, func(tx *store.Tx) error {
		done, err := w.stages.Commands()[0].Do(ctx, tx, &touchstone.Batch{Now: w.now}, c)
		if err != nil {
			return err
		}
		text, err := json.Marshal(done)
		result = touchstone.JSON(text)
		return err
	})
	return result, err
}

// set has a rule hold for somebody or not, which is told to the reactor of all sets that go by it.
func (w *world) set(rule string, person touchstone.PersonID, holds bool) {
	if w.members[rule] == nil {
		w.members[rule] = map[touchstone.PersonID]bool{}
	}
	if w.members[rule][person] == holds {
		return
	}
	w.members[rule][person] = holds
	kind := touchstone.LeftSegment
	if holds {
		kind = touchstone.EnteredSegment
	}
	for _, set := range slices.Sorted(mapsKeys(w.rules)) {
		if w.rules[set] == rule {
			w.inbox = append(w.inbox, touchstone.Occurrence{Kind: kind, Person: person, Node: touchstone.NodeID(person), Name: set, Time: w.now, MessageID: fmt.Sprintf("m%d", len(w.inbox))})
		}
	}
}

func mapsKeys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// merge makes two persons one: rows at once, what the union's rules say, and the reactor is told.
func (w *world) merge(from, into touchstone.PersonID) {
	w.merged[from] = into
	w.must(w.db.Update(context.Background(), func(tx *store.Tx) error { return (keeper{}).join(context.Background(), tx, from, into) }))
	w.inbox = append(w.inbox, touchstone.Occurrence{Kind: touchstone.BecameOne, Person: into, Other: from, Time: w.now})
	for _, rule := range slices.Sorted(mapsKeys(w.members)) {
		had := w.members[rule][from]
		delete(w.members[rule], from) // without a word
		if had {
			w.set(rule, into, true)
		}
	}
}

// hear hands the first n of what waits to the reactor, with the persons of today, and does its effects.
func (w *world) hear(n int) {
	w.t.Helper()
	n = min(n, len(w.inbox))
	chunk := slices.Clone(w.inbox[:n])
	w.inbox = w.inbox[n:]
	for i := range chunk {
		chunk[i].Person = w.who(chunk[i].Person)
	}
	w.must(w.db.Update(context.Background(), func(tx *store.Tx) error { return w.stages.React(context.Background(), tx, chunk, w) }))
	effects := w.effects
	w.effects = nil
	for _, e := range effects {
		_, err := w.stages.Deliverer().Deliver(context.Background(), e, 1)
		w.must(err)
	}
}

// Put is that of the outbox.
func (w *world) Put(_ context.Context, _ *store.Tx, effects ...touchstone.Effect) error {
	w.effects = append(w.effects, effects...)
	return nil
}

// run is a job that is under way.
type run struct{ input string }

func (r run) ID() string                                                             { return "job_1" }
func (r run) Input() touchstone.JSON                                                 { return touchstone.JSON(r.input) }
func (r run) State() touchstone.JSON                                                 { return "" }
func (r run) Report(int64, int64)                                                    {}
func (r run) Note(touchstone.Text)                                                   {}
func (r run) Save(context.Context, int64, int64, touchstone.JSON) error              { return nil }
func (r run) File(string) (*job.File, error)                                         { return nil, nil }
func (r run) SaveIn(context.Context, *store.Tx, int64, int64, touchstone.JSON) error { return nil }

// work does what is due beside the reactor.
func (w *world) work() {
	w.t.Helper()
	for range 3 {
		w.must(w.stages.Tend(context.Background(), func(context.Context, *store.Tx) error { return nil }, w.do))
	}
}

func (w *world) do(ctx context.Context, kind, cycle string) error {
	for _, k := range w.stages.JobKinds() {
		if k.Name == kind {
			_, err := k.Run(ctx, run{fmt.Sprintf(`{"cycle":%q}`, cycle)})
			return err
		}
	}
	return fmt.Errorf("no job %s", kind)
}

// way is the spans of a person, oldest first: "view 8:00, buy 9:00".
func (w *world) way(x Cycle, person touchstone.PersonID) (text string) {
	w.t.Helper()
	list, _, err := w.stages.Spans(context.Background(), x.ID, SpanQuery{Limit: 500})
	w.must(err)
	slices.Reverse(list)
	for _, s := range list {
		if s.Person != person {
			continue
		}
		if text != "" {
			text += ", "
		}
		text += fmt.Sprintf("%s %s", s.Stage, s.Began.Format("15:04"))
	}
	return text
}

func (w *world) trait(person touchstone.PersonID, name string) string {
	return w.traits[person.String()+" "+name]
}
