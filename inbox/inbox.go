// Package inbox carries what happened to those who react. The batch's transaction writes
// the occurrences that some reactor wants; each reactor reads them in order, at its own
// pace, with an offset, retries and dead letters of its own. So a reactor that is broken
// stops nobody else, and nothing depends on how events were batched.
//
// docs/design/reactors.md tells the whole story.
package inbox

import (
	"cmp"
	"context"
	"embed"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Reactor is a feature that acts on what happens: a journey, a reward, a webhook.
type Reactor interface {
	// Name names its offset, its dead letters and its place in the console: "webhook".
	Name() string
	// Interest tells what it wants to hear of from now on. It is asked at the start and
	// after [Touch]. One that fails keeps its last interest.
	Interest(ctx context.Context, q store.Querier) (Interest, error)
	// React works on occurrences in their order, in a transaction that also moves the
	// offset and takes what it puts in the outbox. An error, or a panic, rolls all of it
	// back; the occurrences come again, until the one at fault is found and set aside as a
	// dead letter. Persons are those of today: who has merged since comes as who they are now.
	// It is called by one goroutine at a time, and must be quick: writers wait for it.
	React(ctx context.Context, tx *store.Tx, occurrences []touchstone.Occurrence, out Outbox) error
}

// Patient is a Reactor that would rather hear of much at once than of each thing within milliseconds: each call
// costs a transaction.
type Patient interface {
	// Patience is the least time between two calls while little waits. What comes after a quiet time is heard of
	// at once; what comes soon after it waits for that long.
	Patience() time.Duration
}

// Outbox takes effects in the reactor's transaction: outbox.Outbox.
type Outbox interface {
	Put(ctx context.Context, tx *store.Tx, effects ...touchstone.Effect) error
}

// Persons tells who persons are now: identity.Graph.
type Persons interface {
	Canonical(ctx context.Context, q store.Querier, persons []touchstone.PersonID) ([]touchstone.PersonID, error)
}

// Fence fails unless the caller still has its lease; see store/lease.
type Fence func(ctx context.Context, tx *store.Tx) error

// Lease runs work whenever this process has the lease of a name, until ctx is done. work's
// context ends with the lease.
type Lease func(ctx context.Context, name string, work func(ctx context.Context, fence Fence) error) error

// Config is what Open needs. Zero values of the limits take the defaults named there.
type Config struct {
	DB       *store.DB
	Reactors []Reactor // app lists them
	Outbox   Outbox
	Persons  Persons
	Lease    Lease // nil: this process is the only one
	Clock    touchstone.Clock
	Logger   *slog.Logger
	Metrics  prometheus.Registerer

	MaxChunk    int           // most occurrences of one call of React; 1,000
	MaxReact    time.Duration // after which a call's context ends; 5 s
	Poll        time.Duration // how often it is looked for what other processes wrote; 200 ms, on SQLite, which has one process, 10 s
	RetainAge   time.Duration // how long a row waits for a reactor that stands still; 7 days
	RetainBytes int64         // how much waits for reactors that stand still; 2 GiB
	MaxDead     int           // most dead letters of a reactor, which then stands still; 10,000
	firstPause  time.Duration // after a failure, doubling with each in a row; 100 ms
	GoneAfter   time.Duration // after which a reactor that no program has any more holds nothing; 1 h
}

func (c *Config) setDefaults() {
	c.MaxChunk = cmp.Or(c.MaxChunk, 1000)
	c.MaxReact = cmp.Or(c.MaxReact, 5*time.Second)
	if c.DB.Dialect() == store.SQLite {
		c.Poll = cmp.Or(c.Poll, idleMove)
	}
	c.Poll = cmp.Or(c.Poll, 200*time.Millisecond)
	c.RetainAge = cmp.Or(c.RetainAge, 7*24*time.Hour)
	c.RetainBytes = cmp.Or(c.RetainBytes, 2<<30)
	c.MaxDead = cmp.Or(c.MaxDead, 10_000)
	c.GoneAfter = cmp.Or(c.GoneAfter, time.Hour)
	c.firstPause = cmp.Or(c.firstPause, 100*time.Millisecond)
	if c.Clock == nil {
		c.Clock = touchstone.SystemClock{}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Lease == nil {
		c.Lease = alone
	}
}

// alone is the lease of a process that shares its store with no other.
func alone(ctx context.Context, _ string, work func(context.Context, Fence) error) error {
	return work(ctx, func(context.Context, *store.Tx) error { return nil })
}

// maxReactors bounds the names that ever were: each keeps its bit.
const maxReactors = 63

// Inbox is where occurrences wait. Make it with Open; its Writer is a stage of the
// pipeline, and Run works in the processes that act.
type Inbox struct {
	cfg      Config
	reactors []*reactor
	metrics  *metrics
	written  chan struct{} // wakes who cleans
}

// Open brings the tables up to date and gives new reactors their place: at the end.
func Open(ctx context.Context, cfg Config) (*Inbox, error) {
	cfg.setDefaults()
	if err := cfg.DB.Migrate(ctx, "inbox", store.Migrations(migrationFiles)); err != nil {
		return nil, err
	}
	in := &Inbox{cfg: cfg, metrics: newMetrics(cfg.Metrics), written: make(chan struct{}, 1)}
	for _, r := range cfg.Reactors {
		if slices.ContainsFunc(in.reactors, func(other *reactor) bool { return other.name == r.Name() }) {
			return nil, fmt.Errorf("inbox: two reactors are named %q", r.Name())
		}
		in.reactors = append(in.reactors, newReactor(in, r))
	}
	return in, in.register(ctx)
}

// Writer returns the stage that writes what reactors want.
func (in *Inbox) Writer() *Writer { return &Writer{in: in, asked: map[string]Interest{}} }

// register gives reactors their row and number. One that is new, or was gone, begins at
// the end.
func (in *Inbox) register(ctx context.Context) error {
	now := in.cfg.Clock.Now().UnixMilli()
	err := in.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		var last int64
		if err := tx.QueryRow(ctx, `SELECT last_row FROM inbox_head WHERE one = 1`).Scan(&last); err != nil {
			return err
		}
		known, err := readReactors(ctx, tx)
		if err != nil {
			return err
		}
		taken := map[int]bool{}
		for _, k := range known {
			taken[k.bit] = true
		}
		for _, r := range in.reactors {
			k, ok := known[r.name]
			if !ok {
				if k.bit, err = freeBit(taken); err != nil {
					return err
				}
			}
			if err := in.enter(ctx, tx, r, k, ok, last, now); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("register the reactors: %w", err)
	}
	return nil
}

func freeBit(taken map[int]bool) (int, error) {
	for bit := range maxReactors {
		if !taken[bit] {
			taken[bit] = true
			return bit, nil
		}
	}
	return 0, fmt.Errorf("there have been %d reactors, each of which keeps its number", maxReactors)
}

func (in *Inbox) enter(ctx context.Context, tx *store.Tx, r *reactor, k state, known bool, last, now int64) error {
	r.number, r.bit = k.bit, 1<<k.bit
	var err error
	switch {
	case !known:
		if _, err = tx.Exec(ctx, `INSERT INTO inbox_written (bit, occurrences) VALUES (?, 0)`, k.bit); err == nil {
			_, err = tx.Exec(ctx, `INSERT INTO inbox_reactors (name, bit, row_id, item, passed, dropped, seen_at, gone_at, failing, attempts, error, stopped)
				VALUES (?, ?, ?, 0, 0, 0, ?, 0, 0, 0, '', ?)`, r.name, k.bit, last+1, now, false)
		}
	case k.goneAt != 0:
		_, err = tx.Exec(ctx, `UPDATE inbox_reactors SET row_id = ?, item = 0, seen_at = ?, gone_at = 0, failing = 0, attempts = 0, error = '', why = '', stopped = ?,
			passed = (SELECT occurrences FROM inbox_written w WHERE w.bit = inbox_reactors.bit) - dropped WHERE name = ?`, last+1, now, false, r.name)
	default:
		_, err = tx.Exec(ctx, `UPDATE inbox_reactors SET seen_at = ?, stopped = ? WHERE name = ?`, now, false, r.name)
	}
	return err
}

// wakeAll wakes the reactors of a set, and who cleans behind them.
func (in *Inbox) wakeAll(who mask) {
	signal(in.written)
	for _, r := range in.reactors {
		if r.bit&who != 0 {
			signal(r.wake)
		}
	}
}

func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Run lets the reactors work until ctx is done, each by itself, and sees to it that what
// all of them have passed is deleted.
func (in *Inbox) Run(ctx context.Context) error {
	var running sync.WaitGroup
	for _, r := range in.reactors {
		running.Go(func() { r.runUnderLease(ctx) })
	}
	if len(in.reactors) > 0 {
		running.Go(func() { in.poll(ctx) })
	}
	running.Go(func() { in.cleanUnderLease(ctx) })
	running.Wait()
	return nil
}

// poll wakes the reactors when another process has written.
func (in *Inbox) poll(ctx context.Context) {
	tick := time.NewTicker(in.cfg.Poll)
	defer tick.Stop()
	var seen int64
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		var last int64
		if err := in.cfg.DB.Reader().QueryRow(ctx, `SELECT last_row FROM inbox_head WHERE one = 1`).Scan(&last); err != nil || last == seen {
			continue // the reactors themselves tell of trouble
		}
		seen = last
		in.wakeAll(^mask(0))
	}
}
