package segment

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

// TestBitmapsAreTheMembers lets random histories happen, with merges, splits, erasures, rebuilds, restarts and a feed that forgets,
// and holds copies against the rows: those of a process that follows all the time, of one that seldom asks, and of
// one that has hardly any room. All must be the members at every moment at which they are asked.
func TestBitmapsAreTheMembers(t *testing.T) {
	db := openDB(t)
	rapid.Check(t, func(t *rapid.T) {
		wipe(t, db)
		h := &history{world: newWorld(t, db), t: t, static: map[string][]touchstone.PersonID{}, told: map[string]map[touchstone.PersonID]bool{}}
		always, seldom, narrow := newBitmaps(&Config{DB: db}), newBitmaps(&Config{DB: db}), newBitmaps(&Config{DB: db})
		narrow.budget = 200 // of one segment
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			switch rapid.IntRange(0, 9).Draw(t, "beside") {
			case 0:
				h.eraseSomebody()
			case 1:
				h.forgetFeed()
			default:
				h.step()
			}
			h.sameMembers(always, "always")
			if rapid.IntRange(0, 7).Draw(t, "asks") == 0 {
				h.sameMembers(seldom, "seldom")
				h.sameMembers(narrow, "narrow")
			}
		}
		h.settle()
		h.sameMembers(always, "always")
		h.sameMembers(seldom, "seldom")
		h.sameMembers(narrow, "narrow")
		if narrow.bytes > narrow.budget && len(narrow.copies) > len(h.ids) {
			t.Fatalf("%d bytes of %d in %d copies", narrow.bytes, narrow.budget, len(narrow.copies))
		}
	})
}

// sameMembers asks for all segments at once, and holds the answer against the rows.
func (h *history) sameMembers(b *bitmaps, name string) {
	h.t.Helper()
	sets, err := b.of(ctx, h.ids)
	if err != nil {
		h.t.Fatal(err)
	}
	var bytes int64
	for _, c := range b.copies {
		bytes += c.bytes
	}
	if bytes != b.bytes {
		h.t.Fatalf("%s: the copies take %d bytes, and %d are reckoned", name, bytes, b.bytes)
	}
	for i, id := range h.ids {
		if got, want := personsOf(sets[i]), h.members(id); !slices.Equal(got, want) {
			h.t.Fatalf("%s: the copy of %s holds %v, and its members are %v", name, id, got, want)
		}
	}
}

// eraseSomebody has a batch erase a person with all whom it has absorbed.
func (h *history) eraseSomebody() {
	known := sortedPersons(h.people)
	if len(known) == 0 {
		return
	}
	h.settle() // what a build under way has found of the person is left out by identity, which is not of this world
	gone := rapid.SampledFrom(known).Draw(h.t, "erased")
	parts := &touchstone.Parts{}
	numbers := []touchstone.PersonID{gone}
	for _, p := range sortedPersons(h.merged) {
		if h.current(p) == gone {
			numbers = append(numbers, p)
			parts.Nodes = append(parts.Nodes, touchstone.NodeID(p))
		}
	}
	if h.people[gone] == nil {
		return
	}
	for _, p := range numbers {
		delete(h.merged, p)
		delete(h.people, p)
		delete(h.timers, p)
		h.events = slices.DeleteFunc(h.events, func(e pastEvent) bool { return e.node == p })
		h.seats = slices.DeleteFunc(h.seats, func(s Seat) bool { return s.Person == p })
		for id, list := range h.static {
			h.static[id] = slices.DeleteFunc(slices.Clone(list), func(o touchstone.PersonID) bool { return o == p })
		}
	}
	h.next().Changes = []touchstone.Change{{Kind: touchstone.PersonErased, Time: h.now, Person: gone, Parts: parts}}
	h.commit(rapid.IntRange(0, 1).Draw(h.t, "failures"))
}

// forgetFeed has the feed forget its oldest lines, as it does when it is full.
func (h *history) forgetFeed() {
	keep := rapid.IntRange(1, 3).Draw(h.t, "lines")
	err := h.db.Update(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM segment_changes WHERE id <= (SELECT coalesce(max(id), 0) FROM segment_changes) - ?`, keep)
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
}
