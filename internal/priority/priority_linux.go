package priority

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// GiveWay ties the calling goroutine to a thread for the rest of its life and lowers that
// thread's priority, not the priority of goroutines that it starts. The thread ends with
// the goroutine. An error costs speed only, so there is none.
func GiveWay() {
	runtime.LockOSThread()
	_ = unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), niceness)
}
