package duckdb

import (
	"context"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/warehouse"
	"github.com/touchstone-cdp/touchstone/warehouse/gather"
)

var _ warehouse.Funneler = (*Warehouse)(nil)

// Funnel implements warehouse.Funneler, by the kernel over a scan: the engine's own means take longer.
func (w *Warehouse) Funnel(ctx context.Context, f warehouse.Funnel) ([][]warehouse.FunnelStep, error) {
	return gather.Funnel(ctx, w, f)
}

// FunnelPeople implements warehouse.Funneler.
func (w *Warehouse) FunnelPeople(ctx context.Context, f warehouse.Funnel, level warehouse.FunnelLevel, most int) ([]touchstone.PersonID, error) {
	return gather.FunnelPeople(ctx, w, f, level, most)
}
