//go:build !unix

package sqlite

import (
	"os"

	touchstone "github.com/touchstone-cdp/touchstone"
)

// lockFile opens the lock file; where there is no flock the operator must see to it
// that one process only uses the folder.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o640)
	if err != nil {
		return nil, touchstone.Wrap(touchstone.Unavailable, err, "cannot open the lock file %s", path)
	}
	return f, nil
}
