package apptest

import (
	"testing"
)

// What the console owes to whoever works in it all day: links that never break a page, the keyboard, buttons that come
// free after an error, changes that are not lost, exact figures.
func TestConsoleManners(t *testing.T) {
	chromium, shots := browser(t)
	s := Start(t)
	runClient(t, "console.mjs", s.URL, chromium, shots)
}
