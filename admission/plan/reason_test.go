package plan

import (
	"testing"

	"pgregory.net/rapid"
)

func TestReasonsAreReadAsTheyAreWritten(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		b := Breach{Path: rapid.SampledFrom([]string{"amount", "items[2].price", "a b", "价格"}).Draw(rt, "path"), Action: Quarantine,
			Rule: rapid.SampledFrom([]Rule{UnplannedEvent, UnplannedProperty, MissingProperty, WrongType}).Draw(rt, "rule")}
		switch b.Rule {
		case UnplannedEvent:
			b.Path = ""
		case WrongType:
			b.Got = rapid.SampledFrom([]string{`"two"`, `{"a":1}`, `"it is, not that"`, `null`}).Draw(rt, "got")
			b.Want = rapid.SampledFrom([]string{"number", `one of "a", "b"`, "a date-time", "at least 1 and below 3"}).Draw(rt, "want")
		}
		v := Verdict{Action: Quarantine, Breaches: []Breach{b}, More: rapid.IntRange(0, 3).Draw(rt, "more")}
		b.Action = ""
		if got, ok := ParseReason(v.Reason()); !ok || got != b {
			rt.Fatalf("%q is read as %+v, not %+v", v.Reason(), got, b)
		}
	})
}

func TestAlike(t *testing.T) {
	for _, c := range []struct {
		a, b string
		like bool
	}{{"amt", "amount", true}, {"orderId", "order_id", true}, {"amuont", "amount", true}, {"price", "city", false}, {"uid", "amount", false}, {"Order Paid", "order_paid", true}} {
		if got := Alike(c.a, c.b) <= 0.4; got != c.like {
			t.Errorf("%s and %s: %v", c.a, c.b, Alike(c.a, c.b))
		}
	}
}
