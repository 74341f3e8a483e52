package profile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/internal/backfill"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/storetest"
)

// finder has persons with one node each, of the same number: "user_id:7" is person 7's.
type finder struct{ h *fakeHistory }

func (f finder) Find(_ context.Context, _ store.Querier, id touchstone.Identifier) (touchstone.NodeID, touchstone.PersonID, error) {
	var node touchstone.NodeID
	if _, err := fmt.Sscanf(id.Value, "%d", &node); err != nil {
		return 0, 0, nil //nolint:nilerr // nobody
	}
	return node, f.h.owner[node], nil
}

// Carries tells whether something happened to a person; nodes below zero are of identifiers to which nothing does.
func (f finder) Carries(_ context.Context, _ store.Querier, person touchstone.PersonID) (bool, error) {
	for node, owner := range f.h.owner {
		if owner == person && node > 0 {
			return true, nil
		}
	}
	return false, nil
}

// command carries one out as the pipeline does, at the beginning of a batch with facts.
func (b *bench) command(fail bool, kind string, body any, facts ...touchstone.Fact) (*touchstone.Batch, error) {
	b.t.Helper()
	return b.commandBefore(fail, kind, body, nil, facts...)
}

// commandBefore is command in a batch whose facts bring changes about.
func (b *bench) commandBefore(fail bool, kind string, body any, changes []touchstone.Change, facts ...touchstone.Fact) (*touchstone.Batch, error) {
	b.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		b.t.Fatal(err)
	}
	b.seq++
	c := touchstone.Command{ID: fmt.Sprint("cmd_", b.seq), Kind: kind, Actor: "usr_1", SubmittedAt: day.Add(time.Hour), Body: touchstone.JSON(text), Seq: touchstone.MakeSeq(0, uint64(b.seq), 0)}
	batch := &touchstone.Batch{Now: day, Facts: facts}
	err = b.db.Update(context.Background(), func(tx *store.Tx) error {
		for _, k := range b.p.Commands() {
			if k.Name == kind {
				if _, err := k.Do(context.Background(), tx, batch, c); err != nil {
					return err
				}
			}
		}
		batch.Changes = append(batch.Changes, changes...)
		if err := b.p.Apply(context.Background(), tx, batch); err != nil {
			return err
		}
		if fail {
			return errStop
		}
		return nil
	})
	if err != nil {
		b.p.Rollback()
		return nil, err
	}
	b.p.Committed(batch)
	return batch, nil
}

func TestCorrectionsAreAsGoodAsEvents(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		h := &fakeHistory{owner: map[touchstone.NodeID]touchstone.PersonID{1: 1, 2: 2}}
		b := newBench(t, db, func(c *Config) { c.History, c.Persons = h, finder{h} })
		b.apply(b.identify(1, 0, `{"city":"Rome","plan":"free","old":1}`), b.identify(2, 0, `{"city":"Oslo"}`))
		body := CorrectBody{"user_id:1", map[string]touchstone.JSON{"city": `"上海"`, "old": "null", "vip": "true"}}
		if _, err := b.command(true, CorrectCommand, body); !errors.Is(err, errStop) {
			t.Fatal(err)
		}
		if got := b.get(1).Traits["city"]; got != `"Rome"` {
			t.Fatalf("a batch that failed has left %s", got)
		}
		late := b.identify(1, 59, `{"city":"Milan","plan":"pro"}`) // happened before the correction
		done, err := b.command(false, CorrectCommand, body, late)
		if err != nil {
			t.Fatal(err)
		}
		want := []string{`p_1 city: "Rome" -> "上海"`, `p_1 old: 1 -> `, `p_1 vip:  -> true`, `p_1 plan: "free" -> "pro"`}
		if d := gocmp.Diff(want, traitChanges(done)); d != "" {
			t.Error(d)
		}
		for _, c := range done.Changes[:3] {
			if c.Cause != 0 || c.Backfill || !c.Time.Equal(day.Add(time.Hour)) {
				t.Errorf("%+v", c)
			}
		}
		one := b.get(1)
		if d := gocmp.Diff(map[string]touchstone.JSON{"city": `"上海"`, "plan": `"pro"`, "vip": "true"}, one.Traits); d != "" {
			t.Error(d)
		}
		if one.Counters.Events != 2 || one.TraitMeta["city"].Source != "operator" {
			t.Errorf("%d events, %+v", one.Counters.Events, one.TraitMeta["city"])
		}
		b.apply(b.identify(1, 61, `{"city":"Paris"}`))
		if got := b.get(1).Traits["city"]; got != `"Paris"` {
			t.Errorf("a later event is ignored: %s", got)
		}
		// Who is absorbed later takes the correction along.
		if _, err := b.command(false, CorrectCommand, CorrectBody{"user_id:2", map[string]touchstone.JSON{"nick": `"Bo"`}}); err != nil {
			t.Fatal(err)
		}
		b.change([]touchstone.Change{{Kind: touchstone.PersonsMerged, Person: 1, Other: 2, Cause: 1}}, b.track(1, 62, "Viewed"))
		if got := b.get(1).Traits["nick"]; got != `"Bo"` {
			t.Errorf("the merged person has %s", got)
		}
		for name, bad := range map[string]CorrectBody{"nobody": {"user_id:x", map[string]touchstone.JSON{"a": "1"}}, "nothing": {"user_id:1", nil}, "no identifier": {"1", map[string]touchstone.JSON{"a": "1"}}} {
			if _, err := b.command(false, CorrectCommand, bad); touchstone.KindOf(err) != touchstone.NotFound && touchstone.KindOf(err) != touchstone.Invalid {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// Who was parted from another has no profile until the history has come; a correction of that time is kept all the same, also when either is merged
// meanwhile, and counts once.
func TestCorrectionsOfThoseWhoWereParted(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		h := &fakeHistory{owner: map[touchstone.NodeID]touchstone.PersonID{1: 1, 2: 1, 3: 1, -4: 4}}
		b := newBench(t, db, func(c *Config) { c.History, c.Persons = h, finder{h} })
		commit := func(changes []touchstone.Change, facts ...touchstone.Fact) {
			t.Helper()
			if _, err := b.try(true, changes, facts...); err == nil {
				t.Fatal("did not fail")
			}
			b.change(changes, facts...)
			h.facts = append(h.facts, facts...)
		}
		correct := func(node touchstone.NodeID, traits string, changes []touchstone.Change, facts ...touchstone.Fact) {
			t.Helper()
			var in map[string]touchstone.JSON
			if err := json.Unmarshal([]byte(traits), &in); err != nil {
				t.Fatal(err)
			}
			body := CorrectBody{fmt.Sprintf("user_id:%d", node), in}
			if _, err := b.commandBefore(true, CorrectCommand, body, changes, facts...); !errors.Is(err, errStop) {
				t.Fatal(err)
			}
			if _, err := b.commandBefore(false, CorrectCommand, body, changes, facts...); err != nil {
				t.Fatal(err)
			}
			c := correction(touchstone.MakeSeq(0, uint64(b.seq), 0), node, day.Add(time.Hour), traits) //nolint:gosec // small
			h.facts = append(append(h.facts, c), facts...)
		}
		rebuild := func() {
			t.Helper()
			h.warehouse = len(h.facts)
			b.sendHistories()
			commit(nil)
		}
		shown := func(person touchstone.PersonID, want map[string]touchstone.JSON) {
			t.Helper()
			if d := gocmp.Diff(want, b.get(person).Traits); d != "" {
				t.Errorf("person %d: %s", person, d)
			}
		}
		under := func(node touchstone.NodeID, f touchstone.Fact) touchstone.Fact { f.Node = node; return f }
		commit(nil, under(1, b.identify(1, 0, `{"plan":"free","city":"Rome"}`)), under(2, b.identify(1, 1, `{"plan":"pro"}`)), under(3, b.track(1, 2, "Viewed")))

		h.owner[2] = 2
		commit([]touchstone.Change{split(1, 2)})
		correct(2, `{"plan":"gold"}`, nil)
		if _, err := b.p.Get(context.Background(), access.System(), 2); touchstone.KindOf(err) != touchstone.NotFound {
			t.Errorf("who has no profile yet is shown: %v", err)
		}
		rebuild()
		shown(1, map[string]touchstone.JSON{"plan": `"free"`, "city": `"Rome"`})
		shown(2, map[string]touchstone.JSON{"plan": `"gold"`})

		// Corrected while there is no profile, and absorbed in the batch of the correction by one who waits, too.
		h.owner[3] = 3
		commit([]touchstone.Change{split(1, 3)})
		correct(3, `{"nick":"Bo"}`, nil)
		f := b.track(1, 70, "Viewed")
		f.Node = 2
		correct(2, `{"vip":true}`, []touchstone.Change{merged(1, 2)}, f)
		h.owner[2] = 1
		rebuild()
		shown(1, map[string]touchstone.JSON{"plan": `"gold"`, "city": `"Rome"`, "vip": "true"})
		shown(3, map[string]touchstone.JSON{"nick": `"Bo"`})
		traits, err := b.p.Traits(context.Background(), access.System())
		if err != nil {
			t.Fatal(err)
		}
		counted := map[string]int64{}
		for _, one := range traits {
			counted[one.Trait] = one.Persons
		}
		if d := gocmp.Diff(map[string]int64{"plan": 1, "city": 1, "nick": 1, "vip": 1}, counted); d != "" {
			t.Errorf("persons by trait: %s", d)
		}

		// Who has done nothing never had a profile, and nobody corrects what was lost.
		body := CorrectBody{"user_id:-4", map[string]touchstone.JSON{"vip": "true"}}
		if _, err := b.command(false, CorrectCommand, body); touchstone.KindOf(err) != touchstone.Conflict {
			t.Errorf("somebody without events: %v", err)
		}
	})
}

// A profile that is computed anew, once or often, in whatever parts, while events and
// corrections go on, batches fail and processes die, is the one that it was.
func TestRebuildsChangeNothing(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		n := 0
		rapid.Check(t, func(rt *rapid.T) {
			n++
			person := touchstone.PersonID(1000 * n) // each history has persons of its own
			playRebuilds(rt, t, db, person)
		})
	})
}

func playRebuilds(rt *rapid.T, t *testing.T, db *store.DB, person touchstone.PersonID) {
	node := touchstone.NodeID(person)
	h := &fakeHistory{owner: map[touchstone.NodeID]touchstone.PersonID{node: person}}
	open := func(seq int) *bench {
		b := newBench(t, db, func(c *Config) { c.History, c.Persons = h, finder{h} })
		b.seq = seq
		b.p.partFacts = 3
		b.p.histories = backfill.NewQueue[*history](10_000)
		if err := b.p.learnJoined(context.Background()); err != nil {
			rt.Fatal(err)
		}
		return b
	}
	b := open(int(person) * 1000)
	minute, rebuilds := 0, 0
	var all []touchstone.Fact
	// While a rebuild waits, all is in one session: more than four of them out of order are
	// counted by what is left of them (docs/design/profile.md).
	step := func(most int) (facts []touchstone.Fact) {
		if waiting, err := b.p.waitingRebuilds(context.Background()); err != nil {
			rt.Fatal(err)
		} else if len(waiting) > 0 {
			most = 9
		}
		for range rapid.IntRange(0, 4).Draw(rt, "events") {
			minute += rapid.IntRange(1, most).Draw(rt, "pause")
			f := b.track(person, minute, "Viewed")
			if rapid.Bool().Draw(rt, "identify") {
				f = b.identify(person, minute, fmt.Sprintf(`{"t%d":%d}`, rapid.IntRange(0, 3).Draw(rt, "trait"), b.seq))
			}
			facts = append(facts, f)
		}
		return facts
	}
	commit := func(run func(fail bool) error, facts []touchstone.Fact) {
		if rapid.IntRange(0, 3).Draw(rt, "fails") == 0 {
			if err := run(true); !errors.Is(err, errStop) {
				rt.Fatal(err)
			}
		}
		if err := run(false); err != nil {
			rt.Fatal(err)
		}
		h.facts = append(h.facts, facts...)
		all = append(all, facts...)
	}
	first := []touchstone.Fact{b.track(person, 0, "Viewed")}
	commit(func(fail bool) error { _, err := b.try(fail, nil, first...); return err }, first)
	for range rapid.IntRange(1, 25).Draw(rt, "steps") {
		switch rapid.IntRange(0, 6).Draw(rt, "step") {
		case 0:
			facts := step(9)
			rebuilds++
			commit(func(fail bool) error {
				_, err := b.command(fail, RebuildCommand, RebuildBody{Person: fmt.Sprintf("user_id:%d", person)}, facts...)
				return err
			}, facts)
		case 1:
			h.warehouse = len(h.facts)
			b.sendHistories()
		case 2:
			facts := step(9)
			body := CorrectBody{fmt.Sprintf("user_id:%d", person), map[string]touchstone.JSON{fmt.Sprintf("t%d", rapid.IntRange(0, 3).Draw(rt, "trait")): touchstone.JSON(fmt.Sprint(b.seq))}}
			run := func(fail bool) error {
				_, err := b.command(fail, CorrectCommand, body, facts...)
				return err
			}
			commit(run, nil)
			text, err := json.Marshal(body.Traits)
			if err != nil {
				rt.Fatal(err)
			}
			c := correction(touchstone.MakeSeq(0, uint64(b.seq), 0), node, day.Add(time.Hour), string(text)) //nolint:gosec // small
			h.facts, all = append(append(h.facts, c), facts...), append(append(all, c), facts...)
		case 3: // the process dies
			b = open(b.seq)
		case 4:
			b.p.Resume()
			if err := b.p.learnJoined(context.Background()); err != nil {
				rt.Fatal(err)
			}
		default:
			facts := step(50)
			commit(func(fail bool) error { _, err := b.try(fail, nil, facts...); return err }, facts)
		}
	}
	h.warehouse = len(h.facts)
	for range 200 {
		waiting, err := b.p.waitingRebuilds(context.Background())
		if err != nil {
			rt.Fatal(err)
		}
		if len(waiting) == 0 {
			break
		}
		if b.p.histories.Waiting() == 0 {
			b.sendHistories()
		}
		b.change(nil)
	}
	got := b.get(person)
	plain := touchstone.PersonID(int64(person) + 1) // the same without rebuilds
	for i := range all {
		all[i].Person, all[i].Node = plain, touchstone.NodeID(plain)
	}
	h.owner[touchstone.NodeID(plain)] = plain
	err := db.Update(context.Background(), func(tx *store.Tx) error { // their places are used again
		_, err := tx.Exec(context.Background(), `DELETE FROM profile_corrections`)
		return err
	})
	if err != nil {
		rt.Fatal(err)
	}
	for _, f := range all {
		if f.Type != touchstone.System {
			b.apply(f)
			continue
		}
		var in map[string]touchstone.JSON
		if err := json.Unmarshal([]byte(f.Traits), &in); err != nil {
			rt.Fatal(err)
		}
		b.seq = int(f.Seq.Offset()) - 1 //nolint:gosec // small
		if _, err := b.command(false, CorrectCommand, CorrectBody{fmt.Sprintf("user_id:%d", plain), in}); err != nil {
			rt.Fatal(err)
		}
	}
	want := b.get(plain)
	got.ID = want.ID
	if d := gocmp.Diff(want, got); d != "" {
		rt.Fatalf("after %d rebuilds: %s", rebuilds, d)
	}
}
