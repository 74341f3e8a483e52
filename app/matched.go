package app

import (
	"context"

	"github.com/touchstone-cdp/touchstone/identity"
)

// probableLinks tells questions about matched sales who hangs together by links of models only.
type probableLinks struct{ graph *identity.Graph }

func (p probableLinks) Parts(ctx context.Context) (nodes, parts []int64, err error) {
	return p.graph.PartsWithoutMatches(ctx)
}
