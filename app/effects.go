package app

import (
	"context"

	"github.com/touchstone-cdp/touchstone/outbox"
)

// deliverers lists who does effects, each those of its kind.
func (a *App) deliverers() []outbox.Deliverer {
	return []outbox.Deliverer{}
}

// wireOutbox makes the outbox, which takes what is decided and has it done.
func (a *App) wireOutbox(ctx context.Context) (err error) {
	a.outbox, err = outbox.New(ctx, outbox.Config{DB: a.store, Clock: a.clock, Logger: a.part("effects"), Metrics: a.metrics})
	return err
}

// deliver does effects, beside other processes.
func (a *App) deliver(ctx context.Context) error { return a.outbox.Run(ctx, a.deliverers()...) }
