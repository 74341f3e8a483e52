package console

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A chart that has just been opened shows the last minutes at once.
func TestThroughputIsRemembered(t *testing.T) {
	var ring statsRing
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for i, accepted := range []int64{100, 100, 350, 350, 300} { // a counter that went back counts as still
		ring.add(sample{at: at.Add(time.Duration(i) * 2 * time.Second), accepted: accepted})
	}
	if diff := cmp.Diff([]float64{0, 125, 0, 0}, ring.recent()); diff != "" {
		t.Error(diff)
	}
	for i := range 2 * historySeconds {
		ring.add(sample{at: at.Add(time.Hour + time.Duration(i)*time.Second), accepted: int64(1000 + 7*i)})
	}
	got := ring.recent()
	if len(got) != historySeconds || got[0] != 7 || got[historySeconds-1] != 7 {
		t.Errorf("%d values, from %v to %v", len(got), got[0], got[len(got)-1])
	}
}
