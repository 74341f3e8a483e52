package app

import (
	"context"
	"io/fs"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/inbox"
	"github.com/touchstone-cdp/touchstone/job"
	"github.com/touchstone-cdp/touchstone/keep"
	"github.com/touchstone-cdp/touchstone/outbox"
)

// slots is what a feature gives. The program's features stand in the lists themselves, a line
// in each; here a test adds one that the program does not have.
type slots struct {
	clock      touchstone.Clock // nil: the system's
	name       string
	migrations fs.FS
	keepers    []keep.Keeper
	reactors   []inbox.Reactor
	deliverers []outbox.Deliverer
	jobs       []job.Kind
	resources  []api.Resource
}

// wireExtra brings the tables of a test's feature up to date.
func (a *App) wireExtra(ctx context.Context) error {
	if a.extra.migrations == nil {
		return nil
	}
	return a.store.Migrate(ctx, a.extra.name, a.extra.migrations)
}
