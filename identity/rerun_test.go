package identity

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/job"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/storetest"
)

// newRuled is a bench whose rules can be changed.
func newRuled(t *testing.T, db *store.DB) *bench {
	t.Helper()
	rules, err := OpenRules(t.Context(), RulesConfig{DB: db})
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(t, db, func(c *Config) { c.Kinds = rules.Kinds() })
	b.rules = rules
	return b
}

// resetRules starts anew with the rules of the program.
func (b *bench) resetRules(t *testing.T) {
	t.Helper()
	reset(t, b.db, b)
	err := b.db.Update(context.Background(), func(tx *store.Tx) error {
		for _, statement := range []string{`DELETE FROM identity_kind_rules`, `DELETE FROM identity_blocked`, `UPDATE identity_rules SET version = version + 1`} {
			if _, err := tx.Exec(context.Background(), statement); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		err = b.rules.Reload(context.Background())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// attempt is a job's run without a queue.
type attemptRun struct {
	job.Run
	input touchstone.JSON
	state touchstone.JSON
}

func (r *attemptRun) ID() string             { return "job_1" }
func (r *attemptRun) Input() touchstone.JSON { return r.input }
func (r *attemptRun) State() touchstone.JSON { return r.state }
func (r *attemptRun) Report(int64, int64)    {}
func (r *attemptRun) Note(touchstone.Text)   {}
func (r *attemptRun) Save(_ context.Context, _, _ int64, state touchstone.JSON) error {
	r.state = state
	return nil
}

type fataler interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// rerun runs the rules again, changed as said.
func (b *bench) rerun(t fataler, change RulesBody, commit bool) RerunResult {
	t.Helper()
	kind := b.g.RerunKind(RerunConfig{Rules: b.rules, Submit: func(_ context.Context, c touchstone.Command) (touchstone.JSON, error) {
		var body any
		if err := json.Unmarshal([]byte(c.Body), &body); err != nil {
			return "", err
		}
		result, _, err := b.command(c.Kind, body)
		if err != nil {
			return "", err
		}
		text, err := json.Marshal(result)
		return touchstone.JSON(text), err
	}})
	input, err := json.Marshal(RerunInput{change, commit})
	if err != nil {
		t.Fatal(err)
	}
	p, err := kind.Prepare(context.Background(), nil, touchstone.JSON(input))
	if err != nil {
		t.Fatal(err)
	}
	text, err := kind.Run(context.Background(), &attemptRun{input: p.Input})
	if err != nil {
		t.Fatal(err)
	}
	b.apply() // counts follow with the next batch
	var out RerunResult
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// limited is a kind with another limit.
func (b *bench) limited(kind touchstone.IdentifierKind, limit int) touchstone.KindConfig {
	c := b.rules.set.Config(kind)
	c.Limit, c.Blocked = limit, nil
	return c
}

// drawRules draws a change of rules; least is the least shared_after.
func (b *bench) drawRules(t *rapid.T, least int) (body RulesBody) {
	for _, kind := range []touchstone.IdentifierKind{"phone", "email", "device_id", "anonymous_id"} {
		if !rapid.Bool().Draw(t, "change "+string(kind)) {
			continue
		}
		c := b.limited(kind, rapid.IntRange(1, 6).Draw(t, "limit"))
		c.SharedAfter = rapid.IntRange(least, 5).Draw(t, "shared after")
		if kind == "device_id" && rapid.IntRange(0, 3).Draw(t, "role") == 0 {
			c.Role = touchstone.Relates
		}
		body.Kinds = append(body.Kinds, c)
	}
	if rapid.IntRange(0, 2).Draw(t, "block") == 0 {
		body.Blocked = append(body.Blocked, BlockRule{Kind: "device_id", Value: "1", Blocked: true})
	}
	return body
}

// play applies events in batches, sorted as the edge sorts them.
func (b *bench) play(t *rapid.T, events []touchstone.Fact) {
	for len(events) > 0 {
		n := rapid.IntRange(1, min(9, len(events))).Draw(t, "batch")
		batch := slices.Clone(events[:n])
		for i := range batch {
			batch[i].Identifiers = slices.Clone(batch[i].Identifiers)
			b.g.cfg.Kinds.Sort(batch[i].Identifiers)
			batch[i].Identifiers = slices.DeleteFunc(batch[i].Identifiers, func(id touchstone.Identifier) bool {
				_, ok := b.g.cfg.Kinds.Normalise(id.Kind, id.Value)
				return !ok && id.Kind == "device_id"
			})
		}
		b.apply(slices.DeleteFunc(batch, func(f touchstone.Fact) bool { return len(f.Identifiers) == 0 })...)
		events = events[n:]
	}
}

// A preview is exactly what the commit does; run once more it has nothing left to do; what is
// stored stands for itself; and the rules are taken back by running the former ones again, where
// all evidence was noted.
func TestARerunDoesWhatItsPreviewSays(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		b := newRuled(t, db)
		rapid.Check(t, func(rt *rapid.T) {
			b.resetRules(t)
			var events []touchstone.Fact
			whole := rapid.Bool().Draw(rt, "all evidence is noted") // see the exceptions in identity.md
			for _, ids := range drawShared(rt) {
				if whole {
					ids = ids[:min(2, len(ids))]
				}
				events = append(events, b.event(ids...))
			}
			b.play(rt, events)
			b.rerun(rt, RulesBody{}, true) // by the time of events
			b.consistentBut(rt)
			before, ids := b.partition(), b.numbers()
			least := touchstone.NeverShared
			if whole {
				least = 1
			}
			change := b.drawRules(rt, least)
			preview := b.rerun(rt, change, false)
			if d := gocmp.Diff(before, b.partition()); d != "" {
				rt.Fatalf("a preview has changed %s", d)
			}
			done := b.rerun(rt, change, true)
			b.consistentBut(rt)
			if preview.Merged != done.Merged || preview.Split != done.Split || preview.Shared != done.Shared || preview.Unshared != done.Unshared || preview.Then != done.Then {
				rt.Fatalf("preview %+v, done %+v", preview, done)
			}
			if again := b.rerun(rt, RulesBody{}, true); again.Changed != 0 {
				rt.Fatalf("run again: %+v", again)
			}
			for id, n := range b.numbers() {
				if was, ok := ids[id]; ok && was != n {
					rt.Fatalf("%s has another number, %d not %d", id, n, was)
				}
			}
			b.rerun(rt, done.Was, true)
			b.consistentBut(rt)
			if d := gocmp.Diff(before, b.known(b.partition(), ids)); whole && d != "" {
				rt.Fatalf("by %+v, taken back by %+v: %s", change, done.Was, d)
			}
		})
	})
}

// numbers returns the node of each identifier.
func (b *bench) numbers() map[string]int64 {
	b.t.Helper()
	rows, err := b.db.Reader().Query(context.Background(), `SELECT id, kind, value FROM identity_nodes`)
	if err != nil {
		b.t.Fatal(err)
	}
	defer rows.Close()
	of := map[string]int64{}
	for rows.Next() {
		var id int64
		var kind, value string
		if err := rows.Scan(&id, &kind, &value); err != nil {
			b.t.Fatal(err)
		}
		of[kind+":"+value] = id
	}
	return of
}

// known leaves out identifiers that came later: a limit had left them out before anybody had them.
func (b *bench) known(partition [][]string, ids map[string]int64) (list [][]string) {
	for _, person := range partition {
		person = slices.DeleteFunc(person, func(id string) bool { return ids[id] == 0 })
		if len(person) > 0 {
			list = append(list, person)
		}
	}
	return list
}

// consistentBut is consistent, also when a device relates.
func (b *bench) consistentBut(t fataler) {
	t.Helper()
	var persons, known int64
	relating, args := b.g.relatingKinds()
	err := b.db.Reader().QueryRow(context.Background(), `SELECT (SELECT COUNT(DISTINCT person) FROM identity_nodes n WHERE trust <> 1`+relating+`),
		(SELECT COUNT(DISTINCT person) FROM identity_nodes WHERE kind = 'user_id')`, args...).Scan(&persons, &known)
	counted, countedKnown, err2 := b.g.Counts(context.Background())
	if err != nil || err2 != nil || persons != counted || known != countedKnown {
		t.Fatalf("%d persons and %d known are counted as %d and %d (%v, %v)", persons, known, counted, countedKnown, err, err2)
	}
	b.wellFormed(t)
}

// Whatever the rules were when events came, and in which order they came: after a re-run the
// graph is the one of the rules of now.
func TestARerunForgetsFormerRulesAndTheOrderOfArrival(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		b := newRuled(t, db)
		rapid.Check(t, func(rt *rapid.T) {
			b.resetRules(t)
			var events []touchstone.Fact
			pairs := map[[2]string]bool{}
			for _, ids := range drawShared(rt) {
				ids = ids[:min(2, len(ids))] // beside one that finds no room a third is not noted
				if again := slices.ContainsFunc(pairsOf(ids), func(p [2]string) bool { return pairs[p] }); again {
					continue // the time of a link is that of the first event to arrive
				}
				for _, p := range pairsOf(ids) {
					pairs[p] = true
				}
				events = append(events, b.event(ids...))
			}
			first, then := b.drawRules(rt, 1), b.drawRules(rt, 1) // what can never be shared notes less evidence
			b.rerun(rt, first, true)
			b.play(rt, events)
			b.rerun(rt, then, true)
			b.consistentBut(rt)
			one := b.partition()

			b.resetRules(t)
			b.rerun(rt, first, true)
			b.rerun(rt, then, true)
			order := rapid.Permutation(events).Draw(rt, "order")
			for i := range order { // their places in the log are others, their times are not
				b.seq++
				order[i].Seq = touchstone.MakeSeq(0, uint64(b.seq), 0)
			}
			b.play(rt, order)
			b.rerun(rt, RulesBody{}, true)
			b.consistentBut(rt)
			if d := gocmp.Diff(together(one), together(b.partition())); d != "" {
				rt.Fatalf("first by %+v, then by %+v: %s", first, then, d)
			}
		})
	})
}

// together leaves out who is alone: an identifier that was refused before anybody had it is not
// there at all.
func together(partition [][]string) (list [][]string) {
	for _, person := range partition {
		if len(person) > 1 {
			list = append(list, person)
		}
	}
	return list
}

func pairsOf(ids []string) (list [][2]string) {
	for i, a := range ids {
		for _, b := range ids[i+1:] {
			list = append(list, [2]string{min(a, b), max(a, b)})
		}
	}
	return list
}

// A limit is lowered: the device that came last leaves, with its history; raised again, it is back.
func TestALimitThatIsLoweredIsRunAgain(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		b := newRuled(t, db)
		b.apply(b.event("user_id:u1", "device_id:d1"), b.event("user_id:u1", "device_id:d2"), b.event("device_id:d2"), b.event("identify user_id:u1", "device_id:d3"))
		links := b.links()
		out := b.rerun(t, RulesBody{Kinds: []touchstone.KindConfig{b.limited("device_id", 1)}}, true)
		if out.Split != 2 || out.Changed != 1 || out.Moved != 2 {
			t.Errorf("%+v", out)
		}
		if d := gocmp.Diff([][]string{{"device_id:d1", "user_id:u1"}, {"device_id:d2"}, {"device_id:d3"}}, b.partition()); d != "" {
			t.Fatal(d)
		}
		if v := b.view("user_id:u1"); len(v.Dropped) != 2 || v.Dropped[0].Reason != "limit of 1 device_id" {
			t.Errorf("%+v", v.Dropped)
		}
		if got := b.apply(b.event("device_id:d2")); got.Facts[0].Person != b.person("device_id:d2") || got.Facts[0].Person == b.person("user_id:u1") {
			t.Error("its events are still the person's")
		}
		b.rerun(t, out.Was, true)
		if d := gocmp.Diff(links, b.links()); d != "" {
			t.Error(d)
		}
		if v := b.view("user_id:u1"); len(v.Nodes) != 4 || len(v.Dropped) != 0 {
			t.Errorf("%v, without %v", v.Nodes, v.Dropped)
		}
		b.consistent(t)
	})
}

// Two who are linked by evidence of several kinds have one relation when one of them comes to relate: its first event, all
// their events.
func TestEvidenceOfSeveralKindsBecomesOneRelation(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		b := newRuled(t, db)
		b.apply(b.on(2, 0, "identify user_id:u1", "device_id:d1"), b.on(1, 0, "user_id:u1", "device_id:d1"), b.on(3, 0, "user_id:u1", "device_id:d1"))
		links := b.links()
		relating := b.limited("device_id", 10)
		relating.Role = touchstone.Relates
		out := b.rerun(t, RulesBody{Kinds: []touchstone.KindConfig{relating}}, true)
		of, _ := b.relations("user_id:u1")
		if len(of) != 1 || b.person("device_id:d1") == b.person("user_id:u1") {
			t.Fatalf("relating to %+v", of)
		}
		if r := of[0]; r.Events != 3 || !r.FirstSeen.Equal(day.Add(24*time.Hour)) || !r.LastSeen.Equal(day.Add(72*time.Hour)) {
			t.Errorf("%+v", r)
		}
		b.rerun(t, out.Was, true)
		if b.person("device_id:d1") != b.person("user_id:u1") {
			t.Errorf("it is not back: %v of %v", b.links(), links)
		}
		b.consistent(t)
	})
}

// Who was parted by hand, and joined by hand over the limits, stays so.
func TestARerunObeysPeople(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		b := newRuled(t, db)
		b.apply(b.event("user_id:u1", "device_id:d1"), b.event("user_id:u1", "email:e1@x.org"), b.event("user_id:u2"))
		for _, c := range []struct {
			kind string
			body any
		}{{SplitCommand, SplitBody{[]string{"email:e1@x.org"}}}, {MergeCommand, MergeBody{[2]string{"user_id:u1", "user_id:u2"}, true}}} {
			if _, _, err := b.command(c.kind, c.body); err != nil {
				t.Fatal(err)
			}
		}
		b.apply(b.event("user_id:u1", "email:e1@x.org")) // refused
		before := b.partition()
		if out := b.rerun(t, RulesBody{Kinds: []touchstone.KindConfig{b.limited("email", 9)}}, true); out.Changed != 0 {
			t.Errorf("%+v", out)
		}
		if d := gocmp.Diff(before, b.partition()); d != "" {
			t.Error(fmt.Sprint("parted and joined by hand: ", d))
		}
	})
}

// bounded is a kind of which a person may hold some that were first seen within some days.
func (b *bench) bounded(kind touchstone.IdentifierKind, limit, days int) touchstone.KindConfig {
	c := b.limited(kind, b.rules.set.Config(kind).Limit)
	c.WindowLimit, c.WindowDays = limit, days
	return c
}

// on is an event some days and hours after the first day.
func (b *bench) on(days, hours int, ids ...string) touchstone.Fact {
	f := b.event(ids...)
	f.Time = day.Add(time.Duration(24*days+hours) * time.Hour)
	return f
}

// At most two devices within thirty days: the third of a month stays by itself, the one of the
// next month is linked; an event that comes late counts at its own time.
func TestLimitsOverTime(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		b := newRuled(t, db)
		b.rerun(t, RulesBody{Kinds: []touchstone.KindConfig{b.bounded("device_id", 2, 30)}}, true)
		b.apply(b.on(0, 0, "user_id:u1", "device_id:d1"), b.on(5, 0, "user_id:u1", "device_id:d2"))
		b.apply(b.on(29, 0, "user_id:u1", "device_id:d3"), b.on(31, 0, "user_id:u1", "device_id:d4"))
		if d := gocmp.Diff([][]string{{"device_id:d1", "device_id:d2", "device_id:d4", "user_id:u1"}, {"device_id:d3"}}, b.partition()); d != "" {
			t.Fatal(d)
		}
		if v := b.view("user_id:u1"); len(v.Dropped) != 1 || v.Dropped[0].Reason != "limit of 2 device_id in 30 days" {
			t.Errorf("%+v", v.Dropped)
		}
		b.apply(b.on(40, 0, "user_id:u1", "device_id:d3")) // still the third of its month
		if b.person("device_id:d3") == b.person("user_id:u1") {
			t.Error("a device that was refused counts from when it is linked")
		}
		// An event comes late: d2 was there long before, so d3 has room.
		b.apply(b.on(-60, 0, "user_id:u1", "device_id:d2"))
		b.apply(b.on(41, 0, "user_id:u1", "device_id:d3"))
		if b.person("device_id:d3") != b.person("user_id:u1") {
			t.Error("there is room since a device is known to be older")
		}
		b.wellFormed(t)
	})
}

// Who is seen when is a function of the events: in any order, cold or warm, the same identifiers
// are first seen at the same times, and after a re-run the same persons are there.
func TestLimitsOverTimeInAnyOrder(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		b := newRuled(t, db)
		rapid.Check(t, func(rt *rapid.T) {
			var events []touchstone.Fact
			pairs := map[string]bool{}
			b.seq = 0
			for range rapid.IntRange(1, 25).Draw(rt, "events") {
				ids := []string{fmt.Sprint("user_id:", rapid.IntRange(1, 3).Draw(rt, "user"))}
				if d := rapid.IntRange(0, 6).Draw(rt, "device"); d > 0 {
					ids = append(ids, fmt.Sprint("device_id:d", d))
				}
				if key := fmt.Sprint(ids); len(ids) > 1 && pairs[key] {
					ids = ids[1:] // the time of a link is that of the first event to arrive
				} else {
					pairs[key] = true
				}
				events = append(events, b.on(rapid.IntRange(0, 90).Draw(rt, "day"), len(events), ids...))
			}
			rules := RulesBody{Kinds: []touchstone.KindConfig{b.bounded("device_id", rapid.IntRange(1, 3).Draw(rt, "limit"), rapid.IntRange(1, 60).Draw(rt, "days"))}}
			rules.Kinds[0].SharedAfter = touchstone.NeverShared
			var persons [][]string
			var seen map[string]int64
			for turn := range 2 {
				b.resetRules(t)
				b.rerun(rt, rules, true)
				order := events
				if turn == 1 {
					order = rapid.Permutation(events).Draw(rt, "order")
				}
				for i := range order {
					b.seq++
					order[i].Seq = touchstone.MakeSeq(0, uint64(b.seq), 0)
				}
				for _, f := range order {
					if turn == 1 && rapid.IntRange(0, 9).Draw(rt, "cold") == 0 {
						b.g.Rollback()
					}
					b.apply(f)
				}
				first := b.firstSeen()
				b.rerun(rt, RulesBody{}, true)
				b.consistentBut(rt)
				if turn == 0 {
					persons, seen = b.partition(), first
					continue
				}
				if d := gocmp.Diff(seen, first); d != "" {
					rt.Fatalf("first seen: %s", d)
				}
				if d := gocmp.Diff(persons, b.partition()); d != "" {
					rt.Fatal(d)
				}
			}
		})
	})
}

// firstSeen returns when each device was first seen.
func (b *bench) firstSeen() map[string]int64 {
	b.t.Helper()
	rows, err := b.db.Reader().Query(context.Background(), `SELECT value, first_seen FROM identity_nodes WHERE kind = 'device_id'`)
	if err != nil {
		b.t.Fatal(err)
	}
	defer rows.Close()
	of := map[string]int64{}
	for rows.Next() {
		var value string
		var at int64
		if err := rows.Scan(&value, &at); err != nil {
			b.t.Fatal(err)
		}
		of[value] = at
	}
	return of
}
