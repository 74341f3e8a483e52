package identity

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

// Pending tells that the rules are others than those by which the whole graph was last judged.
type Pending struct {
	Since   time.Time                   `json:"since"`   // of the first change
	Kinds   []touchstone.IdentifierKind `json:"kinds"`   // whose rules are others
	Values  int                         `json:"values"`  // that are blocked and were not, or the other way round
	Partial bool                        `json:"partial"` // a re-run has stopped in the middle
	// Undoable: a re-run by the rules that were brings everything back.
	Undoable bool `json:"undoable"`
}

// standing is how far the graph follows the rules.
type standingRules struct {
	was     RulesBody
	beyond  int64
	since   int64
	latest  string
	partial int64
	logged  int64
}

func readStanding(ctx context.Context, q store.Querier) (s standingRules, err error) {
	var was string
	err = q.QueryRow(ctx, `SELECT was, beyond, since, latest, partial, logged FROM identity_rules WHERE id = 1`).Scan(&was, &s.beyond, &s.since, &s.latest, &s.partial, &s.logged)
	if err == nil && was != "" {
		err = json.Unmarshal([]byte(was), &s.was)
	}
	if err != nil {
		return s, fmt.Errorf("read how far the graph follows the rules: %w", err)
	}
	return s, nil
}

func (s *standingRules) save(ctx context.Context, tx *store.Tx) error {
	was, err := json.Marshal(s.was)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `UPDATE identity_rules SET was = ?, beyond = ?, since = ?, latest = ?, partial = ?, logged = ? WHERE id = 1`,
		string(was), s.beyond, s.since, s.latest, s.partial, s.logged)
	if err != nil {
		return fmt.Errorf("note how far the graph follows the rules: %w", err)
	}
	return nil
}

// view is what people are told; nil when the graph follows the rules.
func (s *standingRules) view() *Pending {
	if s.since == 0 {
		return nil
	}
	p := Pending{Since: timeOf(s.since), Kinds: []touchstone.IdentifierKind{}, Values: len(s.was.Blocked) + int(s.beyond), Partial: s.partial != 0, Undoable: s.beyond == 0}
	for _, k := range s.was.Kinds {
		p.Kinds = append(p.Kinds, k.Kind)
	}
	p.Kinds = append(p.Kinds, s.was.Reset...)
	slices.Sort(p.Kinds)
	return &p
}

// note adds a change to what the graph does not follow yet. Changes that were taken back are none,
// unless a part of the graph was judged by them.
func (s *standingRules) note(before, after changes, was RulesBody, c touchstone.Command) {
	if sameJudgement(before.rules(), after.rules()) {
		return
	}
	s.latest = c.ID
	s.since = firstOf(s.since, c.SubmittedAt.UnixMilli())
	s.beyond += int64(s.was.absorb(was))
	if s.partial == 0 && s.beyond == 0 && sameJudgement(after.rules(), after.with(s.was).rules()) {
		s.was, s.since = RulesBody{}, 0
	}
}

func firstOf(have, now int64) int64 {
	if have != 0 {
		return have
	}
	return now
}

// absorb adds what takes a later change back, where no earlier one says it already; it returns how
// much found no room.
func (b *RulesBody) absorb(later RulesBody) (left int) {
	for _, k := range later.Kinds {
		if !b.names(k.Kind) {
			left += b.room(func() { b.Kinds = append(b.Kinds, k) })
		}
	}
	for _, k := range later.Reset {
		if !b.names(k) {
			left += b.room(func() { b.Reset = append(b.Reset, k) })
		}
	}
	for _, v := range later.Blocked {
		if !slices.ContainsFunc(b.Blocked, func(have BlockRule) bool { return have.Kind == v.Kind && have.Value == v.Value }) {
			left += b.room(func() { b.Blocked = append(b.Blocked, v) })
		}
	}
	return left
}

func (b *RulesBody) names(kind touchstone.IdentifierKind) bool {
	return slices.Contains(b.Reset, kind) || slices.ContainsFunc(b.Kinds, func(k touchstone.KindConfig) bool { return k.Kind == kind })
}

func (b *RulesBody) size() int { return len(b.Kinds) + len(b.Reset) + len(b.Blocked) }

func (b *RulesBody) room(add func()) (left int) {
	if b.size() >= maxRuleChanges {
		return 1
	}
	add()
	return 0
}

// sameJudgement reports whether rules make the same persons of the same evidence: what is a contact
// does not matter.
func sameJudgement(a, b touchstone.KindRules) bool {
	if !sameValues(a.Blocked, b.Blocked) {
		return false
	}
	of := func(rules touchstone.KindRules, kind touchstone.IdentifierKind) touchstone.KindConfig {
		c := touchstone.OtherKind(kind)
		if i := indexOf(rules.Kinds, kind); i >= 0 {
			c = rules.Kinds[i]
		}
		if c.Role == "" {
			c.Role = touchstone.Identifies
		}
		if c.SharedAfter == 0 {
			c.SharedAfter = touchstone.DefaultSharedAfter
		}
		c.Contact, c.MaxLength = false, 0
		return c
	}
	for _, list := range [][]touchstone.KindConfig{a.Kinds, b.Kinds} {
		for _, k := range list {
			x, y := of(a, k.Kind), of(b, k.Kind)
			if !sameValues(x.Blocked, y.Blocked) {
				return false
			}
			x.Blocked, y.Blocked = nil, nil
			if !equalKinds(x, y) {
				return false
			}
		}
	}
	return true
}

// equalKinds compares all of two kinds but the lists of values.
func equalKinds(x, y touchstone.KindConfig) bool {
	return x.Role == y.Role && x.Priority == y.Priority && x.Limit == y.Limit && x.Normaliser == y.Normaliser &&
		x.TellsApart == y.TellsApart && x.SharedAfter == y.SharedAfter && x.WindowLimit == y.WindowLimit && x.WindowDays == y.WindowDays
}

func sameValues(a, b []string) bool {
	if len(a) != len(b) {
		return false
	}
	has := make(map[string]bool, len(a))
	for _, v := range a {
		has[v] = true
	}
	return !slices.ContainsFunc(b, func(v string) bool { return !has[v] })
}

// settle notes that the whole graph was judged by the rules as the command of the latest change left
// them; a change since then stays to be followed.
func settle(ctx context.Context, tx *store.Tx, in RejudgeBody) error {
	s, err := readStanding(ctx, tx)
	switch {
	case err != nil:
		return err
	case in.Whole && in.Latest == s.latest:
		s.was, s.beyond, s.since, s.partial = RulesBody{}, 0, 0, 0
	case in.Whole || s.partial != 0 || s.since == 0:
		return nil
	default:
		s.partial = 1
	}
	return s.save(ctx, tx)
}

// unlogged returns commands' bodies that tell the log of rules which an earlier release kept only in
// the store; none when the log has them all.
func (r *Rules) unlogged(ctx context.Context) (bodies []RulesBody, err error) {
	s, err := readStanding(ctx, r.cfg.DB.Reader())
	if err != nil || s.logged != 0 {
		return nil, err
	}
	c, err := readChanges(ctx, r.cfg.DB.Reader())
	if err != nil {
		return nil, err
	}
	bodies = []RulesBody{{Kinds: c.kinds}} // at most 200
	for part := range slices.Chunk(c.blocked, maxRuleChanges-maxOwnKinds) {
		last := &bodies[len(bodies)-1]
		if len(last.Blocked) > 0 {
			bodies = append(bodies, RulesBody{})
			last = &bodies[len(bodies)-1]
		}
		for _, b := range part {
			last.Blocked = append(last.Blocked, BlockRule{b.kind, b.value, b.blocked})
		}
	}
	bodies[len(bodies)-1].Whole = true
	return bodies, nil
}
