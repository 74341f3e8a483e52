package consent

import (
	"context"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

// Ask is what the gate is asked for: a purpose of the policy, or a use of the program's, whose
// purpose the policy names.
type Ask struct {
	Purpose string         // wins over Use
	Use     touchstone.Use // "" is no use: refused when there is a policy
	Channel string         // "" for none in particular
}

// Gate tells whether something may be done with somebody. All that puts out or acts on persons asks it.
type Gate struct{ c *Consent }

// Gate returns the one gate.
func (c *Consent) Gate() Gate { return Gate{c} }

// Allows answers about one person; 0 is somebody of whom nothing is known.
func (g Gate) Allows(ctx context.Context, person touchstone.PersonID, ask Ask) (Verdict, error) {
	all, err := g.Verdicts(ctx, []touchstone.PersonID{person}, ask)
	return all[person], err
}

// Verdicts answers about persons: one look-up for all of them, in a view of the store of now. It fails rather than
// guesses, and who asks then does nothing.
func (g Gate) Verdicts(ctx context.Context, persons []touchstone.PersonID, ask Ask) (map[touchstone.PersonID]Verdict, error) {
	q := g.c.cfg.DB.Reader()
	out := make(map[touchstone.PersonID]Verdict, len(persons))
	if len(persons) == 0 {
		return out, nil
	}
	policy, _, err := g.c.current(ctx, q)
	if err != nil {
		return nil, err
	}
	purpose := ask.purpose(policy)
	var cells map[touchstone.PersonID][]cell
	var minors map[touchstone.PersonID]bool
	if u := policy.Purpose(purpose); u != nil && u.Basis != Necessary {
		if cells, err = readCells(ctx, q, persons); err != nil {
			return nil, err
		}
		if g.c.cfg.Minors != nil {
			if minors, err = g.c.cfg.Minors(ctx, persons); err != nil {
				return nil, err
			}
		}
	}
	for _, p := range persons {
		v := policy.judge(cells[p], minors[p], purpose, ask.Channel)
		out[p] = v
		g.c.metrics.verdicts.WithLabelValues(string(v.Outcome)).Inc()
	}
	return out, nil
}

// Among returns those of the persons with whom it may be done, in the order asked. Who wants
// nothing that goes by them is left out, too.
func (g Gate) Among(ctx context.Context, persons []touchstone.PersonID, ask Ask) ([]touchstone.PersonID, error) {
	verdicts, err := g.Verdicts(ctx, persons, ask)
	if err != nil {
		return nil, err
	}
	kept := make([]touchstone.PersonID, 0, len(persons))
	for _, p := range persons {
		if v := verdicts[p]; v.Outcome == Allowed {
			kept = append(kept, p)
		}
	}
	return kept, nil
}

// Check refuses a purpose that the policy that q sees does not name; "" leaves it to the use.
func (g Gate) Check(ctx context.Context, q store.Querier, purpose string) error {
	if purpose == "" {
		return nil
	}
	policy, _, err := g.c.current(ctx, q)
	if err != nil {
		return err
	}
	if policy.Purpose(purpose) == nil {
		return touchstone.Errorf(touchstone.Invalid, "The consent policy has no purpose %.40q.", purpose).WithHint("GET /api/v1/consent/policy lists them.")
	}
	return nil
}

// purpose returns what is asked for; "" when the policy names nothing for the use.
func (a Ask) purpose(p *Policy) string {
	if a.Purpose != "" || p == nil {
		return a.Purpose
	}
	return p.Uses[a.Use]
}

// all returns the verdicts about a person, of each purpose as a whole and by each of its channels.
func (c *Consent) all(ctx context.Context, person touchstone.PersonID) (list []Verdict, minor bool, err error) {
	list = []Verdict{}
	q := c.cfg.DB.Reader()
	policy, _, err := c.current(ctx, q)
	if err != nil || policy == nil {
		return list, false, err
	}
	cells, err := readCells(ctx, q, []touchstone.PersonID{person})
	if err != nil {
		return nil, false, err
	}
	if c.cfg.Minors != nil {
		minors, err := c.cfg.Minors(ctx, []touchstone.PersonID{person})
		if err != nil {
			return nil, false, err
		}
		minor = minors[person]
	}
	for i := range policy.Purposes {
		u := &policy.Purposes[i]
		for _, channel := range append([]string{""}, u.Channels...) {
			list = append(list, policy.judge(cells[person], minor, u.Key, channel))
		}
	}
	return list, minor, nil
}
