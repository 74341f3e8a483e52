package profile

import (
	"context"
	"strconv"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/storetest"
)

// fakeHistory is a warehouse that follows some way behind.
type fakeHistory struct {
	facts     []touchstone.Fact // all that were committed
	warehouse int               // of them, how many the warehouse has
	owner     map[touchstone.NodeID]touchstone.PersonID
}

func (h *fakeHistory) Mark() string { return strconv.Itoa(len(h.facts)) }

func (h *fakeHistory) Events(_ context.Context, person touchstone.PersonID, mark string, fn func(f *touchstone.Fact) error) (bool, error) {
	n, err := strconv.Atoi(mark)
	if err != nil || h.warehouse < n {
		return false, err
	}
	for _, f := range h.facts[:n] {
		if h.owner[f.Node] == person {
			if err := fn(&f); err != nil {
				return false, err
			}
		}
	}
	return true, nil
}

func split(kept, other touchstone.PersonID) touchstone.Change {
	return touchstone.Change{Kind: touchstone.PersonSplit, Person: kept, Other: other, Time: day}
}

func TestSplitProfilesAreComputedAnew(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		h := &fakeHistory{owner: map[touchstone.NodeID]touchstone.PersonID{1: 1, 2: 1}}
		b := newBench(t, db, func(c *Config) { c.History = h })
		commit := func(changes []touchstone.Change, facts ...touchstone.Fact) *touchstone.Batch {
			for i := range facts {
				facts[i].Person = h.owner[facts[i].Node]
			}
			// A batch that fails first, and then one with cold caches, must not differ.
			if _, err := b.try(true, changes, facts...); err == nil {
				t.Fatal("did not fail")
			}
			batch := b.change(changes, facts...)
			h.facts = append(h.facts, facts...)
			return batch
		}
		under := func(node touchstone.NodeID, f touchstone.Fact) touchstone.Fact { f.Node = node; return f }

		commit(nil, under(1, b.identify(1, 0, `{"name":"Ann","city":"Rome"}`)), under(2, b.identify(1, 5, `{"name":"Bob","age":7}`)), under(2, b.track(1, 6, "Viewed")))
		h.owner[2] = 2
		first := commit([]touchstone.Change{split(1, 2)}, under(2, b.track(2, 10, "Viewed")))
		if len(first.Timers) != 0 {
			t.Fatalf("timers %v", first.Timers)
		}
		if got := b.get(1); !got.Rebuilding || got.Counters.Events != 3 {
			t.Errorf("in between: %+v", got)
		}
		commit(nil, under(1, b.identify(1, 11, `{"city":"Oslo"}`)), under(2, b.track(2, 11, "Bought")))
		h.warehouse = len(h.facts)
		b.sendHistories()
		done := commit(nil, under(1, b.track(1, 12, "Viewed")))
		if len(done.Timers) != 0 {
			t.Errorf("timers %v", done.Timers)
		}
		want := []string{`p_1 name: "Bob" -> "Ann"`, `p_1 age: 7 -> `, `p_2 name:  -> "Bob"`, `p_2 age:  -> 7`}
		if d := gocmp.Diff(want, traitChanges(done), cmpopts.SortSlices(func(a, b string) bool { return a < b })); d != "" {
			t.Error(d)
		}
		one, two := b.get(1), b.get(2)
		if d := gocmp.Diff(map[string]touchstone.JSON{"name": `"Ann"`, "city": `"Oslo"`}, one.Traits); d != "" {
			t.Error(d)
		}
		if d := gocmp.Diff(map[string]touchstone.JSON{"name": `"Bob"`, "age": "7"}, two.Traits); d != "" {
			t.Error(d)
		}
		if d := gocmp.Diff(map[string]uint64{"$identify": 2, "Viewed": 1}, one.Counters.ByEvent); d != "" {
			t.Error(d)
		}
		if d := gocmp.Diff(map[string]uint64{"$identify": 1, "Viewed": 2, "Bought": 1}, two.Counters.ByEvent); d != "" {
			t.Error(d)
		}
		if one.Rebuilding || two.Rebuilding {
			t.Error("still rebuilding")
		}

		// Parted and joined again before the history came: all of it is the kept person's.
		h.warehouse = 0
		h.owner[3] = 3
		commit([]touchstone.Change{split(2, 3)})
		h.owner[2], h.owner[3] = 1, 1
		commit([]touchstone.Change{merged(1, 2), merged(1, 3)}, under(3, b.track(1, 20, "Again")))
		h.warehouse = len(h.facts)
		b.sendHistories()
		commit(nil)
		if got := b.get(1); got.Counters.Events != 8 || got.Rebuilding || string(got.Traits["name"]) != `"Bob"` {
			t.Errorf("%+v", got)
		}
		if n, _ := b.p.Count(context.Background()); n != 1 {
			t.Errorf("%d persons", n)
		}
		// Everything moves away from a person.
		h.owner = map[touchstone.NodeID]touchstone.PersonID{1: 4, 2: 4, 3: 4}
		commit([]touchstone.Change{split(1, 4)})
		h.warehouse = len(h.facts)
		b.sendHistories()
		commit(nil)
		if _, err := b.p.Get(context.Background(), access.System(), 1); touchstone.KindOf(err) != touchstone.NotFound {
			t.Errorf("person 1: %v", err)
		}
		if got := b.get(4); got.Counters.Events != 8 {
			t.Errorf("%+v", got)
		}
	})
}

// sendHistories does what Run does once.
func (b *bench) sendHistories() {
	b.t.Helper()
	waiting, err := b.p.waitingRebuilds(context.Background())
	if err == nil {
		err = b.p.sendHistories(context.Background(), waiting, map[waitingRebuild]bool{})
	}
	if err != nil {
		b.t.Fatal(err)
	}
}
