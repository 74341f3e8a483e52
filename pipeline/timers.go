package pipeline

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/bisect"
	"github.com/touchstone-cdp/touchstone/store"
)

// maxDueTimers bounds the timers of one batch; the rest comes with the next one.
const maxDueTimers = 10_000

// timersHeld is how long an owner's timers are held back that make batches fail.
const timersHeld = time.Minute

// timersLook is how often it is looked whether others than the stages have set timers:
// reactors, keepers, other processes.
const timersLook = time.Second

// alarm is what the loop knows of the timers.
type alarm struct {
	next   time.Time            // the earliest of owners that are not held; zero when there is none
	looked time.Time            // when the database was last asked, by the process's clock
	held   map[string]time.Time // owners whose timers make batches fail, and until when
	shards *shards              // whose timers these are; nil: all
}

// at is when timers are next to be taken, zero when there are none.
func (a *alarm) at() time.Time {
	next := a.next
	for _, until := range a.held {
		if next.IsZero() || until.Before(next) {
			next = until
		}
	}
	return next
}

// release lets go of the owners that have been held for long enough.
func (a *alarm) release(now time.Time) {
	maps.DeleteFunc(a.held, func(_ string, until time.Time) bool { return !until.After(now) })
}

// owners returns those that are held.
func (a *alarm) owners() []string { return slices.Sorted(maps.Keys(a.held)) }

// look asks the database when the next timer is due, if nobody has for a while.
func (a *alarm) look(ctx context.Context, q store.Querier) {
	if time.Since(a.looked) < timersLook {
		return
	}
	if next, err := a.earliest(ctx, q); err == nil { // else the next batch tells
		a.next, a.looked = next, time.Now()
	}
}

// after returns when the next timer is due once a batch has set some, asking the database only
// if timers fired or were cancelled.
func (a *alarm) after(ctx context.Context, tx *store.Tx, fired bool, set []touchstone.Timer) (time.Time, error) {
	next := a.next
	for _, t := range set {
		switch _, held := a.held[t.Owner]; {
		case held:
		case t.At.IsZero():
			fired = true
		case next.IsZero() || t.At.Before(next):
			next = t.At
		}
	}
	if fired {
		return a.earliest(ctx, tx)
	}
	return next, nil
}

// condition leaves out the owners that are held, and what is not in the shards.
func (a *alarm) condition() (condition string, args []any) {
	if owners := a.owners(); len(owners) > 0 {
		for _, o := range owners {
			args = append(args, o)
		}
		condition = " AND owner NOT IN " + store.Marks(len(owners))
	}
	if a.shards != nil {
		condition += " AND subject_id % ? BETWEEN ? AND ?"
		args = append(args, shardCount, a.shards.first, a.shards.last)
	}
	return condition, args
}

// earliest returns when the next timer is due.
func (a *alarm) earliest(ctx context.Context, q store.Querier) (time.Time, error) {
	condition, args := a.condition()
	var at int64
	err := q.QueryRow(ctx, `SELECT due_at FROM timers WHERE due_at > 0`+condition+` ORDER BY due_at LIMIT 1`, args...).Scan(&at)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return time.Time{}, nil
	case err != nil:
		return time.Time{}, fmt.Errorf("look for the next timer: %w", err)
	}
	return time.UnixMilli(at).UTC(), nil
}

// take removes the timers that are due, but for those of some persons, and returns them,
// earliest first.
func (a *alarm) take(ctx context.Context, tx *store.Tx, now time.Time, but []touchstone.PersonID) ([]touchstone.Timer, error) {
	due, err := a.due(ctx, tx, now)
	due = slices.DeleteFunc(due, func(t touchstone.Timer) bool {
		person := t.Subject.Person()
		return person != 0 && slices.Contains(but, person)
	})
	if err != nil || len(due) == 0 {
		return nil, err
	}
	if err := deleteTimers(ctx, tx, due); err != nil {
		return nil, fmt.Errorf("take the timers that are due: %w", err)
	}
	return due, nil
}

func (a *alarm) due(ctx context.Context, q store.Querier, now time.Time) (due []touchstone.Timer, err error) {
	condition, args := a.condition()
	args = append([]any{now.UnixMilli()}, args...)
	rows, err := q.Query(ctx, `SELECT subject, subject_id, owner, name, due_at FROM timers WHERE due_at <= ?`+condition+
		` ORDER BY due_at, subject, subject_id, owner, name LIMIT ?`, append(args, maxDueTimers)...)
	if err != nil {
		return nil, fmt.Errorf("read the timers that are due: %w", err)
	}
	return scanTimers(rows)
}

func scanTimers(rows *sql.Rows) (list []touchstone.Timer, err error) {
	defer rows.Close()
	for rows.Next() {
		t, err := scanTimer(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, t)
	}
	return list, rows.Err()
}

func scanTimer(rows *sql.Rows) (t touchstone.Timer, err error) {
	var at int64
	err = rows.Scan(&t.Subject.Kind, &t.Subject.ID, &t.Owner, &t.Key, &at)
	t.At = time.UnixMilli(at).UTC()
	return t, err
}

var timerKey = []string{"subject", "subject_id", "owner", "name"}

func deleteTimers(ctx context.Context, tx *store.Tx, timers []touchstone.Timer) error {
	return tx.BulkDeleteRows(ctx, "timers", timerKey, len(timers), func(i int, args []any) {
		t := &timers[i]
		args[0], args[1], args[2], args[3] = t.Subject.Kind, t.Subject.ID, t.Owner, t.Key
	})
}

// SetTimers sets and cancels timers outside of a batch: a reactor's, in its transaction. A
// pipeline of this process knows of them with the commit, one of another within a second.
func (p *Pipeline) SetTimers(ctx context.Context, tx *store.Tx, timers ...touchstone.Timer) error {
	if err := SetTimers(ctx, tx, timers...); err != nil {
		return err
	}
	tx.AfterCommit(func() { signal(p.look) })
	return nil
}

// SetTimers sets and cancels timers; the pipeline knows of them within a second.
func SetTimers(ctx context.Context, tx *store.Tx, timers ...touchstone.Timer) error {
	if len(timers) == 0 {
		return nil
	}
	timers = lastOfEach(timers)
	slices.SortFunc(timers, byTimerKey)
	cancelled := slices.DeleteFunc(slices.Clone(timers), func(t touchstone.Timer) bool { return !t.At.IsZero() })
	if err := deleteTimers(ctx, tx, cancelled); err != nil {
		return fmt.Errorf("cancel timers: %w", err)
	}
	set := slices.DeleteFunc(timers, func(t touchstone.Timer) bool { return t.At.IsZero() })
	u := store.Upsert{Table: "timers", Columns: append(slices.Clone(timerKey), "due_at"), Key: timerKey}
	return tx.BulkUpsert(ctx, u, len(set), func(i int, args []any) {
		t := &set[i]
		args[0], args[1], args[2], args[3] = t.Subject.Kind, t.Subject.ID, t.Owner, t.Key
		args[4] = max(1, t.At.Add(time.Millisecond-1).UnixMilli()) // never early
	})
}

func byTimerKey(a, b touchstone.Timer) int {
	if c := strings.Compare(a.Subject.Kind, b.Subject.Kind); c != 0 {
		return c
	}
	if a.Subject.ID != b.Subject.ID {
		if a.Subject.ID < b.Subject.ID {
			return -1
		}
		return 1
	}
	if c := strings.Compare(a.Owner, b.Owner); c != 0 {
		return c
	}
	return strings.Compare(a.Key, b.Key)
}

// timerOf is what tells timers apart.
type timerOf struct {
	subject    touchstone.Subject
	owner, key string
}

func keyOf(t *touchstone.Timer) timerOf { return timerOf{t.Subject, t.Owner, t.Key} }

// lastOfEach keeps the last timer of each subject, owner and key.
func lastOfEach(timers []touchstone.Timer) []touchstone.Timer {
	at := make(map[timerOf]int, len(timers))
	out := make([]touchstone.Timer, 0, len(timers))
	for i := range timers {
		k := keyOf(&timers[i])
		if j, ok := at[k]; ok {
			out[j] = timers[i]
			continue
		}
		at[k] = len(out)
		out = append(out, timers[i])
	}
	return out
}

// timersOf returns the timers that a batch sets and cancels. Those of persons whom it erases
// are left out: the stages may not have known yet when they set them.
func timersOf(b *touchstone.Batch) []touchstone.Timer {
	erased := map[touchstone.PersonID]bool{}
	for i := range b.Changes {
		if b.Changes[i].Kind == touchstone.PersonErased {
			erased[b.Changes[i].Person] = true
		}
	}
	if len(erased) == 0 {
		return b.Timers
	}
	return slices.DeleteFunc(slices.Clone(b.Timers), func(t touchstone.Timer) bool { return erased[t.Subject.Person()] })
}

// holdTimers holds back the timers of the owners that make a batch fail: neither the events
// in it nor the timers of others need wait. Timers are rows and stay; it is tried again.
func (p *Pipeline) holdTimers(ctx context.Context, work chunk, why error) bool {
	var fresh freshIDs
	if work.part != nil {
		fresh = work.part.dropDuplicates(work, p.cfg.Clock.Now())
		work.part.undo(fresh)
	}
	return p.hold(ctx, &p.alarm, why, func(due []touchstone.Timer) error { return p.try(ctx, work.partition(), fresh.facts, due) })
}

// hold finds the owners at fault by try, which tries the batch with some timers.
func (p *Pipeline) hold(ctx context.Context, a *alarm, why error, try func(due []touchstone.Timer) error) bool {
	now := p.cfg.Clock.Now()
	if at := a.at(); at.IsZero() || at.After(now) {
		return false
	}
	due, err := a.due(ctx, p.cfg.DB.Reader(), now)
	if err != nil || len(due) == 0 {
		return false
	}
	if err := try(nil); err != nil {
		return false
	}
	owners := map[string]error{}
	for _, t := range due {
		owners[t.Owner] = nil
	}
	bad := map[string]error{}
	for owner := range owners {
		own := slices.DeleteFunc(slices.Clone(due), func(t touchstone.Timer) bool { return t.Owner != owner })
		switch err := try(own); {
		case err == nil:
		case store.IsTrouble(err):
			return false
		default:
			bad[owner] = err
		}
	}
	if len(bad) == 0 { // only together
		for owner := range owners {
			bad[owner] = why
		}
	}
	return p.holdOwners(ctx, a, bad, now)
}

func (p *Pipeline) holdOwners(ctx context.Context, a *alarm, bad map[string]error, now time.Time) bool {
	if a.held == nil {
		a.held = map[string]time.Time{}
	}
	until := now.Add(timersHeld)
	for owner, err := range bad {
		a.held[owner] = until
		p.cfg.Logger.Error("timers that are due make batches fail; everything else goes on without them", "owner", owner, "until", until, "error", err)
	}
	next, err := a.earliest(ctx, p.cfg.DB.Reader())
	if err != nil {
		return false
	}
	a.next = next
	for _, owner := range a.owners() {
		if err := bad[owner]; err != nil {
			p.timers.note(0, now, fmt.Errorf("timers that are due cannot be worked on, those of %s: %w", owner, errors.New(bisect.Shortly(err))))
		}
	}
	return true
}
