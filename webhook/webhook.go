// Package webhook tells other systems of a segment's entries and exits: signed calls in the
// form of Standard Webhooks (https://www.standardwebhooks.com), so that receivers check them
// with a library that they find for their language.
//
// A [Webhooks] is a reactor, which decides what is told, and a deliverer, which makes the
// calls; between the two lies the outbox. docs/design/webhooks.md tells the whole story.
package webhook

import (
	"context"
	"embed"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/outbox"
	"github.com/touchstone-cdp/touchstone/store"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Kind is that of the effects, and the reactor's name.
const Kind = "webhook"

// What is told.
const (
	Entered = "segment.entered"
	Left    = "segment.left"
	Merged  = "person.merged" // other was absorbed by person
	Split   = "person.split"  // other was parted from person

	AlarmOpened = "quality.alarm_opened" // a source's data is no longer as usual
	AlarmClosed = "quality.alarm_closed" // it is again
)

// How much of a person is told.
const (
	IdentifiersNone   = "none"   // the person's id alone
	IdentifiersMasked = "masked" // contacts are masked, as for who may not see them
	IdentifiersFull   = "full"
)

// Webhook is a definition.
type Webhook struct {
	ID          string            `json:"id"` // "wh_…"
	Name        string            `json:"name"`
	URL         string            `json:"url"`
	Segments    []string          `json:"segments"` // ids; "*" is all; none are needed where only persons are told of
	Events      []string          `json:"events"`   // Entered, Left, Merged, Split, AlarmOpened, AlarmClosed
	Identifiers string            `json:"identifiers"`
	Purpose     string            `json:"purpose"`  // of consent, that the calls serve; "": that of sharing
	Backfill    bool              `json:"backfill"` // also what came with history
	Headers     map[string]string `json:"headers"`  // sent with each call
	Concurrency int               `json:"concurrency"`
	PerSecond   float64           `json:"per_second"` // 0: no limit
	Secrets     []Secret          `json:"-"`          // the newest first
	CreatedAt   time.Time         `json:"created_at"`
	UpdatedAt   time.Time         `json:"updated_at"`
}

// Secret signs calls until it ends.
type Secret struct {
	Text      string    `json:"text"` // "whsec_" and base64
	CreatedAt time.Time `json:"created_at"`
	EndsAt    time.Time `json:"ends_at,omitzero"` // of one that was replaced; zero: it goes on
}

// Bounds of definitions.
const (
	MaxWebhooks    = 500
	maxSegments    = 1000
	maxHeaders     = 20
	maxSecrets     = 5
	maxConcurrency = 64
)

// Outbox is what webhooks ask of outbox.Outbox.
type Outbox interface {
	Put(ctx context.Context, tx *store.Tx, effects ...touchstone.Effect) error
	SetPaused(ctx context.Context, tx *store.Tx, kind, destination string, paused bool) error
	Queue(ctx context.Context, kind, destination string) (outbox.Queue, error)
	List(ctx context.Context, kind, destination string, state outbox.State, limit int, cursor string) ([]outbox.Letter, string, error)
	Get(ctx context.Context, id string) (outbox.Letter, []outbox.Attempt, error)
	Replay(ctx context.Context, kind, destination string, ids []string, all bool) (int64, error)
	Discard(ctx context.Context, kind, destination string, ids []string, all bool) (int64, error)
	Remove(ctx context.Context, kind, destination string) error
}

// Config is what Open needs.
type Config struct {
	DB     *store.DB
	Outbox Outbox
	// Names returns the names of all segments, by id.
	Names func(ctx context.Context) (map[string]string, error)
	// Identifiers returns what identifies persons, strongest first.
	Identifiers func(ctx context.Context, persons []touchstone.PersonID) (map[touchstone.PersonID][]touchstone.Identifier, error)
	// Mask hides the value of an identifier that is a contact.
	Mask func(touchstone.Identifier) touchstone.Identifier
	// Protected tells who of persons is never told of; nil: nobody.
	Purposes  func(ctx context.Context, q store.Querier, purpose string) error // refuses one of consent that there is not; nil takes any
	Protected func(ctx context.Context, persons []touchstone.PersonID) (map[touchstone.PersonID]bool, error)
	Clock     touchstone.Clock
	Logger    *slog.Logger
	// Allow lists networks that calls may go to although they are loopback, private or
	// link-local: "10.0.0.0/8".
	Allow   []netip.Prefix
	Version string // for the User-Agent
}

// Webhooks is the feature.
type Webhooks struct {
	cfg    Config
	client *http.Client

	mu       sync.Mutex
	known    map[string]*Webhook // as of version; replaced, never changed
	version  int64
	names    map[string]string // of segments
	checked  time.Time         // when version was last looked at
	named    time.Time         // when names were last read
	checking bool
}

// Open brings the tables up to date and reads the definitions.
func Open(ctx context.Context, cfg Config) (*Webhooks, error) {
	if cfg.DB == nil || cfg.Outbox == nil || cfg.Names == nil || cfg.Identifiers == nil || cfg.Mask == nil {
		return nil, errors.New("webhook: DB, Outbox, Names, Identifiers and Mask are required")
	}
	if cfg.Clock == nil {
		cfg.Clock = touchstone.SystemClock{}
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if err := cfg.DB.Migrate(ctx, "webhook", store.Migrations(migrationFiles)); err != nil {
		return nil, err
	}
	h := &Webhooks{cfg: cfg, client: newClient(guard{cfg.Allow})}
	return h, h.load(ctx, cfg.DB.Reader())
}
