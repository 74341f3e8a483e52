package apptest

import (
	"os"
	"testing"
)

// What the console owes to whoever works in it all day: links that never break a page, the keyboard, buttons that come
// free after an error, changes that are not lost, exact figures.
func TestConsoleManners(t *testing.T) {
	chromium := Chromium(t)
	if _, err := os.Stat("../console/ui/dist/index.html"); err != nil {
		Missing(t, "the console's build (run `make ui`)")
	}
	s := Start(t)
	shots := os.Getenv("TOUCHSTONE_SCREENSHOTS")
	if shots == "" {
		shots = t.TempDir()
	}
	runClient(t, "console.mjs", s.URL, chromium, shots)
}
