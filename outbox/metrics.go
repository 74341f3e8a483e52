package outbox

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	put, repeated, breaks, troubles, lost, leasesLost prometheus.Counter
	attempts                                          *prometheus.CounterVec
	full, ended                                       *prometheus.CounterVec
	held, queues                                      prometheus.Gauge
	seconds                                           *prometheus.HistogramVec
	age                                               *prometheus.HistogramVec
	groups                                            prometheus.Histogram
}

func newMetrics(r prometheus.Registerer) *metrics {
	const namespace, subsystem = "touchstone", "outbox"
	vec := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Subsystem: subsystem, Name: name, Help: help}, labels)
		if r != nil {
			r.MustRegister(c)
		}
		return c
	}
	one := func(name, help string) prometheus.Counter { return vec(name, help).WithLabelValues() }
	gauge := func(name, help string) prometheus.Gauge {
		g := prometheus.NewGauge(prometheus.GaugeOpts{Namespace: namespace, Subsystem: subsystem, Name: name, Help: help})
		if r != nil {
			r.MustRegister(g)
		}
		return g
	}
	histogram := func(name, help string, buckets []float64) *prometheus.HistogramVec {
		h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: namespace, Subsystem: subsystem, Name: name, Help: help, Buckets: buckets}, []string{"kind"})
		if r != nil {
			r.MustRegister(h)
		}
		return h
	}
	groups := prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: namespace, Subsystem: subsystem, Name: "group_results",
		Help: "Results written in one transaction.", Buckets: prometheus.ExponentialBuckets(1, 4, 6)})
	if r != nil {
		r.MustRegister(groups)
	}
	return &metrics{
		put:        one("put_total", "Effects put, repeats not counted."),
		repeated:   one("repeats_total", "Effects dropped because their id is or was there."),
		attempts:   vec("attempts_total", "Attempts, by kind and what came of them.", "kind", "result"),
		ended:      vec("ended_total", "Effects that ended without being done, by why.", "why"),
		breaks:     one("breaks_total", "Times that a queue was held up because its destination failed or asked for it."),
		troubles:   one("troubles_total", "Reads and writes of the outbox that failed and were tried again."),
		lost:       one("results_lost_total", "Results of effects that were erased, removed or claimed by another process meanwhile."),
		leasesLost: one("leases_lost_total", "Claims that ran out before the effect was begun."),
		full:       vec("full_total", "Times that a queue waited for room, by which bound.", "bound"),
		held:       gauge("held", "Effects in memory."),
		queues:     gauge("queues", "Queues in memory."),
		seconds:    histogram("delivery_seconds", "Duration of an attempt.", prometheus.ExponentialBuckets(0.001, 4, 8)),
		age:        histogram("age_seconds", "Age of an effect when it was done, since it was due first.", prometheus.ExponentialBuckets(0.005, 4, 10)),
		groups:     groups,
	}
}

func (m *metrics) delivered(kind string, took, age time.Duration, err error) {
	m.seconds.WithLabelValues(kind).Observe(took.Seconds())
	switch {
	case err == nil:
		m.attempts.WithLabelValues(kind, "done").Inc()
		m.age.WithLabelValues(kind).Observe(age.Seconds())
	case hopeless(err):
		m.attempts.WithLabelValues(kind, "hopeless").Inc()
	default:
		m.attempts.WithLabelValues(kind, "failed").Inc()
	}
}
