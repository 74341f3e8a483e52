package app

import "github.com/touchstone-cdp/touchstone/keep"

// keepers lists who stores rows about persons, in the order in which they follow merges,
// splits and erasures. A table of persons that none of them names fails a test.
func (a *App) keepers() []keep.Keeper {
	return []keep.Keeper{
		a.inbox.Keeper(),
		a.outbox.Keeper(),
	}
}
