package collect

import (
	"strconv"
	"strings"
)

// members walks over the fields of an object that the scanner has checked.
type members struct {
	buf []byte
	pos int
}

func newMembers(object []byte) members { return members{object, 1} }

// next returns the text between a key's quotes, and the value's text.
func (m *members) next() (key, value []byte, ok bool) {
	m.pos = skipBlanks(m.buf, m.pos)
	if m.buf[m.pos] == ',' {
		m.pos = skipBlanks(m.buf, m.pos+1)
	}
	if m.buf[m.pos] != '"' {
		return nil, nil, false
	}
	end := valueEnd(m.buf, m.pos)
	key = m.buf[m.pos+1 : end-1]
	start := skipBlanks(m.buf, skipBlanks(m.buf, end)+1) // past the colon
	m.pos = valueEnd(m.buf, start)
	return key, m.buf[start:m.pos], true
}

// elements walks over the values of an array that the scanner has checked.
type elements struct {
	buf []byte
	pos int
}

func newElements(array []byte) elements { return elements{array, 1} }

func (e *elements) next() (value []byte, ok bool) {
	e.pos = skipBlanks(e.buf, e.pos)
	if e.buf[e.pos] == ',' {
		e.pos = skipBlanks(e.buf, e.pos+1)
	}
	if e.buf[e.pos] == ']' {
		return nil, false
	}
	start := e.pos
	e.pos = valueEnd(e.buf, start)
	return e.buf[start:e.pos], true
}

func skipBlanks(buf []byte, i int) int {
	for buf[i] <= ' ' {
		i++
	}
	return i
}

// valueEnd returns the end of the checked value that starts at i.
func valueEnd(buf []byte, i int) int {
	depth := 0
	for ; i < len(buf); i++ {
		switch buf[i] {
		case '"':
			for i++; buf[i] != '"'; i++ {
				if buf[i] == '\\' {
					i++
				}
			}
			if depth == 0 {
				return i + 1
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth < 0 { // a number or literal before the end of its container
				return i
			}
			if depth == 0 {
				return i + 1
			}
		case ',', ' ', '\t', '\n', '\r':
			if depth == 0 {
				return i
			}
		}
	}
	return i
}

// kindOf tells the type of a checked value by its first byte.
func kindOf(value []byte) valueKind {
	switch value[0] {
	case '"':
		return isString
	case '{':
		return isObject
	case '[':
		return isArray
	case 't', 'f':
		return isBool
	case 'n':
		return isNull
	}
	return isNumber
}

// pathAt names the place in an event that offset lies in, for messages:
// "properties.items[2].price". The text may be malformed at offset.
func pathAt(buf []byte, start, offset int) string {
	type level struct {
		key   string
		index int // -1 in an object
	}
	var stack []level
	for i := start; i < offset && i < len(buf); i++ {
		switch buf[i] {
		case '{':
			stack = append(stack, level{index: -1})
		case '[':
			stack = append(stack, level{})
		case '}', ']':
			if len(stack) > 0 {
				stack = stack[:len(stack)-1]
			}
		case ',':
			if n := len(stack); n > 0 && stack[n-1].index >= 0 {
				stack[n-1].index++
			}
		case '"':
			text := i + 1
			for i++; i < len(buf) && buf[i] != '"'; i++ {
				if buf[i] == '\\' {
					i++
				}
			}
			end := min(i, len(buf))
			j := end + 1
			for j < len(buf) && buf[j] <= ' ' {
				j++
			}
			if n := len(stack); n > 0 && stack[n-1].index < 0 && j < len(buf) && buf[j] == ':' {
				stack[n-1].key = string(buf[text:min(end, text+64)])
			}
		}
	}
	path := ""
	for _, l := range stack[:min(len(stack), 8)] {
		switch {
		case l.index >= 0:
			path += "[" + strconv.Itoa(l.index) + "]"
		case l.key != "":
			if path != "" {
				path += "."
			}
			path += l.key
		}
	}
	return printable(path)
}

// printable replaces what cannot be stored or shown of a text that may be malformed.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' {
			return '\ufffd'
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd"))
}
