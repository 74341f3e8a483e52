package household

import (
	"cmp"
	"context"
	"slices"
)

// Standing returns every person who is in a household today, by ascending id, and the one who
// stands for it: the member with the smallest number among those who count in it. A person
// counts in one household, the surest.
func (h *Households) Standing(ctx context.Context) (persons, standing []int64, err error) {
	today := int64(h.today())
	rows, err := h.cfg.DB.Reader().Query(ctx, `SELECT person, household, score FROM household_members WHERE from_day <= ? AND until_day > ?`, today, today)
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	type seat struct{ household, score int64 }
	best := map[int64]seat{}
	for rows.Next() {
		var p int64
		var s seat
		if err := rows.Scan(&p, &s.household, &s.score); err != nil {
			return nil, nil, err
		}
		if have, ok := best[p]; !ok || cmp.Or(cmp.Compare(s.score, have.score), cmp.Compare(have.household, s.household)) > 0 {
			best[p] = s
		}
	}
	if err := rows.Err(); err != nil {
		return nil, nil, err
	}
	first := map[int64]int64{}
	for p, s := range best {
		persons = append(persons, p)
		if have, ok := first[s.household]; !ok || p < have {
			first[s.household] = p
		}
	}
	slices.Sort(persons)
	standing = make([]int64, len(persons))
	for i, p := range persons {
		standing[i] = first[best[p].household]
	}
	return persons, standing, nil
}
