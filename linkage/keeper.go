package linkage

import (
	"cmp"
	"context"
	"database/sql"
	"slices"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/keep"
	"github.com/touchstone-cdp/touchstone/store"
)

// keeper lets pairs follow their persons. A model keeps values only that many persons share.
type keeper struct{}

// Keeper is the keeper of pairs.
func Keeper() keep.Keeper { return keeper{} }

func (keeper) Name() string { return "linkage" }

func (keeper) Tables() []keep.Table {
	return []keep.Table{{Name: "linkage_pairs", Persons: []string{"person_a", "person_b"}, Nodes: []string{"node_a", "node_b"}}}
}

// pairsOfPersons reads the pairs of which a side is one of the persons, each once.
func pairsOfPersons(ctx context.Context, q store.Querier, persons []touchstone.PersonID) ([]*Pair, error) {
	found := map[[2]touchstone.NodeID]*Pair{}
	for _, column := range []string{"person_a", "person_b"} {
		err := store.SelectIn(ctx, q, `SELECT `+pairColumns+` FROM linkage_pairs WHERE `+column+` IN (...)`, persons, func(rows *sql.Rows) error {
			p, err := scanPair(rows)
			if err == nil {
				found[p.Nodes] = p
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	list := make([]*Pair, 0, len(found))
	for _, p := range found {
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b *Pair) int {
		return cmp.Or(cmp.Compare(a.Nodes[0], b.Nodes[0]), cmp.Compare(a.Nodes[1], b.Nodes[1]))
	})
	return list, nil
}

// Merge moves the sides. Nothing else changes, so that a split finds the pairs as they were.
func (keeper) Merge(ctx context.Context, tx *store.Tx, merges []keep.Merge) error {
	order, into := keep.Final(merges)
	list, err := pairsOfPersons(ctx, tx, order)
	if err != nil {
		return err
	}
	for _, p := range list {
		for side := range p.Persons {
			if to, absorbed := into[p.Persons[side]]; absorbed {
				p.Persons[side] = to
			}
		}
	}
	return writePairs(ctx, tx, list)
}

// Split moves the sides whose node moved.
func (keeper) Split(ctx context.Context, tx *store.Tx, splits []keep.Split) error {
	for _, s := range splits {
		list, err := pairsOfPersons(ctx, tx, []touchstone.PersonID{s.From})
		if err != nil {
			return err
		}
		for _, p := range list {
			for side := range p.Persons {
				if p.Persons[side] == s.From && slices.Contains(s.Moved, p.Nodes[side]) {
					p.Persons[side] = s.To
				}
			}
		}
		if err := writePairs(ctx, tx, list); err != nil {
			return err
		}
	}
	return nil
}

// Erase deletes the pairs of the persons.
func (keeper) Erase(ctx context.Context, tx *store.Tx, persons []keep.Whole) error {
	for _, w := range persons {
		for _, column := range []string{"person_a", "person_b", "node_a", "node_b"} {
			if err := store.ExecIn(ctx, tx, `DELETE FROM linkage_pairs WHERE `+column+` IN (...)`, w.Numbers()); err != nil {
				return err
			}
		}
	}
	return nil
}

// Export hands over with whom the person was compared, by number only: the others' values are theirs.
func (keeper) Export(ctx context.Context, q store.Querier, who keep.Whole, put keep.Put) error {
	list, err := pairsOfPersons(ctx, q, []touchstone.PersonID{who.Person})
	for _, p := range list {
		if err == nil {
			err = put("pair", map[string]any{"id": p.ID(), "weight": p.Weight, "chance": p.Chance, "state": p.State(), "found_at": p.FoundAt})
		}
	}
	return err
}
