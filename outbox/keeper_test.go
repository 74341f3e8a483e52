package outbox_test

import (
	"context"
	"testing"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/keep/keeptest"
	"github.com/touchstone-cdp/touchstone/outbox"
	"github.com/touchstone-cdp/touchstone/store"
)

func TestKeeper(t *testing.T) {
	keeptest.Exercise(t, func(t testing.TB, w *keeptest.World) keeptest.Feature {
		o, err := outbox.New(t.Context(), outbox.Config{DB: w.DB, Clock: w.Clock()})
		if err != nil {
			t.Fatal(err)
		}
		return keeptest.Feature{Keeper: o.Keeper(), Apply: func(ctx context.Context, tx *store.Tx, b *touchstone.Batch) error {
			var effects []touchstone.Effect
			for i := range b.Facts {
				f := &b.Facts[i]
				effects = append(effects, touchstone.Effect{ID: f.MessageID, Kind: "call", Destination: "a", Person: f.Person, Node: f.Node,
					Body: []byte(string(f.Properties) + string(f.Traits))})
			}
			return o.Put(ctx, tx, effects...)
		}}
	})
}
