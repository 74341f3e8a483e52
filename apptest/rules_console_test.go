package apptest

import (
	"testing"
)

// In the console, in both languages: what a rule would change is seen, done and taken back.
func TestRulesInTheConsole(t *testing.T) {
	chromium, shots := browser(t)
	for _, lang := range []string{"en", "zh"} {
		t.Run(lang, func(t *testing.T) {
			s := Start(t)
			s.Track(
				Event{"type": "identify", "messageId": "m1", "userId": "ann", "context": device("d1")},
				Event{"type": "track", "messageId": "m2", "userId": "ann", "event": "Viewed", "context": device("d2")},
				Event{"type": "track", "messageId": "m3", "event": "Viewed", "context": device("d2")},
			)
			s.AwaitLive(s.CreateSegment("viewers", DidEvent("Viewed", 1, "")).ID)
			s.Settle()
			s.Drain()
			runClient(t, "rules.mjs", s.URL, chromium, shots, lang)
		})
	}
}
