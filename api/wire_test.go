package api

import (
	"testing"

	"github.com/touchstone-cdp/touchstone"
)

// What is in quarantine may be odd JSON; it must not break the page that shows it.
func TestOddJSONIsShownAsItCame(t *testing.T) {
	for _, text := range []string{`{"a":1,"a":2}`, `{"n":1e999}`, `[[[[]]]]`, `{"":""}`} {
		got, err := EncodeJSON(map[string]touchstone.JSON{"event": touchstone.JSON(text)})
		if want := `{"event":` + text + "}\n"; err != nil || string(got) != want {
			t.Errorf("%s is shown as %s, %v", text, got, err)
		}
	}
}
