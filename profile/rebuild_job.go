package profile

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/job"
)

// RebuildJob is the kind of the job that computes all profiles anew.
const RebuildJob = "profiles.rebuild"

const (
	rebuiltTogether = 200 // persons of one command
	rebuildLook     = 250 * time.Millisecond
)

// RebuildKind is the rebuild of all profiles as a job. It gives commands, of some persons each,
// and waits for what they began: so the stage holds few histories at a time, the pipeline
// goes on, and how far the job is are profiles that are done.
func (p *Profiles) RebuildKind(submit func(context.Context, touchstone.Command) error) job.Kind {
	return job.Kind{Name: RebuildJob, Serves: touchstone.Operation("what is stored is computed anew"), Heavy: true, Start: "people:write", Run: func(ctx context.Context, r job.Run) (touchstone.JSON, error) {
		return p.rebuildAll(ctx, r, submit)
	}}
}

// rebuildProgress is what another attempt goes on from.
type rebuildProgress struct {
	After touchstone.PersonID `json:"after"`
	Done  int64               `json:"done"`
	Total int64               `json:"total"`
}

func (p *Profiles) rebuildAll(ctx context.Context, r job.Run, submit func(context.Context, touchstone.Command) error) (touchstone.JSON, error) {
	var at rebuildProgress
	if state := r.State(); state != "" {
		if err := json.Unmarshal([]byte(state), &at); err != nil {
			return "", fmt.Errorf("read how far the job is: %w", err)
		}
	} else {
		n, err := p.Count(ctx)
		if err != nil {
			return "", err
		}
		at.Total = int64(n)
	}
	for {
		persons, err := p.PersonsAfter(ctx, at.After, rebuiltTogether)
		if err != nil {
			return "", err
		}
		if len(persons) == 0 {
			break
		}
		if err := p.rebuildSome(ctx, persons, submit); err != nil {
			return "", err
		}
		at.After, at.Done = persons[len(persons)-1], at.Done+int64(len(persons))
		at.Total = max(at.Total, at.Done) // persons have come since
		state, err := json.Marshal(at)
		if err != nil {
			return "", err
		}
		if err := r.Save(ctx, at.Done, at.Total, touchstone.JSON(state)); err != nil {
			return "", err
		}
	}
	result, err := json.Marshal(map[string]any{"profiles": at.Done})
	return touchstone.JSON(result), err
}

// PersonsAfter returns persons with a profile, in the order of their numbers.
func (p *Profiles) PersonsAfter(ctx context.Context, after touchstone.PersonID, limit int) (list []touchstone.PersonID, err error) {
	rows, err := p.cfg.DB.Reader().Query(ctx, `SELECT person FROM profile_activity WHERE person > ? ORDER BY person LIMIT ?`, int64(after), limit)
	if err != nil {
		return nil, fmt.Errorf("read who has a profile: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		list = append(list, touchstone.PersonID(id))
	}
	return list, rows.Err()
}

// rebuildSome has profiles computed anew and waits until they are. Persons are in order.
func (p *Profiles) rebuildSome(ctx context.Context, persons []touchstone.PersonID, submit func(context.Context, touchstone.Command) error) error {
	ids, err := p.cfg.Identifiers.IdentifiersOf(ctx, persons)
	if err != nil {
		return err
	}
	var in RebuildBody
	for _, person := range persons {
		if list := ids[person]; len(list) > 0 { // else it was absorbed or erased meanwhile
			in.Persons = append(in.Persons, list[0].String())
		}
	}
	if len(in.Persons) == 0 {
		return nil
	}
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	if err := submit(ctx, touchstone.Command{Kind: RebuildCommand, Actor: "job", Body: touchstone.JSON(body)}); err != nil {
		return err
	}
	for {
		waiting, err := p.waitingRebuilds(ctx)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(waiting, func(w waitingRebuild) bool { _, found := slices.BinarySearch(persons, w.person); return found }) {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(rebuildLook):
		}
	}
}
