//go:build !unix

package console

// processUsage is not known on this system.
func processUsage() (cpuSeconds float64, rssBytes int64) { return 0, 0 }
