package tag

import (
	"context"
	"database/sql"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/keep"
	"github.com/touchstone-cdp/touchstone/store"
)

// keeper moves values and sums with the identifiers that they came under. Of several values the latest is the person's.
type keeper struct{}

// Keeper returns the tags as a keeper of rows about persons.
func (t *Tags) Keeper() keep.Keeper { return keeper{} }

func (keeper) Name() string { return "tag" }

func (keeper) Tables() []keep.Table {
	return []keep.Table{
		{Name: "tag_values", Persons: []string{"person"}, Nodes: []string{"node"}, Texts: []string{"value"}},
		{Name: "tag_scores", Persons: []string{"person"}, Nodes: []string{"node"}},
	}
}

var personTables = []string{"tag_values", "tag_scores"}

// join gives what one person has to another.
func (keeper) join(ctx context.Context, tx *store.Tx, from, into touchstone.PersonID) error {
	for _, table := range personTables {
		if _, err := tx.Exec(ctx, `UPDATE `+table+` SET person = ? WHERE person = ?`, int64(into), int64(from)); err != nil {
			return err
		}
	}
	return settle(ctx, tx, []touchstone.PersonID{into})
}

// Merge gives the other all of it.
func (k keeper) Merge(ctx context.Context, tx *store.Tx, merges []keep.Merge) error {
	order, into := keep.Final(merges)
	for _, from := range order {
		if err := k.join(ctx, tx, from, into[from]); err != nil {
			return err
		}
	}
	return nil
}

// Split gives each what came under the identifiers that are theirs.
func (keeper) Split(ctx context.Context, tx *store.Tx, splits []keep.Split) error {
	for _, s := range splits {
		for _, table := range personTables {
			if err := store.ExecIn(ctx, tx, `UPDATE `+table+` SET person = ? WHERE node IN (...)`, s.Moved, int64(s.To)); err != nil {
				return err
			}
		}
		if err := settle(ctx, tx, []touchstone.PersonID{s.From, s.To}); err != nil {
			return err
		}
	}
	return nil
}

// Erase deletes all of it. Counts by day stay: they are totals.
func (keeper) Erase(ctx context.Context, tx *store.Tx, persons []keep.Whole) error {
	for _, w := range persons {
		for _, table := range personTables {
			for _, column := range []string{"person", "node"} {
				if err := store.ExecIn(ctx, tx, `DELETE FROM `+table+` WHERE `+column+` IN (...)`, w.Numbers()); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// exportedValue is a value with where it comes from.
type exportedValue struct {
	Tag     string          `json:"tag"`
	Value   touchstone.JSON `json:"value"`
	At      time.Time       `json:"at"`
	Version int64           `json:"version"`
	Origin  string          `json:"origin,omitempty"`
	Expires *time.Time      `json:"expires,omitempty"`
	Current bool            `json:"current"`
}

// Export hands over values, and the scores that interests go by.
func (keeper) Export(ctx context.Context, q store.Querier, who keep.Whole, put keep.Put) error {
	person := []touchstone.PersonID{who.Person}
	err := store.SelectIn(ctx, q, `SELECT COALESCE((SELECT key FROM tags t WHERE t.id = v.tag), v.tag), v.value, v.at, v.version, v.origin, v.expires, v.current FROM tag_values v WHERE v.person IN (...)`+
		` ORDER BY 1, v.at, v.seq`, person, func(rows *sql.Rows) error {
		var e exportedValue
		var value string
		var at, expires, isCurrent int64
		if err := rows.Scan(&e.Tag, &value, &at, &e.Version, &e.Origin, &expires, &isCurrent); err != nil {
			return err
		}
		e.Value, e.At, e.Expires, e.Current = touchstone.JSON(value), time.UnixMilli(at).UTC(), momentOf(expires), isCurrent == 1
		return put("value", e)
	})
	if err != nil {
		return err
	}
	sums := map[string]*Sums{}
	var order []string
	err = store.SelectIn(ctx, q, `SELECT COALESCE((SELECT key FROM tags t WHERE t.id = s.tag), s.tag), s.sums FROM tag_scores s WHERE s.person IN (...) ORDER BY 1, s.version`, person, func(rows *sql.Rows) error {
		var tag string
		var stored []byte
		if err := rows.Scan(&tag, &stored); err != nil {
			return err
		}
		var s Sums
		if err := s.Decode(stored); err != nil {
			return err
		}
		if sums[tag] == nil {
			sums[tag] = &Sums{}
			order = append(order, tag)
		}
		sums[tag].Join(&s)
		return nil
	})
	if err != nil {
		return err
	}
	for _, tag := range order {
		for _, x := range sums[tag].items {
			periods := map[int64]float64{}
			for _, p := range x.periods {
				periods[p.period] = float64(p.sum) / scale
			}
			if err := put("interest", map[string]any{"tag": tag, "item": x.item, "by_half_life": periods}); err != nil {
				return err
			}
		}
	}
	return nil
}
