// Package lease lets one process at a time work on a thing that several could work on: a
// lease is a row with its owner, its epoch and a time until which it holds.
//
// Time decides only who may try. What a holder writes is right because each of its
// transactions calls [Lease.Fence]: it locks the row and checks that owner and epoch are
// still the holder's own. A process that was stopped for an hour fails there.
//
//	leases.Run(ctx, "sink", func(ctx context.Context, l *lease.Lease) error {
//		// Load state here: another process may have moved it. ctx ends with the lease.
//		for ctx.Err() == nil {
//			err := db.Update(ctx, func(tx *store.Tx) error {
//				if err := l.Fence(ctx, tx); err != nil {
//					return err
//				}
//				return work(ctx, tx)
//			})
//			if errors.Is(err, lease.ErrLost) {
//				return err // Run asks for the lease again
//			}
//		}
//		return nil
//	})
//
// docs/design/scaleout.md tells why it is built this way.
package lease

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/touchstone-cdp/touchstone/internal/randid"
	"github.com/touchstone-cdp/touchstone/store"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// ErrLost says that a lease is no longer the caller's: another process has taken it, or it
// could not be renewed in time. What the caller holds in memory may be out of date.
var ErrLost = errors.New("the lease is lost: another process has it, or it could not be renewed in time")

// Config is what Open needs.
type Config struct {
	DB *store.DB
	// Owner names this start of this process, and no other: NewOwner.
	Owner string
	// For is how long a lease holds without being renewed, 6 s by default: it is how long
	// the work of a process that died stands still. Renewals come at a third of it.
	For     time.Duration
	Logger  *slog.Logger
	Metrics prometheus.Registerer
}

const (
	defaultFor  = 6 * time.Second
	embeddedFor = 24 * time.Hour // no other process can open the database
	maxPoll     = time.Second    // between two looks at a lease that another process has
	minPoll     = 20 * time.Millisecond
	callTimeout = 5 * time.Second
)

// NewOwner makes an owner's name from one for people, such as the host's.
func NewOwner(host string) string { return randid.New(host) }

// Table is the leases of a store as one process sees them. All methods may be called at
// the same time.
type Table struct {
	cfg     Config
	metrics metrics

	mu      sync.Mutex
	held    map[string]*Lease
	keeping bool // the goroutine that renews runs
	closed  bool
	stop    chan struct{}
	stopped sync.WaitGroup
}

// Open returns the leases of a store. On SQLite, which one process has to itself, whoever
// held one before is gone: all of them are free.
func Open(ctx context.Context, cfg Config) (*Table, error) {
	if cfg.DB.Dialect() == store.SQLite && cfg.For == 0 {
		cfg.For = embeddedFor
	}
	if cfg.For == 0 {
		cfg.For = defaultFor
	}
	if cfg.Owner == "" {
		cfg.Owner = NewOwner("process")
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if err := cfg.DB.Migrate(ctx, "lease", store.Migrations(migrationFiles)); err != nil {
		return nil, err
	}
	t := &Table{cfg: cfg, metrics: newMetrics(cfg.Metrics), held: map[string]*Lease{}, stop: make(chan struct{})}
	if cfg.DB.Dialect() != store.SQLite {
		return t, nil
	}
	return t, cfg.DB.Update(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE lease_beats SET until = 0`)
		return err
	})
}

// Owner returns the name under which this process holds leases.
func (t *Table) Owner() string { return t.cfg.Owner }

// Lease is a lease that this process has, or had.
type Lease struct {
	t     *Table
	name  string
	epoch int64
	ctx   context.Context // ends when the lease is lost or given back
	end   context.CancelCauseFunc

	mu   sync.Mutex
	sure time.Time // until when nobody else can have it, by this process's clock
}

// Name returns the lease's name.
func (l *Lease) Name() string { return l.name }

// Epoch counts the holders: no two have the same.
func (l *Lease) Epoch() int64 { return l.epoch }

// Done is closed when the lease is lost or given back.
func (l *Lease) Done() <-chan struct{} { return l.ctx.Done() }

// Err returns nil while the lease is held, as far as this process knows.
func (l *Lease) Err() error {
	if l.ctx.Err() == nil {
		return nil
	}
	return ErrLost
}

// Fence lets tx commit only if the lease is the caller's when it does: it returns ErrLost
// otherwise. Call it first in a transaction: on PostgreSQL nobody else gets the lease until
// tx has ended. It costs one read of a row by its key.
func (l *Lease) Fence(ctx context.Context, tx *store.Tx) error {
	if l.ctx.Err() != nil {
		return fmt.Errorf("%s: %w", l.name, ErrLost)
	}
	query := `SELECT owner, epoch FROM leases WHERE name = ?`
	if tx.Dialect() == store.Postgres {
		query += ` FOR SHARE`
	}
	var owner string
	var epoch int64
	if err := tx.QueryRow(ctx, query, l.name).Scan(&owner, &epoch); err != nil {
		return fmt.Errorf("fence of the lease %s: %w", l.name, err)
	}
	if owner != l.t.cfg.Owner || epoch != l.epoch {
		l.lose("taken")
		return fmt.Errorf("%s: %w", l.name, ErrLost)
	}
	return nil
}

// lose ends the lease; cause is "taken" or "unrenewed".
func (l *Lease) lose(cause string) {
	l.t.mu.Lock()
	mine := l.t.held[l.name] == l
	if mine {
		delete(l.t.held, l.name)
	}
	l.t.mu.Unlock()
	if mine {
		l.t.metrics.lost.WithLabelValues(sort(l.name), cause).Inc()
		l.t.metrics.held.WithLabelValues(sort(l.name)).Dec()
		l.t.cfg.Logger.Warn("a lease is lost; what worked under it starts anew when it has it again", "lease", l.name, "epoch", l.epoch, "cause", cause)
	}
	l.end(ErrLost)
}

// Release gives the lease back, so that another process need not wait. One that is lost
// stays lost.
func (l *Lease) Release(ctx context.Context) error {
	l.t.mu.Lock()
	mine := l.t.held[l.name] == l
	if mine {
		delete(l.t.held, l.name)
	}
	l.t.mu.Unlock()
	l.end(ErrLost)
	if !mine {
		return nil
	}
	l.t.metrics.held.WithLabelValues(sort(l.name)).Dec()
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return l.t.cfg.DB.Update(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE lease_beats SET until = 0 WHERE name = ? AND EXISTS
			(SELECT 1 FROM leases WHERE name = ? AND owner = ? AND epoch = ?)`, l.name, l.name, l.t.cfg.Owner, l.epoch)
		return err
	})
}

// Run works under a lease for as long as ctx lasts: it waits until the lease is free, calls
// fn, and waits again when the lease was lost meanwhile. The context of fn ends with the
// lease. It returns nil when ctx is done, and otherwise what fn returned while it had the
// lease.
func (t *Table) Run(ctx context.Context, name string, fn func(ctx context.Context, l *Lease) error) error {
	for {
		l := t.await(ctx, name)
		if l == nil {
			return nil
		}
		err := runUnder(ctx, l, fn)
		lost := l.Err() != nil || errors.Is(err, ErrLost)
		if e := l.Release(context.WithoutCancel(ctx)); e != nil {
			t.cfg.Logger.Warn("a lease could not be given back: others wait until it runs out", "lease", name, "error", e)
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case !lost:
			return err
		}
		if !sleep(ctx, t.poll()) {
			return nil
		}
	}
}

// runUnder calls fn with a context that ends with the lease as with ctx.
func runUnder(ctx context.Context, l *Lease, fn func(ctx context.Context, l *Lease) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(l.ctx, func() { cancel(ErrLost) })()
	return fn(ctx, l)
}

// await returns the lease once it is this process's, nil when ctx is done.
func (t *Table) await(ctx context.Context, name string) *Lease {
	failing := false
	for {
		l, err := t.Acquire(ctx, name)
		if l != nil {
			return l
		}
		if ctx.Err() != nil {
			return nil
		}
		if err != nil && !failing {
			t.cfg.Logger.Error("the store does not answer the question for a lease; asking on", "lease", name, "error", err)
		}
		failing = err != nil
		if !sleep(ctx, t.poll()) {
			return nil
		}
	}
}

func (t *Table) poll() time.Duration { return min(max(t.cfg.For/8, minPoll), maxPoll) }

func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// sort is what metrics tell of a lease's name: "job" of "job:123".
func sort(name string) string {
	kind, _, _ := strings.Cut(name, ":")
	return kind
}
