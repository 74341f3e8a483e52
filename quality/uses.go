package quality

import (
	"context"
	"encoding/json"
	"maps"
	"slices"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/keep"
)

// Definitions tells of which events and properties it is known what is usual. It is what was stored, five minutes old at most.
func (q *Quality) Definitions(ctx context.Context) ([]touchstone.Definition, error) {
	var list []touchstone.Definition
	err := keep.Each(ctx, q.cfg.DB.Reader(), `SELECT source, event, known FROM quality_series WHERE event <> '' ORDER BY source, event`, nil, func(scan func(...any) error) error {
		var source, event, known string
		if err := scan(&source, &event, &known); err != nil {
			return err
		}
		var s struct {
			Fields map[string]struct{} `json:"fields"`
		}
		if json.Unmarshal([]byte(known), &s) != nil {
			return nil //nolint:nilerr // it will be learnt anew
		}
		d := touchstone.Definition{Kind: touchstone.DefExpectation, ID: source, Name: event, Need: string(mayRead),
			Reads: []touchstone.Reads{{Field: touchstone.Field{Sort: touchstone.EventField, Name: event}, How: touchstone.Checks}}}
		for _, name := range slices.Sorted(maps.Keys(s.Fields)) {
			d.Reads = append(d.Reads, touchstone.Reads{Field: touchstone.Field{Sort: touchstone.PropertyField, Event: event, Name: name}, How: touchstone.Checks})
		}
		list = append(list, d)
		return nil
	})
	return list, err
}
