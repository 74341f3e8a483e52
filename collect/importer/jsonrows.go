package importer

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/jsonwalk"
)

// jsonRows finds the rows of a JSON text: one object a line, objects one after the other
// in any layout, or the elements of an array, also of one inside of an object.
type jsonRows struct {
	w       *window
	byLine  bool
	inArray bool
	indent  []byte // before the first element, behind its line end
	known   bool   // indent is
}

// jsonLayout is where the rows of a JSON text are.
type jsonLayout struct {
	byLine bool
	array  int // offset of the array's bracket; -1 = none
	path   []string
	reason string
}

// guessLayout sees how a JSON text is laid out. whole tells that head is all of it.
func guessLayout(head []byte, whole bool, path, wanted []string) (jsonLayout, error) {
	text := bytes.TrimLeft(head, " \t\r\n\ufeff")
	at := len(head) - len(text)
	if path != nil {
		offset := arrayAt(head, path)
		if offset < 0 {
			return jsonLayout{}, touchstone.Errorf(touchstone.Invalid, "rows: the file has no array %s in its first %d bytes", strings.Join(path, "."), len(head))
		}
		return jsonLayout{array: offset}, nil
	}
	if bytes.HasPrefix(text, []byte("[")) {
		return jsonLayout{array: at, reason: "the file is a JSON array"}, nil
	}
	line, rest, _ := bytes.Cut(text, []byte("\n"))
	lineIsRow := gjson.ValidBytes(line) && len(bytes.TrimSpace(line)) > 0
	if lineIsRow && len(bytes.TrimSpace(rest)) > 0 {
		return jsonLayout{byLine: true, array: -1}, nil
	}
	n, how := valueEnd(text)
	if (how == valueWhole && len(bytes.TrimSpace(text[n:])) == 0) || how == valueCut && !whole {
		if path := onlyList(text, wanted); path != nil {
			return jsonLayout{array: at + arrayAt(text, path), path: path, reason: "the only list of objects in the file"}, nil
		}
	}
	if lineIsRow || how != valueWhole && bytes.HasPrefix(bytes.TrimLeft(rest, " \t\r"), []byte("{")) {
		return jsonLayout{byLine: true, array: -1}, nil
	}
	return jsonLayout{array: -1, reason: "the objects are written over several lines"}, nil
}

// listDepth is how many objects deep the only list of a file is looked for.
const listDepth = 3

// onlyList returns the path of the one list of objects in the first object of a text,
// unless that object has the columns that are wanted itself.
func onlyList(text []byte, wanted []string) []string {
	var own []string
	eachMember(text, func(key string, _ int) { own = append(own, key) })
	for _, w := range wanted {
		if slices.Contains(own, splitPath(w)[0]) {
			return nil
		}
	}
	found := listsIn(text, nil, listDepth)
	if len(found) != 1 {
		return nil
	}
	return found[0]
}

func listsIn(text []byte, path []string, depth int) (found [][]string) {
	eachMember(text, func(key string, at int) {
		value := bytes.TrimLeft(text[at:], " \t\r\n")
		here := append(slices.Clone(path), key)
		switch {
		case bytes.HasPrefix(value, []byte("{")) && depth > 1:
			found = append(found, listsIn(value, here, depth-1)...)
		case bytes.HasPrefix(value, []byte("[")) && bytes.HasPrefix(bytes.TrimLeft(value[1:], " \t\r\n"), []byte("{")):
			found = append(found, here)
		}
	})
	return found
}

// eachMember calls fn with each key of the object that text begins with and the offset of its
// value, as far as text goes.
func eachMember(text []byte, fn func(key string, at int)) {
	i := bytes.IndexByte(text, '{') + 1
	for i > 0 && i < len(text) {
		for i < len(text) && strings.IndexByte(" \t\r\n,", text[i]) >= 0 {
			i++
		}
		if i >= len(text) || text[i] != '"' {
			return
		}
		n, how := valueEnd(text[i:])
		if how != valueWhole {
			return
		}
		key := gjson.ParseBytes(text[i : i+n]).String()
		i += n
		for i < len(text) && strings.IndexByte(" \t\r\n:", text[i]) >= 0 {
			i++
		}
		fn(key, i)
		n, how = valueEnd(text[min(i, len(text)):])
		if how != valueWhole {
			return
		}
		i += n
	}
}

// arrayAt returns the offset of the array at a path; -1 when text does not have it.
func arrayAt(text []byte, path []string) int {
	at := 0
	for _, name := range path {
		next := -1
		eachMember(text[at:], func(key string, offset int) {
			if key == name && next < 0 {
				next = at + offset
			}
		})
		if next < 0 {
			return -1
		}
		at = next
	}
	if at < len(text) && text[at] == '[' {
		return at
	}
	return -1
}

type valueState uint8

const (
	valueWhole  valueState = iota
	valueCut               // the text ends before the value does
	valueBroken            // brackets or quotes do not match
)

const deepestRow = 1000 // of brackets, while a row's end is looked for

// valueEnd returns the length of the JSON value that b begins with. It matches brackets
// and quotes only.
func valueEnd(b []byte) (int, valueState) {
	if len(b) == 0 {
		return 0, valueCut
	}
	var open []byte
	for i := 0; i < len(b); i++ {
		switch c := b[i]; c {
		case '{', '[':
			if open = append(open, c+2); len(open) > deepestRow { // '{'+2 is '}', '['+2 is ']'
				return i, valueBroken
			}
			continue
		case '}', ']':
			if len(open) == 0 {
				return i, valueWhole // behind a number
			}
			if open[len(open)-1] != c {
				return i, valueBroken
			}
			open = open[:len(open)-1]
		case '"':
			n := textEnd(b[i:])
			switch {
			case n == 0:
				return len(b), valueCut
			case n < 0:
				return i, valueBroken
			}
			i += n - 1
		case ',', ' ', '\t', '\r', '\n':
			if len(open) == 0 {
				return i, valueWhole
			}
			continue
		default:
			continue
		}
		if len(open) == 0 {
			return i + 1, valueWhole
		}
	}
	return len(b), valueCut
}

// textEnd returns the length of the quoted text that b begins with: 0 when b ends before,
// negative when the line does.
func textEnd(b []byte) int {
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		case '\n':
			return -1
		}
	}
	return 0
}

// enter goes to the first element of the layout's array.
func (r *jsonRows) enter(l jsonLayout) {
	r.byLine = l.byLine
	if l.array >= 0 {
		r.w.start += l.array + 1
		r.inArray = true
	}
}

var errBrokenRow = errors.New("broken row")

// next returns the next row. It is errBrokenRow or errRowTooLong with the beginning of a
// row that does not end, and io.EOF behind the last one.
func (r *jsonRows) next() ([]byte, error) {
	if r.byLine {
		return r.line()
	}
	for {
		c, err := r.peek()
		if err != nil {
			return nil, err
		}
		if c == ']' && r.inArray { // what follows the array is not rows, except for another array
			r.w.start++
			r.inArray = false
			if c, err = r.peek(); err != nil || c != '[' {
				return nil, r.drain(err)
			}
		}
		if c == '[' && !r.inArray {
			r.w.start++
			r.inArray = true
			continue
		}
		return r.value()
	}
}

// line returns the next line that is not blank.
func (r *jsonRows) line() ([]byte, error) {
	for {
		line, err := r.w.line()
		if err != nil || len(line) > 64 || len(bytes.TrimSpace(line)) > 0 {
			return line, err
		}
	}
}

// peek passes over blanks and commas and returns the byte behind them.
func (r *jsonRows) peek() (byte, error) {
	for {
		rest := r.w.rest()
		for i, c := range rest {
			if c != ' ' && c != '\t' && c != '\r' && c != '\n' && c != ',' {
				if !r.known {
					if from := bytes.LastIndexByte(rest[:i], '\n'); from >= 0 {
						r.indent = bytes.Clone(rest[from : i+1])
					}
				}
				r.w.start += i
				return c, nil
			}
		}
		if r.known { // blanks before the first element tell how the text is laid out
			r.w.start = r.w.end
		}
		if r.w.more() {
			continue
		}
		r.w.start = r.w.end
		if r.w.err == nil {
			continue
		}
		if err := r.w.failed(); err != nil {
			return 0, err
		}
		return 0, r.w.err
	}
}

// drain reads to the end, so that a damaged file is not taken for a short one.
func (r *jsonRows) drain(err error) error {
	for err == nil {
		r.w.start = r.w.end
		if !r.w.more() && r.w.err != nil {
			if err = r.w.failed(); err == nil {
				err = r.w.err
			}
		}
	}
	return err
}

func (r *jsonRows) value() ([]byte, error) {
	r.known = true
	for {
		rest := r.w.rest()
		n, how := valueEnd(rest)
		if how == valueCut && len(rest) < maxRowBytes {
			if r.w.more() {
				continue
			}
			if err := r.w.failed(); err != nil {
				return nil, err
			}
			rest = r.w.rest()
		}
		if how == valueWhole || how == valueCut && r.w.err != nil && rest[0] != '{' && rest[0] != '[' && rest[0] != '"' {
			n = max(n, 1)
			r.w.start += n
			return rest[:n], nil
		}
		if how == valueCut && r.w.err == nil {
			return r.leave(rest, errRowTooLong)
		}
		return r.leave(rest, errBrokenRow)
	}
}

// leave passes over a row that does not end where it should: up to the next line that
// begins like the first row did.
func (r *jsonRows) leave(rest []byte, why error) ([]byte, error) {
	mark := r.indent
	if len(mark) == 0 || mark[len(mark)-1] != '{' {
		mark = []byte("\n{")
	}
	if i := bytes.Index(rest[1:], mark); i >= 0 {
		r.w.start += 1 + i
		return rest[:1+i], why
	}
	beginning := bytes.Clone(rest[:min(len(rest), 4096)])
	for {
		r.w.start = max(r.w.start, r.w.end-len(mark))
		if !r.w.more() {
			if err := r.w.failed(); err != nil {
				return nil, err
			}
			r.w.start = r.w.end
			return beginning, why
		}
		if i := bytes.Index(r.w.rest(), mark); i >= 0 {
			r.w.start += i
			return beginning, why
		}
	}
}

// repeatedKey finds a key that an object has twice, at any depth. Which of the two values
// counts is a guess that nobody should make.
func repeatedKey(object string) (repeated string, found bool) {
	var keys [32]string
	seen := keys[:0]
	var more map[string]bool
	jsonwalk.Members(object, func(key, value string) bool {
		if strings.IndexByte(key, '\\') >= 0 {
			key = gjson.Parse(`"` + key + `"`).String()
		}
		switch {
		case slices.Contains(seen, key) || more[key]:
			repeated, found = key, true
			return false
		case len(seen) < cap(seen):
			seen = append(seen, key)
		default:
			if more == nil {
				more = map[string]bool{}
			}
			more[key] = true
		}
		if len(value) > 4 {
			repeated, found = repeatedInside(value)
		}
		return !found
	})
	return repeated, found
}

func repeatedInside(value string) (repeated string, found bool) {
	switch value[0] {
	case '{':
		return repeatedKey(value)
	case '[':
		if strings.IndexByte(value, '{') < 0 {
			return "", false
		}
		gjson.Parse(value).ForEach(func(_, element gjson.Result) bool {
			if len(element.Raw) > 4 {
				repeated, found = repeatedInside(element.Raw)
			}
			return !found
		})
	}
	return repeated, found
}

func rowTooLong() error { return badRow(codeRow, "the row is longer than %d bytes", maxRowBytes) }

func repeatedKeyError(key string) error {
	return badRow(codeRepeated, "%s", fmt.Sprintf("an object has the key %q twice", clip(key)))
}
