package job

import (
	"context"
	"encoding/json"

	"github.com/touchstone-cdp/touchstone"
)

// Definitions tells what each schedule goes by: the segment that it names, and the columns that it writes into a file.
func (s *Schedules) Definitions(ctx context.Context) ([]touchstone.Definition, error) {
	all, err := s.List(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]touchstone.Definition, 0, len(all))
	for i := range all {
		one := &all[i]
		d := touchstone.Definition{Kind: touchstone.DefSchedule, ID: one.ID, Name: one.Name, Owner: one.Asker.Name, Need: string(seeSchedule)}
		var in struct {
			Segment  string   `json:"segment"`
			Columns  []string `json:"columns"`
			Contacts bool     `json:"contacts"`
		}
		if json.Unmarshal([]byte(one.Input), &in) == nil && in.Segment != "" {
			d.Goes = []touchstone.DefinitionRef{{Kind: touchstone.DefSegment, ID: in.Segment}}
			d.Out = &touchstone.Recipient{Name: one.Kind, Contacts: "masked"}
			if in.Contacts {
				d.Out.Contacts = "full"
			}
			for _, column := range in.Columns {
				if sort, name, ok := touchstone.ColumnField(column); ok {
					d.Reads = append(d.Reads, touchstone.Reads{Field: touchstone.Field{Sort: sort, Name: name}, How: touchstone.Sends})
				}
			}
		}
		list = append(list, d)
	}
	return list, nil
}
