package gather

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// However a person's items arrive, they end up in order: in one run, in two, in more, or
// as one run that only seems to be two.
func TestOrdererSorts(t *testing.T) {
	var o orderer
	rapid.Check(t, func(t *rapid.T) {
		var items []int64
		for _, run := range rapid.SliceOfN(rapid.SliceOfN(rapid.Int64Range(0, 50), 1, 8), 1, 4).Draw(t, "runs") {
			if rapid.IntRange(0, 9).Draw(t, "kind") > 0 {
				slices.Sort(run)
			}
			items = append(items, run...)
		}
		want := slices.Sorted(slices.Values(items))
		if o.sort(items); !slices.Equal(items, want) {
			t.Fatalf("got %v, want %v", items, want)
		}
	})
}
