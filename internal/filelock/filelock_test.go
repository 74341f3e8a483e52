//go:build unix

package filelock

import (
	"path/filepath"
	"testing"

	touchstone "github.com/touchstone-cdp/touchstone"
)

func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.lock")
	first, err := Lock(path, "store")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Lock(path, "store"); touchstone.KindOf(err) != touchstone.Conflict {
		t.Fatalf("the second lock: %v", err)
	}
	first.Close()
	again, err := Lock(path, "store")
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
	if _, err := Lock(filepath.Join(t.TempDir(), "no", "folder"), "store"); touchstone.KindOf(err) != touchstone.Unavailable {
		t.Fatalf("no folder: %v", err)
	}
}
