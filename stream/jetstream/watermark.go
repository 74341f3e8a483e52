package jetstream

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	touchstone "github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/disk"
)

const (
	watermarkInterval = time.Second
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
		cfg.FreeSpace = disk.Free
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

// check measures the disk. What cannot be measured does not stop appends.
func (w *watermark) check() {
	free, total, err := w.cfg.FreeSpace(w.cfg.Dir)
	if err != nil {
		w.cfg.Logger.Warn("cannot measure the disk of the log", "error", err)
		return
	}
	w.free.Set(float64(free))
	least := disk.Least(w.cfg.MinFreeBytes, total)
	was := w.full.Load() != nil
	if free >= least {
		w.full.Store(nil)
		if was {
			w.cfg.Logger.Info("the disk has space again; events are accepted", "free", disk.Text(free))
		}
		return
	}
	w.full.Store(&touchstone.Error{
		Kind:       touchstone.Unavailable,
		Message:    fmt.Sprintf("disk nearly full: %s of %s free", disk.Text(free), disk.Text(total)),
		Hint:       fmt.Sprintf("free space on the disk of %s, or lower stream.min_free_bytes (now %d)", w.cfg.Dir, least),
		RetryAfter: 30 * time.Second,
	})
	if !was {
		w.cfg.Logger.Error("the disk is nearly full; events are refused", "free", disk.Text(free), "least", disk.Text(least))
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
