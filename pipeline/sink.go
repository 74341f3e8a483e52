package pipeline

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/bisect"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/lease"
	"github.com/touchstone-cdp/touchstone/stream"
	"github.com/touchstone-cdp/touchstone/warehouse"
)

// Graph is what the sink asks identity.
type Graph interface {
	// SetNodes fills in the node that each fact came under where it is 0; it stays 0 for a
	// fact none of whose identifiers is known. What is of a person that was erased since has
	// touchstone.ErasedNode then. The facts are of one partition, in order.
	SetNodes(ctx context.Context, facts []touchstone.Fact) error
	// OverridesSince returns at most limit overrides changed after version, oldest
	// first, and the version up to which they reach. The person of a node that was erased is
	// warehouse.Erased.
	OverridesSince(ctx context.Context, version int64, limit int) ([]warehouse.Override, int64, error)
}

// SinkConfig is what NewSink needs.
type SinkConfig struct {
	Log stream.Log
	DB  *store.DB
	// Warehouse is nil in a process that only follows how far another one's sink is.
	Warehouse warehouse.Warehouse
	Graph     Graph
	// Admission tells what held at each place of the log; nil: nothing.
	Admission Admission
	// Pipeline tells how far the sink may go.
	Pipeline *Pipeline
	// Reject puts valid events that were set aside in quarantine; see [Config].
	Reject func(ctx context.Context, tx *store.Tx, rejected []touchstone.Fact) error
	// Personal tells what is cut from events that are nobody's; without it everything is.
	Personal warehouse.Personal
	Clock    touchstone.Clock
	Logger   *slog.Logger
	Metrics  prometheus.Registerer

	MaxEvents int           // most events in one append; 16,000
	Interval  time.Duration // an append waits this long for more events; 500 ms
	Pause     time.Duration // after a first failure; then longer ones, up to 15 s; 1 s
}

// Sink copies what the pipeline has committed into the warehouse. The warehouse keeps
// its own position in the same transaction as the rows, so the sink can stop anywhere,
// and a lost warehouse is rebuilt from the log.
type Sink struct {
	cfg     SinkConfig
	through []atomic.Uint64
	counts  atomic.Pointer[counts]
	aside   atomic.Int64
	stuck   troubles
	waiting waiting

	seconds  prometheus.Counter
	failures prometheus.Counter
	setAside *prometheus.CounterVec
	erased   prometheus.Counter
	lag      prometheus.Histogram

	tenure  sync.Mutex  // held while this process runs the sink, or follows another one's
	working atomic.Bool // this process runs the sink
	writes  sync.Mutex  // held while a commit is written and counted
	fence   Fence
	shared  bool         // other processes may want to know how far the sink is
	version atomic.Int64 // of the overrides in the warehouse

	spare   factPool
	dropped []stream.Offset  // up to where pipeline_dropped has been cleaned
	latest  []touchstone.Seq // of the events set aside, by partition
}

// counts is what the warehouse says of events, at one moment.
type counts struct {
	events int64 // that it holds
	erased int64 // that it holds no more, or never did, because their persons were erased
}

// NewSink reads the warehouse's position.
func NewSink(ctx context.Context, cfg SinkConfig) (*Sink, error) {
	cfg.MaxEvents = cmp.Or(cfg.MaxEvents, 16_000)
	cfg.Interval = cmp.Or(cfg.Interval, 500*time.Millisecond)
	cfg.Pause = cmp.Or(cfg.Pause, time.Second)
	if cfg.Clock == nil {
		cfg.Clock = touchstone.SystemClock{}
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	n := cfg.Log.Partitions()
	s := &Sink{cfg: cfg, through: make([]atomic.Uint64, n), dropped: make([]stream.Offset, n), latest: make([]touchstone.Seq, n), spare: newFactPool(),
		seconds:  prometheus.NewCounter(prometheus.CounterOpts{Name: "touchstone_sink_append_seconds_total", Help: "Time spent in appending to the warehouse."}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{Name: "touchstone_sink_failures_total", Help: "Appends to the warehouse that failed and were tried again."}),
		setAside: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "touchstone_sink_set_aside_total",
			Help: "Events that the warehouse could not take and that went to quarantine, by code of the reason."}, []string{"code"}),
		erased: prometheus.NewCounter(prometheus.CounterOpts{Name: "touchstone_sink_erased_total",
			Help: "Events that were deleted from the warehouse, or left out, because their person was erased."}),
		lag: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "touchstone_sink_lag_seconds",
			Help: "Age of an append's oldest event when it became visible in queries, from its acceptance.", Buckets: prometheus.ExponentialBuckets(0.05, 2, 12)}),
	}
	s.shared = cfg.DB.Dialect() != store.SQLite
	s.counts.Store(&counts{})
	if err := s.start(ctx); err != nil {
		return nil, err
	}
	if cfg.Metrics != nil {
		cfg.Metrics.MustRegister(s.seconds, s.failures, s.setAside, s.erased, s.lag)
	}
	return s, nil
}

// start reads how far the sink is: from the warehouse, if this process has it.
func (s *Sink) start(ctx context.Context) error {
	if s.cfg.Warehouse == nil {
		return s.follow(ctx)
	}
	for i := range s.through {
		pos, err := s.cfg.Warehouse.Position(ctx, i)
		if err != nil {
			return err
		}
		if known := s.cfg.Pipeline.Through(i); pos.Through > known {
			return touchstone.Errorf(touchstone.Conflict, "the warehouse holds events up to record %d of partition %d, but the store only knows %d", pos.Through, i, known).
				WithHint("the store is older than the warehouse; restore both from the same backup")
		}
	}
	return s.resume(ctx)
}

// Events returns the number of events in the warehouse.
func (s *Sink) Events() int64 { return s.counts.Load().events }

// Counts returns, of one moment, how many events the warehouse holds, and how many it does not because their
// persons were erased.
func (s *Sink) Counts() (events, erased int64) {
	c := s.counts.Load()
	return c.events, c.erased
}

// Through returns the last record of a partition that is in the warehouse.
func (s *Sink) Through(partition int) stream.Offset {
	return stream.Offset(s.through[partition].Load())
}

// Lag returns how old the oldest event is that the warehouse lacks, 0 when it lacks none.
func (s *Sink) Lag(ctx context.Context) (time.Duration, error) {
	return s.waiting.lag(ctx, s.cfg.Log, s.cfg.Clock, s.Through)
}

// Troubles tells which partitions cannot go on, and why. That one does not move although
// nothing fails it knows from the last call of Lag.
func (s *Sink) Troubles() []Trouble {
	return s.waiting.stalled(s.cfg.Clock.Now(), s.stuck.all())
}

// Run copies until ctx is done, and returns nil then; lease.ErrLost when the fence says so.
func (s *Sink) Run(ctx context.Context, fence Fence) error {
	if fence == nil {
		fence = noFence
	}
	s.tenure.Lock()
	defer s.tenure.Unlock()
	s.fence = fence
	s.working.Store(true)
	defer s.working.Store(false)
	if err := s.resumeUntilDone(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var running sync.WaitGroup
	for i := range s.through {
		running.Go(func() {
			h := s.cfg.Pipeline.parts[i].sink
			h.use(true)
			defer h.use(false)
			if err := s.run(ctx, i); err != nil {
				cancel(err)
			}
		})
	}
	running.Wait()
	if err := context.Cause(ctx); errors.Is(err, lease.ErrLost) {
		return err
	}
	return nil
}

// run copies one partition.
func (s *Sink) run(ctx context.Context, partition int) error {
	var hunt sinkHunt
	for attempt := 0; ctx.Err() == nil; {
		began := time.Now()
		changed := s.cfg.Pipeline.Changed()
		before := hunt.Trials()
		n, err := s.copy(ctx, partition, &hunt)
		if err == nil {
			s.stuck.clear(partition)
			hunt.Clear()
		}
		if hunt.Trials() > before { // the search got on
			attempt = 0
		}
		switch {
		case errors.Is(err, lease.ErrLost):
			return err
		case err != nil && ctx.Err() == nil:
			attempt++
			s.failures.Inc()
			s.stuck.note(partition, s.cfg.Clock.Now(), err)
			pause := min(s.cfg.Pause<<min(attempt-1, 4), maxPause)
			s.cfg.Logger.Error("the warehouse could not be appended to; trying again", "partition", partition, "error", err, "in", pause)
			sleep(ctx, pause)
		case n == 0: // all there: wait for the pipeline, then let events gather
			attempt = 0
			select {
			case <-ctx.Done():
			case <-changed:
				s.await(ctx, partition, s.cfg.Interval)
			}
		case n < s.cfg.MaxEvents/4:
			attempt = 0
			s.await(ctx, partition, s.cfg.Interval-time.Since(began))
		default:
			attempt = 0
		}
	}
	return nil
}

// await lets events gather for a time, or until there are many.
func (s *Sink) await(ctx context.Context, partition int, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-s.cfg.Pipeline.parts[partition].sink.ready:
	case <-time.After(d):
	}
}

// sinkHunt is a search in the portion that ends with a record: it goes on with the same.
type sinkHunt struct {
	bisect.Hunt
	last stream.Offset
}

// copy appends the next committed records and returns how many events it took.
func (s *Sink) copy(ctx context.Context, partition int, hunt *sinkHunt) (int, error) {
	from, until := s.Through(partition)+1, s.cfg.Pipeline.Through(partition)
	if from > until {
		return 0, s.copyOverrides(ctx, partition)
	}
	if hunt.Pending() {
		until = min(until, hunt.last)
	}
	handover := s.cfg.Pipeline.parts[partition].sink
	work, before, ok := handover.take(from)
	if !ok {
		if before != 0 {
			until = min(until, before-1)
		}
		var err error
		if work, err = s.read(ctx, partition, from, until); err != nil {
			return 0, err
		}
	}
	defer handover.spare.put(work.facts)
	since := s.version.Load() // before the look-up: what is erased from here on is deleted by the append
	facts, err := s.known(ctx, partition, work.facts)
	if err != nil {
		return 0, err
	}
	commit := warehouse.Commit{Partition: partition, Through: work.last, Facts: facts}
	if err := s.append(ctx, commit, since); err != nil {
		if !hunt.Look(isTrouble(err)) {
			return 0, err
		}
		hunt.last = work.last
		if commit.Facts, err = s.isolate(ctx, partition, facts, err, &hunt.Hunt); err != nil {
			return 0, err
		}
		hunt.Forget() // they are set aside
		if err := s.append(ctx, commit, since); err != nil {
			return 0, err
		}
	}
	s.through[partition].Store(uint64(work.last))
	if err := s.publish(ctx, partition); err != nil {
		return 0, err
	}
	if work.events > 0 && !work.oldest.IsZero() {
		s.lag.Observe(s.cfg.Clock.Now().Sub(work.oldest).Seconds())
	}
	return max(work.events, 1), s.cleanDropped(ctx, partition)
}

// read makes a portion of what the log holds from record from to until, at most MaxEvents
// events.
func (s *Sink) read(ctx context.Context, partition int, from, until stream.Offset) (portion, error) {
	work, err := s.gather(ctx, partition, from, until)
	if err != nil {
		return portion{}, err
	}
	facts, err := s.keep(ctx, partition, work)
	if err != nil {
		return portion{}, err
	}
	if facts, err = s.admit(ctx, partition, facts, work.first, work.last); err == nil {
		err = s.veil(ctx, partition, facts, work.first, work.last)
	}
	return portion{first: from, last: work.last, oldest: work.oldest, facts: facts, events: work.count()}, err
}

// gather reads records from from to until, at most MaxEvents events.
func (s *Sink) gather(ctx context.Context, partition int, from, until stream.Offset) (chunk, error) {
	work := chunk{facts: s.cfg.Pipeline.parts[partition].sink.spare.get(0)}
	for from <= until && work.count() < s.cfg.MaxEvents && work.bytes < maxBatchBytes {
		records, err := s.cfg.Log.Read(ctx, partition, from, readRecords, readBytes)
		if err != nil {
			return work, err
		}
		for len(records) > 0 && records[len(records)-1].Offset > until {
			records = records[:len(records)-1]
		}
		if len(records) == 0 { // everything up to until was trimmed
			work.last, work.oldest = until, s.cfg.Clock.Now()
			break
		}
		c, err := decodeChunk(s.spare, partition, records)
		if err != nil {
			return work, err
		}
		c.part = s.cfg.Pipeline.parts[partition]
		work.add(c)
		s.spare.put(c.facts)
		from = c.last + 1
	}
	return work, nil
}

// keep leaves out what the pipeline dropped as duplicates.
func (s *Sink) keep(ctx context.Context, partition int, work chunk) ([]touchstone.Fact, error) {
	if len(work.facts) == 0 {
		return nil, nil
	}
	dropped, err := droppedIn(ctx, s.cfg.DB.Reader(), partition, work.first, work.last)
	if err != nil || len(dropped) == 0 {
		return work.facts, err
	}
	kept := work.facts[:0]
	for _, f := range work.facts {
		if !dropped[f.Seq] {
			kept = append(kept, f)
		}
	}
	return kept, nil
}

// maxOverrides bounds the overrides of one append.
const maxOverrides = 50_000

// append adds to c the overrides and erasures that are due, and writes it. since is the version that
// the warehouse had before the nodes of the facts were looked up.
func (s *Sink) append(ctx context.Context, c warehouse.Commit, since int64) error {
	pos, err := s.cfg.Warehouse.Position(ctx, c.Partition)
	if err != nil {
		return err
	}
	if c.Erased, err = s.erasedMeanwhile(ctx, since, pos.OverrideVersion); err != nil {
		return err
	}
	if _, err := s.addOverrides(ctx, &c, pos); err != nil {
		return err
	}
	began := time.Now()
	err = s.write(ctx, c)
	s.seconds.Add(time.Since(began).Seconds())
	return err
}

// addOverrides adds what has changed since the warehouse's version, and tells whether that may not be all.
func (s *Sink) addOverrides(ctx context.Context, c *warehouse.Commit, pos warehouse.Position) (more bool, err error) {
	list, version, err := s.cfg.Graph.OverridesSince(ctx, pos.OverrideVersion, maxOverrides)
	if err != nil {
		return false, err
	}
	c.OverrideVersion = version
	for _, o := range list {
		if o.Person == warehouse.Erased {
			c.Erased = append(c.Erased, o.Node)
		} else {
			c.Overrides = append(c.Overrides, o)
		}
	}
	return len(list) == maxOverrides, nil
}

// erasedMeanwhile returns the nodes that were erased between two versions: another partition has
// carried that over already, but these facts may have been looked up before it.
func (s *Sink) erasedMeanwhile(ctx context.Context, since, until int64) (nodes []touchstone.NodeID, err error) {
	for since < until {
		list, version, err := s.cfg.Graph.OverridesSince(ctx, since, maxOverrides)
		if err != nil || len(list) == 0 {
			return nodes, err
		}
		for _, o := range list {
			if o.Person == warehouse.Erased {
				nodes = append(nodes, o.Node)
			}
		}
		since = version
	}
	return nodes, nil
}

// write appends a commit and counts what is there then.
func (s *Sink) write(ctx context.Context, c warehouse.Commit) error {
	s.writes.Lock()
	defer s.writes.Unlock()
	if err := s.cfg.Warehouse.Append(ctx, c); err != nil || c.Trial {
		return err
	}
	if c.OverrideVersion > s.version.Load() {
		s.version.Store(c.OverrideVersion)
	}
	was := s.counts.Load()
	now := *was
	for i := range c.Facts {
		if c.Facts[i].Node == touchstone.ErasedNode {
			now.erased++
		} else {
			now.events++
		}
	}
	if len(c.Erased) > 0 {
		counted, err := s.count(ctx)
		if err != nil { // what is written stays; the next erasure or start counts anew
			s.cfg.Logger.Warn("the events in the warehouse cannot be counted", "error", err)
			return nil
		}
		now = counted
	}
	s.counts.Store(&now)
	s.erased.Add(float64(max(0, now.erased-was.erased)))
	return nil
}

// count asks the warehouse, while nothing is written to it.
func (s *Sink) count(ctx context.Context) (c counts, err error) {
	if c.events, err = s.cfg.Warehouse.Count(ctx); err != nil {
		return c, err
	}
	pos, err := s.cfg.Warehouse.Position(ctx, 0)
	c.erased = pos.Erased
	return c, err
}

// copyOverrides carries merges, splits and erasures over that came without events.
func (s *Sink) copyOverrides(ctx context.Context, partition int) error {
	for {
		pos, err := s.cfg.Warehouse.Position(ctx, partition)
		if err != nil {
			return err
		}
		c := warehouse.Commit{Partition: partition, Through: pos.Through}
		more, err := s.addOverrides(ctx, &c, pos)
		if err != nil || len(c.Overrides)+len(c.Erased) == 0 {
			return err
		}
		if err := s.write(ctx, c); err != nil {
			return err
		}
		if err := s.publish(ctx, partition); err != nil || !more {
			return err
		}
	}
}

// cleanDropped deletes the notes on duplicates that nobody needs any more. A rebuilt
// warehouse does without them: it would see the duplicates' message ids again, so they
// are kept until the log itself is trimmed.
func (s *Sink) cleanDropped(ctx context.Context, partition int) error {
	first, _, err := s.cfg.Log.Bounds(ctx, partition)
	if err != nil || first <= s.dropped[partition] {
		return err
	}
	s.dropped[partition] = first
	return s.cfg.DB.Update(ctx, func(tx *store.Tx) error {
		if err := s.fence(ctx, tx); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM sink_aside WHERE partition_id = ? AND seq < ?`, partition, int64(touchstone.MakeSeq(partition, uint64(first), 0))); err != nil {
			return err
		}
		if s.cfg.Admission != nil {
			if err := s.cfg.Admission.Prune(ctx, tx, partition, uint64(first)); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(ctx, `DELETE FROM pipeline_veiled WHERE partition_id = ? AND record < ?`, partition, int64(first)); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `DELETE FROM pipeline_dropped WHERE partition_id = ? AND record < ?`, partition, int64(first))
		return err
	})
}
