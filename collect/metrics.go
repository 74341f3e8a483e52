package collect

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics of the edge. Counters used per request are resolved once.
type metrics struct {
	requests     *prometheus.CounterVec
	accepted     prometheus.Counter
	rejected     *prometheus.CounterVec
	received     prometheus.Counter
	unpacked     prometheus.Counter
	parse        prometheus.Counter
	seconds      prometheus.Histogram
	limited      *prometheus.CounterVec
	auth         *prometheus.CounterVec
	refused      *prometheus.CounterVec
	overLimit    prometheus.Counter
	retimed      *prometheus.CounterVec
	placeholders prometheus.Counter
	mended       prometheus.Counter
	beacons      prometheus.Counter
	items        *prometheus.CounterVec
	sampledOut   prometheus.Counter
	quarantined  *prometheus.CounterVec
	flushErrors  prometheus.Counter
	busy         prometheus.Counter
	appendErrors prometheus.Counter

	success map[string]prometheus.Counter // requests with status 200, by call
}

func newMetrics(r prometheus.Registerer, calls []string) *metrics {
	vec := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "touchstone", Subsystem: "collect", Name: name, Help: help}, labels)
		if r != nil {
			r.MustRegister(c)
		}
		return c
	}
	one := func(name, help string) prometheus.Counter { return vec(name, help).WithLabelValues() }
	bytes := vec("bytes_total", "Bytes of request bodies: as received, and unpacked.", "form")
	m := &metrics{
		received:     bytes.WithLabelValues("received"),
		unpacked:     bytes.WithLabelValues("unpacked"),
		requests:     vec("requests_total", "Requests to the tracking API, by call and status.", "call", "status"),
		accepted:     one("events_accepted_total", "Events written to the log as valid."),
		rejected:     vec("events_rejected_total", "Events written to the log for quarantine, by code of the reason.", "code"),
		parse:        one("parse_seconds_total", "Time spent on parsing and normalising."),
		limited:      vec("rate_limited_total", "Requests refused by the rate limit of their source.", "source"),
		auth:         vec("auth_failures_total", "Requests without a valid write key, by reason.", "reason"),
		refused:      vec("identifiers_refused_total", "Identifiers left out of events, by reason.", "reason"),
		overLimit:    one("identifiers_over_limit_total", "Events that had more identifiers than are kept."),
		retimed:      vec("times_replaced_total", "Events that got the next best time, by what was wrong with theirs and what the new one was taken from.", "problem", "source"),
		placeholders: one("message_ids_missing_total", "Events with a message id that is none (null, undefined, 0, …), which got a new one."),
		mended:       one("escapes_mended_total", "NUL characters and half surrogate pairs replaced by U+FFFD."),
		beacons:      one("beacons_ignored_total", "Metrics beacons of Segment's libraries, which are ignored."),
		items:        vec("items_total", "Items of the catalogue that 神策's clients have sent, by what became of them.", "what"),
		sampledOut:   one("feed_sampled_out_total", "Events left out of the live feed because it was full for the second."),
		quarantined:  vec("quarantine_rows_total", "Rows of the quarantine, by what became of them.", "what"),
		busy:         one("requests_over_memory_total", "Requests told to come back because the memory for requests was in use, or that lost their share of it because they were slow."),
		appendErrors: one("append_errors_total", "Appends that the log refused or failed; the client was told to come back."),
		flushErrors:  one("source_flush_errors_total", "Failed writes of the sources' counters; they are tried again."),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: "touchstone", Subsystem: "collect", Name: "request_seconds",
			Help: "Time from a request's first byte to its answer, the log's fsync included.", Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14)}),
		success: make(map[string]prometheus.Counter, len(calls)),
	}
	if r != nil {
		r.MustRegister(m.seconds)
	}
	for _, c := range calls {
		m.success[c] = m.requests.WithLabelValues(c, "200")
	}
	return m
}

func (m *metrics) answered(call string, status int) {
	if status == 200 {
		m.success[call].Inc()
		return
	}
	m.requests.WithLabelValues(call, strconv.Itoa(status)).Inc()
}

// add counts what a builder mended or dropped and resets the tally.
func (m *metrics) add(t *tally) {
	for mark, n := range t.retimed {
		m.retimed.WithLabelValues(mark.problem, mark.sourceName()).Add(float64(n))
	}
	if t.placeholders > 0 {
		m.placeholders.Add(float64(t.placeholders))
	}
	if t.dropped > 0 {
		m.overLimit.Add(float64(t.dropped))
	}
	for reason, n := range t.refused {
		m.refused.WithLabelValues(string(reason)).Add(float64(n))
	}
	clear(t.refused)
	clear(t.retimed)
	t.placeholders, t.dropped = 0, 0
}
