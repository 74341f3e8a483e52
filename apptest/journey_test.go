package apptest

import (
	"os"
	"testing"
)

// The console in a real browser, from the first run on.
func TestConsoleJourney(t *testing.T) {
	chromium := Chromium(t)
	if _, err := os.Stat("../console/ui/dist/index.html"); err != nil {
		Missing(t, "the console's build (run `make ui`)")
	}
	s := Start(t, "--dev=false", "--time-zone", "Asia/Shanghai")
	token := setupToken(s)
	shots := os.Getenv("TOUCHSTONE_SCREENSHOTS")
	if shots == "" {
		shots = t.TempDir()
	}
	runClient(t, "journey.mjs", s.URL, token, chromium, shots)
}
