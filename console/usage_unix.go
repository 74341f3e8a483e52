//go:build unix

package console

import (
	"bytes"
	"os"
	"strconv"
	"syscall"
	"time"
)

// processUsage returns the CPU time that the process has used and its resident memory.
func processUsage() (cpuSeconds float64, rssBytes int64) {
	var ru syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &ru) == nil {
		cpuSeconds = (time.Duration(ru.Utime.Nano()) + time.Duration(ru.Stime.Nano())).Seconds()
	}
	// Linux: size and resident set in pages. Elsewhere it stays 0.
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return cpuSeconds, 0
	}
	fields := bytes.Fields(statm)
	if len(fields) < 2 {
		return cpuSeconds, 0
	}
	pages, _ := strconv.ParseInt(string(fields[1]), 10, 64)
	return cpuSeconds, pages * int64(os.Getpagesize())
}
