package stream

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type batcherMetrics struct {
	records, events, bytes, failures, refused prometheus.Counter
	pending                                   prometheus.Gauge
	seconds                                   prometheus.Histogram
}

func newBatcherMetrics(r prometheus.Registerer) batcherMetrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "touchstone_stream_" + name, Help: help})
	}
	m := batcherMetrics{
		records:  counter("records_total", "Records stored in the log."),
		events:   counter("events_total", "Events stored in the log."),
		bytes:    counter("bytes_total", "Bytes stored in the log, compressed."),
		failures: counter("append_failures_total", "Records that the log did not acknowledge."),
		refused:  counter("refused_total", "Appends refused because too many bytes waited."),
		pending: prometheus.NewGauge(prometheus.GaugeOpts{Name: "touchstone_stream_pending_bytes",
			Help: "Bytes of events that wait to be stored."}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "touchstone_stream_append_seconds",
			Help: "Time until a record was durable.", Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14)}),
	}
	if r != nil {
		r.MustRegister(m.records, m.events, m.bytes, m.failures, m.refused, m.pending, m.seconds)
	}
	return m
}

func (m *batcherMetrics) appended(w *batch, bytes int, took time.Duration) {
	m.seconds.Observe(took.Seconds())
	if w.err != nil {
		m.failures.Inc()
		return
	}
	m.records.Inc()
	m.events.Add(float64(w.count))
	m.bytes.Add(float64(bytes))
}
