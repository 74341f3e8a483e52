package app

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"time"
)

// limitMemory makes the garbage collector work harder before the heap outgrows what is
// left beside the warehouse. 0 is no limit; as the runtime takes it, all work but collecting would
// be slowed down to half. GOMEMLIMIT wins, as always.
func limitMemory(cfg *Config) {
	if cfg.MemoryLimit > 0 && debug.SetMemoryLimit(-1) == 1<<63-1 {
		debug.SetMemoryLimit(int64(cfg.MemoryLimit))
	}
}

// shareProcessors lets twice as many threads run Go code as there are processors, so that
// the kernel, which is fair within a millisecond, and not the Go scheduler, which lets a
// goroutine run for ten, divides them between requests and the pipeline, the store and
// the warehouse. With single events the slowest percent of the answers takes two thirds
// of the time for it. GOMAXPROCS wins.
func shareProcessors() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.SetDefaultGOMAXPROCS()
		runtime.GOMAXPROCS(2 * runtime.GOMAXPROCS(0))
	}
}

// How a server that has been busy goes back to its idle size.
const (
	calmEvery  = 5 * time.Second
	calmEvents = 2_000    // fewer than so many events a second count as calm
	worthwhile = 64 << 20 // bytes that the heap must be able to give back
)

// releaseMemory gives the heap that a burst of events took back to the system once the
// burst is over; by itself the runtime takes many minutes for it.
func (a *App) releaseMemory(ctx context.Context) error {
	tick := time.NewTicker(calmEvery)
	defer tick.Stop()
	before, busy := a.sink.Events(), false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		now := a.sink.Events()
		calm := now-before < calmEvents*int64(calmEvery/time.Second)
		before = now
		if !calm {
			busy = true
			continue
		}
		if !busy {
			continue
		}
		busy = false
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		if m.HeapSys-m.HeapReleased > worthwhile {
			debug.FreeOSMemory()
		}
	}
}
