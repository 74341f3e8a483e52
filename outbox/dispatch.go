package outbox

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

// Run delivers until ctx is done. What is under way then may end within a short time.
func (o *Outbox) Run(ctx context.Context, deliverers ...Deliverer) error {
	o.mu.Lock()
	for _, d := range deliverers {
		o.serves[d.Kind()] = d
	}
	o.mu.Unlock()
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var noting, running sync.WaitGroup
	noted := make(chan struct{})
	noting.Go(func() { o.note(work, noted) })
	running.Go(func() { o.sweepLoop(ctx) })
	if o.leases() {
		running.Go(func() { o.renewLoop(ctx) })
	}
	d := dispatcher{Outbox: o, work: work}
	d.run(ctx)
	running.Wait()
	d.end(stop)
	close(noted)
	noting.Wait()
	o.releaseAll(context.WithoutCancel(ctx))
	return nil
}

// end lets deliveries under way end, for a time, cancels the others, and leaves those that
// do not heed it: they will be done again.
func (d *dispatcher) end(cancel context.CancelFunc) {
	ended := make(chan struct{})
	go func() {
		d.deliveries.Wait()
		close(ended)
	}()
	for range 2 {
		select {
		case <-ended:
			return
		case <-time.After(d.cfg.Grace):
			cancel()
		}
	}
	d.cfg.Logger.Warn("outbox: deliveries did not end in time; they will be made again")
}

// dispatcher claims what is due and starts it.
type dispatcher struct {
	*Outbox
	work       context.Context //nolint:containedctx // of deliveries: it outlives run's by the grace
	deliveries sync.WaitGroup
	stopped    bool // guarded by mu
}

func (d *dispatcher) run(ctx context.Context) {
	d.mu.Lock()
	d.stopped = false
	d.mu.Unlock()
	defer func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.stopped = true
	}()
	poll := time.NewTicker(d.cfg.Poll)
	defer poll.Stop()
	d.report(ctx, "look for effects", d.look(ctx))
	for {
		due := time.NewTimer(d.untilDue())
		select {
		case <-ctx.Done():
			due.Stop()
			return
		case <-d.wake:
		case <-due.C:
			d.markDue()
		case <-poll.C:
			d.report(ctx, "look for effects", d.look(ctx))
		}
		due.Stop()
		for _, n := range d.takeDirty() {
			d.report(ctx, "claim effects", d.fill(ctx, n))
		}
	}
}

func (o *Outbox) report(ctx context.Context, what string, err error) {
	if err != nil && ctx.Err() == nil {
		o.metrics.troubles.Inc()
		o.cfg.Logger.Warn("outbox: could not "+what+"; trying again soon", "error", err)
	}
}

func (o *Outbox) takeDirty() []name {
	o.mu.Lock()
	defer o.mu.Unlock()
	names := make([]name, 0, len(o.dirty))
	for n := range o.dirty {
		names = append(names, n)
	}
	clear(o.dirty)
	return names
}

// untilDue returns how long nothing known is due.
func (o *Outbox) untilDue() time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	first := time.Time{}
	for _, q := range o.queues {
		if at := q.wakesAt(); !at.IsZero() && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	if first.IsZero() {
		return o.cfg.Poll
	}
	return min(max(first.Sub(o.now()), time.Millisecond), o.cfg.Poll)
}

// wakesAt is when the queue should be looked at; zero: when somebody says so.
func (q *queue) wakesAt() time.Time {
	if q.paused || q.next.IsZero() {
		return time.Time{}
	}
	if q.heldUntil.After(q.next) {
		return q.heldUntil
	}
	return q.next
}

func (o *Outbox) markDue() {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := o.now()
	for n, q := range o.queues {
		if at := q.wakesAt(); !at.IsZero() && !at.After(now) {
			o.dirty[n] = struct{}{}
		}
	}
}

// queueOf returns the queue of a name, nil when it cannot be served now.
func (o *Outbox) queueOf(n name) *queue {
	if q := o.queues[n]; q != nil {
		return q
	}
	d := o.serves[n.kind]
	if d == nil {
		return nil
	}
	if len(o.queues) >= o.cfg.MaxQueues {
		o.metrics.full.WithLabelValues("queues").Inc()
		return nil
	}
	q := &queue{name: n, deliverer: d, held: map[string]*item{}}
	q.adopt(policyOf(d, n.destination))
	o.queues[n] = q
	return q
}

func policyOf(d Deliverer, destination string) Policy {
	if p, ok := d.(Policer); ok {
		return p.Policy(destination).withDefaults()
	}
	return Policy{}.withDefaults()
}

// fill claims what a queue has room for and starts it.
func (d *dispatcher) fill(ctx context.Context, n name) error {
	d.mu.Lock()
	known := d.queues[n] != nil
	d.mu.Unlock()
	var state *Queue
	if !known { // what an earlier start, or another process, has learnt
		var err error
		if state, err = readQueue(ctx, d.cfg.DB.Reader(), n); err != nil {
			return d.again(n, err)
		}
	}
	want, holding := d.wants(n, state)
	if want == 0 { // what is in memory may have waited for the end of a pause
		d.mu.Lock()
		defer d.mu.Unlock()
		if q := d.queues[n]; q != nil {
			d.pump(q)
		}
		return nil
	}
	now := d.now()
	items, err := d.claim(ctx, n, want, holding, now)
	if err != nil {
		return d.again(n, err)
	}
	next := time.Time{}
	if len(items) < want {
		if next, err = nextDue(ctx, d.cfg.DB.Reader(), n, now); err != nil {
			return d.again(n, err)
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	q := d.queues[n]
	if q == nil { // removed meanwhile, and its rows with it
		return nil
	}
	if q.next = next; len(items) == want {
		q.next = now
	}
	for _, it := range items {
		q.held[it.effect.ID] = it
		d.held++
		d.bytes += len(it.effect.Body)
	}
	q.ready = append(q.ready, items...)
	d.metrics.held.Set(float64(d.held))
	d.pump(q)
	return nil
}

// again has a queue looked at once more after trouble, not at once.
func (o *Outbox) again(n name, err error) error {
	time.AfterFunc(time.Second, func() { o.touch(n) })
	return err
}

// wants returns how many effects a queue should claim, and the ids that it holds.
func (d *dispatcher) wants(n name, state *Queue) (int, map[string]struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	q := d.queueOf(n)
	if q == nil {
		return 0, nil
	}
	if state != nil {
		q.learn(state)
	}
	want := min(q.room(d.now()), d.cfg.MaxHeld-d.held, d.cfg.MaxHeld/4-len(q.held))
	if d.bytes >= d.cfg.MaxBytes || (want <= 0 && q.room(d.now()) > 0) {
		q.starved = true
		d.metrics.full.WithLabelValues("memory").Inc()
		return 0, nil
	}
	if want <= 0 {
		return 0, nil
	}
	holding := make(map[string]struct{}, len(q.held))
	for id := range q.held {
		holding[id] = struct{}{}
	}
	return want, holding
}

// learn takes what the store knows of a queue.
func (q *queue) learn(s *Queue) {
	q.paused = s.Paused
	if s.HeldUntil.After(q.heldUntil) && s.HeldUntil.After(q.forgiven) {
		q.failures, q.heldUntil = max(q.failures, s.Failures), s.HeldUntil
	}
}

// pump starts what may be started. The caller holds mu.
func (d *dispatcher) pump(q *queue) {
	if d.stopped {
		return
	}
	now := d.now()
	for q.running < q.slots(now) && len(q.ready) > 0 {
		if wait := q.reserve(); wait > 0 {
			d.pumpAfter(q, wait)
			return
		}
		it := q.ready[0]
		q.ready = q.ready[1:]
		if !it.lease.IsZero() && now.Add(q.policy.Timeout).After(it.lease) {
			d.drop(q, it) // it will be claimed anew
			d.metrics.leasesLost.Inc()
			continue
		}
		q.running++
		policy := q.policy
		d.deliveries.Go(func() { d.deliver(q, it, policy) })
	}
	if q.room(now) > 0 && !q.starved && !q.next.IsZero() && !q.next.After(now) {
		d.dirty[q.name] = struct{}{}
		signal(d.wake)
	}
}

// reserve takes a place at the queue's rate, or returns how long there is none.
func (q *queue) reserve() time.Duration {
	if q.limiter == nil {
		return 0
	}
	r := q.limiter.Reserve()
	wait := r.Delay()
	if wait > 0 {
		r.Cancel()
	}
	return wait
}

func (d *dispatcher) pumpAfter(q *queue, wait time.Duration) {
	if q.pumping {
		return
	}
	q.pumping = true
	time.AfterFunc(wait, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		q.pumping = false
		d.pump(q)
	})
}

// drop forgets an effect in memory. The caller holds mu.
func (o *Outbox) drop(q *queue, it *item) {
	if q.held[it.effect.ID] != it {
		return
	}
	delete(q.held, it.effect.ID)
	o.held--
	o.bytes -= len(it.effect.Body)
	o.metrics.held.Set(float64(o.held))
}

// deliver does one effect and hands in what came of it.
func (d *dispatcher) deliver(q *queue, it *item, policy Policy) {
	ctx, cancel := context.WithTimeout(d.work, policy.Timeout)
	defer cancel()
	began := time.Now()
	receipt, withheld, err := Receipt{}, false, error(nil)
	if withheld, err = d.withholds(ctx, q.deliverer, it, policy); err == nil && !withheld {
		receipt, err = callDeliver(ctx, q.deliverer, it)
	}
	took := time.Since(began)
	now := d.now()
	d.mu.Lock()
	defer d.mu.Unlock()
	q.running--
	if err != nil && d.work.Err() != nil { // the process stops: nobody knows how it ended
		d.drop(q, it)
		return
	}
	if withheld {
		d.metrics.ended.WithLabelValues("withheld").Inc()
		d.handIn(result{queue: q, item: it, receipt: Receipt{Answer: withheldAnswer}, withheld: true, took: took, at: now, outcome: outcome{state: done}})
		d.pump(q)
		return
	}
	d.metrics.delivered(q.kind, took, now.Sub(it.since), err)
	r := result{queue: q, item: it, receipt: receipt, err: err, took: took, at: now, outcome: outcomeOf(it, policy, now, err)}
	switch {
	case err == nil:
		q.succeeded()
	case r.state == waits || !hopeless(err):
		if q.failed(now, retryAfter(err)) {
			d.metrics.breaks.Inc()
			for _, held := range q.letGo() {
				d.release(q, held)
			}
			q.next = now
		}
	}
	d.handIn(r)
	d.pump(q)
}

// withheldAnswer stands instead of what a destination said.
const withheldAnswer = "withheld: the person does not agree to it"

// withholds tells whether an effect is about a person who does not agree to it. Nothing is sent
// while it is not known.
func (d *dispatcher) withholds(ctx context.Context, to Deliverer, it *item, policy Policy) (bool, error) {
	serves := to.Serves()
	switch {
	case !serves.Said():
		return false, touchstone.Errorf(touchstone.Forbidden, "Effects of the kind %s do not say for which use they are, so they are closed.", it.effect.Kind)
	case serves.Use == "" || it.effect.Person == 0:
		return false, nil
	case d.cfg.Asks == nil:
		return true, nil
	}
	agrees, err := d.cfg.Asks(ctx, it.effect.Person, policy.Purpose, serves.Use)
	return err == nil && !agrees, err
}

// callDeliver turns a panic into an error: one deliverer must not end the process.
func callDeliver(ctx context.Context, d Deliverer, it *item) (receipt Receipt, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the deliverer panicked: %v\n%s", p, debug.Stack())
		}
	}()
	return d.Deliver(ctx, it.effect, it.attempts+1)
}

// outcome is what becomes of an effect after an attempt.
type outcome struct {
	state int
	due   time.Time // of the next attempt
}

func outcomeOf(it *item, policy Policy, now time.Time, err error) outcome {
	if err == nil {
		return outcome{state: done}
	}
	pause := jitter(backoff(it.tries + 1))
	if after := retryAfter(err); after > 0 {
		pause = after
	}
	due := now.Add(pause)
	if hopeless(err) || due.Sub(it.since) > policy.GiveUp {
		return outcome{state: dead}
	}
	return outcome{due: due}
}

// look finds queues with something to do, whoever put it there.
func (d *dispatcher) look(ctx context.Context) error {
	q := d.cfg.DB.Reader()
	first, err := earliest(ctx, q)
	if err != nil {
		return err
	}
	states, err := readQueues(ctx, q, "")
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.now()
	for i := range states {
		if q := d.queues[name{states[i].Kind, states[i].Destination}]; q != nil {
			q.learn(&states[i])
		}
	}
	for n, at := range first {
		q := d.queues[n]
		if q == nil {
			if d.serves[n.kind] != nil {
				d.dirty[n] = struct{}{}
			}
			continue
		}
		if q.next.IsZero() || at.Before(q.next) {
			q.next = at
		}
		if !at.After(now) {
			d.dirty[n] = struct{}{}
		}
	}
	for n, q := range d.queues {
		q.adopt(policyOf(q.deliverer, n.destination))
		if _, waiting := first[n]; !waiting && q.idle() {
			delete(d.queues, n)
		}
	}
	d.metrics.queues.Set(float64(len(d.queues)))
	return nil
}

// leases tells whether claims are rows: where several processes share the store.
func (o *Outbox) leases() bool { return o.cfg.DB.Dialect() == store.Postgres }

// forget takes what is still to be started for some persons out of memory.
func (o *Outbox) forget(persons map[touchstone.PersonID]struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, q := range o.queues {
		kept := q.ready[:0]
		for _, it := range q.ready {
			if _, ok := persons[it.effect.Person]; ok {
				o.drop(q, it)
				continue
			}
			kept = append(kept, it)
		}
		q.ready = kept
	}
}
