package app

import (
	"slices"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/collect"
	"github.com/touchstone-cdp/touchstone/command"
	"github.com/touchstone-cdp/touchstone/console"
	"github.com/touchstone-cdp/touchstone/identity"
	"github.com/touchstone-cdp/touchstone/job"
	"github.com/touchstone-cdp/touchstone/keep"
	"github.com/touchstone-cdp/touchstone/linkage"
	"github.com/touchstone-cdp/touchstone/pipeline"
	"github.com/touchstone-cdp/touchstone/privacy/hold"
)

// keepers lists who stores rows about persons, in the order in which they follow merges,
// splits and erasures. A table of persons that none of them names fails a test.
func (a *App) keepers() []keep.Keeper {
	return slices.Concat([]keep.Keeper{
		pipeline.Keeper(), // first: owners of timers change in their own keepers what it does
		a.graph.Keeper(),
		a.consent.Keeper(),
		a.profiles.Keeper(),
		a.segments.Keeper(),
		a.households.Keeper(),
		a.tags.Keeper(),
		a.cycles.Keeper(),
		a.activations.Keeper(),
		a.inbox.Keeper(),
		a.outbox.Keeper(),
		linkage.Keeper(),
		hold.Keeper(),
		collect.Keeper(),
		command.Keeper(identity.EraseCommand),
		console.Keeper(),
		job.Keeper(func() {
			if a.jobs != nil { // in a process that has files
				a.jobs.WakeErasures()
			}
		}),
	}, a.extra.keepers, []keep.Keeper{a.privacy.Keeper()}) // last: it counts what the others have left
}

// through returns the last place of each partition that the pipeline has worked on.
func (a *App) through() []touchstone.Seq {
	list := make([]touchstone.Seq, a.log.Partitions())
	for i := range list {
		list[i] = touchstone.MakeSeq(i, uint64(a.pipeline.Through(i)), touchstone.MaxEventsPerRecord-1)
	}
	return list
}
