package apptest

import (
	"fmt"
	"testing"
)

// In the console, in both languages: tags are written, approved, changed, given to a person and to a segment, and seen on a
// person's page.
func TestTagsInTheConsole(t *testing.T) {
	chromium, shots := browser(t)
	for _, lang := range []string{"en", "zh"} {
		t.Run(lang, func(t *testing.T) {
			s := Start(t, "--time-zone", "Asia/Shanghai")
			var events []Event
			for i, who := range []string{"ann", "eve", "bob"} {
				events = append(events, Event{"type": "identify", "messageId": fmt.Sprint("i", i), "userId": who, "traits": map[string]any{"name": who}})
				if who != "bob" {
					events = append(events, Event{"type": "track", "messageId": fmt.Sprint("p", i), "userId": who, "event": "Paid", "properties": map[string]any{"amount": 9}})
				}
			}
			s.Track(events...)
			s.Drain()
			payers := s.CreateSegment("payers", map[string]any{"event": "Paid"})
			runClient(t, "tags.mjs", s.URL, chromium, shots, lang, payers.ID)
		})
	}
}
