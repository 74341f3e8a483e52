package profile

import (
	"context"
	"errors"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/storetest"
)

// Computed traits are told as changes, follow merges, are part of what a profile is computed anew from, and are set by nobody else.
func TestComputedTraits(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		h := &fakeHistory{owner: map[touchstone.NodeID]touchstone.PersonID{1: 1, 2: 2}}
		b := newBench(t, db, func(c *Config) { c.History, c.Persons = h, finder{h} })
		operations := b.identify(1, 1, `{}`)
		operations.Context = `{"traitOperations":{"increment":{"tag.tier":1},"setOnce":{"tag.other":1}}}`
		b.apply(b.identify(1, 0, `{"city":"Rome","tag.tier":"gold"}`), b.identify(2, 0, `{"city":"Oslo"}`),
			operations)
		if d := gocmp.Diff(map[string]touchstone.JSON{"city": `"Rome"`}, b.get(1).Traits); d != "" {
			t.Error(d)
		}
		place := 100
		set := func(fail bool, values ...Computed) *touchstone.Batch {
			t.Helper()
			place++
			batch := &touchstone.Batch{Now: day}
			err := db.Update(context.Background(), func(tx *store.Tx) error {
				for i := range values {
					values[i].Seq, values[i].At = touchstone.MakeSeq(0, uint64(place), i), day.Add(time.Duration(place)*time.Minute)
				}
				if err := b.p.SetComputed(context.Background(), tx, values); err != nil {
					return err
				}
				if err := b.p.Apply(context.Background(), tx, batch); err != nil {
					return err
				}
				if fail {
					return errStop
				}
				return nil
			})
			if fail {
				if !errors.Is(err, errStop) {
					t.Fatal(err)
				}
				b.p.Rollback()
				return nil
			}
			if err != nil {
				t.Fatal(err)
			}
			b.p.Committed(batch)
			return batch
		}
		set(true, Computed{Node: 1, Person: 1, Trait: "tag.tier", Value: `"lost"`})
		done := set(false, Computed{Node: 1, Person: 1, Trait: "tag.tier", Value: `"gold"`}, Computed{Node: 2, Person: 2, Trait: "tag.tier", Value: `["a","b"]`}, Computed{Node: 9, Person: 9, Trait: "tag.tier", Value: "1"})
		if d := gocmp.Diff([]string{`p_1 tag.tier:  -> "gold"`, `p_2 tag.tier:  -> ["a","b"]`}, traitChanges(done)); d != "" {
			t.Error(d)
		}
		if meta := b.get(1).TraitMeta["tag.tier"]; meta.Source != "tag" {
			t.Errorf("it comes from %q", meta.Source)
		}
		b.change([]touchstone.Change{{Kind: touchstone.PersonsMerged, Person: 1, Other: 2, Cause: 1}}, b.track(1, 600, "Viewed"))
		if got := b.get(1).Traits["tag.tier"]; got != `["a","b"]` { // the later place in the log
			t.Errorf("the merged person has %s", got)
		}
		set(false, Computed{Node: 1, Person: 1, Trait: "tag.tier", Value: "null"})
		if got, has := b.get(1).Traits["tag.tier"]; has {
			t.Errorf("a value that was taken away is %s", got)
		}
		// The latest of each identifier is what history has.
		facts, err := b.p.Corrections(context.Background(), []touchstone.NodeID{1, 2})
		if err != nil || len(facts) != 2 || facts[0].Traits != `{"tag.tier":["a","b"]}` || facts[1].Traits != `{"tag.tier":null}` {
			t.Errorf("history has %+v, %v", facts, err)
		}
		if _, err := b.command(false, CorrectCommand, CorrectBody{"user_id:1", map[string]touchstone.JSON{"tag.tier": "1"}}); touchstone.KindOf(err) != touchstone.Invalid {
			t.Errorf("an operator corrects what is computed: %v", err)
		}
	})
}
