package tag

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/touchstone-cdp/touchstone"
)

// Bounds of a file.
const (
	maxFileRows = 20_000
	maxSamples  = 20
	valueColumn = "value"
)

// Matching says who was found in a file. Rows count from 1, without the line of names.
type Matching struct {
	Rows      int64    `json:"rows"`
	Matched   int64    `json:"matched"`   // persons, each once
	Repeated  int64    `json:"repeated"`  // rows of persons of earlier rows: the last one counts
	Unknown   int64    `json:"unknown"`   // rows whose identifiers nobody has
	Ambiguous int64    `json:"ambiguous"` // rows whose identifiers are of several persons: left out
	Invalid   int64    `json:"invalid"`   // rows without a usable identifier, or a value that is none
	Changed   int64    `json:"changed"`   // persons whose value is another one now
	ByKind    []ByKind `json:"by_kind"`   // by which identifiers persons were found
	Samples   []Sample `json:"samples"`   // some of the rows that were left out
}

// ByKind counts the persons that were found by a kind of identifier.
type ByKind struct {
	Kind    touchstone.IdentifierKind `json:"kind"`
	Rows    int64                     `json:"rows"`
	Matched int64                     `json:"matched"`
}

// Sample is a row that was left out, and why: unknown, ambiguous or invalid.
type Sample struct {
	Row int64  `json:"row"`
	Why string `json:"why"`
}

// FileOptions say how a file is read.
type FileOptions struct {
	Name string // of the file, for the values' origin
	// Value is that of all rows, of a file without a column value.
	Value touchstone.JSON
	Trial bool // only look who is found
	// Normalise brings an identifier into the form in which it is kept; false: it is none.
	Normalise func(kind touchstone.IdentifierKind, value string) (string, bool)
	// Kinds are those of identifiers.
	Kinds []touchstone.IdentifierKind
	Actor string
}

// found is a person of a file.
type found struct {
	ref   string
	value touchstone.JSON
}

// Import reads a file of values: a CSV whose columns are kinds of identifiers, of which a row may have several, and perhaps value.
// The file is read whole before anything is written.
func (t *Tags) Import(ctx context.Context, id string, file io.Reader, o FileOptions) (m Matching, err error) {
	x, err := t.get(ctx, t.cfg.DB.Reader(), id)
	if err == nil {
		err = x.takes()
	}
	if err != nil {
		return m, err
	}
	if o.Value != "" {
		if o.Value, err = checkValue("value", o.Value); err != nil {
			return m, err
		}
	}
	m.ByKind, m.Samples = []ByKind{}, []Sample{}
	persons := map[touchstone.PersonID]found{}
	if err := t.match(ctx, file, &o, &m, persons); err != nil {
		return m, err
	}
	m.Matched = int64(len(persons))
	if o.Trial || len(persons) == 0 {
		return m, nil
	}
	in := WriteBody{Tag: id, Origin: cut(o.Name, maxName)}
	ids := make([]touchstone.PersonID, 0, len(persons))
	for p := range persons {
		ids = append(ids, p)
	}
	slices.Sort(ids)
	for _, p := range ids {
		in.Values = append(in.Values, Given{persons[p].ref, persons[p].value})
	}
	w, err := t.writeAll(ctx, in, o.Actor)
	m.Changed = int64(w.Changed)
	return m, err
}

// match finds the persons of a file's rows.
func (t *Tags) match(ctx context.Context, file io.Reader, o *FileOptions, m *Matching, persons map[touchstone.PersonID]found) error {
	r := csv.NewReader(file)
	r.ReuseRecord = true
	head, err := r.Read()
	if err != nil {
		return touchstone.Wrap(touchstone.Invalid, err, "the file is no CSV with a line of column names")
	}
	head = slices.Clone(head)
	head[0] = strings.TrimPrefix(head[0], "\ufeff")
	valueAt := slices.Index(head, valueColumn)
	if valueAt < 0 && o.Value == "" {
		return touchstone.Errorf(touchstone.Invalid, "the file has no column value").WithHint("add one, or give the value of all rows")
	}
	kindAt := map[int]int{} // column → place in m.ByKind
	for i, name := range head {
		if slices.Contains(o.Kinds, touchstone.IdentifierKind(name)) {
			kindAt[i] = len(m.ByKind)
			m.ByKind = append(m.ByKind, ByKind{Kind: touchstone.IdentifierKind(name)})
		}
	}
	if len(kindAt) == 0 {
		return touchstone.Errorf(touchstone.Invalid, "none of the columns %.200s is a kind of identifiers", strings.Join(head, ", ")).WithHint("name a column user_id, email or phone, for one")
	}
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return touchstone.Wrap(touchstone.Invalid, err, "line %d of the file cannot be read", m.Rows+2)
		}
		if m.Rows++; m.Rows > maxFileRows {
			return touchstone.Errorf(touchstone.TooLarge, "the file has more than %d rows", maxFileRows).WithHint("send it in several")
		}
		value := o.Value
		if valueAt >= 0 {
			if value, err = readValue(row[valueAt]); err != nil {
				m.leave(&m.Invalid, "invalid")
				continue
			}
		}
		if err := t.matchRow(ctx, row, kindAt, value, o, m, persons); err != nil {
			return err
		}
	}
}

func (t *Tags) matchRow(ctx context.Context, row []string, kindAt map[int]int, value touchstone.JSON, o *FileOptions, m *Matching, persons map[touchstone.PersonID]found) error {
	var person touchstone.PersonID
	ref, usable := "", false
	for column, at := range kindAt {
		text := strings.TrimSpace(row[column])
		if text == "" {
			continue
		}
		m.ByKind[at].Rows++
		normal, ok := o.Normalise(m.ByKind[at].Kind, text)
		if !ok {
			continue
		}
		usable = true
		id := touchstone.Identifier{Kind: m.ByKind[at].Kind, Value: normal}
		_, p, err := t.cfg.Persons.Find(ctx, t.cfg.DB.Reader(), id)
		if err != nil {
			return err
		}
		if p == 0 {
			continue
		}
		m.ByKind[at].Matched++
		if person != 0 && p != person {
			m.leave(&m.Ambiguous, "ambiguous")
			return nil
		}
		if person = p; ref == "" || id.String() < ref {
			ref = id.String()
		}
	}
	switch {
	case !usable:
		m.leave(&m.Invalid, "invalid")
	case person == 0:
		m.leave(&m.Unknown, "unknown")
	default:
		if _, twice := persons[person]; twice {
			m.Repeated++
		}
		persons[person] = found{ref, value}
	}
	return nil
}

// leave counts a row that is left out.
func (m *Matching) leave(count *int64, why string) {
	*count++
	if len(m.Samples) < maxSamples {
		m.Samples = append(m.Samples, Sample{m.Rows, why})
	}
}

// readValue reads a cell: a number, true or false as such, everything else as text; an empty one takes the value away.
func readValue(cell string) (touchstone.JSON, error) {
	cell = strings.TrimSpace(cell)
	switch {
	case cell == "":
		return "null", nil
	case cell == "true" || cell == "false":
		return touchstone.JSON(cell), nil
	case !utf8.ValidString(cell):
		return "", touchstone.Errorf(touchstone.Invalid, "a value is not valid text")
	}
	if _, err := strconv.ParseFloat(cell, 64); err == nil && json.Valid([]byte(cell)) {
		return touchstone.JSON(cell), nil
	}
	text, err := json.Marshal(cell)
	if err != nil {
		return "", err
	}
	return checkValue(valueColumn, touchstone.JSON(text))
}
