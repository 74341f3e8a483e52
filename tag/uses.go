package tag

import (
	"context"

	"github.com/touchstone-cdp/touchstone"
)

// Definitions tells what each tag goes by, and that it makes a trait.
func (t *Tags) Definitions(ctx context.Context) ([]touchstone.Definition, error) {
	tags, err := t.read(ctx, t.cfg.DB.Reader(), selectTags+` ORDER BY t.name, t.id`)
	if err != nil {
		return nil, err
	}
	var list []touchstone.Definition
	for i := range tags {
		x := &tags[i]
		d := touchstone.Definition{Kind: touchstone.DefTag, ID: x.ID, Name: x.Name, Owner: x.Owner, Need: string(mayRead),
			Makes: []touchstone.Field{{Sort: touchstone.TraitField, Name: x.Trait()}}}
		if in := x.Definition.Interest; in != nil {
			for _, e := range in.Events {
				d.Reads = append(d.Reads, touchstone.Reads{Field: touchstone.Field{Sort: touchstone.PropertyField, Event: e.Event, Name: e.Property}, How: touchstone.Derives})
			}
		}
		for _, event := range x.Definition.Events {
			d.Reads = append(d.Reads, touchstone.Reads{Field: touchstone.Field{Sort: touchstone.EventField, Name: event}, How: touchstone.Derives})
		}
		for _, r := range x.Definition.Rules {
			if t.cfg.RuleEvents != nil {
				d.Reads = append(d.Reads, t.cfg.RuleEvents(r.Rule)...)
			}
			if t.cfg.RuleGoes != nil {
				d.Goes = append(d.Goes, t.cfg.RuleGoes(r.Rule)...)
			}
		}
		list = append(list, d)
	}
	return list, nil
}
