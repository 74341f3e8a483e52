// Package linkage finds persons whom no common key links. A job compares all persons, a
// reactor whoever is new or has changed; pairs that are worth a look wait for somebody's
// decision, or are linked by themselves where the organisation wants that. What is decided
// is a command in the log, so links are explained and taken back like all others.
//
// The arithmetic is identity/match. docs/design/linkage.md tells the rest.
package linkage

import (
	"cmp"
	"context"
	"embed"
	"errors"
	"log/slog"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/identity/match"
	"github.com/touchstone-cdp/touchstone/store"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// People is what is asked of the profiles.
type People interface {
	// PersonsAfter returns persons with a profile, in the order of their numbers.
	PersonsAfter(ctx context.Context, after touchstone.PersonID, limit int) ([]touchstone.PersonID, error)
	// Count returns how many there are.
	Count(ctx context.Context) (int64, error)
	// Cells calls fn with the columns of each person that has a profile, as v may see them.
	Cells(ctx context.Context, v *access.Viewer, persons []touchstone.PersonID, columns []string, fn func(person touchstone.PersonID, cells []string) error) error
	// TraitNames returns the names of the traits there are, the most frequent first.
	TraitNames(ctx context.Context) ([]string, error)
}

// Identifiers returns what identifies persons, strongest first.
type Identifiers func(ctx context.Context, persons []touchstone.PersonID) (map[touchstone.PersonID][]touchstone.Identifier, error)

// Config is what Open needs.
type Config struct {
	DB          *store.DB
	People      People
	Identifiers Identifiers
	// Canonical returns who persons are now; 0: erased.
	Canonical func(ctx context.Context, q store.Querier, persons []touchstone.PersonID) ([]touchstone.PersonID, error)
	Submit    Submit
	Clock     touchstone.Clock
	Logger    *slog.Logger
	Metrics   prometheus.Registerer
	// MaxPersons bounds what the job and the index hold in memory; 3,000,000.
	MaxPersons int
}

// Linkage is the feature.
type Linkage struct {
	cfg     Config
	metrics *metrics
	live    live
	fresh   chan struct{} // gets a value when there is a new model
}

// Open brings the tables up to date.
func Open(ctx context.Context, cfg Config) (*Linkage, error) {
	if cfg.DB == nil || cfg.People == nil || cfg.Identifiers == nil || cfg.Canonical == nil || cfg.Submit == nil {
		return nil, errors.New("linkage: DB, People, Identifiers, Canonical and Submit are required")
	}
	if cfg.Clock == nil {
		cfg.Clock = touchstone.SystemClock{}
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	cfg.MaxPersons = cmp.Or(cfg.MaxPersons, 3_000_000)
	if err := cfg.DB.Migrate(ctx, "linkage", store.Migrations(migrationFiles)); err != nil {
		return nil, err
	}
	return &Linkage{cfg: cfg, metrics: newMetrics(cfg.Metrics), fresh: make(chan struct{}, 1)}, nil
}

// Settings are what the organisation has chosen.
type Settings struct {
	// Columns are what is compared; none: what is guessed.
	Columns []Column `json:"columns"`
	// Automatic links pairs above the model's threshold without asking anybody.
	Automatic bool `json:"automatic"`
	// Link and Review are thresholds in the place of the model's: chances that two are one.
	Link   *float64 `json:"link"`
	Review *float64 `json:"review"`
	// Clean are sources in which each person stands once: two persons who both come from one of them are never one.
	Clean []string `json:"clean"`
}

// Column is something that is compared.
type Column struct {
	Name string     `json:"name"`
	Kind match.Kind `json:"kind"`
	// From are the sources of its values: "trait.phone", "id.phone". A person may have several values.
	From []string `json:"from"`
	// Reason says why it was taken for this kind; empty when somebody said so.
	Reason string `json:"reason"`
}

// Bounds of the settings.
const (
	maxColumns = 40
	maxSources = 10
	maxClean   = match.MaxClean
)

func (s *Settings) check() error {
	if len(s.Columns) > maxColumns {
		return touchstone.Errorf(touchstone.Invalid, "At most %d columns can be compared.", maxColumns)
	}
	seen := map[string]bool{}
	for _, c := range s.Columns {
		switch {
		case c.Name == "" || len(c.Name) > 100:
			return touchstone.Errorf(touchstone.Invalid, "A column needs a name of at most 100 bytes.")
		case seen[c.Name]:
			return touchstone.Errorf(touchstone.Invalid, "The column %q is there twice.", c.Name)
		case !slices.Contains(match.Kinds(), c.Kind):
			return touchstone.Errorf(touchstone.Invalid, "%.80q is no kind of column.", string(c.Kind)).WithHint("Kinds are %s.", kindNames())
		case len(c.From) == 0 || len(c.From) > maxSources:
			return touchstone.Errorf(touchstone.Invalid, "The column %q needs between 1 and %d sources.", c.Name, maxSources)
		}
		seen[c.Name] = true
		for _, from := range c.From {
			if from != nameSource && !strings.HasPrefix(from, identifierSource) && !strings.HasPrefix(from, traitSource) {
				return touchstone.Errorf(touchstone.Invalid, "%.80q is no source of values.", from).WithHint("Sources are name, id.KIND and trait.NAME.")
			}
		}
	}
	if len(s.Clean) > maxClean {
		return touchstone.Errorf(touchstone.Invalid, "At most %d sources can be clean.", maxClean)
	}
	for i, source := range s.Clean {
		if source == "" || len(source) > 100 || slices.Contains(s.Clean[:i], source) {
			return touchstone.Errorf(touchstone.Invalid, "%.80q is no source, or is there twice.", source).WithHint("Clean sources are those in which each person stands once, by their ids.")
		}
	}
	for _, t := range []*float64{s.Link, s.Review} {
		if t != nil && (*t <= 0 || *t >= 1) {
			return touchstone.Errorf(touchstone.Invalid, "A threshold is a chance between 0 and 1.")
		}
	}
	if s.Link != nil && s.Review != nil && *s.Review > *s.Link {
		return touchstone.Errorf(touchstone.Invalid, "What is linked needs a higher chance than what is reviewed.")
	}
	return nil
}

func kindNames() string {
	var names []string
	for _, k := range match.Kinds() {
		names = append(names, string(k))
	}
	return strings.Join(names, ", ")
}

// Settings returns what was chosen, and its version.
func (l *Linkage) Settings(ctx context.Context) (Settings, int64, error) {
	return readSettings(ctx, l.cfg.DB.Reader())
}

func readSettings(ctx context.Context, q store.Querier) (s Settings, version int64, err error) {
	var text string
	if err := q.QueryRow(ctx, `SELECT version, settings FROM linkage_settings WHERE one = 1`).Scan(&version, &text); err != nil {
		return s, 0, err
	}
	return s, version, json.Unmarshal([]byte(text), &s)
}

// SetSettings changes what was chosen, if it is still what check was made for.
func (l *Linkage) SetSettings(ctx context.Context, s Settings, unchanged func(was Settings, version int64) error) (version int64, err error) {
	if err := s.check(); err != nil {
		return 0, err
	}
	text, err := json.Marshal(s, json.Deterministic(true))
	if err != nil {
		return 0, err
	}
	err = l.cfg.DB.Update(ctx, func(tx *store.Tx) error {
		was, now, err := readSettings(ctx, tx)
		if err == nil {
			err = unchanged(was, now)
		}
		if err != nil {
			return err
		}
		version = now + 1
		_, err = tx.Exec(ctx, `UPDATE linkage_settings SET version = ?, settings = ? WHERE one = 1`, version, string(text))
		return err
	})
	return version, err
}
