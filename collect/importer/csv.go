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
	dialect
	w       *window
	closer  io.Closer
	guesses []Guess
	shape   shape
	probe   [][]byte // scratch of standsAlone

	names   []string
	openEnd bool   // the header ends with a delimiter
	bound   []int  // for each cell, which field
	head    []byte // the first rows, for guesses about columns
	headErr error  // io.EOF when they are all
	sample  [][]string

	// The row: all fields' text one after the other, and where each one ends.
	text    []byte
	ends    []int
	stops   [256]bool // bytes that may end a plain field
	quoted  bool      // a field was quoted, so an empty line was meant
	crossed bool      // a quoted field held a line end
	joined  string
}

// maxColumns bounds the fields of one row.
const maxColumns = 4096

func newCSVTable(r io.Reader, closer io.Closer, m *Mapping) (*csvTable, error) {
	t := &csvTable{w: newWindow(r), closer: closer}
	for len(t.w.rest()) < dialectSample && t.w.more() {
		// look at a good part of the file before choosing
	}
	if err := t.w.failed(); err != nil {
		return nil, err
	}
	var wanted []string
	for _, use := range m.neededColumns() {
		wanted = append(wanted, use.column)
	}
	t.dialect, t.guesses = guessDialect(t.w.rest(), t.w.err != nil, m, wanted)
	t.w.lineEnd = t.lineEnd
	if err := t.passOver(); err != nil {
		return nil, err
	}
	if err := t.readHeader(m); err != nil {
		return nil, err
	}
	t.head, t.headErr = t.w.rest(), t.w.err
	t.shape.learn(&t.dialect, len(t.names), linesOf(t.head, t.lineEnd, t.w.err != nil))
	t.head = bytes.Clone(t.head)
	return t, nil
}

// sampleRows bounds the rows that guesses about columns look at.
const sampleRows = 1000

// sampleOf returns the first cells of a column.
func (t *csvTable) sampleOf(column string) []string {
	at := slices.Index(t.names, column)
	if t.sample == nil {
		s := &csvTable{dialect: t.dialect, shape: t.shape, names: t.names, openEnd: t.openEnd, w: &window{r: bytes.NewReader(nil), buf: t.head, end: len(t.head), err: t.headErr, lineEnd: t.lineEnd}}
		for len(t.sample) < sampleRows {
			err := s.readRow()
			var bad *rowError
			if err != nil && !errors.As(err, &bad) {
				break
			}
			if err == nil && len(s.w.rest()) == 0 && t.headErr == nil {
				break // it may be cut
			}
			if err == nil && s.width() == len(t.names) && utf8.Valid(s.text) {
				t.sample = append(t.sample, s.fields())
			}
		}
	}
	var cells []string
	for _, row := range t.sample {
		if at >= 0 && at < len(row) {
			cells = append(cells, row[at])
		}
	}
	return cells
}

// passOver skips the lines before the header.
func (t *csvTable) passOver() error {
	lines := t.skip
	if t.separator {
		lines++
	}
	for range lines {
		switch _, err := t.w.line(); {
		case errors.Is(err, io.EOF):
			return touchstone.Errorf(touchstone.Invalid, "the file ends before its header: skip is %d", t.skip)
		case err != nil && !errors.Is(err, errRowTooLong):
			return err
		}
	}
	return nil
}

func (t *csvTable) readHeader(m *Mapping) error {
	header := len(m.columns) == 0
	if m.header != nil {
		header = *m.header
	}
	if header {
		switch err := t.readRow(); {
		case errors.Is(err, io.EOF):
			return touchstone.Errorf(touchstone.Invalid, "the file is empty")
		case err != nil:
			return touchstone.Wrap(touchstone.Invalid, err, "the header line cannot be read: %v", err)
		}
		fields := t.fields()
		t.openEnd = len(fields) > 1 && strings.TrimSpace(fields[len(fields)-1]) == ""
		t.names = headerNames(fields)
	}
	if len(m.columns) == 0 {
		return nil
	}
	if have := len(t.names); header && have != len(m.columns) && !(t.openEnd && have-1 == len(m.columns)) {
		return touchstone.Errorf(touchstone.Invalid, "columns names %d columns, the header line has %d: %s",
			len(m.columns), len(t.names), strings.Join(t.names, ", "))
	}
	t.names, t.openEnd = m.columns, false
	return nil
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
		if t.width() != len(t.names) {
			return badRow(codeColumns, "the row has %d columns, expected %d", len(t.ends), len(t.names))
		}
		if t.ends = t.ends[:min(len(t.ends), len(t.names))]; len(t.ends) < len(t.names) {
			t.ends = append(t.ends, len(t.text))
		}
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

// width is the number of the row's fields, where empty ones behind the last column, which
// spreadsheets leave, do not count, and one that only the header's delimiter announces does.
func (t *csvTable) width() int {
	have, want := len(t.ends), len(t.names)
	switch {
	case have > want && want > 0 && t.ends[want-1] == len(t.text):
		return want
	case have == want-1 && t.openEnd:
		return want
	}
	return have
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

// readRow reads the next row that has any text.
func (t *csvTable) readRow() error {
	for {
		n, err := t.scanRow()
		if errors.Is(err, io.EOF) {
			return err
		}
		if err == nil && t.crossed && t.spans == spanCareful && t.swallowed(t.w.rest()[:n]) {
			err = errUnclosedQuote
		}
		if errors.Is(err, errUnclosedQuote) || errors.Is(err, errRowTooLong) {
			return t.lineAlone(err)
		}
		if err != nil {
			return err
		}
		t.w.start += n
		if len(t.text) == 0 && !t.quoted {
			continue // an empty line, or the empty cells that spreadsheets write below a table
		}
		if len(t.ends) > maxColumns {
			return badRow(codeRow, "the row has more than %d columns", maxColumns)
		}
		return nil
	}
}

// lineAlone takes the physical line as the bad row, so that the rest of the file is not
// lost with it.
func (t *csvTable) lineAlone(why error) error {
	line, err := t.w.line()
	if err != nil && !errors.Is(err, errRowTooLong) {
		return err
	}
	t.text = append(t.text[:0], line[:min(len(line), 4096)]...)
	t.ends = append(t.ends[:0], len(t.text))
	if errors.Is(why, errUnclosedQuote) {
		return badRow(codeRow, "a quote is opened and not closed")
	}
	return badRow(codeRow, "the row is longer than %d bytes", maxRowBytes)
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
		if n == brokenQuote {
			return 0, errUnclosedQuote
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

// What split returns instead of a length.
const (
	openQuote   = -1 // the text ends inside of quotes
	brokenQuote = -2 // a quote does not end where it should
)

// split cuts the first row of b into t.text and t.ends. complete is false when b ended
// before the row did; n is then openQuote if b ended inside quotes.
func (t *csvTable) split(b []byte) (n int, complete bool) {
	t.text, t.ends, t.quoted, t.crossed = t.text[:0], t.ends[:0], false, false
	if t.delimiter == nil {
		return t.splitBlanks(b)
	}
	if d := t.delimiter[0]; !t.stops[d] {
		t.stops['\n'], t.stops[t.lineEnd], t.stops[d] = true, true, true
	}
	i := 0
	for {
		if i < len(b) && t.quote != 0 && b[i] == t.quote {
			after := t.quotedField(b, i+1)
			if after < 0 {
				return after, false
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
	for i, c := range b {
		if !t.stops[c] {
			continue
		}
		switch {
		case c != d:
			return i, endOfLine
		case len(t.delimiter) == 1 || bytes.HasPrefix(b[i:], t.delimiter):
			return i, endOfField
		}
	}
	return len(b), endOfBuffer
}

// quotedField appends the text between quotes that begins at b[i]; two quotes stand for
// one. It returns the place behind the closing quote, or openQuote, or brokenQuote. A
// quote that is followed by other text is taken as text, as spreadsheets do.
//
// A field may hold line ends, but a quote that only stands there (24" monitor) must not
// swallow rows up to the next quote. So a field that spans lines has to be spotless: no
// quote in it that is neither doubled nor closes it, and no line in it that stands as a
// row of the table by itself. Otherwise the row is its physical line.
func (t *csvTable) quotedField(b []byte, i int) int {
	stray := false
	for {
		q := t.nextQuote(b[i:])
		piece := b[i:]
		if q >= 0 {
			piece = b[i : i+q]
		}
		if t.spans != spanAlways {
			if how := t.crossLines(b, i, len(piece), stray); how < 0 {
				return how
			}
		}
		if q < 0 {
			return openQuote
		}
		t.text = append(t.text, piece...)
		i += q + 1
		switch {
		case b[i-1] != t.quote: // the escape
			if i == len(b) {
				return openQuote
			}
			t.appendEscaped(b[i])
			i++
		case i == len(b):
			// Closed by the end of what is there; if the file goes on, split is called again.
			if t.w.err == nil {
				return openQuote
			}
			return i
		case b[i] == t.quote && t.escape == 0:
			t.text = append(t.text, t.quote)
			i++
		case t.endsField(b[i:]):
			return i
		case t.crossed && t.spans != spanAlways:
			return brokenQuote
		default:
			stray = true
			t.text = append(t.text, t.quote)
		}
	}
}

// nextQuote finds the next quote or escape.
func (t *csvTable) nextQuote(b []byte) int {
	q := bytes.IndexByte(b, t.quote)
	if t.escape == 0 {
		return q
	}
	if q < 0 {
		q = len(b)
	}
	if e := bytes.IndexByte(b[:q], t.escape); e >= 0 {
		return e
	}
	if q == len(b) {
		return -1
	}
	return q
}

// appendEscaped appends what a backslash and c stand for, as MySQL writes it.
func (t *csvTable) appendEscaped(c byte) {
	switch c {
	case 'n':
		c = '\n'
	case 'r':
		c = '\r'
	case 't':
		c = '\t'
	case t.quote, t.escape, '\n', '\r':
	default:
		t.text = append(t.text, t.escape)
	}
	t.text = append(t.text, c)
}

// crossLines looks at the line ends in b[i:i+length], which lies inside of quotes. It
// returns openQuote when it has to see more, and brokenQuote when they must not be there.
func (t *csvTable) crossLines(b []byte, i, length int, stray bool) int {
	end := i + length
	for {
		n := t.lineEndIn(b[i:end])
		if n < 0 {
			return 0
		}
		if stray || t.spans == spanNever {
			return brokenQuote
		}
		t.crossed = true
		i += n + 1
		line, _, found := cutLine(b[i:], t.lineEnd)
		if !found && t.w.err == nil && t.w.end-t.w.start < maxRowBytes {
			return openQuote
		}
		if t.standsAlone(line) {
			return brokenQuote
		}
	}
}

func (t *csvTable) lineEndIn(b []byte) int {
	if t.lineEnd == '\r' {
		return bytes.IndexAny(b, "\r\n")
	}
	return bytes.IndexByte(b, '\n')
}

func (t *csvTable) endsField(b []byte) bool {
	switch {
	case b[0] == '\n':
		return true
	case b[0] == '\r':
		return t.lineEnd == '\r' || len(b) == 1 || b[1] == '\n'
	case t.delimiter == nil:
		return b[0] == ' ' || b[0] == '\t'
	}
	return bytes.HasPrefix(b, t.delimiter)
}

// splitBlanks is split for columns aligned with blanks.
func (t *csvTable) splitBlanks(b []byte) (n int, complete bool) {
	i := 0
	for {
		for i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == '\r' && t.lineEnd != '\r') {
			i++
		}
		if i == len(b) {
			return i, false
		}
		if b[i] == '\n' || b[i] == t.lineEnd {
			return i + 1, true
		}
		if t.quote != 0 && b[i] == t.quote {
			after := t.quotedField(b, i+1)
			if after < 0 {
				return after, false
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
