package sim

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/touchstone-cdp/touchstone/collect/importer"
)

// Slips are a function of the world, have each kind of mistake, and never more than the shop's phone
// or the fair's tablet in common beside their writer.
func TestSlipsAreDirtyAndRepeatable(t *testing.T) {
	c := Config{Seed: 4, Persons: 8000, Days: 30, End: time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)}
	w := newWorldOf(t, c)
	other := newWorldOf(t, c)
	if !slices.Equal(w.Forms(), other.Forms()) || !slices.Equal(w.Receipts(), other.Receipts()) {
		t.Fatal("two worlds of one configuration have different slips")
	}
	seen := map[string]int{}
	numbers := map[string]bool{}
	for _, s := range slices.Concat(w.Forms(), w.Receipts()) {
		if numbers[s.Number] {
			t.Errorf("the number %s is there twice", s.Number)
		}
		numbers[s.Number] = true
		p := &w.people[s.Person]
		name, latin := w.names(p)
		given, _, _ := strings.Cut(latin, ".")
		for what, yes := range map[string]bool{
			"name right": s.ItsName, "name wrong": !s.ItsName, "phone right": s.ItsLine, "phone missing": s.Phone == "", "shop's phone": s.Phone == shopLine,
			"phone wrong": s.Phone != "" && s.Phone != shopLine && !s.ItsLine, "fair": s.Tablet != "", "no address": s.Address == "",
			"sounds alike": !p.english && !s.ItsName && len(s.Name) == len(name) && !strings.Contains(s.Name, " "), "title": strings.HasSuffix(s.Name, "先生"), "latin": !p.english && strings.Contains(strings.ToLower(s.Name), given),
		} {
			if yes {
				seen[what]++
			}
		}
		if s.ItsName != (s.Name == name) || s.ItsLine != (s.Phone == w.phoneNumber(p)) {
			t.Errorf("%+v says wrongly what is right in it; %s is %s", s, name, w.phoneNumber(p))
		}
	}
	for _, what := range []string{"name right", "name wrong", "phone right", "phone missing", "shop's phone", "phone wrong", "fair", "no address", "sounds alike", "title", "latin"} {
		if seen[what] < 10 {
			t.Errorf("%s: %d slips", what, seen[what])
		}
	}
	for _, file := range w.OfflineFiles() {
		for _, text := range file.Mappings {
			if _, err := importer.ParseMapping([]byte(text)); err != nil {
				t.Errorf("%s: %v", file.Name, err)
			}
		}
	}
}

func newWorldOf(t *testing.T, c Config) *World {
	t.Helper()
	w, err := NewWorld(c)
	if err != nil {
		t.Fatal(err)
	}
	return w
}
