package bisect

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestSearchFindsExactlyTheBad draws which items are at fault, also such that fail only
// behind another one, and removes what is found until the rest is taken.
func TestSearchFindsExactlyTheBad(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 200).Draw(t, "n")
		bad := map[int]bool{}
		for _, i := range rapid.SliceOfN(rapid.IntRange(0, n-1), 0, 8).Draw(t, "bad") {
			bad[i] = true
		}
		items := make([]int, n)
		for i := range items {
			items[i] = i
		}
		var found []int
		trials := 0
		Search(&Hunt{}, "", items, func(some []int) error {
			trials++
			if i := slices.IndexFunc(some, func(i int) bool { return bad[i] }); i >= 0 {
				return errors.New("bad")
			}
			return nil
		}, func(error) bool { return false }, func(i int, _ error) { found = append(found, i) })
		if len(found) != len(bad) || slices.ContainsFunc(found, func(i int) bool { return !bad[i] }) {
			t.Fatalf("found %v, want %v", found, bad)
		}
		if most := 1 + 20*max(1, len(bad)); trials > most {
			t.Fatalf("%d trials for %d bad ones among %d", trials, len(bad), n)
		}
	})
}

func TestSearchOfAPairThatFailsTogether(t *testing.T) {
	var found []int
	ok := Search(&Hunt{}, "", []int{0, 1, 2, 3, 4, 5}, func(some []int) error {
		if slices.Contains(some, 1) && slices.Contains(some, 4) {
			return errors.New("one and four do not go together")
		}
		return nil
	}, func(error) bool { return false }, func(i int, err error) {
		found = append(found, i)
		if !strings.Contains(err.Error(), "after the events before it") {
			t.Error(err)
		}
	})
	if !ok || !slices.Equal(found, []int{4}) {
		t.Errorf("found %v", found)
	}
}

// TestTroubleInterruptsTheSearch: whatever trials meet trouble, also every second one for
// ever, the search comes to the same end, with no trial made twice that had an answer.
func TestTroubleInterruptsTheSearch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 100).Draw(t, "n")
		bad := rapid.SliceOfNDistinct(rapid.IntRange(0, n-1), 1, min(n, 5), rapid.ID).Draw(t, "bad")
		trouble := errors.New("disk full")
		length := rapid.IntRange(1, 2*patience).Draw(t, "troubles in a row")
		answers := rapid.IntRange(1, 3).Draw(t, "answers in a row")
		items := make([]int, n)
		for i := range items {
			items[i] = i
		}
		calls := 0
		answered := map[string]int{}
		try := func(some []int) error {
			calls++
			if (calls-1)%(length+answers) < length {
				return trouble
			}
			key := fmt.Sprint(some)
			if answered[key]++; answered[key] > 2 { // a refusal is confirmed
				t.Fatalf("%s was tried again and again", key)
			}
			if slices.ContainsFunc(some, func(i int) bool { return slices.Contains(bad, i) }) {
				return errors.New("bad")
			}
			return nil
		}
		var h Hunt
		for !h.Look(false) { // as many failures as it takes
		}
		var found []int
		for rounds := 0; !Search(&h, "work", items, try, func(err error) bool { return errors.Is(err, trouble) }, func(i int, _ error) { found = append(found, i) }); rounds++ {
			if rounds > 2*(2+20*len(bad)) {
				t.Fatalf("no end after %d rounds", rounds)
			}
			if len(found) > 0 || h.Look(true) || !h.Look(false) {
				t.Fatalf("found %v; after a trouble nothing is looked at, and then the search goes on", found)
			}
		}
		slices.Sort(bad)
		if !slices.Equal(found, bad) {
			t.Fatalf("found %v, want %v", found, bad)
		}
		// What was found is found again, until it is forgotten.
		before, again := calls, []int(nil)
		Search(&h, "work", items, try, func(err error) bool { return errors.Is(err, trouble) }, func(i int, _ error) { again = append(again, i) })
		if calls != before || !slices.Equal(again, bad) || !h.Look(false) {
			t.Fatalf("found %v with %d more trials", again, calls-before)
		}
		if h.Forget(); h.Trials() != 0 || h.Pending() {
			t.Fatal("nothing was forgotten")
		}
	})
}

// TestWhatFailsOnceIsNobodysFault: a trial fails by chance, and the others do not.
func TestWhatFailsOnceIsNobodysFault(t *testing.T) {
	for n := 1; n < 5; n++ {
		calls := 0
		Search(&Hunt{}, "", make([]int, n), func([]int) error {
			if calls++; calls == 1 {
				return errors.New("by chance")
			}
			return nil
		}, func(error) bool { return false }, func(i int, _ error) { t.Errorf("of %d, %d was blamed", n, i) })
	}
}

func TestTroubleBlamesNobody(t *testing.T) {
	trouble := errors.New("disk full")
	var h Hunt
	if Search(&h, "", []int{1, 2}, func([]int) error { return trouble }, func(err error) bool { return errors.Is(err, trouble) },
		func(int, error) { t.Error("an item was blamed for a trouble") }) {
		t.Error("found something")
	}
	h.Clear()
	for i, want := range []bool{false, false, false, true, false} {
		if got := h.Look(i == 1); got != want { // the second is a trouble
			t.Errorf("failure %d: %v", i+1, got)
		}
	}
}

func TestGuard(t *testing.T) {
	err := Guard(func() error { panic("boom") })
	if err == nil || Shortly(err) != "panic: boom" {
		t.Errorf("got %v", err)
	}
	if err := Guard(func() error { return nil }); err != nil {
		t.Error(err)
	}
}
