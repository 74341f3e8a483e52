package linkage

import (
	"context"
	"maps"
	"slices"
	"testing"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/keep/keeptest"
	"github.com/touchstone-cdp/touchstone/store"
)

// Pairs follow their persons: each batch pairs the persons of all its facts, and decides about some.
func TestKeeper(t *testing.T) {
	keeptest.Exercise(t, func(t testing.TB, w *keeptest.World) keeptest.Feature {
		if err := w.DB.Migrate(t.Context(), "linkage", store.Migrations(migrationFiles)); err != nil {
			t.Fatal(err)
		}
		return keeptest.Feature{Keeper: Keeper(), React: func(ctx context.Context, tx *store.Tx, b *touchstone.Batch) error {
			return pairAll(ctx, tx, b)
		}}
	})
}

func pairAll(ctx context.Context, tx *store.Tx, b *touchstone.Batch) error {
	pairs := map[[2]touchstone.NodeID]*Pair{}
	for i := range b.Facts {
		for j := range i {
			one, other := &b.Facts[i], &b.Facts[j]
			if one.Node > other.Node {
				one, other = other, one
			}
			if one.Node == other.Node {
				continue
			}
			p := &Pair{Nodes: [2]touchstone.NodeID{one.Node, other.Node}, Persons: [2]touchstone.PersonID{one.Person, other.Person}, Evidence: "{}", Weight: float64(one.Node % 7)}
			if one.Node%5 == 0 {
				p.Decision, p.DecidedBy = reject, "usr_1"
			}
			pairs[p.Nodes] = p
		}
	}
	return writePairs(ctx, tx, slices.Collect(maps.Values(pairs)))
}
