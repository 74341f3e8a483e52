package wire

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/warehouse"
)

// What one process says the other hears: values of all kinds, and errors that the console
// can still say in its reader's language.
func TestRepliesArriveAsTheyWere(t *testing.T) {
	res := &warehouse.Result{Truncated: true, Columns: []warehouse.Column{{Name: "a", Type: warehouse.String}, {Name: "b", Type: warehouse.JSON}, {Name: "长", Type: warehouse.Time}},
		Rows: [][]any{{"x", touchstone.JSON(`{"a":1}`), time.Date(1969, 7, 20, 20, 17, 40, 123456000, time.UTC)}, {int64(-5), nil, true}, {1.5, false, ""}}}
	var buf bytes.Buffer
	if err := WriteReply(&buf, res, nil, 0); err != nil {
		t.Fatal(err)
	}
	got, failure, err := ReadReply(&buf)
	if diff := cmp.Diff(res, got); diff != "" || failure != nil || err != nil {
		t.Errorf("%s, %v, %v", diff, failure, err)
	}
	inner := touchstone.Textf("100 %% of %d", 7)
	asked := touchstone.Wrap(touchstone.Invalid, errors.New("the cause"), "the function %q has %d parts and %s", "x%d", 3, inner).WithHint("did you mean %s?", "y")
	if err := WriteReply(&buf, nil, asked, 0); err != nil {
		t.Fatal(err)
	}
	_, failure, err = ReadReply(&buf)
	var e *touchstone.Error
	if err != nil || !errors.As(failure, &e) {
		t.Fatalf("%v, %v", failure, err)
	}
	if e.Kind != asked.Kind || e.Message != asked.Message || e.Hint != asked.Hint {
		t.Errorf("%+v became %+v", asked, e)
	}
	want, _ := asked.Texts()
	have, _ := e.Texts()
	wantTemplate, _ := want.Template()
	haveTemplate, params := have.Template()
	if wantTemplate != haveTemplate || len(params) != 3 || params[0] != `"x%d"` {
		t.Errorf("the template %q became %q with %v", wantTemplate, haveTemplate, params)
	}
	if _, _, err := ReadReply(strings.NewReader(Greeting + "\xc8\x01x")); err == nil {
		t.Error("half a reply was read")
	}
	if _, _, err := ReadReply(strings.NewReader("\x7f" + strings.Repeat("nonsense ", 4))); err == nil || !strings.Contains(err.Error(), "begins with") {
		t.Errorf("nonsense was taken for the length of something: %v", err)
	}
}
