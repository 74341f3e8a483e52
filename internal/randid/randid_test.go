package randid

import (
	"regexp"
	"testing"
)

func TestNew(t *testing.T) {
	want := regexp.MustCompile(`^src_[0-9a-hjkmnp-tv-z]{16}$`)
	seen := map[string]bool{}
	for range 1000 {
		id := New("src")
		if !want.MatchString(id) {
			t.Fatalf("got %q", id)
		}
		if seen[id] {
			t.Fatalf("%q came twice", id)
		}
		seen[id] = true
	}
}

func TestStringLength(t *testing.T) {
	for n := range 100 {
		if got := String(n); len(got) != n {
			t.Fatalf("String(%d) = %q", n, got)
		}
	}
}
