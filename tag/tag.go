package tag

import (
	"cmp"
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

// TraitPrefix begins the names of the traits that are tags.
const TraitPrefix = "tag."

// Persons finds who is who: identity.Graph.
type Persons interface {
	// Find returns the node and the person of an identifier; zeros if nobody has it.
	Find(ctx context.Context, q store.Querier, id touchstone.Identifier) (touchstone.NodeID, touchstone.PersonID, error)
	// Canonical returns who persons are now.
	Canonical(ctx context.Context, q store.Querier, persons []touchstone.PersonID) ([]touchstone.PersonID, error)
}

// Rules keeps sets of persons for whom rules hold: segment.Segments.
type Rules interface {
	CheckTagRule(ctx context.Context, rule touchstone.JSON) error
	KeepTagRule(ctx context.Context, tx *store.Tx, set string, rule touchstone.JSON) error
	DropTagRules(ctx context.Context, tx *store.Tx, sets []string) error
	// TagRulesBuilt tells whether all sets answer by their rules, why a build has failed, and a mark that is another one
	// whenever a set has been built anew, of which nobody is told.
	TagRulesBuilt(ctx context.Context, q store.Querier, sets []string) (built bool, mark int64, failure string, err error)
	// InTagRules returns in which of the sets each person is, by their places, ascending.
	InTagRules(ctx context.Context, q store.Querier, sets []string, persons []touchstone.PersonID) (map[touchstone.PersonID][]int, error)
	// MemberIDs returns the members of a set, ascending.
	MemberIDs(ctx context.Context, set string) ([]touchstone.PersonID, error)
}

// Value is a value to be set as a trait.
type Value struct {
	Node   touchstone.NodeID
	Person touchstone.PersonID
	Seq    touchstone.Seq // no other value has it
	At     time.Time
	Trait  string
	Value  touchstone.JSON // null takes it away
}

// Silence says that a source is silent, as data quality has found.
type Silence struct {
	Source string
	Event  string // "": all of the source
	Since  time.Time
}

// Config is what Open needs.
type Config struct {
	DB      *store.DB
	Persons Persons
	Rules   Rules
	// SetTraits writes values into profiles, in the transaction of a command's batch.
	SetTraits func(ctx context.Context, tx *store.Tx, values []Value) error
	// Touch says that what the reactor wants to hear has changed: inbox.Touch.
	Touch func(ctx context.Context, tx *store.Tx) error
	// Count returns the number of persons.
	Count func(ctx context.Context) (int64, error)
	// Strongest returns the identifier that stands for each person in a command.
	Strongest func(ctx context.Context, persons []touchstone.PersonID) (map[touchstone.PersonID]touchstone.Identifier, error)
	// Submit has the pipeline carry out a command, and waits for it.
	Submit func(ctx context.Context, c touchstone.Command) (touchstone.JSON, error)
	// Query runs a statement of a person's and calls fn for each row: person is an id or kind:value.
	Query func(ctx context.Context, statement string, fn func(person string, value touchstone.JSON) error) error
	// Silences tells which sources are silent; Sends which sources have sent an event.
	Silences func(ctx context.Context) ([]Silence, error)
	Sends    func(ctx context.Context, event string) ([]string, error)
	// RuleEvents returns the fields that a rule goes by, RuleGoes the segments; nil: nobody knows.
	RuleEvents func(rule touchstone.JSON) []touchstone.Reads
	RuleGoes   func(rule touchstone.JSON) []touchstone.DefinitionRef
	Clock      touchstone.Clock
	Zone       func() *time.Location // of days
	Logger     *slog.Logger
	Metrics    prometheus.Registerer

	MaxTags int // 500
}

// Tags is the tags of a store. Its methods may be called at the same time.
type Tags struct {
	cfg     Config
	metrics *metrics

	mu    sync.Mutex
	trees map[string]*tree // of taxonomies, by id, as last read
}

// metrics counts what bounds keep out.
type metrics struct {
	unknown, crowded prometheus.Counter
	written          *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{
		unknown: prometheus.NewCounter(prometheus.CounterOpts{Name: "touchstone_tags_unknown_items_total", Help: "Events of interest whose property named no item of the taxonomy."}),
		crowded: prometheus.NewCounter(prometheus.CounterOpts{Name: "touchstone_tags_crowded_total", Help: "Items of interest that had no room beside stronger ones of the same identifier."}),
		written: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "touchstone_tags_written_total", Help: "Values of tags that changed, by the kind of the tag."}, []string{"kind"}),
	}
	if r != nil {
		r.MustRegister(m.unknown, m.crowded, m.written)
	}
	return m
}

// Open brings the tables up to date.
func Open(ctx context.Context, cfg Config) (*Tags, error) {
	cfg.MaxTags = cmp.Or(cfg.MaxTags, 500)
	if cfg.Clock == nil {
		cfg.Clock = touchstone.SystemClock{}
	}
	if cfg.Zone == nil {
		cfg.Zone = func() *time.Location { return time.UTC }
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Touch == nil {
		cfg.Touch = func(context.Context, *store.Tx) error { return nil }
	}
	t := &Tags{cfg: cfg, metrics: newMetrics(cfg.Metrics), trees: map[string]*tree{}}
	return t, cfg.DB.Migrate(ctx, "tag", store.Migrations(migrationFiles))
}

func (t *Tags) now() int64 { return t.cfg.Clock.Now().UnixMilli() }
