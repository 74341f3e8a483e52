// Package disk says how much room a disk has, and how much of it must stay free.
package disk

import "fmt"

const (
	defaultMinFree = 1 << 30
	defaultMinPart = 50 // one part in fifty: 2 %
)

// Least is the space that must stay free on a disk of a size: configured, or 2 % and at
// least 1 GiB. A disk that gets full would leave log, store and warehouse broken.
func Least(configured, total int64) int64 {
	if configured != 0 {
		return configured
	}
	return max(defaultMinFree, total/defaultMinPart)
}

// Text writes a number of bytes for people.
func Text(n int64) string {
	const unit = 1024
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	v, i := float64(n), -1
	for ; v >= unit; i++ {
		v /= unit
	}
	return fmt.Sprintf("%.1f %ciB", v, "KMGTPE"[i])
}
