package app

import (
	"context"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/identity"
	"github.com/touchstone-cdp/touchstone/job"
)

// rerunKind is the job that runs the rules of identity again over the whole graph.
func (a *App) rerunKind() job.Kind {
	return a.graph.RerunKind(identity.RerunConfig{
		Rules: a.rules,
		Submit: func(ctx context.Context, c touchstone.Command) (touchstone.JSON, error) {
			row, err := a.commands.Submit(ctx, c)
			if err != nil {
				return "", err
			}
			return row.Result, nil
		},
		Segments: func(ctx context.Context, persons []touchstone.PersonID, fn func(identity.RerunSegment, []touchstone.PersonID)) error {
			list, err := a.segments.MembersAmong(ctx, persons)
			for _, s := range list {
				fn(identity.RerunSegment{ID: s.ID, Name: s.Name, Size: s.Size}, s.Members)
			}
			return err
		},
		Foretell: func(ctx context.Context, persons [][]touchstone.NodeID) (p identity.Prophecy, err error) {
			f, told, err := a.foreteller().Foretell(ctx, persons, rerunEvents)
			if err != nil {
				return p, err
			}
			for _, s := range f.Segments {
				p.Segments = append(p.Segments, identity.RerunSegment{ID: s.ID, Name: s.Name, Size: s.Size})
			}
			p.In, p.Unsure = make([][]int, len(told)), make([][]int, len(told))
			for i, one := range told {
				if one != nil {
					p.In[i], p.Unsure[i] = append([]int{}, one.In...), one.Unsure
				}
			}
			return p, nil
		},
	})
}

// rerunEvents bounds the events of a person whose segments a preview of the rules foretells.
const rerunEvents = 5_000
