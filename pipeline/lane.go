package pipeline

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/bisect"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/lease"
	"github.com/touchstone-cdp/touchstone/stream"
)

// bell lets goroutines wait for the next time that it rings. The zero value is ready.
type bell struct {
	mu sync.Mutex
	c  chan struct{}
}

func (b *bell) next() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.c == nil {
		b.c = make(chan struct{})
	}
	return b.c
}

func (b *bell) tell() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.c != nil {
		close(b.c)
		b.c = nil
	}
}

// How often a lane looks for the next route: while they come, and while none has for a while.
const (
	routesBusy  = 20 * time.Millisecond
	routesIdle  = 100 * time.Millisecond
	routesQuiet = 2 * time.Second
	routesAtOne = 2 // that are read at a time
)

// lane works on the persons of a lane, under the lane's lease.
type lane struct {
	LaneSpec
	p      *Pipeline
	stages []Stage
	fence  Fence
	alarm  alarm

	through, ready int64 // as in the row
	alone          bool
	latest         time.Time // when a route came
}

// laneWork is a lane's part of a route, with the events.
type laneWork struct {
	routePart
	id          int64
	partition   int
	first, last stream.Offset
	poison      map[touchstone.Seq]string // events that the stages refuse, and why
}

// ErrNoLane says that there is no such lane: the number of lanes has changed, or nobody has
// begun to share the work.
var ErrNoLane = errors.New("there is no such lane")

// RunLane works on a lane's part of what the pipeline routes, with stages of the lane's own, until
// ctx is done; it returns nil then, lease.ErrLost when the fence says so, and ErrNoLane.
func (p *Pipeline) RunLane(ctx context.Context, spec LaneSpec, stages []Stage, fence Fence) error {
	if fence == nil {
		fence = noFence
	}
	l := &lane{LaneSpec: spec, p: p, stages: stages, fence: fence}
	defer p.laneStuck.clear(spec.Number)
	for {
		err := l.resume(ctx)
		if err == nil {
			err = l.work(ctx)
		}
		switch {
		case ctx.Err() != nil && !errors.Is(err, lease.ErrLost):
			return nil
		case errors.Is(err, lease.ErrLost), errors.Is(err, ErrNoLane), errors.Is(err, touchstone.ErrNewer):
			return err
		case !errors.Is(err, errMoved): // the store or the log does not answer
			p.metrics.failures.Inc()
			p.laneStuck.note(spec.Number, p.cfg.Clock.Now(), fmt.Errorf("lane %d: %w", spec.Number, err))
			p.cfg.Logger.Error("a lane cannot go on; trying again", "lane", spec.Number, "error", err)
			sleep(ctx, time.Second)
		}
	}
}

// resume has the stages begin anew, from where the row says.
func (l *lane) resume(ctx context.Context) error {
	for _, s := range l.stages {
		s.Rollback()
		if r, ok := s.(Resumer); ok {
			r.Resume()
		}
	}
	row, err := l.read(ctx)
	if err != nil {
		return err
	}
	l.through, l.ready, l.alone = row.through, row.ready, row.alone
	l.alarm = alarm{shards: &l.shards}
	return nil
}

func (l *lane) read(ctx context.Context) (laneRow, error) {
	rows, err := readLanes(ctx, l.p.cfg.DB.Reader(), `WHERE lane = ?`, l.Number)
	if err == nil && (len(rows) == 0 || rows[0].LaneSpec != l.LaneSpec) {
		err = ErrNoLane
	}
	if err != nil {
		return laneRow{}, err
	}
	return rows[0], nil
}

// work works on one route after the other, and on timers in between.
func (l *lane) work(ctx context.Context) error {
	for ctx.Err() == nil {
		rung := l.p.routed.next()
		row, err := l.read(ctx)
		if err != nil {
			return err
		}
		if row.through != l.through || row.alone != l.alone {
			return errMoved // the pipeline has worked alone
		}
		routes, err := l.routes(ctx)
		if err != nil {
			return err
		}
		for i, r := range routes {
			var next *laneWork
			if i+1 < len(routes) {
				next = routes[i+1]
			}
			if err := l.follow(ctx, r, next); err != nil {
				return err
			}
			l.latest = time.Now()
		}
		if len(routes) > 0 {
			continue
		}
		if l.alone { // the timers are the pipeline's
			l.alarm.next = time.Time{}
		} else {
			l.alarm.look(ctx, l.p.cfg.DB.Reader())
		}
		if at := l.alarm.at(); !at.IsZero() && !at.After(l.p.cfg.Clock.Now()) {
			if err := l.commitUntilDone(ctx, nil, nil); err != nil {
				return err
			}
			continue
		}
		l.wait(ctx, rung)
	}
	return ctx.Err()
}

func (l *lane) wait(ctx context.Context, rung <-chan struct{}) {
	pause := routesBusy
	if time.Since(l.latest) > routesQuiet {
		pause = routesIdle
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-rung:
	case <-timer.C:
	}
}

// routes reads the lane's parts of the next routes.
func (l *lane) routes(ctx context.Context) ([]*laneWork, error) {
	rows, err := l.p.cfg.DB.Reader().Query(ctx, `SELECT r.id, r.partition_id, r.first_record, r.last_record, p.body
		FROM pipeline_route_parts p JOIN pipeline_routes r ON r.id = p.route WHERE p.lane = ? AND p.route > ? ORDER BY p.route LIMIT ?`, l.Number, l.through, routesAtOne)
	if err != nil {
		return nil, fmt.Errorf("read routes: %w", err)
	}
	defer rows.Close()
	var list []*laneWork
	for rows.Next() {
		r := &laneWork{}
		var body []byte
		if err := rows.Scan(&r.id, &r.partition, &r.first, &r.last, &body); err != nil {
			return nil, err
		}
		if r.id != l.through+1+int64(len(list)) { // the pipeline has worked alone in between
			break
		}
		if r.routePart, err = decodePart(r.partition, r.first, body); err != nil {
			return nil, fmt.Errorf("route %d: %w", r.id, err)
		}
		list = append(list, r)
	}
	return list, rows.Err()
}

// follow works on a route, once the lanes whose persons it takes have let go of them.
func (l *lane) follow(ctx context.Context, r, next *laneWork) error {
	if err := l.p.fill(ctx, r); err != nil {
		return err
	}
	if len(r.gives) > 0 && l.ready < r.id {
		if err := l.promise(ctx, r.id); err != nil {
			return err
		}
	}
	if err := l.awaitOthers(ctx, r); err != nil {
		return err
	}
	return l.commitUntilDone(ctx, r, next)
}

// promise says that this lane touches nobody any more whom a route gives to others: it is in
// front of that route, and does nothing else before it.
func (l *lane) promise(ctx context.Context, id int64) error {
	err := l.p.cfg.DB.UpdateShared(ctx, func(tx *store.Tx) error {
		if err := l.fence(ctx, tx); err != nil {
			return err
		}
		return l.claim(ctx, tx, l.through, id)
	})
	if err == nil {
		l.ready = id
	}
	return err
}

// claim moves the lane from where this process left it, and locks its row.
func (l *lane) claim(ctx context.Context, tx *store.Tx, through, ready int64) error {
	alone := 0
	if l.alone && through == l.through {
		alone = 1
	}
	res, err := tx.Exec(ctx, `UPDATE pipeline_lanes SET through = ?, ready = ?, alone = ? WHERE lane = ? AND first_shard = ? AND last_shard = ? AND through = ? AND ready = ?`,
		through, ready, alone, l.Number, l.shards.first, l.shards.last, l.through, l.ready)
	if err != nil {
		return err
	}
	n, err := res.RowsAffected()
	if err == nil && n != 1 {
		return errMoved
	}
	return err
}

// awaitOthers waits until the lanes that a route takes persons from have let go of them.
func (l *lane) awaitOthers(ctx context.Context, r *laneWork) error {
	for pause := lanesPause; len(r.takes) > 0; pause = min(2*pause, lanesEvery) {
		rows, err := readLanes(ctx, l.p.cfg.DB.Reader(), `WHERE ready < ? AND through < ?`, r.id, r.id)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(rows, func(other laneRow) bool { return slices.Contains(r.takes, other.Number) }) {
			return nil
		}
		if !sleep(ctx, pause) {
			return ctx.Err()
		}
	}
	return nil
}

// commitUntilDone is the pipeline's, for a lane. r is nil for a batch of timers; next is the
// route behind it, if it is known.
func (l *lane) commitUntilDone(ctx context.Context, r, next *laneWork) error {
	var hunt bisect.Hunt
	p := l.p
	for attempt := 0; ; attempt++ {
		err := l.commit(ctx, r, next)
		if err == nil {
			p.laneStuck.clear(l.Number)
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		for _, s := range l.stages {
			s.Rollback()
		}
		if errors.Is(err, touchstone.ErrNewer) || errors.Is(err, lease.ErrLost) || errors.Is(err, errMoved) {
			return err
		}
		if row, e := l.read(ctx); e == nil && row.through != l.through { // the commit's answer was lost
			return errMoved
		}
		p.metrics.failures.Inc()
		p.laneStuck.note(l.Number, p.cfg.Clock.Now(), fmt.Errorf("lane %d: %w", l.Number, err))
		if hunt.Look(store.IsTrouble(err)) {
			before := hunt.Trials()
			if l.isolate(ctx, r, &hunt) {
				continue
			}
			if hunt.Trials() > before {
				attempt = 0
			}
			if !hunt.Pending() && p.hold(ctx, &l.alarm, err, func(due []touchstone.Timer) error { return l.try(ctx, r.all(), r, due) }) {
				if r == nil {
					return nil
				}
				continue
			}
		}
		pause := min(100*time.Millisecond<<min(attempt, 8), maxPause)
		p.cfg.Logger.Error("a lane's batch failed and will be tried again", "lane", l.Number, "error", err, "attempt", attempt+1, "in", pause, "events", len(r.all()))
		if !sleep(ctx, pause) {
			return ctx.Err()
		}
	}
}

func (r *laneWork) all() []touchstone.Fact {
	if r == nil {
		return nil
	}
	return r.facts
}

// batch makes a batch of those of the work's facts that are not known to be refused.
func (r *laneWork) batch(now time.Time) (b *touchstone.Batch, aside []touchstone.Fact) {
	b = &touchstone.Batch{Now: now}
	if r == nil {
		return b, nil
	}
	b.Partition, b.Facts, b.Changes = r.partition, slices.Clone(r.facts), slices.Clone(r.merges)
	if len(r.poison) == 0 {
		return b, nil
	}
	for i := range r.facts {
		if why, refused := r.poison[r.facts[i].Seq]; refused {
			f := r.facts[i]
			f.Reason = why
			aside = append(aside, f)
		}
	}
	b.Remove(func(i int) bool { return r.poison[r.facts[i].Seq] != "" })
	return b, aside
}

// commit works on a route, or on timers alone, in one transaction.
func (l *lane) commit(ctx context.Context, r, next *laneWork) error {
	began := time.Now()
	p := l.p
	b, refused := r.batch(p.cfg.Clock.Now())
	aside := laneAside{refused: refused}
	at := l.alarm.at()
	due := !at.IsZero() && !at.After(b.Now)
	if due {
		l.alarm.release(b.Now)
	}
	through, ready := l.through, l.ready
	var gives []touchstone.PersonID
	if r != nil {
		through, ready, gives = r.id, max(ready, r.id), r.gives
		if next != nil && len(next.gives) > 0 {
			ready = next.id
		}
	}
	var nextTimer time.Time
	err := p.cfg.DB.UpdateShared(ctx, func(tx *store.Tx) (err error) {
		if err := l.fence(ctx, tx); err != nil {
			return err
		}
		if r == nil && l.ready > l.through { // a promise
			return errMoved
		}
		if err := l.claim(ctx, tx, through, ready); err != nil {
			return err
		}
		if due {
			if b.Due, err = l.alarm.take(ctx, tx, b.Now, gives); err != nil {
				return err
			}
		}
		if err := p.apply(ctx, tx, l.stages, b, func(a touchstone.Aside) { aside.take(b.Facts[a.Index], a) }); err != nil {
			return err
		}
		if err := l.saveAside(ctx, tx, &aside); err != nil {
			return err
		}
		timers := timersOf(b)
		if err := SetTimers(ctx, tx, timers...); err != nil {
			return err
		}
		nextTimer, err = l.alarm.after(ctx, tx, due, timers)
		return err
	})
	if err != nil {
		return err
	}
	if l.alarm.next = nextTimer; due && len(l.alarm.held) == 0 {
		p.timers.clear(0)
	}
	if r != nil {
		l.through, l.ready, l.alone = through, ready, false
		if oldest := oldestOf(r.facts); !oldest.IsZero() {
			p.metrics.lag.Observe(p.cfg.Clock.Now().Sub(oldest).Seconds())
		}
	}
	p.metrics.laneSeconds.Observe(time.Since(began).Seconds())
	p.metrics.timers.Add(float64(len(b.Due)))
	for i := range aside.refused {
		p.metrics.setAside(&aside.refused[i])
	}
	committed(l.stages, b)
	return nil
}

// laneAside is what the stages of a lane take out of a batch: what they refuse, and what they leave
// out without a trace.
type laneAside struct{ refused, silent []touchstone.Fact }

func (x *laneAside) take(f touchstone.Fact, a touchstone.Aside) {
	if a.Silent {
		x.silent = append(x.silent, f)
		return
	}
	f.Reason = a.Reason
	x.refused = append(x.refused, f)
}

// saveAside puts what the stages refuse in quarantine, has the sink leave out what they have taken out, and
// counts it.
func (l *lane) saveAside(ctx context.Context, tx *store.Tx, aside *laneAside) error {
	gone := slices.Concat(aside.refused, aside.silent)
	if len(gone) == 0 {
		return nil
	}
	if len(aside.refused) > 0 {
		if err := l.p.cfg.Reject(ctx, tx, aside.refused); err != nil {
			return fmt.Errorf("quarantine: %w", err)
		}
	}
	for i := range gone {
		seq := gone[i].Seq
		if _, err := tx.Exec(ctx, `INSERT INTO pipeline_dropped (partition_id, record, indexes) VALUES (?, ?, ?)
			ON CONFLICT (partition_id, record) DO UPDATE SET indexes = pipeline_dropped.indexes || excluded.indexes`,
			seq.Partition(), int64(seq.Offset()), binary.LittleEndian.AppendUint16(nil, uint16(seq.Index()))); err != nil { //nolint:gosec // bounded
			return err
		}
	}
	_, err := tx.Exec(ctx, `UPDATE pipeline_lanes SET aside = aside + ? WHERE lane = ?`, len(gone), l.Number)
	return err
}

// isolate is the pipeline's, for a lane. A lane cannot forget a message id: the same event, sent
// again, is a duplicate.
func (l *lane) isolate(ctx context.Context, r *laneWork, hunt *bisect.Hunt) bool {
	if r == nil || len(r.facts) == 0 {
		return false
	}
	plain := plainFact(&r.facts[0])
	plain.Node, plain.Person = r.facts[0].Node, r.facts[0].Person
	if err := l.try(ctx, []touchstone.Fact{plain}, nil, nil); err != nil {
		if store.IsTrouble(err) {
			hunt.Pause()
			return false
		}
		hunt.Forget()
		l.p.cfg.Logger.Warn("the stages take no plain event either: events are not at fault", "lane", l.Number, "error", err)
		return false
	}
	rest := slices.DeleteFunc(slices.Clone(r.facts), func(f touchstone.Fact) bool { return r.poison[f.Seq] != "" })
	found := map[touchstone.Seq]string{}
	try := func(facts []touchstone.Fact) error { return l.try(ctx, facts, r, nil) }
	bisect.Search(hunt, fmt.Sprint(r.id, len(rest)), rest, try, store.IsTrouble, func(i int, err error) {
		f := &rest[i]
		l.p.cfg.Logger.Error("an event cannot be worked on and is set aside", "message_id", f.MessageID, "seq", int64(f.Seq), "error", err)
		found[f.Seq] = reasonStage + bisect.Shortly(err)
	})
	if len(found) == 0 || ctx.Err() != nil {
		return false
	}
	for seq, why := range r.poison {
		found[seq] = why
	}
	r.poison = found
	hunt.Forget()
	return true
}

// try tells whether the stages take facts, with the merges of r that they brought about, and
// timers. Nothing of it stays.
func (l *lane) try(ctx context.Context, facts []touchstone.Fact, r *laneWork, due []touchstone.Timer) error {
	b := &touchstone.Batch{Now: l.p.cfg.Clock.Now(), Facts: slices.Clone(facts), Due: due}
	if r != nil {
		b.Partition = r.partition
		for _, c := range r.merges {
			if i := slices.IndexFunc(facts, func(f touchstone.Fact) bool { return f.Seq == r.facts[c.Cause-1].Seq }); i >= 0 {
				c.Cause = i + 1
				b.Changes = append(b.Changes, c)
			}
		}
	}
	err := l.p.cfg.DB.UpdateShared(ctx, func(tx *store.Tx) error {
		if err := l.p.apply(ctx, tx, l.stages, b, func(touchstone.Aside) {}); err != nil {
			return err
		}
		return errTried
	})
	for _, s := range l.stages {
		s.Rollback()
	}
	if errors.Is(err, errTried) {
		return nil
	}
	return err
}
