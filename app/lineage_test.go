package app

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every feature that tells its definitions is among those who are asked: no line in the list can be forgotten.
func TestAllTellersAreAsked(t *testing.T) {
	form := regexp.MustCompile(`(?m)^func \(\w+ \*(\w+)\) Definitions\(ctx context\.Context\) \(\[\]touchstone\.Definition, error\)`)
	own, err := os.ReadFile("lineage.go")
	if err != nil {
		t.Fatal(err)
	}
	asked := strings.Count(string(own), ".Definitions")
	tell := 0
	err = filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".git" || d.Name() == "console") {
			return errOrSkip(err, d)
		}
		if strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			tell += len(form.FindAll(text, -1))
		}
		return nil
	})
	if err != nil || tell == 0 || tell != asked {
		t.Errorf("%d features tell their definitions, tellers asks %d: %v", tell, asked, err)
	}
}

func errOrSkip(err error, d fs.DirEntry) error {
	if err != nil {
		return err
	}
	if d.IsDir() {
		return filepath.SkipDir
	}
	return nil
}
