package importer

import (
	"errors"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/tidwall/gjson"

	"github.com/touchstone-cdp/touchstone"
)

// jsonTable reads one JSON object a line. Columns are paths: "user.address.city",
// "items.0.sku"; "\." is a dot inside a key.
type jsonTable struct {
	w      *window
	closer io.Closer

	declared []string
	sample   []string // first rows, to know the columns
	names    []string

	paths []string // bound, in gjson's syntax
	line  string
}

const (
	sampleBytes = 512 << 10
	sampleRows  = 1000
	sampleDepth = 6
	sampleNames = 500
	maxDepth    = 64 // of a JSON value that becomes a property
)

func newJSONTable(r io.Reader, closer io.Closer, m *Mapping) (*jsonTable, error) {
	t := &jsonTable{w: newWindow(r), closer: closer, declared: m.columns}
	for len(t.w.rest()) < sampleBytes && t.w.more() {
		// look at a good part of the file, for the columns differ from row to row
	}
	if err := t.w.failed(); err != nil {
		return nil, err
	}
	if len(t.w.rest()) == 0 {
		return nil, touchstone.Errorf(touchstone.Invalid, "the file is empty")
	}
	t.names = slices.Clone(m.columns)
	for line := range strings.Lines(string(t.w.rest())) {
		if len(t.sample) == sampleRows {
			break
		}
		if gjson.Valid(line) {
			t.sample = append(t.sample, line)
			t.collect(gjson.Parse(line), "", sampleDepth)
		}
	}
	return t, nil
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
	t.sample = nil
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
	line, err := t.readLine()
	t.line = string(line)
	switch {
	case errors.Is(err, errRowTooLong):
		return badRow(codeRow, "the row is longer than %d bytes", maxRowBytes)
	case err != nil:
		return err
	case !utf8.ValidString(t.line):
		return badRow(codeEncoding, "the row is not valid UTF-8; name the file's encoding in the mapping (encoding: gbk, windows-1252, …)")
	case !gjson.Valid(t.line):
		return badRow(codeRow, "the row is not valid JSON")
	case !gjson.Parse(t.line).IsObject():
		return badRow(codeRow, "the row is not a JSON object")
	}
	for i, path := range t.paths {
		cells[i] = jsonCell(gjson.Get(t.line, path))
	}
	return nil
}

// readLine returns the next line that is not blank.
func (t *jsonTable) readLine() ([]byte, error) {
	for {
		line, err := t.w.line()
		if err != nil || strings.TrimSpace(string(line[:min(len(line), 64)])) != "" || len(line) > 64 {
			return line, err
		}
	}
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
		if gjson.Parse(t.line).IsObject() {
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
