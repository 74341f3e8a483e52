package app

import (
	"context"
	"encoding/json"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/inbox"
	"github.com/touchstone-cdp/touchstone/profile"
	"github.com/touchstone-cdp/touchstone/stage"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/lease"
)

// leaseStages is that of the process that looks after life cycles.
const leaseStages = "stages"

// wireStages makes what keeps how far people have come.
func (a *App) wireStages(ctx context.Context) (err error) {
	a.cycles, err = stage.Open(ctx, stage.Config{
		DB: a.store, Persons: a.graph, Rules: a.segments, SetTraits: a.setStageTraits, Touch: inbox.Touch, Strongest: a.strongest, Submit: a.submitAs, Behind: a.behindStages,
		RuleEvents: ruleReads, RuleGoes: ruleGoes, Clock: a.clock, Zone: a.settings.Zone, Logger: a.part("stages"), Metrics: a.metrics,
	})
	return err
}

// setStageTraits shows stages as traits.
func (a *App) setStageTraits(ctx context.Context, tx *store.Tx, values []stage.Value) error {
	list := make([]profile.Computed, len(values))
	for i, v := range values {
		list[i] = profile.Computed(v)
	}
	return a.profiles.SetComputed(ctx, tx, list)
}

// behindStages is how far the reactor of stages is behind what has happened.
func (a *App) behindStages(ctx context.Context) (time.Duration, error) {
	all, err := a.inbox.Progress(ctx)
	if err != nil {
		return 0, err
	}
	for _, p := range all {
		if p.Name == stage.ReactorName && !p.Oldest.IsZero() {
			return a.clock.Now().Sub(p.Oldest), nil
		}
	}
	return 0, nil
}

func (a *App) stageResource() api.Resource {
	return stage.Resource(func() stage.Parts {
		p := stage.Parts{Stages: a.cycles, People: a.people()}
		if a.jobs != nil {
			p.Start = a.startJob
		}
		return p
	})
}

// tendStages looks after life cycles: one process at a time.
func (a *App) tendStages(ctx context.Context) error {
	return a.leases.Run(ctx, leaseStages, func(ctx context.Context, l *lease.Lease) error {
		return a.cycles.Run(ctx, l.Fence, func(ctx context.Context, kind, id string) error {
			input, err := json.Marshal(stage.JobInput{Cycle: id})
			if err != nil {
				return err
			}
			_, err = a.startJob(ctx, access.System(), kind, touchstone.JSON(input))
			return err
		})
	})
}
