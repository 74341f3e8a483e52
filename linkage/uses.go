package linkage

import (
	"context"

	"github.com/touchstone-cdp/touchstone"
)

// Definitions tells which columns persons are compared by: those of the model that is in use, and those that somebody has chosen for the next.
func (l *Linkage) Definitions(ctx context.Context) ([]touchstone.Definition, error) {
	m, err := l.newestModel(ctx, l.cfg.DB.Reader())
	if err != nil {
		return nil, err
	}
	settings, _, err := l.Settings(ctx)
	if err != nil {
		return nil, err
	}
	columns := settings.Columns
	if m != nil {
		columns = append(columns, m.Columns...)
	}
	d := touchstone.Definition{Kind: touchstone.DefModel, ID: "linkage", Need: string(mayRead)}
	for _, c := range columns {
		for _, from := range c.From {
			if sort, name, ok := touchstone.ColumnField(from); ok {
				d.Reads = append(d.Reads, touchstone.Reads{Field: touchstone.Field{Sort: sort, Name: name}, How: touchstone.Matches})
			}
		}
	}
	return []touchstone.Definition{d}, nil
}
