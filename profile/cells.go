package profile

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/internal/jsonwalk"
)

// The columns of a table of persons that are not identifiers or traits, and the heads of
// the names of those: "id.phone", "trait.city".
var personColumns = []string{"name", "first_seen", "last_seen", "events", "city", "country"}

const (
	idColumn     = "id."
	traitColumn  = "trait."
	sourceColumn = "sources" // names of the sources of a person's events, for those who compare persons; no column of tables
	mostColumns  = 200
	usualColumns = 40 // traits of a table that nobody chose columns for
)

// CheckColumns refuses columns that no table of persons has. No columns stand for the usual
// ones: what all persons have, all kinds of identifiers, and the traits that most have.
func (p *Profiles) CheckColumns(ctx context.Context, columns []string) ([]string, error) {
	if len(columns) == 0 {
		return p.usualColumns(ctx)
	}
	if len(columns) > mostColumns {
		return nil, touchstone.Errorf(touchstone.Invalid, "At most %d columns can be chosen.", mostColumns)
	}
	for i, c := range columns {
		_, isID := strings.CutPrefix(c, idColumn)
		_, isTrait := strings.CutPrefix(c, traitColumn)
		if !isID && !isTrait && !slices.Contains(personColumns, c) || c == idColumn || c == traitColumn {
			return nil, touchstone.Errorf(touchstone.Invalid, "There is no column %q.", c).WithHint("Columns are name, first_seen, last_seen, events, city, country, id.KIND and trait.NAME.")
		}
		if slices.Contains(columns[:i], c) {
			return nil, touchstone.Errorf(touchstone.Invalid, "The column %q is there twice.", c)
		}
	}
	return columns, nil
}

func (p *Profiles) usualColumns(ctx context.Context) ([]string, error) {
	columns := slices.Clone(personColumns)
	if p.cfg.Kinds != nil {
		for _, c := range p.cfg.Kinds.Configs() {
			columns = append(columns, idColumn+string(c.Kind))
		}
	}
	traits, err := p.TraitNames(ctx)
	if err != nil {
		return nil, err
	}
	for _, name := range traits[:min(len(traits), usualColumns)] {
		columns = append(columns, traitColumn+name)
	}
	return columns, nil
}

// TraitNames returns the names of all traits, those that most persons have first.
func (p *Profiles) TraitNames(ctx context.Context) ([]string, error) {
	traits, err := p.Traits(ctx, access.System()) // their names only
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(traits, func(a, b TraitInfo) int { return cmp.Compare(b.Persons, a.Persons) })
	names := make([]string, len(traits))
	for i := range traits {
		names[i] = traits[i].Trait
	}
	return names, nil
}

// Cells calls fn with what stands in the columns for each person that has a profile, as v may
// see it, in the order asked. The cells are valid during the call only.
func (p *Profiles) Cells(ctx context.Context, v *access.Viewer, persons []touchstone.PersonID, columns []string, fn func(person touchstone.PersonID, cells []string) error) error {
	persons, err := p.cfg.Within.Of(ctx, v, persons)
	if err != nil {
		return err
	}
	list, err := p.read(ctx, persons)
	if err != nil {
		return err
	}
	identifiers, err := p.identifiersOf(ctx, persons)
	if err != nil {
		return err
	}
	cells := make([]string, len(columns))
	for _, s := range list {
		for i, c := range columns {
			cells[i] = s.cell(v, c, identifiers[s.id])
		}
		if err := fn(s.id, cells); err != nil {
			return err
		}
	}
	return nil
}

func (s *stored) cell(v *access.Viewer, column string, identifiers []touchstone.Identifier) string {
	if kind, ok := strings.CutPrefix(column, idColumn); ok {
		var values []string
		for _, id := range identifiers {
			if string(id.Kind) == kind {
				values = append(values, v.Identifier(id).Value)
			}
		}
		return strings.Join(values, " ")
	}
	if name, ok := strings.CutPrefix(column, traitColumn); ok {
		return s.traitCell(v, name)
	}
	a := &s.activity
	switch column {
	case "name":
		if name := s.name(identifiers); name != nil {
			return v.Text(*name)
		}
	case "first_seen":
		return timeOf(a.first).Format(time.RFC3339)
	case "last_seen":
		return timeOf(a.last).Format(time.RFC3339)
	case "events":
		return strconv.FormatUint(a.total(), 10)
	case "city":
		return s.labelText(a.city.word)
	case "country":
		return s.labelText(a.country.word)
	case sourceColumn:
		var names []string
		for _, c := range a.sources {
			names = append(names, wordOf(s.words[labelWords], c.word))
		}
		return strings.Join(names, " ")
	}
	return ""
}

// traitCell is a text as it is, and anything else as JSON.
func (s *stored) traitCell(v *access.Viewer, name string) string {
	for _, t := range s.traits.list {
		if t.json == "" || wordOf(s.words[traitWords], t.name) != name {
			continue
		}
		shown := string(v.Field(name, touchstone.JSON(t.json)))
		if strings.HasPrefix(shown, `"`) {
			return jsonwalk.Text(shown)
		}
		return shown
	}
	return ""
}
