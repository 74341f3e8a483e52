package segment

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/segment/rule"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/storetest"
)

var (
	ann = Who{ID: "usr_ann", Name: "Ann"}
	bob = Who{ID: "usr_bob", Name: "Bob"}
)

// numbers are the versions of a list, with a star at those that wait.
func numbers(t *testing.T, w *world, id string) (list []string) {
	t.Helper()
	all, err := w.segs.Versions(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range all {
		text := v.AuthorName + " " + string(v.Rule)
		if v.HeldAt == nil {
			text = "* " + text
		}
		list = append(list, text)
	}
	return list
}

func TestAGuardedRuleWaitsForSomebodyElse(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		one, two, three := touchstone.JSON(`{"event":"a"}`), touchstone.JSON(`{"event":"b"}`), touchstone.JSON(`{"event":"c"}`)
		g, err := w.segs.Create(ctx, Draft{Name: "buyers", Rule: one, Who: ann, Place: Place{Folder: " growth // vip ", Labels: []string{"x", " x", "y "}, Guarded: true}})
		if err != nil {
			t.Fatal(err)
		}
		if want := (Place{Folder: "growth/vip", Labels: []string{"x", "y"}, Guarded: true}); !cmp.Equal(want, g.Place) {
			t.Fatal(cmp.Diff(want, g.Place))
		}
		w.settle()
		name := "Buyers"
		if g, err = w.segs.Update(ctx, g.ID, Patch{Name: &name, Rule: &two, Who: ann}); err != nil || g.Name != name || g.Rule != one || g.Version != 1 || g.Draft != 2 || g.Status != Live {
			t.Fatalf("got %+v, %v: the name holds, the rule waits", g, err)
		}
		first, err := w.segs.Versions(ctx, g.ID)
		if err != nil {
			t.Fatal(err)
		}
		w.now = w.now.Add(time.Second)
		if g, err = w.segs.Update(ctx, g.ID, Patch{Rule: &three, Who: ann}); err != nil || g.Draft != 2 {
			t.Fatalf("got %+v, %v", g, err)
		}
		if want := []string{"* Ann " + string(three), "Ann " + string(one)}; !slices.Equal(numbers(t, w, g.ID), want) {
			t.Fatalf("got %q", numbers(t, w, g.ID))
		}
		waits, err := w.segs.Versions(ctx, g.ID)
		if err != nil {
			t.Fatal(err)
		}
		for what, c := range map[string]struct {
			err  error
			kind touchstone.ErrorKind
		}{
			"by its author":         {second(w.segs.Approve(ctx, g.ID, 2, waits[0].WrittenAt, ann)), touchstone.Forbidden},
			"what has been changed": {second(w.segs.Approve(ctx, g.ID, 2, first[0].WrittenAt, bob)), touchstone.Conflict},
			"what does not wait":    {second(w.segs.Approve(ctx, g.ID, 1, waits[1].WrittenAt, bob)), touchstone.Conflict},
			"what there is not":     {second(w.segs.Approve(ctx, g.ID, 3, waits[0].WrittenAt, bob)), touchstone.NotFound},
			"go back to what waits": {second(w.segs.Rollback(ctx, g.ID, 2, bob)), touchstone.Conflict},
		} {
			if c.err == nil || touchstone.KindOf(c.err) != c.kind {
				t.Errorf("%s: got %v", what, c.err)
			}
		}
		if g, err = w.segs.Approve(ctx, g.ID, 2, waits[0].WrittenAt, bob); err != nil || g.Rule != three || g.Version != 2 || g.Draft != 0 || g.Status != Building {
			t.Fatalf("got %+v, %v", g, err)
		}
		w.settle()
		if g, err = w.segs.Rollback(ctx, g.ID, 1, bob); err != nil || g.Rule != three || g.Draft != 3 {
			t.Fatalf("a guarded segment goes back by approval, too: got %+v, %v", g, err)
		}
		if err := w.segs.Discard(ctx, g.ID); err != nil {
			t.Fatal(err)
		}
		if err := w.segs.Discard(ctx, g.ID); touchstone.KindOf(err) != touchstone.Conflict {
			t.Fatal(err)
		}
		open := false
		if g, err = w.segs.Update(ctx, g.ID, Patch{Place: PlacePatch{Guarded: &open}, Rule: &one, Who: bob}); err != nil || g.Version != 3 || g.Rule != one {
			t.Fatalf("got %+v, %v", g, err)
		}
		if want := []string{"Bob " + string(one), "Ann " + string(three), "Ann " + string(one)}; !slices.Equal(numbers(t, w, g.ID), want) {
			t.Fatalf("got %q", numbers(t, w, g.ID))
		}
	})
}

func TestDuplicate(t *testing.T) {
	storetest.Run(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		g, err := w.segs.Create(ctx, Draft{Name: "buyers", Description: "d", Rule: `{"event":"a"}`, Who: ann, Place: Place{Folder: "f", Owner: "Ann", Labels: []string{"x"}}})
		if err != nil {
			t.Fatal(err)
		}
		list, err := w.segs.CreateStatic(ctx, Draft{Name: "list"}, []touchstone.PersonID{3, 1})
		if err != nil {
			t.Fatal(err)
		}
		w.settle()
		c, err := w.segs.Duplicate(ctx, access.System(), g.ID, "copy", bob)
		if err != nil || c.ID == g.ID || c.Rule != g.Rule || c.Folder != "f" || c.Owner != "" || c.Version != 1 || c.Description != "d" {
			t.Fatalf("got %+v, %v", c, err)
		}
		if _, err := w.segs.Duplicate(ctx, access.System(), g.ID, "copy", bob); touchstone.KindOf(err) != touchstone.Conflict {
			t.Fatal(err)
		}
		if c, err = w.segs.Duplicate(ctx, access.System(), list.ID, "list 2", bob); err != nil {
			t.Fatal(err)
		}
		w.settle()
		if got := w.members(c.ID); !slices.Equal(got, []touchstone.PersonID{1, 3}) {
			t.Fatal(got)
		}
		many := make([]string, maxLabels+1)
		for i := range many {
			many[i] = strings.Repeat("x", i+1)
		}
		for _, p := range []Place{{Folder: strings.Repeat("长", 201)}, {Labels: []string{"a\nb"}}, {Labels: many}, {Owner: strings.Repeat("长", 201)}} {
			if _, err := w.segs.Create(ctx, Draft{Name: "bad", Rule: `{"event":"a"}`, Place: p}); touchstone.KindOf(err) != touchstone.Invalid {
				t.Errorf("%+v: %v", p, err)
			}
		}
	})
}

func TestDifferences(t *testing.T) {
	for _, c := range []struct{ was, now, want string }{
		{`{"event":"a"}`, `{"event":"a"}`, ``},
		{`{"and":[{"event":"a"},{"trait":"city","op":"eq","value":"x"}]}`, `{"and":[{"trait":"city","op":"eq","value":"x"},{"event":"a"}]}`, ``},
		{`{"and":[{"event":"a"},{"event":"b"}]}`, `{"and":[{"event":"b"},{"event":"a","count":{"op":"gte","value":2}}]}`, `and.1.count: null → {"op":"gte","value":2}`},
		{`{"and":[{"event":"a"},{"event":"b"}]}`, `{"and":[{"event":"a"},{"trait":"t","op":"exists"}]}`, `and.1: null → {"op":"exists","trait":"t"}; and.1: {"event":"b"} → null`},
		{`{"event":"a","within":"30d"}`, `{"event":"a","within":"60d"}`, `within: "30d" → "60d"`},
		{`{"event":"a"}`, `{"and":[{"event":"a"},{"event":"b"}]}`, `: {"event":"a"} → {"and":[{"event":"a"},{"event":"b"}]}`},
		{`{"sequence":[{"event":"a"},{"event":"b"}]}`, `{"sequence":[{"event":"b"},{"event":"a"}]}`, `sequence.0.event: "a" → "b"; sequence.1.event: "b" → "a"`},
		{``, `{"event":"a"}`, `: null → {"event":"a"}`},
	} {
		list, err := rule.Differences(touchstone.JSON(c.was), touchstone.JSON(c.now))
		if err != nil {
			t.Fatal(err)
		}
		var parts []string
		for _, d := range list {
			parts = append(parts, d.Path+": "+string(d.Old)+" → "+string(d.New))
		}
		if got := strings.Join(parts, "; "); got != c.want {
			t.Errorf("%s → %s:\n got %s\nwant %s", c.was, c.now, got, c.want)
		}
	}
}
