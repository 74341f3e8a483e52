package household

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/keep"
	"github.com/touchstone-cdp/touchstone/store"
)

// keeper moves clues, purchases and decisions with their identifiers, in the batch. Memberships
// follow from them: those who are touched are noted, and derived by the reactor, which hears
// of the same. Until then the person that absorbed another sits in its place.
type keeper struct{ h *Households }

// Keeper returns the households as a keeper of rows about persons.
func (h *Households) Keeper() keep.Keeper { return keeper{h} }

func (keeper) Name() string { return "household" }

func (keeper) Tables() []keep.Table {
	return []keep.Table{
		{Name: "household_clues", Persons: []string{"person"}, Texts: []string{"identifier", "key", "note"}},
		{Name: "household_value", Persons: []string{"person"}, Texts: []string{"identifier"}},
		{Name: "household_spent", Persons: []string{"person"}, Texts: []string{"identifier"}},
		{Name: "household_members", Persons: []string{"person"}, Texts: []string{"evidence"}},
		{Name: "household_births", Persons: []string{"person"}},
		{Name: "household_decisions", Persons: []string{"person", "other"}, Texts: []string{"who", "with_whom"}},
		{Name: "household_dirty", Persons: []string{"person"}},
	}
}

// Merge makes what the absorbed persons have shared the other's.
func (k keeper) Merge(ctx context.Context, tx *store.Tx, merges []keep.Merge) error {
	order, into := keep.Final(merges)
	var touched []touchstone.PersonID
	for _, from := range order {
		if err := mates(ctx, tx, from, &touched); err != nil {
			return err
		}
		for _, statement := range []string{
			`UPDATE household_clues SET person = ? WHERE person = ?`, `UPDATE household_value SET person = ? WHERE person = ?`, `UPDATE household_spent SET person = ? WHERE person = ?`,
			`UPDATE household_decisions SET person = ? WHERE person = ?`, `UPDATE household_decisions SET other = ? WHERE other = ?`,
			`UPDATE household_members SET person = ? WHERE person = ? AND household NOT IN (SELECT household FROM household_members WHERE person = ?)`,
		} {
			args := []any{int64(into[from]), int64(from), int64(into[from])}
			if _, err := tx.Exec(ctx, statement, args[:strings.Count(statement, "?")]...); err != nil {
				return err
			}
		}
		touched = append(touched, into[from])
	}
	if err := forgetDerived(ctx, tx, numbers(order)); err != nil {
		return err
	}
	touched = slices.DeleteFunc(touched, func(p touchstone.PersonID) bool { return slices.Contains(order, p) })
	return setDirty(ctx, tx, touched)
}

// forgetDerived deletes what follows from other rows.
func forgetDerived(ctx context.Context, tx *store.Tx, persons []int64) error {
	for _, table := range []string{"household_members", "household_births", "household_dirty"} {
		if err := store.ExecIn(ctx, tx, `DELETE FROM `+table+` WHERE person IN (...)`, persons); err != nil {
			return err
		}
	}
	return touch(ctx, tx)
}

// mates adds who is in a household with somebody.
func mates(ctx context.Context, tx *store.Tx, p touchstone.PersonID, to *[]touchstone.PersonID) error {
	rows, err := tx.Query(ctx, `SELECT DISTINCT m.person FROM household_members o JOIN household_members m ON m.household = o.household WHERE o.person = ?`, int64(p))
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var mate int64
		if err := rows.Scan(&mate); err != nil {
			return err
		}
		*to = append(*to, touchstone.PersonID(mate))
	}
	return rows.Err()
}

// Split gives each the rows of the identifiers that are theirs.
func (k keeper) Split(ctx context.Context, tx *store.Tx, splits []keep.Split) error {
	var touched []touchstone.PersonID
	for _, s := range splits {
		if err := mates(ctx, tx, s.From, &touched); err != nil {
			return err
		}
		texts := make([]string, len(s.Identifiers))
		for i, id := range s.Identifiers {
			texts[i] = id.String()
		}
		for _, statement := range []string{
			`UPDATE household_clues SET person = ? WHERE person = ? AND identifier IN (...)`, `UPDATE household_value SET person = ? WHERE person = ? AND identifier IN (...)`,
			`UPDATE household_spent SET person = ? WHERE person = ? AND identifier IN (...)`,
			`UPDATE household_decisions SET person = ? WHERE person = ? AND who IN (...)`, `UPDATE household_decisions SET other = ? WHERE other = ? AND with_whom IN (...)`,
		} {
			if err := store.ExecIn(ctx, tx, statement, texts, int64(s.To), int64(s.From)); err != nil {
				return err
			}
		}
		touched = append(touched, s.From, s.To)
	}
	return setDirty(ctx, tx, touched)
}

// Erase deletes what the persons have shared. Evidence of others that counted them is derived
// anew.
func (k keeper) Erase(ctx context.Context, tx *store.Tx, persons []keep.Whole) error {
	for _, w := range persons {
		var touched []touchstone.PersonID
		own := w.Numbers()
		for _, n := range own {
			if err := mates(ctx, tx, touchstone.PersonID(n), &touched); err != nil {
				return err
			}
		}
		homes, err := homesOf(ctx, tx, own)
		if err != nil {
			return err
		}
		for _, statement := range []string{
			`DELETE FROM household_clues WHERE person IN (...)`, `DELETE FROM household_value WHERE person IN (...)`, `DELETE FROM household_spent WHERE person IN (...)`,
			`DELETE FROM household_decisions WHERE person IN (...)`, `DELETE FROM household_decisions WHERE other IN (...)`,
		} {
			if err := store.ExecIn(ctx, tx, statement, own); err != nil {
				return err
			}
		}
		texts := make([]string, len(w.Identifiers))
		for i, id := range w.Identifiers {
			texts[i] = id.String()
		}
		if err := store.ExecIn(ctx, tx, `DELETE FROM household_clues WHERE identifier IN (...)`, texts); err != nil {
			return err
		}
		if err := forgetDerived(ctx, tx, own); err != nil {
			return err
		}
		if err := forgetTags(ctx, tx, homes); err != nil {
			return err
		}
		touched = slices.DeleteFunc(touched, func(p touchstone.PersonID) bool { return slices.Contains(own, int64(p)) })
		if err := setDirty(ctx, tx, touched); err != nil {
			return err
		}
	}
	return nil
}

// exported forms.
type (
	exportedClue struct {
		Identifier string   `json:"identifier"`
		Kind       Kind     `json:"kind"`
		Value      string   `json:"value"`
		Written    string   `json:"written,omitempty"`
		Days       []string `json:"days"`
	}
	exportedMember struct {
		Household ID         `json:"household"`
		Times     []timeSpan `json:"times"`
		Roles     string     `json:"roles"`
	}
	timeSpan struct {
		From  time.Time `json:"from"`
		Until time.Time `json:"until"` // zero: none is known
	}
	exportedTag struct {
		Household ID        `json:"household"`
		Tag       string    `json:"tag"`
		At        time.Time `json:"at"`
	}
	exportedDecision struct {
		Who     string `json:"who"`
		With    string `json:"with"`
		Verdict string `json:"verdict"`
	}
)

func timesOf(list spans) []timeSpan {
	out := make([]timeSpan, len(list))
	for i, s := range list {
		out[i] = timeSpan{timeOfDay(s.From), timeOfDay(s.Until)}
	}
	return out
}

// Export hands over clues, households, purchases and decisions; of others only that there are
// some.
func (k keeper) Export(ctx context.Context, q store.Querier, who keep.Whole, put keep.Put) error {
	own := []any{int64(who.Person)}
	err := keep.Each(ctx, q, `SELECT identifier, kind, key, note, days FROM household_clues WHERE person = ? ORDER BY identifier, kind, key`, own, func(scan func(...any) error) error {
		var c exportedClue
		var days string
		if err := scan(&c.Identifier, &c.Kind, &c.Value, &c.Written, &days); err != nil {
			return err
		}
		for _, d := range parseDays(days) {
			c.Days = append(c.Days, timeOfDay(d).Format(time.DateOnly))
		}
		return put("clue", c)
	})
	if err != nil {
		return err
	}
	var homes []int64
	err = keep.Each(ctx, q, `SELECT household, spans, roles FROM household_members WHERE person = ? ORDER BY household`, own, func(scan func(...any) error) error {
		var m exportedMember
		var text string
		if err := scan((*int64)(&m.Household), &text, &m.Roles); err != nil {
			return err
		}
		list, err := parseSpans(text)
		if err != nil {
			return err
		}
		m.Times = timesOf(list)
		homes = append(homes, int64(m.Household))
		return put("household", m)
	})
	if err != nil {
		return err
	}
	if err := exportTags(ctx, q, homes, put); err != nil {
		return err
	}
	err = keep.Each(ctx, q, `SELECT identifier, orders, paid FROM household_value WHERE person = ? ORDER BY identifier`, own, func(scan func(...any) error) error {
		var id string
		var orders, paid int64
		if err := scan(&id, &orders, &paid); err != nil {
			return err
		}
		return put("purchases", map[string]any{"identifier": id, "orders": orders, "paid": float64(paid) / 10_000})
	})
	if err != nil {
		return err
	}
	err = keep.Each(ctx, q, `SELECT identifier, day, paid FROM household_spent WHERE person = ? ORDER BY identifier, day`, own, func(scan func(...any) error) error {
		var id string
		var day, paid int64
		if err := scan(&id, &day, &paid); err != nil {
			return err
		}
		return put("purchases_of_a_day", map[string]any{"identifier": id, "day": timeOfDay(Day(day)).Format(time.DateOnly), "paid": float64(paid) / 10_000}) //nolint:gosec // a day
	})
	if err != nil {
		return err
	}
	return keep.Each(ctx, q, `SELECT who, with_whom, verdict FROM household_decisions WHERE person = ? OR other = ? ORDER BY who, with_whom`, append(own, own...), func(scan func(...any) error) error {
		var d exportedDecision
		if err := scan(&d.Who, &d.With, &d.Verdict); err != nil {
			return err
		}
		return put("decision", d)
	})
}

// exportTags hands over what households are called by hand.
func exportTags(ctx context.Context, q store.Querier, homes []int64, put keep.Put) error {
	tags, err := tagsOf(ctx, q, homes)
	if err != nil {
		return err
	}
	for _, id := range homes {
		for _, t := range tags[ID(id)] {
			if err := put("household_tag", exportedTag{ID(id), t.Tag, t.At}); err != nil {
				return err
			}
		}
	}
	return nil
}
