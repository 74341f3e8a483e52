package identity

import (
	"context"
	"log/slog"
	"slices"
	"strings"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

// RulesBody changes rules: kinds that are to be as they stand here, kinds that get what comes
// with the program, and values that are blocked or not.
type RulesBody struct {
	Kinds   []touchstone.KindConfig     `json:"kinds,omitempty"`
	Reset   []touchstone.IdentifierKind `json:"reset,omitempty"`
	Blocked []BlockRule                 `json:"blocked,omitempty"`
	// Whole says that the log tells all rules from here on; those of an earlier release stood in the
	// store only.
	Whole bool `json:"whole,omitempty"`
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
	if in.size() > maxRuleChanges {
		return touchstone.Errorf(touchstone.TooLarge, "at most %d rules change at a time", maxRuleChanges)
	}
	for _, k := range in.Kinds {
		if err := checkKind(k); err != nil {
			return err
		}
	}
	for _, b := range in.Blocked {
		if err := checkBlockRule(b); err != nil {
			return err
		}
	}
	return nil
}

func checkKind(k touchstone.KindConfig) error {
	if k.Kind == touchstone.KindGroupID {
		return touchstone.Errorf(touchstone.Invalid, "group_id names a group, not a person; profiles keep it").WithHint("use account_id for accounts that persons relate to")
	}
	if k.MaxLength > maxValueBytes {
		return touchstone.Errorf(touchstone.Invalid, "max_length must be at most %d", maxValueBytes)
	}
	return nil
}

func checkBlockRule(b BlockRule) error {
	value := strings.TrimSpace(b.Value)
	if value == "" || len(value) > maxBlockedBytes || !storable(value) {
		return touchstone.Errorf(touchstone.Invalid, "value must have 1 to %d bytes", maxBlockedBytes)
	}
	if b.Kind != "" {
		if k, ok := touchstone.ParseKind(string(b.Kind)); !ok || k != b.Kind {
			return touchstone.Errorf(touchstone.Invalid, "%.40q is no kind of identifier.", b.Kind)
		}
	}
	if err := touchstone.CheckBlockedValue(value); err != nil {
		return touchstone.Wrap(touchstone.Invalid, err, "%s", err)
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
	was, err := k.graph.changeRules(ctx, tx, k.rules, c, in)
	return &Ruled{Was: was}, err
}

// rulesChange is a change of the rules that the batch at work has made.
type rulesChange struct {
	rules *Rules
	set   *touchstone.KindSet // as they are now
}

// changeRules changes rules for the facts behind the command: those of its batch, too. Everybody
// else follows when the batch is committed.
func (g *Graph) changeRules(ctx context.Context, tx *store.Tx, rules *Rules, c touchstone.Command, in RulesBody) (was RulesBody, err error) {
	was, set, err := rules.changeIn(ctx, tx, c, in)
	if err != nil {
		return was, err
	}
	g.changed = &rulesChange{rules, set}
	g.kinds.use(set)
	return was, nil
}

// publish takes the rules into force for everybody of this process.
func (c *rulesChange) publish(ctx context.Context, log *slog.Logger) {
	if err := c.rules.Reload(ctx); err != nil {
		log.Warn("changed rules could not be read back; they hold as they were made", "error", err)
		c.rules.set.Replace(c.set)
	}
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

// change has rules changed at a place of the log by submit, and takes them into force. What is not
// asked for, but told beside it, is a command of its own.
func (r *Rules) change(ctx context.Context, in RulesBody, submit func(in RulesBody, asked bool) error) error {
	if _, err := r.Proposed(ctx, in); err != nil {
		return err
	}
	if err := r.tell(ctx, submit); err != nil {
		return err
	}
	if err := submit(in, true); err != nil {
		return err
	}
	return r.Reload(ctx)
}

// tell has the log know the rules that an earlier release kept in the store only.
func (r *Rules) tell(ctx context.Context, submit func(in RulesBody, asked bool) error) error {
	bodies, err := r.unlogged(ctx)
	for _, body := range bodies {
		if err := submit(body, false); err != nil {
			return err
		}
	}
	return err
}
