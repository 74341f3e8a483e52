package importer

import "bytes"

// shape is what the rows of a table look like, learned from its first lines. It tells
// whether a line inside of quotes is a row that a stray quote would swallow.
type shape struct {
	columns int
	seen    []classes // of each column
	hard    int       // columns of numbers, times and ids only
}

// fieldClass is what a field looks like.
type fieldClass uint8

const (
	classEmpty  fieldClass = 1 << iota
	classNumber            // digits with signs: numbers, dates, times
	classID                // one word with a digit or an @
	classText
)

type classes = fieldClass

// learn looks at the lines of text that are rows without doubt.
func (s *shape) learn(d *dialect, columns int, lines [][]byte) {
	*s = shape{columns: columns, seen: make([]classes, columns)}
	if s.learnFrom(d, lines) == 0 { // quotes everywhere: look past them
		plain := *d
		plain.quote = 0
		s.learnFrom(&plain, lines)
	}
	for _, c := range s.seen {
		if c&classText == 0 && c&(classNumber|classID) != 0 {
			s.hard++
		}
	}
}

func (s *shape) learnFrom(d *dialect, lines [][]byte) (learned int) {
	var fields [][]byte
	for _, line := range lines {
		clean := false
		if fields, clean = d.lineFields(line, fields[:0]); !clean || len(fields) != s.columns {
			continue
		}
		learned++
		for i, f := range fields {
			s.seen[i] |= classOf(f)
		}
	}
	return learned
}

// fits tells whether fields are of the shape in every column of numbers, times and ids,
// and whether that says anything. With first the first column has to say something, and
// fields that begin with a quote are passed over.
func (s *shape) fits(fields [][]byte, first bool, quote byte) bool {
	if len(fields) != s.columns || s.hard == 0 || s.columns < 2 || s.columns == 2 && s.hard < 2 {
		return false
	}
	filled := 0
	for i, f := range fields {
		want := s.seen[i]
		if want&classText != 0 || want&(classNumber|classID) == 0 {
			if first && i == 0 {
				return false
			}
			continue
		}
		if first && i > 0 && len(f) > 0 && f[0] == quote {
			continue // where it ends is not known, so neither is what it holds
		}
		got := classOf(f)
		if got&want == 0 {
			return false
		}
		if got != classEmpty {
			filled++
		}
	}
	return filled > 0
}

func classOf(field []byte) fieldClass {
	field = bytes.Trim(field, " \t")
	if n := len(field); n > 1 && field[0] == '"' && field[n-1] == '"' {
		field = bytes.Trim(field[1:n-1], " \t")
	}
	if len(field) == 0 {
		return classEmpty
	}
	if bytes.IndexByte(field, '"') >= 0 {
		return classText
	}
	digits, signs, blanks, at := 0, 0, 0, 0
	for _, c := range field {
		switch {
		case c >= '0' && c <= '9':
			digits++
		case c == ' ' || c == '\t':
			blanks++
		case c == '@':
			at++
		case bytes.IndexByte([]byte("+-.,:/%$TZ()"), c) >= 0:
			signs++
		}
	}
	switch {
	case digits > 0 && digits+signs+blanks == len(field):
		return classNumber
	case blanks == 0 && len(field) <= 64 && digits+at > 0:
		return classID
	}
	return classText
}

// standsAlone tells whether a line is a row of the table by itself: it has the columns,
// they look like those of other rows, and its quotes are in order, or, if it may be a
// victim of a stray quote too, each quote begins a field.
func (t *csvTable) standsAlone(line []byte) bool {
	var clean bool
	t.probe, clean = t.lineFields(line, t.probe[:0])
	if clean && t.shape.fits(t.probe, false, t.quote) {
		return true
	}
	if t.delimiter == nil || t.quote == 0 || bytes.IndexByte(line, t.quote) < 0 {
		return false
	}
	t.probe = t.probe[:0]
	for rest := line; ; {
		field, after, found := bytes.Cut(rest, t.delimiter)
		if bytes.IndexByte(field, t.quote) > 0 { // what closes here was opened before
			return false
		}
		t.probe = append(t.probe, field)
		if !found {
			return t.shape.fits(t.probe, true, t.quote)
		}
		rest = after
	}
}

// swallowed judges a row that spans lines once its end is known: whether lines in it have
// as many fields as a row, though none stands alone beyond doubt. It does when the row itself has a wrong
// number of fields, or when nothing tells the columns apart and all lines agree.
func (t *csvTable) swallowed(row []byte) bool {
	n := t.shape.columns
	if n < 2 {
		return false
	}
	right := t.width() == n
	if right && (t.shape.hard > 0 || n < 4) {
		return false
	}
	lines, agree := 0, 0
	_, rest, _ := cutLine(row, t.lineEnd)
	for len(rest) > 0 {
		var line []byte
		line, rest, _ = cutLine(rest, t.lineEnd)
		lines++
		if t.probe, _ = t.lineFields(line, t.probe[:0]); len(t.probe) == n {
			agree++
		}
	}
	return right && agree == lines || !right && agree > 0
}
