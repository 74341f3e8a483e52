package hold

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/touchstone-cdp/touchstone/keep"
	"github.com/touchstone-cdp/touchstone/store"
)

// keeper lets who is held follow merges and splits: with one side of a merge the whole is held, and
// after a split each side that was named. A reason may name somebody; it goes with the last of those
// whom the hold names, and when it mentions one who is erased.
type keeper struct{}

// Keeper is the keeper of who is held.
func Keeper() keep.Keeper { return keeper{} }

// shortest is the length from which a value in a reason is taken for somebody's.
const shortest = 5

func (keeper) Name() string { return "hold" }

func (keeper) Tables() []keep.Table {
	return []keep.Table{
		{Name: "privacy_held", Persons: []string{"person"}, Nodes: []string{"node"}},
		{Name: "privacy_holds", Texts: []string{"reason"}},
	}
}

func (keeper) Merge(ctx context.Context, tx *store.Tx, merges []keep.Merge) error {
	order, into := keep.Final(merges)
	for _, p := range order {
		if _, err := tx.Exec(ctx, `UPDATE privacy_held SET person = ? WHERE person = ?`, int64(into[p]), int64(p)); err != nil {
			return err
		}
	}
	return nil
}

func (keeper) Split(ctx context.Context, tx *store.Tx, splits []keep.Split) error {
	for _, s := range splits {
		for _, n := range s.Moved {
			if _, err := tx.Exec(ctx, `UPDATE privacy_held SET person = ? WHERE person = ? AND node = ?`, int64(s.To), int64(s.From), int64(n)); err != nil {
				return err
			}
		}
	}
	return nil
}

// Erase is of persons whom no hold keeps any more.
func (keeper) Erase(ctx context.Context, tx *store.Tx, persons []keep.Whole) error {
	for i := range persons {
		for _, column := range []string{"person", "node"} {
			if err := store.ExecIn(ctx, tx, `DELETE FROM privacy_held WHERE `+column+` IN (...)`, persons[i].Numbers()); err != nil {
				return err
			}
		}
	}
	var names, gone []string
	for i := range persons {
		for _, id := range persons[i].Identifiers {
			if names = append(names, strings.ToLower(id.String())); len(id.Value) >= shortest {
				names = append(names, strings.ToLower(id.Value))
			}
		}
	}
	err := keep.Each(ctx, tx, `SELECT id, reason FROM privacy_holds WHERE reason <> ''`, nil, func(scan func(...any) error) error {
		var id, reason string
		err := scan(&id, &reason)
		if slices.ContainsFunc(names, func(name string) bool { return strings.Contains(strings.ToLower(reason), name) }) {
			gone = append(gone, id)
		}
		return err
	})
	if err != nil {
		return err
	}
	return store.ExecIn(ctx, tx, `UPDATE privacy_holds SET reason = '' WHERE id IN (...)`, gone)
}

// Export says since when something is held of the person, and until when; the reason is the organisation's.
func (keeper) Export(ctx context.Context, q store.Querier, who keep.Whole, put keep.Put) error {
	return keep.Each(ctx, q, `SELECT DISTINCT h.id, h.placed_at, h.until_at, h.lifted_at FROM privacy_holds h JOIN privacy_held p ON p.hold = h.id WHERE p.person = ? ORDER BY h.id`, []any{int64(who.Person)}, func(scan func(...any) error) error {
		var id string
		var placed, until, lifted int64
		if err := scan(&id, &placed, &until, &lifted); err != nil {
			return err
		}
		return put("hold", map[string]any{"id": id, "since": time.UnixMilli(placed).UTC(), "until": moment(until), "lifted": moment(lifted)})
	})
}

func moment(ms int64) *time.Time {
	if ms == 0 {
		return nil
	}
	at := time.UnixMilli(ms).UTC()
	return &at
}
