package ui

import (
	"io/fs"
	"strings"
	"testing"
)

// The binary must serve a page whether or not the console was built.
func TestDistHasAnIndex(t *testing.T) {
	for name, fsys := range map[string]fs.FS{
		"dist":        Dist(),
		"placeholder": sub(placeholder, "placeholder"),
	} {
		page, err := fs.ReadFile(fsys, "index.html")
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !strings.Contains(string(page), "<title>Touchstone") {
			t.Errorf("%s: index.html has no Touchstone title", name)
		}
	}
}

// The console is served under `script-src 'self'`: a script written into the page
// would be refused by the browser.
func TestNoInlineScript(t *testing.T) {
	for name, fsys := range map[string]fs.FS{
		"dist":        Dist(),
		"placeholder": sub(placeholder, "placeholder"),
	} {
		page, err := fs.ReadFile(fsys, "index.html")
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, tag := range strings.Split(string(page), "<script")[1:] {
			if !strings.Contains(strings.SplitN(tag, ">", 2)[0], "src=") {
				t.Errorf("%s: inline script in index.html", name)
			}
		}
		if strings.Contains(string(page), "https://") {
			t.Errorf("%s: index.html names another host", name)
		}
	}
}
