package console

import (
	"context"

	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/collect"
)

// Sources finds the source of an import, or makes it: *collect.Sources.
type Sources interface {
	Get(ctx context.Context, id string) (collect.Source, error)
	EnsureByName(ctx context.Context, name, kind string) (collect.Source, error)
}

// Features are the parts that the API reaches. One that is nil answers 503.
type Features struct {
	Sources   Sources
	Frames    Frames
	Simulator Simulator
}

func (c *Console) sources() (Sources, error) {
	if c.cfg.Sources == nil {
		return nil, api.NotHere("sources")
	}
	return c.cfg.Sources, nil
}
