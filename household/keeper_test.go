package household

import (
	"context"
	"testing"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/keep/keeptest"
	"github.com/touchstone-cdp/touchstone/store"
)

// exerciseRules make households of what keeptest's events hold: those who say the same plan,
// or have viewed at the same price on two days, live together.
const exerciseRules = `{"threshold":0.8,"night_from":20,"night_to":6,"paid":["Bought"],"paid_fields":["price"],"born_fields":[],"role_fields":[],"name_fields":["name"],"rules":[
	{"kind":"declared","on":true,"weight":0.9,"most":6,"least":1,"fresh":0,"events":[],"fields":["plan"]},
	{"kind":"payment","on":true,"weight":0.85,"most":6,"least":1,"fresh":30,"events":["Viewed"],"fields":["price"]}]}`

// nowhere is an outbox of which nothing comes.
type nowhere struct{}

func (nowhere) Put(context.Context, *store.Tx, ...touchstone.Effect) error { return nil }

func TestKeeper(t *testing.T) {
	keeptest.Exercise(t, func(t testing.TB, w *keeptest.World) keeptest.Feature {
		h, err := Open(context.Background(), Config{DB: w.DB, Clock: w.Clock()})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.DB.Update(context.Background(), func(tx *store.Tx) error {
			_, err := tx.Exec(context.Background(), `UPDATE household_rules SET rules = ?, version = 1`, exerciseRules)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		// Who lived with somebody erased lives with fewer now, or with nobody.
		return keeptest.Feature{Keeper: h.Keeper(), Follows: []string{"household_members"}, React: func(ctx context.Context, tx *store.Tx, b *touchstone.Batch) error {
			var heard []touchstone.Occurrence
			for item := range b.Ordered() {
				o := item.Occurrence()
				if item.Fact != nil && item.Change == nil {
					o.Person = item.Fact.Person // of today, as the inbox hands it over
				}
				heard = append(heard, o)
			}
			return h.React(ctx, tx, heard, nowhere{})
		}}
	})
}
