package admission

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/admission/plan"
	"github.com/touchstone-cdp/touchstone/internal/randid"
	"github.com/touchstone-cdp/touchstone/store"
)

// TrackingPlan is a plan with the draft that people edit. What holds for events is its last
// revision, while it is live.
type TrackingPlan struct {
	ID        string        `json:"id"` // "pln_…"
	Name      string        `json:"name"`
	Sources   []string      `json:"sources"` // ids; empty: all that no other plan names
	Draft     plan.Document `json:"draft"`
	Version   int64         `json:"version"`  // of the draft
	Revision  int           `json:"revision"` // the last that was published; 0 for none
	Live      bool          `json:"live"`     // that revision holds
	CreatedAt time.Time     `json:"created_at"`
	UpdatedAt time.Time     `json:"updated_at"`
}

// Revision is a plan as it was published.
type Revision struct {
	Revision    int           `json:"revision"`
	Name        string        `json:"name"`
	Sources     []string      `json:"sources"`
	Document    plan.Document `json:"document"`
	Note        string        `json:"note"` // what is new, in the words of who published it
	Actor       string        `json:"actor"`
	PublishedAt time.Time     `json:"published_at"`
}

// PlanDraft changes a plan: what is nil stays.
type PlanDraft struct {
	Name    *string        `json:"name"`
	Sources *[]string      `json:"sources"`
	Draft   *plan.Document `json:"draft"`
}

// MaxPlans bounds the plans. maxPublished bounds the documents that hold at a time: each
// version of what holds has a copy of them.
const (
	MaxPlans       = 200
	maxPlanSources = 1_000
	maxPublished   = 2 << 20 // bytes of JSON
)

const planColumns = `id, name, sources, draft, version, revision, live, created_at, updated_at`

func scanPlan(row interface{ Scan(...any) error }) (p TrackingPlan, err error) {
	var sources, draft string
	var revision, live, created, updated int64
	if err := row.Scan(&p.ID, &p.Name, &sources, &draft, &p.Version, &revision, &live, &created, &updated); err != nil {
		return p, err
	}
	p.Revision, p.Live, p.CreatedAt, p.UpdatedAt = int(revision), live == 1, time.UnixMilli(created), time.UnixMilli(updated)
	return p, errors.Join(json.Unmarshal([]byte(sources), &p.Sources), json.Unmarshal([]byte(draft), &p.Draft))
}

// Plans returns all plans, by name.
func (v *Versions) Plans(ctx context.Context, q store.Querier) (plans []TrackingPlan, err error) {
	rows, err := q.Query(ctx, `SELECT `+planColumns+` FROM plans ORDER BY name, id`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		p, err := scanPlan(rows)
		if err != nil {
			return nil, err
		}
		plans = append(plans, p)
	}
	return plans, rows.Err()
}

// PlanByID returns one plan. NotFound: it is not there.
func (v *Versions) PlanByID(ctx context.Context, q store.Querier, id string) (TrackingPlan, error) {
	p, err := scanPlan(q.QueryRow(ctx, `SELECT `+planColumns+` FROM plans WHERE id = ?`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return p, touchstone.Errorf(touchstone.NotFound, "There is no tracking plan %q.", id)
	}
	return p, err
}

func (p *TrackingPlan) check() error {
	p.Name = strings.TrimSpace(p.Name)
	slices.Sort(p.Sources)
	p.Sources = slices.Compact(p.Sources)
	switch {
	case p.Name == "" || !isText(p.Name):
		return touchstone.Errorf(touchstone.Invalid, "A tracking plan needs a name of one line and at most %d characters.", maxText)
	case len(p.Sources) > maxPlanSources:
		return touchstone.Errorf(touchstone.Invalid, "A tracking plan holds for at most %d sources.", maxPlanSources)
	}
	_, err := plan.Compile(&p.Draft)
	return err
}

func (d *PlanDraft) apply(p *TrackingPlan) error {
	if d.Name != nil {
		p.Name = *d.Name
	}
	if d.Sources != nil {
		p.Sources = *d.Sources
	}
	if d.Draft != nil {
		p.Draft = *d.Draft
	}
	if p.Sources == nil {
		p.Sources = []string{}
	}
	if p.Draft.Events == nil {
		p.Draft.Events = []plan.Event{}
	}
	return p.check()
}

// CreatePlan makes a plan that holds for nobody yet.
func (v *Versions) CreatePlan(ctx context.Context, d PlanDraft) (TrackingPlan, error) {
	now := v.cfg.Clock.Now().Truncate(time.Millisecond)
	p := TrackingPlan{ID: randid.New("pln"), Version: 1, CreatedAt: now, UpdatedAt: now}
	if err := d.apply(&p); err != nil {
		return p, err
	}
	return p, v.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		var n int
		if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM plans`).Scan(&n); err != nil {
			return err
		}
		if n >= MaxPlans {
			return touchstone.Errorf(touchstone.Conflict, "There are %d tracking plans, which is the most.", MaxPlans).WithHint("Delete one that is not needed.")
		}
		return writePlan(ctx, tx, &p)
	})
}

// UpdatePlan changes a draft. Same reports whether the version that the change was made for is
// still the one that is there.
func (v *Versions) UpdatePlan(ctx context.Context, id string, d PlanDraft, same func(TrackingPlan) error) (p TrackingPlan, err error) {
	err = v.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		if p, err = v.PlanByID(ctx, tx, id); err != nil {
			return err
		}
		if err := same(p); err != nil {
			return err
		}
		if err := d.apply(&p); err != nil {
			return err
		}
		p.Version++
		p.UpdatedAt = v.cfg.Clock.Now().Truncate(time.Millisecond)
		return writePlan(ctx, tx, &p)
	})
	return p, err
}

// DeletePlan takes a plan away that holds for nobody; its revisions go with it.
func (v *Versions) DeletePlan(ctx context.Context, id string) (p TrackingPlan, err error) {
	err = v.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		if p, err = v.PlanByID(ctx, tx, id); err != nil {
			return err
		}
		if p.Live {
			return touchstone.Errorf(touchstone.Conflict, "The tracking plan %q holds for events.", p.Name).WithHint("Retire it first.")
		}
		for _, statement := range []string{`DELETE FROM plan_revisions WHERE plan = ?`, `DELETE FROM plans WHERE id = ?`} {
			if _, err := tx.Exec(ctx, statement, id); err != nil {
				return err
			}
		}
		return nil
	})
	return p, err
}

func writePlan(ctx context.Context, tx *store.Tx, p *TrackingPlan) error {
	sources, err := json.Marshal(p.Sources)
	if err != nil {
		return err
	}
	draft, err := json.Marshal(p.Draft)
	if err != nil {
		return err
	}
	if len(draft) > plan.MaxDocument {
		return touchstone.Errorf(touchstone.Invalid, "The plan has %d bytes; at most %d fit.", len(draft), plan.MaxDocument)
	}
	live := 0
	if p.Live {
		live = 1
	}
	_, err = tx.Exec(ctx, `INSERT INTO plans (`+planColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET name = excluded.name,
		sources = excluded.sources, draft = excluded.draft, version = excluded.version, revision = excluded.revision, live = excluded.live, updated_at = excluded.updated_at`,
		p.ID, p.Name, string(sources), string(draft), p.Version, p.Revision, live, p.CreatedAt.UnixMilli(), p.UpdatedAt.UnixMilli())
	return err
}

// Revisions returns what was published of a plan from a revision on, the newest first.
func (v *Versions) Revisions(ctx context.Context, q store.Querier, id string, from int) ([]Revision, error) {
	rows, err := q.Query(ctx, `SELECT revision, name, sources, document, note, actor, published_at FROM plan_revisions WHERE plan = ? AND revision >= ? ORDER BY revision DESC`, id, from)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	list := []Revision{}
	for rows.Next() {
		var r Revision
		var revision, at int64
		var sources, document string
		if err := rows.Scan(&revision, &r.Name, &sources, &document, &r.Note, &r.Actor, &at); err != nil {
			return nil, err
		}
		r.Revision, r.PublishedAt = int(revision), time.UnixMilli(at)
		if err := errors.Join(json.Unmarshal([]byte(sources), &r.Sources), json.Unmarshal([]byte(document), &r.Document)); err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	return list, rows.Err()
}
