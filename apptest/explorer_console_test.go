package apptest

import (
	"fmt"
	"testing"
	"time"
)

// From conditions that are dragged, walked by keyboard, copied and taken back, by all that the explorer tells of their
// people, to the file of a list, in the console, in both languages.
func TestExplorerInTheConsole(t *testing.T) {
	chromium, shots := browser(t)
	for _, lang := range []string{"en", "zh"} {
		t.Run(lang, func(t *testing.T) {
			s := Start(t, "--time-zone", "Asia/Shanghai")
			s.Track(explorerWorld()...)
			s.Drain()
			s.CreateSegment("买过 · Bought", map[string]any{"event": "Order Completed"})
			runClient(t, "explorer.mjs", s.URL, chromium, shots, lang)
		})
	}
}

// explorerWorld is 60 people: every other one of Shanghai, every third of tier gold, the first 20 of whom bought something.
func explorerWorld() (events []Event) {
	at := time.Now().Add(-48 * time.Hour).UTC().Format(time.RFC3339)
	for i := range 60 {
		who := fmt.Sprintf("buyer-%02d", i)
		traits := map[string]any{"name": fmt.Sprintf("王小明 %02d", i), "city": []string{"上海", "北京"}[i%2], "tier": []string{"gold", "silver", "bronze"}[i%3]}
		events = append(events, Event{"type": "identify", "userId": who, "traits": traits, "timestamp": at})
		if i < 20 {
			events = append(events, Event{"type": "track", "userId": who, "event": "Order Completed", "properties": map[string]any{"amount": 100 + i}, "timestamp": at})
		}
	}
	return events
}
