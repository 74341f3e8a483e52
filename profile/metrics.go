package profile

import "github.com/prometheus/client_golang/prometheus"

// metrics of the profiles. With a nil registerer they count, but are not shown.
type metrics struct {
	persons, cachedActivity, cachedTraits, cacheBytes prometheus.Gauge

	misses, rebuilt prometheus.Counter

	dropped *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "touchstone_profile_" + name, Help: help})
	}
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: "touchstone_profile_" + name, Help: help})
	}
	m := &metrics{
		persons:        gauge("persons", "Persons with a profile."),
		cachedActivity: gauge("cached_activities", "Activities kept in memory."),
		cachedTraits:   gauge("cached_traits", "Persons whose traits are kept in memory."),
		cacheBytes:     gauge("cache_bytes", "Memory of both caches."),
		misses:         counter("cache_misses_total", "Activities that were read from the store."),
		rebuilt:        counter("rebuilt_total", "Profiles computed anew from history after a split."),
		dropped: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "touchstone_profile_dropped_total",
			Help: "What a bound kept out of profiles: event_name (counted as other), trait_name (no room for more names), trait_value (too large), trait (too many of one person), tag_trait (an event may not set what is computed)."}, []string{"what"}),
	}
	if reg != nil {
		reg.MustRegister(m.persons, m.cachedActivity, m.cachedTraits, m.cacheBytes, m.misses, m.rebuilt, m.dropped)
	}
	return m
}

func (m *metrics) drop(what string) { m.dropped.WithLabelValues(what).Inc() }
