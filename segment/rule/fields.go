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
	for _, c := range r.conditions {
		switch n := c.Node.(type) {
		case *Trait:
			add(touchstone.TraitField, "", n.Name, touchstone.Compares)
		case *Event:
			add(touchstone.EventField, "", n.Name, touchstone.Counts)
			if n.Property != "" {
				add(touchstone.PropertyField, n.Name, n.Property, touchstone.Compares)
			}
			for i := range n.Where {
				if f := &n.Where[i]; f.Context != "" {
					add(touchstone.ContextField, n.Name, f.Context, touchstone.Compares)
				} else {
					add(touchstone.PropertyField, n.Name, f.Property, touchstone.Compares)
				}
			}
		}
	}
	return list
}
