package segment

import (
	"slices"
	"testing"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/storetest"
)

// Sets of tags follow people as segments do, are told of, and stand in no list.
func TestTagRules(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		base, err := w.segs.Create(ctx, Draft{Name: "base", Rule: `{"trait":"city","op":"exists"}`})
		must(err)
		sets := []string{TagRulePrefix + "x_1_0", TagRulePrefix + "x_1_1"}
		keep := func() {
			t.Helper()
			must(db.Update(ctx, func(tx *store.Tx) error {
				if err := w.segs.KeepTagRule(ctx, tx, sets[0], `{"trait":"city","op":"eq","value":"Rome"}`); err != nil {
					return err
				}
				return w.segs.KeepTagRule(ctx, tx, sets[1], touchstone.JSON(`{"segment":"`+base.ID+`"}`))
			}))
		}
		w.trait(1, "city", `"Rome"`)
		w.commit(0)
		keep()
		if built, _, _, err := w.segs.TagRulesBuilt(ctx, db.Reader(), sets); err != nil || built {
			t.Fatalf("built before anything was done: %v", err)
		}
		w.settle()
		built, mark, failure, err := w.segs.TagRulesBuilt(ctx, db.Reader(), sets)
		if err != nil || !built || failure != "" || mark == 0 {
			t.Fatalf("built %v, %q, %v", built, failure, err)
		}
		in, err := w.segs.InTagRules(ctx, db.Reader(), sets, []touchstone.PersonID{1, 2})
		if err != nil || !slices.Equal(in[1], []int{0, 1}) || len(in[2]) != 0 {
			t.Fatalf("in %v, %v", in, err)
		}
		if _, err := w.segs.Create(ctx, Draft{Name: "names a set", Rule: touchstone.JSON(`{"segment":"` + sets[0] + `"}`)}); touchstone.KindOf(err) != touchstone.Invalid {
			t.Errorf("a segment that goes by a tag's set, which goes with its version: %v", err)
		}
		w.changes = nil
		w.trait(2, "city", `"Oslo"`)
		w.trait(1, "city", "null")
		w.commit(0)
		var told []string
		for _, c := range w.changes {
			if c.Kind != touchstone.TraitChanged && c.Name != base.ID {
				told = append(told, c.Person.String()+" "+c.Kind.String()+" "+c.Name)
			}
		}
		slices.Sort(told)
		if !slices.Equal(told, []string{"p_1 segment_left " + sets[0], "p_1 segment_left " + sets[1], "p_2 segment_entered " + sets[1]}) {
			t.Errorf("told %q", told)
		}

		// Nobody sees them, and what they go by stays.
		list, err := w.segs.List(ctx, access.System())
		must(err)
		feed, _, err := w.segs.Changes(ctx, access.System(), "", 100, "")
		must(err)
		for _, c := range feed {
			if c.Segment != base.ID {
				t.Errorf("the feed shows %+v", c)
			}
		}
		if _, err := w.segs.Get(ctx, access.System(), sets[0]); len(list) != 1 || touchstone.KindOf(err) != touchstone.NotFound {
			t.Errorf("%d segments, %v", len(list), err)
		}
		if err := w.segs.Delete(ctx, sets[0]); touchstone.KindOf(err) != touchstone.NotFound {
			t.Errorf("a set is deleted as a segment: %v", err)
		}
		if err := w.segs.Delete(ctx, base.ID); touchstone.KindOf(err) != touchstone.Conflict {
			t.Errorf("what a set goes by is deleted: %v", err)
		}

		// Another rule of the segment that it goes by has it built anew: the mark says so.
		other := touchstone.JSON(`{"trait":"plan","op":"exists"}`)
		_, err = w.segs.Update(ctx, base.ID, Patch{Rule: &other})
		must(err)
		w.settle()
		if built, now, _, err := w.segs.TagRulesBuilt(ctx, db.Reader(), sets); err != nil || !built || now == mark {
			t.Errorf("built %v, mark %d was %d, %v", built, now, mark, err)
		}
		must(db.Update(ctx, func(tx *store.Tx) error { return w.segs.DropTagRules(ctx, tx, sets) }))
		w.settle()
		must(w.segs.Delete(ctx, base.ID))
	})
}
