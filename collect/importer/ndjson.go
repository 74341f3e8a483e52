package importer

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/tidwall/gjson"

	"github.com/touchstone-cdp/touchstone"
)

// jsonTable reads JSON objects, see [jsonRows]. Columns are paths: "user.address.city",
// "items.0.sku"; "\." is a dot inside a key.
type jsonTable struct {
	rows    jsonRows
	closer  io.Closer
	guesses []Guess

	declared []string
	sample   []string // first rows, to know the columns
	names    []string

	paths []string // bound, in gjson's syntax
	line  string
}

const (
	sampleBytes = 512 << 10
	sampleDepth = 6
	sampleNames = 500
	maxDepth    = 64 // of a JSON value that becomes a property
)

func newJSONTable(r io.Reader, closer io.Closer, m *Mapping) (*jsonTable, error) {
	w := newWindow(r)
	t := &jsonTable{rows: jsonRows{w: w}, closer: closer, declared: m.columns}
	for len(w.rest()) < sampleBytes && w.more() {
		// look at a good part of the file, for the columns differ from row to row
	}
	if err := w.failed(); err != nil {
		return nil, err
	}
	if len(bytes.TrimSpace(w.rest())) == 0 {
		return nil, touchstone.Errorf(touchstone.Invalid, "the file is empty")
	}
	var wanted []string
	for _, use := range m.neededColumns() {
		wanted = append(wanted, use.column)
	}
	layout, err := guessLayout(w.rest(), w.err != nil, m.rows, wanted)
	if err != nil {
		return nil, err
	}
	switch {
	case layout.path != nil:
		path := make([]string, len(layout.path))
		for i, p := range layout.path {
			path[i] = strings.ReplaceAll(p, ".", `\.`)
		}
		t.guesses = append(t.guesses, Guess{Key: "rows", Value: yamlText(strings.Join(path, ".")), Reason: layout.reason})
	case m.format == "" && layout.reason != "":
		t.guesses = append(t.guesses, Guess{Key: "format", Value: formatJSON, Reason: layout.reason})
	}
	t.names = slices.Clone(m.columns)
	head := bytes.Clone(w.rest())
	sample := jsonRows{w: &window{r: bytes.NewReader(nil), buf: head, end: len(head), err: io.EOF}}
	sample.enter(layout)
	for len(t.sample) < sampleRows {
		row, err := sample.next()
		if errors.Is(err, errBrokenRow) || errors.Is(err, errRowTooLong) {
			continue
		}
		if err != nil {
			break
		}
		if text := string(row); gjson.Valid(text) {
			t.sample = append(t.sample, text)
			t.collect(gjson.Parse(text), "", sampleDepth)
		}
	}
	t.rows.enter(layout)
	return t, nil
}

// sampleOf returns the first texts of a column.
func (t *jsonTable) sampleOf(column string) []string {
	var cells []string
	path := gjsonPath(column)
	for _, row := range t.sample {
		if r := gjson.Get(row, path); r.Type == gjson.String {
			cells = append(cells, r.Str)
		}
	}
	return cells
}

// collect gathers the paths of an object's values.
func (t *jsonTable) collect(object gjson.Result, prefix string, depth int) {
	object.ForEach(func(key, value gjson.Result) bool {
		path := prefix + strings.ReplaceAll(key.String(), ".", `\.`)
		if value.IsObject() && depth > 1 {
			t.collect(value, path+".", depth-1)
		} else if !slices.Contains(t.names, path) {
			t.names = append(t.names, path)
		}
		return len(t.names) < sampleNames
	})
}

func (t *jsonTable) columns() []string { return t.names }
func (t *jsonTable) close() error      { return t.closer.Close() }

func (t *jsonTable) has(column string) bool {
	if slices.Contains(t.declared, column) || slices.Contains(t.names, column) {
		return true
	}
	path := gjsonPath(column)
	return slices.ContainsFunc(t.sample, func(line string) bool { return gjson.Get(line, path).Exists() })
}

func (t *jsonTable) bind(columns []string) {
	t.paths = make([]string, len(columns))
	for i, c := range columns {
		t.paths[i] = gjsonPath(c)
	}
}

// gjsonPath takes away the meaning that gjson gives to characters other than dots.
func gjsonPath(column string) string {
	if !strings.ContainsAny(column, "*?|#@!{}[]()=<>%\"'&~:") {
		return column
	}
	var b strings.Builder
	for _, c := range column {
		if strings.ContainsRune("*?|#@!{}[]()=<>%\"'&~:", c) {
			b.WriteByte('\\')
		}
		b.WriteRune(c)
	}
	return b.String()
}

func (t *jsonTable) next(cells []cell) error {
	line, err := t.rows.next()
	t.line = string(line)
	switch {
	case errors.Is(err, errRowTooLong):
		return rowTooLong()
	case errors.Is(err, errBrokenRow):
		return badRow(codeRow, "the row is not valid JSON: a bracket or a quote is missing")
	case err != nil:
		return err
	case !utf8.ValidString(t.line):
		return badRow(codeEncoding, "the row is not valid UTF-8; name the file's encoding in the mapping (encoding: gbk, windows-1252, …)")
	case !gjson.Valid(t.line):
		return badRow(codeRow, "the row is not valid JSON")
	case !gjson.Parse(t.line).IsObject():
		return badRow(codeRow, "the row is not a JSON object")
	}
	if key, found := repeatedKey(t.line); found {
		return repeatedKeyError(key)
	}
	for i, path := range t.paths {
		cells[i] = jsonCell(gjson.Get(t.line, path))
	}
	return nil
}

func jsonCell(r gjson.Result) cell {
	switch r.Type {
	case gjson.String:
		return cell{kind: cellText, text: r.Str}
	case gjson.Number:
		return cell{kind: cellNumber, text: r.Raw}
	case gjson.True, gjson.False:
		return cell{kind: cellBoolean, text: r.Raw}
	case gjson.JSON:
		return cell{kind: cellJSON, text: r.Raw}
	}
	return cell{}
}

func (t *jsonTable) raw() touchstone.JSON {
	if len(t.line) <= maxRawBytes && utf8.ValidString(t.line) && gjson.Valid(t.line) && depthOf(t.line) <= maxDepth {
		if _, repeated := repeatedKey(t.line); !repeated && gjson.Parse(t.line).IsObject() {
			return touchstone.JSON(t.line)
		}
	}
	return touchstone.JSON(`{"$line":` + string(jsonText(t.line[:min(len(t.line), 4096)])) + `}`)
}

// depthOf returns how deep the arrays and objects of valid JSON nest.
func depthOf(s string) int {
	depth, deepest, quoted := 0, 0, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
			deepest = max(deepest, depth)
		case c == '}' || c == ']':
			depth--
		}
	}
	return deepest
}
