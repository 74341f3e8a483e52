package mend

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/touchstone-cdp/touchstone"
)

func TestFields(t *testing.T) {
	r := Rule{Event: "Paid", When: `properties.currency == "CNY" && context.app.version != "1"`, Steps: []Step{
		{Do: Rename, Field: "properties.amount", To: "properties.total"},
		{Do: Split, Field: "traits.name", By: " ", Into: []string{"traits.first", "traits.last"}},
		{Do: Set, Field: "properties.items[].price", Expression: `round(number(item.raw) * properties["rate\\of"])`},
		{Do: Drop, Field: "properties.junk"},
		{Do: Rename, Field: "event", To: "Bought"},
	}}
	if _, err := Compile([]Rule{r}); err != nil {
		t.Fatal(err)
	}
	property := func(name string) touchstone.Field {
		return touchstone.Field{Sort: touchstone.PropertyField, Event: "Paid", Name: name}
	}
	trait := func(name string) touchstone.Field {
		return touchstone.Field{Sort: touchstone.TraitField, Name: name}
	}
	reads, makes := r.Fields()
	wantReads := []touchstone.Field{{Sort: touchstone.EventField, Name: "Paid"}, property("currency"), {Sort: touchstone.ContextField, Event: "Paid", Name: "app"}, {Sort: touchstone.ContextField, Event: "Paid", Name: "app.version"},
		property("amount"), trait("name"), property("items[].price"), property(`rate\of`), property("junk")}
	wantMakes := []touchstone.Field{property("total"), trait("first"), trait("last"), property("items[].price"), {Sort: touchstone.EventField, Name: "Bought"}}
	if d := cmp.Diff(set(wantReads), set(reads)); d != "" {
		t.Error("reads", d)
	}
	if d := cmp.Diff(set(wantMakes), set(makes)); d != "" {
		t.Error("makes", d)
	}
}

func set(list []touchstone.Field) map[touchstone.Field]int {
	m := map[touchstone.Field]int{}
	for _, f := range list {
		m[f]++
	}
	return m
}
