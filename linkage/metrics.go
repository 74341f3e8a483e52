package linkage

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

type metrics struct {
	proposed, linked, refused, unready prometheus.Counter
	indexed                            prometheus.Gauge
}

func newMetrics(r prometheus.Registerer) *metrics {
	f := promauto.With(r)
	counter := func(name, help string) prometheus.Counter {
		return f.NewCounter(prometheus.CounterOpts{Name: "touchstone_linkage_" + name, Help: help})
	}
	return &metrics{
		proposed: counter("pairs_total", "Pairs of persons who may be one that were found."),
		linked:   counter("linked_total", "Pairs of which somebody, or the model, made one person."),
		refused:  counter("refused_total", "Pairs that were to be linked, which a limit of identity forbids."),
		unready:  counter("unready_total", "Persons that changed before the index was ready and were too many to note; the next run of the job compares them."),
		indexed:  f.NewGauge(prometheus.GaugeOpts{Name: "touchstone_linkage_indexed_persons", Help: "Persons in the index that new records are compared with."}),
	}
}
