package access

import (
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/touchstone-cdp/touchstone"
)

// This file is what reads do with contacts for viewers who may not see them: phone numbers,
// e-mail addresses, plates, chassis numbers, and what the kinds of identifiers mark. A nil
// Viewer sees none. docs/design/access.md, Contacts.

// Text masks the contacts in a text that anything may stand in.
func (v *Viewer) Text(s string) string {
	if v.SeesContacts() {
		return s
	}
	return maskText(s)
}

// Identifier masks the value of an identifier if it is a contact, or looks like one.
func (v *Viewer) Identifier(id touchstone.Identifier) touchstone.Identifier {
	if !v.SeesContacts() {
		id.Value = maskNamed(v.classOf(string(id.Kind)), id.Value)
	}
	return id
}

// Field masks a value whose name is known: a trait, a property, a column.
func (v *Viewer) Field(name string, value touchstone.JSON) touchstone.JSON {
	if v.SeesContacts() {
		return value
	}
	return v.mask(value, v.classOf(name))
}

// JSON masks the contacts in a JSON value: in fields whose names say that they hold them,
// and whatever looks like one, keys included. Numbers that look like one become texts.
func (v *Viewer) JSON(value touchstone.JSON) touchstone.JSON {
	if v.SeesContacts() {
		return value
	}
	return v.mask(value, none)
}

// Label masks a value that a group of the field of that name is called by.
func (v *Viewer) Label(name, text string) string {
	if v.SeesContacts() {
		return text
	}
	return maskNamed(v.classOf(name[strings.LastIndexByte(name, '.')+1:]), text)
}

// ContactKinds lists the kinds of identifiers that are marked as contacts.
func (v *Viewer) ContactKinds() []string {
	var list []string
	if v == nil || v.Kinds == nil {
		return list
	}
	for _, k := range v.Kinds.Configs() {
		if k.Contact {
			list = append(list, string(k.Kind))
		}
	}
	return list
}

// Hides reports whether the field of that name holds contacts that the viewer does not see.
func (v *Viewer) Hides(name string) bool { return !v.SeesContacts() && v.classOf(name) != none }

func (v *Viewer) mask(value touchstone.JSON, c class) touchstone.JSON {
	if value == "" {
		return value
	}
	w := jsonMask{viewer: v, out: make([]byte, 0, len(value)+16)}
	end := w.value(string(value), 0, c)
	if end < 0 || strings.TrimSpace(string(value[end:])) != "" { // not JSON: a text
		return touchstone.JSON(maskNamed(c, string(value)))
	}
	if string(w.out) == string(value) {
		return value
	}
	return touchstone.JSON(w.out)
}

// jsonMask writes a JSON text anew. Positions are -1 where the text is not JSON.
type jsonMask struct {
	viewer *Viewer
	out    []byte
	depth  int
}

// maxMaskDepth is far beyond what the edge takes in. What lies deeper is left out.
const maxMaskDepth = 1000

func skipSpace(s string, i int) int {
	for i < len(s) && (s[i] == ' ' || s[i] == '\t' || s[i] == '\n' || s[i] == '\r') {
		i++
	}
	return i
}

// value writes the value at i and returns where it ends.
func (w *jsonMask) value(s string, i int, c class) int {
	i = skipSpace(s, i)
	if i >= len(s) {
		return -1
	}
	switch s[i] {
	case '{', '[':
		if w.depth++; w.depth > maxMaskDepth {
			return -1
		}
		defer func() { w.depth-- }()
		if s[i] == '{' {
			return w.object(s, i, c)
		}
		return w.array(s, i, c)
	case '"':
		end := stringEnd(s, i)
		if end < 0 {
			return -1
		}
		w.text(s[i:end], c)
		return end
	}
	end := i
	for end < len(s) && strings.IndexByte(",]} \t\r\n", s[end]) < 0 {
		end++
	}
	if end == i {
		return -1
	}
	w.literal(s[i:end], c)
	return end
}

// stringEnd returns where the string at i ends, -1 if it does not.
func stringEnd(s string, i int) int {
	for j := i + 1; j < len(s); j++ {
		switch s[j] {
		case '\\':
			j++
		case '"':
			return j + 1
		}
	}
	return -1
}

func unquote(quoted string) string {
	if strings.IndexByte(quoted, '\\') < 0 {
		return quoted[1 : len(quoted)-1]
	}
	text, err := jsontext.AppendUnquote(nil, quoted)
	if err != nil && len(text) == 0 {
		return quoted[1 : len(quoted)-1]
	}
	return string(text)
}

func (w *jsonMask) text(quoted string, c class) {
	text := unquote(quoted)
	masked := maskNamed(c, text)
	if masked == text {
		w.out = append(w.out, quoted...)
		return
	}
	w.out, _ = jsontext.AppendQuote(w.out, masked)
}

// literal writes a number, true, false or null.
func (w *jsonMask) literal(s string, c class) {
	if s != "" && (isDigit(s[0]) || s[0] == '-') {
		digits := s
		if f, err := strconv.ParseFloat(s, 64); err == nil && strings.ContainsAny(s, ".eE") && f == float64(int64(f)) {
			digits = strconv.FormatInt(int64(f), 10) // 1.38e10 and 13800138001.0
		}
		if masked := maskNamed(c, digits); masked != digits {
			w.out, _ = jsontext.AppendQuote(w.out, masked)
			return
		}
	}
	w.out = append(w.out, s...)
}

func (w *jsonMask) array(s string, i int, c class) int {
	w.out = append(w.out, '[')
	for i = skipSpace(s, i+1); i < len(s) && s[i] != ']'; i = skipSpace(s, i) {
		if i = w.value(s, i, c); i < 0 {
			return -1
		}
		if i = skipSpace(s, i); i < len(s) && s[i] == ',' {
			w.out = append(w.out, ',')
			i++
		}
	}
	if i >= len(s) {
		return -1
	}
	w.out = append(w.out, ']')
	return i + 1
}

// object writes an object. {"type":"phone","id":"…"} and {"kind":"phone","value":"…"} name
// their field in a sibling.
func (w *jsonMask) object(s string, i int, c class) int {
	sibling := w.siblingClass(s, i)
	w.out = append(w.out, '{')
	for i = skipSpace(s, i+1); i < len(s) && s[i] != '}'; i = skipSpace(s, i) {
		end := stringEnd(s, i)
		if s[i] != '"' || end < 0 {
			return -1
		}
		name := unquote(s[i:end])
		w.text(s[i:end], none)
		if i = skipSpace(s, end); i >= len(s) || s[i] != ':' {
			return -1
		}
		w.out = append(w.out, ':')
		of := w.viewer.classOf(name)
		if of == none {
			of = c
		}
		if of == none && (name == "value" || name == "id") {
			of = sibling
		}
		if i = w.value(s, i+1, of); i < 0 {
			return -1
		}
		if i = skipSpace(s, i); i < len(s) && s[i] == ',' {
			w.out = append(w.out, ',')
			i++
		}
	}
	if i >= len(s) {
		return -1
	}
	w.out = append(w.out, '}')
	return i + 1
}

// siblingClass reads the member "type" or "kind" of the object at i.
func (w *jsonMask) siblingClass(s string, i int) class {
	if !strings.Contains(s[i:], `"type"`) && !strings.Contains(s[i:], `"kind"`) {
		return none
	}
	depth := 0
	for i < len(s) {
		switch s[i] {
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return none
			}
		case '"':
			end := stringEnd(s, i)
			if end < 0 {
				return none
			}
			if name := s[i:end]; depth == 1 && (name == `"type"` || name == `"kind"`) {
				at := skipSpace(s, end)
				if at < len(s) && s[at] == ':' {
					if at = skipSpace(s, at+1); at < len(s) && s[at] == '"' {
						if to := stringEnd(s, at); to > 0 {
							return w.viewer.classOf(unquote(s[at:to]))
						}
					}
				}
			}
			i = end
			continue
		}
		i++
	}
	return none
}
