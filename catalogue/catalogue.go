// Package catalogue is what is known of events, properties and traits beside their values: how they are called for
// people, who looks after them, and what sort of personal data a field holds, found from its values or said by hand.
// [Catalogue.Fields] is what viewers are given, so that contacts are masked in fields whose names say nothing.
//
// docs/design/catalogue.md tells the rest.
package catalogue

import (
	"context"
	"embed"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/store"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Sort is what an entry is about.
type Sort string

// The sorts. A property is that of all events that have one of the name.
const (
	Event    Sort = "event"
	Property Sort = "property"
	Trait    Sort = "trait"
)

// none is the class of a field that holds no personal data, by hand.
const none = "none"

const (
	maxEntries = 5_000 // that people write
	maxSeen    = 5_000 // fields in which personal data was seen
)

// Samples is where values are looked at: different ones per field, a few hundred at most.
type Samples interface {
	Traits(ctx context.Context) (map[string][]touchstone.JSON, error)
	Events(ctx context.Context) ([]string, error)
	Properties(ctx context.Context, event string) (map[string][]touchstone.JSON, error)
}

// Config is what Open needs.
type Config struct {
	DB      *store.DB
	Clock   touchstone.Clock
	Logger  *slog.Logger
	Metrics prometheus.Registerer
	Samples Samples // may be nil in a process that does not look
	Feed    Feed    // may be nil: different values are not counted
}

// Catalogue is the entries of a store, and what viewers know fields by.
type Catalogue struct {
	cfg    Config
	fields *access.Fields

	mu      sync.Mutex // of Reload
	version int64

	turns     map[turn]*due // of the goroutine that looks
	counts    *counting     // of it, too; nil before it has read what is stored
	sampled   prometheus.Counter
	left      prometheus.Counter // fields that had no room
	counted   prometheus.Counter // events
	uncounted prometheus.Counter // values of properties that had no room
}

// Open brings the tables up to date and reads the classes of fields.
func Open(ctx context.Context, cfg Config) (*Catalogue, error) {
	if cfg.Clock == nil {
		cfg.Clock = touchstone.SystemClock{}
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	c := &Catalogue{cfg: cfg, fields: access.NewFields(nil), version: -1, turns: map[turn]*due{},
		sampled:   prometheus.NewCounter(prometheus.CounterOpts{Name: "touchstone_catalogue_samples_total", Help: "Samples of values in which personal data was looked for."}),
		left:      prometheus.NewCounter(prometheus.CounterOpts{Name: "touchstone_catalogue_crowded_total", Help: "Fields with personal data for which there was no room."}),
		counted:   prometheus.NewCounter(prometheus.CounterOpts{Name: "touchstone_catalogue_counted_total", Help: "Events whose different values were counted."}),
		uncounted: prometheus.NewCounter(prometheus.CounterOpts{Name: "touchstone_catalogue_uncounted_total", Help: "Values of properties for whose count there was no room."})}
	if cfg.Metrics != nil {
		cfg.Metrics.MustRegister(c.sampled, c.left, c.counted, c.uncounted)
	}
	if err := cfg.DB.Migrate(ctx, "catalogue", store.Migrations(migrationFiles)); err != nil {
		return nil, err
	}
	return c, c.Reload(ctx)
}

// Fields are the classes of fields by name, as they are now and will be.
func (c *Catalogue) Fields() *access.Fields { return c.fields }

// Run follows changes by other processes until ctx is done.
func (c *Catalogue) Run(ctx context.Context) error {
	ticker := time.NewTicker(2 * time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		if err := c.Reload(ctx); err != nil && ctx.Err() == nil {
			c.cfg.Logger.Error("the classes of fields could not be read; those in memory stay in force", "error", err)
		}
	}
}

// Reload reads the classes of fields if they have changed.
func (c *Catalogue) Reload(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var version int64
	if err := c.cfg.DB.Reader().QueryRow(ctx, `SELECT version FROM catalogue_version WHERE id = 1`).Scan(&version); err != nil {
		return fmt.Errorf("read the version of the catalogue: %w", err)
	}
	if version == c.version {
		return nil
	}
	list, err := c.read(ctx, everything)
	if err != nil {
		return err
	}
	// A name is masked if any field of the name holds personal data: the masks know no more than names.
	classes := map[string]access.Class{}
	for _, e := range list {
		if e.Sort != Event && e.Class != none && e.Class != "" {
			classes[e.Name] = access.Class(e.Class)
		}
	}
	c.fields.Set(classes)
	c.version = version
	return nil
}

func bump(ctx context.Context, tx *store.Tx) error {
	_, err := tx.Exec(ctx, `UPDATE catalogue_version SET version = version + 1 WHERE id = 1`)
	return err
}
