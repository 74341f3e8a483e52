package stage

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

// TraitPrefix begins the names of the traits that say where somebody stands: "stage.<key>", and "_since" and "_was" behind it.
const TraitPrefix = "stage."

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
	// Since returns since when a rule has held for each of those for whom it holds now; known is false of a rule that does
	// not tell.
	Since(ctx context.Context, rule touchstone.JSON) (at map[touchstone.PersonID]time.Time, known bool, err error)
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

// Config is what Open needs.
type Config struct {
	DB      *store.DB
	Persons Persons
	Rules   Rules
	// SetTraits writes values into profiles, in the transaction of a command's batch.
	SetTraits func(ctx context.Context, tx *store.Tx, values []Value) error
	// Touch says that what the reactor wants to hear has changed: inbox.Touch.
	Touch func(ctx context.Context, tx *store.Tx) error
	// Strongest returns the identifier that stands for each person in a command.
	Strongest func(ctx context.Context, persons []touchstone.PersonID) (map[touchstone.PersonID]touchstone.Identifier, error)
	// Submit has the pipeline carry out a command, and waits for it.
	Submit func(ctx context.Context, c touchstone.Command) (touchstone.JSON, error)
	// Behind is how far the reactor is behind what has happened; nil: it never is.
	Behind func(ctx context.Context) (time.Duration, error)
	// RuleEvents and RuleGoes return the fields and the definitions that a rule goes by.
	RuleEvents func(rule touchstone.JSON) []touchstone.Reads
	RuleGoes   func(rule touchstone.JSON) []touchstone.DefinitionRef
	Clock      touchstone.Clock
	Zone       func() *time.Location // of days
	Logger     *slog.Logger
	Metrics    prometheus.Registerer
}

// MaxCycles is how many life cycles there may be.
const MaxCycles = 50

// Stages is the life cycles of a store. Its methods may be called at the same time.
type Stages struct {
	cfg     Config
	metrics *metrics

	mu      sync.Mutex
	reports map[reportKey]remembered
}

type metrics struct {
	moved       *prometheus.CounterVec
	late, doubt prometheus.Counter
}

func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{
		moved: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "touchstone_stages_moved_total", Help: "People who went from one stage of a life cycle to another, by why."}, []string{"why"}),
		late:  prometheus.NewCounter(prometheus.CounterOpts{Name: "touchstone_stages_late_total", Help: "Moves that are older than the one before, and so count from there."}),
		doubt: prometheus.NewCounter(prometheus.CounterOpts{Name: "touchstone_stages_doubts_total", Help: "People who were asked anew where they stand, after a merge or a split."}),
	}
	if r != nil {
		r.MustRegister(m.moved, m.late, m.doubt)
	}
	return m
}

// Open brings the tables up to date.
func Open(ctx context.Context, cfg Config) (*Stages, error) {
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
	if cfg.Behind == nil {
		cfg.Behind = func(context.Context) (time.Duration, error) { return 0, nil }
	}
	s := &Stages{cfg: cfg, metrics: newMetrics(cfg.Metrics), reports: map[reportKey]remembered{}}
	return s, cfg.DB.Migrate(ctx, "stage", store.Migrations(migrationFiles))
}

func (s *Stages) now() int64 { return s.cfg.Clock.Now().UnixMilli() }
