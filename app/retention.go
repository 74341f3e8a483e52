package app

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/command"
	"github.com/touchstone-cdp/touchstone/privacy/retain"
	"github.com/touchstone-cdp/touchstone/profile"
	"github.com/touchstone-cdp/touchstone/warehouse"
)

// wireRetention makes what removes data that has been kept long enough.
func (a *App) wireRetention(ctx context.Context) (err error) {
	cfg := retain.Config{DB: a.store, Clock: a.clock, Held: a.heldNodes, Aged: a.agedTraits, Forget: a.forgetTraits, OfClasses: a.traitsOf, Personal: a.personal(), Zone: a.settings.Zone, Logger: a.part("retention")}
	if a.duck != nil {
		cfg.Warehouse = a.duck
	}
	a.retention, err = retain.Open(ctx, cfg)
	return err
}

func (a *App) retentionResource() api.Resource {
	return retain.Resource(func() retain.Parts { return retain.Parts{Retention: a.retention, Ask: a.ask} })
}

// heldNodes returns everybody whom a hold keeps.
func (a *App) heldNodes(ctx context.Context) (map[touchstone.PersonID][]touchstone.NodeID, error) {
	persons, err := a.holds.Everybody(ctx)
	if err != nil || len(persons) == 0 {
		return nil, err
	}
	nodes, err := a.graph.NodesOfPersons(ctx, persons)
	if err != nil {
		return nil, err
	}
	out := make(map[touchstone.PersonID][]touchstone.NodeID, len(persons))
	for person, list := range nodes {
		for i := range list {
			out[person] = append(out[person], list[i].ID)
		}
	}
	return out, nil
}

// agedTraits calls fn for those who have a value that was set before a moment.
func (a *App) agedTraits(ctx context.Context, names []string, before time.Time, fn func(t retain.Trait) error) error {
	names = slices.DeleteFunc(slices.Clone(names), profile.IsComputed) // computed anew in any case
	return a.profiles.Each(ctx, func(id touchstone.PersonID, trait func(name string) (touchstone.JSON, bool)) error {
		var has []string
		for _, name := range names {
			if value, ok := trait(name); ok && value != "null" {
				has = append(has, name)
			}
		}
		if len(has) == 0 {
			return nil
		}
		one, err := a.profiles.Get(ctx, access.System(), id)
		if err != nil {
			if touchstone.KindOf(err) == touchstone.NotFound {
				return nil
			}
			return err
		}
		old := retain.Trait{Person: id}
		for _, name := range has {
			if meta, ok := one.TraitMeta[name]; ok && meta.UpdatedAt.Before(before) {
				old.Names = append(old.Names, name)
			}
		}
		if len(old.Names) == 0 {
			return nil
		}
		return fn(old)
	})
}

// personal tells what says something of one person: by the name of its field, by its class in the catalogue, or by its form.
func (a *App) personal() warehouse.Personal {
	nobody := &access.Viewer{Kind: "job", Kinds: a.kinds, Fields: a.fields}
	return func(name string, value touchstone.JSON) bool {
		whole := strings.HasPrefix(string(value), "{") || strings.HasPrefix(string(value), "[") // their parts are asked about
		return nobody.Hides(name) || access.FormOf(name, value) != access.NoClass || !whole && nobody.JSON(value) != value
	}
}

// traitsOf returns the traits that are of one of the classes of personal data.
func (a *App) traitsOf(ctx context.Context, classes []access.Class) ([]string, error) {
	all, err := a.profiles.Traits(ctx, access.System())
	if err != nil {
		return nil, err
	}
	known := a.fields.All()
	var names []string
	for i := range all {
		class, classed := known[all[i].Trait]
		if !classed {
			class = access.NamedClass(all[i].Trait)
		}
		if slices.Contains(classes, class) {
			names = append(names, all[i].Trait)
		}
	}
	return names, nil
}

// forgetTraits takes values away by a command, so that a rebuild has it, too.
func (a *App) forgetTraits(ctx context.Context, t retain.Trait) error {
	return a.unsetTraits(ctx, t.Person, t.Names, "retention")
}

// unsetTraits takes values away from a person; actor says on whose behalf.
func (a *App) unsetTraits(ctx context.Context, person touchstone.PersonID, names []string, actor string) error {
	ids, err := a.strongest(ctx, []touchstone.PersonID{person})
	if err != nil {
		return err
	}
	id, ok := ids[person]
	if !ok {
		return touchstone.Errorf(touchstone.NotFound, "there is no person %s", person)
	}
	in := profile.CorrectBody{Person: id.String(), Traits: map[string]touchstone.JSON{}}
	for _, name := range names {
		in.Traits[name] = "null"
	}
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	_, err = a.commands.Submit(ctx, touchstone.Command{ID: command.NewID(), Kind: profile.CorrectCommand, Actor: actor, Body: touchstone.JSON(body)})
	return err
}

// retainEvery is how often it is looked whether a run of retention is due.
const retainEvery = time.Minute

// runRetention starts the day's run of retention, and one soon after the rules change, or in a store that
// has never seen one, as after a rebuild.
func (a *App) runRetention(ctx context.Context) error {
	for tick := time.NewTicker(retainEvery); ; {
		select {
		case <-ctx.Done():
			tick.Stop()
			return nil
		case <-tick.C:
		}
		due, err := a.retention.Due(ctx)
		if err == nil && due {
			if _, err := a.startJob(ctx, access.System(), retain.RunJob, "{}"); err != nil && ctx.Err() == nil {
				a.logger.Warn("the run of retention cannot be started; it is tried again", "error", err)
			}
		} else if err != nil && ctx.Err() == nil {
			a.logger.Warn("whether a run of retention is due cannot be read; it is tried again", "error", err)
		}
	}
}
