package touchstone

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTemplates(t *testing.T) {
	plain := &Error{Kind: Invalid, Message: "100 % wrong", Hint: "use 99 %"}
	message, hint := plain.Texts()
	changed := Errorf(Invalid, "%d of %s", 3, "x")
	changed.Message = "f.yaml: " + changed.Message
	afterwards, _ := changed.Texts()
	for _, c := range []struct {
		text     Text
		english  string
		template string
		params   []any
	}{
		{Textf("nothing in it"), "nothing in it", "nothing in it", nil},
		{Textf("%q has %d of %5.1f %%", "a", 3, 2.25), `"a" has 3 of   2.2 %`, "{0} has {1} of {2} %", []any{`"a"`, "3", "  2.2"}},
		{Textf("%s: %s", "steps.1", Textf("must hold %d", 5)), "steps.1: must hold 5", "{0}: {1}", []any{"steps.1", Textf("must hold %d", 5)}},
		{Textf("in %s: %v", "a", Errorf(NotFound, "no %s", "b")), "in a: no b", "in {0}: {1}", []any{"a", Textf("no %s", "b")}},
		{Textf("in %s: %v", "a", errors.New("b")), "in a: b", "in {0}: {1}", []any{"a", "b"}},
		{Textf(`such as {"event":"view"}, 订单 %s`, "x"), `such as {"event":"view"}, 订单 x`, `such as {"event":"view"}, 订单 {0}`, []any{"x"}},
		{message, "100 % wrong", "100 % wrong", nil},
		{hint, "use 99 %", "use 99 %", nil},
		{TextOf(errors.New("100 % odd")), "100 % odd", "100 % odd", nil},
		{TextOf(fmt.Errorf("read: %w", Errorf(Invalid, "no %s", "b"))), "read: no b", "read: no b", nil},
		{TextOf(Errorf(Invalid, "no %s", "b")), "no b", "no {0}", []any{"b"}},
		{TextOf(Errorf(Invalid, "no %s", "b").WithHint("get %d", 2)), "no b (get 2)", "{0} ({1})", []any{Textf("no %s", "b"), Textf("get %d", 2)}},
		{TextOf(Wrap(Invalid, errors.New("c"), "no b")), "no b: c", "{0}: {1}", []any{Textf("no b"), Textf("c")}},
		{afterwards, "f.yaml: 3 of x", "f.yaml: 3 of x", nil},
	} {
		template, params := c.text.Template()
		if c.text.String() != c.english || template != c.template || !cmp.Equal(params, c.params) {
			t.Errorf("%v: got %q, %q %v; want %q, %q %v", c.text, c.text.String(), template, params, c.english, c.template, c.params)
		}
	}
}
