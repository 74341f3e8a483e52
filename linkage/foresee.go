package linkage

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/identity/match"
	"github.com/touchstone-cdp/touchstone/internal/jsonwalk"
)

// Stranger is somebody who is not there yet, as a file says it.
type Stranger struct {
	Identifiers []touchstone.Identifier
	Traits      touchstone.JSON // object, or empty
}

// Foresight tells whom strangers may be, by the model and the index of one moment.
type Foresight struct {
	index   *match.Index
	columns []Column

	Link, Review float64 // chances from which two are linked, and reviewed
	Automatic    bool
}

// Foreseen is who a stranger may be.
type Foreseen struct {
	Candidate
	Evidence touchstone.JSON // as of a pair
}

// Foresee returns what tells whom strangers may be; nil where there is no index of persons.
func (l *Linkage) Foresee(ctx context.Context) (*Foresight, error) {
	l.live.mu.Lock()
	x, m := l.live.index, l.live.model
	l.live.mu.Unlock()
	if x == nil {
		return nil, nil
	}
	s, _, err := l.Settings(ctx)
	if err != nil {
		return nil, err
	}
	link := m.Match.Thresholds.Link
	if s.Automatic {
		link = sure
	}
	return &Foresight{index: x, columns: m.Columns, Link: cmp.Or(chosen(s.Link), link), Review: m.review(s), Automatic: s.Automatic}, nil
}

// Of returns the most probable one who is worth a look; false when nobody is.
func (f *Foresight) Of(s Stranger) (found Foreseen, ok bool, err error) {
	record := match.Record{Values: f.values(s)}
	if empty(record.Values) {
		return found, false, nil
	}
	candidates, err := f.index.Find(record, 1)
	if err != nil || len(candidates) == 0 || candidates[0].Probability < f.Review {
		return found, false, err
	}
	c := candidates[0]
	why, there := f.index.Explain(record, c.ID)
	if !there { // gone meanwhile
		return found, false, nil
	}
	evidence, err := evidenceOf(why)
	return Foreseen{Candidate{personOf(c.ID), c.Weight, c.Probability}, evidence}, true, err
}

// values are those of a stranger by column, as a reader finds them of a person.
func (f *Foresight) values(s Stranger) []string {
	values := make([]string, len(f.columns))
	for i, c := range f.columns {
		var several []string
		add := func(text string) {
			if text != "" && !slices.Contains(several, text) {
				several = append(several, text)
			}
		}
		for _, from := range c.From {
			if kind, ok := strings.CutPrefix(from, identifierSource); ok {
				for _, id := range s.Identifiers {
					if string(id.Kind) == kind {
						add(id.Value)
					}
				}
			} else if trait, ok := strings.CutPrefix(from, traitSource); ok {
				add(traitOf(s.Traits, trait))
			} else if from == nameSource {
				add(nameOf(s.Traits))
			}
		}
		values[i] = strings.Join(several, match.Separator)
	}
	return values
}

// nameOf is what a person with these traits is called.
func nameOf(traits touchstone.JSON) string {
	if name := traitOf(traits, "name"); name != "" {
		return name
	}
	return strings.TrimSpace(traitOf(traits, "first_name") + " " + traitOf(traits, "last_name"))
}

// traitOf is a trait as a cell of a table shows it; empty when it is no single value.
func traitOf(traits touchstone.JSON, name string) string {
	value := jsonwalk.Member(string(traits), name)
	switch {
	case value == "" || value == "null" || value[0] == '{' || value[0] == '[':
		return ""
	case value[0] == '"':
		return jsonwalk.Text(value)
	}
	return value
}
