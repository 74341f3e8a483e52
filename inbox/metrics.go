package inbox

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	written, erased                                      prometheus.Counter
	reacted, seconds, failures, dead, replayed, discards *prometheus.CounterVec
	dropped                                              *prometheus.CounterVec
	rows, bytes                                          prometheus.Gauge
	lag, lagSeconds, failing                             *prometheus.GaugeVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	counter := func(name, help string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "touchstone_reactor_" + name, Help: help}, []string{"reactor"})
	}
	gauge := func(name, help string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "touchstone_reactor_" + name, Help: help}, []string{"reactor"})
	}
	m := &metrics{
		written: prometheus.NewCounter(prometheus.CounterOpts{Name: "touchstone_inbox_occurrences_total",
			Help: "Occurrences that some reactor wanted and that were written to the inbox."}),
		erased: prometheus.NewCounter(prometheus.CounterOpts{Name: "touchstone_inbox_dead_letters_erased_total",
			Help: "Dead letters that were deleted with the person that they were about."}),
		rows:       prometheus.NewGauge(prometheus.GaugeOpts{Name: "touchstone_inbox_rows", Help: "Rows that wait for a reactor."}),
		bytes:      prometheus.NewGauge(prometheus.GaugeOpts{Name: "touchstone_inbox_bytes", Help: "Bytes of the rows that wait for a reactor."}),
		reacted:    counter("occurrences_total", "Occurrences that the reactor has worked on."),
		seconds:    counter("seconds_total", "Time spent in the reactor's transactions that were committed."),
		failures:   counter("failures_total", "Transactions of the reactor that failed and were tried again."),
		dead:       counter("dead_letters_total", "Occurrences that the reactor could not work on and that were set aside."),
		replayed:   counter("dead_letters_replayed_total", "Dead letters that went well when they were tried again."),
		discards:   counter("dead_letters_discarded_total", "Dead letters that somebody discarded."),
		dropped:    counter("dropped_total", "Occurrences that went unread because the reactor stood still for too long."),
		lag:        gauge("lag_occurrences", "Occurrences that wait for the reactor."),
		lagSeconds: gauge("lag_seconds", "Age of the oldest occurrence that waits for the reactor."),
		failing:    gauge("failing", "1 while the reactor fails or stands still."),
	}
	if reg != nil {
		reg.MustRegister(m.written, m.erased, m.rows, m.bytes, m.reacted, m.seconds, m.failures, m.dead, m.replayed, m.discards, m.dropped,
			m.lag, m.lagSeconds, m.failing)
	}
	return m
}
