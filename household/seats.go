package household

import (
	"context"
	"database/sql"
	"math"
	"slices"
	"strings"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

// Seat is somebody's place in a household, for those who ask about the households of many. Moments
// are Unix milliseconds.
type Seat struct {
	Household   ID
	Person      touchstone.PersonID
	From, Until int64 // a member from then, and until then
	Score       int64 // per mille; of several households a person counts in the one with the greatest
	Roles       []string
	ChildUntil  int64 // a child before this moment
}

const seatColumns = `household, person, from_day, until_day, score, roles, born`

func scanSeat(rows *sql.Rows) (s Seat, err error) {
	var from, until, born int64
	var roles string
	if err := rows.Scan((*int64)(&s.Household), (*int64)(&s.Person), &from, &until, &s.Score, &roles, &born); err != nil {
		return s, err
	}
	s.From, s.Until, s.ChildUntil = momentOf(Day(from)), momentOf(Day(until)), grownUp(Day(born))   //nolint:gosec // days
	s.Roles = slices.DeleteFunc(strings.Fields(roles), func(r string) bool { return r == "child" }) // that is ChildUntil
	return s, nil
}

// momentOf is a day's first moment.
func momentOf(d Day) int64 {
	if d >= unknownChild {
		return math.MaxInt64
	}
	return timeOfDay(d).UnixMilli()
}

// grownUp is the moment before which who was born on a day is a child.
func grownUp(born Day) int64 {
	switch {
	case born >= forever:
		return math.MinInt64
	case born >= unknownChild:
		return math.MaxInt64
	}
	return timeOfDay(born).AddDate(ChildAge, 0, 0).UnixMilli()
}

// Seats returns the seats of persons, those of everybody else in their households, and so on, until
// nobody is left who hangs together with them; of more than [maxRegion] the rest is left out, and
// counted.
func (h *Households) Seats(ctx context.Context, q store.Querier, persons []touchstone.PersonID) (list []Seat, err error) {
	met, seen := make(map[touchstone.PersonID]bool, len(persons)), map[ID]bool{}
	for _, p := range persons {
		met[p] = true
	}
	for next := persons; len(next) > 0; {
		fresh, err := unseenOf(ctx, q, next, seen)
		if err != nil {
			return nil, err
		}
		next = nil
		err = store.SelectIn(ctx, q, `SELECT `+seatColumns+` FROM household_members WHERE household IN (...)`, fresh, func(rows *sql.Rows) error {
			s, err := scanSeat(rows)
			list = append(list, s)
			if !met[s.Person] {
				met[s.Person] = true
				next = append(next, s.Person)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		if len(met) > len(persons)+maxRegion {
			h.metrics.overflown.Inc()
			break
		}
	}
	return list, nil
}

// EachSeat calls fn for every seat that there is or was.
func (h *Households) EachSeat(ctx context.Context, fn func(s Seat) error) error {
	rows, err := h.cfg.DB.Reader().Query(ctx, `SELECT `+seatColumns+` FROM household_members`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		s, err := scanSeat(rows)
		if err != nil {
			return err
		}
		if err := fn(s); err != nil {
			return err
		}
	}
	return rows.Err()
}

// sits tells whether a membership says something else than before to those who ask about seats. That
// it lasts longer does not: whoever asks about time asks again when it was to end.
func (m *memberRow) sits(before *memberRow) bool {
	return m.from != before.from || m.until < before.until || m.score != before.score || m.roles != before.roles || m.born != before.born
}

// moved returns everybody whose household, or whose household's members, have changed.
func moved(before map[memberID]memberRow, after, gone []memberRow) (persons []touchstone.PersonID) {
	others := map[ID]bool{}
	for i := range after {
		m := &after[i]
		if old, there := before[memberID{m.household, m.person}]; !there || m.sits(&old) {
			others[m.household] = true
		}
	}
	for i := range gone {
		others[gone[i].household] = true
	}
	for i := range after {
		if others[after[i].household] {
			persons = append(persons, after[i].person)
		}
	}
	for i := range gone {
		persons = append(persons, gone[i].person)
	}
	return persons
}
