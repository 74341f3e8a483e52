package pipeline

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/admission"
	"github.com/touchstone-cdp/touchstone/store"
)

// Soloist is a Stage that may have work which concerns the persons of all lanes: then the next
// batch is the pipeline's alone.
type Soloist interface {
	Alone(ctx context.Context, q store.Querier) (bool, error)
}

// Router is a Stage of the lanes that notes what has been routed to them, in the transaction
// of the route.
type Router interface {
	Routed(ctx context.Context, tx *store.Tx, b *touchstone.Batch) error
}

// sharing is what the pipeline knows of the lanes. It has two gaits. Together: it runs the thin
// stages and writes a route, and the lanes do the rest. Alone: it runs all stages as if there
// were no lanes, when these have come to it, and lets them begin anew behind the batch.
type sharing struct {
	lanes  int        // wanted
	layout []LaneSpec // that there are
	route  int64      // the latest
	alone  bool       // the latest batch was alone: its caches show what is stored, and timers are its own
	fresh  bool       // nothing has been done since the state was loaded
	solo   bool       // the latest attempt was alone
	insist bool       // the latest attempt found out too late that it must be
}

// How far the lanes may be behind, in batches, so that the next batch gathers what waits; and
// how often it is looked.
const (
	maxAhead   = 4
	lanesPause = 2 * time.Millisecond
	lanesEvery = 50 * time.Millisecond
	// aloneWithin is how long a transaction that finds out that it must be alone waits for the
	// lanes. What it has locked one of them may want; then it is tried again, waiting first.
	aloneWithin = 5 * time.Second
)

func (s *sharing) on() bool { return s.lanes > 1 || len(s.layout) > 0 }

// load reads what lanes there are, and who wants which.
func (s *sharing) load(ctx context.Context, p *Pipeline) error {
	rows, err := readLanes(ctx, p.cfg.DB.Reader(), `ORDER BY lane`)
	if err != nil {
		return err
	}
	*s = sharing{lanes: p.cfg.Lanes, layout: specsOf(rows), fresh: true}
	return p.cfg.DB.Reader().QueryRow(ctx, `SELECT coalesce(max(id), 0) FROM pipeline_routes`).Scan(&s.route)
}

// wanted is the layout that there should be.
func (s *sharing) wanted() []LaneSpec {
	if s.lanes <= 1 {
		return nil
	}
	return layoutOf(s.lanes)
}

// tried are the stages that the latest attempt has run.
func (p *Pipeline) tried() []Stage {
	if p.share.on() && !p.share.solo {
		return p.cfg.Stages[:p.cfg.Thin]
	}
	return p.cfg.Stages
}

// mustBeAlone tells whether a batch is the pipeline's alone, as far as that can be told before it.
func (p *Pipeline) mustBeAlone(ctx context.Context, work *chunk) (bool, error) {
	s := &p.share
	if s.fresh || s.insist || work.command != nil || work.part == nil && s.alone || !slices.Equal(s.layout, s.wanted()) {
		return true, nil
	}
	for _, stage := range p.cfg.Stages[p.cfg.Thin:] {
		if one, ok := stage.(Soloist); ok {
			if alone, err := one.Alone(ctx, p.cfg.DB.Reader()); alone || err != nil {
				return true, err
			}
		}
	}
	return false, nil
}

// awaitLanes waits until all lanes have worked on a route, and returns how far they are.
func (p *Pipeline) awaitLanes(ctx context.Context, route int64) ([]laneRow, error) {
	for pause := lanesPause; ; pause = min(2*pause, lanesEvery) {
		rows, err := readLanes(ctx, p.cfg.DB.Reader(), `ORDER BY lane`)
		if err != nil {
			return nil, err
		}
		if len(rows) == 0 || slowest(rows) >= route {
			return rows, nil
		}
		if !sleep(ctx, pause) {
			return nil, ctx.Err()
		}
	}
}

// turn is an attempt at a batch while there are lanes.
type turn struct {
	p     *Pipeline
	work  *chunk
	b     *touchstone.Batch
	fresh freshIDs
	alone bool
	due   bool
	idle  bool  // nothing has come of it
	slow  int64 // all lanes have worked on this route

	lanes  []laneRow // locked, when alone
	next   time.Time // timer, when alone
	delta  Totals
	masked int
}

// commitShared is commit while there are lanes.
func (p *Pipeline) commitShared(ctx context.Context, work chunk) error {
	began := time.Now()
	s := &p.share
	alone, err := p.mustBeAlone(ctx, &work)
	if err != nil {
		return err
	}
	s.solo = alone
	behind := s.route // the latest that must have been worked on
	if !alone {
		behind -= maxAhead
	}
	rows, err := p.awaitLanes(ctx, behind)
	if err != nil {
		return err
	}
	t := &turn{p: p, work: &work, b: &touchstone.Batch{Now: p.cfg.Clock.Now()}, alone: alone}
	if len(rows) > 0 {
		t.slow = slowest(rows)
	}
	if work.part != nil {
		t.b.Partition = work.part.index
		t.fresh = work.part.dropDuplicates(work, t.b.Now)
		t.b.Facts = t.fresh.facts
	}
	if at := p.alarm.at(); alone && !at.IsZero() && !at.After(t.b.Now) {
		t.due = true
		p.alarm.release(t.b.Now)
	}
	rules := p.rules
	err = p.cfg.DB.UpdateShared(ctx, func(tx *store.Tx) (err error) {
		rules, err = t.run(ctx, tx)
		return err
	})
	if err != nil {
		if work.part != nil {
			work.part.undo(t.fresh)
		}
		return err
	}
	p.rules = rules
	t.committed(ctx, time.Since(began))
	return nil
}

// run does the attempt's work in its transaction.
func (t *turn) run(ctx context.Context, tx *store.Tx) (rules *admission.Rules, err error) {
	p, b := t.p, t.b
	if err := p.fence(ctx, tx); err != nil {
		return nil, err
	}
	if t.alone {
		if err := t.lock(ctx, tx); err != nil {
			return nil, err
		}
	}
	if t.due {
		if b.Due, err = p.alarm.take(ctx, tx, b.Now, nil); err != nil {
			return nil, err
		}
	}
	if rules, t.masked, err = p.prepare(ctx, tx, b, t.work, &t.fresh); err != nil {
		return nil, err
	}
	p.mark(b.Facts)
	aside := setAside(t.work, b, &t.fresh)
	if err := p.apply(ctx, tx, p.cfg.Stages[:p.cfg.Thin], b, aside); err != nil {
		return nil, err
	}
	var r *route
	if !t.alone {
		var ok bool
		if r, ok = newRoute(p.share.layout, b); !ok {
			if err := t.goAlone(ctx, tx); err != nil {
				return nil, err
			}
		}
	}
	if t.alone {
		if err := p.apply(ctx, tx, p.cfg.Stages[p.cfg.Thin:], b, aside); err != nil {
			return nil, err
		}
	}
	t.fresh.facts = b.Facts
	if quarantined := slices.Concat(t.work.rejected, t.fresh.aside); len(quarantined) > 0 {
		if err := p.cfg.Reject(ctx, tx, quarantined); err != nil {
			return nil, fmt.Errorf("quarantine: %w", err)
		}
	}
	if t.alone {
		return rules, t.finishAlone(ctx, tx)
	}
	return rules, t.finishRoute(ctx, tx, r)
}

// goAlone makes the attempt alone although it began together: something has come up that the
// lanes cannot do. They need nothing of this transaction to come to it.
func (t *turn) goAlone(ctx context.Context, tx *store.Tx) error {
	p := t.p
	t.alone, p.share.solo = true, true
	limited, cancel := context.WithTimeout(ctx, aloneWithin)
	defer cancel()
	if _, err := p.awaitLanes(limited, p.share.route); err != nil {
		p.share.insist = true
		return err
	}
	return t.lock(ctx, tx)
}

// lock keeps the lanes from working until the transaction ends, and has the stages begin anew if
// lanes have worked since they last did.
func (t *turn) lock(ctx context.Context, tx *store.Tx) (err error) {
	p := t.p
	condition := `ORDER BY lane`
	if tx.Dialect() == store.Postgres {
		condition += ` FOR UPDATE`
	}
	if t.lanes, err = readLanes(ctx, tx, condition); err != nil {
		return err
	}
	if !slices.Equal(specsOf(t.lanes), p.share.layout) || len(t.lanes) > 0 && slowest(t.lanes) != p.share.route {
		return errMoved
	}
	if !p.share.alone {
		for _, s := range p.cfg.Stages[p.cfg.Thin:] {
			s.Rollback()
			if r, ok := s.(Resumer); ok {
				r.Resume()
			}
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if d := t.level(); d != nil {
		p.show(d)
	}
	return nil
}

// level is where the lanes are, all at the same place: what a stage asks for that wants to know
// how far the pipeline is.
func (t *turn) level() done {
	if len(t.lanes) == 0 {
		return nil
	}
	d := make(done, len(t.p.parts))
	for i, part := range t.p.parts {
		d[i] = donePart{part.taken.Load(), part.totals}
	}
	d[0].totals.Processed -= t.aside()
	d[0].totals.Rejected += t.aside()
	return d
}

// finishAlone writes what a batch leaves that the pipeline has worked on alone, and has the
// lanes begin behind it.
func (t *turn) finishAlone(ctx context.Context, tx *store.Tx) (err error) {
	p := t.p
	timers := timersOf(t.b)
	if err := SetTimers(ctx, tx, timers...); err != nil {
		return err
	}
	if t.next, err = p.alarm.after(ctx, tx, t.due || !p.share.alone, timers); err != nil {
		return err
	}
	if err := t.savePosition(ctx, tx); err != nil {
		return err
	}
	id, wanted := p.share.route+1, t.wanted()
	if len(wanted) == 0 {
		for _, table := range []string{"pipeline_route_parts", "pipeline_routes", "pipeline_lanes"} {
			if _, err := tx.Exec(ctx, `DELETE FROM `+table); err != nil {
				return err
			}
		}
		return nil
	}
	r := &route{id: id, partition: t.b.Partition, first: t.work.first, last: t.work.last}
	if err := r.save(ctx, tx, nil, p.formatPositions(t.work, t.delta), id); err != nil {
		return err
	}
	if slices.Equal(p.share.layout, wanted) {
		_, err = tx.Exec(ctx, `UPDATE pipeline_lanes SET through = ?, ready = ?, alone = 1, aside = ? * aside`, id, id, t.keptAside())
		return err
	}
	if _, err := tx.Exec(ctx, `DELETE FROM pipeline_lanes`); err != nil {
		return err
	}
	u := store.Upsert{Table: "pipeline_lanes", Columns: []string{"lane", "first_shard", "last_shard", "through", "ready", "alone", "aside"}}
	return tx.BulkUpsert(ctx, u, len(wanted), func(i int, args []any) {
		args[0], args[1], args[2] = wanted[i].Number, wanted[i].shards.first, wanted[i].shards.last
		args[3], args[4], args[5], args[6] = id, id, 1, 0
	})
}

// wanted is the layout behind the batch. What the lanes have set aside is counted with events;
// until then they stay.
func (t *turn) wanted() []LaneSpec {
	if t.keptAside() == 1 && t.aside() > 0 {
		return t.p.share.layout
	}
	return t.p.share.wanted()
}

func (t *turn) keptAside() int {
	if t.work.part == nil {
		return 1
	}
	return 0
}

// aside counts the events that the lanes have set aside, and that are counted as processed.
func (t *turn) aside() (n int64) {
	for i := range t.lanes {
		n += t.lanes[i].aside
	}
	return n
}

// savePosition moves the offset. What lanes have set aside was counted as processed.
func (t *turn) savePosition(ctx context.Context, tx *store.Tx) error {
	if t.work.part == nil {
		return nil
	}
	t.delta = t.fresh.totals(*t.work)
	t.delta.Processed -= t.aside()
	t.delta.Rejected += t.aside()
	return t.work.part.save(ctx, tx, *t.work, t.fresh, t.delta, t.b.Now)
}

// finishRoute writes what a batch leaves that lanes are to work on.
func (t *turn) finishRoute(ctx context.Context, tx *store.Tx, r *route) error {
	p := t.p
	if t.work.part == nil && len(t.b.Facts)+len(t.b.Changes) == 0 {
		t.idle = true
		return nil
	}
	if err := t.savePosition(ctx, tx); err != nil {
		return err
	}
	r.id, r.first, r.last = p.share.route+1, t.work.first, t.work.last
	for _, s := range p.cfg.Stages[p.cfg.Thin:] {
		if one, ok := s.(Router); ok {
			if err := one.Routed(ctx, tx, t.b); err != nil {
				return err
			}
		}
	}
	return r.save(ctx, tx, p.share.layout, p.formatPositions(t.work, t.delta), t.slow)
}

// committed makes the attempt's outcome known.
func (t *turn) committed(ctx context.Context, took time.Duration) {
	p, s := t.p, &t.p.share
	if t.idle {
		committed(p.cfg.Stages[:p.cfg.Thin], t.b)
		return
	}
	s.route++
	if t.alone {
		p.metrics.routes.WithLabelValues("alone").Inc()
	} else {
		p.metrics.routes.WithLabelValues("together").Inc()
	}
	s.alone, s.fresh, s.insist = t.alone, false, false
	if t.alone {
		p.alarm.next = t.next
		s.layout = t.wanted()
	} else {
		p.alarm = alarm{}
	}
	if t.due && len(p.alarm.held) == 0 {
		p.timers.clear(0)
	}
	if part := t.work.part; part != nil {
		if t.alone {
			part.sink.give(ctx, *t.work, handed(t.b.Facts, &t.fresh, p.cfg.Personal))
		} else {
			part.sink.gap()
		}
		p.mu.Lock()
		part.stored, part.loaded = true, t.work.last
		part.totals = part.totals.plus(t.delta)
		part.taken.Store(uint64(t.work.last))
		p.mu.Unlock()
		p.metrics.count(t.fresh.totals(*t.work))
		p.metrics.masked.Add(float64(t.masked))
		p.countForgotten(&t.fresh)
		for i := range t.fresh.aside {
			p.metrics.setAside(&t.fresh.aside[i])
		}
		p.metrics.windowIDs.Set(float64(part.seen.total))
		p.metrics.windowShortened.Set(float64(part.seen.shortened))
	}
	p.metrics.batchSeconds.Observe(took.Seconds())
	p.metrics.batchEvents.Observe(float64(t.work.count()))
	stages := p.cfg.Stages[:p.cfg.Thin]
	if t.alone {
		stages = p.cfg.Stages
		p.metrics.timers.Add(float64(len(t.b.Due)))
		if t.work.part != nil {
			if !t.work.oldest.IsZero() {
				p.metrics.lag.Observe(p.cfg.Clock.Now().Sub(t.work.oldest).Seconds())
			}
		}
		p.mu.Lock()
		if t.work.part != nil {
			p.show(nil)
		}
		p.mu.Unlock()
	}
	committed(stages, t.b)
	p.routed.tell()
}

// watchLanes keeps up to date how far the lanes are while this process runs the pipeline.
func (p *Pipeline) watchLanes(ctx context.Context) {
	if p.cfg.DB.Dialect() == store.SQLite {
		return
	}
	for sleep(ctx, lanesEvery) {
		d, err := p.readDone(ctx)
		if err != nil || d == nil {
			continue // the loop tells about a database in trouble
		}
		p.mu.Lock()
		if !p.isBehind(d) {
			p.show(d)
		}
		p.mu.Unlock()
	}
}

// isBehind tells whether what was read is older than what is known. p.mu is held.
func (p *Pipeline) isBehind(d done) bool {
	for i, part := range p.parts {
		if d[i].through < part.through.Load() {
			return true
		}
	}
	return false
}
