package segment

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/segment/rule"
	"github.com/touchstone-cdp/touchstone/store"
)

// A tag may go by rules. Each is a set like a segment, kept up to date in the same way, and listed
// nowhere: no rule may name it. Its entries and exits are told to reactors, for the tag's sake.

// kindTag is the kind of such a set.
const kindTag Kind = "tag"

// What begins its id, of a rule of a tag and of a stage of a life cycle, which is kept likewise.
const (
	TagRulePrefix   = "tagv_"
	StageRulePrefix = "stgv_"
)

// ofFeature tells whether a set is a tag's or a life cycle's, which have a history of their own.
func ofFeature(id string) bool {
	return strings.HasPrefix(id, TagRulePrefix) || strings.HasPrefix(id, StageRulePrefix)
}

// maxTagRules is how many there may be.
const maxTagRules = 2_000

// listedKinds is the condition on the kind of a segment that people see.
const listedKinds = `kind NOT IN ('rows', 'tag')`

// CheckTagRule tells what is wrong with a rule, without making anything of it.
func (s *Segments) CheckTagRule(ctx context.Context, text touchstone.JSON) error {
	r, err := rule.Parse(text)
	if err != nil {
		return err
	}
	return s.checkKnown(ctx, r)
}

// KeepTagRule makes the set of a rule, in a transaction of the caller's, who wakes the pipeline when it is committed. A
// set that is there stays as it is, unless its build has failed: then it is built again.
func (s *Segments) KeepTagRule(ctx context.Context, tx *store.Tx, set string, text touchstone.JSON) error {
	r, err := rule.Parse(text)
	if err != nil {
		return err
	}
	if err := checkRefs(ctx, tx, set, r); err != nil {
		return err
	}
	var failure string
	err = tx.QueryRow(ctx, `SELECT failure FROM segments WHERE id = ?`, set).Scan(&failure)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		err = s.insert(ctx, tx, set, kindTag, Draft{Name: set}, r, nil)
	case err == nil && failure != "":
		if _, err = tx.Exec(ctx, `UPDATE segments SET failure = '' WHERE id = ?`, set); err == nil {
			err = rebuild(ctx, tx, set)
		}
		if err == nil {
			err = bump(ctx, tx)
		}
	}
	if err == nil {
		err = s.cfg.WakeIn(ctx, tx)
	}
	return err
}

// DropTagRules deletes sets; those that are not there are none.
func (s *Segments) DropTagRules(ctx context.Context, tx *store.Tx, sets []string) error {
	for _, set := range sets {
		if err := remove(ctx, tx, set); err != nil {
			return err
		}
	}
	if len(sets) == 0 {
		return nil
	}
	if err := bump(ctx, tx); err != nil {
		return err
	}
	return s.cfg.WakeIn(ctx, tx)
}

// TagRulesBuilt tells whether all of the sets answer by their rule, and of those whose build has failed why. The mark
// grows whenever one has been built anew: what that changes is told to nobody.
func (s *Segments) TagRulesBuilt(ctx context.Context, q store.Querier, sets []string) (built bool, mark int64, failure string, err error) {
	n := 0
	built = true
	err = store.SelectIn(ctx, q, `SELECT live, building, failure FROM segments WHERE id IN (...)`, sets, func(rows *sql.Rows) error {
		var live, building int64
		var why string
		if err := rows.Scan(&live, &building, &why); err != nil {
			return err
		}
		n++
		mark += live
		if building != 0 || why != "" {
			built = false
		}
		if building == 0 && why != "" {
			failure = why
		}
		return nil
	})
	return built && n == len(sets), mark, failure, err
}

// InTagRules returns, for each person, which of the sets it is in, as of what the transaction sees: ascending places in sets.
func (s *Segments) InTagRules(ctx context.Context, q store.Querier, sets []string, persons []touchstone.PersonID) (map[touchstone.PersonID][]int, error) {
	generations := make([]uint32, len(sets))
	err := store.SelectIn(ctx, q, `SELECT id, live FROM segments WHERE id IN (...)`, sets, func(rows *sql.Rows) error {
		var id string
		var live uint32
		if err := rows.Scan(&id, &live); err != nil {
			return err
		}
		if at := slices.Index(sets, id); live != 0 {
			generations[at] = live
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	in := map[touchstone.PersonID][]int{}
	err = store.SelectIn(ctx, q, `SELECT person, state FROM segment_states WHERE person IN (...)`, persons, func(rows *sql.Rows) error {
		var person touchstone.PersonID
		var text []byte
		if err := rows.Scan(&person, &text); err != nil {
			return err
		}
		var st state
		if err := st.decode(text); err != nil {
			return fmt.Errorf("person %s: %w", person, err)
		}
		for i, g := range generations {
			if _, is := st.enteredAt(g); is && g != 0 {
				in[person] = append(in[person], i)
			}
		}
		return nil
	})
	return in, err
}
