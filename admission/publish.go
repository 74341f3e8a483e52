package admission

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/admission/plan"
	"github.com/touchstone-cdp/touchstone/store"
)

// The commands about tracking plans.
const (
	PublishCommand = "plan.publish" // [PublishBody]
	RetireCommand  = "plan.retire"  // [RetireBody]
)

// PublishBody makes a document the next revision of a plan, which holds from the command's place on.
// It has all of the plan, so that a store that is built from the log has it again.
type PublishBody struct {
	Plan     string        `json:"plan"`
	Name     string        `json:"name"`
	Sources  []string      `json:"sources"`
	Document plan.Document `json:"document"`
	Note     string        `json:"note"`
}

// RetireBody takes a plan away from the events that follow. Its draft and revisions stay.
type RetireBody struct {
	Plan string `json:"plan"`
}

// PlanResult tells what became of a plan.
type PlanResult struct {
	Version  uint64 `json:"version"` // of the rules, see [Version]
	Revision int    `json:"revision"`
}

// CheckPublish and CheckRetire tell what is wrong with a command's body.
func CheckPublish(body touchstone.JSON) error {
	_, err := parsePublish(body)
	return err
}

// CheckRetire is like CheckPublish.
func CheckRetire(body touchstone.JSON) error {
	_, err := parseRetire(body)
	return err
}

func parsePublish(body touchstone.JSON) (in PublishBody, err error) {
	if err := json.Unmarshal([]byte(body), &in); err != nil || in.Plan == "" || len(in.Plan) > maxName {
		return in, touchstone.Errorf(touchstone.Invalid, "the command's body is not of its form")
	}
	if !isText(in.Note) {
		return in, touchstone.Errorf(touchstone.Invalid, "A note is one line of at most %d characters.", maxText)
	}
	p := TrackingPlan{Name: in.Name, Sources: in.Sources, Draft: in.Document}
	err = p.check()
	in.Name, in.Sources, in.Document = p.Name, append([]string{}, p.Sources...), p.Draft
	return in, err
}

func parseRetire(body touchstone.JSON) (in RetireBody, err error) {
	if err := json.Unmarshal([]byte(body), &in); err != nil || in.Plan == "" || len(in.Plan) > maxName {
		return in, touchstone.Errorf(touchstone.Invalid, "the command's body is not of its form")
	}
	return in, nil
}

// Publish carries the command out.
func (v *Versions) Publish(ctx context.Context, tx *store.Tx, _ *touchstone.Batch, c touchstone.Command) (any, error) {
	in, err := parsePublish(c.Body)
	if err != nil {
		return nil, err
	}
	at := time.UnixMilli(c.SubmittedAt.UnixMilli())
	p, err := v.PlanByID(ctx, tx, in.Plan)
	switch {
	case touchstone.KindOf(err) == touchstone.NotFound: // a store that is built from the log has no drafts
		p = TrackingPlan{ID: in.Plan, Name: in.Name, Sources: in.Sources, Draft: in.Document, Version: 1, CreatedAt: at, UpdatedAt: at}
	case err != nil:
		return nil, err
	}
	p.Revision, p.Live = p.Revision+1, true
	use := Use{Plan: p.ID, Name: in.Name, Revision: p.Revision, Sources: in.Sources, Document: in.Document}
	result, err := v.change(ctx, tx, &c, func(b *Body) error { return b.use(use) })
	if err != nil {
		return nil, err
	}
	if err := writePlan(ctx, tx, &p); err != nil {
		return nil, err
	}
	sources, err := json.Marshal(in.Sources)
	if err != nil {
		return nil, err
	}
	document, err := json.Marshal(in.Document)
	if err != nil {
		return nil, err
	}
	if _, err := tx.Exec(ctx, `INSERT INTO plan_revisions (plan, revision, name, sources, document, note, actor, published_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		p.ID, p.Revision, in.Name, string(sources), string(document), in.Note, c.Actor, at.UnixMilli()); err != nil {
		return nil, err
	}
	return PlanResult{result.Version, p.Revision}, nil
}

// use puts a plan in the place of its earlier revision. A source has one plan.
func (b *Body) use(u Use) error {
	for _, other := range b.Plans {
		if other.Plan == u.Plan {
			continue
		}
		if len(u.Sources) == 0 && len(other.Sources) == 0 {
			return touchstone.Errorf(touchstone.Conflict, "The tracking plan %q already holds for all sources without their own.", other.Name).WithHint("Name the sources of one of the two.")
		}
		for _, s := range u.Sources {
			if slices.Contains(other.Sources, s) {
				return touchstone.Errorf(touchstone.Conflict, "The source %q already has the tracking plan %q.", s, other.Name).WithHint("Take the source out of one of the two.")
			}
		}
	}
	b.Plans = slices.DeleteFunc(b.Plans, func(x Use) bool { return x.Plan == u.Plan })
	b.Plans = append(b.Plans, u)
	slices.SortFunc(b.Plans, func(x, y Use) int { return strings.Compare(x.Plan, y.Plan) })
	text, err := json.Marshal(b.Plans)
	if err == nil && len(text) > maxPublished {
		err = touchstone.Errorf(touchstone.Conflict, "All tracking plans that hold have %d bytes; at most %d fit.", len(text), maxPublished)
	}
	return err
}

// planOf returns the id of the plan that holds for a source, "" without one.
func (b *Body) planOf(source string) (id string) {
	for _, u := range b.Plans {
		if slices.Contains(u.Sources, source) {
			return u.Plan
		}
		if len(u.Sources) == 0 {
			id = u.Plan
		}
	}
	return id
}

// Retire carries the command out.
func (v *Versions) Retire(ctx context.Context, tx *store.Tx, _ *touchstone.Batch, c touchstone.Command) (any, error) {
	in, err := parseRetire(c.Body)
	if err != nil {
		return nil, err
	}
	p, err := v.PlanByID(ctx, tx, in.Plan)
	if err != nil {
		return nil, err
	}
	if !p.Live {
		return nil, touchstone.Errorf(touchstone.Conflict, "The tracking plan %q holds for no events.", p.Name)
	}
	result, err := v.change(ctx, tx, &c, func(b *Body) error {
		b.Plans = slices.DeleteFunc(b.Plans, func(x Use) bool { return x.Plan == in.Plan })
		return nil
	})
	if err != nil {
		return nil, err
	}
	p.Live = false
	return PlanResult{result.Version, p.Revision}, writePlan(ctx, tx, &p)
}
