package admission

import (
	"cmp"
	"context"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/admission/plan"
	"github.com/touchstone-cdp/touchstone/store"
)

// Tally counts what a batch's events break of their plans. The zero value is ready.
type Tally struct {
	breaches map[breachKey]*breachCount
	checks   map[string]*checkCount // by source
	mends    map[string]*MendCount  // by rule
}

type breachKey struct {
	source, event, path string
	rule                plan.Rule
	action              plan.Action
}

type breachCount struct {
	wanted string
	number int64
}

type checkCount struct{ events, broken int64 }

// maxTally bounds the different breaches of a batch that are told apart, and of an hour of a
// source: beyond, those of one rule are counted as one, of the event "…".
const (
	maxTally    = 1_000
	maxPerHour  = 500
	manyEvents  = "…"
	keepHours   = 90 * 24 * time.Hour
	keepMinutes = 3 * 24 * time.Hour
)

// index is a place in a list: which of its elements is wrong is no fact about the plan.
var index = regexp.MustCompile(`\[\d+\]`)

// Count takes up what became of an event.
func (t *Tally) Count(source, event string, v *Verdict) {
	if len(v.Mended) > 0 {
		t.mended(v.Mended)
	}
	if v.Planned {
		t.count(source, event, v.Breaches)
	}
}

// CountRefused takes up what the edge has refused by a plan: the request of a Rejected event.
func (t *Tally) CountRefused(source string, request touchstone.JSON) {
	var in struct {
		Plan *refusal `json:"plan"`
	}
	if json.Unmarshal([]byte(request), &in) == nil && in.Plan != nil {
		t.count(source, in.Plan.Event, in.Plan.Breaches)
	}
}

func (t *Tally) count(source, event string, breaches []plan.Breach) {
	if t.checks == nil {
		t.checks = map[string]*checkCount{}
	}
	c := t.checks[source]
	if c == nil {
		c = &checkCount{}
		t.checks[source] = c
	}
	c.events++
	if len(breaches) == 0 {
		return
	}
	c.broken++
	if t.breaches == nil {
		t.breaches = map[breachKey]*breachCount{}
	}
	seen := map[breachKey]bool{} // ten bad elements of a list are one breach of an event
	for _, b := range breaches {
		key := breachKey{source, event, index.ReplaceAllString(b.Path, "[]"), b.Rule, b.Action}
		if t.breaches[key] == nil && len(t.breaches) >= maxTally {
			key.event, key.path = manyEvents, ""
		}
		if seen[key] {
			continue
		}
		seen[key] = true
		if t.breaches[key] == nil {
			t.breaches[key] = &breachCount{wanted: b.Want}
		}
		t.breaches[key].number++
	}
}

// Record writes a tally down, in the transaction of its batch.
func (v *Versions) Record(ctx context.Context, tx *store.Tx, now time.Time, t *Tally) error {
	if err := recordMends(ctx, tx, now, t.mends); err != nil || len(t.checks) == 0 {
		return err
	}
	hour, minute := now.Truncate(time.Hour).UnixMilli(), now.Truncate(time.Minute).UnixMilli()
	for source, c := range t.checks {
		if _, err := tx.Exec(ctx, `INSERT INTO plan_checks (minute, source, events, broken) VALUES (?, ?, ?, ?)
			ON CONFLICT (minute, source) DO UPDATE SET events = plan_checks.events + excluded.events, broken = plan_checks.broken + excluded.broken`,
			minute, source, c.events, c.broken); err != nil {
			return err
		}
	}
	room := map[string]int{} // different breaches that fit into a source's hour
	for key, c := range t.breaches {
		if err := recordBreach(ctx, tx, hour, now, key, c, room); err != nil {
			return err
		}
	}
	return v.tidy(ctx, tx, now)
}

func recordBreach(ctx context.Context, tx *store.Tx, hour int64, now time.Time, key breachKey, c *breachCount, room map[string]int) error {
	for {
		done, err := tx.Exec(ctx, `UPDATE plan_breaches SET number = number + ?, last_at = ?, wanted = ? WHERE hour = ? AND source = ? AND event = ? AND path = ? AND rule = ? AND action = ?`,
			c.number, now.UnixMilli(), c.wanted, hour, key.source, key.event, key.path, string(key.rule), string(key.action))
		if err != nil {
			return err
		}
		if n, err := done.RowsAffected(); err != nil || n > 0 {
			return err
		}
		if _, known := room[key.source]; !known {
			var n int
			if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM plan_breaches WHERE hour = ? AND source = ?`, hour, key.source).Scan(&n); err != nil {
				return err
			}
			room[key.source] = maxPerHour - n
		}
		if room[key.source] <= 0 && key.event != manyEvents {
			key.event, key.path = manyEvents, ""
			continue
		}
		room[key.source]--
		_, err = tx.Exec(ctx, `INSERT INTO plan_breaches (hour, source, event, path, rule, action, wanted, number, last_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			hour, key.source, key.event, key.path, string(key.rule), string(key.action), c.wanted, c.number, now.UnixMilli())
		return err
	}
}

// tidy deletes what is old, once an hour.
func (v *Versions) tidy(ctx context.Context, tx *store.Tx, now time.Time) error {
	hour := now.Truncate(time.Hour).UnixMilli()
	if v.tidied == hour {
		return nil
	}
	v.tidied = hour
	if _, err := tx.Exec(ctx, `DELETE FROM plan_breaches WHERE hour < ?`, now.Add(-keepHours).UnixMilli()); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `DELETE FROM mend_counts WHERE day < ?`, now.Add(-keepHours).UnixMilli()); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `DELETE FROM plan_checks WHERE minute < ?`, now.Add(-keepMinutes).UnixMilli())
	return err
}

// BreachSum is how often events broke one thing in a span.
type BreachSum struct {
	Source string      `json:"source"`
	Event  string      `json:"event"` // "…": of many events, beyond those that are told apart
	Path   string      `json:"path"`  // "items[].price"; "" for the event itself
	Rule   plan.Rule   `json:"rule"`
	Action plan.Action `json:"action"` // what became of it
	Wanted string      `json:"wanted"` // "number", "one of \"new\", \"paid\""
	Count  int64       `json:"count"`  // events
	LastAt time.Time   `json:"last_at"`
	Hours  []HourCount `json:"hours"` // oldest first, those without any left out
}

// HourCount is a number of events in an hour.
type HourCount struct {
	Hour  time.Time `json:"hour"`
	Count int64     `json:"count"`
}

// Breaches sums up what was broken since a moment, what is most frequent first. Sources empty:
// of all.
func (v *Versions) Breaches(ctx context.Context, q store.Querier, sources []string, since time.Time) ([]BreachSum, error) {
	query, args := `SELECT hour, source, event, path, rule, action, wanted, number, last_at FROM plan_breaches WHERE hour >= ?`, []any{since.Truncate(time.Hour).UnixMilli()}
	if len(sources) > 0 {
		query += ` AND source IN (` + strings.TrimSuffix(strings.Repeat("?,", len(sources)), ",") + `)`
		for _, s := range sources {
			args = append(args, s)
		}
	}
	rows, err := q.Query(ctx, query+` ORDER BY hour`, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	sums := map[breachKey]*BreachSum{}
	for rows.Next() {
		var b BreachSum
		var hour, last int64
		if err := rows.Scan(&hour, &b.Source, &b.Event, &b.Path, &b.Rule, &b.Action, &b.Wanted, &b.Count, &last); err != nil {
			return nil, err
		}
		key := breachKey{b.Source, b.Event, b.Path, b.Rule, b.Action}
		s := sums[key]
		if s == nil {
			s = &BreachSum{Source: b.Source, Event: b.Event, Path: b.Path, Rule: b.Rule, Action: b.Action}
			sums[key] = s
		}
		s.Count += b.Count
		s.Wanted, s.LastAt = b.Wanted, time.UnixMilli(last)
		s.Hours = append(s.Hours, HourCount{time.UnixMilli(hour), b.Count})
	}
	list := make([]BreachSum, 0, len(sums))
	for _, s := range sums {
		list = append(list, *s)
	}
	slices.SortFunc(list, func(a, b BreachSum) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Source, b.Source), cmp.Compare(a.Event, b.Event), cmp.Compare(a.Path, b.Path),
			cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Action, b.Action))
	})
	return list, rows.Err()
}

// CheckSum is how many events of a source were held against its plan in a span.
type CheckSum struct {
	Source string `json:"source"`
	Events int64  `json:"events"`
	Broken int64  `json:"broken"`
}

// Checks sums up by source how many events were held against a plan since a moment, within the
// last three days.
func (v *Versions) Checks(ctx context.Context, q store.Querier, since time.Time) ([]CheckSum, error) {
	rows, err := q.Query(ctx, `SELECT source, SUM(events), SUM(broken) FROM plan_checks WHERE minute >= ? GROUP BY source ORDER BY source`, since.Truncate(time.Minute).UnixMilli())
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	list := []CheckSum{}
	for rows.Next() {
		var c CheckSum
		if err := rows.Scan(&c.Source, &c.Events, &c.Broken); err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	return list, rows.Err()
}
