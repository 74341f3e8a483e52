package linkage

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/identity/match"
)

// Where values come from: the columns of a table of persons.
const (
	nameSource       = "name"
	identifierSource = "id."
	sourcesOf        = "sources" // that a person's events came from
	traitSource      = "trait."
)

const (
	pageOfPersons = 1000
	sampled       = 2000 // persons, to guess what columns hold
	guessedTraits = 100  // traits, the most frequent ones
)

// compared are identifiers whose values can be nearly the same: a telephone number with a wrong digit. Those that
// machines make are the same or not, which the graph of identifiers sees by itself.
var compared = []touchstone.IdentifierKind{touchstone.KindPhone, touchstone.KindEmail, touchstone.KindPlate}

// recordID is a person as the name of a record.
func recordID(p touchstone.PersonID) string { return strconv.FormatInt(int64(p), 36) }

// personOf reads the name of a record.
func personOf(id string) touchstone.PersonID {
	n, err := strconv.ParseInt(id, 36, 64)
	if err != nil {
		return 0
	}
	return touchstone.PersonID(n)
}

// reader makes records of persons.
type reader struct {
	people  People
	columns []Column
	clean   []string // sources in which each person stands once
	sources []string
	at      [][]int // by column: where its sources are among the cells
}

func newReader(people People, columns []Column, clean []string) *reader {
	r := &reader{people: people, columns: columns, clean: clean}
	for _, c := range columns {
		var at []int
		for _, from := range c.From {
			i := slices.Index(r.sources, from)
			if i < 0 {
				i = len(r.sources)
				r.sources = append(r.sources, from)
			}
			at = append(at, i)
		}
		r.at = append(r.at, at)
	}
	if len(clean) > 0 {
		r.sources = append(r.sources, sourcesOf)
	}
	return r
}

// apart tells in which clean sources somebody stands, of all that they come from.
func apart(clean, sources []string) (lists uint8) {
	for i, source := range clean {
		if slices.Contains(sources, source) {
			lists |= 1 << i
		}
	}
	return lists
}

// matchColumns is what is compared, as match is told it.
func matchColumns(columns []Column) []match.Column {
	list := make([]match.Column, len(columns))
	for i, c := range columns {
		list[i] = match.Column{Name: c.Name, Kind: c.Kind, Reason: c.Reason}
	}
	return list
}

// read calls fn with the record of each person that has a profile, as v may see it. Its values are valid during the call.
func (r *reader) read(ctx context.Context, v *access.Viewer, persons []touchstone.PersonID, fn func(person touchstone.PersonID, record match.Record) error) error {
	values := make([]string, len(r.columns))
	return r.people.Cells(ctx, v, persons, r.sources, func(person touchstone.PersonID, cells []string) error {
		for i, at := range r.at {
			var several []string
			for j, cell := range at {
				text := cells[cell]
				if strings.HasPrefix(r.columns[i].From[j], identifierSource) { // several stand side by side
					text = strings.Join(strings.Fields(text), match.Separator)
				}
				if text != "" && !slices.Contains(several, text) {
					several = append(several, text)
				}
			}
			values[i] = strings.Join(several, match.Separator)
		}
		record := match.Record{ID: recordID(person), Values: values}
		if len(r.clean) > 0 {
			record.Apart = apart(r.clean, strings.Fields(cells[len(cells)-1]))
		}
		return fn(person, record)
	})
}

// everybody calls fn for all persons, a page at a time; paged is told how many have been read.
func (r *reader) everybody(ctx context.Context, fn func(person touchstone.PersonID, record match.Record) error, paged func(read int)) error {
	read := 0
	for after := touchstone.PersonID(0); ; {
		persons, err := r.people.PersonsAfter(ctx, after, pageOfPersons)
		if err != nil || len(persons) == 0 {
			return err
		}
		if err := r.read(ctx, access.System(), persons, fn); err != nil {
			return err
		}
		read, after = read+len(persons), persons[len(persons)-1]
		paged(read)
	}
}

// set makes a set of all persons of whom something is known, at most most; full says what becomes of further ones.
func (r *reader) set(ctx context.Context, most int, full func() error, paged func(read int)) (*match.Set, error) {
	set, err := match.NewSet(matchColumns(r.columns))
	if err != nil {
		return nil, err
	}
	err = r.everybody(ctx, func(_ touchstone.PersonID, record match.Record) error {
		switch {
		case empty(record.Values):
			return nil
		case set.Len() >= most:
			return full()
		}
		return set.Add(0, record)
	}, paged)
	return set, err
}

// refresh brings persons up to date in an index. before, unless it is nil, is called with each record while the index
// has none of that person.
func (r *reader) refresh(ctx context.Context, x *match.Index, persons []touchstone.PersonID, before func(person touchstone.PersonID, record match.Record) error) error {
	return r.read(ctx, access.System(), persons, func(person touchstone.PersonID, record match.Record) error {
		x.Remove(record.ID)
		if empty(record.Values) {
			return nil
		}
		if before != nil {
			if err := before(person, record); err != nil {
				return err
			}
		}
		return x.Add(record)
	})
}

// empty tells whether a record says nothing.
func empty(values []string) bool {
	return !slices.ContainsFunc(values, func(v string) bool { return v != "" })
}

// Columns returns what is compared: what was chosen, or what is guessed.
func (l *Linkage) Columns(ctx context.Context) ([]Column, error) {
	s, _, err := l.Settings(ctx)
	if err != nil || len(s.Columns) > 0 {
		return s.Columns, err
	}
	return l.Guess(ctx)
}

// Guess says what could be compared: telephone numbers and the like, and those traits that by
// name and values say who somebody is. What a person likes or pays says little about that.
func (l *Linkage) Guess(ctx context.Context) ([]Column, error) {
	names, err := l.cfg.People.TraitNames(ctx)
	if err != nil {
		return nil, err
	}
	names = names[:min(len(names), guessedTraits)]
	var candidates []Column
	for _, kind := range compared {
		candidates = append(candidates, Column{Name: string(kind), From: []string{identifierSource + string(kind)}})
	}
	for _, name := range names {
		candidates = append(candidates, Column{Name: name, From: []string{traitSource + name}})
	}
	rows, err := l.sample(ctx, candidates)
	if err != nil {
		return nil, err
	}
	titles := make([]string, len(candidates))
	for i, c := range candidates {
		titles[i] = c.Name
	}
	var columns []Column
	for i, g := range match.Guess(titles, rows) {
		c := candidates[i]
		if i < len(compared) && g.Kind != match.Ignored { // its kind is known
			g.Kind, g.Reason = identifierKinds[compared[i]], "it is a kind of identifier"
		}
		if !personal(g) || tooFew(rows, i) {
			continue
		}
		c.Kind, c.Reason = g.Kind, g.Reason
		columns = addColumn(columns, c)
	}
	return columns[:min(len(columns), maxGuessed)], nil
}

// maxGuessed bounds what is compared unless somebody chooses.
const maxGuessed = 12

var identifierKinds = map[touchstone.IdentifierKind]match.Kind{
	touchstone.KindPhone: match.Phone, touchstone.KindEmail: match.Email, touchstone.KindPlate: match.Plate,
}

// namedSo is why match takes a column for what its name says.
const namedSo = "its name says so"

// personal tells whether a column says who somebody is.
func personal(c match.Column) bool {
	switch c.Kind {
	case match.Given, match.Family, match.Name, match.Phone, match.Email, match.Address, match.Postcode, match.Date, match.Plate, match.ID:
		return true
	case match.Place:
		return c.Reason == namedSo
	}
	return false
}

// tooFew tells whether hardly anybody of the sample has a value.
func tooFew(rows [][]string, column int) bool {
	filled := 0
	for _, row := range rows {
		if row[column] != "" {
			filled++
		}
	}
	return filled*200 < len(rows) || filled == 0
}

// addColumn puts the sources of one kind of which a person has several (telephone numbers) in one column.
func addColumn(columns []Column, c Column) []Column {
	if c.Kind == match.Phone || c.Kind == match.Email {
		for i := range columns {
			if columns[i].Kind == c.Kind {
				columns[i].From = append(columns[i].From, c.From...)
				return columns
			}
		}
	}
	for slices.ContainsFunc(columns, func(other Column) bool { return other.Name == c.Name }) {
		c.Name += " (trait)"
	}
	return append(columns, c)
}

// sample reads the values of some persons, spread over all.
func (l *Linkage) sample(ctx context.Context, columns []Column) (rows [][]string, err error) {
	count, err := l.cfg.People.Count(ctx)
	if err != nil {
		return nil, err
	}
	pages := 8
	if count <= sampled {
		pages = 1
	}
	r := newReader(l.cfg.People, columns, nil)
	for i := range pages {
		// Numbers of persons are those of nodes, of which there are a few per person: the steps need not be exact.
		after := touchstone.PersonID(count * int64(i) / int64(pages))
		persons, err := l.cfg.People.PersonsAfter(ctx, after, sampled/pages)
		if err != nil {
			return nil, err
		}
		err = r.read(ctx, access.System(), persons, func(_ touchstone.PersonID, record match.Record) error {
			rows = append(rows, slices.Clone(record.Values))
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return rows, nil
}
