package app

import (
	"context"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/admission"
	"github.com/touchstone-cdp/touchstone/admission/plan"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/pipeline"
	"github.com/touchstone-cdp/touchstone/store"
)

// wireAdmission makes the rules about what of the log is kept.
func (a *App) wireAdmission(ctx context.Context) (err error) {
	a.admission, err = admission.Open(ctx, admission.Config{DB: a.store, Clock: a.clock,
		Committed: func(ctx context.Context, q store.Querier) ([]uint64, error) {
			return pipeline.Committed(ctx, q, a.log.Partitions())
		}})
	return err
}

// refuses asks the tracking plans, which are wired after the edge.
func (a *App) refuses(ctx context.Context, source string) func(*touchstone.Event) (string, touchstone.JSON) {
	return a.admission.Refuses(ctx, source)
}

// governed is what the rules say of events that are to be replayed.
type governed struct{ a *App }

func (g governed) Judge(ctx context.Context) (func(*touchstone.Event) string, error) {
	rules, err := g.a.admission.Current(ctx, g.a.store.Reader())
	if err != nil || rules == nil {
		return func(*touchstone.Event) string { return "" }, err
	}
	return rules.Judge, nil
}

func (g governed) Plan(ctx context.Context, source string) (*plan.Plan, error) {
	rules, err := g.a.admission.Current(ctx, g.a.store.Reader())
	return rules.Plan(source), err
}

func (a *App) admissionResource() api.Resource {
	return admission.Resource(a.admissionParts)
}

func (a *App) admissionParts() (*admission.Versions, admission.Submit) {
	if a.commands == nil {
		return a.admission, nil
	}
	return a.admission, a.submit
}

// plans are the parts of the API of tracking plans.
func (a *App) plans() admission.PlanParts {
	parts := admission.PlanParts{Versions: a.admission}
	if a.commands != nil {
		parts.Submit = a.submit
	}
	if a.queries != nil {
		parts.Recent = a.queries.Recent
	}
	if a.collector != nil {
		parts.HasSource = func(ctx context.Context, id string) error {
			_, err := a.collector.Sources().Get(ctx, id)
			return err
		}
	}
	return parts
}
