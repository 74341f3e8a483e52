package admission

import (
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/touchstone-cdp/touchstone"
)

func text(s string) *string { return &s }

func compiled(t testing.TB, rules ...Rule) *Rules {
	t.Helper()
	c, err := Compile(&Body{Rules: rules})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestVerdicts(t *testing.T) {
	c := compiled(t,
		Rule{Mask: []Mask{{In: "properties", Name: "phone", With: text("all")}, {In: "traits", Name: "身份证"}}},
		Rule{Event: "Paid", Drop: "by name", Mask: []Mask{{In: "properties", Name: "phone", With: text(`"event"`)}}},
		Rule{Source: "src_a", Event: "Paid", Drop: "by both"},
		Rule{Source: "src_b", Mask: []Mask{{In: "properties", Name: "phone"}}},
	)
	for _, x := range []struct{ source, name, drop, properties string }{
		{"src_c", "Seen", "", `{"a":{"phone":1},"phone":"all"}`},
		{"src_c", "Paid", "admission: by name", `{"a":{"phone":1},"phone":"\"event\""}`},
		{"src_a", "Paid", "admission: by both", `{"a":{"phone":1},"phone":"\"event\""}`},
		{"src_b", "Paid", "admission: by name", `{"a":{"phone":1}}`}, // what one takes out nobody puts back
		{"", "", "", `{"a":{"phone":1},"phone":"all"}`},
	} {
		e := touchstone.Event{Source: x.source, Name: x.name, Properties: `{"a":{"phone":1}, "ph\u006fne" : "139"}`, Traits: `{"\u8eab份证":[1,2]}`,
			Context: `{"ip":"::1","traits":{"x":1,"身份证":"3"}}`}
		before := e.Properties
		v := c.Admit(&e)
		if v.Drop != x.drop || !v.Masked || strings.ReplaceAll(string(v.Properties), `\u006f`, "o") != x.properties || v.Traits != "{}" || v.Context != `{"ip":"::1","traits":{"x":1}}` {
			t.Errorf("%+v: %+v", x, v)
		}
		if e.Properties != before {
			t.Error("the event itself was changed")
		}
	}
	e := touchstone.Event{Name: "Seen", Properties: `{"telephone":1}`, Context: `{"traits":"text"}`}
	if v := c.Admit(&e); v.Masked || v.Drop != "" {
		t.Errorf("nothing of it is masked: %+v", v)
	}
}

func TestWhatIsWrongWithRules(t *testing.T) {
	long := strings.Repeat("x", 201)
	for _, r := range []Rule{
		{}, {Source: long, Drop: "r"}, {Event: long, Drop: "r"}, {Drop: long}, {Drop: "two\nlines"}, {Mask: make([]Mask, 101)},
		{Mask: []Mask{{In: "context", Name: "ip"}}}, {Mask: []Mask{{In: "traits"}}}, {Mask: []Mask{{In: "traits", Name: "a", With: &long}}},
	} {
		if err := Check([]Rule{r}); touchstone.KindOf(err) != touchstone.Invalid {
			t.Errorf("%+v: %v", r, err)
		}
	}
	if err := Check(make([]Rule, 201)); touchstone.KindOf(err) != touchstone.Invalid {
		t.Error(err)
	}
}

// Masks leave valid JSON, with all that they do not name as it was; and once masked is masked.
func TestMasksLeaveTheRest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		object := rapid.MapOf(rapid.String(), rapid.OneOf(rapid.Just(any("t\"x")), rapid.Just(any(1.5)), rapid.Just(any(nil)), rapid.Just(any(map[string]any{"a": []any{"b"}})))).Draw(t, "object")
		names := rapid.SliceOfN(rapid.StringN(1, 20, 200), 0, 3).Draw(t, "names")
		for k := range object {
			if k != "" && len(k) <= maxName && rapid.Bool().Draw(t, "name it") {
				names = append(names, k)
			}
		}
		with := rapid.SampledFrom([]*string{nil, text("“gone”")}).Draw(t, "with")
		rule := Rule{Drop: "r"}
		for _, n := range names {
			rule.Mask = append(rule.Mask, Mask{In: "properties", Name: n, With: with})
		}
		c, err := Compile(&Body{Rules: []Rule{rule}})
		if err != nil {
			t.Skip(err)
		}
		in, err := json.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		e := touchstone.Event{Properties: touchstone.JSON(in)}
		v := c.Admit(&e)
		v.Apply(&e)
		for _, n := range names {
			if _, ok := object[n]; ok {
				if delete(object, n); with != nil {
					object[n] = *with
				}
			}
		}
		var got map[string]any
		if err := json.Unmarshal([]byte(e.Properties), &got); err != nil {
			t.Fatalf("%s: %v", e.Properties, err)
		}
		a, _ := json.Marshal(got)
		b, _ := json.Marshal(object)
		if string(a) != string(b) {
			t.Fatalf("%s, want %s", a, b)
		}
		once := e.Properties
		v = c.Admit(&e)
		if v.Apply(&e); e.Properties != once {
			t.Fatalf("again: %s, want %s", e.Properties, once)
		}
	})
}

func BenchmarkAdmit(b *testing.B) {
	e := touchstone.Event{Source: "src_a", Name: "Paid", Properties: `{"amount":12.5,"phone":"13912345678","items":[{"sku":"a"},{"sku":"b"}]}`, Context: `{"ip":"::1","page":{"url":"https://example.com"}}`}
	for name, c := range map[string]*Rules{"none": nil, "others": compiled(b, Rule{Source: "src_b", Drop: "r"}),
		"masked": compiled(b, Rule{Event: "Paid", Mask: []Mask{{In: "properties", Name: "phone"}}})} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.Admit(&e)
			}
		})
	}
}
