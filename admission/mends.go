package admission

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/admission/mend"
	"github.com/touchstone-cdp/touchstone/store"
)

// The commands about mending rules.
const (
	PutMendCommand    = "mend.put"    // a [mend.Rule] with its id: it takes the place of the one with that id, or comes last
	RemoveMendCommand = "mend.remove" // [RemoveMendBody]
)

// RemoveMendBody takes a mending rule away from the events that follow.
type RemoveMendBody struct {
	Rule string `json:"rule"`
}

// maxMends bounds the JSON of all mending rules: each version has a copy.
const maxMends = 256 << 10

// CheckPutMend tells what is wrong with a command's body.
func CheckPutMend(body touchstone.JSON) error {
	_, err := parsePutMend(body)
	return err
}

// CheckRemoveMend is like CheckPutMend.
func CheckRemoveMend(body touchstone.JSON) error {
	var in RemoveMendBody
	if err := json.Unmarshal([]byte(body), &in); err != nil || in.Rule == "" {
		return touchstone.Errorf(touchstone.Invalid, "the command's body is not of its form")
	}
	return nil
}

func parsePutMend(body touchstone.JSON) (in mend.Rule, err error) {
	if err := json.Unmarshal([]byte(body), &in); err != nil || in.ID == "" {
		return in, touchstone.Errorf(touchstone.Invalid, "the command's body is not of its form")
	}
	return in, CheckMend(&in)
}

// CheckMend tells what is wrong with a mending rule that is to hold for what comes.
func CheckMend(r *mend.Rule) error {
	if !isText(r.Name) || r.Name == "" {
		return touchstone.Errorf(touchstone.Invalid, "A mending rule has a name: one line of at most %d characters.", maxText)
	}
	if _, err := mend.Compile([]mend.Rule{*r}); err != nil {
		return err
	}
	if field := r.Touches(); field != "" {
		return touchstone.Errorf(touchstone.Invalid, "A rule that holds for what comes cannot change %q.", field).
			WithHint("Identifiers and times are read by the edge, before the rules. Events that it has refused can be repaired so when they are replayed.")
	}
	return nil
}

// PutMend carries the command out.
func (v *Versions) PutMend(ctx context.Context, tx *store.Tx, _ *touchstone.Batch, c touchstone.Command) (any, error) {
	in, err := parsePutMend(c.Body)
	if err != nil {
		return nil, err
	}
	return v.change(ctx, tx, &c, func(b *Body) error {
		if i := indexOfMend(b.Mends, in.ID); i >= 0 {
			b.Mends[i] = in
		} else {
			b.Mends = append(b.Mends, in)
		}
		if text, err := json.Marshal(b.Mends); err != nil || len(text) > maxMends {
			return touchstone.Errorf(touchstone.Conflict, "All mending rules have more than %d bytes.", maxMends).WithHint("Take away those that mend nothing any more.")
		}
		return nil
	})
}

// RemoveMend carries the command out.
func (v *Versions) RemoveMend(ctx context.Context, tx *store.Tx, _ *touchstone.Batch, c touchstone.Command) (any, error) {
	var in RemoveMendBody
	if err := json.Unmarshal([]byte(c.Body), &in); err != nil {
		return nil, touchstone.Errorf(touchstone.Invalid, "the command's body is not of its form")
	}
	return v.change(ctx, tx, &c, func(b *Body) error {
		i := indexOfMend(b.Mends, in.Rule)
		if i < 0 {
			return touchstone.Errorf(touchstone.NotFound, "There is no mending rule %.60q.", in.Rule)
		}
		b.Mends = slices.Delete(b.Mends, i, i+1)
		return nil
	})
}

func indexOfMend(rules []mend.Rule, id string) int {
	return slices.IndexFunc(rules, func(r mend.Rule) bool { return r.ID == id })
}

// Judge is what the rules that hold make of an event that somebody wants to replay, after rules of
// his own: the reason why it would be set aside, "" when it would be kept. It is asked of the event as
// the edge has built it.
func (c *Rules) Judge(e *touchstone.Event) string { v := c.Admit(e); return v.Drop }

// MendCount is what a mending rule has done.
type MendCount struct {
	Rule    string    `json:"rule"`
	Changed int64     `json:"changed"`
	Failed  int64     `json:"failed"`
	Field   string    `json:"field"` // where it failed last
	LastAt  time.Time `json:"last_at"`
}

// mended counts what mending rules did, by rule.
func (t *Tally) mended(done []mend.Done) {
	if t.mends == nil {
		t.mends = map[string]*MendCount{}
	}
	for _, d := range done {
		n := t.mends[d.Rule]
		if n == nil {
			n = &MendCount{}
			t.mends[d.Rule] = n
		}
		if d.Changed {
			n.Changed++
		}
		if d.Failed != "" {
			n.Failed, n.Field = n.Failed+1, d.Failed
		}
	}
}

func recordMends(ctx context.Context, tx *store.Tx, now time.Time, counts map[string]*MendCount) error {
	for _, rule := range slices.Sorted(maps.Keys(counts)) {
		n := counts[rule]
		if _, err := tx.Exec(ctx, `INSERT INTO mend_counts (day, rule, changed, failed, field, last_at) VALUES (?, ?, ?, ?, ?, ?)
			ON CONFLICT (day, rule) DO UPDATE SET changed = mend_counts.changed + excluded.changed, failed = mend_counts.failed + excluded.failed,
			field = CASE WHEN excluded.field = '' THEN mend_counts.field ELSE excluded.field END, last_at = excluded.last_at`,
			now.UTC().Truncate(24*time.Hour).UnixMilli(), rule, n.Changed, n.Failed, n.Field, now.UnixMilli()); err != nil {
			return err
		}
	}
	return nil
}

// MendCounts tells what each mending rule has done in the last seven days.
func (v *Versions) MendCounts(ctx context.Context, q store.Querier) (map[string]MendCount, error) {
	since := v.cfg.Clock.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, -6).UnixMilli()
	rows, err := q.Query(ctx, `SELECT rule, changed, failed, field, last_at FROM mend_counts WHERE day >= ? ORDER BY day`, since)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := map[string]MendCount{}
	for rows.Next() {
		var n MendCount
		var last int64
		if err := rows.Scan(&n.Rule, &n.Changed, &n.Failed, &n.Field, &last); err != nil {
			return nil, err
		}
		before := all[n.Rule]
		n.Changed, n.Failed, n.LastAt = n.Changed+before.Changed, n.Failed+before.Failed, time.UnixMilli(last)
		if n.Field == "" {
			n.Field = before.Field
		}
		all[n.Rule] = n
	}
	return all, rows.Err()
}
