package privacy

import (
	"context"
	"fmt"
	"testing"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/keep/keeptest"
	"github.com/touchstone-cdp/touchstone/store"
)

// Each event of the exercise is a request about its person, that waits.
func TestKeeper(t *testing.T) {
	keeptest.Exercise(t, func(t testing.TB, w *keeptest.World) keeptest.Feature {
		p, err := Open(context.Background(), Config{DB: w.DB, Keys: testKeys(), Kinds: touchstone.DefaultKindSet()})
		if err != nil {
			t.Fatal(err)
		}
		return keeptest.Feature{Keeper: p.Keeper(), React: func(ctx context.Context, tx *store.Tx, b *touchstone.Batch) error {
			var list []*Request
			for i := range b.Facts {
				f := &b.Facts[i]
				list = append(list, &Request{ID: fmt.Sprintf("pr_%019d", int64(f.Seq)), Kind: Access, State: Waiting, Identifiers: []string{f.Identifiers[0].String()},
					Note: f.MessageID, AskedAt: f.ReceivedAt, DueAt: f.ReceivedAt})
			}
			return insertRequests(ctx, tx, list)
		}}
	})
}
