package admission

import (
	"cmp"
	"context"
	"strconv"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/admission/mend"
	"github.com/touchstone-cdp/touchstone/admission/plan"
)

// Definitions tells what rules of admission, mending rules and tracking plans go by.
func (v *Versions) Definitions(ctx context.Context) ([]touchstone.Definition, error) {
	q := v.cfg.DB.Reader()
	now, err := v.Latest(ctx, q)
	if err != nil {
		return nil, err
	}
	var list []touchstone.Definition
	for i := range now.Body.Rules {
		list = append(list, definitionOf(i+1, &now.Body.Rules[i]))
	}
	for i := range now.Body.Mends {
		list = append(list, definitionOfMend(&now.Body.Mends[i]))
	}
	plans, err := v.Plans(ctx, q)
	if err != nil {
		return nil, err
	}
	for i := range plans {
		d, err := definitionOfPlan(&plans[i])
		if err != nil {
			return nil, err
		}
		list = append(list, d)
	}
	return list, nil
}

func definitionOf(number int, r *Rule) touchstone.Definition {
	d := touchstone.Definition{Kind: touchstone.DefAdmission, ID: strconv.Itoa(number), Name: r.Drop, Need: string(mayRead)}
	if r.Drop != "" {
		d.Reads = []touchstone.Reads{{Field: touchstone.Field{Sort: touchstone.EventField, Name: cmp.Or(r.Event, touchstone.AnyName)}, How: touchstone.Changes}}
	}
	for _, m := range r.Mask {
		f := touchstone.Field{Sort: touchstone.PropertyField, Event: r.Event, Name: m.Name}
		if m.In == inTraits {
			f = touchstone.Field{Sort: touchstone.TraitField, Name: m.Name}
		}
		d.Reads = append(d.Reads, touchstone.Reads{Field: f, How: touchstone.Changes})
	}
	return d
}

func definitionOfMend(r *mend.Rule) touchstone.Definition {
	d := touchstone.Definition{Kind: touchstone.DefMend, ID: r.ID, Name: r.Name, Need: string(mayReadPlans)}
	reads, makes := r.Fields()
	for _, f := range reads {
		how := touchstone.Changes
		if f.Sort == touchstone.EventField {
			how = touchstone.Counts
		}
		d.Reads = append(d.Reads, touchstone.Reads{Field: f, How: how})
	}
	d.Makes = makes
	return d
}

// definitionOfPlan is the plan as it is being written, which is what people change.
func definitionOfPlan(p *TrackingPlan) (touchstone.Definition, error) {
	d := touchstone.Definition{Kind: touchstone.DefPlan, ID: p.ID, Name: p.Name, Need: string(mayReadPlans)}
	ready, err := plan.Compile(&p.Draft)
	if err != nil {
		return d, err
	}
	for i := range p.Draft.Events {
		e := &p.Draft.Events[i]
		d.Reads = append(d.Reads, touchstone.Reads{Field: touchstone.Field{Sort: touchstone.EventField, Name: e.Name}, How: touchstone.Checks})
		names, _ := ready.Members(e.Name)
		for _, name := range names {
			f := touchstone.Field{Sort: touchstone.PropertyField, Event: e.Name, Name: name}
			d.Reads = append(d.Reads, touchstone.Reads{Field: f, How: touchstone.Checks})
		}
	}
	return d, nil
}
