package pipeline

import (
	"testing"
	"time"

	"github.com/touchstone-cdp/touchstone"
)

func TestBackfill(t *testing.T) {
	arrival := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	const age = 24 * time.Hour
	for name, c := range map[string]struct {
		source string
		time   time.Time
		want   bool
	}{
		"as it happens":                  {"web", arrival.Add(-time.Second), false},
		"exactly as old as may be":       {"web", arrival.Add(-age), false},
		"older":                          {"web", arrival.Add(-age - time.Millisecond), true},
		"ahead of its arrival":           {"web", arrival.Add(time.Hour), false},
		"an import, however new":         {"file", arrival, true},
		"an import of what is yet to be": {"file", arrival.Add(time.Hour), true},
	} {
		t.Run(name, func(t *testing.T) {
			// The neighbours are of the other kind: each is judged by itself.
			other := touchstone.Fact{Event: touchstone.Event{Source: "web", Time: arrival, ReceivedAt: arrival}}
			if !c.want {
				other.Source = "file"
			}
			facts := []touchstone.Fact{other, {Event: touchstone.Event{Source: c.source, Time: c.time, ReceivedAt: arrival}}, other}
			history{func(source string) bool { return source == "file" }, age}.mark(facts)
			if facts[1].Backfill != c.want {
				t.Errorf("backfill: %v, want %v", facts[1].Backfill, c.want)
			}
			if facts[0].Backfill == c.want || facts[2].Backfill == c.want {
				t.Error("a neighbour's verdict was taken over")
			}
		})
	}
}
