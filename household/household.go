// Package household finds out who lives together: which persons share an address, a card, a
// car, a device at night, or have said so. What one identifier says about one thing is a
// [Clue]; [Rules.Derive] makes households of clues, as a pure function; the reactor keeps
// clues, and derives anew what they touch. Operators decide by commands in the log.
//
// docs/design/household.md tells the whole story.
package household

import (
	"context"
	"embed"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Persons tells who has an identifier now: identity.Graph.
type Persons interface {
	Find(ctx context.Context, q store.Querier, id touchstone.Identifier) (touchstone.NodeID, touchstone.PersonID, error)
}

// Config is what Open needs.
type Config struct {
	DB      *store.DB
	Persons Persons // nil: rows know their persons
	// Moved is told, in the transaction, who lives in another household or with others than before;
	// quiet says that it follows from history, rules or decisions. nil: nobody asks.
	Moved func(ctx context.Context, tx *store.Tx, persons []touchstone.PersonID, quiet bool) error
	// Cities returns where persons are, as their profiles say; nil: nothing is known of it.
	Cities  func(ctx context.Context, persons []touchstone.PersonID) (map[touchstone.PersonID]string, error)
	Zone    func() *time.Location
	Clock   touchstone.Clock
	Logger  *slog.Logger
	Metrics prometheus.Registerer
}

// Households is the feature.
type Households struct {
	cfg     Config
	metrics *metrics

	mu      sync.Mutex
	version int64 // of rules
	rules   *Rules
}

type metrics struct {
	derived, overflown prometheus.Counter
}

// Open brings the tables up to date.
func Open(ctx context.Context, cfg Config) (*Households, error) {
	if cfg.Zone == nil {
		cfg.Zone = func() *time.Location { return time.UTC }
	}
	if cfg.Clock == nil {
		cfg.Clock = touchstone.SystemClock{}
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	h := &Households{cfg: cfg, version: -1, metrics: &metrics{
		derived:   prometheus.NewCounter(prometheus.CounterOpts{Name: "touchstone_household_persons_derived_total", Help: "Persons whose households were derived anew."}),
		overflown: prometheus.NewCounter(prometheus.CounterOpts{Name: "touchstone_household_regions_cut_total", Help: "Times that persons hung together with more others than are looked at at once."}),
	}}
	if cfg.Metrics != nil {
		cfg.Metrics.MustRegister(h.metrics.derived, h.metrics.overflown)
	}
	return h, cfg.DB.Migrate(ctx, "household", store.Migrations(migrationFiles))
}

// current returns the rules that hold.
func (h *Households) current(ctx context.Context, q store.Querier) (*Rules, error) {
	var version int64
	var text string
	if err := q.QueryRow(ctx, `SELECT version, rules FROM household_rules WHERE one = 1`).Scan(&version, &text); err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.rules != nil && h.version == version {
		return h.rules, nil
	}
	rules := DefaultRules()
	if text != "" {
		var err error
		if rules, err = ParseRules([]byte(text)); err != nil {
			return nil, err
		}
	}
	h.rules, h.version = &rules, version
	return h.rules, nil
}

// today is the day that memberships are asked about.
func (h *Households) today() Day { return DayOf(h.cfg.Clock.Now()) }
