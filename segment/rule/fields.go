package rule

import "github.com/touchstone-cdp/touchstone"

// Reads returns what the rule goes by, each once: traits, events, and what its filters look at.
func (r *Rule) Reads() []touchstone.Reads {
	var list []touchstone.Reads
	seen := map[touchstone.Reads]bool{}
	add := func(sort touchstone.FieldSort, event, name string, how touchstone.How) {
		one := touchstone.Reads{Field: touchstone.Field{Sort: sort, Event: event, Name: name}, How: how}
		if !seen[one] {
			seen[one] = true
			list = append(list, one)
		}
	}
	event := func(name string, where []Filter) {
		add(touchstone.EventField, "", name, touchstone.Counts)
		for i := range where {
			if f := &where[i]; f.Context != "" {
				add(touchstone.ContextField, name, f.Context, touchstone.Compares)
			} else {
				add(touchstone.PropertyField, name, f.Property, touchstone.Compares)
			}
		}
	}
	for _, c := range r.conditions {
		switch n := c.Node.(type) {
		case *Trait:
			add(touchstone.TraitField, "", n.Name, touchstone.Compares)
		case *Event:
			event(n.Name, n.Where)
			if n.Property != "" {
				add(touchstone.PropertyField, n.Name, n.Property, touchstone.Compares)
			}
		case *Sequence:
			for i := range n.Steps {
				event(n.Steps[i].Name, n.Steps[i].Where)
			}
		}
	}
	return list
}
