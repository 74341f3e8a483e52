package importer

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// dialect is how a delimited text is written. What a mapping leaves open is guessed from
// the first part of the file, and told.
type dialect struct {
	delimiter []byte // nil = runs of blanks
	quote     byte   // 0 = none
	escape    byte   // before a quote inside of quotes; 0 = the quote is doubled
	lineEnd   byte   // '\n' (a '\r' before it is dropped), or '\r': then '\n' ends a line too
	spans     spanRule
	separator bool // the file begins with a line "sep=;"
	skip      int  // lines before the header
}

// spanRule says whether a quoted field may hold line ends.
type spanRule uint8

const (
	spanCareful spanRule = iota // yes, unless that would swallow rows: see csvTable.quotedField
	spanAlways                  // as RFC 4180 has it
	spanNever                   // a row is a line
)

var spanNames = []string{"auto", "yes", "no"}

// Guess is something that was read out of a file and not out of the mapping, with the
// line of the mapping that says it, or something else.
type Guess struct {
	Key    string `json:"key"`              // of the mapping
	Column string `json:"column,omitempty"` // that it is about; empty: the file
	Value  string `json:"value"`            // as YAML
	Reason string `json:"reason"`
}

// Line is the guess as a line of a mapping.
func (g Guess) Line() string { return g.Key + ": " + g.Value + "   # " + oneLine(g.Reason) }

const (
	dialectLines    = 200 // looked at
	mostTitleLines  = 20  // before a header
	dialectSample   = 256 << 10
	separatorPrefix = "sep="
)

// guessDialect completes what m says by what head, the beginning of a text, shows.
// wanted are the columns that the header should have.
func guessDialect(head []byte, whole bool, m *Mapping, wanted []string) (d dialect, guesses []Guess) {
	d = dialect{quote: m.quote, lineEnd: m.lineEnd, spans: m.spans, escape: m.escape}
	if d.lineEnd == 0 {
		if d.lineEnd = '\n'; bytes.IndexByte(head, '\n') < 0 && bytes.IndexByte(head, '\r') >= 0 {
			d.lineEnd = '\r'
			guesses = append(guesses, Guess{Key: "line_end", Value: "cr", Reason: "the file has carriage returns only"})
		}
	}
	delimiter := m.delimiter
	if separator, length := separatorLine(head, d.lineEnd); length > 0 {
		d.separator = true
		head = head[length:]
		if delimiter == "" {
			delimiter = separator
			guesses = append(guesses, Guess{Key: "delimiter", Value: yamlDelimiter(separator), Reason: "the file says so in its first line"})
		}
	}
	lines := linesOf(head, d.lineEnd, whole)
	if delimiter == "" {
		var reason string
		delimiter, reason = d.guessDelimiter(head, lines)
		guesses = append(guesses, Guess{Key: "delimiter", Value: yamlDelimiter(delimiter), Reason: reason})
	}
	if delimiter != whitespaceDelimiter {
		d.delimiter = []byte(delimiter)
	}
	if m.escapeGuessed && d.quote != 0 && backslashEscapes(head, d.quote, d.delimiter) {
		d.escape = '\\'
		guesses = append(guesses, Guess{Key: "escape", Value: "backslash", Reason: `quotes inside of quotes are written \"`})
	}
	switch {
	case m.skip != nil:
		d.skip = *m.skip
	case len(m.columns) == 0 || m.header != nil && *m.header:
		var reason string
		if d.skip, reason = d.guessSkip(lines, wanted); d.skip > 0 {
			guesses = append(guesses, Guess{Key: "skip", Value: strconv.Itoa(d.skip), Reason: reason})
		}
	}
	return d, guesses
}

// separatorLine reads the line  sep=;  that Excel understands, and its length.
func separatorLine(head []byte, lineEnd byte) (separator string, length int) {
	end := bytes.IndexByte(head, lineEnd)
	if end < 0 || end > 16 {
		return "", 0
	}
	line := strings.Trim(strings.TrimRight(string(head[:end]), "\r"), `"`)
	if len(line) != len(separatorPrefix)+1 || !strings.EqualFold(line[:len(separatorPrefix)], separatorPrefix) {
		return "", 0
	}
	return line[len(separatorPrefix):], end + 1
}

// linesOf cuts a text into its first lines. The last one is left out unless it is whole.
func linesOf(text []byte, lineEnd byte, whole bool) [][]byte {
	var lines [][]byte
	for len(text) > 0 && len(lines) < dialectLines {
		line, rest, found := cutLine(text, lineEnd)
		if !found && !whole && len(lines) > 0 {
			break
		}
		lines = append(lines, line)
		text = rest
	}
	return lines
}

func cutLine(text []byte, lineEnd byte) (line, rest []byte, found bool) {
	i := bytes.IndexByte(text, '\n')
	if lineEnd == '\r' {
		i = bytes.IndexAny(text, "\r\n")
	}
	if i < 0 {
		return text, nil, false
	}
	return bytes.TrimSuffix(text[:i], []byte("\r")), text[i+1:], true
}

// lineFields cuts one line into fields, without touching their quotes' content. clean is false when
// a quote stands where it cannot, or is not closed on this line.
func (d *dialect) lineFields(line []byte, fields [][]byte) (_ [][]byte, clean bool) {
	if d.delimiter == nil {
		for _, f := range bytes.Fields(line) {
			fields = append(fields, f)
			clean = clean || len(f) > 0
		}
		return fields, clean && (d.quote == 0 || bytes.IndexByte(line, d.quote) < 0)
	}
	clean = true
	for {
		var end int
		if d.quote != 0 && len(line) > 0 && line[0] == d.quote {
			if end = d.closing(line); end < 0 {
				return fields, false
			}
			if rest := line[end:]; len(rest) > 0 && !bytes.HasPrefix(rest, d.delimiter) {
				clean = false
			}
		}
		next := bytes.Index(line[end:], d.delimiter)
		if next < 0 {
			return append(fields, line), clean
		}
		fields = append(fields, line[:end+next])
		line = line[end+next+len(d.delimiter):]
	}
}

// closing returns the place behind the quote that closes the field at the line's start.
func (d *dialect) closing(line []byte) int {
	for i := 1; i < len(line); i++ {
		switch {
		case d.escape != 0 && line[i] == d.escape:
			i++
		case line[i] != d.quote:
		case d.escape == 0 && i+1 < len(line) && line[i+1] == d.quote:
			i++
		default:
			return i + 1
		}
	}
	return -1
}

// delimiters that are tried, a tie goes to the first.
var delimiters = []string{",", "\t", ";", "|", "\x01", whitespaceDelimiter}

// guessDelimiter chooses the delimiter that cuts most of the lines into the same number
// of columns, more than one, wherever a title stands before them.
func (d *dialect) guessDelimiter(head []byte, lines [][]byte) (delimiter, reason string) {
	best, bestColumns, bestTitles := ",", 1, 0
	reason = "nothing else cuts the lines into columns"
	for _, candidate := range delimiters {
		try := *d
		try.spans = spanAlways
		if try.delimiter = []byte(candidate); candidate == whitespaceDelimiter {
			try.delimiter = nil
			if bestColumns > 1 { // blanks cut plain text anywhere, so they have to be the only answer
				continue
			}
		}
		a, b := try.agreement(try.lineCounts(lines)), try.agreement(try.rowCounts(head))
		if b.ratio() > a.ratio() { // fields hold line ends
			a = b
		}
		if a.columns < 2 || a.ratio() < 0.8 { // a few bad rows are no reason
			continue
		}
		if bestColumns == 1 || a.titles == 0 && bestTitles > 0 || (a.titles == 0) == (bestTitles == 0) && a.columns > bestColumns {
			best, bestColumns, bestTitles = candidate, a.columns, a.titles
			reason = fmt.Sprintf("cuts %d of %d lines into %d columns", a.agree, a.lines, a.columns)
		}
	}
	return best, reason
}

// lineCounts returns the number of fields of each line that is not empty.
func (d *dialect) lineCounts(lines [][]byte) (counts []int) {
	var fields [][]byte
	for _, line := range lines {
		if len(bytes.TrimSpace(line)) > 0 {
			fields, _ = d.lineFields(line, fields[:0])
			counts = append(counts, len(fields))
		}
	}
	return counts
}

// rowCounts is lineCounts for rows whose fields hold line ends.
func (d *dialect) rowCounts(head []byte) (counts []int) {
	t := &csvTable{w: &window{}, dialect: *d}
	for len(counts) < dialectLines/4 && len(head) > 0 {
		n, complete := t.split(head)
		if n <= 0 || !complete {
			break
		}
		head = head[n:]
		if len(t.text) > 0 {
			counts = append(counts, len(t.ends))
		}
	}
	return counts
}

type agreement struct{ columns, agree, lines, titles int }

func (a agreement) ratio() float64 { return float64(a.agree) / float64(max(a.lines, 1)) }

// agreement finds the most frequent number of fields. Lines before the first that has it
// are titles, not disagreement; so is one field less in the header, or one more.
func (d *dialect) agreement(counts []int) agreement {
	votes := map[int]int{}
	a := agreement{columns: 1}
	for _, n := range counts {
		votes[n]++
		if v := votes[n]; v > votes[a.columns] || v == votes[a.columns] && n > a.columns {
			a.columns = n
		}
	}
	for a.titles < len(counts) && a.titles < mostTitleLines && counts[a.titles] < a.columns {
		a.titles++
	}
	if len(counts)-a.titles < 2 && a.titles > 0 {
		a.titles = 0
	}
	a.agree, a.lines = votes[a.columns], len(counts)-a.titles
	return a
}

// backslashEscapes tells whether quotes inside of quotes are written \".
func backslashEscapes(head []byte, quote byte, delimiter []byte) bool {
	escaped, doubled := 0, 0
	for i := 1; i+1 < len(head); i++ {
		if head[i] != quote {
			continue
		}
		after := head[i+1]
		ends := after == '\n' || after == '\r' || len(delimiter) > 0 && after == delimiter[0]
		switch {
		case head[i-1] == '\\' && !ends:
			escaped++
		case after == quote && !ends && head[i-1] != '\n' && (len(delimiter) == 0 || head[i-1] != delimiter[len(delimiter)-1]):
			doubled++
			i++
		}
	}
	return escaped > 0 && doubled == 0
}

// guessSkip finds the header: the line that has the columns wanted, or the first one that
// looks like a header and is as wide as the rows below it.
func (d *dialect) guessSkip(lines [][]byte, wanted []string) (skip int, reason string) {
	var fields [][]byte
	mostLines := min(len(lines), mostTitleLines+1)
	if len(wanted) > 0 {
		for i, line := range lines[:mostLines] {
			fields, _ = d.lineFields(line, fields[:0])
			names := d.plainFields(fields)
			if !slices.ContainsFunc(wanted, func(w string) bool { return !slices.Contains(names, w) }) {
				return i, fmt.Sprintf("line %d has the columns of the mapping", i+1)
			}
		}
	}
	a := d.agreement(d.lineCounts(lines))
	if a.columns < 2 || a.ratio() < 0.8 {
		return 0, ""
	}
	for i, line := range lines[:mostLines] {
		fields, _ = d.lineFields(line, fields[:0])
		if d.isTitle(fields, a.columns, lines[i+1:]) {
			continue
		}
		if i == 0 || !d.looksLikeHeader(fields) {
			return 0, ""
		}
		return i, fmt.Sprintf("the first line of %d columns is line %d", a.columns, i+1)
	}
	return 0, ""
}

// isTitle tells whether a line is too narrow, or too empty, for a header of n columns.
func (d *dialect) isTitle(fields [][]byte, n int, below [][]byte) bool {
	filled := 0
	for _, f := range fields {
		if len(bytes.TrimSpace(f)) > 0 {
			filled++
		}
	}
	if len(fields) == n-1 && n > 2 { // the rows end with a delimiter, and the header does not
		var row [][]byte
		for _, line := range below {
			if row, _ = d.lineFields(line, row[:0]); len(row) == n && len(row[n-1]) > 0 {
				return true
			}
		}
		return false
	}
	return len(fields) < n || n > 2 && filled <= 1
}

// looksLikeHeader tells names from values: all there, all different, none of them a
// number or a date.
func (d *dialect) looksLikeHeader(fields [][]byte) bool {
	names := d.plainFields(fields)
	if n := len(names); n > 1 && names[n-1] == "" { // a delimiter at the end
		names = names[:n-1]
	}
	for i, name := range names {
		if name == "" || slices.Contains(names[:i], name) || classOf([]byte(name)) == classNumber {
			return false
		}
	}
	return len(names) > 0
}

func (d *dialect) plainFields(fields [][]byte) []string {
	names := make([]string, len(fields))
	for i, f := range fields {
		text := strings.TrimSpace(string(f))
		if q := string(d.quote); d.quote != 0 && len(text) > 1 && strings.HasPrefix(text, q) && strings.HasSuffix(text, q) {
			text = strings.TrimSpace(strings.ReplaceAll(text[1:len(text)-1], q+q, q))
		}
		names[i] = text
	}
	return names
}

func yamlDelimiter(delimiter string) string {
	switch delimiter {
	case "\t":
		return "tab"
	case whitespaceDelimiter:
		return whitespaceDelimiter
	}
	return yamlText(delimiter)
}

// yamlText writes a text so that YAML reads the same one.
func yamlText(s string) string {
	plain := s != "" && strings.IndexFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '_' || r > 0x2e80 && r < 0xa000 || r == ' ' || r >= '0' && r <= '9')
	}) < 0 && s[0] > '9' && s[len(s)-1] != ' '
	if plain {
		switch strings.ToLower(s) {
		case "true", "false", "yes", "no", "on", "off", "null", "y", "n":
		default:
			return s
		}
	}
	return string(jsonText(s)) // JSON's quotes are YAML's
}
