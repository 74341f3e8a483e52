package inbox

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/bisect"
	"github.com/touchstone-cdp/touchstone/internal/httpapi"
	"github.com/touchstone-cdp/touchstone/internal/randid"
	"github.com/touchstone-cdp/touchstone/store"
)

// reactor runs one Reactor. Fields below fence belong to the goroutine that holds the lease.
type reactor struct {
	in       *Inbox
	r        Reactor
	name     string
	number   int
	bit      mask
	patience time.Duration
	wake     chan struct{}
	replay   atomic.Bool // dead letters may wait for another try
	mu       sync.Mutex
	unknown  error // why its interest is not known

	fence    Fence
	rows     []row // unpacked, from its place on
	fetch    int   // rows to read at a time
	size     int   // occurrences of a chunk
	hunt     bisect.Hunt
	why      error // what is hunted
	failures int   // in a row
	stalled  int   // of them, since a search last got on
	few      bool  // the latest chunk was all that waited
	deadRun  int   // dead letters in a row, with nothing that went well between
	moved    time.Time
	looked   time.Time // when dead letters were last looked for that are to be tried again
}

func newReactor(in *Inbox, r Reactor) *reactor {
	x := &reactor{in: in, r: r, name: r.Name(), wake: make(chan struct{}, 1)}
	if p, ok := r.(Patient); ok {
		x.patience = p.Patience()
	}
	return x
}

// interest asks the reactor, and makes an error of a panic.
func (r *reactor) interest(ctx context.Context, q store.Querier) (i Interest, err error) {
	err = bisect.Guard(func() (err error) {
		i, err = r.r.Interest(ctx, q)
		return err
	})
	return i, err
}

func (r *reactor) interestFailed(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unknown = err
}

var (
	// errMoved says that what was read is no longer so: it is read again.
	errMoved = errors.New("the reactor was moved, or its rows have changed")
	errTried = errors.New("only tried")
)

// lost wraps the error of a fence.
type lost struct{ error }

func (e lost) Unwrap() error { return e.error }

// runUnderLease works whenever this process has the reactor's lease.
func (r *reactor) runUnderLease(ctx context.Context) {
	for {
		err := r.in.cfg.Lease(ctx, "reactor:"+r.name, r.run)
		if err == nil || ctx.Err() != nil {
			return
		}
		r.in.cfg.Logger.Warn("a reactor begins anew", "reactor", r.name, "error", err)
		if !sleep(ctx, time.Second, nil) {
			return
		}
	}
}

// Pauses and sizes of a reactor.
const (
	firstSize    = 64
	patientSize  = 256 // of one that would rather hear more at once
	leastSize    = 8
	isolateSize  = 64 // at most so many are searched for those at fault
	shortReact   = 12 * time.Millisecond
	longReact    = 50 * time.Millisecond
	maxPause     = time.Minute
	idleMove     = 10 * time.Second
	replayLook   = time.Second
	maxDeadInRow = 100
)

// run works until ctx is done. It returns nil when this program cannot go on.
func (r *reactor) run(ctx context.Context, fence Fence) error {
	r.fence, r.rows, r.fetch, r.size = fence, nil, leastRows, firstSize
	if r.patience > 0 {
		r.size = patientSize
	}
	r.failures, r.stalled, r.deadRun = 0, 0, 0
	r.hunt.Clear()
	r.replay.Store(true)
	for ctx.Err() == nil {
		began := time.Now()
		worked, err := r.step(ctx)
		var l lost
		switch {
		case ctx.Err() != nil:
		case errors.As(err, &l):
			return l.error
		case errors.Is(err, errMoved):
			r.rows = nil
			sleep(ctx, 10*time.Millisecond, nil)
		case errors.Is(err, touchstone.ErrNewer):
			r.note(ctx, err, true)
			r.in.cfg.Logger.Error("a reactor stops: trying again would not make this program newer", "reactor", r.name, "error", err)
			return nil
		case err != nil:
			r.failed(ctx, err, time.Since(began))
		case !worked:
			sleep(ctx, max(replayLook, r.in.cfg.Poll), r.wake)
		case r.few && r.patience > 0:
			sleep(ctx, r.patience, nil)
		}
	}
	return nil
}

// step works on one chunk, or tells that nothing waits.
func (r *reactor) step(ctx context.Context) (worked bool, err error) {
	r.few = false
	if err := r.replayLetters(ctx); err != nil {
		return false, err
	}
	c, err := r.next(ctx)
	switch {
	case err != nil:
		return false, err
	case c.empty() && len(c.rows) == 0:
		return false, r.follow(ctx, c)
	}
	if r.hunt.Pending() { // it goes on before anything else
		if worked, err = r.search(ctx, &c, r.why); worked {
			return true, nil
		}
	} else {
		began := time.Now()
		if err = r.work(ctx, &c, nil, false); err == nil {
			r.few = len(c.list) < r.size
			r.fit(time.Since(began), len(c.list))
			r.deadRun = 0
			return true, nil
		}
		if errors.Is(err, errMoved) || errors.Is(err, touchstone.ErrNewer) || ctx.Err() != nil {
			return false, err
		}
		if r.hunt.Look(store.IsTrouble(err)) {
			if worked, err = r.search(ctx, &c, err); worked {
				return true, nil
			}
		}
	}
	if r.size = min(r.size, isolateSize); r.hunt.Pending() {
		r.size = max(min(len(c.list), isolateSize), 1) // the search goes on with the same chunk
	}
	return false, err
}

// search sets aside what of a chunk is at fault for why, and does the rest. It returns why
// when nothing is, or what came in between.
func (r *reactor) search(ctx context.Context, c *chunk, why error) (worked bool, err error) {
	r.why = why
	poison, between := r.isolate(ctx, c)
	switch {
	case between != nil:
		return false, between
	case poison == nil:
		return false, why
	}
	if err = r.work(ctx, c, poison, false); err == nil {
		r.buried(c, poison)
		return true, nil
	}
	if !store.IsTrouble(err) {
		r.hunt.Forget()
	}
	return false, err
}

// work does a chunk in one transaction: fence, rows, effects and the new place, all or
// nothing. What is poison is set aside. With trial set nothing of it stays.
func (r *reactor) work(ctx context.Context, c *chunk, poison map[int]error, trial bool) error {
	var began time.Time
	err := r.in.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		began = time.Now()
		if err := r.fenced(ctx, tx); err != nil {
			return err
		}
		if err := r.check(ctx, tx, c); err != nil {
			return err
		}
		if err := r.react(ctx, tx, c.list, poison); err != nil {
			return err
		}
		if trial {
			return errTried
		}
		if err := r.bury(ctx, tx, c, poison); err != nil {
			return err
		}
		return r.claim(ctx, tx, c)
	})
	if trial && errors.Is(err, errTried) {
		return nil
	}
	if err == nil {
		r.succeeded(c, len(poison), time.Since(began))
	}
	return err
}

// gate keeps erasures apart from what reactors do: one would not see what a reactor writes about
// its person beside it.
const gate = "inbox_reactors"

// Alone is called first in a transaction that erases persons: no reactor's runs beside it.
func (in *Inbox) Alone(ctx context.Context, tx *store.Tx) error { return tx.Shut(ctx, gate) }

// fenced fails with lost when the lease is another's. It comes first in a reactor's transaction.
func (r *reactor) fenced(ctx context.Context, tx *store.Tx) error {
	if err := tx.Enter(ctx, gate); err != nil {
		return fmt.Errorf("wait for an erasure: %w", err)
	}
	if err := r.fence(ctx, tx); err != nil && !store.IsTrouble(err) {
		return lost{err}
	} else if err != nil {
		return err
	}
	return nil
}

// react calls the reactor with all of list but the poison.
func (r *reactor) react(ctx context.Context, tx *store.Tx, list []item, poison map[int]error) error {
	if len(poison) > 0 {
		some := make([]item, 0, len(list))
		for i := range list {
			if _, bad := poison[i]; !bad {
				some = append(some, list[i])
			}
		}
		list = some
	}
	told, err := r.nowadays(ctx, tx, list)
	if err != nil {
		return fmt.Errorf("look up who persons are now: %w", err)
	}
	if len(told) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, r.in.cfg.MaxReact)
	defer cancel()
	return bisect.Guard(func() error { return r.r.React(ctx, tx, told, r.in.cfg.Outbox) })
}

// claim moves the reactor behind the chunk, if it still stands before it.
func (r *reactor) claim(ctx context.Context, tx *store.Tx, c *chunk) error {
	res, err := tx.Exec(ctx, `UPDATE inbox_reactors SET row_id = ?, item = ?, passed = passed + ?, seen_at = ?, gone_at = 0, failing = 0, attempts = 0, error = '', why = ''
		WHERE name = ? AND row_id = ? AND item = ?`,
		c.to.row, c.to.item, c.passed, r.in.cfg.Clock.Now().UnixMilli(), r.name, c.from.row, c.from.item)
	if err != nil {
		return fmt.Errorf("move the reactor on: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		return errors.Join(err, errMoved)
	}
	return nil
}

func (r *reactor) succeeded(c *chunk, aside int, took time.Duration) {
	r.failures, r.stalled = 0, 0
	r.hunt.Clear()
	m := r.in.metrics
	m.reacted.WithLabelValues(r.name).Add(float64(len(c.list) - aside))
	m.seconds.WithLabelValues(r.name).Add(took.Seconds())
}

// fit makes chunks as large as their transaction is short: other writers wait for it.
func (r *reactor) fit(took time.Duration, n int) {
	switch {
	case took > longReact:
		r.size = max(r.size/2, leastSize)
	case took < shortReact && n >= r.size:
		r.size = min(2*r.size, r.in.cfg.MaxChunk)
	}
}

// follow moves a reactor that nothing waits for behind what was written for others, now
// and then, so that it holds no rows.
func (r *reactor) follow(ctx context.Context, c chunk) error {
	if c.from.row > c.through || time.Since(r.moved) < idleMove {
		return nil
	}
	c.to = place{c.through + 1, 0}
	err := r.in.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		if err := r.fenced(ctx, tx); err != nil {
			return err
		}
		return r.claim(ctx, tx, &c)
	})
	if err == nil {
		r.moved = time.Now()
	}
	return err
}

// failed notes a failure and lets a while pass: longer with each in a row, and long enough
// that others get at the database in between.
func (r *reactor) failed(ctx context.Context, err error, took time.Duration) {
	r.failures++
	r.stalled++
	r.in.metrics.failures.WithLabelValues(r.name).Inc()
	pause := max(min(r.in.cfg.firstPause<<min(r.stalled-1, 10), maxPause), 3*took)
	r.in.cfg.Logger.Error("a reactor failed and will be tried again", "reactor", r.name, "error", err, "attempt", r.failures, "in", pause)
	r.note(ctx, err, false)
	sleep(ctx, pause, nil)
}

// note writes the failure down for whoever looks, in whatever process. It may fail: then the
// log alone tells.
func (r *reactor) note(ctx context.Context, why error, stop bool) {
	now := r.in.cfg.Clock.Now().UnixMilli()
	_ = r.in.cfg.DB.Update(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE inbox_reactors SET failing = CASE WHEN failing = 0 THEN ? ELSE failing END, attempts = ?, error = ?, why = ?, stopped = ?, seen_at = ?
			WHERE name = ?`, now, r.failures, bisect.Shortly(why), storeWhy(why), stop, now, r.name)
		return err
	})
}

// storeWhy is what an error is made of, if all of it is for people: a panic goes on with its
// stack.
func storeWhy(err error) string {
	if bisect.Shortly(err) != err.Error() {
		return ""
	}
	return httpapi.TextOf(err).Store()
}

// isolate finds the occurrences of a chunk that the reactor cannot work on, by trying parts
// of it in transactions that are rolled back. It returns nil when there are none, or when
// the reactor takes nothing at all any more: then it stands still, and its definition or
// its program is at fault. A trouble that came in between is returned: the search goes on
// at the next step.
func (r *reactor) isolate(ctx context.Context, c *chunk) (poison map[int]error, between error) {
	poison = map[int]error{}
	try := func(some []item) error {
		t := *c
		t.list = some
		return r.work(ctx, &t, nil, true)
	}
	trouble := func(err error) bool {
		var l lost
		is := store.IsTrouble(err) || errors.Is(err, errMoved) || errors.Is(err, touchstone.ErrNewer) || errors.As(err, &l)
		if is {
			between = err
		}
		return is
	}
	before := r.hunt.Trials()
	of := fmt.Sprint(c.from, c.to, len(c.list), c.editions())
	any := bisect.Search(&r.hunt, of, c.list, try, trouble, func(i int, err error) {
		poison[i] = err
		r.in.cfg.Logger.Error("an occurrence cannot be worked on and is set aside", "reactor", r.name, "row", c.places[i].row, "item", c.places[i].item,
			"kind", c.list[i].Kind.String(), "person", c.list[i].Person.String(), "error", err)
	})
	if r.hunt.Trials() > before {
		r.stalled = 0
	}
	switch {
	case !any && r.hunt.Pending():
		return nil, between
	case !any || ctx.Err() != nil:
		return nil, ctx.Err()
	case len(poison) == len(c.list) && r.deadRun+len(poison) > maxDeadInRow:
		r.in.cfg.Logger.Error("a reactor takes nothing any more: it stands still and sets nothing aside", "reactor", r.name)
		r.hunt.Forget()
		return nil, nil
	}
	return poison, nil
}

// reasonFailed begins the reason of a dead letter.
const reasonFailed = "reactor_failed: "

// buried notes what has been set aside.
func (r *reactor) buried(c *chunk, poison map[int]error) {
	r.in.metrics.dead.WithLabelValues(r.name).Add(float64(len(poison)))
	r.deadRun += len(poison)
	if len(poison) < len(c.list) {
		r.deadRun = 0
		for i := len(c.list) - 1; i >= 0; i-- { // those behind the last that went well
			if _, bad := poison[i]; !bad {
				break
			}
			r.deadRun++
		}
	}
}

// bury writes dead letters for the poison of a chunk.
func (r *reactor) bury(ctx context.Context, tx *store.Tx, c *chunk, poison map[int]error) error {
	if len(poison) == 0 {
		return nil
	}
	var there int
	if err := tx.QueryRow(ctx, `SELECT count(*) FROM inbox_dead WHERE reactor = ?`, r.name).Scan(&there); err != nil {
		return fmt.Errorf("count the dead letters: %w", err)
	}
	if there+len(poison) > r.in.cfg.MaxDead {
		return touchstone.Errorf(touchstone.Unavailable, "the reactor %s has %d dead letters, and may have %d: it stands still", r.name, there, r.in.cfg.MaxDead).
			WithHint("replay or discard some")
	}
	indexes := make([]int, 0, len(poison))
	for i := range poison {
		indexes = append(indexes, i)
	}
	slices.Sort(indexes)
	now := r.in.cfg.Clock.Now().UnixMilli()
	owners, err := r.owners(ctx, tx, c, indexes)
	if err != nil {
		return err
	}
	err = tx.BulkUpsert(ctx, store.Upsert{Table: "inbox_dead", Columns: []string{"id", "reactor", "row_id", "item", "person", "kind", "name",
		"died_at", "reason", "why", "attempts", "replay", "body"}}, len(indexes), func(n int, args []any) {
		i := indexes[n]
		o := &c.list[i]
		args[0], args[1], args[2], args[3] = randid.New("dead"), r.name, c.places[i].row, c.places[i].item
		args[4], args[5], args[6], args[7] = int64(owners[n]), int64(o.Kind), o.Name, now
		args[8], args[9] = reasonFailed+bisect.Shortly(poison[i]), storeWhy(poison[i])
		args[10], args[11], args[12] = 0, 0, packOne(o)
	})
	if err != nil {
		return fmt.Errorf("write the dead letters: %w", err)
	}
	return nil
}

// owners returns whose the items of a chunk are today: by them dead letters are found.
func (r *reactor) owners(ctx context.Context, tx *store.Tx, c *chunk, indexes []int) ([]touchstone.PersonID, error) {
	then := make([]touchstone.PersonID, len(indexes))
	for n, i := range indexes {
		then[n] = c.list[i].about()
	}
	if r.in.cfg.Persons == nil {
		return then, nil
	}
	now, err := r.in.cfg.Persons.Canonical(ctx, tx, then)
	if err != nil {
		return nil, fmt.Errorf("look up whose dead letters are: %w", err)
	}
	return now, nil
}

// sleep waits; it tells false when ctx is done.
func sleep(ctx context.Context, d time.Duration, wake <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
	case <-wake:
	}
	return true
}
