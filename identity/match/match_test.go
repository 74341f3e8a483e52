package match_test

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/touchstone-cdp/touchstone/identity/match"
	"github.com/touchstone-cdp/touchstone/identity/match/matchtest"
)

// setOf puts rows into a set, all in one list or by list.
func setOf(t testing.TB, columns []string, rows []matchtest.Row, list func(i int) int) *match.Set {
	t.Helper()
	var sample [][]string
	for _, r := range rows[:min(len(rows), 2000)] {
		sample = append(sample, r.Values)
	}
	set, err := match.NewSet(match.Guess(columns, sample))
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range rows {
		if err := set.Add(list(i), match.Record{ID: r.ID, Values: r.Values}); err != nil {
			t.Fatal(err)
		}
	}
	return set
}

func oneList(int) int { return 0 }

func TestAModelIsKeptAsJSONAndTheIndexAnswersAsTheSetDoes(t *testing.T) {
	rows := matchtest.Persons(matchtest.Options{Seed: 4, Entities: 800, Copies: .5, Errors: .2, Missing: .05})
	set := setOf(t, matchtest.PersonColumns, rows, oneList)
	model, err := match.Train(t.Context(), set, match.Options{})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(model)
	if err != nil {
		t.Fatal(err)
	}
	again, err := match.ParseModel(text)
	if err != nil {
		t.Fatal(err)
	}
	result, err := again.Link(t.Context(), set, match.Options{})
	if err != nil {
		t.Fatal(err)
	}
	first := result.Pairs[0]
	explained, err := again.Explain(set, first.A, first.B)
	if err != nil {
		t.Fatal(err)
	}
	sum := explained.Prior
	for _, s := range explained.Steps {
		sum += s.Bits
	}
	if math.Abs(sum-explained.Weight) > 1e-9 || math.Abs(explained.Weight-float64(first.Weight)) > 1e-3 {
		t.Errorf("the steps add up to %.3f, the weight is %.3f, the pair's %.3f", sum, explained.Weight, first.Weight)
	}
	values := make(map[string][]string)
	for _, r := range rows {
		values[r.ID] = r.Values
	}
	index, err := match.NewIndex(again, set)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range result.Pairs {
		a, b := set.ID(p.A), set.ID(p.B)
		if p.Weight < 0 { // clusters link these, too
			continue
		}
		found, err := index.Find(match.Record{ID: a, Values: values[a]}, 100)
		if err != nil {
			t.Fatal(err)
		}
		ok := false
		for _, m := range found {
			ok = ok || m.ID == b && math.Abs(m.Weight-float64(p.Weight)) < 1e-3
		}
		if !ok {
			t.Errorf("the index does not find %s for %s (%.2f bits): %v", b, a, p.Weight, found)
		}
	}
	if !index.Remove(set.ID(first.B)) || index.Remove("nobody") {
		t.Error("the index removes what is there, and says so when there is nothing")
	}
}
