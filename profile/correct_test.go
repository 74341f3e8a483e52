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

// command carries one out as the pipeline does, at the beginning of a batch with facts.
func (b *bench) command(fail bool, kind string, body any, facts ...touchstone.Fact) (*touchstone.Batch, error) {
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
		switch rapid.IntRange(0, 5).Draw(rt, "step") {
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
		case 2: // the process dies
			b = open(b.seq)
		case 3:
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
	for _, f := range all {
		b.apply(f)
	}
	want := b.get(plain)
	got.ID = want.ID
	if d := gocmp.Diff(want, got); d != "" {
		rt.Fatalf("after %d rebuilds: %s", rebuilds, d)
	}
}
