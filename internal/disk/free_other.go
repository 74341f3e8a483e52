//go:build !unix

package disk

import "errors"

// Free measures the disk that holds dir.
func Free(string) (free, total int64, err error) {
	return 0, 0, errors.New("the free space cannot be measured on this system")
}
