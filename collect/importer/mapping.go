package importer

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/touchstone-cdp/touchstone"
)

// Mapping says how the rows of a file become events. Make one with [ParseMapping] or
// [LoadMapping]; docs/imports.md describes the language.
type Mapping struct {
	format    string // csv, ndjson, parquet; empty = seen by content
	delimiter string // empty = seen by content; whitespaceDelimiter; or the text itself
	quote     byte   // 0 = none
	header    *bool  // nil = yes unless columns are given
	columns   []string
	encoding  string // empty = seen by content

	lineEnd       byte // 0 = seen by content
	spans         spanRule
	escape        byte
	escapeGuessed bool     // nothing was said of it
	skip          *int     // nil = seen by content
	rows          []string // where the rows are in a JSON document; nil = seen by content
	numbers       numberFormat
	nulls         []string // nil = the usual texts; not nil = these only

	typ         source
	event       source
	time        timeSpec
	identifiers []identifierSpec
	groupID     source
	previousID  source
	properties  []field
	traits      []field
	context     []field
	messageID   []string // columns and rowPlaceholder

	document json.RawMessage // the mapping as JSON, for the server's list of imports
}

const (
	whitespaceDelimiter = "whitespace"
	rowPlaceholder      = "$row"
)

// source is a constant or a column; neither when it was not given.
type source struct {
	constant string
	column   string
	line     int
}

func (s source) given() bool { return s.constant != "" || s.column != "" }

// timeSpec says how text becomes an instant.
type timeSpec struct {
	source
	layout string // a Go layout, or unix, unix_ms, iso8601; empty = as the file shows
	zone   string // IANA name; empty = UTC
}

type identifierSpec struct {
	kind   touchstone.IdentifierKind
	column string
	format string // see identifierFormats
	prefix string // keeps equal numbers of different systems apart
	line   int
}

// valueType is what a field's cell is turned into.
type valueType string

const (
	typeAuto    valueType = "" // as the file has it: text in CSV, its own type in NDJSON and Parquet
	typeString  valueType = "string"
	typeNumber  valueType = "number"
	typeBoolean valueType = "boolean"
	typeTime    valueType = "time"
	typeJSON    valueType = "json"
)

var valueTypes = []string{"string", "number", "boolean", "time", "json"}

// field is one property, trait or context value.
type field struct {
	path     []string // "page.url" is two steps
	column   string
	typ      valueType
	constant touchstone.JSON
	multiply []factor
	time     timeSpec     // layout and zone of typeTime
	numbers  numberFormat // of typeNumber and products
	line     int
}

// factor of a product: a column or a number.
type factor struct {
	column string
	number string
}

// LoadMapping reads a mapping file.
func LoadMapping(path string) (*Mapping, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, touchstone.Wrap(touchstone.Invalid, err, "cannot read the mapping file %s", path)
	}
	m, err := ParseMapping(text)
	if err != nil {
		var e *touchstone.Error
		if errors.As(err, &e) {
			e.Message = path + ": " + e.Message
		}
		return nil, err
	}
	return m, nil
}

// plainMapping is how a table is read when nothing is said about it.
func plainMapping() *Mapping { return &Mapping{quote: '"', escapeGuessed: true} }

// ParseMapping reads a mapping. Its errors name the line and what is allowed there.
func ParseMapping(text []byte) (*Mapping, error) {
	m := plainMapping()
	if err := decodeMapping(text, m); err != nil {
		return nil, err
	}
	if err := m.check(); err != nil {
		return nil, err
	}
	return m, nil
}

// JSON returns the mapping as a JSON object.
func (m *Mapping) JSON() json.RawMessage { return m.document }

func lineError(line int, format string, args ...any) *touchstone.Error {
	return touchstone.Errorf(touchstone.Invalid, "line %d: %s", line, fmt.Sprintf(format, args...))
}

// check finds what no single value shows.
func (m *Mapping) check() error {
	if !m.typ.given() {
		m.typ.constant = "track"
	}
	if m.typ.column == "" {
		typ, ok := touchstone.ParseEventType(m.typ.constant)
		if !ok {
			return lineError(m.typ.line, "type %q is unknown: use track, identify, page, screen, group or alias, or {column: …}", m.typ.constant)
		}
		if err := m.checkType(typ); err != nil {
			return err
		}
	}
	if len(m.identifiers) == 0 {
		return touchstone.Errorf(touchstone.Invalid, "the mapping names no identifiers, so no event would have a person").
			WithHint("add for example  identifiers: {user_id: CustomerID}")
	}
	if err := m.checkTable(); err != nil {
		return err
	}
	return checkPaths(m.properties, m.traits, m.context)
}

func (m *Mapping) checkType(typ touchstone.EventType) error {
	switch {
	case typ == touchstone.Track && !m.event.given():
		return touchstone.Errorf(touchstone.Invalid, "a track event needs a name").
			WithHint("add for example  event: Product Purchased  or  event: {column: Action}")
	case typ != touchstone.Track && m.event.given():
		return lineError(m.event.line, "only type track has an event name; %s is stored as %s", typ, touchstone.EventName(typ, ""))
	case typ == touchstone.Group && !m.groupID.given():
		return touchstone.Errorf(touchstone.Invalid, "a group event needs group_id").WithHint("add  group_id: {column: …}")
	case typ == touchstone.Alias && !m.previousID.given():
		return touchstone.Errorf(touchstone.Invalid, "an alias event needs previous_id").WithHint("add  previous_id: {column: …}")
	case len(m.traits) > 0 && typ != touchstone.Identify && typ != touchstone.Group:
		return lineError(m.traits[0].line, "only identify and group events carry traits").
			WithHint("import the same file a second time with  type: identify  or use  context: {traits.name: …}")
	case len(m.properties) > 0 && typ != touchstone.Track && typ != touchstone.Page && typ != touchstone.Screen:
		return lineError(m.properties[0].line, "%s events carry no properties; use traits", typ)
	case !m.time.given() && typ <= touchstone.Screen && typ != touchstone.Identify:
		return touchstone.Errorf(touchstone.Invalid, "the mapping does not say when an event happened").
			WithHint(`add for example  time: {column: InvoiceDate, layout: "2006-01-02 15:04:05", zone: Europe/London}`)
	}
	return nil
}

func (m *Mapping) checkTable() error {
	if m.header != nil && !*m.header && len(m.columns) == 0 && m.format != formatNDJSON {
		return touchstone.Errorf(touchstone.Invalid, "header: no needs the names of the columns").
			WithHint("add  columns: [first, second, …]")
	}
	for i, c := range m.columns {
		if slices.Contains(m.columns[:i], c) {
			return touchstone.Errorf(touchstone.Invalid, "columns names %q twice", c)
		}
	}
	return nil
}

// checkPaths refuses a name given twice, and one that is both a value and an object.
func checkPaths(lists ...[]field) error {
	for _, list := range lists {
		for i, f := range list {
			for _, other := range list[:i] {
				n := min(len(f.path), len(other.path))
				if slices.Equal(f.path[:n], other.path[:n]) {
					return lineError(f.line, "%s clashes with %s on line %d", strings.Join(f.path, "."), strings.Join(other.path, "."), other.line)
				}
			}
		}
	}
	return nil
}

// neededColumns returns every column that the mapping names, each once.
func (m *Mapping) neededColumns() []columnUse {
	var list []columnUse
	add := func(column string, line int) {
		if column != "" && !slices.ContainsFunc(list, func(u columnUse) bool { return u.column == column }) {
			list = append(list, columnUse{column, line})
		}
	}
	for _, s := range []source{m.typ, m.event, m.time.source, m.groupID, m.previousID} {
		add(s.column, s.line)
	}
	for _, id := range m.identifiers {
		add(id.column, id.line)
	}
	for _, fields := range [][]field{m.properties, m.traits, m.context} {
		for _, f := range fields {
			add(f.column, f.line)
			for _, x := range f.multiply {
				add(x.column, f.line)
			}
		}
	}
	for _, c := range m.messageID {
		if c != rowPlaceholder {
			add(c, 0)
		}
	}
	return list
}

// numberColumns returns the columns that become numbers.
func (m *Mapping) numberColumns() []string {
	var list []string
	for _, fields := range [][]field{m.properties, m.traits, m.context} {
		for _, f := range fields {
			if f.column != "" && f.typ == typeNumber {
				list = append(list, f.column)
			}
			for _, x := range f.multiply {
				if x.column != "" {
					list = append(list, x.column)
				}
			}
		}
	}
	return list
}

type columnUse struct {
	column string
	line   int
}

// missingColumn is the error for a mapping that does not fit the file.
func missingColumn(use columnUse, columns []string) error {
	const most = 60
	shown := columns
	if len(shown) > most {
		shown = shown[:most]
	}
	list := strings.Join(shown, ", ")
	if len(columns) > most {
		list += fmt.Sprintf(", … (%d in all)", len(columns))
	}
	var err *touchstone.Error
	if use.line > 0 {
		err = lineError(use.line, "the file has no column %q; it has: %s", use.column, list)
	} else {
		err = touchstone.Errorf(touchstone.Invalid, "the file has no column %q; it has: %s", use.column, list)
	}
	for _, c := range columns {
		if strings.EqualFold(strings.TrimSpace(c), strings.TrimSpace(use.column)) {
			return err.WithHint("did you mean %q?", c)
		}
	}
	return err
}
