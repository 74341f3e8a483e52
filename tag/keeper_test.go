package tag

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/keep/keeptest"
	"github.com/touchstone-cdp/touchstone/store"
)

// nowhere is an outbox of which nothing comes.
type nowhere struct{}

func (nowhere) Put(context.Context, *store.Tx, ...touchstone.Effect) error { return nil }

// Values that were written and sums of interest follow merges, splits and erasures.
func TestKeeper(t *testing.T) {
	keeptest.Exercise(t, func(t testing.TB, w *keeptest.World) keeptest.Feature {
		ctx := context.Background()
		tags, err := Open(ctx, Config{DB: w.DB, Clock: w.Clock(), SetTraits: func(context.Context, *store.Tx, []Value) error { return nil },
			Count: func(context.Context) (int64, error) { return 0, nil }})
		if err != nil {
			t.Fatal(err)
		}
		if list, err := tags.Taxonomies(ctx); err != nil {
			t.Fatal(err)
		} else if len(list) == 0 {
			prepareExercise(t, tags)
		}
		seen, err := exercised(ctx, tags)
		if err != nil {
			t.Fatal(err)
		}
		return keeptest.Feature{Keeper: tags.Keeper(), React: func(ctx context.Context, tx *store.Tx, b *touchstone.Batch) error {
			var heard []touchstone.Occurrence
			for item := range b.Ordered() {
				o := item.Occurrence()
				if item.Fact != nil && item.Change == nil {
					o.Person = item.Fact.Person // of today, as the inbox hands it over
				}
				heard = append(heard, o)
			}
			if err := tags.React(ctx, tx, heard, nowhere{}); err != nil {
				return err
			}
			for i := range b.Facts {
				f := &b.Facts[i]
				price := gjson.Get(string(f.Properties), "price")
				if price.Int() < 2 || f.Person == 0 { // what makes two persons one need not write
					continue
				}
				c := change{Value: Value{Node: f.Node, Person: f.Person, Seq: f.Seq, At: time.UnixMilli(1), Trait: seen.Trait(), Value: touchstone.JSON(price.Raw)}}
				if err := tags.write(ctx, tx, seen, []change{c}); err != nil {
					return err
				}
			}
			return nil
		}}
	})
}

// prepareExercise makes a tag that people like prices, and one of the price seen last.
func prepareExercise(t testing.TB, tags *Tags) {
	ctx := context.Background()
	tree, err := tags.SetTaxonomy(ctx, "", "prices", []string{"price"}, strings.NewReader("price\n0\n1\n2\n3\n4\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []Draft{
		{Key: "likes", Name: "likes", Kind: Interest, Definition: Definition{Interest: &InterestDef{Taxonomy: tree.ID, Top: 3, Least: 0.1, HalfLife: 24,
			Events: []InterestEvent{{"Viewed", "price", 1}, {"Bought", "price", 3}}}}},
		{Key: "seen", Name: "seen", Kind: Manual},
	} {
		x, err := tags.Create(ctx, d, Who{ID: "ann"})
		if err == nil {
			_, err = tags.Approve(ctx, x.ID, 1, time.Time{}, Who{ID: "bob"})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func exercised(ctx context.Context, tags *Tags) (seen *Tag, err error) {
	list, err := tags.List(ctx)
	for i := range list {
		if list[i].Key == "seen" {
			seen = &list[i]
		}
	}
	return seen, err
}
