//go:build unix

package sqlite

import (
	"errors"
	"os"
	"syscall"

	touchstone "github.com/touchstone-cdp/touchstone"
)

// lockFile takes a lock that ends with the process, also after kill -9.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o640)
	if err != nil {
		return nil, touchstone.Wrap(touchstone.Unavailable, err, "cannot open the lock file %s", path).
			WithHint("check that this user may write to the folder")
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return f, nil
	}
	f.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, touchstone.Errorf(touchstone.Conflict, "another process has the store open (it holds %s)", path).
			WithHint("stop the other touchstone process, or give this one another data folder")
	}
	return nil, touchstone.Wrap(touchstone.Unavailable, err, "cannot lock %s", path)
}
