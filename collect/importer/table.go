package importer

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/vault"
)

// The formats.
const (
	formatCSV     = "csv"
	formatNDJSON  = "ndjson"
	formatJSON    = "json"
	formatParquet = "parquet"
)

var formatNames = []string{formatCSV, formatNDJSON, formatJSON, formatParquet, "auto"}

type cellKind uint8

const (
	cellAbsent  cellKind = iota // no such column in this row, or null
	cellText                    // text
	cellNumber                  // text is a JSON number
	cellBoolean                 // text is true or false
	cellJSON                    // text is a JSON array or object
	cellInstant                 // ms since 1970
)

// cell is one value of a row. Its text is valid until the next row is read.
type cell struct {
	kind  cellKind
	local bool // of an instant: it is a wall clock, not a moment
	text  string
	ms    int64
}

// table reads a file row by row.
type table interface {
	// columns returns the names of the columns known, for people.
	columns() []string
	// has tells whether a column can be bound.
	has(column string) bool
	// bind chooses the columns that next fills, in this order. All are known.
	bind(columns []string)
	// next reads the next row. io.EOF ends the file; a *rowError means that this row
	// cannot be used and that the ones after it can.
	next(cells []cell) error
	// raw returns the row that next has read last, as a JSON object.
	raw() touchstone.JSON
	// close gives back what the table holds.
	close() error
}

// Codes of rejected rows, as the quarantine groups them. Those that the tracking API has
// too are spelt as there.
const (
	codeRepeated   = "duplicate_key"
	codeRow        = "bad_row"       // cannot be read as a row of the file
	codeColumns    = "wrong_columns" // too few or too many
	codeEncoding   = "bad_encoding"
	codeTime       = "bad_timestamp"
	codeValue      = "wrong_type"
	codeIdentifier = "missing_user"
	codeBlocked    = "blocked_user"
	codeMerges     = "would_merge" // and such rows are not wanted
	codeType       = "unknown_type"
	codeEvent      = "missing_event"
	codeGroup      = "missing_group_id"
	codePrevious   = "missing_previous_id"
	codeDeep       = "too_deep"
	codeLarge      = "too_large"
	codeName       = "name_too_long"
)

// rowError says why a row is rejected.
type rowError struct{ code, detail string }

func (e *rowError) Error() string { return e.code + ": " + e.detail }

func badRow(code, format string, args ...any) error {
	return &rowError{code, fmt.Sprintf(format, args...)}
}

// position tells how far into the file a table has read.
type position interface{ Bytes() int64 }

// countingReader counts the bytes of the file as it lies on disk.
type countingReader struct {
	r io.Reader
	n int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// Bytes returns how many bytes were read.
func (c *countingReader) Bytes() int64 { return c.n }

// openTable opens a file as its mapping says, or as its first bytes say.
func openTable(path string, key *vault.Key, m *Mapping) (table, position, error) {
	f, err := vault.Open(path, key, os.O_RDONLY, 0)
	if err != nil {
		return nil, nil, touchstone.Wrap(touchstone.Invalid, err, "cannot read %s", path)
	}
	t, at, err := tableOf(f, key, m)
	if err != nil {
		_ = f.Close() // the first error counts
		return nil, nil, err
	}
	return t, at, nil
}

func tableOf(f *vault.File, key *vault.Key, m *Mapping) (table, position, error) {
	counter := &countingReader{r: f}
	plain, head, err := decompress(counter)
	if err != nil {
		return nil, nil, touchstone.Wrap(touchstone.Invalid, err, "cannot read %s", f.Name())
	}
	if isArchive(head) {
		return nil, nil, touchstone.Errorf(touchstone.Invalid, "%s is a spreadsheet (XLSX, XLS) or a ZIP archive", filepath.Base(f.Name())).
			WithHint("save the sheet as CSV, or unpack the archive")
	}
	format := m.format
	enc, guesses, err := encodingOf(head, m.encoding)
	if err != nil {
		return nil, nil, err
	}
	if format == "" || format == "auto" {
		format = formatOf(beginning(head, enc))
	}
	if (format == formatParquet) != isParquet(head) {
		return nil, nil, touchstone.Errorf(touchstone.Invalid, "%s is not a %s file; its content looks like %s", f.Name(), format, formatOf(head))
	}
	if format == formatParquet {
		t, err := openParquet(f, key, plain, counter)
		return t, t, err
	}
	text, err := decodeText(plain, head, enc)
	if err != nil {
		return nil, nil, err
	}
	switch format {
	case formatNDJSON, formatJSON:
		t, err := newJSONTable(text, f, m)
		if err != nil {
			return nil, nil, err
		}
		t.guesses = append(guesses, t.guesses...)
		return t, counter, nil
	default:
		t, err := newCSVTable(text, f, m)
		if err != nil {
			return nil, nil, err
		}
		t.guesses = append(guesses, t.guesses...)
		return t, counter, nil
	}
}

// decompress sees gzip, zstd and bzip2 by their first bytes and returns the first bytes
// of what they hold.
func decompress(r io.Reader) (*bufio.Reader, []byte, error) {
	in := bufio.NewReaderSize(r, 256<<10)
	for range 2 { // a .csv.gz may have been compressed again on its way
		head, err := in.Peek(4)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, nil, err
		}
		var out io.Reader
		switch {
		case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
			out, err = gzip.NewReader(in)
		case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
			out, err = zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(256<<20))
		case bytes.HasPrefix(head, []byte("BZh")):
			out, err = bzip2.NewReader(in), nil
		default:
			out, err = nil, nil
		}
		if err != nil {
			return nil, nil, err
		}
		if out == nil {
			break
		}
		in = bufio.NewReaderSize(out, 256<<10)
	}
	head, err := in.Peek(encodingSample)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, err
	}
	return in, head, nil
}

// isArchive tells files whose bytes read as text would be rows of nonsense.
func isArchive(head []byte) bool {
	return bytes.HasPrefix(head, []byte("PK\x03\x04")) || bytes.HasPrefix(head, []byte("\xd0\xcf\x11\xe0"))
}

func isParquet(head []byte) bool { return bytes.HasPrefix(head, []byte("PAR1")) }

func formatOf(head []byte) string {
	if isParquet(head) {
		return formatParquet
	}
	text := bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n")
	if bytes.HasPrefix(text, []byte("{")) {
		return formatNDJSON
	}
	if bytes.HasPrefix(text, []byte("[")) { // [id],[time] may be a header
		if inside := bytes.TrimLeft(text[1:], " \t\r\n"); len(inside) == 0 || inside[0] == '{' || inside[0] == ']' {
			return formatJSON
		}
	}
	return formatCSV
}

const (
	maxRowBytes = 1 << 20  // of one row of a text file
	maxRawBytes = 16 << 10 // of a bad row, as it is kept in quarantine
)

var errRowTooLong = errors.New("row too long")

// window is a buffer over a reader in which one row at a time is looked at.
type window struct {
	r     io.Reader
	buf   []byte
	start int // of what is not consumed

	lineEnd byte // '\r' = a carriage return alone ends a line too
	end     int
	err     error // what the reader ended with; io.EOF too
}

func newWindow(r io.Reader) *window { return &window{r: r, buf: make([]byte, 64<<10)} }

// rest returns what is buffered.
func (w *window) rest() []byte { return w.buf[w.start:w.end] }

// more reads more behind rest. It returns false when there is no more, or when rest has
// reached maxRowBytes.
func (w *window) more() bool {
	if w.err != nil || w.end-w.start >= maxRowBytes {
		return false
	}
	if w.start > 0 {
		copy(w.buf, w.buf[w.start:w.end])
		w.end -= w.start
		w.start = 0
	}
	if w.end == len(w.buf) {
		grown := make([]byte, min(2*len(w.buf), maxRowBytes))
		copy(grown, w.buf[:w.end])
		w.buf = grown
	}
	for range 100 {
		n, err := w.r.Read(w.buf[w.end:])
		w.end += n
		w.err = err
		if n > 0 || err != nil {
			return n > 0
		}
	}
	w.err = io.ErrNoProgress
	return false
}

// failed returns the error that ended reading, unless it is the end of the file.
func (w *window) failed() error {
	if w.err == nil || errors.Is(w.err, io.EOF) {
		return nil
	}
	return touchstone.Wrap(touchstone.Invalid, w.err, "the file cannot be read to its end: %v", w.err)
}

// line returns the next line without its end, and consumes it. A line longer than
// maxRowBytes is consumed whole; its beginning comes with errRowTooLong.
func (w *window) line() ([]byte, error) {
	scanned := 0
	for {
		rest := w.rest()
		if i := w.endOfLine(rest[scanned:]); i >= 0 {
			w.start += scanned + i + 1
			return bytes.TrimSuffix(rest[:scanned+i], []byte("\r")), nil
		}
		scanned = len(rest)
		if w.more() {
			continue
		}
		if err := w.failed(); err != nil {
			return nil, err
		}
		if len(w.rest()) >= maxRowBytes {
			return w.skipLongLine()
		}
		rest = w.rest() // more has moved it
		w.start = w.end
		if len(rest) == 0 {
			return nil, io.EOF
		}
		return bytes.TrimSuffix(rest, []byte("\r")), nil
	}
}

func (w *window) endOfLine(b []byte) int {
	if w.lineEnd == '\r' {
		return bytes.IndexAny(b, "\r\n")
	}
	return bytes.IndexByte(b, '\n')
}

func (w *window) skipLongLine() ([]byte, error) {
	beginning := bytes.Clone(w.rest()[:256])
	for {
		if i := w.endOfLine(w.rest()); i >= 0 {
			w.start += i + 1
			return beginning, errRowTooLong
		}
		w.start = w.end
		if !w.more() {
			if err := w.failed(); err != nil {
				return nil, err
			}
			return beginning, errRowTooLong
		}
	}
}
