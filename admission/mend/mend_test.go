package mend_test

import (
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/admission/mend"
)

func set(t testing.TB, steps ...mend.Step) *mend.Rules {
	t.Helper()
	s, err := mend.Compile([]mend.Rule{{ID: "mnd_1", Name: "test", Steps: steps}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSteps(t *testing.T) {
	for _, c := range []struct {
		name         string
		step         mend.Step
		before, want string // properties
		failed       string
	}{
		{"rename", mend.Step{Do: "rename", Field: "properties.amt", To: "properties.amount"}, `{"a":1,"amt":"2"}`, `{"a":1,"amount":"2"}`, ""},
		{"rename what is not there", mend.Step{Do: "rename", Field: "properties.amt", To: "properties.amount"}, `{"a":1}`, `{"a":1}`, ""},
		{"rename keeps what has the name", mend.Step{Do: "rename", Field: "properties.amt", To: "properties.amount"}, `{"amt":1,"amount":2}`, `{"amt":1,"amount":2}`, "properties.amt"},
		{"rename over null", mend.Step{Do: "rename", Field: "properties.amt", To: "properties.amount"}, `{"amount":null,"amt":1}`, `{"amount":1}`, ""},
		{"rename in elements", mend.Step{Do: "rename", Field: "properties.items[].p", To: "properties.items[].price"}, `{"items":[{"p":1},{"q":2},{"p":3}]}`, `{"items":[{"price":1},{"q":2},{"price":3}]}`, ""},
		{"move deeper", mend.Step{Do: "rename", Field: "properties.city", To: "properties.address.city"}, `{"city":"沪","x":1}`, `{"x":1,"address":{"city":"沪"}}`, ""},
		{"a dot in a name", mend.Step{Do: "rename", Field: `properties.a\.b`, To: "properties.c"}, `{"a.b":1}`, `{"c":1}`, ""},
		{"cast", mend.Step{Do: "cast", Field: "properties.n", To: "number"}, `{"n":" 12.50 "}`, `{"n":12.50}`, ""},
		{"cast money", mend.Step{Do: "cast", Field: "properties.n", To: "number"}, `{"n":"¥1,299.00 元"}`, `{"n":1299.00}`, ""},
		{"cast what cannot be", mend.Step{Do: "cast", Field: "properties.n", To: "number"}, `{"n":"1,29"}`, `{"n":"1,29"}`, "properties.n"},
		{"cast to whole", mend.Step{Do: "cast", Field: "properties.n", To: "integer"}, `{"n":"3.7"}`, `{"n":"3.7"}`, "properties.n"},
		{"cast elements", mend.Step{Do: "cast", Field: "properties.items[].price", To: "number"}, `{"items":[{"price":"1"},{"price":2},{"price":"x"}]}`, `{"items":[{"price":1},{"price":2},{"price":"x"}]}`, "properties.items[].price"},
		{"cast a truth value", mend.Step{Do: "cast", Field: "properties.n", To: "boolean"}, `{"n":"是"}`, `{"n":true}`, ""},
		{"cast a moment", mend.Step{Do: "cast", Field: "properties.n", To: "date-time"}, `{"n":"1700000000"}`, `{"n":"2023-11-14T22:13:20Z"}`, ""},
		{"cast a list", mend.Step{Do: "cast", Field: "properties.n", To: "array"}, `{"n":5}`, `{"n":[5]}`, ""},
		{"cast null", mend.Step{Do: "cast", Field: "properties.n", To: "number"}, `{"n":null}`, `{"n":null}`, ""},
		{"split", mend.Step{Do: "split", Field: "properties.at", By: "/", Into: []string{"properties.city", "properties.area"}}, `{"at":"上海 / 浦东/3"}`, `{"at":"上海 / 浦东/3","city":"上海","area":"浦东/3"}`, ""},
		{"split into a list", mend.Step{Do: "split", Field: "properties.at", By: ","}, `{"at":"a, b"}`, `{"at":["a","b"]}`, ""},
		{"split a number", mend.Step{Do: "split", Field: "properties.at", By: ","}, `{"at":5}`, `{"at":5}`, "properties.at"},
		{"default", mend.Step{Do: "default", Field: "properties.currency", Value: `"CNY"`}, `{"a":1}`, `{"a":1,"currency":"CNY"}`, ""},
		{"default stays away", mend.Step{Do: "default", Field: "properties.currency", Value: `"CNY"`}, `{"currency":"EUR"}`, `{"currency":"EUR"}`, ""},
		{"default of an event without properties", mend.Step{Do: "default", Field: "properties.a.b", Value: `1`}, ``, `{"a":{"b":1}}`, ""},
		{"drop", mend.Step{Do: "drop", Field: "properties.x"}, `{"x":1,"y":2}`, `{"y":2}`, ""},
		{"drop the last", mend.Step{Do: "drop", Field: "properties.x"}, `{"x":1}`, ``, ""},
		{"drop elements", mend.Step{Do: "drop", Field: "properties.x[]"}, `{"x":[1,2]}`, `{"x":[]}`, ""},
		{"set", mend.Step{Do: "set", Field: "properties.amount", Expression: "properties.cents / 100"}, `{"cents":1234}`, `{"cents":1234,"amount":12.34}`, ""},
		{"set its own", mend.Step{Do: "set", Field: "properties.n", Expression: "value * 2"}, `{"n":1.5}`, `{"n":3}`, ""},
		{"set in elements", mend.Step{Do: "set", Field: "properties.i[].sum", Expression: "item.n * item.p"}, `{"i":[{"n":2,"p":3},{"n":1,"p":0.5}]}`, `{"i":[{"n":2,"p":3,"sum":6},{"n":1,"p":0.5,"sum":0.5}]}`, ""},
		{"set null", mend.Step{Do: "set", Field: "properties.n", Expression: "properties.nothing"}, `{"n":1}`, `{"n":1}`, ""},
		{"set fails", mend.Step{Do: "set", Field: "properties.n", Expression: "properties.s * 2"}, `{"n":1,"s":"x"}`, `{"n":1,"s":"x"}`, "properties.n"},
		{"division by nothing", mend.Step{Do: "set", Field: "properties.n", Expression: "1 / properties.z"}, `{"z":0}`, `{"z":0}`, "properties.n"},
		{"texts", mend.Step{Do: "set", Field: "properties.n", Expression: `upper(trim(before(value, "/"))) + part("浦东新区", 0, 2)`}, `{"n":" a /b"}`, `{"n":"A浦东"}`, ""},
		{"long whole numbers", mend.Step{Do: "set", Field: "properties.b", Expression: "properties.a"}, `{"a":9007199254740993}`, `{"a":9007199254740993,"b":9007199254740993}`, ""},
		{"a condition in it", mend.Step{Do: "set", Field: "properties.k", Expression: `properties.n > 10 ? "big" : "small"`}, `{"n":11}`, `{"n":11,"k":"big"}`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := touchstone.Event{Type: touchstone.Track, Name: "Order Paid", Source: "src_1", Properties: touchstone.JSON(c.before)}
			got := set(t, c.step).Event(&e)
			if string(got.Properties) != c.want {
				t.Errorf("%s becomes %s, not %s", c.before, got.Properties, c.want)
			}
			failed := ""
			for _, d := range got.Done {
				failed = d.Failed
			}
			if failed != c.failed || got.Changed != (c.before != c.want) {
				t.Errorf("failed %q, not %q; changed %v", failed, c.failed, got.Changed)
			}
			if string(e.Properties) != c.before {
				t.Error("the event itself was changed")
			}
		})
	}
}

// A rule goes by the name that those before it have left.
func TestNamesAndOrder(t *testing.T) {
	s, err := mend.Compile([]mend.Rule{
		{ID: "late", Event: "Order Paid", Steps: []mend.Step{{Do: "set", Field: "properties.never", Expression: "1"}}},
		{ID: "name", Source: "src_1", Event: "order_paid", When: `properties.v != 2`, Steps: []mend.Step{{Do: "rename", Field: "event", To: "Order Paid"}}},
		{ID: "then", Event: "Order Paid", Steps: []mend.Step{{Do: "default", Field: "properties.currency", Value: `"CNY"`}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	got := s.Event(&touchstone.Event{Type: touchstone.Track, Name: "order_paid", Source: "src_1"})
	if got.Name != "Order Paid" || got.Properties != `{"currency":"CNY"}` || len(got.Done) != 2 {
		t.Errorf("got %+v", got)
	}
	for _, e := range []touchstone.Event{
		{Type: touchstone.Track, Name: "order_paid", Source: "src_2"},
		{Type: touchstone.Track, Name: "order_paid", Source: "src_1", Properties: `{"v":2}`},
		{Type: touchstone.Page, Name: "$page", Source: "src_1"},
	} {
		if got := s.Event(&e); got.Changed || got.Name != e.Name {
			t.Errorf("%+v becomes %+v", e, got)
		}
	}
	text, _ := s.Text("src_1", `{"type": "track", "event": "order_paid", "userId": "u"}`)
	if text != `{"type":"track","event":"Order Paid","userId":"u","properties":{"currency":"CNY"}}` {
		t.Errorf("the text becomes %s", text)
	}
}

func TestFaultyRules(t *testing.T) {
	for _, s := range []mend.Step{
		{Do: "rename", Field: "properties.a", To: "properties.a"}, {Do: "rename", Field: "properties.i[].a", To: "properties.a"},
		{Do: "rename", Field: "event", To: "$page"}, {Do: "drop", Field: "event"}, {Do: "drop", Field: "messageId"}, {Do: "drop", Field: "properties"},
		{Do: "set", Field: "properties.a", Expression: "map(properties.l, # + 1)"}, {Do: "set", Field: "properties.a", Expression: "let x = 1; x + x"},
		{Do: "set", Field: "properties.a", Expression: "1..1000000"}, {Do: "set", Field: "properties.a", Expression: "now()"},
		{Do: "set", Field: "properties.a", Expression: "properties.a matches properties.b"}, {Do: "set", Field: "properties.a", Expression: "$env"},
		{Do: "set", Field: "properties.a", Expression: strings.Repeat("1+", 200) + "1"}, {Do: "set", Field: "properties.a", Expression: `repeat("a", 1000000)`},
		{Do: "set", Field: "properties.a", Expression: "1 +"}, {Do: "cast", Field: "properties.a", To: "money"}, {Do: "split", Field: "properties.a"},
		{Do: "default", Field: "properties.a"}, {Do: "shout", Field: "properties.a"}, {Do: "drop", Field: "properties.[]"},
	} {
		if _, err := mend.Compile([]mend.Rule{{Name: "x", Steps: []mend.Step{s}}}); touchstone.KindOf(err) != touchstone.Invalid {
			t.Errorf("%+v is taken: %v", s, err)
		}
	}
	r := mend.Rule{Steps: []mend.Step{{Do: "drop", Field: "properties.a"}, {Do: "set", Field: "userId", Expression: "properties.uid"}}}
	if r.Touches() != "userId" {
		t.Errorf("touches %q", r.Touches())
	}
}

// Whatever the rules and the event, the result is an event that can be stored, and always the same.
func TestResultsAreJSONAndTheSame(t *testing.T) {
	fields := []string{"properties.a", "properties.b", "properties.c.d", "properties.l[]", "properties.l[].a", "traits.a", "context.app.v", `properties.a\.b`}
	expressions := []string{"value", "properties.a", "properties.a + 1", "number(value) * 1.1", `text(value) + "\u0001x"`, "properties.c.d ?? item", "{'k': [value, properties]}", "length(properties.l) / 0"}
	value := rapid.SampledFrom([]string{`1`, `"x"`, `"1,000"`, `null`, `true`, `{}`, `[]`, `[1,"2",{"a":"3"}]`, `{"d":"a/b"}`, `{"d":[1]}`, `-0.5e3`, `"\u0000\"<"`, `"上/海"`})
	rapid.Check(t, func(rt *rapid.T) {
		var steps []mend.Step
		for range rapid.IntRange(1, 6).Draw(rt, "steps") {
			f, g := rapid.SampledFrom(fields).Draw(rt, "field"), rapid.SampledFrom(fields).Draw(rt, "to")
			steps = append(steps, rapid.SampledFrom([]mend.Step{
				{Do: "rename", Field: f, To: g}, {Do: "drop", Field: f}, {Do: "default", Field: f, Value: `{"x":[1]}`}, {Do: "split", Field: f, By: "/"},
				{Do: "split", Field: f, By: "/", Into: []string{g}}, {Do: "cast", Field: f, To: rapid.SampledFrom([]string{"number", "integer", "string", "boolean", "date-time", "array"}).Draw(rt, "type")},
				{Do: "set", Field: f, Expression: rapid.SampledFrom(expressions).Draw(rt, "expression")},
			}).Draw(rt, "step"))
		}
		s, err := mend.Compile([]mend.Rule{{ID: "r", Steps: steps}})
		if err != nil {
			rt.Skip() // a field of elements that would leave its list
		}
		properties := "{"
		for i, key := range []string{"a", "b", "c", "l", "a.b"} {
			if i > 0 {
				properties += ","
			}
			properties += `"` + key + `":` + value.Draw(rt, key)
		}
		e := touchstone.Event{Type: touchstone.Track, Name: "x", Properties: touchstone.JSON(properties + "}"), Traits: `{"a":1}`}
		one, two := s.Event(&e), s.Event(&e)
		for _, text := range []touchstone.JSON{one.Properties, one.Traits, one.Context} {
			if text != "" && (!json.Valid([]byte(text)) || text[0] != '{') {
				rt.Fatalf("%s becomes %s", e.Properties, text)
			}
		}
		if one.Properties != two.Properties || one.Traits != two.Traits || one.Context != two.Context {
			rt.Fatalf("once %s, then %s", one.Properties, two.Properties)
		}
		if !one.Changed && one.Properties != e.Properties {
			rt.Fatal("changed without saying so")
		}
		call := `{"type":"track","event":"x","properties":` + string(e.Properties) + `,"traits":{"a":1}}`
		text, _ := s.Text("", touchstone.JSON(call))
		var again struct{ Properties touchstone.JSON }
		if err := json.Unmarshal([]byte(text), &again); err != nil {
			rt.Fatal(err)
		}
		if want := one.Properties; again.Properties != want && (want != "" || again.Properties != "{}") {
			rt.Fatalf("as a text %s, as an event %s", again.Properties, want)
		}
	})
}

func BenchmarkEvent(b *testing.B) {
	e := touchstone.Event{Type: touchstone.Track, Name: "Order Paid", Source: "src_1", UserID: "u", AnonymousID: "a",
		Properties: `{"order_id":"o-1","amount":"99.50","currency":"CNY","items":[{"sku":"a","price":10,"n":1},{"sku":"b","price":20,"n":2}],"coupon":null,"city":"上海","channel":"app","first":true,"at":"2026-01-02T03:04:05Z"}`,
		Context:    `{"app":{"name":"shop","version":"1.2.3"},"ip":"1.2.3.4","userAgent":"x"}`}
	other := mend.Rule{ID: "o", Event: "Other", Steps: []mend.Step{{Do: "drop", Field: "properties.x"}}}
	for _, c := range []struct {
		name string
		rule mend.Rule
	}{
		{"OfAnotherEvent", other},
		{"Cast", mend.Rule{ID: "c", Steps: []mend.Step{{Do: "cast", Field: "properties.amount", To: "number"}}}},
		{"Expression", mend.Rule{ID: "c", Steps: []mend.Step{{Do: "set", Field: "properties.amount", Expression: "number(value) * 100"}}}},
	} {
		s, err := mend.Compile([]mend.Rule{c.rule})
		if err != nil {
			b.Fatal(err)
		}
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s.Event(&e)
			}
		})
	}
}
