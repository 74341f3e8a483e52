package match_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
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

// score counts pairs of clusters against the truth.
func score(set *match.Set, rows []matchtest.Row, clusters [][]uint32) (precision, recall float64) {
	sizes := make(map[int]int)
	for _, r := range rows {
		sizes[r.Entity]++
	}
	var truth, right, said float64
	for _, n := range sizes {
		truth += float64(n*(n-1)) / 2
	}
	entity := make(map[string]int)
	for _, r := range rows {
		entity[r.ID] = r.Entity
	}
	for _, c := range clusters {
		for i, a := range c {
			for _, b := range c[i+1:] {
				said++
				if entity[set.ID(a)] == entity[set.ID(b)] {
					right++
				}
			}
		}
	}
	return right / max(said, 1), right / truth
}

func f1(p, r float64) float64 { return 2 * p * r / max(p+r, 1e-9) }

func TestDuplicatesOfDirtyPersonsAreFound(t *testing.T) {
	for _, test := range []struct {
		name    string
		columns []string
		rows    []matchtest.Row
		least   float64
	}{
		{"latin", matchtest.PersonColumns, matchtest.Persons(matchtest.Options{Seed: 1, Entities: 1500, Copies: .6, Errors: .25, Missing: .1, Relatives: .02}), .96},
		{"very dirty", matchtest.PersonColumns, matchtest.Persons(matchtest.Options{Seed: 2, Entities: 1500, Copies: 1.2, Errors: .4, Missing: .15, Relatives: .05}), .95},
		{"chinese", matchtest.ChineseColumns, matchtest.Chinese(matchtest.Options{Seed: 3, Entities: 1500, Copies: .6, Errors: .3, Missing: .1, Relatives: .2}), .97},
	} {
		t.Run(test.name, func(t *testing.T) {
			set := setOf(t, test.columns, test.rows, oneList)
			model, err := match.Train(t.Context(), set, match.Options{})
			if err != nil {
				t.Fatal(err)
			}
			result, err := model.Link(t.Context(), set, match.Options{})
			if err != nil {
				t.Fatal(err)
			}
			p, r := score(set, test.rows, result.Clusters)
			t.Logf("precision %.4f (thought %.4f), recall %.4f (thought %.4f), F1 %.4f, threshold %.3f, compared %d, cut %d",
				p, result.Estimate.Precision, r, result.Estimate.Recall, f1(p, r), result.Thresholds.Link, result.Compared, result.Cut)
			if f1(p, r) < test.least {
				t.Errorf("F1 is %.4f, less than %.2f", f1(p, r), test.least)
			}
			if math.Abs(p-result.Estimate.Precision) > .05 {
				t.Errorf("precision is %.4f and was thought to be %.4f", p, result.Estimate.Precision)
			}
		})
	}
}

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
	sum := explained.Prior + explained.Relatives
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

// Relatives share street, town, phone and family name all at once: an estimate that takes errors for independent thinks of them as matches.
func TestThePrecisionThatIsThoughtHoldsAmongFamilies(t *testing.T) {
	for _, test := range []struct {
		name      string
		columns   []string
		make      func(matchtest.Options) []matchtest.Row
		relatives float64
	}{
		{"latin, none", matchtest.PersonColumns, matchtest.Persons, 0},
		{"latin, a twentieth", matchtest.PersonColumns, matchtest.Persons, .05},
		{"latin, a seventh", matchtest.PersonColumns, matchtest.Persons, .15},
		{"chinese, none", matchtest.ChineseColumns, matchtest.Chinese, 0},
		{"chinese, a twentieth", matchtest.ChineseColumns, matchtest.Chinese, .05},
		{"chinese, a seventh", matchtest.ChineseColumns, matchtest.Chinese, .15},
	} {
		t.Run(test.name, func(t *testing.T) {
			rows := test.make(matchtest.Options{Seed: 5, Entities: 800, Copies: .6, Errors: .25, Missing: .1, Relatives: test.relatives})
			set := setOf(t, test.columns, rows, oneList)
			p, r, result := trained(t, set, rows, match.Options{})
			t.Logf("precision %.4f (thought %.4f), recall %.4f (thought %.4f)", p, result.Estimate.Precision, r, result.Estimate.Recall)
			if math.Abs(p-result.Estimate.Precision) > .05 {
				t.Errorf("precision is %.4f and was thought to be %.4f", p, result.Estimate.Precision)
			}
			if p < .95 || r < .95 {
				t.Errorf("precision is %.4f, recall %.4f", p, r)
			}
		})
	}
}

func trained(t *testing.T, set *match.Set, rows []matchtest.Row, o match.Options) (precision, recall float64, result *match.Result) {
	t.Helper()
	model, err := match.Train(t.Context(), set, o)
	if err != nil {
		t.Fatal(err)
	}
	if result, err = model.Link(t.Context(), set, o); err != nil {
		t.Fatal(err)
	}
	precision, recall = score(set, rows, result.Clusters)
	return precision, recall, result
}

// Few columns and many relatives: the data alone cannot tell all, and a few answers of a person help. Some that are wrong do not wreck what was
// learnt.
func TestAnswersOfPeopleImproveWhatIsLinked(t *testing.T) {
	for _, test := range []struct {
		name  string
		wrong float64 // share of the answers
		least float64 // of what F1 changes by
	}{{"right", 0, .015}, {"a fourth wrong", .25, -.03}} {
		t.Run(test.name, func(t *testing.T) {
			rows := matchtest.Persons(matchtest.Options{Seed: 1, Entities: 1000, Copies: .6, Errors: .35, Missing: .2, Relatives: .3})
			var columns []string
			for i, keep := range []int{0, 1, 2, 5} { // names, birth date, address
				columns = append(columns, matchtest.PersonColumns[keep])
				for r := range rows {
					rows[r].Values[i] = rows[r].Values[keep]
				}
			}
			entity := make(map[string]int)
			for i := range rows {
				rows[i].Values = rows[i].Values[:len(columns)]
				entity[rows[i].ID] = rows[i].Entity
			}
			set := setOf(t, columns, rows, oneList)
			p, r, result := trained(t, set, rows, match.Options{})
			before := f1(p, r)
			random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // not a secret
			var labels []match.Label
			for _, pair := range result.Pairs {
				if pair.Probability < .03 || pair.Probability > .97 || random.IntN(5) > 0 || len(labels) == 60 {
					continue
				}
				a, b := set.ID(pair.A), set.ID(pair.B)
				labels = append(labels, match.Label{A: a, B: b, Match: (entity[a] == entity[b]) != (random.Float64() < test.wrong)})
			}
			p, r, _ = trained(t, set, rows, match.Options{Labels: labels})
			t.Logf("F1 %.4f, with %d answers %.4f", before, len(labels), f1(p, r))
			if f1(p, r) < before+test.least {
				t.Errorf("F1 was %.4f and is %.4f after %d answers", before, f1(p, r), len(labels))
			}
		})
	}
}
