package collect

import (
	"context"
	"slices"
	"testing"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/keep/keeptest"
	"github.com/touchstone-cdp/touchstone/store"
)

// What the edge refuses is found by what it says: each event of the exercise is one that a
// stage has set aside.
func TestKeeper(t *testing.T) {
	keeptest.Exercise(t, func(t testing.TB, w *keeptest.World) keeptest.Feature {
		if err := w.DB.Migrate(context.Background(), "collect", Migrations()); err != nil {
			t.Fatal(err)
		}
		writer := NewQuarantineWriter(nil)
		return keeptest.Feature{
			Keeper: Keeper(),
			React: func(ctx context.Context, tx *store.Tx, b *touchstone.Batch) error {
				facts := slices.Clone(b.Facts)
				for i := range facts {
					facts[i].Reason = "stage_refused: for the exercise"
				}
				return writer.Write(ctx, tx, facts)
			},
			Promise: func(_ string, value any) any { // ids are drawn
				m := value.(map[string]any)
				delete(m, "id")
				return m
			},
		}
	})
}
