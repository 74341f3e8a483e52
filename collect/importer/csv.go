package importer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/touchstone-cdp/touchstone"
)

// csvTable reads delimited text. It is our own reader, because encoding/csv loses the
// text of a row that it refuses and keeps reading behind an unclosed quote until the end
// of the file; here such a quote costs one row, and a row is bounded. A fuzz test holds
// it to encoding/csv where that one accepts.
type csvTable struct {
	w         *window
	closer    io.Closer
	delimiter []byte // nil = runs of blanks
	quote     byte

	names []string
	bound []int // for each cell, which field

	// The row: all fields' text one after the other, and where each one ends.
	text   []byte
	ends   []int
	quoted bool // a field was quoted, so an empty line was meant
	joined string
}

// maxColumns bounds the fields of one row.
const maxColumns = 4096

func newCSVTable(r io.Reader, closer io.Closer, m *Mapping) (*csvTable, error) {
	t := &csvTable{w: newWindow(r), closer: closer, quote: m.quote}
	for len(t.w.rest()) < 32<<10 && t.w.more() {
		// look at a good part of the file before choosing
	}
	if err := t.w.failed(); err != nil {
		return nil, err
	}
	delimiter := m.delimiter
	if delimiter == "" {
		delimiter = detectDelimiter(t.w.rest(), m.quote)
	}
	if delimiter != whitespaceDelimiter {
		t.delimiter = []byte(delimiter)
	}
	header := len(m.columns) == 0
	if m.header != nil {
		header = *m.header
	}
	if header {
		switch err := t.readRow(); {
		case errors.Is(err, io.EOF):
			return nil, touchstone.Errorf(touchstone.Invalid, "the file is empty")
		case err != nil:
			return nil, touchstone.Wrap(touchstone.Invalid, err, "the header line cannot be read: %v", err)
		}
		t.names = headerNames(t.fields())
	}
	if len(m.columns) > 0 {
		if header && len(t.names) != len(m.columns) {
			return nil, touchstone.Errorf(touchstone.Invalid, "columns names %d columns, the header line has %d: %s",
				len(m.columns), len(t.names), strings.Join(t.names, ", "))
		}
		t.names = m.columns
	}
	return t, nil
}

// headerNames trims names, and gives empty and repeated ones a name of their own.
func headerNames(fields []string) []string {
	names := make([]string, len(fields))
	seen := make(map[string]bool, len(fields))
	for i, f := range fields {
		name := strings.ToValidUTF8(strings.TrimSpace(f), "\ufffd")
		if name == "" {
			name = fmt.Sprintf("column_%d", i+1)
		}
		for n := 2; seen[name]; n++ {
			name = fmt.Sprintf("%s_%d", strings.TrimSpace(f), n)
		}
		seen[name] = true
		names[i] = name
	}
	return names
}

func (t *csvTable) columns() []string { return t.names }
func (t *csvTable) has(column string) bool {
	return slices.Contains(t.names, column)
}
func (t *csvTable) close() error { return t.closer.Close() }

func (t *csvTable) bind(columns []string) {
	t.bound = make([]int, len(columns))
	for i, c := range columns {
		t.bound[i] = slices.Index(t.names, c)
	}
}

func (t *csvTable) next(cells []cell) error {
	if err := t.readRow(); err != nil {
		return err
	}
	if len(t.ends) != len(t.names) {
		return badRow(codeColumns, "the row has %d columns, expected %d", len(t.ends), len(t.names))
	}
	if !utf8.Valid(t.text) {
		return badRow(codeEncoding, "the row is not valid UTF-8; name the file's encoding in the mapping (encoding: gbk, windows-1252, …)")
	}
	t.joined = string(t.text)
	for i, at := range t.bound {
		from := 0
		if at > 0 {
			from = t.ends[at-1]
		}
		cells[i] = cell{kind: cellText, text: t.joined[from:t.ends[at]]}
	}
	return nil
}

// fields returns the row's texts.
func (t *csvTable) fields() []string {
	list := make([]string, len(t.ends))
	from := 0
	for i, end := range t.ends {
		list[i] = string(t.text[from:end])
		from = end
	}
	return list
}

func (t *csvTable) raw() touchstone.JSON {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, f := range t.fields() {
		name := fmt.Sprintf("$column_%d", i+1)
		if i < len(t.names) {
			name = t.names[i]
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(jsonText(name))
		b.WriteByte(':')
		b.Write(jsonText(f))
		if b.Len() > maxRawBytes {
			break
		}
	}
	b.WriteByte('}')
	return touchstone.JSON(b.String())
}

// jsonText quotes any text; bytes that are no UTF-8 become U+FFFD.
func jsonText(s string) []byte {
	quoted, err := json.Marshal(strings.ToValidUTF8(s, "\ufffd"))
	if err != nil {
		return []byte(`""`) // cannot happen: s is valid
	}
	return quoted
}

var errUnclosedQuote = errors.New("unclosed quote")

// readRow reads the next row that is not an empty line.
func (t *csvTable) readRow() error {
	for {
		n, err := t.scanRow()
		if errors.Is(err, io.EOF) {
			return err
		}
		if errors.Is(err, errUnclosedQuote) || errors.Is(err, errRowTooLong) {
			// Take the physical line alone as the bad row, so that the rest of the file
			// is not lost with it.
			line, lineErr := t.w.line()
			if lineErr != nil && !errors.Is(lineErr, errRowTooLong) {
				return lineErr
			}
			t.text = append(t.text[:0], line[:min(len(line), 4096)]...)
			t.ends = append(t.ends[:0], len(t.text))
			if errors.Is(err, errUnclosedQuote) {
				return badRow(codeRow, "a quote is opened and not closed")
			}
			return badRow(codeRow, "the row is longer than %d bytes", maxRowBytes)
		}
		if err != nil {
			return err
		}
		t.w.start += n
		if len(t.ends) == 0 || len(t.ends) == 1 && t.ends[0] == 0 && !t.quoted {
			continue // an empty line
		}
		if len(t.ends) > maxColumns {
			return badRow(codeRow, "the row has more than %d columns", maxColumns)
		}
		return nil
	}
}

// scanRow splits the row at the window's start without consuming it; it returns its
// length. When the window ends inside of the row, it reads on and begins anew.
func (t *csvTable) scanRow() (int, error) {
	for {
		rest := t.w.rest()
		n, complete := t.split(rest)
		if complete {
			return n, nil
		}
		size := len(rest)
		if t.w.more() {
			continue
		}
		if err := t.w.failed(); err != nil {
			return 0, err
		}
		if n < 0 { // the end of the file may close the quote
			n, _ = t.split(t.w.rest())
		}
		switch {
		case size == 0:
			return 0, io.EOF
		case size >= maxRowBytes:
			return 0, errRowTooLong
		case n < 0:
			return 0, errUnclosedQuote
		}
		return size, nil // the last line has no line end
	}
}

// split cuts the first row of b into t.text and t.ends. complete is false when b ended
// before the row did; n is then negative if b ended inside quotes.
func (t *csvTable) split(b []byte) (n int, complete bool) {
	t.text, t.ends, t.quoted = t.text[:0], t.ends[:0], false
	if t.delimiter == nil {
		return t.splitBlanks(b)
	}
	i := 0
	for {
		if i < len(b) && t.quote != 0 && b[i] == t.quote {
			after, ok := t.quotedField(b, i+1)
			if !ok {
				return -1, false
			}
			i = after
			t.quoted = true
		}
		// The plain field, or what follows a closing quote, up to delimiter or line end.
		length, what := t.plainField(b[i:])
		t.text = append(t.text, b[i:i+length]...)
		i += length
		t.ends = append(t.ends, len(t.text))
		switch what {
		case endOfBuffer:
			return i, false
		case endOfLine:
			t.dropCarriageReturn(length)
			return i + 1, true
		}
		i += len(t.delimiter)
	}
}

// dropCarriageReturn removes the \r of a \r\n that ended the last field.
func (t *csvTable) dropCarriageReturn(plain int) {
	if n := len(t.text); plain > 0 && t.text[n-1] == '\r' {
		t.text = t.text[:n-1]
		t.ends[len(t.ends)-1] = n - 1
	}
}

type fieldEnd uint8

const (
	endOfField fieldEnd = iota
	endOfLine
	endOfBuffer
)

// plainField returns the length of an unquoted field and what ends it.
func (t *csvTable) plainField(b []byte) (int, fieldEnd) {
	d := t.delimiter[0]
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case c == '\n':
			return i, endOfLine
		case c == d:
			if len(t.delimiter) == 1 || bytes.HasPrefix(b[i:], t.delimiter) {
				return i, endOfField
			}
		}
	}
	return len(b), endOfBuffer
}

// quotedField appends the text between quotes that begins at b[i]; two quotes stand for
// one. It returns the place behind the closing quote. A quote that is not followed by
// a delimiter or a line end is taken as text, as spreadsheets do.
func (t *csvTable) quotedField(b []byte, i int) (after int, ok bool) {
	for {
		q := bytes.IndexByte(b[i:], t.quote)
		if q < 0 {
			return 0, false
		}
		t.text = append(t.text, b[i:i+q]...)
		i += q + 1
		switch {
		case i == len(b):
			// Closed by the end of what is there; if the file goes on, split is called again.
			return i, t.w.err != nil
		case b[i] == t.quote:
			t.text = append(t.text, t.quote)
			i++
		case t.endsField(b[i:]):
			return i, true
		default:
			t.text = append(t.text, t.quote)
		}
	}
}

func (t *csvTable) endsField(b []byte) bool {
	switch {
	case b[0] == '\n':
		return true
	case b[0] == '\r':
		return len(b) == 1 || b[1] == '\n'
	case t.delimiter == nil:
		return b[0] == ' ' || b[0] == '\t'
	}
	return bytes.HasPrefix(b, t.delimiter)
}

// splitBlanks is split for columns aligned with blanks.
func (t *csvTable) splitBlanks(b []byte) (n int, complete bool) {
	i := 0
	for {
		for i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == '\r') {
			i++
		}
		if i == len(b) {
			return i, false
		}
		if b[i] == '\n' {
			return i + 1, true
		}
		if t.quote != 0 && b[i] == t.quote {
			after, ok := t.quotedField(b, i+1)
			if !ok {
				return -1, false
			}
			i, t.quoted = after, true
		} else {
			from := i
			for i < len(b) && b[i] != ' ' && b[i] != '\t' && b[i] != '\r' && b[i] != '\n' {
				i++
			}
			t.text = append(t.text, b[from:i]...)
		}
		t.ends = append(t.ends, len(t.text))
	}
}

// detectDelimiter chooses the delimiter that cuts most of the first lines into the same
// number of columns, more than one. A comma wins ties.
func detectDelimiter(head []byte, quote byte) string {
	best, bestColumns := ",", 1
	for _, d := range []string{",", "\t", ";", "|", whitespaceDelimiter} {
		t := &csvTable{w: &window{err: io.EOF}, quote: quote}
		if d != whitespaceDelimiter {
			t.delimiter = []byte(d)
		}
		columns, rows, agree, rest := 0, 0, 0, head
		for rows < 50 && len(rest) > 0 {
			n, complete := t.split(rest)
			if !complete && rows > 0 || n <= 0 {
				break // the last line may be cut
			}
			rest = rest[n:]
			if len(t.ends) == 0 || len(t.ends) == 1 && t.ends[0] == 0 {
				continue
			}
			if rows++; rows == 1 {
				columns = len(t.ends)
			}
			if len(t.ends) == columns {
				agree++
			}
		}
		if agree*10 < rows*8 { // a few bad rows are no reason
			continue
		}
		// Blanks cut plain text anywhere, so they have to be the only answer.
		if columns > bestColumns && (d != whitespaceDelimiter || bestColumns == 1) {
			best, bestColumns = d, columns
		}
	}
	return best
}
