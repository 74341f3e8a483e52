package rule

import "testing"

// Who lives alone is the household's only member, and may be drawn: a new person must be asked about.
func TestChanceWithinAHousehold(t *testing.T) {
	r, err := Parse(`{"household":{"any":{"random":{"salt":"a","from":0,"to":1}}}}`)
	if err != nil {
		t.Fatal(err)
	}
	if !r.MatchesNobody() {
		t.Error("a new person would never be asked")
	}
}
