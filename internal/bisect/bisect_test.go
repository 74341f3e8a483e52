package bisect

import (
	"errors"
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
		Search(items, func(some []int) error {
			trials++
			if i := slices.IndexFunc(some, func(i int) bool { return bad[i] }); i >= 0 {
				return errors.New("bad")
			}
			return nil
		}, func(error) bool { return false }, func(i int, _ error) { found = append(found, i) })
		if len(found) != len(bad) || slices.ContainsFunc(found, func(i int) bool { return !bad[i] }) {
			t.Fatalf("found %v, want %v", found, bad)
		}
		if most := 1 + 2*9*max(1, len(bad)); trials > most {
			t.Fatalf("%d trials for %d bad ones among %d", trials, len(bad), n)
		}
	})
}

func TestSearchOfAPairThatFailsTogether(t *testing.T) {
	var found []int
	ok := Search([]int{0, 1, 2, 3, 4, 5}, func(some []int) error {
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

func TestTroubleEndsTheSearch(t *testing.T) {
	trouble := errors.New("disk full")
	if Search([]int{1, 2}, func([]int) error { return trouble }, func(err error) bool { return errors.Is(err, trouble) },
		func(int, error) { t.Error("an item was blamed for a trouble") }) {
		t.Error("found something")
	}
	var s Suspicion
	for i, want := range []bool{false, false, true, false} {
		if got := s.Look(false); got != want {
			t.Errorf("failure %d: %v", i+1, got)
		}
	}
	s.Look(true)
	if s.Look(false) || s.Look(false) || !s.Look(false) {
		t.Error("a trouble does not begin the count anew")
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
