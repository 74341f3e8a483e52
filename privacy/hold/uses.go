package hold

import (
	"context"

	"github.com/touchstone-cdp/touchstone"
)

// Definitions tells which segments are held.
func (h *Holds) Definitions(ctx context.Context) ([]touchstone.Definition, error) {
	all, err := h.List(ctx)
	if err != nil {
		return nil, err
	}
	var list []touchstone.Definition
	for _, one := range all {
		if one.State == Holding && one.Segment != "" {
			list = append(list, touchstone.Definition{Kind: touchstone.DefHold, ID: one.ID, Owner: one.PlacedBy, Need: string(mayRead),
				Goes: []touchstone.DefinitionRef{{Kind: touchstone.DefSegment, ID: one.Segment}}})
		}
	}
	return list, nil
}
