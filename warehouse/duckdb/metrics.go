package duckdb

import (
	"context"
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/touchstone-cdp/touchstone"
)

// figures count the statements of people.
type figures struct {
	statements *prometheus.CounterVec
	crashes    prometheus.Counter
	writtenOff prometheus.Counter
}

func newFigures(register prometheus.Registerer, l *lanes) *figures {
	f := &figures{
		statements: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "touchstone_sql_statements_total",
			Help: "SQL statements of people, by how they ended: answered, refused, late, busy, failed."}, []string{"end"}),
		crashes: prometheus.NewCounter(prometheus.CounterOpts{Name: "touchstone_sql_crashes_total",
			Help: "Processes that ended before they had answered their SQL statement."}),
		writtenOff: prometheus.NewCounter(prometheus.CounterOpts{Name: "touchstone_warehouse_questions_written_off_total",
			Help: "Questions that the engine did not end in time after they were interrupted."}),
	}
	if register != nil {
		gauge := func(name, help string, of func() int64) prometheus.Collector {
			return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return float64(of()) })
		}
		register.MustRegister(f.statements, f.crashes, f.writtenOff,
			gauge("touchstone_sql_running", "SQL statements of people that run now.", l.running.Load),
			gauge("touchstone_sql_waiting", "SQL statements of people that wait for others.", l.waiting.Load))
	}
	return f
}

// end counts a statement.
func (f *figures) end(err error) {
	end := "failed"
	switch {
	case err == nil:
		end = "answered"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		end = "late"
	case touchstone.KindOf(err) == touchstone.Invalid:
		end = "refused"
	case touchstone.KindOf(err) == touchstone.Unavailable:
		end = "busy"
	}
	f.statements.WithLabelValues(end).Inc()
}
