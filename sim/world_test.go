package sim

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/touchstone-cdp/touchstone"
)

var testEnd = time.Date(2026, 3, 1, 4, 30, 0, 0, time.UTC)

func newTestWorld(tb testing.TB, persons, days int, seed uint64) *World {
	tb.Helper()
	w, err := NewWorld(Config{Seed: seed, Persons: persons, Days: days, End: testEnd})
	if err != nil {
		tb.Fatal(err)
	}
	return w
}

func TestPrint(t *testing.T) {
	w := newTestWorld(t, 20000, 60, 1)
	bytes := 0
	began := time.Now()
	frames := []byte{}
	w.History(func(e *touchstone.Event) bool { frames = touchstone.AppendEvent(frames[:0], e); bytes += len(frames); return true })
	el := time.Since(began)
	tr := w.Truth()
	t.Logf("%v for %d events, %.1f per person, %d bytes each, %.0f/s", el, tr.Events, float64(tr.Events)/20000, bytes/int(tr.Events), float64(tr.Events)/el.Seconds())
	tr.EventsByDay = nil
	text, _ := json.MarshalIndent(tr, "", " ")
	t.Log(string(text))
}
