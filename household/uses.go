package household

import (
	"context"
	"slices"

	"github.com/touchstone-cdp/touchstone"
)

// Definitions tells what households are found and summed up by.
func (h *Households) Definitions(ctx context.Context) ([]touchstone.Definition, error) {
	rules, err := h.current(ctx, h.cfg.DB.Reader())
	if err != nil {
		return nil, err
	}
	d := touchstone.Definition{Kind: touchstone.DefHousehold, ID: "rules", Need: string(mayRead)}
	add := func(sort touchstone.FieldSort, event, name string, how touchstone.How) {
		one := touchstone.Reads{Field: touchstone.Field{Sort: sort, Event: event, Name: name}, How: how}
		if !slices.Contains(d.Reads, one) {
			d.Reads = append(d.Reads, one)
		}
	}
	for i := range rules.List {
		r := &rules.List[i]
		if !r.On {
			continue
		}
		for _, field := range r.Fields {
			add(touchstone.TraitField, "", field, touchstone.Matches)
			add(touchstone.IdentifierField, "", field, touchstone.Matches)
			for _, event := range r.Events {
				add(touchstone.PropertyField, event, field, touchstone.Matches)
			}
		}
	}
	for _, event := range rules.Paid {
		add(touchstone.EventField, "", event, touchstone.Derives)
		for _, field := range rules.PaidFields {
			add(touchstone.PropertyField, event, field, touchstone.Derives)
		}
	}
	for _, field := range slices.Concat(rules.BornFields, rules.RoleFields, rules.NameFields) {
		add(touchstone.TraitField, "", field, touchstone.Derives)
	}
	return []touchstone.Definition{d}, nil
}
