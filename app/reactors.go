package app

import (
	"context"

	"github.com/touchstone-cdp/touchstone/inbox"
	"github.com/touchstone-cdp/touchstone/store/lease"
)

// reactors lists who acts on what happens. Each has an offset of its own, so their order
// means nothing.
func (a *App) reactors() []inbox.Reactor {
	return append([]inbox.Reactor{
		a.households,
		a.tags,
		a.cycles,
		a.webhooks,
		a.linkage,
	}, a.extra.reactors...)
}

// wireReactors makes the inbox from which the reactors hear.
func (a *App) wireReactors(ctx context.Context) (err error) {
	a.inbox, err = inbox.Open(ctx, inbox.Config{
		DB: a.store, Reactors: a.reactors(), Outbox: a.outbox, Persons: a.graph, Lease: a.underLease,
		Clock: a.clock, Logger: a.part("reactors"), Metrics: a.metrics,
		MaxChunk: a.cfg.Reactors.MaxChunk, RetainAge: a.cfg.Reactors.RetainAge, RetainBytes: int64(a.cfg.Reactors.RetainBytes),
		MaxDead: a.cfg.Reactors.MaxDead,
	})
	return err
}

// underLease runs work in one process at a time.
func (a *App) underLease(ctx context.Context, name string, work func(ctx context.Context, fence inbox.Fence) error) error {
	return a.leases.Run(ctx, name, func(ctx context.Context, l *lease.Lease) error { return work(ctx, l.Fence) })
}
