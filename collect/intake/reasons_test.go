package intake

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReasonsThatDifferInAValueAreOne(t *testing.T) {
	r := NewReasons(4, RowReason{`wrong_type: price: "x" is no number`, 2, 7})
	for i, reason := range []string{
		`wrong_type: price: "say \"hi\"" is no number`, `wrong_type: q1: "x" is no number`, `wrong_type: q2: "x" is no number`,
		"too_old: the time is 1965-05-01T10:00:00Z, before 1970", "too_old: the time is 1966-05-01T10:00:00Z, before 1970",
		"wrong_columns: the row has 3 columns, expected 4", `wrong_type: price: "first" is no number`,
	} {
		r.Add(RowReason{reason, 1, int64(10 - i)})
	}
	want := []RowReason{{`wrong_type: price: "first" is no number`, 4, 4}, {OtherReasons, 3, 5}, {`wrong_type: q2: "x" is no number`, 1, 8}, {`wrong_type: q1: "x" is no number`, 1, 9}}
	if d := cmp.Diff(want, r.List(10)); d != "" || r.Rows != 9 {
		t.Error(d)
	}
	many := NewReasons(100)
	for i := range 100_000 {
		many.Add(RowReason{fmt.Sprintf("in_future: the time is 2999-01-01T00:00:%02dZ, more than 24 hours after it was received", i%60), 1, int64(i + 1)})
	}
	if got := many.List(10); len(got) != 1 || got[0].Rows != 100_000 || got[0].FirstRow != 1 {
		t.Errorf("%+v", got)
	}
	for _, odd := range []string{"", `"`, `"\`, "\\", "9", ` "a" 9`} {
		if sharedText(odd) == "x" {
			t.Error(odd)
		}
	}
}
