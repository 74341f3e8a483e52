package jetstream

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	touchstone "github.com/touchstone-cdp/touchstone"
)

const (
	watermarkInterval = time.Second
	defaultMinFree    = 1 << 30
	defaultMinPart    = 50 // one part in fifty: 2 %
)

// watermark refuses appends while the disk is nearly full. A disk that gets full would
// leave the server, the store and the warehouse broken; refusing in time costs 503s.
type watermark struct {
	cfg     EmbeddedConfig
	full    atomic.Pointer[touchstone.Error]
	free    prometheus.Gauge
	refused prometheus.Counter
	done    chan struct{}
	once    sync.Once
	wg      sync.WaitGroup
}

func newWatermark(cfg EmbeddedConfig) *watermark {
	if cfg.FreeSpace == nil {
		cfg.FreeSpace = freeSpace
	}
	w := &watermark{cfg: cfg, done: make(chan struct{}),
		free: prometheus.NewGauge(prometheus.GaugeOpts{Name: "touchstone_stream_disk_free_bytes",
			Help: "Free space on the disk that holds the log."}),
		refused: prometheus.NewCounter(prometheus.CounterOpts{Name: "touchstone_stream_disk_refused_total",
			Help: "Appends refused because the disk was nearly full."}),
	}
	if cfg.Register != nil {
		cfg.Register.MustRegister(w.free, w.refused)
	}
	w.check()
	w.wg.Go(w.loop)
	return w
}

func (w *watermark) loop() {
	t := time.NewTicker(watermarkInterval)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			w.check()
		case <-w.done:
			return
		}
	}
}

func (w *watermark) stop() {
	w.once.Do(func() { close(w.done) })
	w.wg.Wait()
}

// LeastFree returns the free space under which events are refused: what is configured, or
// what 0 stands for on a disk of total bytes.
func LeastFree(configured, total int64) int64 {
	if configured == 0 {
		return max(defaultMinFree, total/defaultMinPart)
	}
	return configured
}

// check measures the disk. What cannot be measured does not stop appends.
func (w *watermark) check() {
	free, total, err := w.cfg.FreeSpace(w.cfg.Dir)
	if err != nil {
		w.cfg.Logger.Warn("cannot measure the disk of the log", "error", err)
		return
	}
	w.free.Set(float64(free))
	least := LeastFree(w.cfg.MinFreeBytes, total)
	was := w.full.Load() != nil
	if free >= least {
		w.full.Store(nil)
		if was {
			w.cfg.Logger.Info("the disk has space again; events are accepted", "free", bytesText(free))
		}
		return
	}
	w.full.Store(&touchstone.Error{
		Kind:       touchstone.Unavailable,
		Message:    fmt.Sprintf("disk nearly full: %s of %s free", bytesText(free), bytesText(total)),
		Hint:       fmt.Sprintf("free space on the disk of %s, or lower stream.min_free_bytes (now %d)", w.cfg.Dir, least),
		RetryAfter: 30 * time.Second,
	})
	if !was {
		w.cfg.Logger.Error("the disk is nearly full; events are refused", "free", bytesText(free), "least", bytesText(least))
	}
}

// refusal returns why an append is refused now, or nil.
func (w *watermark) refusal() error {
	if full := w.full.Load(); full != nil {
		w.refused.Inc()
		return full
	}
	return nil
}

func bytesText(n int64) string {
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
