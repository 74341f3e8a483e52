package jetstream

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	touchstone "github.com/touchstone-cdp/touchstone"
)

// HoldTrims keeps every record from now on until release is called: Trim waits meanwhile.
func (l *Log) HoldTrims(ctx context.Context) (release func(), err error) {
	select {
	case l.trims <- struct{}{}:
		return func() { <-l.trims }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Files returns the folder of an embedded log and the files in it, with slashes, that make
// it up, in the order in which they are to be copied while trims are held. Files only grow then,
// and a log whose last file was cut in the middle of a record ends with the record before. The
// server's index of them is left out: without it, the files are read anew.
func (l *Log) Files() (dir string, names []string, err error) {
	if l.dir == "" {
		return "", nil, touchstone.Errorf(touchstone.Invalid, "the log is kept by another server: its own tools copy it")
	}
	for _, p := range l.parts {
		at := filepath.Join("jetstream", "$G", "streams", p.name)
		names = append(names, filepath.ToSlash(filepath.Join(at, "meta.inf")), filepath.ToSlash(filepath.Join(at, "meta.sum")))
		found, err := os.ReadDir(filepath.Join(l.dir, at, "msgs"))
		if err != nil {
			return "", nil, err
		}
		var blocks []int
		for _, e := range found {
			name, isBlock := strings.CutSuffix(e.Name(), ".blk")
			if n, err := strconv.Atoi(name); err == nil && isBlock {
				blocks = append(blocks, n)
			}
		}
		slices.Sort(blocks)
		for _, n := range blocks {
			names = append(names, filepath.ToSlash(filepath.Join(at, "msgs", strconv.Itoa(n)+".blk")))
		}
	}
	return l.dir, names, nil
}
