// Package pipeline is the micro-batch loop: it takes the next records of the log, drops
// duplicates, runs the stages in order and commits their rows together with the new
// offset in one transaction. A crash replays at most one batch and changes nothing
// twice. The [Sink] is a second consumer that carries what was committed to the warehouse.
//
// docs/design/pipeline.md tells why it is built this way.
package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/admission"
	"github.com/touchstone-cdp/touchstone/internal/bisect"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/lease"
	"github.com/touchstone-cdp/touchstone/stream"
	"github.com/touchstone-cdp/touchstone/warehouse"
)

// Stage works on a batch inside its transaction. Apply is called by one goroutine at a
// time. When a batch fails, Rollback is called and the same events come again.
type Stage interface {
	Name() string
	Apply(ctx context.Context, tx *store.Tx, b *touchstone.Batch) error
	Rollback()
}

// Committer is a Stage that wants to know when a batch has been committed.
type Committer interface {
	Committed(b *touchstone.Batch)
}

// Commands carries out the commands in the log: *command.Log.
type Commands interface {
	// Begin comes first in the transaction of a batch that begins with a command.
	Begin(ctx context.Context, tx *store.Tx, c touchstone.Command) error
	// Do carries out one at its place, before the stages see the batch. refused says why the
	// stages cannot work on what it brings about; then it is only noted. undone: it was taken
	// back half-way, so stages may remember what is not so. An error fails the batch.
	Do(ctx context.Context, tx *store.Tx, b *touchstone.Batch, c touchstone.Command, refused string) (undone bool, err error)
}

// Observer is told what batches have committed. It holds on to nothing but copies, and is quick.
type Observer interface {
	// Observe is told the events that were kept, those that went to quarantine, and how many were
	// duplicates, by source; at is when it was committed.
	Observe(at time.Time, kept, aside []touchstone.Fact, repeated map[string]int64)
}

// Config is what New needs. Zero values of the limits take the defaults named there.
type Config struct {
	Log    stream.Log
	DB     *store.DB
	Stages []Stage
	// Commands may be nil: a command in the log then stops the pipeline.
	Commands Commands
	// Admission leaves out and masks events before the stages see them; nil: none.
	Admission Admission
	// Forgotten leaves out events of persons who were forgotten; nil: none.
	Forgotten Forgotten
	// Reject puts events in quarantine, inside the batch's transaction: Rejected ones of
	// the edge, and valid ones that were set aside, whose Reason says why.
	Reject func(ctx context.Context, tx *store.Tx, rejected []touchstone.Fact) error
	// Observer may be nil.
	Observer Observer
	Clock    touchstone.Clock
	Logger   *slog.Logger
	Metrics  prometheus.Registerer

	MaxEvents    int           // most events in a batch; 16,000
	MinInterval  time.Duration // least time between two batches while few events wait; 20 ms
	DedupeWindow time.Duration // how long a message id is remembered; 24 h
	DedupeMax    int           // most message ids remembered; 20,000,000

	// Lanes is into how many lanes the work on persons is divided, if more than 1: Stages from
	// Thin on are theirs then ([Pipeline.RunLane]), and this pipeline's only while it works alone.
	Lanes int
	Thin  int // stages that see all events in one order; 1

	// Personal tells what is cut from events that the warehouse keeps as nobody's; without it everything is.
	Personal warehouse.Personal

	// Imports tells whether a source is an import: its events are backfill. Without it none is.
	Imports     func(source string) bool
	BackfillAge time.Duration // an event that is older than this when it arrives is backfill; 24 h
}

func (c *Config) setDefaults() {
	c.MaxEvents = cmp.Or(c.MaxEvents, 16_000)
	c.MinInterval = cmp.Or(c.MinInterval, 20*time.Millisecond)
	c.DedupeWindow = cmp.Or(c.DedupeWindow, 24*time.Hour)
	c.DedupeMax = cmp.Or(c.DedupeMax, 20_000_000)
	c.Thin = cmp.Or(c.Thin, 1)
	c.BackfillAge = cmp.Or(c.BackfillAge, 24*time.Hour)
	if c.Clock == nil {
		c.Clock = touchstone.SystemClock{}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
}

// Totals counts events since the data folder was made.
type Totals struct {
	Processed  int64 // reached the stages
	Duplicates int64 // dropped: message id seen within the window
	Rejected   int64 // went to quarantine: refused by the edge, or set aside here
}

// Consumed is the number of events taken from the log.
func (t Totals) Consumed() int64 { return t.Processed + t.Duplicates + t.Rejected }

// Pipeline runs the loop. Make it with New, then call Run.
type Pipeline struct {
	cfg     Config
	parts   []*partition
	wake    chan struct{}
	look    chan struct{} // gets a value when somebody else has set timers
	metrics *metrics
	spare   factPool
	work    []touchstone.Fact // the facts of the batch under way; reused

	mu      sync.Mutex    // also keeps totals and the offsets of parts together
	changed chan struct{} // closed and replaced after each commit
	totals  Totals

	tenure  sync.Mutex  // held while this process runs the loop, or follows another one's
	working atomic.Bool // this process runs the loop
	fence   Fence
	share   sharing
	routed  bell             // rings when a route has been committed
	rules   *admission.Rules // that hold as of the last commit; of the loop's goroutine

	tailing sync.Mutex
	tails   []tail // by partition

	alarm  alarm // of the timers
	stuck  troubles
	unread troubles // of the readers
	timers troubles // of timers that are held back

	laneStuck troubles // of the lanes that this process runs, by number
	waiting   waiting
}

// partition is the loop's state for one partition of the log.
type partition struct {
	index   int
	taken   atomic.Uint64 // last record committed, by identity at least
	through atomic.Uint64 // last record that all lanes have worked on; without lanes, taken
	stored  bool          // it has a row in pipeline_positions
	totals  Totals
	seen    *window
	loaded  stream.Offset // up to where the message ids in the database are in seen
	sink    *handover
	swept   int64 // hour in which expired message ids were last deleted
}

// New reads how far the pipeline is. The rest is loaded when it runs.
func New(ctx context.Context, cfg Config) (*Pipeline, error) {
	cfg.setDefaults()
	if err := cfg.DB.Migrate(ctx, "pipeline", store.Migrations(migrationFiles)); err != nil {
		return nil, err
	}
	p := &Pipeline{cfg: cfg, wake: make(chan struct{}, 1), look: make(chan struct{}, 1), changed: make(chan struct{}), metrics: newMetrics(cfg.Metrics), spare: newFactPool()}
	for i := range cfg.Log.Partitions() {
		p.parts = append(p.parts, &partition{index: i, seen: newWindow(cfg.DedupeWindow, cfg.DedupeMax, cfg.Clock.Now()), sink: newHandover(cfg.MaxEvents)})
	}
	p.tails = make([]tail, len(p.parts))
	if err := p.loadPositions(ctx); err != nil {
		return nil, fmt.Errorf("load the pipeline's positions: %w", err)
	}
	for _, part := range p.parts {
		if err := part.checkLog(ctx, cfg.Log); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// Wake makes the loop run a batch soon even when no event waits, for stages that have
// work of their own (a new segment, a builder's rows). When another process runs the loop,
// Follow passes the wish on.
func (p *Pipeline) Wake() {
	signal(p.wake)
}

// Totals returns the counters as of the last commit.
func (p *Pipeline) Totals() Totals {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.totals
}

// Through returns the last committed record of a partition.
func (p *Pipeline) Through(part int) stream.Offset {
	return stream.Offset(p.parts[part].through.Load())
}

// Changed returns a channel that is closed at the next commit.
func (p *Pipeline) Changed() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.changed
}

// Lag returns how old the oldest event not yet committed is: 0 when all are.
func (p *Pipeline) Lag(ctx context.Context) (time.Duration, error) {
	return p.waiting.lag(ctx, p.cfg.Log, p.cfg.Clock, p.Through)
}

// Troubles tells which partitions cannot go on, and why. That one does not move although
// nothing fails it knows from the last call of Lag.
func (p *Pipeline) Troubles() []Trouble {
	return p.waiting.stalled(p.cfg.Clock.Now(), p.laneStuck.all(p.timers.all(p.unread.all(p.stuck.all()...)...)...))
}

// consume reads the log and commits batches until ctx is done or a batch says that it cannot
// go on.
func (p *Pipeline) consume(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	chunks := make(chan chunk, chunksAhead)
	errs := make(chan error, len(p.parts))
	var readers sync.WaitGroup
	for _, part := range p.parts {
		readers.Go(func() {
			if err := p.read(ctx, part, chunks); err != nil {
				errs <- err
				cancel()
			}
		})
	}
	err := p.loop(ctx, chunks)
	cancel()
	readers.Wait()
	select {
	case err = <-errs:
	default:
	}
	return err
}

// loop gathers what waits into batches. While little waits it lets some time pass
// between two batches, so that a slow stream does not pay a commit per event.
func (p *Pipeline) loop(ctx context.Context, chunks <-chan chunk) error {
	var held *chunk // read from the channel, but of another partition than the batch
	for {
		first, err := p.await(ctx, chunks, held)
		if err != nil {
			return err
		}
		held = nil
		began := time.Now()
		work := p.begin(first)
		for work.count() < p.cfg.MaxEvents && work.bytes < maxBatchBytes {
			c, ok := next(ctx, chunks, work.more)
			if !ok {
				break
			}
			if work.part != nil && !c.follows(&work) {
				held = &c
				break
			}
			p.take(&work, c)
		}
		if err := p.commitUntilDone(ctx, work); err != nil {
			return err
		}
		p.end(work)
		if pause := p.pause(time.Since(began)); pause > 0 && work.count() < p.cfg.MaxEvents/2 {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(pause):
			}
		}
	}
}

// next returns a chunk that is there, or soon will be.
func next(ctx context.Context, chunks <-chan chunk, soon bool) (c chunk, ok bool) {
	select {
	case c = <-chunks:
		return c, true
	default:
	}
	if !soon {
		return chunk{}, false
	}
	const moment = 20 * time.Millisecond
	select {
	case c = <-chunks:
		return c, true
	case <-time.After(moment):
	case <-ctx.Done():
	}
	return chunk{}, false
}

// maxInterval bounds how long events gather between two small batches.
const maxInterval = 160 * time.Millisecond

// pause returns how long events may gather after a batch that took a while: MinInterval
// from its start, and twice as long as it took, so that small batches, which cost the
// most per event, take at most a third of the time.
func (p *Pipeline) pause(took time.Duration) time.Duration {
	return min(max(p.cfg.MinInterval-took, 2*took), maxInterval)
}

// begin starts a batch's work with its first chunk, which may be without events.
func (p *Pipeline) begin(first chunk) chunk {
	work := chunk{facts: p.work[:0]}
	if first.part != nil {
		p.take(&work, first)
	}
	return work
}

// take adds a chunk to the work and its slice to the spare ones.
func (p *Pipeline) take(work *chunk, c chunk) {
	work.add(c)
	p.spare.put(c.facts)
}

// end keeps the work's slice for the next batch, but none of its texts. One that grew
// far beyond a usual batch is left to the collector.
func (p *Pipeline) end(work chunk) {
	clear(work.facts)
	p.work = work.facts[:0]
	if cap(work.facts) > 2*p.cfg.MaxEvents {
		p.work = nil
	}
}

// await returns the next chunk, or an empty one when a timer is due or Wake was called.
func (p *Pipeline) await(ctx context.Context, chunks <-chan chunk, held *chunk) (chunk, error) {
	for {
		if p.share.on() && !p.share.alone { // the lanes' timers
			p.alarm.next = time.Time{}
		} else {
			p.alarm.look(ctx, p.cfg.DB.Reader())
		}
		if held != nil {
			return *held, nil
		}
		wait, due := timersLook, false
		if at := p.alarm.at(); !at.IsZero() {
			if left := at.Sub(p.cfg.Clock.Now()); left < wait {
				wait, due = max(0, left), true
			}
		}
		timer := time.NewTimer(wait)
		select {
		case c := <-chunks:
			timer.Stop()
			return c, nil
		case <-p.wake:
			timer.Stop()
			return chunk{}, nil
		case <-p.look:
			timer.Stop()
			p.alarm.looked = time.Time{}
		case <-ctx.Done():
			timer.Stop()
			return chunk{}, ctx.Err()
		case <-timer.C:
			if due {
				return chunk{}, nil
			}
		}
	}
}

const maxPause = 15 * time.Second // between two attempts

// commitUntilDone retries a batch with growing pauses. When it is events that make it fail,
// they are set aside. A batch that fails for another reason stops the pipeline's progress
// but loses nothing: events wait in the log, and everybody can see the error.
func (p *Pipeline) commitUntilDone(ctx context.Context, work chunk) error {
	var hunt bisect.Hunt
	for attempt := 0; ; attempt++ {
		err := p.commit(ctx, work)
		if err == nil {
			p.stuck.clear(work.partition())
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if cut, err := p.commitCut(ctx, &work, err); cut {
			return err
		}
		for _, s := range p.cfg.Stages {
			s.Rollback()
		}
		switch { // trying again would not make this program newer, nor the owner of the offset
		case errors.Is(err, touchstone.ErrNewer), errors.Is(err, lease.ErrLost), errors.Is(err, errMoved):
			return err
		}
		if p.hasMoved(ctx) { // the stages may have failed at rows that are there already
			return errMoved
		}
		p.metrics.failures.Inc()
		p.stuck.note(work.partition(), p.cfg.Clock.Now(), err)
		if hunt.Look(store.IsTrouble(err)) {
			before := hunt.Trials()
			if p.blame(ctx, &work, &hunt) {
				continue
			}
			if hunt.Trials() > before { // the search got on
				attempt = 0
			}
			if !hunt.Pending() && p.holdTimers(ctx, work, err) {
				p.stuck.clear(work.partition())
				if work.part == nil { // there was nothing but timers
					return nil
				}
				continue
			}
		}
		pause := min(100*time.Millisecond<<min(attempt, 8), maxPause)
		p.cfg.Logger.Error("a batch failed and will be tried again", "error", err, "attempt", attempt+1, "in", pause, "events", work.count())
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

// commit runs one batch in one transaction.
func (p *Pipeline) commit(ctx context.Context, work chunk) error {
	if p.share.on() {
		return p.commitShared(ctx, work)
	}
	began := time.Now()
	now := p.cfg.Clock.Now()
	b := &touchstone.Batch{Now: now}
	var fresh freshIDs
	if work.part != nil {
		b.Partition = work.part.index
		fresh = work.part.dropDuplicates(work, now)
		b.Facts = fresh.facts
	}
	at := p.alarm.at()
	due := !at.IsZero() && !at.After(now)
	if due {
		p.alarm.release(now)
	}
	var next time.Time
	rules, masked := p.rules, 0
	err := p.cfg.DB.Update(ctx, func(tx *store.Tx) error {
		err := p.enter(ctx, tx, &work)
		if err != nil {
			return err
		}
		if due {
			if b.Due, err = p.alarm.take(ctx, tx, now, nil); err != nil {
				return err
			}
		}
		if rules, masked, err = p.prepare(ctx, tx, b, &work, &fresh); err != nil {
			return err
		}
		p.mark(b.Facts)
		if err := p.apply(ctx, tx, p.cfg.Stages, b, setAside(&work, b, &fresh)); err != nil {
			return err
		}
		fresh.facts = b.Facts
		if quarantined := slices.Concat(work.rejected, fresh.aside); len(quarantined) > 0 {
			if err := p.cfg.Reject(ctx, tx, quarantined); err != nil {
				return fmt.Errorf("quarantine: %w", err)
			}
		}
		timers := timersOf(b)
		if err := SetTimers(ctx, tx, timers...); err != nil {
			return err
		}
		if next, err = p.alarm.after(ctx, tx, due, timers); err != nil {
			return err
		}
		if work.part == nil {
			return nil
		}
		return work.part.save(ctx, tx, work, fresh, fresh.totals(work), now)
	})
	if err != nil {
		if work.part != nil {
			work.part.undo(fresh)
		}
		return err
	}
	if p.alarm.next = next; due && len(p.alarm.held) == 0 {
		p.timers.clear(0)
	}
	p.rules = rules
	p.committed(ctx, work, fresh, b, time.Since(began), masked)
	return nil
}

// setAside returns what takes a fact of a batch out of it, so that it can be sent again.
func setAside(work *chunk, b *touchstone.Batch, fresh *freshIDs) func(touchstone.Aside) {
	return func(a touchstone.Aside) {
		f := &b.Facts[a.Index]
		if a.Silent && a.Pseudonym != 0 {
			fresh.veil(f, a.Pseudonym)
			return
		}
		if a.Silent {
			fresh.drop(f.Seq)
			fresh.silent++
			return
		}
		fresh.setAside(f, a.Reason)
		work.part.takeBack(fresh, map[uint64]bool{xxhash.Sum64String(f.MessageID): true})
	}
}

func (p *Pipeline) committed(ctx context.Context, work chunk, fresh freshIDs, b *touchstone.Batch, took time.Duration, masked int) {
	if part := work.part; part != nil {
		delta := fresh.totals(work)
		if p.cfg.Observer != nil {
			p.cfg.Observer.Observe(b.Now, b.Facts, fresh.aside, fresh.repeated)
			if len(work.rejected) > 0 {
				p.cfg.Observer.Observe(b.Now, nil, work.rejected, nil)
			}
		}
		part.sink.give(ctx, work, handed(b.Facts, &fresh, p.cfg.Personal))
		p.moved(part, work, delta)
		p.metrics.count(delta)
		p.metrics.masked.Add(float64(masked))
		p.countForgotten(&fresh)
		for i := range fresh.aside {
			p.metrics.setAside(&fresh.aside[i])
		}
		p.metrics.windowIDs.Set(float64(part.seen.total))
		p.metrics.windowShortened.Set(float64(part.seen.shortened))
		if !work.oldest.IsZero() { // all of it was erased
			p.metrics.lag.Observe(p.cfg.Clock.Now().Sub(work.oldest).Seconds())
		}
	}
	p.metrics.batchSeconds.Observe(took.Seconds())
	p.metrics.batchEvents.Observe(float64(work.count()))
	p.metrics.timers.Add(float64(len(b.Due)))
	committed(p.cfg.Stages, b)
	p.mu.Lock()
	close(p.changed)
	p.changed = make(chan struct{})
	p.mu.Unlock()
}

func committed(stages []Stage, b *touchstone.Batch) {
	for _, s := range stages {
		if c, ok := s.(Committer); ok {
			c.Committed(b)
		}
	}
}

// moved notes where the commit has left a partition.
func (p *Pipeline) moved(part *partition, work chunk, delta Totals) {
	p.mu.Lock()
	defer p.mu.Unlock()
	part.stored, part.loaded = true, work.last
	part.totals = part.totals.plus(delta)
	part.taken.Store(uint64(work.last))
	part.through.Store(uint64(work.last))
	p.totals = p.totals.plus(delta)
}

func (t Totals) plus(u Totals) Totals {
	return Totals{t.Processed + u.Processed, t.Duplicates + u.Duplicates, t.Rejected + u.Rejected}
}
