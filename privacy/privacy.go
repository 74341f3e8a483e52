// Package privacy is what people may ask of whoever keeps data about them: to be forgotten,
// with a receipt, and to be told all that is kept. A request is a row; the job privacy.erase
// has the pipeline forget many persons with one command; what is left is a keyed tombstone,
// by which nobody comes back with an import, a replay or a backup.
//
// docs/design/privacy.md tells the whole story.
package privacy

import (
	"context"
	"embed"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/vault"
	"github.com/touchstone-cdp/touchstone/keep"
	"github.com/touchstone-cdp/touchstone/store"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Config is what Open needs.
type Config struct {
	DB   *store.DB
	Keys *Keys
	// Beside is a file that lists the tombstones, for a restore of an older backup; empty: none.
	Beside string
	// BesideKey encrypts that file; nil: it is in the clear.
	BesideKey *vault.Key
	// Kinds tells how identifiers that somebody has written are stored.
	Kinds *touchstone.KindSet
	// Graph finds and forgets persons.
	Graph Graph
	// Held tells which of persons a hold keeps, and why; nil: none.
	Held func(ctx context.Context, q store.Querier, persons []touchstone.PersonID) (map[touchstone.PersonID]string, error)
	// Identifiers calls fn with each identifier that the graph knows; nil: not known here.
	Identifiers func(ctx context.Context, fn func(touchstone.Identifier) error) error
	// Comes tells whether a command, whole, is in the log and still to be carried out; nil: none is.
	Comes func(ctx context.Context, id string, at touchstone.Seq) (bool, error)
	// Imports tells whether a source is an import.
	Imports func(source string) bool
	// Keepers are counted for the receipt; asked when that is written.
	Keepers func() []keep.Keeper
	// Mentioning calls fn for everybody with traits whose value search finds, and the names of those; nil: nobody is
	// looked for.
	Mentioning func(ctx context.Context, search *keep.Search, fn func(person touchstone.PersonID, traits []string) error) error
	// Unset takes traits away from a person by a command; NotFound or Conflict if that is nobody.
	Unset func(ctx context.Context, person touchstone.PersonID, traits []string) error
	// Submit has the pipeline carry out a command and returns its result.
	Submit func(ctx context.Context, c touchstone.Command) (touchstone.JSON, error)
	// Copied tells whether the warehouse has heard of all erasures so far.
	Copied func(ctx context.Context) (bool, error)
	// Warehouse says how many events of persons the warehouse holds; nil without one here.
	Warehouse func(ctx context.Context, persons []keep.Whole) (map[touchstone.PersonID]int64, error)

	Program string // version, for receipts
	Clock   touchstone.Clock
	Logger  *slog.Logger
	Metrics prometheus.Registerer
}

// Privacy keeps requests, tombstones and receipts.
type Privacy struct {
	cfg    Config
	graves atomic.Pointer[graves]
	// dug are those of the batch under way: they hold for the facts behind its command already.
	dug atomic.Pointer[buried]

	batchTook atomic.Int64 // how long the latest batch with an erasure took, in ns; 0: it was not in this process

	mu      sync.Mutex // guards the file beside and reloading
	version int64      // of the tombstones in graves
	listed  int64      // up to which the file beside lists them

	leftOut  *prometheus.CounterVec
	requests *prometheus.CounterVec
	buried   prometheus.GaugeFunc
}

// followEvery is how soon a process knows tombstones that another one has made.
const followEvery = 2 * time.Second

// Open brings the tables up to date and reads the tombstones.
func Open(ctx context.Context, cfg Config) (*Privacy, error) {
	if cfg.Clock == nil {
		cfg.Clock = touchstone.SystemClock{}
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	p := &Privacy{cfg: cfg,
		leftOut: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "touchstone_privacy_left_out_total",
			Help: "Events that were left out because of a tombstone: from before an erasure, from an import, or suppressed."}, []string{"why"}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "touchstone_privacy_requests_total",
			Help: "Requests of people that have ended, by kind and by what became of them."}, []string{"kind", "state"}),
	}
	p.graves.Store(&graves{})
	p.buried = prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "touchstone_privacy_tombstones",
		Help: "Tombstones of identifiers held in memory."}, func() float64 { return float64(p.graves.Load().size()) })
	if cfg.Metrics != nil {
		cfg.Metrics.MustRegister(p.leftOut, p.requests, p.buried)
	}
	if err := cfg.DB.Migrate(ctx, "privacy", store.Migrations(migrationFiles)); err != nil {
		return nil, err
	}
	return p, p.reload(ctx)
}

// Recall takes up the tombstones that the file beside lists and the store lacks, before anything is worked on. Whom
// they name in a store that was restored, it has forgotten once more: as requests that wait.
func (p *Privacy) Recall(ctx context.Context) error {
	taken, err := p.readBeside(ctx)
	if err != nil || len(taken) == 0 {
		return err
	}
	if err := p.reload(ctx); err != nil || p.cfg.Identifiers == nil {
		return err
	}
	var again [][]string
	err = p.cfg.Identifiers(ctx, func(id touchstone.Identifier) error {
		if taken[p.cfg.Keys.of(id)] {
			again = append(again, []string{id.String()})
		}
		return nil
	})
	if err != nil {
		return err
	}
	for len(again) > 0 {
		some := again[:min(len(again), maxBulk)]
		if _, err := p.Put(ctx, Ask{Kind: Erasure, People: some, Reason: "request", By: "system"}); err != nil {
			return err
		}
		p.cfg.Logger.Warn("the store is older than erasures; they are carried out once more", "identifiers", len(some))
		again = again[len(some):]
	}
	return nil
}

// Run follows tombstones that other processes make, and lists all of them in the file beside.
func (p *Privacy) Run(ctx context.Context) error {
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	for {
		if err := p.reload(ctx); err != nil && ctx.Err() == nil {
			p.cfg.Logger.Warn("the tombstones cannot be read; those from before hold", "error", err)
		}
		if err := p.listBeside(ctx); err != nil && ctx.Err() == nil {
			p.cfg.Logger.Error("the tombstones cannot be listed for restores of backups; trying again", "file", p.cfg.Beside, "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
