package apptest

import (
	"testing"
)

// In the console, in both languages: a webhook from its creation to a delivery, to calls that the receiver refuses and to their
// replay; and an export that a segment's page starts, to the file.
func TestWebhooksAndJobsInTheConsole(t *testing.T) {
	chromium, shots := browser(t)
	for _, lang := range []string{"en", "zh"} {
		t.Run(lang, func(t *testing.T) {
			s := Start(t, "--time-zone", "Asia/Shanghai")
			_, key := s.Source("shop", "server")
			s.TrackAs(key, Event{"type": "identify", "userId": "user-0", "traits": map[string]any{"state": "in", "phone": "13800138000"}})
			s.Drain()
			segment := s.CreateSegment("进店 · In store", map[string]any{"trait": "state", "op": "eq", "value": "in"})
			runClient(t, "act.mjs", s.URL, chromium, shots, lang, key, segment.ID)
		})
	}
}
