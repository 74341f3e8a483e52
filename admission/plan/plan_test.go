package plan

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"

	"github.com/touchstone-cdp/touchstone"
)

const orders = `{"unplanned_events":"quarantine","unplanned_properties":"drop","missing":"quarantine","invalid":"coerce","events":[
	{"name":"Order Paid","schema":{"type":"object","additionalProperties":false,"required":["amount","status"],"properties":{
		"amount":{"type":"number","minimum":0,"maximum":1000000,"x-unit":"CNY"},
		"status":{"type":"string","enum":["new","paid"]},
		"plate":{"type":"string","pattern":"^[京沪粤][A-Z]","x-action":"drop"},
		"at":{"type":"string","format":"date-time"},
		"gift":{"type":"boolean"},
		"note":{"type":["string","null"],"maxLength":3,"x-action":"allow"},
		"items":{"type":"array","minItems":1,"items":{"type":"object","required":["sku"],"properties":{"sku":{"type":"string"},"price":{"type":"number","x-action":"quarantine"}}}}}}},
	{"name":"Heartbeat","schema":null},
	{"name":"$identify","schema":{"properties":{"age":{"type":"integer","maximum":150}}}}]}`

func compiled(t testing.TB, document string) *Plan {
	t.Helper()
	d, err := Parse([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	p, err := Compile(d)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestWhatBecomesOfAnEvent(t *testing.T) {
	p := compiled(t, orders)
	for _, c := range []struct{ event, properties, action, left, reason string }{
		{"Order Paid", `{"amount":12.5,"status":"paid"}`, "allow", "", ""},
		{"Order Paid", `{"amount":"12.50","status":" PAID","at":1767225600,"gift":"是"}`, "coerce", `{"amount":12.50,"status":"paid","at":"2026-01-01T00:00:00Z","gift":true}`, ""},
		{"Order Paid", `{"amount":"+1e3","status":"new"}`, "coerce", `{"amount":1e3,"status":"new"}`, ""},
		{"Order Paid", `{"amount":"12元","status":"paid"}`, "quarantine", "", `amount is "12元", not number`},
		{"Order Paid", `{"amount":"0x1F","status":"paid"}`, "quarantine", "", `amount is "0x1F", not number`},
		{"Order Paid", `{"amount":-1,"status":"paid"}`, "quarantine", "", `amount is -1, not at least 0 and at most 1000000`},
		{"Order Paid", `{"amount":"2000000","status":"paid"}`, "quarantine", "", `amount is "2000000", not number`},
		{"Order Paid", `{"status":"paid"}`, "quarantine", "", `amount is missing`},
		{"Order Paid", `{"amount":1,"status":"refunded"}`, "quarantine", "", `status is "refunded", not one of "new", "paid"`},
		{"Order Paid", `{"amount":1,"status":"new","colour":"red"}`, "drop", `{"amount":1,"status":"new"}`, ""},
		{"Order Paid", `{"amount":1,"status":"new","plate":"A-1234"}`, "drop", `{"amount":1,"status":"new"}`, ""},
		{"Order Paid", `{"amount":1,"status":"new","note":"😀😀😀"}`, "allow", "", ""},
		{"Order Paid", `{"amount":1,"status":"new","note":"long one"}`, "allow", "", ""},
		{"Order Paid", `{"amount":1,"status":"new","gift":null}`, "coerce", `{"amount":1,"status":"new"}`, ""},
		{"Order Paid", `{"amount":null,"status":"new"}`, "quarantine", `{"status":"new"}`, "amount is missing (and 1 more)"},
		{"Order Paid", `{"amount":1,"status":"new","items":{"sku":"a"}}`, "coerce", `{"amount":1,"status":"new","items":[{"sku":"a"}]}`, ""},
		{"Order Paid", `{"amount":1,"status":"new","items":[{"sku":7},{"price":"x"}]}`, "quarantine", `{"amount":1,"status":"new","items":[{"sku":"7"},{"price":"x"}]}`, `items[1].price is "x", not number (and 2 more)`},
		{"Order Paid", `{"amount":1,"status":"new","items":[]}`, "quarantine", "", `items is [], not 1 or more elements`},
		{"Order Paid", ``, "quarantine", "", `amount is missing (and 1 more)`},
		{"Refund", `{}`, "quarantine", "", "the event is not in the tracking plan"},
		{"Heartbeat", `{"any":"thing"}`, "allow", "", ""},
	} {
		v := p.Check(&touchstone.Event{Type: touchstone.Track, Name: c.event, Properties: touchstone.JSON(c.properties), Traits: `{"own":1}`})
		if string(v.Action) != c.action || v.SetAside() && v.Reason() != c.reason {
			t.Errorf("%s %s: %s, %q; want %s, %q", c.event, c.properties, v.Action, v.Reason(), c.action, c.reason)
		}
		if left := map[bool]string{true: string(v.Properties)}[v.Changed]; left != c.left {
			t.Errorf("%s %s: left is %s, want %s", c.event, c.properties, left, c.left)
		}
	}
	v := p.Check(&touchstone.Event{Type: touchstone.Identify, Name: "$identify", Traits: `{"age":"34","name":"王"}`, Properties: `{"age":"x"}`})
	if v.Action != Coerce || v.Traits != `{"age":34,"name":"王"}` || v.Properties != `{"age":"x"}` {
		t.Errorf("traits: %+v", v)
	}
	if v := (*Plan)(nil).Check(&touchstone.Event{Name: "x"}); v.Action != Allow {
		t.Errorf("no plan: %v", v)
	}
}

func TestManyBreachesAreBoundedAndTheReasonIsAmongThem(t *testing.T) {
	p := compiled(t, `{"invalid":"drop","events":[{"name":"e","schema":{"properties":{"list":{"type":"array","items":{"type":"number"}},"z":{"type":"number","x-action":"quarantine"}}}}]}`)
	v := p.Check(&touchstone.Event{Type: touchstone.Track, Name: "e", Properties: touchstone.JSON(`{"list":[` + strings.Repeat(`"x",`, 99) + `1],"z":"no"}`)})
	if len(v.Breaches) != maxBreaches || v.More != 80 || v.Reason() != `z is "no", not number (and 99 more)` || v.Properties != `{"list":[1],"z":"no"}` {
		t.Fatalf("%d and %d, %s, %s", len(v.Breaches), v.More, v.Reason(), v.Properties)
	}
}

func TestFaultyPlansSayWhere(t *testing.T) {
	event := func(schema string) string { return `{"events":[{"name":"购买","schema":` + schema + `}]}` }
	for _, c := range []struct{ document, want string }{
		{`{`, "The plan cannot be read"},
		{`{"evnts":[]}`, `unknown field "evnts"`},
		{`{"missing":"coerce","events":[]}`, `missing: "coerce" is none of [allow quarantine reject]`},
		{`{"events":[{"name":"a"},{"name":"a"}]}`, `events[1]: the event "a" is in the plan twice`},
		{`{"events":[{"name":""}]}`, "events[0]: a name has 1 to 200 bytes"},
		{event(`[]`), "购买: a schema is an object"},
		{event(`{"type":"array"}`), "购买: the schema of an event describes an object"},
		{event(`{"properties":{"价格":{"type":"numbr"}}}`), `购买 → 价格: the type "numbr" is none of`},
		{event(`{"properties":{"a":{"patern":"x"}}}`), `购买 → a: the keyword "patern" is not one`},
		{event(`{"properties":{"a":{"pattern":"("}}}`), "the pattern cannot be read: "},
		{event(`{"properties":{"a":{"format":"phone"}}}`), `the format "phone" is not known`},
		{event(`{"properties":{"a":{"minimum":3,"maximum":2}}}`), "minimum is above maximum"},
		{event(`{"properties":{"a":{"enum":[]}}}`), "an enum lists at least one value"},
		{event(`{"properties":{"a":{"enum":[{}]}}}`), "an enum lists texts, numbers"},
		{event(`{"properties":{"a":{"minLength":-1}}}`), "minLength is a whole number of 0 and more"},
		{event(`{"properties":{"a":{"x-action":"ignore"}}}`), `x-action: "ignore" is none of`},
		{event(`{"required":["a"],"additionalProperties":false}`), "a is required, but properties does not have it"},
		{event(`{"required":"a"}`), "required lists names of properties"},
		{event(strings.Repeat(`{"items":`, 10) + "true" + strings.Repeat("}", 10)), "nested deeper than 8"},
		{strings.Repeat(" ", MaxDocument+1), "at most 524288 fit"},
	} {
		if _, err := Parse([]byte(c.document)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.80s: %v, want %s", c.document, err, c.want)
		}
	}
}

// A validator that others wrote is the judge: over random schemas and values both say the same.
func TestValidAsJSONSchemaHasIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := mustJSON(randomSchema(t, 3))
		c := compiler{plan: &Plan{}, path: []string{"e"}}
		mine, err := c.compile(text, 0)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		document, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		judge := jsonschema.NewCompiler()
		judge.AssertFormat()
		if err := judge.AddResource("e.json", document); err != nil {
			t.Fatal(err)
		}
		theirs, err := judge.Compile("e.json")
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		for range 10 {
			value := mustJSON(randomValue(t, 3))
			parsed, err := jsonschema.UnmarshalJSON(strings.NewReader(value))
			if err != nil {
				t.Fatal(err)
			}
			if want, got := theirs.Validate(parsed) == nil, mine.valid(value); got != want {
				t.Fatalf("%s under %s: valid is %v, want %v", value, text, got, want)
			}
		}
	})
}

// What is left after mending keeps to the plan, unless it was set aside or is allowed; and
// mending it again changes nothing.
func TestMendedEventsKeepToThePlan(t *testing.T) {
	actions := []Action{Coerce, Drop}
	rapid.Check(t, func(t *rapid.T) {
		d := &Document{UnplannedProperties: Drop, Missing: Quarantine, Invalid: rapid.SampledFrom(actions).Draw(t, "invalid"),
			Events: []Event{{Name: "e", Schema: touchstone.JSON(mustJSON(map[string]any{"type": "object", "properties": randomMembers(t, 3), "additionalProperties": false, "required": []string{"a"}}))}}}
		p, err := Compile(d)
		if err != nil {
			t.Fatal(err)
		}
		e := touchstone.Event{Type: touchstone.Track, Name: "e", Properties: touchstone.JSON(mustJSON(randomObject(t, 3)))}
		v := p.Check(&e)
		if !v.Changed || v.SetAside() {
			return
		}
		if !json.Valid([]byte(v.Properties)) {
			t.Fatalf("%s became %s", e.Properties, v.Properties)
		}
		e.Properties = v.Properties
		if again := p.Check(&e); again.Action != Allow || again.Changed {
			t.Fatalf("%s under %s: %s, %v", e.Properties, d.Events[0].Schema, again.Action, again.Breaches)
		}
	})
}

func FuzzCheck(f *testing.F) {
	f.Add(`{"amount":"12","status":"NEW","items":[{}]}`)
	f.Add(`{"amount":"١٢","note":"\ud83d\ude00","\u0061mount":1}`)
	p := compiled(f, orders)
	f.Fuzz(func(t *testing.T, properties string) {
		if !json.Valid([]byte(properties)) || !strings.HasPrefix(properties, "{") {
			return
		}
		v := p.Check(&touchstone.Event{Type: touchstone.Track, Name: "Order Paid", Properties: touchstone.JSON(properties)})
		if v.Changed && !json.Valid([]byte(v.Properties)) {
			t.Fatalf("%s became %s", properties, v.Properties)
		}
	})
}

var memberNames = []string{"a", "b", "价格", `q"`}

func randomMembers(t *rapid.T, depth int) map[string]any {
	m := map[string]any{}
	for _, name := range memberNames[:rapid.IntRange(1, len(memberNames)).Draw(t, "members")] {
		m[name] = randomSchema(t, depth-1)
	}
	return m
}

func randomSchema(t *rapid.T, depth int) map[string]any {
	s := map[string]any{}
	has := func(label string) bool { return rapid.IntRange(0, 2).Draw(t, label) == 0 }
	if has("type") {
		s["type"] = rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"string", "number", "integer", "boolean", "array", "object", "null"}), 1, 3, rapid.ID).Draw(t, "types")
	}
	if has("enum") {
		s["enum"] = rapid.SliceOfNDistinct(rapid.SampledFrom([]any{"x", "", "é", 1, 2.5, true, nil}), 1, 4, func(v any) string { return fmt.Sprint(v) }).Draw(t, "enum")
	}
	if has("range") {
		low := rapid.IntRange(-3, 3).Draw(t, "low")
		s[rapid.SampledFrom([]string{"minimum", "exclusiveMinimum"}).Draw(t, "at least")] = low
		s[rapid.SampledFrom([]string{"maximum", "exclusiveMaximum"}).Draw(t, "at most")] = low + rapid.IntRange(1, 3).Draw(t, "width")
	}
	if has("length") {
		low := rapid.IntRange(0, 2).Draw(t, "shortest")
		s["minLength"], s["maxLength"] = low, low+rapid.IntRange(0, 2).Draw(t, "more")
	}
	if has("pattern") {
		s["pattern"] = rapid.SampledFrom([]string{"^x", "é$", "^[a-z]+$"}).Draw(t, "pattern")
	}
	if has("format") {
		s["format"] = rapid.SampledFrom([]string{"uuid", "ipv4", "date"}).Draw(t, "format")
	}
	if depth > 0 && has("items") {
		s["items"] = randomSchema(t, depth-1)
		s["minItems"], s["maxItems"] = rapid.IntRange(0, 1).Draw(t, "fewest"), rapid.IntRange(1, 3).Draw(t, "most")
	}
	if depth > 0 && has("properties") {
		members := randomMembers(t, depth)
		s["properties"] = members
		s["additionalProperties"] = rapid.Bool().Draw(t, "open")
		if has("required") {
			needed := rapid.SampledFrom(memberNames).Draw(t, "needed")
			if members[needed] != nil || s["additionalProperties"] == true {
				s["required"] = []string{needed}
			}
		}
	}
	return s
}

func randomValue(t *rapid.T, depth int) any {
	kind := rapid.IntRange(0, 6).Draw(t, "kind")
	switch {
	case kind == 5 && depth > 0:
		list := []any{}
		for range rapid.IntRange(0, 4).Draw(t, "elements") {
			list = append(list, randomValue(t, depth-1))
		}
		return list
	case kind == 6 && depth > 0:
		return randomObject(t, depth)
	}
	return rapid.SampledFrom([]any{"x", "", "é", "xyz", "12", " 3 ", "true", "是", "192.0.2.1", "2026-01-31", "6f1c1b2e-0000-4000-8000-00000000000a", 1, -2, 2.5, 3.0, json.Number("3.0"), json.Number("1e1"), 1767225600, true, false, nil}).Draw(t, "value")
}

func randomObject(t *rapid.T, depth int) map[string]any {
	m := map[string]any{}
	for _, name := range append(memberNames, "other") {
		if rapid.Bool().Draw(t, name) {
			m[name] = randomValue(t, depth-1)
		}
	}
	return m
}

func mustJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func TestEventsOfAPlanKeepTheirOrder(t *testing.T) {
	if d := gocmp.Diff([]string{"Order Paid", "Heartbeat", "$identify"}, compiled(t, orders).Events()); d != "" {
		t.Fatal(d)
	}
}

func BenchmarkCheck(b *testing.B) {
	p := compiled(b, orders)
	good := touchstone.Event{Type: touchstone.Track, Name: "Order Paid", Properties: `{"amount":129.5,"status":"paid","plate":"粤B12345","at":"2026-01-31T10:00:00Z","gift":false,"note":null,"items":[{"sku":"a1","price":99},{"sku":"b2","price":30.5}]}`}
	if v := p.Check(&good); v.Action != Allow {
		b.Fatalf("%+v", v)
	}
	b.Run("good", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			p.Check(&good)
		}
	})
	mended := good
	mended.Properties = `{"amount":"129.5","status":"PAID","colour":"red"}`
	b.Run("mended", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			p.Check(&mended)
		}
	})
}
