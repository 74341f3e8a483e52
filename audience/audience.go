// Package audience answers what people ask while they look for the right persons: how many a rule holds for and which of
// its conditions loses whom, how segments overlap, what the members are like beside everybody else, how a segment has moved,
// who would have been in it on a past date; and it freezes the answer into a fixed list. All of it is algebra over
// bitmaps of persons: docs/design/audience.md.
package audience

import (
	"cmp"
	"context"
	"embed"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/profile"
	"github.com/touchstone-cdp/touchstone/segment"
	"github.com/touchstone-cdp/touchstone/segment/rule"
	"github.com/touchstone-cdp/touchstone/store"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Segments is what the package asks the segments: *segment.Segments.
type Segments interface {
	Get(ctx context.Context, v *access.Viewer, id string) (segment.Segment, error)
	List(ctx context.Context, v *access.Viewer) ([]segment.Segment, error)
	CheckRule(ctx context.Context, r *rule.Rule) error
	Bitmaps(ctx context.Context, ids ...string) ([]*segment.Bitmap, error)
	VisibleBitmap(ctx context.Context, v *access.Viewer) (*segment.Bitmap, error)
	Holds(ctx context.Context, r *rule.Rule, at time.Time) ([]*segment.Bitmap, error)
	EachChange(ctx context.Context, id string, since time.Time, fn func(person touchstone.PersonID, entered bool, at time.Time)) (reaches time.Time, err error)
	History(ctx context.Context, v *access.Viewer, id string, days int) ([]segment.Day, error)
	CreateStatic(ctx context.Context, d segment.Draft, persons []touchstone.PersonID) (segment.Segment, error)
}

// Profiles is what the package asks the profiles: *profile.Profiles.
type Profiles interface {
	Each(ctx context.Context, fn func(person touchstone.PersonID, trait func(name string) (touchstone.JSON, bool)) error) error
	EachPerson(ctx context.Context, at time.Time, fn func(person touchstone.PersonID)) error
	Traits(ctx context.Context, v *access.Viewer) ([]profile.TraitInfo, error)
}

// Config is what Open needs.
type Config struct {
	DB       *store.DB
	Segments Segments
	Profiles Profiles
	Clock    touchstone.Clock
	Zone     func() *time.Location // of days; UTC by default
	Metrics  prometheus.Registerer

	ConditionBytes int64 // of conditions that are kept; 64 MB
	ValueBytes     int64 // of traits' values that are kept; 128 MB
}

// Audience answers questions about audiences. Its methods may be called at the same time.
type Audience struct {
	cfg     Config
	known   *known
	values  *values
	gate    chan struct{} // who looks through history or profiles
	metrics *metrics
}

// How many look through history or profiles at a time, and how old an answer from there may be.
const (
	mostAtWork   = 2
	conditionAge = 30 * time.Second
	valueAge     = 5 * time.Minute
)

// Open prepares the tables.
func Open(ctx context.Context, cfg Config) (*Audience, error) {
	cfg.ConditionBytes = cmp.Or(cfg.ConditionBytes, 64<<20)
	cfg.ValueBytes = cmp.Or(cfg.ValueBytes, 128<<20)
	if cfg.Clock == nil {
		cfg.Clock = touchstone.SystemClock{}
	}
	if cfg.Zone == nil {
		cfg.Zone = func() *time.Location { return time.UTC }
	}
	if err := cfg.DB.Migrate(ctx, "audience", store.Migrations(migrationFiles)); err != nil {
		return nil, err
	}
	m := newMetrics(cfg.Metrics)
	return &Audience{cfg: cfg, known: newKnown(cfg.ConditionBytes, m), values: newValues(cfg.ValueBytes, m), gate: make(chan struct{}, mostAtWork), metrics: m}, nil
}

// work runs what looks through history or profiles, when it is its turn.
func (a *Audience) work(ctx context.Context, fn func() error) error {
	select {
	case a.gate <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-a.gate }()
	a.metrics.searches.Inc()
	return fn()
}

type metrics struct {
	searches, hits, evicted   prometheus.Counter
	conditionBytes, valueByte prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "touchstone_audience_" + name, Help: help})
	}
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: "touchstone_audience_" + name, Help: help})
	}
	m := &metrics{
		searches:       counter("searches_total", "Times that history or profiles were looked through for a question about an audience."),
		hits:           counter("known_total", "Conditions and traits that were known from an earlier question."),
		evicted:        counter("evicted_total", "Conditions and traits let go for room."),
		conditionBytes: gauge("condition_bytes", "Memory of conditions that are kept for half a minute."),
		valueByte:      gauge("value_bytes", "Memory of traits' values that are kept for five minutes."),
	}
	if reg != nil {
		reg.MustRegister(m.searches, m.hits, m.evicted, m.conditionBytes, m.valueByte)
	}
	return m
}
