package console

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/store"
)

// RowSets keep the sets of persons that users and keys are limited to: *segment.Segments.
type RowSets interface {
	KeepRows(ctx context.Context, anyOf []access.RowCondition) (set string, err error)
	ForgetRows(ctx context.Context, used []string, before time.Time) error
}

// seesAnswer says whom a user or a key may see.
type seesAnswer struct {
	Any []access.RowCondition `json:"any"`
}

// The bounds of what somebody is limited to.
const (
	maxRowConditions = 20
	maxRowValues     = 200
	maxRowText       = 500
)

// limits is what is stored of it: conditions as they were given, and the set that they make.
// Empty stands for everybody.
type limits struct{ anyOf, set string }

// answer is nil for who sees everybody.
func (l limits) answer() (*seesAnswer, error) {
	if l.anyOf == "" {
		return nil, nil
	}
	a := &seesAnswer{}
	return a, json.Unmarshal([]byte(l.anyOf), &a.Any)
}

// viewerRows is what the reads go by. What cannot be read shows nobody.
func (l limits) viewerRows() *access.Rows {
	a, err := l.answer()
	switch {
	case err != nil:
		return &access.Rows{}
	case a == nil:
		return nil
	}
	return &access.Rows{Set: l.set, Any: a.Any}
}

// readLimits checks what somebody is to be limited to, null or an object, and has the set kept.
// me are the values that stand for the user; none for a key.
func (c *Console) readLimits(ctx context.Context, text touchstone.JSON, me ...string) (limits, error) {
	if text == "" || text == "null" {
		return limits{}, nil
	}
	var in seesAnswer
	if err := api.DecodeJSON([]byte(text), &in); err != nil {
		return limits{}, err
	}
	if n := len(in.Any); n == 0 || n > maxRowConditions {
		return limits{}, touchstone.Errorf(touchstone.Invalid, "rows.any must hold 1 to %d conditions.", maxRowConditions).
			WithHint("null lets see everybody.")
	}
	conditions := make([]access.RowCondition, len(in.Any))
	for i := range in.Any {
		one, err := checkRows(&in.Any[i], len(me) > 0)
		if err != nil {
			return limits{}, err
		}
		in.Any[i], conditions[i] = one, one
		if one.Me {
			conditions[i].Values = slices.Concat(one.Values, me)
		}
	}
	if c.cfg.Rows == nil {
		return limits{}, api.NotHere("segments")
	}
	set, err := c.cfg.Rows.KeepRows(ctx, conditions)
	if err != nil {
		return limits{}, err
	}
	kept, err := json.Marshal(in.Any)
	return limits{string(kept), set}, err
}

func checkRows(in *access.RowCondition, hasMe bool) (access.RowCondition, error) {
	out := access.RowCondition{Values: []string{}, Me: in.Me}
	var err error
	if out.Trait, err = api.CheckName("trait", in.Trait, 200); err != nil {
		return out, err
	}
	if in.Me && !hasMe {
		return out, touchstone.Errorf(touchstone.Invalid, "An API key is nobody: \"me\" stands for a user.")
	}
	for _, v := range in.Values {
		if v = strings.TrimSpace(v); v == "" || len(v) > maxRowText {
			return out, touchstone.Errorf(touchstone.Invalid, "A value of %q is empty or longer than %d bytes.", out.Trait, maxRowText)
		}
		out.Values = append(out.Values, v)
	}
	slices.Sort(out.Values)
	out.Values = slices.Compact(out.Values)
	if n := len(out.Values); n > maxRowValues || n == 0 && !in.Me {
		return out, touchstone.Errorf(touchstone.Invalid, "Name 1 to %d values of %q.", maxRowValues, out.Trait)
	}
	return out, nil
}

// checkRowsOfRole refuses an administrator who sees some persons only: such a one could change it.
func checkRowsOfRole(role access.Role, l limits) error {
	if role == access.Admin && l.anyOf != "" {
		return touchstone.Errorf(touchstone.Invalid, "An administrator sees everybody.").WithHint("Choose another role, or no limits.")
	}
	return nil
}

// keepRows has the sets in use kept, and those that nobody uses any more forgotten.
func (c *Console) keepRows(ctx context.Context) error {
	if c.cfg.Rows == nil {
		return nil
	}
	var used []string
	rows, err := c.cfg.DB.Reader().Query(ctx, `SELECT rows_set FROM console_users WHERE rows_set <> '' UNION SELECT rows_set FROM console_api_keys WHERE rows_set <> ''`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var set string
		if err := rows.Scan(&set); err != nil {
			return err
		}
		used = append(used, set)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	return c.cfg.Rows.ForgetRows(ctx, used, c.cfg.Clock.Now().Add(-time.Hour))
}

// saveLimits writes what a user or a key is limited to; table is console_users or console_api_keys.
func saveLimits(ctx context.Context, tx *store.Tx, table, id string, l limits) error {
	_, err := tx.Exec(ctx, `UPDATE `+table+` SET rows_any = ?, rows_set = ? WHERE id = ?`, l.anyOf, l.set, id)
	return err
}

// closedTo returns the permissions that are worth nothing to who is limited to some persons: all
// routes that they open are about everybody.
func closedTo(resources []api.Resource) map[access.Permission]bool {
	closed, open := map[access.Permission]bool{}, map[access.Permission]bool{}
	for _, res := range resources {
		for _, rt := range res.Routes {
			for _, p := range []access.Permission{rt.Need, rt.Or} {
				closed[p] = true
				open[p] = open[p] || rt.Rows != api.AboutAll
			}
		}
	}
	for _, res := range resources {
		for _, d := range res.Permissions {
			open[d.Permission] = open[d.Permission] && !d.AboutAll
		}
	}
	maps.DeleteFunc(closed, func(p access.Permission, _ bool) bool { return open[p] })
	return closed
}
