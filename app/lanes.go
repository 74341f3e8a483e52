package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/keep"
	"github.com/touchstone-cdp/touchstone/pipeline"
	"github.com/touchstone-cdp/touchstone/profile"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/lease"
	"github.com/touchstone-cdp/touchstone/store/presence"
)

// lanesEvery is how often a process looks which lanes are its to run.
const lanesEvery = time.Second

// validateLanes refuses lanes where no other process could take one.
func (c *Config) validateLanes() error {
	if c.Lanes < 1 || c.Lanes > pipeline.MaxLanes {
		return touchstone.Errorf(touchstone.Invalid, "lanes: %d is not between 1 and %d", c.Lanes, pipeline.MaxLanes)
	}
	if c.Lanes > 1 && (c.Store.URL == "" || c.Stream.URL == "") {
		return touchstone.Errorf(touchstone.Invalid, "lanes: processes share the work only with a PostgreSQL store and an external JetStream").
			WithHint("set store.url and stream.url, or leave lanes at 1")
	}
	return nil
}

// laneStages lists the stages of a lane, in the order of those behind identity in [App.stages].
func (a *App) laneStages(spec pipeline.LaneSpec, fence pipeline.Fence) (*profile.Profiles, []pipeline.Stage) {
	share := max(1, a.cfg.Lanes)
	profiles := a.profiles.Lane(spec.Number, spec.Owns, a.cfg.Cache.Profiles*profileBytes/share, fence)
	return profiles, []pipeline.Stage{
		profiles,
		a.segments.Lane(spec.Owns, profiles, a.cfg.Cache.Segments/share),
		keep.NewStage(a.keepers()),
		a.inbox.Writer(),
		a.feed,
	}
}

// runLanes runs the lanes that are this process's, and gives back those that are another's now.
func (a *App) runLanes(ctx context.Context) error {
	if a.store.Dialect() == store.SQLite {
		return nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var running sync.WaitGroup
	defer running.Wait()
	stops := map[pipeline.LaneSpec]context.CancelFunc{}
	tick := time.NewTicker(lanesEvery)
	defer tick.Stop()
	failing := false
	for {
		mine, err := a.myLanes(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			a.logger.Warn("which lanes are this process's cannot be read; it goes on with those that it has", "error", err)
		}
		if failing = err != nil; !failing {
			for spec, stop := range stops {
				if !slices.Contains(mine, spec) {
					stop()
					delete(stops, spec)
				}
			}
			for _, spec := range mine {
				if stops[spec] == nil {
					one, stop := context.WithCancel(ctx)
					stops[spec] = stop
					running.Go(func() {
						if err := a.runLane(one, spec); err != nil {
							cancel(fmt.Errorf("lane %d: %w", spec.Number, err))
						}
					})
				}
			}
		}
		select {
		case <-ctx.Done():
			for _, stop := range stops {
				stop()
			}
			if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
				return err
			}
			return nil
		case <-tick.C:
		}
	}
}

// runLane runs a lane while this process has its lease.
func (a *App) runLane(ctx context.Context, spec pipeline.LaneSpec) error {
	return a.leases.Run(ctx, spec.Name(), func(ctx context.Context, l *lease.Lease) error {
		profiles, stages := a.laneStages(spec, l.Fence)
		err := a.pipeline.RunLane(ctx, spec, stages, l.Fence)
		if errors.Is(err, pipeline.ErrNoLane) { // it is looked again which there are
			err = nil
			<-ctx.Done()
		}
		if l.Err() == nil {
			saving, stop := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
			defer stop()
			if err := profiles.Flush(saving, l.Fence); err != nil {
				a.logger.Warn("the latest values of traits are lost", "lane", spec.Number, "error", err)
			}
		}
		return err
	})
}

// myLanes deals the lanes out to the processes with the role that are there. The lease decides
// who works: processes that see another list for a moment wait for each other.
func (a *App) myLanes(ctx context.Context) (mine []pipeline.LaneSpec, err error) {
	lanes, err := a.pipeline.Lanes(ctx)
	if err != nil || len(lanes) == 0 {
		return nil, err
	}
	list, err := a.presence.List(ctx)
	if err != nil {
		return nil, err
	}
	var there []string
	for _, p := range list {
		if p.Ago <= presence.Gone && slices.Contains(p.Roles, "process") {
			there = append(there, p.ID)
		}
	}
	slices.SortFunc(there, strings.Compare)
	for i, spec := range lanes {
		if len(there) > 0 && there[i%len(there)] == a.leases.Owner() {
			mine = append(mine, spec)
		}
	}
	return mine, nil
}
