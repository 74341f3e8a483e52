package app

import (
	"context"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/command"
	"github.com/touchstone-cdp/touchstone/linkage"
)

// wireLinkage makes record linkage.
func (a *App) wireLinkage(ctx context.Context) (err error) {
	a.linkage, err = linkage.Open(ctx, linkage.Config{
		DB: a.store, People: a.profiles, Identifiers: personIdentifiers{a.graph, a.kinds}.IdentifiersOf, Canonical: a.graph.Canonical,
		Submit: func(ctx context.Context, c touchstone.Command) (*command.Row, error) {
			return a.commands.Submit(ctx, c)
		},
		Clock: a.clock, Logger: a.part("linkage"), Metrics: a.metrics, MaxPersons: a.cfg.Linkage.MaxPersons,
	})
	return err
}
