package linkage

import (
	"testing"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/identity/match"
)

// Of a linked pair one record is left, so how the two agreed is what a model learns from; of a rejected one both are there.
func TestADecisionTeachesAsItWasAsked(t *testing.T) {
	evidence, err := evidenceOf(match.Explanation{Prior: -9, Relatives: -2, Steps: []match.Step{
		{Column: "name", Kind: match.Name, Level: "one slip", Bits: 6},
		{Column: "phone", Kind: match.Phone, Level: "equal", Bits: 18, Rarity: 2},
		{Column: "birthday", Kind: match.Date}, // one of them does not say
	}})
	if err != nil {
		t.Fatal(err)
	}
	linked, err := labelOf(&Pair{Persons: [2]touchstone.PersonID{7, 7}, Decision: link, Evidence: evidence})
	if err != nil {
		t.Fatal(err)
	}
	if !linked.Match || len(linked.Seen) != 2 || linked.Seen[0] != (match.Seen{Column: "name", Level: "one slip"}) || linked.Seen[1] != (match.Seen{Column: "phone", Level: "equal", Rarity: 2}) {
		t.Errorf("a link teaches %+v", linked)
	}
	rejected, err := labelOf(&Pair{Persons: [2]touchstone.PersonID{7, 9}, Decision: reject, Evidence: evidence})
	if err != nil || rejected.Match || rejected.A != recordID(7) || rejected.B != recordID(9) || len(rejected.Seen) != 0 {
		t.Errorf("a rejection teaches %+v (%v)", rejected, err)
	}
}
