package pipeline

import (
	"context"
	"errors"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/lease"
	"github.com/touchstone-cdp/touchstone/stream"
)

// resumeUntilDone reads the warehouse's position, as often as it takes. A warehouse that
// must not be appended to is a fault.
func (s *Sink) resumeUntilDone(ctx context.Context) error {
	for attempt := 0; ; attempt++ {
		err := s.resume(ctx)
		for i := 0; err == nil && i < len(s.through); i++ {
			err = s.publish(ctx, i)
		}
		switch {
		case err == nil:
			s.stuck.clear(0)
			return nil
		case errors.Is(err, lease.ErrLost), touchstone.KindOf(err) == touchstone.Conflict:
			return err
		case ctx.Err() != nil:
			return nil
		}
		s.failures.Inc()
		s.stuck.note(0, s.cfg.Clock.Now(), err)
		pause := min(s.cfg.Pause<<min(attempt, 4), maxPause)
		s.cfg.Logger.Error("the warehouse's position cannot be read; trying again", "error", err, "in", pause)
		sleep(ctx, pause)
	}
}

// resume reads how far the warehouse is. Its own position decides: it is written together
// with the events.
func (s *Sink) resume(ctx context.Context) error {
	published, err := s.published(ctx)
	if err != nil {
		return err
	}
	for i := range s.through {
		pos, err := s.cfg.Warehouse.Position(ctx, i)
		if err != nil {
			return err
		}
		if err := s.checkWhole(ctx, i, pos.Through, published[i].through); err != nil {
			return err
		}
		s.through[i].Store(uint64(pos.Through))
		s.version.Store(pos.OverrideVersion)
	}
	counted, err := s.count(ctx)
	if err != nil {
		return err
	}
	s.counts.Store(&counted)
	return s.loadAside(ctx)
}

// checkWhole refuses a warehouse that lacks what another one has and the log no longer
// does: reports would be wrong from then on, and nobody would know.
func (s *Sink) checkWhole(ctx context.Context, partition int, has, published stream.Offset) error {
	if has >= published {
		return nil
	}
	first, _, err := s.cfg.Log.Bounds(ctx, partition)
	if err != nil || first <= has+1 {
		return err
	}
	return touchstone.Errorf(touchstone.Conflict, "this process's warehouse holds events up to record %d of partition %d, another one up to %d, and the log begins at %d", has, partition, published, first).
		WithHint("run the role sink where that warehouse is; if it is lost, delete the rows of sink_positions to go on without the events between")
}

// position is how far a sink is, as it told.
type position struct {
	through stream.Offset
	counts  counts
	version int64
}

func (s *Sink) published(ctx context.Context) ([]position, error) {
	all := make([]position, len(s.through))
	rows, err := s.cfg.DB.Reader().Query(ctx, `SELECT partition_id, through, events, erased, override_version FROM sink_positions`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var partition int
		var at position
		if err := rows.Scan(&partition, &at.through, &at.counts.events, &at.counts.erased, &at.version); err != nil {
			return nil, err
		}
		if partition < len(all) {
			all[partition] = at
		}
	}
	return all, rows.Err()
}

// publish tells the other processes how far the sink is, if there are any.
func (s *Sink) publish(ctx context.Context, partition int) error {
	if !s.shared {
		return nil
	}
	return s.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		if err := s.fence(ctx, tx); err != nil {
			return err
		}
		u := store.Upsert{Table: "sink_positions", Columns: []string{"partition_id", "through", "events", "erased", "override_version"}, Key: []string{"partition_id"}}
		return tx.BulkUpsert(ctx, u, 1, func(_ int, args []any) {
			events, erased := s.Counts()
			args[0], args[1], args[2], args[3], args[4] = partition, int64(s.Through(partition)), events, erased, s.version.Load() //nolint:gosec // offsets are positive
		})
	})
}

// Follow keeps up to date how far a sink is that another process runs. It returns when ctx
// is done.
func (s *Sink) Follow(ctx context.Context) error {
	failing := false
	for s.shared && sleep(ctx, 2*followEvery) {
		if s.working.Load() || !s.tenure.TryLock() {
			continue
		}
		err := s.follow(ctx)
		s.tenure.Unlock()
		if err != nil && !failing && ctx.Err() == nil {
			s.cfg.Logger.Warn("how far the sink is cannot be read; trying on", "error", err)
		}
		failing = err != nil
	}
	return nil
}

func (s *Sink) follow(ctx context.Context) error {
	all, err := s.published(ctx)
	if err != nil {
		return err
	}
	var latest counts // the sum only grows
	for i, at := range all {
		s.through[i].Store(uint64(at.through))
		s.version.Store(max(s.version.Load(), at.version))
		if at.counts.events+at.counts.erased >= latest.events+latest.erased {
			latest = at.counts
		}
	}
	s.counts.Store(&latest)
	return s.loadAside(ctx)
}

// OverrideVersion tells which version of the persons of nodes the warehouse has.
func (s *Sink) OverrideVersion() int64 { return s.version.Load() }
