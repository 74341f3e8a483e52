package identity

import (
	"context"
	"slices"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

// RulesBody changes rules: kinds that are to be as they stand here, kinds that get what comes
// with the program, and values that are blocked or not.
type RulesBody struct {
	Kinds   []touchstone.KindConfig     `json:"kinds,omitempty"`
	Reset   []touchstone.IdentifierKind `json:"reset,omitempty"`
	Blocked []BlockRule                 `json:"blocked,omitempty"`
}

// BlockRule says whether a value names nobody.
type BlockRule struct {
	Kind    touchstone.IdentifierKind `json:"kind,omitempty"` // empty: of every kind
	Value   string                    `json:"value"`
	Blocked bool                      `json:"blocked"`
}

// Ruled is the result of a change of rules.
type Ruled struct {
	Was RulesBody `json:"was"` // what takes it back
}

const maxRuleChanges = 500 // of one command

func checkRules(body touchstone.JSON) error {
	var in RulesBody
	if err := readBody(body, &in); err != nil {
		return err
	}
	if len(in.Kinds)+len(in.Reset)+len(in.Blocked) > maxRuleChanges {
		return touchstone.Errorf(touchstone.TooLarge, "at most %d rules change at a time", maxRuleChanges)
	}
	return nil
}

// ruler changes rules at a place of the log.
type ruler struct {
	graph *Graph
	rules *Rules
}

func (k ruler) do(ctx context.Context, tx *store.Tx, _ *touchstone.Batch, c touchstone.Command) (any, error) {
	var in RulesBody
	if err := readBody(c.Body, &in); err != nil {
		return nil, err
	}
	out := Ruled{}
	k.graph.rulesChanged = k.rules // taken into force when the batch is committed
	return &out, k.rules.changeIn(ctx, tx, func(now *changes) error {
		out.Was = now.inverse(in)
		for _, kind := range in.Kinds {
			if err := k.rules.setKind(ctx, tx, now, kind); err != nil {
				return err
			}
		}
		for _, kind := range in.Reset {
			if err := k.rules.resetKind(ctx, tx, now, kind); err != nil {
				return err
			}
		}
		for _, b := range in.Blocked {
			if err := k.rules.setBlocked(ctx, tx, now, b.Kind, b.Value, b.Blocked); err != nil {
				return err
			}
		}
		return nil
	})
}

// inverse is what takes a change back.
func (c changes) inverse(in RulesBody) (was RulesBody) {
	kind := func(kind touchstone.IdentifierKind) {
		if i := indexOf(c.kinds, kind); i >= 0 {
			own := c.kinds[i]
			own.Blocked = nil
			was.Kinds = append(was.Kinds, own)
		} else {
			was.Reset = append(was.Reset, kind)
		}
	}
	for _, k := range in.Kinds {
		kind(k.Kind)
	}
	for _, k := range in.Reset {
		if indexOf(c.kinds, k) >= 0 {
			kind(k)
		}
	}
	rules := c.rules()
	for _, b := range in.Blocked {
		list := rules.Blocked
		if b.Kind != "" {
			list = nil
			if i := indexOf(rules.Kinds, b.Kind); i >= 0 {
				list = rules.Kinds[i].Blocked
			}
		}
		if is := slices.Contains(list, b.Value); is != b.Blocked {
			was.Blocked = append(was.Blocked, BlockRule{b.Kind, b.Value, is})
		}
	}
	return was
}

// with returns the changes as they are after some more, without writing anything.
func (c changes) with(in RulesBody) changes {
	out := changes{slices.Clone(c.kinds), slices.Clone(c.blocked)}
	for _, k := range in.Kinds {
		if k.Normaliser == "text" {
			k.Normaliser = ""
		}
		k.Blocked = nil
		out.kinds = append(slices.DeleteFunc(out.kinds, func(have touchstone.KindConfig) bool { return have.Kind == k.Kind }), k)
	}
	for _, kind := range in.Reset {
		out.kinds = slices.DeleteFunc(out.kinds, func(have touchstone.KindConfig) bool { return have.Kind == kind })
	}
	for _, b := range in.Blocked {
		out.blocked = slices.DeleteFunc(out.blocked, func(have blockedChange) bool { return have.kind == b.Kind && have.value == b.Value })
		out.blocked = append(out.blocked, blockedChange{kind: b.Kind, value: b.Value, blocked: b.Blocked})
	}
	return out
}

// Proposed returns the rules as they would be after a change, ready for use.
func (r *Rules) Proposed(ctx context.Context, in RulesBody) (*touchstone.KindSet, error) {
	c, err := readChanges(ctx, r.cfg.DB.Reader())
	if err != nil {
		return nil, err
	}
	return c.with(in).rules().Prepare(r.cfg.Normalisers)
}
