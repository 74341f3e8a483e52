package household

import (
	"cmp"
	"context"
	"slices"
	"strconv"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

// counted is a household of today with the persons who count in it: each in the surest of theirs.
type counted struct {
	id      ID
	persons []int64 // ascending; the first stands for the household
}

// counting returns the households of today by who stands for them.
func (h *Households) counting(ctx context.Context) ([]counted, error) {
	today := int64(h.today())
	rows, err := h.cfg.DB.Reader().Query(ctx, `SELECT person, household, score FROM household_members WHERE from_day <= ? AND until_day > ?`, today, today)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	type seat struct{ household, score int64 }
	best := map[int64]seat{}
	for rows.Next() {
		var p int64
		var s seat
		if err := rows.Scan(&p, &s.household, &s.score); err != nil {
			return nil, err
		}
		if have, ok := best[p]; !ok || cmp.Or(cmp.Compare(s.score, have.score), cmp.Compare(have.household, s.household)) > 0 {
			best[p] = s
		}
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	at := map[int64]int{}
	var list []counted
	for p, s := range best {
		i, ok := at[s.household]
		if !ok {
			i = len(list)
			at[s.household] = i
			list = append(list, counted{id: ID(s.household)})
		}
		list[i].persons = append(list[i].persons, p)
	}
	for i := range list {
		slices.Sort(list[i].persons)
	}
	slices.SortFunc(list, func(a, b counted) int { return cmp.Compare(a.persons[0], b.persons[0]) })
	return list, nil
}

// Standing returns every person who is in a household today, by ascending id, and the one who
// stands for it: the member with the smallest number among those who count in it. A person
// counts in one household, the surest.
func (h *Households) Standing(ctx context.Context) (persons, standing []int64, err error) {
	list, err := h.counting(ctx)
	if err != nil {
		return nil, nil, err
	}
	of := map[int64]int64{}
	for _, c := range list {
		for _, p := range c.persons {
			persons = append(persons, p)
			of[p] = c.persons[0]
		}
	}
	slices.Sort(persons)
	standing = make([]int64, len(persons))
	for i, p := range persons {
		standing[i] = of[p]
	}
	return persons, standing, nil
}

// Traits of households, by which questions can tell them apart.
var traitNames = []string{"size", "children", "payers", "orders", "revenue", "vehicles", "city", "tag"}

// TraitNames returns the names of the traits that [Households.Traits] knows.
func (h *Households) TraitNames() []string { return traitNames }

// Traits calls fn with each household of today that persons count in: who stands for it, those persons, and the values of a
// trait, of which there may be several (tags, cities) or none.
func (h *Households) Traits(ctx context.Context, name string, fn func(persons []int64, values []string)) error {
	list, err := h.counting(ctx)
	if err != nil {
		return err
	}
	values, err := h.traitValues(ctx, name, list)
	if err != nil {
		return err
	}
	for _, c := range list {
		fn(c.persons, values(&c))
	}
	return nil
}

// one is a single value; nobody is left out who has none of it.
func one(n int64) []string { return []string{strconv.FormatInt(n, 10)} }

func (h *Households) traitValues(ctx context.Context, name string, list []counted) (func(c *counted) []string, error) {
	var everybody []touchstone.PersonID
	ids := make([]int64, len(list))
	for i, c := range list {
		ids[i] = int64(c.id)
		for _, p := range c.persons {
			everybody = append(everybody, touchstone.PersonID(p))
		}
	}
	switch name {
	case "size":
		return func(c *counted) []string { return one(int64(len(c.persons))) }, nil
	case "children":
		children, err := h.Protected(ctx, everybody)
		return func(c *counted) []string {
			n := int64(0)
			for _, p := range c.persons {
				if children[touchstone.PersonID(p)] {
					n++
				}
			}
			return one(n)
		}, err
	case "orders", "revenue", "payers":
		return h.sums(ctx, name)
	case "vehicles":
		cars, err := h.vehicles(ctx, everybody)
		return func(c *counted) []string {
			return one(int64(carsOf(cars, c.persons, func(p int64) touchstone.PersonID { return touchstone.PersonID(p) })))
		}, err
	case "city":
		if h.cfg.Cities == nil {
			return func(*counted) []string { return nil }, nil
		}
		cities, err := h.cfg.Cities(ctx, everybody)
		return func(c *counted) (list []string) {
			for _, p := range c.persons {
				if city := cities[touchstone.PersonID(p)]; city != "" && !slices.Contains(list, city) {
					list = append(list, city)
				}
			}
			return list
		}, err
	case "tag":
		tags, err := tagsOf(ctx, h.cfg.DB.Reader(), ids)
		return func(c *counted) (list []string) {
			for _, t := range tags[c.id] {
				list = append(list, t.Tag)
			}
			return list
		}, err
	}
	return nil, touchstone.Errorf(touchstone.Invalid, "households have no trait %.40q", name)
}

// sums returns what members have ordered or paid together, or how many have paid.
func (h *Households) sums(ctx context.Context, name string) (func(c *counted) []string, error) {
	orders, paid, err := h.valuesOf(ctx)
	return func(c *counted) []string {
		n, sum, payers := int64(0), int64(0), int64(0)
		for _, p := range c.persons {
			of := touchstone.PersonID(p)
			n, sum, payers = n+orders[of], sum+paid[of], payers+min(max(paid[of], 0), 1)
		}
		switch name {
		case "orders":
			return one(n)
		case "payers":
			return one(payers)
		}
		return []string{strconv.FormatFloat(float64(sum)/10_000, 'f', -1, 64)}
	}, err
}

// valuesOf returns what persons have ordered, and paid in ten-thousandths.
func (h *Households) valuesOf(ctx context.Context) (orders, paid map[touchstone.PersonID]int64, err error) {
	orders, paid = map[touchstone.PersonID]int64{}, map[touchstone.PersonID]int64{}
	rows, err := h.cfg.DB.Reader().Query(ctx, `SELECT person, orders, paid FROM household_value`)
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var p, n, sum int64
		if err := rows.Scan(&p, &n, &sum); err != nil {
			return nil, nil, err
		}
		orders[touchstone.PersonID(p)] += n
		paid[touchstone.PersonID(p)] += sum
	}
	return orders, paid, rows.Err()
}

// Behind returns the households of today that some persons count in, at most limit after one of them, and how many there are.
func (h *Households) Behind(ctx context.Context, persons []touchstone.PersonID, after ID, limit int) (list []Summary, total int, next bool, err error) {
	all, err := h.counting(ctx)
	if err != nil {
		return nil, 0, false, err
	}
	meant := make(map[int64]bool, len(persons))
	for _, p := range persons {
		meant[int64(p)] = true
	}
	var ids []int64
	for _, c := range all {
		if slices.ContainsFunc(c.persons, func(p int64) bool { return meant[p] }) {
			ids = append(ids, int64(c.id))
		}
	}
	slices.Sort(ids)
	total = len(ids)
	from, _ := slices.BinarySearch(ids, int64(after)+1)
	ids = ids[from:]
	if next = len(ids) > limit; next {
		ids = ids[:limit]
	}
	if len(ids) == 0 {
		return []Summary{}, total, false, nil
	}
	text := `SELECT id, size, children, payers, orders, revenue, score, since FROM (` + grouped + ` GROUP BY m.household) AS g WHERE id IN ` + store.Marks(len(ids)) + ` ORDER BY id`
	args := h.groupedArgs()
	for _, id := range ids {
		args = append(args, id)
	}
	rows, err := h.cfg.DB.Reader().Query(ctx, text, args...)
	if err != nil {
		return nil, 0, false, err
	}
	defer rows.Close()
	for rows.Next() {
		s, _, err := scanSummary(rows, byRevenue)
		if err != nil {
			return nil, 0, false, err
		}
		list = append(list, s)
	}
	return list, total, next, rows.Err()
}
