//go:build !linux

package priority

// GiveWay lowers the priority of the calling goroutine's thread where that is known to
// concern one thread only, which is on Linux.
func GiveWay() { _ = niceness }
