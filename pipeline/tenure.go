package pipeline

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/lease"
	"github.com/touchstone-cdp/touchstone/stream"
)

// Fence lets a transaction commit only while whoever runs the loop may: [lease.Lease.Fence].
type Fence func(ctx context.Context, tx *store.Tx) error

// noFence is the fence of a store that nobody else works on.
func noFence(context.Context, *store.Tx) error { return nil }

// Resumer is a Stage that keeps more in memory than Rollback forgets. Resume is called when
// another process may have worked since the last batch: everything is to be read anew.
type Resumer interface {
	Resume()
}

// errMoved says that the offset is not where this process left it: a commit went through
// whose answer was lost, or another process has worked. What is in memory is out of date.
var errMoved = errors.New("the pipeline's offset is not where this process left it")

// Run works until ctx is done, and returns nil then. It returns lease.ErrLost when the fence
// says so; any other return is a fault that retries could not mend. State is loaded anew at
// its start, as far as Follow has not done it.
func (p *Pipeline) Run(ctx context.Context, fence Fence) error {
	if fence == nil {
		fence = noFence
	}
	p.tenure.Lock()
	defer p.tenure.Unlock()
	p.fence = fence
	p.working.Store(true)
	defer p.working.Store(false)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var watching sync.WaitGroup
	defer watching.Wait()
	defer cancel()
	watching.Go(func() { p.watchWakes(ctx) })
	watching.Go(func() { p.watchLanes(ctx) })
	for {
		err := p.resumeUntilDone(ctx)
		if err == nil {
			err = p.consume(ctx)
		}
		switch {
		case ctx.Err() != nil && !errors.Is(err, lease.ErrLost):
			return nil
		case !errors.Is(err, errMoved):
			return err
		}
		p.metrics.resumed.Inc()
		p.cfg.Logger.Warn("the pipeline's state is loaded anew", "error", err)
		sleep(ctx, 100*time.Millisecond)
	}
}

// resumeUntilDone loads state anew, as often as the database wants it.
func (p *Pipeline) resumeUntilDone(ctx context.Context) error {
	for attempt := 0; ; attempt++ {
		err := p.resume(ctx)
		if err == nil {
			p.stuck.clear(0)
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		p.metrics.failures.Inc()
		p.stuck.note(0, p.cfg.Clock.Now(), err)
		pause := min(100*time.Millisecond<<min(attempt, 8), maxPause)
		p.cfg.Logger.Error("the pipeline's state cannot be loaded; trying again", "error", err, "in", pause)
		sleep(ctx, pause)
	}
}

// resume loads what another process may have moved: offsets, counters, the duplicate window,
// timers. The stages forget what they know.
func (p *Pipeline) resume(ctx context.Context) error {
	for _, s := range p.cfg.Stages {
		s.Rollback()
		if r, ok := s.(Resumer); ok {
			r.Resume()
		}
	}
	if err := p.loadPositions(ctx); err != nil {
		return err
	}
	since := p.cfg.Clock.Now().Add(-p.cfg.DedupeWindow)
	for _, part := range p.parts {
		if err := part.loadWindow(ctx, p.cfg.DB.Reader(), since); err != nil {
			return fmt.Errorf("load the message ids of partition %d: %w", part.index, err)
		}
		part.sink.gap()
	}
	var err error
	if p.cfg.Admission != nil {
		if p.rules, err = p.cfg.Admission.Current(ctx, p.cfg.DB.Reader()); err != nil {
			return err
		}
	}
	p.alarm = alarm{looked: time.Now()}
	if p.alarm.next, err = p.alarm.earliest(ctx, p.cfg.DB.Reader()); err != nil {
		return err
	}
	if err := p.share.load(ctx, p); err != nil {
		return err
	}
	signal(p.wake) // the stages may have work of an earlier process
	return nil
}

// How often a process looks at what another one does.
const (
	followEvery = 200 * time.Millisecond
	wakesEvery  = 500 * time.Millisecond
)

// Follow keeps the positions of a pipeline up to date that another process runs, and with
// standby also what takes long to load, so that Run begins at once. It passes wishes of
// this process to the one that works. It returns when ctx is done.
func (p *Pipeline) Follow(ctx context.Context, standby bool) error {
	failing := false
	for sleep(ctx, followEvery) {
		if p.working.Load() || !p.tenure.TryLock() {
			continue
		}
		err := p.follow(ctx, standby)
		p.tenure.Unlock()
		if err != nil && !failing && ctx.Err() == nil {
			p.cfg.Logger.Warn("how far the pipeline is cannot be read; trying on", "error", err)
		}
		failing = err != nil
	}
	return nil
}

func (p *Pipeline) follow(ctx context.Context, standby bool) error {
	if err := p.loadPositions(ctx); err != nil {
		return err
	}
	if standby {
		now := p.cfg.Clock.Now()
		for _, part := range p.parts {
			part.seen.expire(now)
			if err := part.loadWindow(ctx, p.cfg.DB.Reader(), now.Add(-p.cfg.DedupeWindow)); err != nil {
				return err
			}
		}
	}
	select {
	case <-p.wake:
	default:
		return nil
	}
	return p.cfg.DB.Retry(ctx, func(tx *store.Tx) error { return countWake(ctx, tx) })
}

func countWake(ctx context.Context, tx *store.Tx) error {
	_, err := tx.Exec(ctx, `UPDATE pipeline_wakes SET count = count + 1 WHERE id = 1`)
	return err
}

// WakeIn is [Pipeline.Wake] for what a transaction brings, once it has been committed: whichever
// process runs the loop hears of it. With SQLite a batch waits for the transaction's end anyway.
func (p *Pipeline) WakeIn(ctx context.Context, tx *store.Tx) error {
	p.Wake()
	if p.cfg.DB.Dialect() == store.SQLite {
		return nil
	}
	return countWake(ctx, tx)
}

// watchWakes hears the wishes of other processes.
func (p *Pipeline) watchWakes(ctx context.Context) {
	if p.cfg.DB.Dialect() == store.SQLite { // there are no others
		return
	}
	var known int64
	for first := true; sleep(ctx, wakesEvery); {
		var count int64
		if err := p.cfg.DB.Reader().QueryRow(ctx, `SELECT count FROM pipeline_wakes WHERE id = 1`).Scan(&count); err != nil {
			continue // the loop tells about a database in trouble
		}
		if count != known && !first {
			signal(p.wake)
		}
		known, first = count, false
	}
}

// loadPositions reads how far each partition is, and lets those know who wait for it.
func (p *Pipeline) loadPositions(ctx context.Context) error {
	rows, err := p.cfg.DB.Reader().Query(ctx, `SELECT partition_id, through, processed, duplicates, rejected FROM pipeline_positions`)
	if err != nil {
		return err
	}
	defer rows.Close()
	type position struct {
		through int64
		totals  Totals
	}
	found := map[int]position{}
	for rows.Next() {
		var i int
		var at position
		if err := rows.Scan(&i, &at.through, &at.totals.Processed, &at.totals.Duplicates, &at.totals.Rejected); err != nil {
			return err
		}
		found[i] = at
	}
	if err := rows.Err(); err != nil {
		return err
	}
	done, err := p.readDone(ctx)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, part := range p.parts {
		at, ok := found[part.index]
		part.stored, part.totals = ok, at.totals
		part.taken.Store(uint64(at.through)) //nolint:gosec // offsets are positive
	}
	p.show(done)
	return nil
}

// hasMoved tells whether an offset is known not to be where this process left it.
func (p *Pipeline) hasMoved(ctx context.Context) bool {
	for _, part := range p.parts {
		var through int64
		err := p.cfg.DB.Reader().QueryRow(ctx, `SELECT through FROM pipeline_positions WHERE partition_id = ?`, part.index).Scan(&through)
		if err == nil && uint64(through) != part.taken.Load() { //nolint:gosec // offsets are positive
			return true
		}
	}
	return false
}

// tail is what of a partition's log has been counted beyond the committed offset.
type tail struct {
	next   stream.Offset // first record that has not been counted
	counts []counted
}

// counted is a record with its events.
type counted struct {
	record stream.Offset
	events int
}

// maxTail bounds the records that are counted before they are committed. Beyond, Accepted is
// too low until the pipeline has caught up.
const maxTail = 1 << 20

// Accepted counts the events that the log has taken, whichever process put them there: those
// committed and those that wait. It reads each record that waits once.
func (p *Pipeline) Accepted(ctx context.Context) (int64, error) {
	p.tailing.Lock()
	defer p.tailing.Unlock()
	for i := range p.parts {
		if err := p.tails[i].read(ctx, p.cfg.Log, i, p.Through(i)); err != nil {
			return 0, err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	total := p.totals.Consumed()
	for i, part := range p.parts {
		for _, c := range p.tails[i].after(stream.Offset(part.through.Load())) {
			total += int64(c.events)
		}
	}
	return total, nil
}

// after drops the records up to through and returns the others.
func (t *tail) after(through stream.Offset) []counted {
	n := 0
	for n < len(t.counts) && t.counts[n].record <= through {
		n++
	}
	t.counts = t.counts[n:]
	return t.counts
}

func (t *tail) read(ctx context.Context, log stream.Log, partition int, through stream.Offset) error {
	t.next = max(t.next, through+1)
	t.after(through)
	_, next, err := log.Bounds(ctx, partition)
	if err != nil {
		return err
	}
	for t.next < next && len(t.counts) < maxTail {
		records, err := log.Read(ctx, partition, t.next, readRecords, readBytes)
		if err != nil {
			return err
		}
		for _, r := range records {
			n, err := stream.Count(r.Data)
			if err != nil { // the loop will say so: the edge can take events meanwhile
				return nil
			}
			if n == 1 && holdsCommand(r.Data) { // which is no user's event
				n = 0
			}
			t.counts = append(t.counts, counted{r.Offset, n})
			t.next = r.Offset + 1
		}
	}
	return nil
}
