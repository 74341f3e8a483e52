package analyticstest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/analytics"
	"github.com/touchstone-cdp/touchstone/segment/rule"
	"github.com/touchstone-cdp/touchstone/segment/rule/ruletest"
	"github.com/touchstone-cdp/touchstone/warehouse"
)

// runValues checks that the warehouse reads out of an event what segments keep of it, for every value that the cases of the rule
// language have.
func runValues(t *testing.T, w warehouse.Warehouse) {
	var events strings.Builder
	props := []string{`{"p":2.00005}`, `{"p":-2.00005}`, `{"p":0.1}`, `{"p":100000000000}`, `{"p":100000000001}`, `{"p":-100000000000}`, `{"p":"x"}`, `{"p":"1e400"}`}
	for _, c := range ruletest.Cases {
		if c.Properties != `{"p":1e3}` { // engines spell it differently, which texts tell apart
			props = append(props, c.Properties)
		}
	}
	for i, p := range props {
		fmt.Fprintf(&events, "%d case 2026-01-01T00:00:0%dZ %s\n", i/2+1, i%2, p)
	}
	e := Load(t, w, events.String())
	for _, q := range []analytics.EventValuesQuery{{Property: "p"}, {Property: "p", Amounts: true}, {Property: "p", Amounts: true, Timeless: true}} {
		q.Event = "case"
		l := rule.Leaf{Event: q.Event, Property: q.Property, Kind: rule.Distinct, Keep: 10}
		if q.Amounts {
			l.Kind, l.Keep = rule.Sums, 0
			if !q.Timeless {
				l.Keep, l.Grain = 10, 1
			}
		}
		want, got := map[touchstone.PersonID][]int64{}, map[touchstone.PersonID][]int64{}
		for i, p := range props {
			at := time.Date(2026, 1, 1, 0, 0, i%2, 0, time.UTC).UnixMilli()
			person := touchstone.PersonID(i/2 + 1)
			if v, ok := l.Value(touchstone.JSON(p), at); ok {
				want[person], _ = l.Add(want[person], at, v)
			}
		}
		err := e.EventValues(t.Context(), q, func(person touchstone.PersonID, at, n, value int64) error {
			if q.Timeless {
				got[person] = l.Join(got[person], []int64{0, n, value})
			} else {
				got[person], _ = l.Add(got[person], at, value)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%+v (-in memory +warehouse):\n%s", q, d)
		}
	}
}
