package rule_test

import (
	"testing"

	"github.com/tidwall/gjson"

	"github.com/touchstone-cdp/touchstone"
)

// Whatever a rule's text names (a trait, an event, a property, a path of the context) is among what it reads. A new form
// of condition that is not told there fails here, once a rule that has it stands in the list.
func TestReadsNameAllThatTheTextNames(t *testing.T) {
	for _, text := range []string{
		`{"trait":"city","op":"eq","value":"Shanghai"}`,
		`{"event":"Order Paid"}`,
		`{"and":[{"event":"Order Paid","where":[{"property":"amount","op":"gte","value":10},{"context":"page.path","op":"eq","value":"/"}],"count":{"op":"lte","value":3},"within":"30d"},{"not":{"trait":"plan","op":"exists"}}]}`,
		`{"event":"Order Paid","sum":{"property":"amount","op":"gte","value":100}}`,
		`{"household":{"any":{"or":[{"event":"View","where":[{"property":"sku","op":"exists"}]},{"trait":"vip","op":"eq","value":true}]}}}`,
		`{"sequence":[{"event":"View","where":[{"property":"sku","op":"exists"}]},{"event":"Order Paid","where":[{"context":"page.path","op":"eq","value":"/"}],"within":"2h","not":true}],"within":"30d"}`,
	} {
		named := map[string]bool{}
		for _, r := range parse(t, text).Reads() {
			named[string(r.Sort)+":"+r.Name] = true
		}
		var walk func(v gjson.Result)
		walk = func(v gjson.Result) {
			v.ForEach(func(key, value gjson.Result) bool {
				switch touchstone.FieldSort(key.Str) {
				case touchstone.TraitField, touchstone.EventField, touchstone.PropertyField, touchstone.ContextField:
					if value.Type == gjson.String && !named[key.Str+":"+value.Str] {
						t.Errorf("%s: %s %q is not told", text, key.Str, value.Str)
					}
				}
				if value.IsObject() || value.IsArray() {
					walk(value)
				}
				return true
			})
		}
		walk(gjson.Parse(text))
	}
}
