package quality

import (
	"encoding/json"
	"testing"
)

// copySeries takes a series through its stored form.
func copySeries(t testing.TB, s *Series) *Series {
	t.Helper()
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	out := new(Series)
	if err := json.Unmarshal(text, out); err != nil {
		t.Fatal(err)
	}
	return out
}
