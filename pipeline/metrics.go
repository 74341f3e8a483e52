package pipeline

import (
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/touchstone-cdp/touchstone"
)

// metrics of the loop and the sink. With a nil registerer they count, but are not shown.
type metrics struct {
	events          *prometheus.CounterVec
	failures        prometheus.Counter
	cuts            prometheus.Counter
	resumed         prometheus.Counter
	skippedRecords  prometheus.Counter
	timers          prometheus.Counter
	stageSeconds    *prometheus.CounterVec
	batchSeconds    prometheus.Histogram
	batchEvents     prometheus.Histogram
	lag             prometheus.Histogram
	windowIDs       prometheus.Gauge
	windowShortened prometheus.Gauge
	aside           *prometheus.CounterVec
	masked          prometheus.Counter
	laneSeconds     prometheus.Histogram
	routes          *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		events: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "touchstone_pipeline_events_total",
			Help: "Events taken from the log, by outcome: processed, duplicate or rejected."}, []string{"outcome"}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{Name: "touchstone_pipeline_failures_total",
			Help: "Batches and reads that failed and were tried again."}),
		resumed: prometheus.NewCounter(prometheus.CounterOpts{Name: "touchstone_pipeline_resumed_total",
			Help: "Times that state was loaded anew because the offset was not where this process had left it."}),
		skippedRecords: prometheus.NewCounter(prometheus.CounterOpts{Name: "touchstone_pipeline_skipped_records_total",
			Help: "Records that were trimmed from the log before they were worked on."}),
		timers: prometheus.NewCounter(prometheus.CounterOpts{Name: "touchstone_pipeline_timers_total",
			Help: "Timers that came due."}),
		stageSeconds: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "touchstone_pipeline_stage_seconds_total",
			Help: "Time spent in each stage."}, []string{"stage"}),
		batchSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "touchstone_pipeline_batch_seconds",
			Help: "Time from the start of a batch to its commit.", Buckets: prometheus.ExponentialBuckets(0.001, 2, 14)}),
		batchEvents: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "touchstone_pipeline_batch_events",
			Help: "Events in a batch.", Buckets: prometheus.ExponentialBuckets(1, 4, 9)}),
		lag: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "touchstone_pipeline_lag_seconds",
			Help: "Age of a batch's oldest event when it was committed, from its acceptance.", Buckets: prometheus.ExponentialBuckets(0.005, 2, 16)}),
		windowIDs: prometheus.NewGauge(prometheus.GaugeOpts{Name: "touchstone_pipeline_dedupe_ids",
			Help: "Message ids remembered for dropping duplicates."}),
		windowShortened: prometheus.NewGauge(prometheus.GaugeOpts{Name: "touchstone_pipeline_dedupe_shortened_hours",
			Help: "Hours of message ids that were forgotten early because the bound on ids was reached."}),
	}
	m.aside = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "touchstone_pipeline_set_aside_total",
		Help: "Valid events that a stage could not take in or that the admission rules left out, and that went to quarantine, by code of the reason."}, []string{"code"})
	m.cuts = prometheus.NewCounter(prometheus.CounterOpts{Name: "touchstone_pipeline_cuts_total",
		Help: "Places at which batches were cut because a stage asked for it: where an identifier turned out to be shared."})
	m.routes = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "touchstone_pipeline_routes_total",
		Help: "Batches while there are lanes, by gait: together with the lanes, or alone."}, []string{"gait"})
	m.laneSeconds = prometheus.NewHistogram(prometheus.HistogramOpts{Name: "touchstone_pipeline_lane_seconds",
		Help: "Time that a lane takes for its part of a batch, from its start to its commit.", Buckets: prometheus.ExponentialBuckets(0.001, 2, 14)})
	m.masked = prometheus.NewCounter(prometheus.CounterOpts{Name: "touchstone_pipeline_masked_total",
		Help: "Events of which the admission rules masked something."})
	if reg != nil {
		reg.MustRegister(m.events, m.failures, m.resumed, m.skippedRecords, m.timers, m.stageSeconds, m.batchSeconds, m.batchEvents, m.lag,
			m.windowIDs, m.windowShortened, m.aside, m.masked, m.cuts, m.laneSeconds, m.routes)
	}
	return m
}

// timeStage begins to measure a stage and returns what ends it.
func (m *metrics) timeStage(name string) func() {
	began := time.Now()
	return func() { m.stageSeconds.WithLabelValues(name).Add(time.Since(began).Seconds()) }
}

func (m *metrics) count(t Totals) {
	m.events.WithLabelValues("processed").Add(float64(t.Processed))
	m.events.WithLabelValues("duplicate").Add(float64(t.Duplicates))
	m.events.WithLabelValues("rejected").Add(float64(t.Rejected))
}

func (m *metrics) setAside(f *touchstone.Fact) {
	m.aside.WithLabelValues(codeOf(f.Reason)).Inc()
}

// codeOf is the part of a reason that is the same for all of its kind.
func codeOf(reason string) string {
	code, _, _ := strings.Cut(reason, ":")
	return code
}
