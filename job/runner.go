package job

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/httpapi"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/lease"
)

// slot is a place for one job at a time, over all processes: who has its lease works in it.
type slot struct {
	name  string
	heavy bool
	wake  chan struct{}
}

func slots(light int) []slot {
	list := []slot{{"heavy", true, make(chan struct{}, 1)}}
	for i := range light {
		list = append(list, slot{"light-" + strconv.Itoa(i+1), false, make(chan struct{}, 1)})
	}
	return list
}

const (
	// maxIdle is how many attempts in a row may save nothing before the job has failed.
	maxIdle = 5
	// flushEvery is how often the row learns of progress, and the runner of a cancellation.
	flushEvery = time.Second
)

// The causes for which an attempt's context ends, besides the server's own.
var errCancelled = errors.New("the job was cancelled")

// Run works on what waits until ctx is done. Attempts that are under way then end soon, and
// go on after the next start.
func (j *Jobs) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	for _, slot := range j.slots {
		wg.Go(func() { j.serve(ctx, slot) })
	}
	wg.Go(func() { j.housekeep(ctx) })
	wg.Go(func() { j.watchErasures(ctx) })
	wg.Wait()
	return nil
}

// serve works in one slot, whenever it is free and something waits.
func (j *Jobs) serve(ctx context.Context, slot slot) {
	failing := false
	for ctx.Err() == nil {
		worked, next, err := j.turn(ctx, slot)
		if err != nil && ctx.Err() == nil {
			if !failing {
				j.cfg.Logger.Error("jobs wait, because the store does not answer", "error", err)
			}
			failing = true
		} else {
			failing = false
		}
		if worked && err == nil {
			continue
		}
		timer := time.NewTimer(next)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-slot.wake:
		}
		timer.Stop()
	}
}

// busyPoll is between two looks while something waits that cannot be begun, because another
// process has the slot or the store does not answer.
const busyPoll = time.Second

// turn takes the oldest job that waits for a slot, if the slot is free, and works on it. next is
// when to look again, unless somebody starts a job.
func (j *Jobs) turn(ctx context.Context, slot slot) (worked bool, next time.Duration, err error) {
	next = min(busyPoll, j.cfg.Poll)
	waits, due, err := j.waits(ctx, slot)
	if err != nil {
		return false, next, err
	}
	if !waits {
		return false, due, nil
	}
	l, err := j.cfg.Leases.Acquire(ctx, "job:"+slot.name)
	if err != nil || l == nil {
		return false, next, err
	}
	defer func() {
		if e := l.Release(context.WithoutCancel(ctx)); e != nil {
			err = errors.Join(err, e)
		}
	}()
	job, err := j.claim(ctx, l, slot)
	if err != nil || job == nil {
		return false, next, err
	}
	j.work(ctx, l, job)
	return true, next, nil
}

// queue is what of the queue a slot takes that this process can do.
func (j *Jobs) queue(slot slot) (cond string, args []any) {
	cond = `status = 'queued' AND heavy = ? AND not_before <= ? AND kind IN ` + store.Marks(len(j.names))
	return cond, append([]any{slot.heavy, j.cfg.Clock.Now().UnixMilli()}, anys(j.names)...)
}

// waits tells whether there is something to do in a slot, which costs less than the lease, and
// otherwise after how long there may be.
func (j *Jobs) waits(ctx context.Context, slot slot) (yes bool, next time.Duration, err error) {
	var first sql.NullInt64 // when the first may be begun; what runs in the slot, at once
	err = j.cfg.DB.Reader().QueryRow(ctx, `SELECT min(CASE WHEN status = 'running' THEN 0 ELSE not_before END) FROM jobs
		WHERE status IN ('queued', 'running') AND (status = 'queued' AND heavy = ? AND kind IN `+store.Marks(len(j.names))+` OR status = 'running' AND slot = ?)`,
		append(append([]any{slot.heavy}, anys(j.names)...), slot.name)...).Scan(&first)
	if err != nil || !first.Valid {
		return false, j.cfg.Poll, err
	}
	left := time.Duration(first.Int64-j.cfg.Clock.Now().UnixMilli()) * time.Millisecond
	return left <= 0, max(min(left, j.cfg.Poll), time.Millisecond), nil
}

// claim takes up a job. What stands as running in the slot was its last holder's, which is
// gone: it goes back into the queue.
func (j *Jobs) claim(ctx context.Context, l *lease.Lease, slot slot) (job *Job, err error) {
	err = j.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		job = nil
		if err := l.Fence(ctx, tx); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE jobs SET status = 'queued', slot = '' WHERE status = 'running' AND slot = ?`, slot.name); err != nil {
			return err
		}
		for {
			cond, args := j.queue(slot)
			next, err := scanJob(tx.QueryRow(ctx, `SELECT `+columns+` FROM jobs WHERE `+cond+` ORDER BY created_at, id LIMIT 1`, args...))
			if errors.Is(err, sql.ErrNoRows) {
				return nil
			}
			if err != nil {
				return err
			}
			taken, err := j.take(ctx, tx, &next, slot.name)
			if err != nil {
				return err
			}
			if taken {
				job = &next
				return nil
			}
		}
	})
	return job, err
}

// take makes a job this process's, or ends it: when it was cancelled while its process was
// gone, or when too many attempts came to nothing.
func (j *Jobs) take(ctx context.Context, tx *store.Tx, job *Job, slot string) (bool, error) {
	now := j.cfg.Clock.Now().UnixMilli()
	if job.Cancelling {
		return false, j.close(ctx, tx, job, Cancelled, "", nil)
	}
	if job.idle >= maxIdle {
		err := touchstone.Errorf(touchstone.Internal, "The server ended %d times while it worked on this, without getting further.", job.idle).
			WithHint("The server's log says why. Try the job again when that is mended.")
		return false, j.close(ctx, tx, job, Failed, "", err)
	}
	job.Attempts, job.idle, job.base = job.Attempts+1, job.idle+1, job.Done
	job.Status, job.slot, job.Owner = Running, slot, j.cfg.Leases.Owner()
	_, err := tx.Exec(ctx, `UPDATE jobs SET status = 'running', slot = ?, owner = ?, attempts = ?, idle = ?, base = done, failure = '', started_at = ?, moved_at = ? WHERE id = ?`,
		slot, job.Owner, job.Attempts, job.idle, now, now, job.ID)
	return true, err
}

// close writes how a job ended.
func (j *Jobs) close(ctx context.Context, tx *store.Tx, job *Job, status Status, result touchstone.JSON, failure error) error {
	words := ""
	if failure != nil {
		words = encode(inWords(failure))
	}
	now := j.cfg.Clock.Now().UnixMilli()
	state := string(job.state)
	if status == Done {
		state = "" // nothing goes on from it
	}
	_, err := tx.Exec(ctx, `UPDATE jobs SET status = ?, slot = '', cancel = ?, result = ?, failure = ?, state = ?, note = '', ended_at = ? WHERE id = ?`,
		string(status), false, string(result), words, state, now, job.ID)
	if err == nil {
		j.metrics.ended.WithLabelValues(job.Kind, string(status)).Inc()
	}
	return err
}

// work makes an attempt at a job, and writes down how it ended.
func (j *Jobs) work(ctx context.Context, l *lease.Lease, job *Job) {
	log := j.cfg.Logger.With("job", job.ID, "kind", job.Kind, "attempt", job.Attempts)
	log.Info("a job is under way")
	j.metrics.running.WithLabelValues(job.Kind).Inc()
	defer j.metrics.running.WithLabelValues(job.Kind).Dec()
	runCtx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r := &run{jobs: j, lease: l, job: job, done: job.Done, total: job.Total}
	watched := make(chan struct{})
	watching, stopWatching := context.WithCancel(runCtx)
	go func() {
		defer close(watched)
		r.watch(watching, cancel)
	}()
	result, err := r.attempt(runCtx, j.kinds[job.Kind])
	stopWatching()
	<-watched
	switch cause := context.Cause(runCtx); {
	case l.Err() != nil || errors.Is(err, lease.ErrLost):
		j.metrics.attempts.WithLabelValues("lost").Inc()
		log.Warn("a job is another process's now")
		return
	case err == nil:
	case errors.Is(cause, errCancelled):
		err = errCancelled
	case ctx.Err() != nil:
		err = ctx.Err()
	}
	if e := r.end(context.WithoutCancel(ctx), result, err); e != nil {
		log.Error("how a job ended was not written down; it will be done again from where it was", "error", e)
	}
	j.WakeErasures() // somebody in its file may have been erased meanwhile
}

// attempt calls the kind. A panic fails the job; it stops nobody else.
func (r *run) attempt(ctx context.Context, k *Kind) (result touchstone.JSON, err error) {
	defer func() {
		if p := recover(); p != nil {
			r.jobs.cfg.Logger.Error("a job panicked", "job", r.job.ID, "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("the job panicked: %v", p)
		}
	}()
	return k.Run(ctx, r)
}

const endTimeout = 10 * time.Second

// end writes how an attempt ended: the job's end, or that another attempt follows.
func (r *run) end(ctx context.Context, result touchstone.JSON, err error) error {
	ctx, cancel := context.WithTimeout(ctx, endTimeout)
	defer cancel()
	status, again, what := Done, time.Duration(0), "done"
	switch {
	case err == nil:
	case errors.Is(err, errCancelled):
		status, what, err = Cancelled, "cancelled", nil
	case errors.Is(err, context.Canceled):
		status, what = Queued, "stopped" // with the server
	case tryAgain(err) && r.job.idle < maxIdle:
		status, what = Queued, "again"
		again = 5 * time.Second << r.job.idle
	default:
		status, what = Failed, "failed"
	}
	log := r.jobs.cfg.Logger.With("job", r.job.ID, "kind", r.job.Kind)
	if err != nil {
		log.Warn("an attempt at a job ended", "end", what, "error", err)
	} else {
		log.Info("a job has ended", "status", what)
	}
	r.jobs.metrics.attempts.WithLabelValues(what).Inc()
	return r.jobs.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		if err := r.lease.Fence(ctx, tx); err != nil {
			return err
		}
		r.mu.Lock()
		moved := r.moved
		r.mu.Unlock()
		if moved {
			if err := r.flushIn(ctx, tx); err != nil {
				return err
			}
		}
		if status != Queued {
			return r.jobs.close(ctx, tx, r.job, status, result, err)
		}
		words, notBefore, idle := "", int64(0), r.job.idle
		if what == "again" {
			words, notBefore = encode(inWords(err)), r.jobs.cfg.Clock.Now().Add(again).UnixMilli()
		} else {
			idle = max(idle-1, 0) // a stop is nobody's fault
		}
		_, err := tx.Exec(ctx, `UPDATE jobs SET status = 'queued', slot = '', failure = ?, not_before = ?, idle = ? WHERE id = ?`, words, notBefore, idle, r.job.ID)
		return err
	})
}

// tryAgain tells whether an error may go away by itself.
func tryAgain(err error) bool {
	return touchstone.KindOf(err) == touchstone.Unavailable || store.IsTrouble(err)
}

// run is an attempt under way.
type run struct {
	jobs  *Jobs
	lease *lease.Lease
	job   *Job // idle and state change under mu

	mu          sync.Mutex
	done, total int64
	note        string
	moved       bool
	// Saves that were begun, and the last of them that is known to be committed: while they
	// differ the row may be ahead of what is here.
	saves, saved int64
}

func (r *run) ID() string             { return r.job.ID }
func (r *run) Input() touchstone.JSON { return r.job.Input }

func (r *run) State() touchstone.JSON {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.job.state
}

func (r *run) Report(done, total int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.moved = r.moved || done != r.done || total != r.total
	r.done, r.total = done, total
}

func (r *run) Note(what touchstone.Text) {
	text := encode(httpapi.NewText(what))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.moved = r.moved || text != r.note
	r.note = text
}

func (r *run) Save(ctx context.Context, done, total int64, state touchstone.JSON) error {
	return r.jobs.cfg.DB.Retry(ctx, func(tx *store.Tx) error { return r.SaveIn(ctx, tx, done, total, state) })
}

// SaveIn writes state and figures together, so that nobody sees progress which a rollback takes
// back; they count here when the transaction is committed.
func (r *run) SaveIn(ctx context.Context, tx *store.Tx, done, total int64, state touchstone.JSON) error {
	if err := r.lease.Fence(ctx, tx); err != nil {
		return err
	}
	r.mu.Lock()
	r.saves++
	save, note := r.saves, r.note
	r.mu.Unlock()
	tx.AfterCommit(func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.saved, r.done, r.total, r.moved = save, done, total, r.note != note
		r.job.state, r.job.idle = state, 0
	})
	_, err := tx.Exec(ctx, `UPDATE jobs SET state = ?, idle = 0, done = ?, total = ?, note = ?, moved_at = ? WHERE id = ?`,
		string(state), done, total, note, r.jobs.cfg.Clock.Now().UnixMilli(), r.job.ID)
	return err
}

// flushIn writes progress into the row, unless a save may have written what is newer.
func (r *run) flushIn(ctx context.Context, tx *store.Tx) error {
	now := r.jobs.cfg.Clock.Now().UnixMilli()
	// From here on nobody else can write the row: a save comes later, or is committed.
	if _, err := tx.Exec(ctx, `UPDATE jobs SET moved_at = ? WHERE id = ?`, now, r.job.ID); err != nil {
		return err
	}
	r.mu.Lock()
	ahead, done, total, note := r.saves != r.saved, r.done, r.total, r.note
	r.mu.Unlock()
	if ahead {
		return nil
	}
	tx.AfterCommit(func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.moved = done != r.done || total != r.total || note != r.note
	})
	_, err := tx.Exec(ctx, `UPDATE jobs SET done = ?, total = ?, note = ? WHERE id = ?`, done, total, note, r.job.ID)
	return err
}

func (r *run) File(name string) (*File, error) { return r.jobs.files.open(r.job.ID, name) }

// watch ends the attempt when the lease is lost or somebody cancels the job, and lets the row
// know of progress meanwhile.
func (r *run) watch(ctx context.Context, cancel context.CancelCauseFunc) {
	tick := time.NewTicker(min(flushEvery, r.jobs.cfg.Poll))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.lease.Done():
			cancel(lease.ErrLost)
			return
		case <-tick.C:
		}
		var cancelled bool
		err := r.jobs.cfg.DB.Reader().QueryRow(ctx, `SELECT cancel FROM jobs WHERE id = ?`, r.job.ID).Scan(&cancelled)
		if err == nil && cancelled {
			cancel(errCancelled)
			return
		}
		r.mu.Lock()
		moved := r.moved
		r.mu.Unlock()
		if !moved {
			continue
		}
		err = r.jobs.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
			if err := r.lease.Fence(ctx, tx); err != nil {
				return err
			}
			return r.flushIn(ctx, tx)
		})
		if err != nil && ctx.Err() == nil {
			r.jobs.cfg.Logger.Warn("progress of a job was not written down", "job", r.job.ID, "error", err)
		}
	}
}

// housekeep forgets old jobs and their files, each hour.
func (j *Jobs) housekeep(ctx context.Context) {
	for {
		if err := j.forget(ctx); err != nil && ctx.Err() == nil {
			j.cfg.Logger.Warn("old jobs were not deleted", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Hour):
		}
	}
}

// forget deletes jobs that ended long ago, and the oldest beyond the bound.
func (j *Jobs) forget(ctx context.Context) error {
	now := j.cfg.Clock.Now()
	err := j.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		before := now.Add(-j.cfg.Keep).UnixMilli()
		var beyond sql.NullInt64
		err := tx.QueryRow(ctx, `SELECT ended_at FROM jobs WHERE ended_at > 0 ORDER BY ended_at DESC LIMIT 1 OFFSET ?`, j.cfg.KeepMost).Scan(&beyond)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if _, err = tx.Exec(ctx, `DELETE FROM jobs WHERE ended_at > 0 AND ended_at <= ?`, max(before, beyond.Int64)); err != nil {
			return err
		}
		return j.forgetErasures(ctx, tx, now)
	})
	if err != nil {
		return err
	}
	err = j.files.sweep(ctx, now, func(ids []string) (map[string]bool, error) {
		there := make(map[string]bool, len(ids))
		err := store.SelectIn(ctx, j.cfg.DB.Reader(), `SELECT id FROM jobs WHERE id IN (...)`, ids, func(rows *sql.Rows) error {
			var id string
			err := rows.Scan(&id)
			there[id] = true
			return err
		})
		return there, err
	})
	if err != nil {
		return err
	}
	size, err := j.files.size()
	j.metrics.bytes.Set(float64(size))
	return err
}

// Forget deletes a job that has ended, with its file.
func (j *Jobs) Forget(ctx context.Context, id string) error {
	err := j.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		job, err := j.get(ctx, tx, id)
		if err != nil {
			return err
		}
		if !job.Status.Ended() {
			return touchstone.Errorf(touchstone.Conflict, "The job has not ended.").WithHint("Cancel it first.")
		}
		_, err = tx.Exec(ctx, `DELETE FROM jobs WHERE id = ?`, id)
		return err
	})
	if err != nil {
		return err
	}
	return j.files.remove(id)
}
