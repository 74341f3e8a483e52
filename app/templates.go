package app

import (
	"context"
	"encoding/json"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/segment"
	"github.com/touchstone-cdp/touchstone/stage"
	"github.com/touchstone-cdp/touchstone/tag"
	"github.com/touchstone-cdp/touchstone/template"
)

// templateResource makes segments, tags and life cycles of templates.
func (a *App) templateResource() api.Resource {
	return template.Resource(func() (template.Makes, bool) {
		return template.Makes{Events: a.eventNames, Segment: a.makeSegment, Tag: a.makeTag, Cycle: a.makeCycle}, a.segments != nil && a.tags != nil && a.cycles != nil
	})
}

// eventNames are those of the catalogue; none while there is no warehouse.
func (a *App) eventNames(ctx context.Context, _ *access.Viewer) ([]string, error) {
	if a.queries == nil {
		return nil, nil
	}
	return a.queries.EventNames(ctx)
}

func (a *App) makeSegment(ctx context.Context, name, description string, rule touchstone.JSON) (string, error) {
	made, err := a.segments.Create(ctx, segment.Draft{Name: name, Description: description, Rule: rule})
	return made.ID, err
}

func (a *App) makeTag(ctx context.Context, v *access.Viewer, t template.Tag) (string, error) {
	d := tag.Draft{Key: t.Key, Name: t.Name, Folder: t.Folder, Kind: tag.SQL, Definition: tag.Definition{SQL: t.SQL, EveryMinutes: t.EveryMinutes, MaxAgeMinutes: t.MaxAgeMinutes, Events: t.Events}}
	if t.SQL == "" {
		d.Kind = tag.Rule
	}
	for _, r := range t.Rules {
		value, err := json.Marshal(r.Value)
		if err != nil {
			return "", err
		}
		d.Definition.Rules = append(d.Definition.Rules, tag.ValueRule{Value: touchstone.JSON(value), Rule: r.Rule})
	}
	made, err := a.tags.Create(ctx, d, tag.Who{ID: v.ID, Name: v.Name, Alone: v.Kind == "dev"})
	return made.ID, err
}

func (a *App) makeCycle(ctx context.Context, v *access.Viewer, key, name string, definition touchstone.JSON) (string, error) {
	var d stage.Definition
	if err := json.Unmarshal([]byte(definition), &d); err != nil {
		return "", err
	}
	made, err := a.cycles.Create(ctx, stage.Draft{Key: key, Name: name, Definition: d}, stage.Who{ID: v.ID, Name: v.Name})
	return made.ID, err
}
