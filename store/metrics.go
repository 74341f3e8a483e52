package store

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	seconds   prometheus.Histogram
	rollbacks *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer) metrics {
	m := metrics{
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "touchstone_store_update_seconds", Help: "Duration of read-write transactions, waiting included.",
			Buckets: prometheus.ExponentialBuckets(0.001, 4, 8),
		}),
		rollbacks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "touchstone_store_rollbacks_total", Help: "Read-write transactions rolled back, by cause.",
		}, []string{"cause"}),
	}
	if r != nil {
		r.MustRegister(m.seconds, m.rollbacks)
	}
	return m
}

func (m *metrics) update(took time.Duration, err error) {
	m.seconds.Observe(took.Seconds())
	switch {
	case err == nil:
	case IsRetryable(err):
		m.rollbacks.WithLabelValues("conflict").Inc()
	default:
		m.rollbacks.WithLabelValues("error").Inc()
	}
}
