//go:build unix

package conns

import (
	"math"
	"syscall"
)

// keptFiles are open files that are not connections: log, store, warehouse, outgoing connections.
const keptFiles = 256

// openFiles is how many connections the system's limit of open files leaves room for.
func openFiles() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Cur > math.MaxInt32 {
		return math.MaxInt32
	}
	return max(int(limit.Cur)-keptFiles, keptFiles) //nolint:gosec // bounded above
}
