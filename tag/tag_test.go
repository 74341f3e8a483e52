package tag

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/job"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/storetest"
)

// world is what is around tags: who is who, sets of rules, profiles, and a log that carries out a command at once.
type world struct {
	t    *testing.T
	db   *store.DB
	tags *Tags
	now  time.Time
	seq  touchstone.Seq

	people   map[string]touchstone.PersonID // by identifier; nodes have the numbers of persons
	sets     map[string][]touchstone.PersonID
	rules    map[string]touchstone.JSON
	building bool
	failure  string
	mark     int64
	traits   map[string]touchstone.JSON // "p_1 tag.x"
	timers   map[string]time.Time       // "p_1 tag_…"
	rows     []Given                    // of a query
	silent   []Silence
	commands int
}

func newTestWorld(t *testing.T, db *store.DB) *world {
	w := &world{t: t, db: db, now: time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC), seq: touchstone.MakeSeq(0, 1, 0), people: map[string]touchstone.PersonID{},
		sets: map[string][]touchstone.PersonID{}, rules: map[string]touchstone.JSON{}, traits: map[string]touchstone.JSON{}, timers: map[string]time.Time{}}
	for i := range 9 {
		w.people[fmt.Sprintf("user_id:u%d", i+1)] = touchstone.PersonID(i + 1)
	}
	var err error
	w.tags, err = Open(t.Context(), Config{DB: db, Persons: w, Rules: w, Clock: touchstone.ClockFunc(func() time.Time { return w.now }), SetTraits: w.setTraits,
		Count:     func(context.Context) (int64, error) { return int64(len(w.people)), nil },
		Strongest: w.strongest, Submit: w.submit, Query: w.query,
		Silences: func(context.Context) ([]Silence, error) { return w.silent, nil },
		Sends:    func(_ context.Context, event string) ([]string, error) { return []string{"src_" + event}, nil },
		RuleEvents: func(r touchstone.JSON) []touchstone.Reads {
			return []touchstone.Reads{{Field: touchstone.Field{Sort: touchstone.EventField, Name: "Paid"}}}
		},
	})
	w.must(err)
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) Find(_ context.Context, _ store.Querier, id touchstone.Identifier) (touchstone.NodeID, touchstone.PersonID, error) {
	p := w.people[id.String()]
	return touchstone.NodeID(p), p, nil
}

func (w *world) Canonical(_ context.Context, _ store.Querier, persons []touchstone.PersonID) ([]touchstone.PersonID, error) {
	return persons, nil
}

func (w *world) strongest(_ context.Context, persons []touchstone.PersonID) (map[touchstone.PersonID]touchstone.Identifier, error) {
	out := map[touchstone.PersonID]touchstone.Identifier{}
	for _, p := range persons {
		ref := fmt.Sprintf("user_id:u%d", p)
		if w.people[ref] == p {
			out[p], _ = touchstone.ParseIdentifier(ref)
		}
	}
	return out, nil
}

func (w *world) CheckTagRule(_ context.Context, r touchstone.JSON) error {
	if !json.Valid([]byte(r)) {
		return touchstone.Errorf(touchstone.Invalid, "rule: is no JSON")
	}
	return nil
}

func (w *world) KeepTagRule(_ context.Context, _ *store.Tx, set string, r touchstone.JSON) error {
	w.rules[set] = r
	return nil
}

func (w *world) DropTagRules(_ context.Context, _ *store.Tx, sets []string) error {
	for _, s := range sets {
		delete(w.rules, s)
		delete(w.sets, s)
	}
	return nil
}

func (w *world) TagRulesBuilt(context.Context, store.Querier, []string) (bool, int64, string, error) {
	return !w.building && w.failure == "", w.mark, w.failure, nil
}

func (w *world) InTagRules(_ context.Context, _ store.Querier, sets []string, persons []touchstone.PersonID) (map[touchstone.PersonID][]int, error) {
	in := map[touchstone.PersonID][]int{}
	for i, s := range sets {
		for _, p := range persons {
			if slices.Contains(w.sets[s], p) {
				in[p] = append(in[p], i)
			}
		}
	}
	return in, nil
}

func (w *world) MemberIDs(_ context.Context, set string) ([]touchstone.PersonID, error) {
	return w.sets[set], nil
}

func (w *world) setTraits(_ context.Context, _ *store.Tx, values []Value) error {
	for _, v := range values {
		w.traits[v.Person.String()+" "+v.Trait] = v.Value
	}
	return nil
}

func (w *world) submit(ctx context.Context, c touchstone.Command) (result touchstone.JSON, err error) {
	w.commands++
	w.seq += touchstone.MaxEventsPerRecord
	c.Seq, c.SubmittedAt = w.seq, w.now
	err = w.db.Update(ctx, func(tx *store.Tx) error {
		b := &touchstone.Batch{Now: w.now}
		for _, k := range w.tags.Commands() {
			if k.Name != c.Kind {
				continue
			}
			done, err := k.Do(ctx, tx, b, c)
			if err != nil {
				return err
			}
			text, err := json.Marshal(done)
			result = touchstone.JSON(text)
			for _, timer := range b.Timers {
				w.timers[timer.Subject.Person().String()+" "+timer.Key] = timer.At
			}
			return err
		}
		return fmt.Errorf("no command %s", c.Kind)
	})
	return result, err
}

func (w *world) query(_ context.Context, _ string, fn func(string, touchstone.JSON) error) error {
	for _, r := range w.rows {
		if err := fn(r.Person, r.Value); err != nil {
			return err
		}
	}
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

// work does the jobs that are due, as Run and the jobs do.
func (w *world) work() {
	w.t.Helper()
	fence := func(context.Context, *store.Tx) error { return nil }
	for range 3 {
		w.must(w.tags.Tend(w.t.Context(), fence, func(ctx context.Context, kind, tag string) error {
			for _, k := range w.tags.JobKinds() {
				if k.Name == kind {
					_, err := k.Run(ctx, run{fmt.Sprintf(`{"tag":%q}`, tag)})
					return err
				}
			}
			return fmt.Errorf("no job %s", kind)
		}))
	}
}

var ann, bob = Who{ID: "ann"}, Who{ID: "bob"}

func (w *world) approved(d Draft) Tag {
	w.t.Helper()
	x, err := w.tags.Create(w.t.Context(), d, ann)
	w.must(err)
	x, err = w.tags.Approve(w.t.Context(), x.ID, 1, time.Time{}, bob)
	w.must(err)
	return x
}

func (w *world) trait(p int, key string) string {
	return string(w.traits[touchstone.PersonID(p).String()+" tag."+key])
}

func (w *world) want(key string, values ...string) {
	w.t.Helper()
	for i, v := range values {
		if got := w.trait(i+1, key); got != v {
			w.t.Errorf("u%d has %s = %s, not %s", i+1, key, got, v)
		}
	}
}

// By rules: the first that holds counts; a new version gives values when its sets are built, and not before; going back is a
// draft that somebody else approves.
func TestRuleTags(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		w, ctx := newTestWorld(t, db), t.Context()
		tiers := func(gold, silver string) Definition {
			return Definition{Rules: []ValueRule{{`"gold"`, touchstone.JSON(gold)}, {`"silver"`, touchstone.JSON(silver)}}}
		}
		x, err := w.tags.Create(ctx, Draft{Key: "tier", Name: " Value tier ", Folder: "/value//crm/", Kind: Rule, Definition: tiers(`{"a":1}`, `{"b":1}`)}, ann)
		w.must(err)
		if x.Name != "Value tier" || x.Folder != "value/crm" || x.Draft != 1 || x.Serving != 0 {
			t.Errorf("created %+v", x)
		}
		if _, err := w.tags.Approve(ctx, x.ID, 1, time.Time{}, ann); touchstone.KindOf(err) != touchstone.Forbidden {
			t.Errorf("whoever wrote it approves it: %v", err)
		}
		if _, err := w.tags.Approve(ctx, x.ID, 1, w.now.Add(-time.Second), bob); touchstone.KindOf(err) != touchstone.Conflict {
			t.Errorf("a draft that was changed is approved: %v", err)
		}
		w.building = true
		x, err = w.tags.Approve(ctx, x.ID, 1, w.now, bob)
		w.must(err)
		w.sets[setOf(x.ID, 1, 0)], w.sets[setOf(x.ID, 1, 1)] = []touchstone.PersonID{1}, []touchstone.PersonID{1, 2}
		w.work()
		w.want("tier", "", "")
		w.building, w.mark = false, 7
		w.work()
		w.want("tier", `"gold"`, `"silver"`, "")

		// Version 2 is built beside it.
		x, err = w.tags.Update(ctx, x.ID, Patch{Definition: &Definition{Rules: []ValueRule{{`"vip"`, `{"c":1}`}}}, Note: "one tier"}, bob)
		w.must(err)
		diff, err := w.tags.Compare(ctx, x.ID, 1, 2)
		w.must(err)
		if len(diff) != 4 || diff[0].Path != "rules.0.rule" || diff[1].Old != `"gold"` || diff[1].New != `"vip"` || diff[2].New != "" {
			t.Errorf("the difference is %+v", diff)
		}
		w.building = true
		_, err = w.tags.Approve(ctx, x.ID, 2, time.Time{}, ann)
		w.must(err)
		w.sets[setOf(x.ID, 2, 0)] = []touchstone.PersonID{2}
		w.work()
		w.want("tier", `"gold"`, `"silver"`)
		w.building, w.mark = false, 8
		w.work()
		w.want("tier", "null", `"vip"`)
		if len(w.rules) != 1 {
			t.Errorf("there are still the sets %v", w.rules)
		}

		// Sets that are built anew, of which nobody is told: all are asked again.
		w.sets[setOf(x.ID, 2, 0)] = []touchstone.PersonID{3}
		w.mark = 9
		w.work()
		w.want("tier", "null", "null", `"vip"`)
		before := w.commands
		w.work()
		if w.commands != before {
			t.Error("commands are given though nothing differs")
		}

		_, err = w.tags.Rollback(ctx, x.ID, 1, ann)
		w.must(err)
		_, err = w.tags.Approve(ctx, x.ID, 3, time.Time{}, bob)
		w.must(err)
		w.sets[setOf(x.ID, 3, 0)], w.sets[setOf(x.ID, 3, 1)] = []touchstone.PersonID{2}, nil
		w.mark = 10
		w.work()
		w.want("tier", "null", `"gold"`, "null")
		versions, err := w.tags.Versions(ctx, x.ID)
		w.must(err)
		if len(versions) != 3 || versions[2].Author != "ann" || versions[2].Approver != "bob" {
			t.Errorf("versions are %+v", versions)
		}

		d, err := w.tags.Distribution(ctx, x.ID)
		w.must(err)
		if d.Persons != 1 || d.Of != 9 || len(d.Values) != 1 || d.Values[0] != (ValueCount{`"gold"`, 1}) {
			t.Errorf("the distribution is %+v", d)
		}
		days, err := w.tags.History(ctx, x.ID, 7)
		w.must(err)
		if len(days) != 1 || days[0].Date != "2026-03-01" || len(days[0].Values) != 0 || days[0].Others != 1 {
			t.Errorf("the history names a value of one person: %+v", days)
		}
		w.sets[setOf(x.ID, 3, 1)] = []touchstone.PersonID{1, 3, 4, 5, 6}
		w.mark = 11
		w.work()
		if days, err = w.tags.History(ctx, x.ID, 7); err != nil || len(days) != 1 || len(days[0].Values) != 1 || days[0].Values[0] != (ValueCount{`"silver"`, 5}) || days[0].Others != 1 {
			t.Errorf("the history is %+v, %v", days, err)
		}
	})
}

// Values from outside: what differs is written, by several identifiers once, and ends when it has expired.
func TestValuesThatAreWritten(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		w, ctx := newTestWorld(t, db), t.Context()
		x := w.approved(Draft{Key: "churn", Name: "Churn", Kind: Model, Definition: Definition{ExpiresHours: 24, MaxAgeMinutes: 60}})
		give := func(values ...Given) Written {
			sum, err := w.tags.writeAll(ctx, WriteBody{Tag: x.ID, Origin: "churn 4", Values: values}, "key_1")
			w.must(err)
			return sum
		}
		w.people["email:a@example.com"] = 1
		got := give(Given{"user_id:u1", "0.5"}, Given{"email:a@example.com", " 0.75 "}, Given{"user_id:u2", `"high"`}, Given{"user_id:nobody", "1"})
		if got != (Written{2, 1}) {
			t.Errorf("wrote %+v", got)
		}
		w.want("churn", "0.75", `"high"`)
		if give(Given{"user_id:u1", "0.75"}).Changed != 0 {
			t.Error("what is the same counts as changed")
		}
		ends := w.now.Add(24 * time.Hour)
		if at := w.timers["p_1 "+x.ID]; !at.Equal(ends) {
			t.Errorf("the value ends at %s, not %s", at, ends)
		}
		// It goes on when it is written again.
		w.now = w.now.Add(time.Hour)
		give(Given{"user_id:u1", "0.75"})
		_, err := w.tags.refresh(ctx, x.ID, []touchstone.PersonID{1, 2}, "cmd_a")
		w.must(err)
		w.now = ends
		_, err = w.tags.refresh(ctx, x.ID, []touchstone.PersonID{1, 2}, "cmd_b")
		w.must(err)
		w.want("churn", "0.75", "null")
		of, err := w.tags.Of(ctx, 1)
		w.must(err)
		if len(of) != 1 || of[0].Value != "0.75" || of[0].Origin != "churn 4" || of[0].ExpiresAt == nil || !of[0].Stale {
			t.Errorf("the person has %+v", of)
		}

		// By SQL: who is no longer in the answer has no value.
		q := w.approved(Draft{Key: "city", Name: "City", Kind: SQL, Definition: Definition{SQL: "select 1", EveryMinutes: 10}})
		w.rows = []Given{{"p_1", `"a"`}, {"p_2", `"b"`}, {"nobody_1", `"c"`}}
		w.work()
		w.want("city", `"a"`, `"b"`)
		w.rows = []Given{{"p_2", `"c"`}, {"p_3", `"c"`}}
		w.work()
		w.want("city", `"a"`, `"b"`) // not due
		w.now = w.now.Add(10 * time.Minute)
		w.work()
		w.want("city", "null", `"c"`, `"c"`)
		w.rows = []Given{{"Ann", `"c"`}}
		w.now = w.now.Add(10 * time.Minute)
		fence := func(context.Context, *store.Tx) error { return nil }
		w.must(w.tags.Tend(ctx, fence, func(ctx context.Context, kind, tag string) error {
			_, err := w.tags.compute(ctx, run{fmt.Sprintf(`{"tag":%q}`, tag)})
			if touchstone.KindOf(err) != touchstone.Invalid {
				t.Errorf("a query of no persons: %v", err)
			}
			return nil
		}))
		q, err = w.tags.Get(ctx, q.ID)
		w.must(err)
		if !strings.Contains(q.Failure, "row 1 is no person") {
			t.Errorf("the failure is %q", q.Failure)
		}

		// What a query goes on to return goes on, also where values end by themselves.
		near := w.approved(Draft{Key: "near", Name: "Near", Kind: SQL, Definition: Definition{SQL: "select 1", EveryMinutes: 60, ExpiresHours: 4}})
		w.rows = []Given{{"p_1", `"a"`}, {"p_2", `"b"`}}
		for range 8 {
			w.work()
			_, err = w.tags.refresh(ctx, near.ID, []touchstone.PersonID{1, 2}, "cmd_c")
			w.must(err)
			w.want("near", `"a"`, `"b"`)
			w.now = w.now.Add(time.Hour)
		}
		w.now = w.now.Add(4 * time.Hour) // no run came
		_, err = w.tags.refresh(ctx, near.ID, []touchstone.PersonID{1, 2}, "cmd_d")
		w.must(err)
		w.want("near", "null", "null")

		// A deleted tag leaves no trait.
		_, err = w.tags.delete(ctx, run{fmt.Sprintf(`{"tag":%q}`, q.ID)})
		w.must(err)
		w.want("city", "null", "null", "null")
		if _, err := w.tags.Get(ctx, q.ID); touchstone.KindOf(err) != touchstone.NotFound {
			t.Errorf("the tag is still there: %v", err)
		}
	})
}

// A breach names its cause.
func TestFreshness(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		w, ctx := newTestWorld(t, db), t.Context()
		cause := func(x Tag) string {
			t.Helper()
			list, err := w.tags.Breaches(ctx)
			w.must(err)
			for _, b := range list {
				if b.Key == x.Key {
					return strings.TrimSpace(string(b.Cause) + " " + b.Source)
				}
			}
			return ""
		}
		sql := w.approved(Draft{Key: "a", Name: "a", Kind: SQL, Definition: Definition{SQL: "select 1", MaxAgeMinutes: 60}})
		live := w.approved(Draft{Key: "b", Name: "b", Kind: Rule, Definition: Definition{Rules: []ValueRule{{"1", "{}"}}, MaxAgeMinutes: 5}})
		hand := w.approved(Draft{Key: "c", Name: "c", Kind: Manual, Definition: Definition{MaxAgeMinutes: 120}})
		any := w.approved(Draft{Key: "d", Name: "d", Kind: Manual})
		w.building = true
		w.must(w.tags.Tend(ctx, func(context.Context, *store.Tx) error { return nil }, func(context.Context, string, string) error { return nil }))
		for _, x := range []Tag{sql, live, hand, any} {
			if got := cause(x); got != "" {
				t.Errorf("%s is stale at once: %s", x.Key, got)
			}
		}
		w.now = w.now.Add(6 * time.Minute)
		if got := cause(live); got != "build_stuck" {
			t.Errorf("while it is built: %q", got)
		}
		w.failure = "the warehouse is away"
		if got := cause(live); got != "build_failed" {
			t.Errorf("when the build has failed: %q", got)
		}
		w.building, w.failure, w.mark = false, "", 3
		w.work()
		if got := cause(live); got != "" {
			t.Errorf("when it is live: %q", got)
		}
		// A silence of what it goes by makes it as old as the silence.
		w.silent = []Silence{{Source: "src_Paid", Since: w.now.Add(-4 * time.Minute)}, {Source: "src_other", Since: w.now.Add(-time.Hour)}}
		if got := cause(live); got != "" {
			t.Errorf("four minutes of silence: %q", got)
		}
		w.now = w.now.Add(2 * time.Minute)
		if got := cause(live); got != "source_silent src_Paid" {
			t.Errorf("six minutes of silence: %q", got)
		}
		w.silent = nil
		w.now = w.now.Add(time.Hour)
		if got := cause(sql); got != "job_late" {
			t.Errorf("a query that nobody runs: %q", got)
		}
		if _, err := w.tags.set(ctx, `UPDATE tags SET began_at = ? WHERE id = ?`, w.now.UnixMilli(), sql.ID); err != nil {
			t.Fatal(err)
		}
		if got := cause(sql); got != "job_slow" {
			t.Errorf("a query that has not ended: %q", got)
		}
		w.rows = []Given{{"u", "1"}}
		if _, err := w.tags.compute(ctx, run{fmt.Sprintf(`{"tag":%q}`, sql.ID)}); err == nil {
			t.Fatal("the query did not fail")
		}
		if got := cause(sql); got != "job_failed" {
			t.Errorf("a query that has failed: %q", got)
		}
		if got := cause(hand); got != "" {
			t.Errorf("by hand, an hour ago: %q", got)
		}
		w.now = w.now.Add(time.Hour)
		if got := cause(hand); got != "not_fed" {
			t.Errorf("by hand, never: %q", got)
		}
		if got := cause(any); got != "" {
			t.Errorf("of any age: %q", got)
		}
	})
}
