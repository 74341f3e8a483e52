package quality

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/touchstone-cdp/touchstone/keep"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/lease"
)

// Fence fails when this process no longer watches.
type Fence func(ctx context.Context, tx *store.Tx) error

const (
	saveEvery = 30              // ticks between two times that what is usual is stored
	settle    = 2 * time.Second // what the edge took in before that has been committed, if nothing waits
	forget    = 60 * 24 * time.Hour
)

// Run looks at each ten seconds soon after they are over, until ctx ends: in the process that runs
// the pipeline. What fails is tried again: no trouble of this part stops the pipeline.
func (q *Quality) Run(ctx context.Context, fence Fence) error {
	for {
		err := q.load(ctx)
		if err == nil {
			break
		}
		q.cfg.Logger.Warn("what is usual of the sources could not be read and will be tried again", "error", err)
		if !sleep(ctx, Tick) {
			return nil
		}
	}
	q.tick = q.cfg.Clock.Now().UnixMilli() / Tick.Milliseconds()
	q.take(q.tick) // of an earlier time that this process watched
	for {
		wait := Tick - time.Duration(q.cfg.Clock.Now().UnixNano())%Tick + settle
		if !sleep(ctx, wait) {
			if err := q.save(context.WithoutCancel(ctx), fence); err != nil && !errors.Is(err, lease.ErrLost) {
				q.cfg.Logger.Warn("what was learnt of the sources in the last minutes is not stored", "error", err)
			}
			return nil
		}
		if err := q.Look(ctx, fence); err != nil && ctx.Err() == nil {
			q.cfg.Logger.Warn("data quality could not be looked at and will be again", "error", err)
		}
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// Look takes up all ten seconds that are over and of which everything has been committed.
func (q *Quality) Look(ctx context.Context, fence Fence) error {
	if err := q.relearn(ctx, fence); err != nil {
		return err
	}
	if err := q.outside(ctx, fence); err != nil { // also while the pipeline is behind: that may be why
		return err
	}
	now := q.cfg.Clock.Now()
	if q.cfg.Lag != nil {
		lag, err := q.cfg.Lag(ctx)
		if err != nil {
			return err
		}
		now = now.Add(-lag)
	}
	through := now.Add(-settle).UnixMilli()/Tick.Milliseconds() - 1
	for tick := q.tick + 1; tick <= through; tick++ {
		if err := q.lookAt(ctx, tick, fence); err != nil {
			return err
		}
		q.tick = tick
	}
	if err := q.makeGood(ctx, fence); err != nil {
		return err
	}
	if q.tick-q.saved >= saveEvery {
		return q.save(ctx, fence)
	}
	return nil
}

// lookAt takes up one tick. What was taken is counted once: when alarms cannot be written, they are
// found again in the next.
func (q *Quality) lookAt(ctx context.Context, tick int64, fence Fence) error {
	counts := q.take(tick)
	at := tickStart(tick + 1)
	found := map[place][]Finding{}
	var scored []func(ctx context.Context, tx *store.Tx) error
	scored = append(scored, q.turn(&q.minute, time.Minute, tickStart(tick))...)
	scored = append(scored, q.turn(&q.hour, time.Hour, tickStart(tick))...)
	for where := range counts {
		if q.series[where] == nil && len(q.series) < maxSeries {
			q.series[where] = NewSeries()
		}
	}
	none := &Counts{}
	for where, s := range q.series {
		c := counts[where]
		if c == nil {
			c = none
		}
		for _, sum := range [...]*scoring{q.minute, q.hour} {
			if where.event != "" {
				sum.of(where.source).fields(s, c)
			}
		}
		list := s.Look(at.In(q.cfg.Zone()), c)
		if where.event == "" {
			for _, sum := range [...]*scoring{q.minute, q.hour} {
				sum.of(where.source).volume(s, c, list)
			}
		}
		if len(list) > 0 {
			found[where] = list
		}
		if s.Volume.idle(at) {
			delete(q.series, where)
		}
	}
	if len(found) == 0 && len(q.open) == 0 && len(scored) == 0 {
		return nil
	}
	return q.write(ctx, fence, at, found, scored)
}

// turn begins a new minute, or hour, and returns what writes down the one that is over.
func (q *Quality) turn(at **scoring, span time.Duration, now time.Time) []func(context.Context, *store.Tx) error {
	start := now.Truncate(span).UnixMilli()
	over := *at
	if over != nil && over.start == start {
		return nil
	}
	*at = newScoring(span, start)
	if over == nil || len(over.sources) == 0 {
		return nil
	}
	return []func(context.Context, *store.Tx) error{func(ctx context.Context, tx *store.Tx) error { return over.end(ctx, tx) }}
}

func (q *Quality) write(ctx context.Context, fence Fence, at time.Time, found map[place][]Finding, scored []func(context.Context, *store.Tx) error) error {
	return q.withAlarms(ctx, fence, func(tx *store.Tx) error {
		for _, whole := range [...]bool{true, false} { // a source before its events: see find
			for where, list := range found {
				if (where.event == "") != whole {
					continue
				}
				if err := q.find(ctx, tx, at, where, list); err != nil {
					return err
				}
			}
		}
		if err := q.close(ctx, tx, at); err != nil {
			return err
		}
		for _, write := range scored {
			if err := write(ctx, tx); err != nil {
				return err
			}
		}
		return nil
	})
}

// withAlarms does a transaction that opens and closes alarms; they stay as they were when it fails.
func (q *Quality) withAlarms(ctx context.Context, fence Fence, do func(tx *store.Tx) error) error {
	before := q.open
	err := q.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		q.open = map[alarmKey]*Alarm{}
		for key, a := range before {
			copied := *a
			q.open[key] = &copied
		}
		if err := fence(ctx, tx); err != nil {
			return err
		}
		return do(tx)
	})
	if err != nil {
		q.open = before
	}
	return err
}

// idle tells that nothing has come for long.
func (e *Expectation) idle(at time.Time) bool {
	if e.Recent.Mean*60*24 >= 1 {
		e.Heard = at.UnixMilli()
	}
	return at.UnixMilli()-e.Heard > forget.Milliseconds() && e.Heard != 0
}

// load reads what is usual, and the open alarms.
func (q *Quality) load(ctx context.Context) error {
	q.series, q.open = map[place]*Series{}, map[alarmKey]*Alarm{}
	err := keep.Each(ctx, q.cfg.DB.Reader(), `SELECT source, event, known FROM quality_series`, nil, func(scan func(...any) error) error {
		var where place
		var known string
		if err := scan(&where.source, &where.event, &known); err != nil {
			return err
		}
		s := NewSeries()
		if err := json.Unmarshal([]byte(known), s); err != nil {
			q.cfg.Logger.Warn("what was usual of a source cannot be read and is learnt anew", "source", where.source, "event", where.event, "error", err)
			return nil
		}
		q.series[where] = s
		return nil
	})
	if err != nil {
		return err
	}
	open, err := q.Alarms(ctx, "", true, maxOpen)
	for i := range open {
		q.open[open[i].key()] = &open[i]
	}
	return err
}

// save stores what is usual, and deletes what is old.
func (q *Quality) save(ctx context.Context, fence Fence) error {
	type row struct {
		where place
		known string
	}
	var list []row
	for where, s := range q.series {
		text, err := json.Marshal(s)
		if err != nil {
			return err
		}
		list = append(list, row{where, string(text)})
	}
	now := q.cfg.Clock.Now()
	err := q.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		if err := fence(ctx, tx); err != nil {
			return err
		}
		for _, old := range []struct {
			statement string
			args      []any
		}{
			{`DELETE FROM quality_series`, nil},
			{`DELETE FROM quality_alarms WHERE closed_at <> 0 AND closed_at < ?`, []any{now.Add(-keepAlarms).UnixMilli()}},
			{`DELETE FROM quality_scores WHERE span = ? AND start < ?`, []any{time.Minute.Milliseconds(), now.Add(-3 * 24 * time.Hour).UnixMilli()}},
			{`DELETE FROM quality_scores WHERE span = ? AND start < ?`, []any{time.Hour.Milliseconds(), now.Add(-keepAlarms).UnixMilli()}},
		} {
			if _, err := tx.Exec(ctx, old.statement, old.args...); err != nil {
				return err
			}
		}
		return tx.BulkUpsert(ctx, store.Upsert{Table: "quality_series", Columns: []string{"source", "event", "known"}, Key: []string{"source", "event"}}, len(list), func(i int, args []any) {
			args[0], args[1], args[2] = list[i].where.source, list[i].where.event, list[i].known
		})
	})
	if err == nil {
		q.saved = q.tick
	}
	return err
}
