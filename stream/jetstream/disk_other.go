//go:build !unix

package jetstream

import "errors"

func freeSpace(string) (free, total int64, err error) {
	return 0, 0, errors.New("the free space cannot be measured on this system")
}
