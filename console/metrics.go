package console

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	requests       *prometheus.CounterVec
	seconds        *prometheus.HistogramVec
	auditLost      prometheus.Counter
	signInsRefused prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "touchstone_console_requests_total",
			Help: "Requests to the management API by operation and class of status."}, []string{"operation", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "touchstone_console_request_duration_seconds",
			Help: "Time to answer, by operation. Live feeds count from start to end.", Buckets: []float64{.005, .025, .1, .5, 2, 10}}, []string{"operation"}),
		auditLost: prometheus.NewCounter(prometheus.CounterOpts{Name: "touchstone_console_audit_lost_total",
			Help: "Writes that could not be noted in the audit log."}),
		signInsRefused: prometheus.NewCounter(prometheus.CounterOpts{Name: "touchstone_console_sign_ins_refused_total",
			Help: "Attempts to sign in that failed."}),
	}
	if reg != nil {
		reg.MustRegister(m.requests, m.seconds, m.auditLost, m.signInsRefused)
	}
	return m
}

func (m *metrics) request(operation string, status int, took time.Duration) {
	m.requests.WithLabelValues(operation, statusClass(status)).Inc()
	m.seconds.WithLabelValues(operation).Observe(took.Seconds())
}
