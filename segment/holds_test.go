package segment

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/segment/rule"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/storetest"
)

// TestThenIsWhatWas asks about past moments and compares with who was in at them: of segments by events that came when they happened, that
// is the same. Segments that refer to others, and fixed lists in them, are asked the same way.
func TestThenIsWhatWas(t *testing.T) {
	db := openDB(t)
	rapid.Check(t, func(t *rapid.T) {
		wipe(t, db)
		h := &history{world: newWorld(t, db), t: t, static: map[string][]touchstone.PersonID{}, told: map[string]map[touchstone.PersonID]bool{}}
		h.event(1, 0, "Came", "")
		h.commit(0)
		for i := range 3 {
			text := h.behaviour()
			if i == 2 {
				text = fmt.Sprintf(`{"and":[{"segment":%q},{"not":{"segment":%q}}]}`, h.ids[0], h.ids[1])
			}
			g, err := h.segs.Create(ctx, Draft{Name: fmt.Sprint("s", i), Rule: touchstone.JSON(text)})
			if err != nil {
				t.Fatal(err)
			}
			h.ids = append(h.ids, g.ID)
		}
		h.settle()
		was := map[int64]map[string][]touchstone.PersonID{}
		for range rapid.IntRange(1, 25).Draw(t, "steps") {
			for range rapid.IntRange(0, 3).Draw(t, "events") {
				h.event(h.person(), 0, rapid.SampledFrom([]string{"A", "B"}).Draw(t, "event"), touchstone.JSON(fmt.Sprintf(`{"n":%d}`, rapid.IntRange(1, 3).Draw(t, "n"))))
			}
			h.next()
			h.commit(0)
			members := map[string][]touchstone.PersonID{}
			for _, id := range h.ids {
				members[id] = h.members(id)
			}
			was[h.now.UnixMilli()] = members
			h.advance(time.Duration(rapid.IntRange(1, 9_000).Draw(t, "ms")) * time.Millisecond)
		}
		for at, members := range was {
			for _, id := range h.ids {
				then, err := h.segs.Then(ctx, id, time.UnixMilli(at))
				if err != nil {
					t.Fatal(err)
				}
				if got := h.knownAt(personsOf(then), at); !slices.Equal(got, members[id]) {
					text, _ := h.answering(id)
					t.Fatalf("at %s %s held for %v, and would have for %v", time.UnixMilli(at).UTC().Format(time.StampMilli), text, members[id], got)
				}
				h.sameHolds(id, time.UnixMilli(at), members[id])
			}
		}
	})
}

// knownAt leaves those of whom something had happened at a moment.
func (h *history) knownAt(list []touchstone.PersonID, at int64) []touchstone.PersonID {
	return slices.DeleteFunc(list, func(p touchstone.PersonID) bool {
		return !slices.ContainsFunc(h.events, func(e pastEvent) bool { return e.node == p && e.at <= at })
	})
}

// behaviour draws a rule of which the past is known in full.
func (h *history) behaviour() string {
	switch rapid.IntRange(0, 2).Draw(h.t, "behaviour") {
	case 0:
		return h.measured()
	case 1:
		return h.sequence()
	}
	return fmt.Sprintf(`{"or":[%s,{"not":%s}]}`, h.measured(), h.measured())
}

// sameHolds puts the conditions of a rule together by hand.
func (h *history) sameHolds(id string, at time.Time, members []touchstone.PersonID) {
	text, _ := h.answering(id)
	r, err := rule.Parse(text)
	if err != nil {
		h.t.Fatal(err)
	}
	if len(r.Conditions()) != 1 {
		return
	}
	sets, err := h.segs.Holds(ctx, r, at)
	if err != nil {
		h.t.Fatal(err)
	}
	if got := h.knownAt(personsOf(sets[0]), at.UnixMilli()); len(sets) != 1 || !slices.Equal(got, members) {
		h.t.Fatalf("the condition %s holds for %v, and the rule held for %v", text, got, members)
	}
}

// TestVisibleBitmapIsTheRows follows the set that a limited viewer sees; one that is not known has nobody in it.
func TestVisibleBitmapIsTheRows(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) { visibleBitmapIsTheRows(t, newWorld(t, db)) })
}

func visibleBitmapIsTheRows(t *testing.T, w *world) {
	t.Helper()
	set, err := w.segs.KeepRows(ctx, []access.RowCondition{{Trait: "store", Values: []string{"Pudong"}}})
	if err != nil {
		t.Fatal(err)
	}
	v := &access.Viewer{Rows: &access.Rows{Set: set}}
	sees := func(v *access.Viewer, want ...touchstone.PersonID) {
		t.Helper()
		seen, err := w.segs.VisibleBitmap(ctx, v)
		if err != nil {
			t.Fatal(err)
		}
		if got := personsOf(seen); !slices.Equal(got, want) {
			t.Fatalf("%v are seen, not %v", got, want)
		}
	}
	sees(v)
	for p := range touchstone.PersonID(4) {
		w.trait(p+1, "store", touchstone.JSON([]string{`"Pudong"`, `"Jingan"`}[p%2]))
	}
	w.settle()
	sees(v, 1, 3)
	w.trait(3, "store", `"Jingan"`)
	w.trait(4, "store", `"Pudong"`)
	w.merge(1, 2)
	w.commit(0)
	sees(v, 1, 4)
	sees(&access.Viewer{Rows: &access.Rows{Set: "rows_unknown"}})
	if seen, err := w.segs.VisibleBitmap(ctx, access.System()); seen != nil || err != nil {
		t.Fatalf("everybody is %v, %v", seen, err)
	}
	if _, err := w.segs.Bitmaps(ctx, "seg_none"); touchstone.KindOf(err) != touchstone.NotFound {
		t.Fatalf("of no segment: %v", err)
	}
}

// TestHoldsPutTogether finds the conditions of random rules of every kind out all at once, as members of an and of their own, and puts them together again: the
// whole must be what the batch evaluator says of the rule.
func TestHoldsPutTogether(t *testing.T) {
	db := openDB(t)
	rapid.Check(t, func(t *rapid.T) {
		wipe(t, db)
		h := &history{world: newWorld(t, db), t: t, static: map[string][]touchstone.PersonID{}, told: map[string]map[touchstone.PersonID]bool{}}
		for range rapid.IntRange(1, 25).Draw(t, "steps") {
			h.step()
		}
		h.settle()
		for range 3 {
			h.putTogether(h.rule(3))
		}
	})
}

func (h *history) putTogether(text string) {
	h.t.Helper()
	r, err := rule.Parse(touchstone.JSON(text))
	if err != nil {
		h.t.Fatal(err)
	}
	var units []string
	var collect func(n rule.Node)
	collect = func(n rule.Node) {
		switch n := n.(type) {
		case *rule.And:
			for _, of := range n.Of {
				collect(of)
			}
		case *rule.Or:
			for _, of := range n.Of {
				collect(of)
			}
		case *rule.Not:
			collect(n.Of)
		default:
			units = append(units, string((&rule.Rule{Root: n}).JSON()))
		}
	}
	collect(r.Root)
	together, err := rule.Parse(touchstone.JSON(`{"and":[` + strings.Join(units, ",") + `]}`))
	if err != nil {
		h.t.Fatalf("%s: %v", text, err)
	}
	sets, err := h.segs.Holds(ctx, together, time.Time{})
	if err != nil {
		h.t.Fatal(err)
	}
	if len(sets) != len(units) {
		h.t.Fatalf("%d conditions of %s have %d answers", len(units), text, len(sets))
	}
	var got []touchstone.PersonID
	for _, p := range sortedPersons(h.people) {
		next := 0
		if holdsFor(r.Root, &next, func(i int) bool { return sets[i].Contains(uint64(p)) }) { //nolint:gosec // above 0
			got = append(got, p)
		}
	}
	e := Evaluator{History: h, Profiles: h, Households: h, Members: h.segs.MemberIDs, Since: h.segs.membersSince}
	want, err := e.Evaluate(ctx, r, h.now)
	if err != nil {
		h.t.Fatal(err)
	}
	if !slices.Equal(got, want) {
		h.t.Fatalf("%s holds for %v, and its conditions together for %v", text, want, got)
	}
}

// holdsFor evaluates a rule whose conditions are known, in their order; each is looked at.
func holdsFor(n rule.Node, next *int, holds func(i int) bool) bool {
	switch n := n.(type) {
	case *rule.And:
		all := true
		for _, of := range n.Of {
			all = holdsFor(of, next, holds) && all
		}
		return all
	case *rule.Or:
		some := false
		for _, of := range n.Of {
			some = holdsFor(of, next, holds) || some
		}
		return some
	case *rule.Not:
		return !holdsFor(n.Of, next, holds)
	}
	*next++
	return holds(*next - 1)
}
