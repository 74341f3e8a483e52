package console

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/touchstone-cdp/touchstone/console/chain"
	"github.com/touchstone-cdp/touchstone/internal/randid"
	"github.com/touchstone-cdp/touchstone/store"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/api"
)

const maxAuditDetail = 4 << 10

// noteWrite puts a finished write into the audit log and keeps its answer for repeats, in
// one transaction. The write itself was committed by the package that owns it.
func (c *Console) noteWrite(ctx context.Context, rt api.Route, v *access.Viewer, n *api.Note, body []byte, requestID string, once *onceKey, held *heldAnswer) error {
	if n.Skip && once == nil {
		return nil
	}
	if n.Actor != nil {
		v = n.Actor
	}
	detail := "{}"
	if n.Detail != nil {
		text, err := api.EncodeJSON(n.Detail)
		if err != nil {
			return err
		}
		detail = string(text)
	} else if !rt.Secret && len(body) > 0 && len(body) <= maxAuditDetail && jsontext.Value(body).IsValid() {
		detail = string(body)
	}
	now := c.cfg.Clock.Now()
	ctx = context.WithoutCancel(ctx) // the change is made, whether or not the caller still waits
	return c.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		if !n.Skip {
			err := appendAudit(ctx, tx, &chain.Entry{ID: c.auditID(now), At: now.UnixMilli(), ActorKind: v.Kind, ActorID: v.ID, ActorName: v.Name, Action: rt.Action, RequestID: requestID,
				Open: &[chain.Fields]string{n.Target, n.Name, detail}})
			if err != nil {
				return err
			}
		}
		if once != nil {
			return keepOnce(ctx, tx, once, held)
		}
		return nil
	})
}

// auditID makes ids that sort in the order of writing, also within a millisecond.
func (c *Console) auditID(now time.Time) string {
	return fmt.Sprintf("aud_%011x%05x%s", now.UnixMilli(), c.audited.Add(1)&0xfffff, randid.String(4))
}

type auditActor struct {
	Kind string `json:"kind"`
	ID   string `json:"id"`
	Name string `json:"name"`
}

type auditEntry struct {
	ID     string     `json:"id"`
	Time   time.Time  `json:"time"`
	Actor  auditActor `json:"actor"`
	Action string     `json:"action"`
	Target string     `json:"target"`
	// TargetName is what the target was called then.
	TargetName string         `json:"target_name"`
	Detail     jsontext.Value `json:"detail"`
	RequestID  string         `json:"request_id"`

	number int64 // in the chain
}

// colleagues are the actions that are about those who use the console, whose addresses the
// log is there to tell.
var colleagues = []string{"user.", "session.", "password.", "setup", "api_key."}

// mask hides the contacts of people.
func (e *auditEntry) mask(v *access.Viewer) {
	if slices.ContainsFunc(colleagues, func(prefix string) bool { return strings.HasPrefix(e.Action, prefix) }) {
		return
	}
	if kind, value, ok := strings.Cut(e.Target, ":"); ok {
		e.Target = v.Identifier(touchstone.Identifier{Kind: touchstone.IdentifierKind(kind), Value: value}).String()
		e.TargetName = v.Label(kind, e.TargetName)
	}
	e.Target, e.TargetName = v.Text(e.Target), v.Text(e.TargetName)
	e.Detail = jsontext.Value(v.JSON(touchstone.JSON(e.Detail)))
}

func (c *Console) listAudit(w http.ResponseWriter, r *http.Request) error {
	p, err := api.ReadPaging(r)
	if err != nil {
		return err
	}
	after, err := api.ParseTimeKey(p.After)
	if err != nil {
		return err
	}
	where, args, err := auditFilter(r)
	if err != nil {
		return err
	}
	where, args = append(where, "(at < ? OR (at = ? AND id < ?))"), append(args, after.MS, after.MS, after.ID)
	rows, err := c.cfg.DB.Reader().Query(r.Context(), `SELECT id, at, actor_kind, actor_id, actor_name, action, target, target_name, detail, request_id
		FROM audit_log WHERE `+strings.Join(where, " AND ")+` ORDER BY at DESC, id DESC LIMIT ?`, append(args, p.Limit+1)...)
	if err != nil {
		return err
	}
	defer rows.Close()
	var items []auditEntry
	for rows.Next() {
		var e auditEntry
		var at int64
		var detail string
		if err := rows.Scan(&e.ID, &at, &e.Actor.Kind, &e.Actor.ID, &e.Actor.Name, &e.Action, &e.Target, &e.TargetName, &detail, &e.RequestID); err != nil {
			return err
		}
		e.Time, e.Detail = time.UnixMilli(at), jsontext.Value(detail)
		e.mask(api.ViewerOf(r))
		items = append(items, e)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	items, next := api.FirstPage(items, p.Limit, func(e *auditEntry) api.TimeKey { return api.TimeKey{MS: e.Time.UnixMilli(), ID: e.ID} })
	return api.WritePage(w, items, next)
}

// auditFilter reads what the caller wants to see of the log.
func auditFilter(r *http.Request) (where []string, args []any, err error) {
	q := r.URL.Query()
	add := func(condition string, values ...any) {
		where, args = append(where, condition), append(args, values...)
	}
	if thing, ok := strings.CutSuffix(q.Get("action"), ".*"); ok {
		add(`action LIKE ? ESCAPE '\'`, strings.TrimPrefix(store.Containing(thing+"."), "%"))
	} else if action := q.Get("action"); action != "" {
		add("action = ?", action)
	}
	if actor := q.Get("actor"); actor != "" {
		add("actor_id = ?", actor)
	}
	if target := q.Get("target"); target != "" {
		add("target = ?", target)
	}
	if text := q.Get("q"); text != "" {
		part := store.Containing(text)
		add(`(LOWER(target_name) LIKE ? ESCAPE '\' OR LOWER(target) LIKE ? ESCAPE '\' OR LOWER(actor_name) LIKE ? ESCAPE '\' OR LOWER(detail) LIKE ? ESCAPE '\')`, part, part, part, part)
	}
	from, err := api.ReadTime(r, "from", time.Time{})
	if err != nil {
		return nil, nil, err
	}
	if !from.IsZero() {
		add("at >= ?", from.UnixMilli())
	}
	to, err := api.ReadTime(r, "to", time.Time{})
	if !to.IsZero() {
		add("at < ?", to.UnixMilli())
	}
	return where, args, err
}

type auditFacets struct {
	Actors  []auditActor `json:"actors"`
	Actions []string     `json:"actions"`
}

// listAuditFacets tells which actors and actions the log holds, for filters.
func (c *Console) listAuditFacets(w http.ResponseWriter, r *http.Request) error {
	ctx, db := r.Context(), c.cfg.DB.Reader()
	a := auditFacets{Actors: []auditActor{}, Actions: []string{}}
	err := each(ctx, db, `SELECT actor_kind, actor_id, max(actor_name) FROM audit_log GROUP BY actor_kind, actor_id ORDER BY 3, 2 LIMIT 1000`, func(scan func(...any) error) error {
		var actor auditActor
		err := scan(&actor.Kind, &actor.ID, &actor.Name)
		a.Actors = append(a.Actors, actor)
		return err
	})
	if err != nil {
		return err
	}
	err = each(ctx, db, `SELECT DISTINCT action FROM audit_log ORDER BY action`, func(scan func(...any) error) error {
		var action string
		err := scan(&action)
		a.Actions = append(a.Actions, action)
		return err
	})
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, a)
}

// each reads the rows of a statement.
func each(ctx context.Context, db store.Querier, query string, row func(scan func(...any) error) error) error {
	rows, err := db.Query(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}
