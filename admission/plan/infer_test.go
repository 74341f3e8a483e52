package plan

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/touchstone-cdp/touchstone"
)

func TestObserved(t *testing.T) {
	var o Observed
	for i := range 30 {
		properties := `{"$os":"iOS","amount":` + []string{"1", "2.5"}[i%2] + `,"n":3,"at":"2026-01-31T10:00:00Z","who":"a@example.com","items":[{"sku":"a"},{"sku":"b","gift":true}],"none":null`
		if i%3 == 0 {
			properties += `,"sometimes":"x"`
		}
		o.See(&touchstone.Event{Type: touchstone.Track, Name: "Paid", Properties: touchstone.JSON(properties + "}")})
	}
	o.See(&touchstone.Event{Type: touchstone.Track, Name: "Open"})
	d := o.Document()
	if len(d.Events) != 2 || d.Events[0].Schema != `{"type":"object"}` {
		t.Fatalf("%+v", d.Events)
	}
	want := `{"type":"object","required":["amount","n","at","who","items","none"],"properties":{"amount":{"type":"number"},"n":{"type":"integer"},"at":{"type":"string","format":"date-time"},` +
		`"who":{"type":"string","format":"email"},"items":{"type":"array","items":{"type":"object","required":["sku"],"properties":{"sku":{"type":"string"},"gift":{"type":"boolean"}}}},` +
		`"none":{"type":"null"},"sometimes":{"type":"string"}},"additionalProperties":false}`
	if got := string(d.Events[1].Schema); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// What was seen keeps to the plan that is made of it.
func TestObservedEventsKeepToTheirPlan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var o Observed
		var events []touchstone.Event
		for range rapid.IntRange(1, 40).Draw(t, "events") {
			e := touchstone.Event{Type: touchstone.Track, Name: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "name"), Properties: touchstone.JSON(mustJSON(randomObject(t, 6)))}
			events = append(events, e)
			o.See(&e)
		}
		d := o.Document()
		p, err := Compile(&d)
		if err != nil {
			t.Fatalf("%s: %v", mustJSON(d), err)
		}
		for _, e := range events {
			if v := p.Check(&e); len(v.Breaches) > 0 {
				t.Fatalf("%s under %s: %v", e.Properties, mustJSON(d), v.Breaches)
			}
		}
	})
}

func TestObservedIsBounded(t *testing.T) {
	var o Observed
	for i := range maxObserved + 5 {
		o.See(&touchstone.Event{Type: touchstone.Track, Name: strings.Repeat("x", i%150) + string(rune('a'+i/150))})
	}
	if n := len(o.Document().Events); n > maxObserved {
		t.Fatal(n)
	}
}
