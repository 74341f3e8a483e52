package household

import (
	"cmp"
	"context"
	"database/sql"
	"maps"
	"slices"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

// vehicles returns the cars that clues say of persons.
func (h *Households) vehicles(ctx context.Context, persons []touchstone.PersonID) (map[touchstone.PersonID][]string, error) {
	out := map[touchstone.PersonID][]string{}
	err := store.SelectIn(ctx, h.cfg.DB.Reader(), `SELECT DISTINCT person, key FROM household_clues WHERE kind = ? AND person IN (...)`, numbers(persons), func(rows *sql.Rows) error {
		var p int64
		var key string
		err := rows.Scan(&p, &key)
		out[touchstone.PersonID(p)] = append(out[touchstone.PersonID(p)], key)
		return err
	}, string(Vehicle))
	return out, err
}

// carsOf counts the cars of members, those of several once.
func carsOf[M any](cars map[touchstone.PersonID][]string, members []M, id func(m M) touchstone.PersonID) int {
	seen := map[string]bool{}
	for _, m := range members {
		for _, key := range cars[id(m)] {
			seen[key] = true
		}
	}
	return len(seen)
}

// recently is for how many days what members have paid is summed up beside the whole.
const recently Day = 365

// spentOn is what was paid under an identifier on a day.
type spentOn struct {
	identifier string
	day        Day
}

// spent is a sum of purchases, and whose they are.
type spent struct {
	person touchstone.PersonID
	paid   int64
}

// keepSpent adds purchases to those of their days.
func keepSpent(ctx context.Context, tx *store.Tx, list map[spentOn]*spent) error {
	if len(list) == 0 {
		return nil
	}
	keys := slices.SortedFunc(maps.Keys(list), func(a, b spentOn) int {
		return cmp.Or(cmp.Compare(a.identifier, b.identifier), cmp.Compare(a.day, b.day))
	})
	ids, first, last := make([]string, 0, len(keys)), keys[0].day, keys[0].day
	for _, k := range keys {
		ids, first, last = append(ids, k.identifier), min(first, k.day), max(last, k.day)
	}
	err := store.SelectIn(ctx, tx, `SELECT identifier, day, paid FROM household_spent WHERE day >= ? AND day <= ? AND identifier IN (...)`, slices.Compact(ids), func(rows *sql.Rows) error {
		var k spentOn
		var day, paid int64
		err := rows.Scan(&k.identifier, &day, &paid)
		k.day = Day(day) //nolint:gosec // a day
		if s := list[k]; s != nil {
			s.paid += paid
		}
		return err
	}, int64(first), int64(last))
	if err != nil {
		return err
	}
	return tx.BulkUpsert(ctx, store.Upsert{Table: "household_spent", Key: []string{"identifier", "day"}, Columns: []string{"identifier", "day", "person", "paid"}}, len(keys), func(i int, args []any) {
		s := list[keys[i]]
		args[0], args[1], args[2], args[3] = keys[i].identifier, int64(keys[i].day), int64(s.person), s.paid
	})
}

// spentLately returns what each of the persons has paid within the last [recently] days.
func (h *Households) spentLately(ctx context.Context, persons []touchstone.PersonID) (map[touchstone.PersonID]float64, error) {
	out := map[touchstone.PersonID]float64{}
	err := store.SelectIn(ctx, h.cfg.DB.Reader(), `SELECT person, CAST(SUM(paid) AS BIGINT) FROM household_spent WHERE day > ? AND person IN (...) GROUP BY person`, numbers(persons), func(rows *sql.Rows) error {
		var p, paid int64
		err := rows.Scan(&p, &paid)
		out[touchstone.PersonID(p)] += float64(paid) / 10_000
		return err
	}, int64(h.today()-recently))
	return out, err
}
