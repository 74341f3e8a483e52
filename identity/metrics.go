package identity

import "github.com/prometheus/client_golang/prometheus"

// metrics of the graph. With a nil registerer they count, but are not shown.
type metrics struct {
	persons, known, cached, cacheBytes prometheus.Gauge

	extended, created, merged, split, ignored, refused, unrelated, suspected, erased, shared prometheus.Counter

	dropped, unbinds *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "touchstone_identity_" + name, Help: help})
	}
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: "touchstone_identity_" + name, Help: help})
	}
	m := &metrics{
		persons:    gauge("persons", "Persons in the graph."),
		known:      gauge("known_persons", "Persons with a user id."),
		cached:     gauge("cached_identifiers", "Identifiers kept in memory."),
		cacheBytes: gauge("cache_bytes", "Memory of the identifier cache."),
		extended:   counter("extended_events_total", "Events that the cache could not settle: new identifiers, new links, merges."),
		created:    counter("nodes_created_total", "New identifiers."),
		merged:     counter("persons_merged_total", "Merges of two persons."),
		split:      counter("persons_split_total", "Splits, by operators and by clients that unbind."),
		erased:     counter("persons_erased_total", "Persons that were erased."),
		ignored:    counter("ignored_identifiers_total", "Identifiers left out: of a kind that is not of persons, too many kinds, or not storable."),
		shared:     counter("shared_identifiers_total", "Identifiers that were taken for shared, because they were seen with too many persons."),
		suspected:  counter("suspected_values_total", "Identifiers that suddenly joined many persons: suggested for blocking."),
		unrelated:  counter("relations_left_out_total", "Relations not kept, because the identifier has very many."),
		refused:    counter("refused_links_total", "Links refused again for a reason that is on record already."),
		dropped: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "touchstone_identity_dropped_links_total",
			Help: "Identifiers of events that were not linked, by reason."}, []string{"reason"}),
	}
	m.unbinds = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "touchstone_identity_unbinds_total",
		Help: "Identifiers that clients have unbound: asked for, or left alone because they were not bound."}, []string{"what"})
	if reg != nil {
		reg.MustRegister(m.persons, m.known, m.cached, m.cacheBytes, m.extended, m.created, m.merged, m.split, m.ignored, m.refused, m.unrelated, m.suspected, m.erased, m.shared, m.dropped, m.unbinds)
	}
	return m
}
