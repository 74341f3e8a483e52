package keyfile

import (
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
)

// Whoever comes at the same time reads one content, whole, in a file for its owner only.
func TestReadOrMake(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.key")
	got := make([]string, 8)
	var all sync.WaitGroup
	for i := range got {
		all.Go(func() {
			text, err := ReadOrMake(path, nil, func() ([]byte, error) { return []byte("secret " + strconv.Itoa(i)), nil })
			if err != nil {
				t.Error(err)
			}
			got[i] = string(text)
		})
	}
	all.Wait()
	for _, text := range got {
		if text == "" || text != got[0] {
			t.Errorf("read %q", got)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
	if _, err := ReadOrMake(filepath.Join(path, "no folder"), nil, func() ([]byte, error) { return nil, nil }); err == nil {
		t.Error("a file was made where there is no folder")
	}
}
