package httpapi_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/httpapi"
)

func TestTextsAreStored(t *testing.T) {
	for name, err := range map[string]error{
		"none":       nil,
		"plain":      errors.New("100 % odd"),
		"parameters": touchstone.Errorf(touchstone.Unavailable, "The receiver answered %d.", 503),
		"a hint":     touchstone.Errorf(touchstone.Invalid, "no %q", "b").WithHint("get %d", 2),
		"a cause":    touchstone.Wrap(touchstone.Internal, errors.New("c"), "no b"),
	} {
		text := httpapi.TextOf(err)
		if diff := cmp.Diff(text, httpapi.LoadText(text.Store())); diff != "" {
			t.Errorf("%s (-kept +read back):\n%s", name, diff)
		}
	}
	got := httpapi.LoadText(httpapi.TextOf(touchstone.Errorf(touchstone.Unavailable, "%d of %s", 3, "x")).Store())
	if diff := cmp.Diff(&httpapi.Text{Template: "{0} of {1}", Params: []any{"3", "x"}}, got); diff != "" {
		t.Error(diff)
	}
	if s := httpapi.TextOf(touchstone.Errorf(touchstone.Invalid, "%s", strings.Repeat("x", 5000))).Store(); s != "" {
		t.Errorf("%d bytes are stored", len(s))
	}
	if s := httpapi.TextOf(errors.New("a\xff\x00b")).Store(); httpapi.LoadText(s) == nil {
		t.Errorf("%q is not read back", s)
	}
	for _, bad := range []string{"", "{", "[]", `{"params":["a"]}`} {
		if got := httpapi.LoadText(bad); got != nil {
			t.Errorf("%s: %v", bad, got)
		}
	}
}
