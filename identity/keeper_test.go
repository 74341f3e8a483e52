package identity

import (
	"cmp"
	"context"
	"slices"
	"testing"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/keep/keeptest"
	"github.com/touchstone-cdp/touchstone/store"
)

// exercised is the graph in keeptest's hands, which takes the part of the operators.
type exercised struct{ g *Graph }

func (e exercised) Erase(ctx context.Context, tx *store.Tx, b *touchstone.Batch, person touchstone.PersonID) error {
	_, err := e.g.Erase(ctx, tx, b, []touchstone.PersonID{person})
	return err
}

func (e exercised) Split(ctx context.Context, tx *store.Tx, b *touchstone.Batch, person touchstone.PersonID, moved []touchstone.NodeID) error {
	return e.g.change(ctx, tx, func(st *state) error {
		_, err := e.g.split(ctx, tx, b, st, request{id: "test", person: person, nodes: moved})
		return err
	})
}

// promised is what does not depend on how the person came to be: the identifiers. Evidence,
// merges and numbers do, and counts are gathered in memory, which a restart loses.
func promised(name string, value any) any {
	if name != "identifiers" {
		return nil
	}
	var list []map[string]any
	for _, v := range value.([]any) {
		n := v.(map[string]any)
		list = append(list, map[string]any{"kind": n["kind"], "value": n["value"]})
	}
	slices.SortFunc(list, func(a, b map[string]any) int { return cmp.Compare(a["value"].(string), b["value"].(string)) })
	return list
}

func TestKeeper(t *testing.T) {
	keeptest.Exercise(t, func(t testing.TB, w *keeptest.World) keeptest.Feature {
		g, err := New(context.Background(), Config{DB: w.DB, Clock: w.Clock(), Through: func() []touchstone.Seq {
			return []touchstone.Seq{w.Last()}
		}})
		if err != nil {
			t.Fatal(err)
		}
		return keeptest.Feature{
			Keeper: g.Keeper(), Apply: g.Apply, Rollback: g.Rollback, Committed: g.Committed, Promise: promised, Identity: exercised{g},
			Gathered: []string{"events", "last_seen", "count", "last_time", "company"},
			Totals: func(ctx context.Context, q store.Querier) (any, error) {
				persons, known, err := g.Counts(ctx)
				return []int64{persons, known}, err
			},
		}
	})
}
