package app

import (
	"context"
	"syscall"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/console"
)

// SetupToken returns the one-time token that makes the first administrator, empty when
// there is one.
func (a *App) SetupToken() string { return a.setupToken }

// counters assembles the figures of GET /api/v1/stats.
func (a *App) counters(ctx context.Context) (console.Counters, error) {
	// What came out is read before what went in: no figure is ahead of its origin.
	inWarehouse, lag := a.sink.Events(), a.sink.Lag()
	totals := a.pipeline.Totals()
	c := console.Counters{
		// An event whose acknowledgement got lost in a cluster is counted when it comes out.
		Accepted:  max(a.accepted.Load(), totals.Consumed()),
		Processed: totals.Processed, InWarehouse: inWarehouse,
		Quarantined: totals.Rejected, Duplicates: totals.Duplicates, WarehouseLag: lag,
	}
	var err error
	if c.PipelineLag, err = a.pipeline.Lag(ctx); err != nil {
		return c, err
	}
	if c.Persons, c.KnownPersons, err = a.graph.Counts(ctx); err != nil {
		return c, err
	}
	c.Segments, err = a.segments.Count(ctx)
	return c, err
}

// storage asks what the parts occupy on disk.
func (a *App) storage(ctx context.Context) (s console.Storage, err error) {
	if s.LogBytes, err = a.log.Size(ctx); err != nil {
		return s, err
	}
	if s.StoreBytes, err = a.store.Size(ctx); err != nil {
		return s, err
	}
	if s.WarehouseBytes, err = a.warehouse.Size(ctx); err != nil {
		return s, err
	}
	var st syscall.Statfs_t
	if err := syscall.Statfs(a.cfg.Data, &st); err == nil {
		s.DiskFreeBytes = int64(st.Bavail) * st.Bsize //nolint:gosec // far below 2^63
	}
	return s, nil
}

// checks lists what /readyz looks at.
func (a *App) checks() []console.Check {
	return []console.Check{
		{Name: "started", Run: func(context.Context) error {
			if !a.ready.Load() {
				return touchstone.Errorf(touchstone.Unavailable, "starting or stopping")
			}
			return nil
		}},
		{Name: "log", Run: func(ctx context.Context) error { _, _, err := a.log.Bounds(ctx, 0); return err }},
		{Name: "store", Run: func(ctx context.Context) error {
			var one int
			return a.store.Reader().QueryRow(ctx, "SELECT 1").Scan(&one)
		}},
		{Name: "warehouse", Run: func(ctx context.Context) error { _, err := a.warehouse.Count(ctx); return err }},
	}
}
