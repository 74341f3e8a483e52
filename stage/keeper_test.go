package stage

import (
	"context"
	"testing"

	"github.com/tidwall/gjson"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/keep/keeptest"
	"github.com/touchstone-cdp/touchstone/store"
)

// Spans follow merges, splits and erasures. What was reached together stays where it was noted, so of ways nothing is
// promised but that nobody else's are in them.
func TestKeeper(t *testing.T) {
	keeptest.Exercise(t, func(t testing.TB, w *keeptest.World) keeptest.Feature {
		ctx := context.Background()
		around := &world{t: t, rules: map[string]string{}, mark: 1}
		s, err := Open(ctx, Config{DB: w.DB, Clock: w.Clock(), Rules: around, Persons: around, Strongest: around.strongest})
		if err != nil {
			t.Fatal(err)
		}
		list, err := s.List(ctx)
		if err == nil && len(list) == 0 {
			if _, err = s.Create(ctx, Draft{Key: "purchase", Name: "P", Definition: purchase(false)}, Who{}); err == nil {
				err = s.Tend(ctx, func(context.Context, *store.Tx) error { return nil }, func(context.Context, string, string) error { return nil })
			}
			if err == nil {
				list, err = s.List(ctx)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		sets := list[0].sets()
		return keeptest.Feature{Keeper: s.Keeper(), Promise: func(string, any) any { return nil }, React: func(ctx context.Context, tx *store.Tx, b *touchstone.Batch) error {
			var heard []touchstone.Occurrence
			for item := range b.Ordered() {
				o := item.Occurrence()
				if item.Change != nil || item.Fact == nil {
					heard = append(heard, o)
					continue
				}
				price := gjson.Get(string(item.Fact.Properties), "price").Int()
				o.Kind, o.Person, o.Name = touchstone.EnteredSegment, item.Fact.Person, sets[price%3]
				if price > 2 {
					o.Kind = touchstone.LeftSegment
				}
				if o.Person != 0 {
					heard = append(heard, o)
				}
			}
			return s.React(ctx, tx, heard, nowhere{})
		}}
	})
}

// nowhere is an outbox of which nothing comes.
type nowhere struct{}

func (nowhere) Put(context.Context, *store.Tx, ...touchstone.Effect) error { return nil }
