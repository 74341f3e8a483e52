package collect

import (
	"context"
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/admission/plan"
	"github.com/touchstone-cdp/touchstone/collect/intake"
	"github.com/touchstone-cdp/touchstone/internal/jsonwalk"
	"github.com/touchstone-cdp/touchstone/store"
)

// about is what a refused event has in common with others: events of one about are one group, which
// one rule may mend. It holds no values of events.
type about struct {
	event    string
	template string            // "{path} is not {want}": the reason, with names for what differs
	params   map[string]string // what stands for the names, but for values
}

var (
	quotedText = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)
	digits     = regexp.MustCompile(`\d[\d.,]*`)
)

// aboutOf reads a reason. Those of tracking plans say where and what; of others texts and
// numbers are left out.
func aboutOf(code, reason, raw string) about {
	a := about{event: nameIn(raw), params: map[string]string{}}
	if code == CodeTrackingPlan || code == CodeRefused {
		if b, ok := plan.ParseReason(reason); ok {
			if b.Path != "" {
				a.params["path"] = plan.EveryElement(b.Path)
			}
			switch b.Rule {
			case plan.UnplannedEvent:
				a.template = "the event is not in the tracking plan"
			case plan.UnplannedProperty:
				a.template = "{path} is not in the tracking plan"
			case plan.MissingProperty:
				a.template = "{path} is missing"
			default:
				a.template, a.params["want"] = "{path} is not {want}", b.Want
			}
			a.params["rule"] = string(b.Rule)
			return a
		}
	}
	a.template = digits.ReplaceAllString(quotedText.ReplaceAllString(reason, "{value}"), "{n}")
	return a
}

// nameIn is the name of the event in what was sent, "" without one.
func nameIn(raw string) string {
	if !strings.HasPrefix(raw, "{") || !json.Valid([]byte(raw)) {
		return ""
	}
	text := func(name string) string {
		if v := jsonwalk.Member(raw, name); len(v) > 1 && v[0] == '"' {
			return jsonwalk.Text(v)
		}
		return ""
	}
	kind, known := touchstone.ParseEventType(text("type"))
	if !known {
		return text("event")
	}
	return touchstone.EventName(kind, text("event"))
}

// columns are an about as it is stored: event, template, params and the key of the group.
func (a *about) columns(source, code string) (event, template, params, key string) {
	text, err := json.Marshal(a.params)
	if err != nil {
		text = []byte("{}")
	}
	all := strings.Join([]string{source, code, a.event, a.template, string(text)}, "\x00")
	return a.event, a.template, string(text), "qg_" + strconv.FormatUint(xxhash.Sum64String(all), 36)
}

// QuarantineGroup is refused events of one source, event and reason that were not replayed.
type QuarantineGroup struct {
	Key      string            `json:"key"`
	Source   string            `json:"source"`
	Event    string            `json:"event"`
	Code     string            `json:"code"`
	Template string            `json:"template"` // "{path} is not {want}"
	Params   map[string]string `json:"params"`
	Reason   string            `json:"reason"` // of one of them
	Count    int64             `json:"count"`
	FirstAt  time.Time         `json:"first_at"`
	LastAt   time.Time         `json:"last_at"`
}

const maxGroups = 500

// Groups lists what waits in quarantine by source, event and reason, most frequent first, with
// reasons as v may see them.
func (q *Quarantine) Groups(ctx context.Context, v *access.Viewer, f QuarantineFilter) ([]QuarantineGroup, error) {
	where, args := f.where(nil)
	rows, err := q.db.Reader().Query(ctx, `SELECT group_key, source, event, code, template, params, MIN(reason), COUNT(*), MIN(received_at), MAX(received_at)
		FROM quarantine WHERE replayed_at = 0 AND `+where+` GROUP BY group_key, source, event, code, template, params ORDER BY COUNT(*) DESC, group_key LIMIT ?`, append(args, maxGroups)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	list := []QuarantineGroup{}
	for rows.Next() {
		var g QuarantineGroup
		var params string
		var first, last int64
		if err := rows.Scan(&g.Key, &g.Source, &g.Event, &g.Code, &g.Template, &params, &g.Reason, &g.Count, &first, &last); err != nil {
			return nil, err
		}
		_ = json.Unmarshal([]byte(params), &g.Params) // of rows from before there were groups there are none
		if g.Params == nil {
			g.Params = map[string]string{}
		}
		g.FirstAt, g.LastAt = intake.FromMillis(first), intake.FromMillis(last)
		g.Reason, g.Template = v.Text(g.Reason), v.Text(g.Template)
		list = append(list, g)
	}
	return list, rows.Err()
}

// regroup gives rows from before there were groups theirs.
func (q *Quarantine) regroup(ctx context.Context) error {
	for {
		rows, err := q.db.Reader().Query(ctx, `SELECT id, source, code, reason, raw FROM quarantine WHERE group_key = '' LIMIT 500`)
		if err != nil {
			return err
		}
		var all [][5]string
		for rows.Next() {
			var r [5]string
			if err := rows.Scan(&r[0], &r[1], &r[2], &r[3], &r[4]); err != nil {
				rows.Close()
				return err
			}
			all = append(all, r)
		}
		if err := rows.Close(); err != nil || len(all) == 0 {
			return err
		}
		err = q.db.Retry(ctx, func(tx *store.Tx) error {
			for _, r := range all {
				if err := setReason(ctx, tx, r[0], r[1], r[2], r[3], r[4]); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
}

// setReason writes why a row is in quarantine.
func setReason(ctx context.Context, tx *store.Tx, id, source, code, reason, raw string) error {
	a := aboutOf(code, reason, raw)
	event, template, params, key := a.columns(source, code)
	_, err := tx.Exec(ctx, `UPDATE quarantine SET code = ?, reason = ?, event = ?, template = ?, params = ?, group_key = ? WHERE id = ?`, code, reason, event, template, params, key, id)
	return err
}
