package stage

import (
	"context"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/randid"
	"github.com/touchstone-cdp/touchstone/store"
)

// Fence fails when this process may not write any more.
type Fence func(ctx context.Context, tx *store.Tx) error

const (
	// tendEvery is how often it is looked what is to be done.
	tendEvery = 2 * time.Second
	// heardWithin is how far the reactor may be behind while doubts are settled: the sets are those of now, and whoever
	// is asked stands there from now on.
	heardWithin = 5 * time.Second
	// maxDoubts are settled in one turn.
	maxDoubts = 2_000
)

// Run has versions that are built take their place, everybody asked when sets were built anew, and doubts settled, until
// ctx ends. One process does it at a time. start starts a job; one that is under way already is no error.
func (s *Stages) Run(ctx context.Context, fence Fence, start func(ctx context.Context, kind, cycle string) error) error {
	tick := time.NewTicker(tendEvery)
	defer tick.Stop()
	for {
		if err := s.Tend(ctx, fence, start); err != nil && ctx.Err() == nil {
			s.cfg.Logger.Warn("life cycles could not be looked after and will be again", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Tend is one turn of Run.
func (s *Stages) Tend(ctx context.Context, fence Fence, start func(ctx context.Context, kind, cycle string) error) error {
	list, err := s.read(ctx, s.cfg.DB.Reader(), selectCycles+` ORDER BY c.id`)
	if err != nil {
		return err
	}
	for i := range list {
		x := &list[i]
		switch {
		case x.retired: // its job deletes it
		case x.Version != x.Serving:
			err = s.take(ctx, fence, x)
		default:
			var built bool
			var mark int64
			if built, mark, _, err = s.cfg.Rules.TagRulesBuilt(ctx, s.cfg.DB.Reader(), x.sets()); err == nil && built && mark != x.built {
				err = start(ctx, BeginJob, x.ID)
			}
			if err == nil {
				err = s.settle(ctx, fence, x)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// take has a version whose sets are built decide.
func (s *Stages) take(ctx context.Context, fence Fence, x *Cycle) error {
	v, err := s.version(ctx, s.cfg.DB.Reader(), x.ID, x.Version)
	if err != nil {
		return err
	}
	built, _, failure, err := s.cfg.Rules.TagRulesBuilt(ctx, s.cfg.DB.Reader(), sets(x.ID, v.Version, &v.Definition))
	if err != nil {
		return err
	}
	if failure != x.Failure && (failure != "" || !built) {
		s.failed(ctx, x.ID, failure)
	}
	if !built {
		return nil
	}
	return s.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		if err := fence(ctx, tx); err != nil {
			return err
		}
		now, err := s.get(ctx, tx, x.ID)
		if touchstone.KindOf(err) == touchstone.NotFound || err == nil && (now.Version != x.Version || now.Serving == now.Version) {
			return nil // decided otherwise meanwhile
		}
		if err != nil {
			return err
		}
		if err := s.dropSets(ctx, tx, x.ID, now.Serving); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE stage_cycles SET serving = wanted, failure = '', built = 0, began_at = CASE WHEN began_at = 0 THEN ? ELSE began_at END WHERE id = ?`, s.now(), x.ID); err != nil {
			return err
		}
		return s.cfg.Touch(ctx, tx)
	})
}

// settle asks those anew about whom there is a doubt, once the reactor has heard what lies before.
func (s *Stages) settle(ctx context.Context, fence Fence, x *Cycle) error {
	rows, err := s.cfg.DB.Reader().Query(ctx, `SELECT DISTINCT person FROM stage_spans WHERE doubt > 0 AND cycle = ? AND ended = 0 LIMIT ?`, x.ID, maxDoubts)
	if err != nil {
		return err
	}
	defer rows.Close()
	var persons []touchstone.PersonID
	for rows.Next() {
		var p touchstone.PersonID
		if err := rows.Scan(&p); err != nil {
			return err
		}
		persons = append(persons, p)
	}
	if err := rows.Err(); err != nil || len(persons) == 0 {
		return err
	}
	behind, err := s.cfg.Behind(ctx)
	if err != nil || behind > heardWithin {
		return err
	}
	for len(persons) > 0 {
		some := persons[:min(len(persons), maxPersonsIn)]
		persons = persons[len(some):]
		var moved []touchstone.PersonID
		err := s.cfg.DB.Retry(ctx, func(tx *store.Tx) (err error) {
			if err = fence(ctx, tx); err != nil {
				return err
			}
			moved, err = s.ask(ctx, tx, x, some, nil, whoIsWho)
			return err
		})
		if err == nil && len(moved) > 0 {
			_, err = s.submitShow(ctx, x.ID, moved, randid.New("cmd"))
		}
		if err != nil {
			return err
		}
	}
	return nil
}
