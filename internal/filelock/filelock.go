// Package filelock keeps a second process away from a data folder.
package filelock

import (
	"os"

	touchstone "github.com/touchstone-cdp/touchstone"
)

// Lock creates the file if need be and locks it for this process, until the returned
// file is closed or the process ends, however it ends. what names the thing that it
// protects, for the error: "store".
func Lock(path, what string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o640)
	if err != nil {
		return nil, touchstone.Wrap(touchstone.Unavailable, err, "cannot open the lock file of the %s, %s", what, path).
			WithHint("check that this user may write to the folder")
	}
	taken, err := lock(f)
	switch {
	case err != nil:
		f.Close()
		return nil, touchstone.Wrap(touchstone.Unavailable, err, "cannot lock %s", path)
	case taken:
		f.Close()
		return nil, touchstone.Errorf(touchstone.Conflict, "another process has the %s open (it holds %s)", what, path).
			WithHint("stop the other touchstone process, or give this one another data folder")
	}
	return f, nil
}
