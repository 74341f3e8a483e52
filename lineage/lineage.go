package lineage

import (
	"context"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
)

// Teller tells the definitions of a feature.
type Teller func(ctx context.Context) ([]touchstone.Definition, error)

// Fault is an alarm about data, as far as it matters here.
type Fault struct {
	Source, Event, Field string
	Kind                 string
	Events               bool // there are events that carry it: see Spoilt
	From, To             time.Time
	Open                 bool // it goes on
}

// Spoilt is what carries a fault.
type Spoilt struct {
	Events  int64
	Persons []touchstone.PersonID
	Whole   bool // all of the span was looked at
}

// Touch is what persons did with a segment since a fault began.
type Touch struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Entered int64  `json:"entered"`
	Left    int64  `json:"left"`
	Members int64  `json:"members"`
}

// Parts is what is asked in a process. Alarm, Spoilt and Touched are nil in one that cannot tell.
type Parts struct {
	Tellers []Teller
	// Alarm returns one by its id. NotFound: it is not there.
	Alarm func(ctx context.Context, id string) (Fault, error)
	// Spoilt looks at the events of an alarm's span.
	Spoilt func(ctx context.Context, alarm string) (Spoilt, error)
	// Touched tells what persons did with segments since a moment.
	Touched func(ctx context.Context, segments []string, persons []touchstone.PersonID, since time.Time) ([]Touch, error)
}

// maxDefinitions bounds what is searched.
const maxDefinitions = 50_000

// Definitions returns those of all features.
func (p *Parts) Definitions(ctx context.Context) (all []touchstone.Definition, err error) {
	for _, tell := range p.Tellers {
		list, err := tell(ctx)
		if err != nil {
			return nil, err
		}
		if all = append(all, list...); len(all) > maxDefinitions {
			return nil, touchstone.Errorf(touchstone.TooLarge, "There are more than %d definitions, too many to follow.", maxDefinitions)
		}
	}
	return all, nil
}

// Answer is what hangs on something.
type Answer struct {
	Uses      []Use `json:"uses"`
	Hidden    int   `json:"hidden"` // uses that who asks may not see
	Truncated bool  `json:"truncated"`
}

// Ask follows a field or a definition. What the viewer may not see is counted, and named in no way to others.
func (p *Parts) Ask(ctx context.Context, v *access.Viewer, asked Asked) (a Answer, err error) {
	all, err := p.Definitions(ctx)
	if err != nil {
		return a, err
	}
	uses, truncated := Uses(all, asked)
	a = Answer{Uses: make([]Use, 0, len(uses)), Truncated: truncated}
	closed := map[touchstone.DefinitionRef]bool{}
	for i := range all {
		if v.Require(access.Permission(all[i].Need)) != nil {
			closed[all[i].Ref()] = true
		}
	}
	for _, u := range uses {
		if closed[touchstone.DefinitionRef{Kind: u.Kind, ID: u.ID}] {
			a.Hidden++
			continue
		}
		for i := range u.Via {
			if closed[u.Via[i].DefinitionRef] {
				u.Via[i].ID, u.Via[i].Name = "", ""
			}
		}
		a.Uses = append(a.Uses, u)
	}
	return a, nil
}

// Impact is what an alarm's fault has touched.
type Impact struct {
	From time.Time  `json:"from"`
	To   *time.Time `json:"to"` // null: it goes on
	// Events carry the fault. Known is false where no event can: silence, what was refused.
	Known    bool    `json:"known"`
	Events   int64   `json:"events"`
	Persons  int64   `json:"persons"`
	Whole    bool    `json:"whole"`
	Segments []Touch `json:"segments"` // that go by the field, of those persons
	Answer
}

// Impact tells it.
func (p *Parts) Impact(ctx context.Context, v *access.Viewer, alarm string) (i Impact, err error) {
	f, err := p.Alarm(ctx, alarm)
	if err != nil {
		return i, err
	}
	i = Impact{From: f.From, Segments: []Touch{}, Whole: true}
	if !f.Open {
		i.To = &f.To
	}
	field := touchstone.Field{Sort: touchstone.EventField, Name: f.Event}
	if f.Field != "" {
		field = touchstone.Field{Sort: touchstone.PropertyField, Event: f.Event, Name: f.Field}
	}
	if f.Event == "" {
		i.Answer = Answer{Uses: []Use{}} // of all of a source: everything may hang on it
	} else if i.Answer, err = p.Ask(ctx, v, Asked{Field: &field}); err != nil {
		return i, err
	}
	if !f.Events || p.Spoilt == nil {
		return i, nil
	}
	spoilt, err := p.Spoilt(ctx, alarm)
	if err != nil {
		return i, err
	}
	i.Known, i.Events, i.Persons, i.Whole = true, spoilt.Events, int64(len(spoilt.Persons)), spoilt.Whole
	var segments []string
	for _, u := range i.Uses {
		if u.Kind == touchstone.DefSegment {
			segments = append(segments, u.ID)
		}
	}
	if len(segments) > 0 && len(spoilt.Persons) > 0 && p.Touched != nil {
		i.Segments, err = p.Touched(ctx, segments, spoilt.Persons, f.From)
	}
	return i, err
}
