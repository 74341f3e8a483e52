package match_test

import (
	"testing"

	"github.com/touchstone-cdp/touchstone/identity/match"
	"github.com/touchstone-cdp/touchstone/identity/match/matchtest"
)

// Where columns cannot tell relatives from matches the estimate says so: the truth lies above its lower bound. Where they can, the bound is close.
func TestTheEstimateKnowsWhatTheDataCannotTell(t *testing.T) {
	for _, test := range []struct {
		name  string
		keep  []int
		least float64 // of what precision is thought to be, of its lower bound
	}{
		{"names, birth, address", []int{0, 1, 2, 5}, .7}, {"names, address", []int{0, 1, 5}, 0}, {"family, birth, address", []int{1, 2, 5}, 0},
		{"all", []int{0, 1, 2, 3, 4, 5, 6, 7}, .95},
	} {
		t.Run(test.name, func(t *testing.T) {
			for seed := range uint64(2) {
				rows := matchtest.Persons(matchtest.Options{Seed: seed + 1, Entities: 1000, Copies: .6, Errors: .35, Missing: .2, Relatives: .3})
				columns := make([]string, len(test.keep))
				for i, k := range test.keep {
					columns[i] = matchtest.PersonColumns[k]
				}
				for r := range rows {
					values := make([]string, len(columns))
					for i, k := range test.keep {
						values[i] = rows[r].Values[k]
					}
					rows[r].Values = values
				}
				p, r, result := trained(t, setOf(t, columns, rows, oneList), rows, match.Options{})
				e := result.Estimate
				t.Logf("precision %.3f (thought %.3f, at least %.3f), recall %.3f (thought %.3f, at least %.3f)", p, e.Precision, e.PrecisionLow, r, e.Recall, e.RecallLow)
				if p < e.PrecisionLow || e.PrecisionLow > e.Precision || e.RecallLow > e.Recall {
					t.Errorf("precision is %.3f, and at least %.3f was thought", p, e.PrecisionLow)
				}
				if e.PrecisionLow < test.least*e.Precision {
					t.Errorf("precision was thought to be %.3f, and at least %.3f only", e.Precision, e.PrecisionLow)
				}
			}
		})
	}
}
