package template

import (
	"context"
	"encoding/json"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
)

// Tag is a tag that is made: of rules, or of a query.
type Tag struct {
	Key, Name, Folder string
	Rules             []TagRule // the first that holds
	SQL               string
	EveryMinutes      int
	MaxAgeMinutes     int
	Events            []string // that a query goes by
}

// TagRule gives a value by a rule.
type TagRule struct {
	Value string
	Rule  touchstone.JSON
}

// Makes is who makes what a template says; app fills it in. Each returns the id of what it has made.
type Makes struct {
	Events  func(ctx context.Context, v *access.Viewer) ([]string, error) // names of the catalogue
	Segment func(ctx context.Context, name, description string, rule touchstone.JSON) (string, error)
	Tag     func(ctx context.Context, v *access.Viewer, t Tag) (string, error)
	Cycle   func(ctx context.Context, v *access.Viewer, key, name string, definition touchstone.JSON) (string, error)
}

// Order says how a template is filled.
type Order struct {
	Language string            `json:"language"` // zh, or en
	Events   map[string]Filled `json:"events"`   // by slot
	Parts    []string          `json:"parts"`    // cycle, segments, tags; none: all of them
}

// Made names what there is now.
type Made struct {
	Kind string `json:"kind"` // cycle, segment, tag
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Result is what was made, and what was left out because nothing fills what it goes by, or because it is there already.
type Result struct {
	Made    []Made `json:"made"`
	LeftOut []Left `json:"left_out"`
}

// Left is something that was not made.
type Left struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
	Why  string `json:"why"` // unfilled, exists
}

// The parts of a template.
var parts = []string{"cycle", "segments", "tags"}

// definition is that of a life cycle, as its feature reads it.
type definition struct {
	Stages []madeStage `json:"stages"`
	Lost   *madeStage  `json:"lost,omitempty"`
}

type madeStage struct {
	Key   string          `json:"key"`
	Name  string          `json:"name"`
	Rule  touchstone.JSON `json:"rule"`
	Falls bool            `json:"falls,omitempty"`
	From  string          `json:"from,omitempty"`
}

// run is one use of a template.
type run struct {
	m      Makes
	v      *access.Viewer
	order  Order
	result Result
}

func (r *run) made(kind, id, name string, err error) error {
	switch {
	case touchstone.KindOf(err) == touchstone.Conflict:
		r.result.LeftOut = append(r.result.LeftOut, Left{kind, name, "exists"})
		return nil
	case err == nil:
		r.result.Made = append(r.result.Made, Made{kind, id, name})
	}
	return err
}

func (r *run) unfilled(kind, name string) {
	r.result.LeftOut = append(r.result.LeftOut, Left{kind, name, "unfilled"})
}

func (r *run) wants(part string) bool {
	if len(r.order.Parts) == 0 {
		return true
	}
	for _, p := range r.order.Parts {
		if p == part {
			return true
		}
	}
	return false
}

// apply makes what a template says.
func apply(ctx context.Context, m Makes, v *access.Viewer, t *Template, order Order) (Result, error) {
	r := run{m: m, v: v, order: order, result: Result{Made: []Made{}, LeftOut: []Left{}}}
	if err := t.check(order.Events); err != nil {
		return r.result, err
	}
	if r.wants("cycle") {
		if err := r.cycle(ctx, t); err != nil {
			return r.result, err
		}
	}
	if r.wants("segments") {
		if err := r.segments(ctx, t); err != nil {
			return r.result, err
		}
	}
	if r.wants("tags") {
		return r.result, r.tiers(ctx, t)
	}
	return r.result, nil
}

func (r *run) cycle(ctx context.Context, t *Template) error {
	name := t.Cycle.Name.In(r.order.Language)
	var d definition
	for i := range t.Cycle.Stages {
		s, ok, err := r.stage(&t.Cycle.Stages[i])
		if err != nil {
			return err
		}
		if ok {
			d.Stages = append(d.Stages, s)
		}
	}
	if l := t.Cycle.Lost; l != nil {
		s, ok, err := r.stage(l)
		if err != nil {
			return err
		}
		for _, st := range d.Stages { // from the first stage there is, if the one that is named was left out
			if ok && st.Key == l.From {
				s.From = l.From
			}
		}
		if ok {
			d.Lost = &s
		}
	}
	if len(d.Stages) == 0 {
		r.unfilled("cycle", name)
		return nil
	}
	text, err := json.Marshal(d)
	if err != nil {
		return err
	}
	id, err := r.m.Cycle(ctx, r.v, t.Cycle.Key, name, touchstone.JSON(text))
	return r.made("cycle", id, name, err)
}

func (r *run) stage(s *Stage) (madeStage, bool, error) {
	rule, ok, err := fill(s.Rule, r.order.Events)
	out := madeStage{Key: s.Key, Name: s.Name.In(r.order.Language), Rule: rule, Falls: s.Falls}
	if !ok && err == nil {
		r.unfilled("stage", out.Name)
	}
	return out, ok, err
}

func (r *run) segments(ctx context.Context, t *Template) error {
	for i := range t.Segments {
		s := &t.Segments[i]
		name := s.Name.In(r.order.Language)
		rule, ok, err := fill(s.Rule, r.order.Events)
		if err != nil {
			return err
		}
		if !ok {
			r.unfilled("segment", name)
			continue
		}
		id, err := r.m.Segment(ctx, name, s.About.In(r.order.Language), rule)
		if err := r.made("segment", id, name, err); err != nil {
			return err
		}
	}
	return nil
}

// tierName is what the tag of a template is called.
var tierName = Text{"Value tier", "价值等级"}

func (r *run) tiers(ctx context.Context, t *Template) error {
	if len(t.Tiers) == 0 {
		return nil
	}
	tag := Tag{Key: t.Key + "_tier", Name: t.Name.In(r.order.Language) + " · " + tierName.In(r.order.Language), MaxAgeMinutes: 60}
	for _, one := range t.Tiers {
		rule, ok, err := fill(one.Rule, r.order.Events)
		if err != nil {
			return err
		}
		if !ok {
			r.unfilled("tag", tag.Name)
			return nil
		}
		tag.Rules = append(tag.Rules, TagRule{one.Value, rule})
	}
	id, err := r.m.Tag(ctx, r.v, tag)
	return r.made("tag", id, tag.Name, err)
}

// applyRFM makes the tags of RFM.
func applyRFM(ctx context.Context, m Makes, v *access.Viewer, rfm *RFM, language string) (Result, error) {
	r := run{m: m, v: v, result: Result{Made: []Made{}, LeftOut: []Left{}}}
	if err := rfm.check(); err != nil {
		return r.result, err
	}
	for _, t := range rfm.tags(language) {
		id, err := m.Tag(ctx, v, t)
		if err := r.made("tag", id, t.Name, err); err != nil {
			return r.result, err
		}
	}
	return r.result, nil
}
