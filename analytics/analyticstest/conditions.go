package analyticstest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/analytics"
	"github.com/touchstone-cdp/touchstone/segment/rule"
	"github.com/touchstone-cdp/touchstone/segment/rule/ruletest"
	"github.com/touchstone-cdp/touchstone/warehouse"
)

// runConditions runs the cases of the rule language: what the matcher in memory decides,
// the SQL must decide as well, or segments would change when they are built anew.
func runConditions(t *testing.T, w warehouse.Warehouse) {
	var events strings.Builder
	for i, c := range ruletest.Cases {
		fmt.Fprintf(&events, "%d case 2026-01-01T00:00:00Z %s\n", i+1, c.Properties)
	}
	for i, c := range ruletest.KeyCases {
		fmt.Fprintf(&events, "%d key 2026-01-01T00:00:00Z %s\n", i+1, c.Properties)
	}
	for i, c := range contextCases {
		fmt.Fprintf(&events, "%d context 2026-01-01T00:00:00Z {} %s\n", i+1, c.context)
	}
	e := Load(t, w, events.String())
	for i, c := range ruletest.Cases {
		if got := holds(t, e, "case", c.Filter(), i+1); got != c.Want {
			t.Errorf("%s on %s: got %v, want %v", c.Filter(), c.Properties, got, c.Want)
		}
	}
	for i, c := range ruletest.KeyCases {
		filter := fmt.Sprintf(`{"property":%s,"op":"eq","value":1}`, jsonText(c.Property))
		if !holds(t, e, "key", filter, i+1) {
			t.Errorf("%s on %s: got false", filter, c.Properties)
		}
	}
	for i, c := range contextCases {
		if got := holds(t, e, "context", c.filter, i+1); got != c.want {
			t.Errorf("%s on %s: got %v, want %v", c.filter, c.context, got, c.want)
		}
	}
}

var contextCases = []struct {
	filter, context string
	want            bool
}{
	{`{"context":"page.path","op":"eq","value":"/a"}`, `{"page":{"path":"/a"}}`, true},
	{`{"context":"page.path","op":"eq","value":"/a"}`, `{"page.path":"/a"}`, false},
	{`{"context":"page.path","op":"exists"}`, `{"page":{"path":null}}`, false},
	{`{"context":"app","op":"not_exists"}`, `{"page":{}}`, true},
	{`{"context":"screen.width","op":"gt","value":1000}`, `{"screen":{"width":1440}}`, true},
}

func jsonText(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// holds tells whether a condition lets the event of a person through.
func holds(t *testing.T, e *analytics.Engine, event, filter string, person int) bool {
	t.Helper()
	filters, err := rule.ParseFilters(touchstone.JSON("["+filter+"]"), "where")
	if err != nil {
		t.Fatalf("%s: %v", filter, err)
	}
	found := false
	err = e.LatestTimes(t.Context(), analytics.LatestQuery{Event: event, Where: filters, Keep: 1}, func(p touchstone.PersonID, _ []int64) error {
		found = found || int(p) == person
		return nil
	})
	if err != nil {
		t.Fatalf("%s: %v", filter, err)
	}
	return found
}
