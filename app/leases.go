package app

import (
	"context"
	"os"
	"sync"

	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/lease"
	"github.com/touchstone-cdp/touchstone/stream"
)

// The leases of loops that one process runs at a time. Others are made of a feature's name
// and what it works on: "reactor:webhook".
const (
	leasePipeline = "pipeline"
	leaseSink     = "sink"
)

// wireLeases tells this process from the others that share the store.
func (a *App) wireLeases(ctx context.Context) error {
	host, err := os.Hostname()
	if err != nil {
		host = "process"
	}
	cfg := lease.Config{DB: a.store, Owner: lease.NewOwner(host), For: a.cfg.Lease, Logger: a.part("lease"), Metrics: a.metrics}
	if a.store.Dialect() == store.SQLite {
		cfg.For = 0 // nobody else can open it
	}
	a.leases, err = lease.Open(ctx, cfg)
	return err
}

// process runs what changes persons: the pipeline, the builders of profiles and segments
// that work for it, and what watches the data that goes through it.
// One process does it at a time; the others with this role stand by.
func (a *App) process(ctx context.Context) error {
	return a.leases.Run(ctx, leasePipeline, func(ctx context.Context, l *lease.Lease) error {
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		var building sync.WaitGroup
		watch := func(ctx context.Context) error { return a.quality.Run(ctx, l.Fence) }
		look := func(ctx context.Context) error { return a.catalogue.Look(ctx, l.Fence) }
		for _, build := range []func(context.Context) error{a.profiles.Run, a.segments.Run, watch, look} {
			building.Go(func() {
				if err := build(ctx); err != nil {
					cancel(err)
				}
			})
		}
		err := a.pipeline.Run(ctx, l.Fence)
		if err == nil {
			err = context.Cause(ctx)
		}
		cancel(nil)
		building.Wait()
		a.saveCounts(context.WithoutCancel(ctx), l)
		return err
	})
}

// saveCounts writes what identity and profiles count in memory. Nothing is decided by it,
// so a failure is only noted. Who has lost the lease must not: its counts are of before.
func (a *App) saveCounts(ctx context.Context, l *lease.Lease) {
	if l.Err() != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, drainTimeout)
	defer cancel()
	if err := a.graph.Flush(ctx); err != nil {
		a.logger.Warn("the latest counts of identifiers are lost", "error", err)
	}
	if err := a.profiles.Flush(ctx, l.Fence); err != nil {
		a.logger.Warn("the latest days of persons are lost", "error", err)
	}
}

// fillWarehouse runs the sink, and trims the log behind it, in one process at a time.
func (a *App) fillWarehouse(ctx context.Context) error {
	return a.leases.Run(ctx, leaseSink, func(ctx context.Context, l *lease.Lease) error {
		ctx, cancel := context.WithCancel(ctx)
		var trimming sync.WaitGroup
		trimming.Go(func() { a.retain(ctx) })
		defer trimming.Wait()
		defer cancel()
		return a.sink.Run(ctx, l.Fence)
	})
}

// retain trims the log behind the pipeline and the warehouse.
func (a *App) retain(ctx context.Context) {
	stream.Retain(ctx, a.log, stream.RetainConfig{
		Retention: stream.Retention{MaxAge: a.cfg.Stream.RetainAge, MaxBytes: int64(a.cfg.Stream.RetainBytes)},
		KeepFrom: func(_ context.Context, partition int) (stream.Offset, error) {
			return min(a.pipeline.Through(partition), a.sink.Through(partition)) + 1, nil
		},
		Clock: a.clock, Logger: a.part("log"), Register: a.metrics,
	})
}

// follow keeps up to date how far the others are.
func (a *App) follow(ctx context.Context) error {
	var following sync.WaitGroup
	following.Go(func() { _ = a.sink.Follow(ctx) })
	err := a.pipeline.Follow(ctx, a.has("process"))
	following.Wait()
	return err
}
