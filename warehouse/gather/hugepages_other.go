//go:build !linux

package gather

// onHugePages returns n zeros; which pages they are in is the system's business.
func onHugePages(n int) []int64 { return make([]int64, n) }
