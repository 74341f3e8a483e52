// Package quality says how good the data of each source is, and notices within a minute when it is no longer as
// usual: nothing or much less comes, a property is missing or of another type, clocks are off, events are
// refused or sent again and again.
//
// The process that runs the pipeline counts by ten seconds ([Gatherer]) and compares the counts with what it has
// learnt to be usual, by hour of the week ([Series.Look]). It slows the pipeline by a look at some events of each ten
// seconds, and loses what was learnt in the last minutes when it dies.
//
// docs/design/quality.md tells the rest.
package quality

import (
	"context"
	"embed"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Config is what Open needs.
type Config struct {
	DB      *store.DB
	Clock   touchstone.Clock
	Zone    func() *time.Location // of the workspace: weeks have its hours
	Logger  *slog.Logger
	Metrics prometheus.Registerer
	// Imports tells whether a source is an import.
	Imports func(source string) bool
	// Knows tells whether there is a source; nil: whatever is named.
	Knows func(source string) bool
	// Lag is the age of the oldest event that the pipeline has not committed: what was received since is
	// not looked at yet.
	Lag func(ctx context.Context) (time.Duration, error)
	// Stale returns the tags whose values are too old; nil: nobody knows.
	Stale func(ctx context.Context) ([]Stale, error)
	// Tell is called in the transaction that opens or closes an alarm; nil: nobody wants to know.
	Tell func(ctx context.Context, tx *store.Tx, a Alarm) error
}

// Quality is the counts, what is usual, alarms and scores of a store.
type Quality struct {
	*Gatherer
	cfg Config

	// Of the goroutine that watches.
	series       map[place]*Series
	open         map[alarmKey]*Alarm
	tick         int64 // looked at last
	saved        int64 // tick when series were stored last
	minute, hour *scoring
}

// Open brings the tables up to date.
func Open(ctx context.Context, cfg Config) (*Quality, error) {
	if cfg.Clock == nil {
		cfg.Clock = touchstone.SystemClock{}
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Zone == nil {
		cfg.Zone = func() *time.Location { return time.UTC }
	}
	q := &Quality{cfg: cfg, Gatherer: newGatherer(cfg.Imports)}
	if cfg.Metrics != nil {
		cfg.Metrics.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "touchstone_quality_crowded_total",
			Help: "Events of names that had no room of their own among the counts of a tick."}, func() float64 {
			q.mu.Lock()
			defer q.mu.Unlock()
			return float64(q.full)
		}))
	}
	return q, cfg.DB.Migrate(ctx, "quality", store.Migrations(migrationFiles))
}
