package apptest

import (
	"fmt"
	"testing"
)

// In the console, in both languages: from what comes in to a plan that holds, and from an event that breaks it to
// quarantine and back to the plan.
func TestPlansInTheConsole(t *testing.T) {
	chromium, shots := browser(t)
	for _, lang := range []string{"en", "zh"} {
		t.Run(lang, func(t *testing.T) {
			s := Start(t, "--time-zone", "Asia/Shanghai")
			_, key := s.Source("shop", "server")
			for i := range 30 {
				s.TrackAs(key, Event{"type": "track", "messageId": fmt.Sprint("m", i), "userId": fmt.Sprint("u", i%7), "event": "Paid", "properties": map[string]any{"amount": i, "city": "上海"}})
			}
			s.Drain()
			runClient(t, "plans.mjs", s.URL, chromium, shots, lang, key)
		})
	}
}
