package apptest

import (
	"testing"
)

// The console in a real browser, from the first run on.
func TestConsoleJourney(t *testing.T) {
	chromium, shots := browser(t)
	s := Start(t, "--dev=false", "--time-zone", "Asia/Shanghai")
	token := setupToken(s)
	runClient(t, "journey.mjs", s.URL, token, chromium, shots)
}
