// Package outbox does what has been decided on. Effects are put in it in the transaction
// that decides; after the commit, deliverers do them, at least once and with the same
// idempotency key on every repeat, one queue per destination, so that a dead one slows
// no other.
//
// docs/design/effects.md tells the whole story.
package outbox

import (
	"cmp"
	"context"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/randid"
	"github.com/touchstone-cdp/touchstone/store"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Deliverer does the effects of one kind.
type Deliverer interface {
	Kind() string // of [touchstone.Effect]
	// Serves says for which use effects go out, or why nobody is asked. The outbox asks each
	// effect's person; of a deliverer that says nothing no effect is done.
	Serves() touchstone.Serves
	// Deliver does an effect. It is called by many goroutines, and again for an effect that
	// may have been done; attempt counts from 1. A touchstone.Error of kind Invalid,
	// Forbidden or NotFound goes to the dead letters at once; one with RetryAfter is tried
	// again then, and its queue waits; any other with growing pauses. The receipt is kept
	// beside the error.
	Deliver(ctx context.Context, e touchstone.Effect, attempt int) (Receipt, error)
}

// Receipt is what a destination said. The zero Receipt is fine.
type Receipt struct {
	Status int    // a code of the destination's own, as of HTTP; 0 for none
	Answer string // an excerpt for people; the first KiB is kept
}

// Policer is a Deliverer whose destinations want to be treated in a way of their own.
type Policer interface {
	// Policy is asked for when a queue begins work and at each look at what waits, so it must
	// be cheap. Zero fields take the defaults.
	Policy(destination string) Policy
}

// Policy says how a queue's effects are done.
type Policy struct {
	Purpose     string        // of consent that its deliveries serve; "": that of the deliverer's use
	Concurrency int           // deliveries at a time; 8, at most 256
	PerSecond   float64       // deliveries a second in each process; 0: no limit
	Timeout     time.Duration // of one delivery; 15 s, at most 60 s
	GiveUp      time.Duration // age since it was due first at which a failed effect is dead; 72 h
}

func (p Policy) withDefaults() Policy {
	p.Concurrency = cmp.Or(p.Concurrency, 8)
	p.Timeout = cmp.Or(p.Timeout, 15*time.Second)
	p.GiveUp = cmp.Or(p.GiveUp, 72*time.Hour)
	p.Concurrency, p.Timeout = min(p.Concurrency, 256), min(p.Timeout, time.Minute)
	return p
}

// Config is what New needs. Zero values take the defaults named there.
type Config struct {
	DB *store.DB
	// Asks tells whether an effect's person agrees to what it serves, before each attempt; nil: effects
	// about persons that serve a use are withheld.
	Asks    Asks
	Clock   touchstone.Clock
	Logger  *slog.Logger
	Metrics prometheus.Registerer

	Poll       time.Duration // how often others' effects are looked for; 2 s
	Lease      time.Duration // of a claim, where several processes share a store; 2 min
	Grace      time.Duration // how long deliveries may go on when the process stops; 2 s
	MaxBody    int           // bytes; 256 KiB
	MaxHeld    int           // effects in memory; 8,192
	MaxBytes   int           // of their bodies; 64 MiB
	MaxQueues  int           // in memory; 10,000
	MaxWaiting int           // in a queue; 1,000,000
	MaxDead    int           // dead letters of a queue; 100,000
	MaxDone    int           // done ones of a queue whose ids are remembered; 1,000,000
	KeepDead   time.Duration // 30 days
	KeepDone   time.Duration // how long ids are remembered; 24 h
}

// Asks tells whether something may be done with a person: for a purpose, or, if that is "", for a use.
type Asks func(ctx context.Context, person touchstone.PersonID, purpose string, use touchstone.Use) (bool, error)

func (c *Config) setDefaults() {
	c.Poll = cmp.Or(c.Poll, 2*time.Second)
	c.Lease = cmp.Or(c.Lease, 2*time.Minute)
	c.Grace = cmp.Or(c.Grace, 2*time.Second)
	c.MaxBody = cmp.Or(c.MaxBody, 256<<10)
	c.MaxHeld = cmp.Or(c.MaxHeld, 8192)
	c.MaxBytes = cmp.Or(c.MaxBytes, 64<<20)
	c.MaxQueues = cmp.Or(c.MaxQueues, 10_000)
	c.MaxWaiting = cmp.Or(c.MaxWaiting, 1_000_000)
	c.MaxDead = cmp.Or(c.MaxDead, 100_000)
	c.MaxDone = cmp.Or(c.MaxDone, 1_000_000)
	c.KeepDead = cmp.Or(c.KeepDead, 30*24*time.Hour)
	c.KeepDone = cmp.Or(c.KeepDone, 24*time.Hour)
	if c.Clock == nil {
		c.Clock = touchstone.SystemClock{}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
}

// name tells queues apart.
type name struct{ kind, destination string }

// Outbox takes effects and has them done. Make it with New, then call Run in the
// processes that deliver.
type Outbox struct {
	cfg     Config
	owner   string // of this process' claims
	metrics *metrics
	places  atomic.Int64

	mu     sync.Mutex
	queues map[name]*queue
	dirty  map[name]struct{} // queues that may have something to do
	held   int               // effects in memory
	bytes  int               // of their bodies
	serves map[string]Deliverer

	wake  chan struct{} // gets a value when dirty is not empty
	notes chan struct{} // gets a value when results wait

	resultsMu sync.Mutex
	results   []result
}

// New brings the tables up to date.
func New(ctx context.Context, cfg Config) (*Outbox, error) {
	cfg.setDefaults()
	if cfg.DB == nil {
		return nil, errors.New("outbox: DB is required")
	}
	if err := cfg.DB.Migrate(ctx, "outbox", store.Migrations(migrationFiles)); err != nil {
		return nil, err
	}
	o := &Outbox{
		cfg: cfg, owner: randid.New("own"), metrics: newMetrics(cfg.Metrics),
		queues: map[name]*queue{}, dirty: map[name]struct{}{}, serves: map[string]Deliverer{},
		wake: make(chan struct{}, 1), notes: make(chan struct{}, 1),
	}
	o.places.Store(time.Now().UnixMicro()) // later than those of an earlier start
	return o, nil
}

func (o *Outbox) now() time.Time { return o.cfg.Clock.Now() }

// Put takes effects in the transaction that decides on them. Once it has been committed,
// they will be done; see [touchstone.Effect] for repeats.
func (o *Outbox) Put(ctx context.Context, tx *store.Tx, effects ...touchstone.Effect) error {
	if len(effects) == 0 {
		return nil
	}
	for i := range effects {
		if err := o.check(&effects[i]); err != nil {
			return err
		}
	}
	now := o.now().UnixMilli()
	place := o.places.Add(int64(len(effects))) - int64(len(effects))
	put := int64(0)
	for first := 0; first < len(effects); {
		rows := chunk(len(effects) - first)
		n, err := insert(ctx, tx, effects[first:first+rows], now, place+int64(first))
		if err != nil {
			return err
		}
		put += n
		first += rows
	}
	tx.AfterCommit(func() { o.committed(effects, put) })
	return nil
}

func (o *Outbox) check(e *touchstone.Effect) error {
	switch {
	case e.ID == "" || len(e.ID) > 512:
		return fmt.Errorf("outbox: an effect of kind %q has an id of %d bytes; it needs 1 to 512", e.Kind, len(e.ID))
	case e.Kind == "" || e.Destination == "":
		return fmt.Errorf("outbox: the effect %q lacks a kind or a destination", e.ID)
	case len(e.Body) > o.cfg.MaxBody:
		return fmt.Errorf("outbox: the effect %q has a body of %d bytes; at most %d are taken", e.ID, len(e.Body), o.cfg.MaxBody)
	}
	return nil
}

// committed tells the queues of new effects.
func (o *Outbox) committed(effects []touchstone.Effect, put int64) {
	o.metrics.put.Add(float64(put))
	o.metrics.repeated.Add(float64(int64(len(effects)) - put))
	o.mu.Lock()
	last := name{}
	for i := range effects {
		if n := (name{effects[i].Kind, effects[i].Destination}); n != last {
			o.dirty[n] = struct{}{}
			last = n
		}
	}
	o.mu.Unlock()
	signal(o.wake)
}

// touch has a queue looked at.
func (o *Outbox) touch(n name) {
	o.mu.Lock()
	o.dirty[n] = struct{}{}
	o.mu.Unlock()
	signal(o.wake)
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
