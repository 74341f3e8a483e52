package profile

import (
	"context"
	"strconv"
	"testing"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/internal/backfill"
	"github.com/touchstone-cdp/touchstone/keep/keeptest"
	"github.com/touchstone-cdp/touchstone/store"
)

// past is the exercise's world as a warehouse.
type past struct{ w *keeptest.World }

func (h past) Mark() string { return strconv.Itoa(h.w.Mark()) }

func (h past) Events(_ context.Context, person touchstone.PersonID, mark string, fn func(f *touchstone.Fact) error) (bool, error) {
	n, err := strconv.Atoi(mark)
	if err != nil {
		return false, err
	}
	for _, f := range h.w.Facts(n) {
		if f.Person != person {
			continue
		}
		if err := fn(&f); err != nil {
			return false, err
		}
	}
	return true, nil
}

func TestKeeper(t *testing.T) {
	keeptest.Exercise(t, func(t testing.TB, w *keeptest.World) keeptest.Feature {
		p, err := New(context.Background(), Config{DB: w.DB, Clock: w.Clock(), History: past{w}, CacheBytes: 4 << 20})
		if err != nil {
			t.Fatal(err)
		}
		p.histories, p.partFacts = backfill.NewQueue[*history](10_000), 2
		if err := p.learnJoined(context.Background()); err != nil {
			t.Fatal(err)
		}
		return keeptest.Feature{
			Settle: func(ctx context.Context) (more bool, err error) {
				waiting, err := p.waitingRebuilds(ctx)
				if err != nil || len(waiting) == 0 {
					return false, err
				}
				if p.histories.Waiting() == 0 {
					err = p.sendHistories(ctx, waiting, map[waitingRebuild]bool{})
				}
				return true, err
			},
			Keeper: p.Keeper(), Apply: p.Apply, Rollback: p.Rollback, Committed: p.Committed,
			Totals: func(ctx context.Context, q store.Querier) (any, error) {
				traits, err := p.Traits(ctx, access.System())
				if err != nil {
					return nil, err
				}
				persons := map[string]int64{}
				for _, t := range traits {
					persons[t.Trait] = t.Persons
				}
				persons["*"], err = p.Count(ctx)
				return persons, err
			},
		}
	})
}
