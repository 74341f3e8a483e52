package retain

import (
	"context"
	"strconv"

	"github.com/touchstone-cdp/touchstone"
)

// Definitions tells what each rule removes.
func (x *Retention) Definitions(ctx context.Context) ([]touchstone.Definition, error) {
	set, err := x.Rules(ctx)
	if err != nil {
		return nil, err
	}
	var list []touchstone.Definition
	for i := range set.Rules {
		r := &set.Rules[i]
		d := touchstone.Definition{Kind: touchstone.DefRetention, ID: strconv.Itoa(i + 1), Name: r.Name, Owner: set.Actor, Need: string(mayRead)}
		if r.Kind == Events {
			name := r.Event
			if name == "" {
				name = touchstone.AnyName
			}
			d.Reads = []touchstone.Reads{{Field: touchstone.Field{Sort: touchstone.EventField, Name: name}, How: touchstone.Removes}}
		}
		for _, trait := range r.Traits {
			d.Reads = append(d.Reads, touchstone.Reads{Field: touchstone.Field{Sort: touchstone.TraitField, Name: trait}, How: touchstone.Removes})
		}
		list = append(list, d)
	}
	return list, nil
}
