package retain

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/job"
	"github.com/touchstone-cdp/touchstone/store"
)

// RunJob carries the rules out.
const RunJob = "retention.run"

// Bounds of a run.
const (
	span      = 24 * time.Hour // events of so much time are deleted in one transaction
	maxValues = 10_000         // persons whose traits one run takes away: a command each
)

// JobKind is the job that carries the rules out. Interrupted, it begins anew: what is gone is gone.
func (x *Retention) JobKind() job.Kind {
	return job.Kind{Name: RunJob, Serves: touchstone.Operation("a duty of the law"), Heavy: true, Start: mayWrite, Run: x.run,
		Prepare: func(context.Context, *access.Viewer, touchstone.JSON) (job.Prepared, error) {
			return job.Prepared{Input: "{}", Key: RunJob}, nil
		}}
}

func (x *Retention) run(ctx context.Context, r job.Run) (touchstone.JSON, error) {
	rules, err := x.Rules(ctx)
	if err != nil {
		return "", err
	}
	receipt := Receipt{ID: r.ID(), StartedAt: x.cfg.Clock.Now(), Version: rules.Version}
	if err := x.note(ctx, &receipt); err != nil {
		return "", err
	}
	r.Note(touchstone.Textf("Removing what has been kept long enough"))
	if receipt.Counts, err = x.carryOut(ctx, rules.Rules, false, func(done, total int) { r.Report(int64(done), int64(total)) }); err != nil {
		return "", err
	}
	now := x.cfg.Clock.Now()
	receipt.EndedAt = &now
	if err := x.note(ctx, &receipt); err != nil {
		return "", err
	}
	text, err := json.Marshal(map[string]any{"rules": receipt.Counts})
	return touchstone.JSON(text), err
}

// note writes a receipt, and forgets those of before 400 days.
func (x *Retention) note(ctx context.Context, r *Receipt) error {
	counts, err := json.Marshal(r.Counts)
	if err != nil {
		return err
	}
	ended := int64(0)
	if r.EndedAt != nil {
		ended = r.EndedAt.UnixMilli()
	}
	return x.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		if _, err := tx.Exec(ctx, `DELETE FROM retention_runs WHERE started_at < ?`, r.StartedAt.AddDate(0, 0, -400).UnixMilli()); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO retention_runs (id, started_at, ended_at, version, counts) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT (id) DO UPDATE SET ended_at = excluded.ended_at, counts = excluded.counts`, r.ID, r.StartedAt.UnixMilli(), ended, r.Version, string(counts))
		return err
	})
}

// Preview tells what rules would remove now.
func (x *Retention) Preview(ctx context.Context, rules []Rule) ([]Count, error) {
	return x.carryOut(ctx, rules, true, func(int, int) {})
}

func (x *Retention) carryOut(ctx context.Context, rules []Rule, trial bool, report func(done, total int)) ([]Count, error) {
	held, err := x.cfg.Held(ctx)
	if err != nil {
		return nil, err
	}
	var nodes []touchstone.NodeID
	for _, list := range held {
		nodes = append(nodes, list...)
	}
	counts := make([]Count, len(rules))
	for i := range rules {
		c := &counts[i]
		c.Rule, c.Kind, c.Before, c.Action = rules[i].Name, rules[i].Kind, x.before(&rules[i]), cmp.Or(rules[i].Action, Erase)
		switch rules[i].Kind {
		case Events:
			err = x.events(ctx, &rules[i], c, nodes, trial)
		case Traits:
			err = x.traits(ctx, &rules[i], c, held, trial)
		}
		if err != nil {
			return nil, err
		}
		report(i+1, len(rules))
	}
	return counts, nil
}

func (x *Retention) events(ctx context.Context, r *Rule, c *Count, nodes []touchstone.NodeID, trial bool) error {
	if x.cfg.Warehouse == nil {
		return touchstone.Errorf(touchstone.Unavailable, "this process does not hold the warehouse").WithHint("run jobs in the process with the role sink")
	}
	e := x.expiry(r, c.Before, nodes)
	e.Trial = true
	n, err := x.cfg.Warehouse.Expire(ctx, e)
	if err != nil {
		return err
	}
	all := e
	all.Keep = nil
	total, err := x.cfg.Warehouse.Expire(ctx, all)
	if err != nil {
		return err
	}
	if c.Held = total - n; trial {
		c.Removed = n
		return nil
	}
	for e.Trial = false; ; {
		oldest, ok, err := x.cfg.Warehouse.Oldest(ctx, e)
		if err != nil || !ok {
			return err
		}
		part := e
		until := oldest.Add(span)
		if r.Action == Anonymise {
			until = dayOf(oldest, e.Zone).In(e.Zone).AddDate(0, 0, 1)
		}
		if until.Before(e.Before) {
			part.Before = until
		}
		n, err := x.cfg.Warehouse.Expire(ctx, part)
		if c.Removed += n; err != nil {
			return err
		}
	}
}

func (x *Retention) traits(ctx context.Context, r *Rule, c *Count, held map[touchstone.PersonID][]touchstone.NodeID, trial bool) error {
	var due []Trait
	names := slices.Clone(r.Traits)
	if len(r.Classes) > 0 {
		more, err := x.cfg.OfClasses(ctx, r.Classes)
		if err != nil {
			return err
		}
		names = append(names, more...)
		slices.Sort(names)
		names = slices.Compact(names)
	}
	err := x.cfg.Aged(ctx, names, c.Before, func(t Trait) error {
		switch _, kept := held[t.Person]; {
		case kept:
			c.Held += int64(len(t.Names))
		case trial:
			c.Removed += int64(len(t.Names))
		case len(due) == maxValues:
			c.Left += int64(len(t.Names))
		default:
			due = append(due, t)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, t := range due {
		switch err := x.cfg.Forget(ctx, t); touchstone.KindOf(err) {
		case touchstone.NotFound: // is nobody any more
		default:
			if err != nil {
				return err
			}
			c.Removed += int64(len(t.Names))
		}
	}
	return nil
}
