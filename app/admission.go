package app

import (
	"context"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/admission"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/command"
	"github.com/touchstone-cdp/touchstone/pipeline"
	"github.com/touchstone-cdp/touchstone/store"
)

// wireAdmission makes the rules about what of the log is kept.
func (a *App) wireAdmission(ctx context.Context) (err error) {
	a.admission, err = admission.Open(ctx, admission.Config{DB: a.store,
		Committed: func(ctx context.Context, q store.Querier) ([]uint64, error) {
			return pipeline.Committed(ctx, q, a.log.Partitions())
		}})
	return err
}

func (a *App) admissionResource() api.Resource {
	return admission.Resource(func() (*admission.Versions, admission.Submit) {
		if a.commands == nil {
			return a.admission, nil
		}
		return a.admission, a.submitAdmission
	})
}

// submitAdmission has the pipeline carry out a command and returns its result.
func (a *App) submitAdmission(ctx context.Context, c touchstone.Command) (touchstone.JSON, error) {
	c.ID = command.NewID()
	row, err := a.commands.Submit(ctx, c)
	if err != nil {
		return "", err
	}
	return row.Result, nil
}
