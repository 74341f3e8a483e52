package app

import (
	"github.com/touchstone-cdp/touchstone/keep"
	"github.com/touchstone-cdp/touchstone/pipeline"
)

// keepers lists who stores rows about persons, in the order in which they follow merges,
// splits and erasures. A table of persons that none of them names fails a test.
func (a *App) keepers() []keep.Keeper {
	return []keep.Keeper{
		pipeline.Keeper(), // first: owners of timers change in their own keepers what it does
		a.inbox.Keeper(),
		a.outbox.Keeper(),
	}
}
