package segment

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	evaluations, entered, left, set, fired, late, together, evicted prometheus.Counter
	cached, cacheBytes, chunks                                      prometheus.Gauge
	builds                                                          *prometheus.CounterVec

	seenEvicted int64
}

func newMetrics(reg prometheus.Registerer) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "touchstone_segment_" + name, Help: help})
	}
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: "touchstone_segment_" + name, Help: help})
	}
	m := &metrics{
		evaluations: counter("evaluations_total", "Rules asked about a person."),
		entered:     counter("entered_total", "Entries into live segments."),
		left:        counter("left_total", "Exits from live segments."),
		set:         counter("timers_set_total", "Timers set for a window that will lapse."),
		fired:       counter("timers_fired_total", "Timers that came due."),
		late:        counter("late_events_total", "Events ignored because they were older than every window when they arrived."),
		together:    counter("moments_skipped_total", "Times that a person was asked at a batch's time for what had been due before it, because too much was."),
		evicted:     counter("states_evicted_total", "States let go because the cache was full."),
		cached:      gauge("states_cached", "States held in memory."),
		cacheBytes:  gauge("states_cached_bytes", "Approximate memory of the states held."),
		chunks:      gauge("chunks_pending", "Parts of builds that wait for the pipeline."),
		builds: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "touchstone_segment_builds_total",
			Help: "Builds of segments by outcome."}, []string{"outcome"}),
	}
	if reg != nil {
		reg.MustRegister(m.evaluations, m.entered, m.left, m.set, m.fired, m.late, m.together, m.evicted, m.cached, m.cacheBytes, m.chunks, m.builds)
	}
	return m
}

// batch counts what a committed batch did.
func (m *metrics) batch(w *work, c *cache, pending int) {
	entered := 0
	for i := range w.feed {
		if w.feed[i].entered {
			entered++
		}
	}
	m.evaluations.Add(float64(w.evals))
	m.entered.Add(float64(entered))
	m.left.Add(float64(len(w.feed) - entered))
	m.set.Add(float64(w.set))
	m.fired.Add(float64(w.fired))
	m.late.Add(float64(w.late))
	m.together.Add(float64(w.together))
	m.evicted.Add(float64(c.evicted - m.seenEvicted))
	m.seenEvicted = c.evicted
	m.cached.Set(float64(len(c.ring)))
	m.cacheBytes.Set(float64(c.bytes))
	m.chunks.Set(float64(pending))
}
