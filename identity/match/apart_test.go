package match_test

import (
	"slices"
	"strconv"
	"testing"

	"github.com/touchstone-cdp/touchstone/identity/match"
	"github.com/touchstone-cdp/touchstone/identity/match/matchtest"
)

// Of two clean lists, each with everybody once, and some dirty rows beside, no two rows of one list become one; what is a family's anyway cannot be told
// from the columns is told by that.
func TestRowsOfACleanListAreNeverOne(t *testing.T) {
	rows := matchtest.Persons(matchtest.Options{Seed: 3, Entities: 900, Copies: .9, Errors: .3, Missing: .1, Relatives: .3})
	keep := []int{1, 5, 6} // family name, address, town: relatives are not told apart by them
	columns := make([]string, len(keep))
	for i, c := range keep {
		columns[i] = matchtest.PersonColumns[c]
	}
	byNumber := slices.Clone(rows)
	slices.SortFunc(byNumber, func(a, b matchtest.Row) int { return number(a) - number(b) })
	seen := make(map[int]int)
	lists := make(map[string]uint8)
	for _, r := range byNumber {
		if n := seen[r.Entity]; n < 2 {
			lists[r.ID] = 1 << n // the first row of everybody is in one list, the second in another
		}
		seen[r.Entity]++
	}
	for i := range rows {
		var values []string
		for _, c := range keep {
			values = append(values, rows[i].Values[c])
		}
		rows[i].Values = values
	}
	sets := [2]*match.Set{}
	for k := range sets {
		set, err := match.NewSet(setOf(t, columns, rows, oneList).Columns())
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			record := match.Record{ID: r.ID, Values: r.Values}
			if k == 1 {
				record.Apart = lists[r.ID]
			}
			if err := set.Add(0, record); err != nil {
				t.Fatal(err)
			}
		}
		sets[k] = set
	}
	p0, r0, _ := trained(t, sets[0], rows, match.Options{})
	model, err := match.Train(t.Context(), sets[1], match.Options{})
	if err != nil {
		t.Fatal(err)
	}
	result, err := model.Link(t.Context(), sets[1], match.Options{})
	if err != nil {
		t.Fatal(err)
	}
	p1, r1 := score(sets[1], rows, result.Clusters)
	t.Logf("precision %.3f, recall %.3f; with clean lists %.3f (thought %.3f), %.3f (thought %.3f)", p0, r0, p1, result.Estimate.Precision, r1, result.Estimate.Recall)
	for _, c := range result.Clusters {
		var in uint8
		for _, r := range c {
			if list := lists[sets[1].ID(r)]; in&list != 0 {
				t.Fatalf("two rows of one list are one: %v", c)
			} else {
				in |= list
			}
		}
	}
	if f1(p1, r1) < f1(p0, r0)+.03 || p1 < p0+.1 {
		t.Errorf("F1 %.3f, and %.3f without clean lists", f1(p1, r1), f1(p0, r0))
	}
	index, err := match.NewIndex(model, sets[1])
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, r := range rows[:200] {
		matches, err := index.Find(match.Record{ID: r.ID, Values: r.Values, Apart: lists[r.ID]}, 50)
		if err != nil {
			t.Fatal(err)
		}
		var sums [2]float64
		for _, m := range matches {
			found++
			list := lists[m.ID]
			if list&lists[r.ID] != 0 {
				t.Errorf("%s and %s are of one list", r.ID, m.ID)
			}
			for bit := range sums {
				if list == 1<<bit {
					sums[bit] += m.Probability
				}
			}
		}
		if sums[0] > 1.001 || sums[1] > 1.001 {
			t.Errorf("%s is one of a clean list with a chance of %v", r.ID, sums)
		}
	}
	if found == 0 {
		t.Error("the index finds nothing")
	}
}

func number(r matchtest.Row) int {
	n, _ := strconv.Atoi(r.ID[1:])
	return n
}
