package importer

import (
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tidwall/gjson"

	"github.com/touchstone-cdp/touchstone"
)

const timeFormat = "2006-01-02T15:04:05.000Z07:00"

// The formats that a mapping may give an identifier, before its kind's own
// normalisation. Empty means formatPlain for text that is no whole number with decimals
// (17850.0), and formatInteger for text that is: data frames write such numbers when
// a column has empty cells.
const (
	formatText    = "text"
	formatInteger = "integer"
	formatLower   = "lower"
	formatUpper   = "upper"
	formatDigits  = "digits"
	formatPhone   = "phone"
	formatEmail   = "email"
)

var identifierFormats = []string{formatText, formatInteger, formatLower, formatUpper, formatDigits, formatPhone, formatEmail}

// identifierText returns a cell as the text of an identifier; empty when there is none.
func identifierText(c cell, format string) (string, error) {
	text := strings.TrimSpace(c.text)
	switch c.kind {
	case cellAbsent:
		return "", nil
	case cellInstant, cellJSON, cellBoolean:
		return "", badRow(codeValue, "an identifier cannot be a %s", cellKindNames[c.kind])
	}
	switch format {
	case "", formatInteger:
		if whole, decimals, ok := strings.Cut(text, "."); ok && whole != "" && decimals != "" &&
			onlyDigits(strings.TrimPrefix(whole, "-")) && strings.Trim(decimals, "0") == "" {
			return whole, nil
		}
		if format == formatInteger && text != "" && !onlyDigits(strings.TrimPrefix(text, "-")) {
			return "", badRow(codeValue, "%q is no whole number", clip(text))
		}
	case formatLower:
		text = strings.ToLower(text)
	case formatUpper:
		text = strings.ToUpper(text)
	case formatDigits:
		text = strings.Map(func(r rune) rune {
			if r < '0' || r > '9' {
				return -1
			}
			return r
		}, text)
	}
	return text, nil
}

var cellKindNames = [...]string{"nothing", "text", "number", "truth value", "list or object", "time"}

// plainText returns a cell as text, for ids and names.
func plainText(c cell) string {
	if c.kind == cellInstant {
		return time.UnixMilli(c.ms).UTC().Format(timeFormat)
	}
	return strings.TrimSpace(c.text)
}

// appendNumber appends a cell as a JSON number. ok is false when the cell is empty.
func (m *member) appendNumber(dst []byte, c cell) (_ []byte, ok bool, err error) {
	switch {
	case c.kind == cellAbsent:
		return dst, false, nil
	case c.kind == cellNumber, c.kind == cellText && m.numbers.plain(c.text):
		return append(dst, c.text...), true, nil
	}
	d, ok, err := m.decimal(c, m.numbers)
	if err != nil || !ok {
		return dst, false, err
	}
	return d.appendTo(dst), true, nil
}

// decimal reads a cell as a number. ok is false when the cell is empty.
func (m *member) decimal(c cell, f numberFormat) (d decimal, ok bool, err error) {
	text := strings.TrimSpace(c.text)
	switch c.kind {
	case cellAbsent:
		return d, false, nil
	case cellNumber:
		if d, ok = parseDecimal(text); ok {
			return d, true, nil
		}
	case cellText:
		if text == "" {
			return d, false, nil
		}
		if d, ok = f.parse(text); ok {
			return d, true, nil
		}
		if m.tidy.nothing(text) {
			return d, false, nil
		}
	}
	return d, false, badRow(codeValue, "%s", f.problem(c.text))
}

func (m *member) appendBoolean(dst []byte, c cell) (_ []byte, ok bool, err error) {
	text := strings.TrimSpace(c.text)
	switch strings.ToLower(text) {
	case "":
		if c.kind == cellAbsent || c.kind == cellText {
			return dst, false, nil
		}
	case "true", "t", "yes", "y", "1", "on", "是", "真":
		return append(dst, "true"...), true, nil
	case "false", "f", "no", "n", "0", "off", "否", "假":
		return append(dst, "false"...), true, nil
	}
	if c.kind == cellText && m.tidy.nothing(text) {
		return dst, false, nil
	}
	return dst, false, badRow(codeValue, "%q is neither true nor false", clip(c.text))
}

func appendJSONCell(dst []byte, c cell) (_ []byte, ok bool, err error) {
	switch c.kind {
	case cellAbsent:
		return dst, false, nil
	case cellText:
		text := strings.TrimSpace(c.text)
		if text == "" {
			return dst, false, nil
		}
		if !validJSON(text) {
			return dst, false, badRow(codeValue, "%q is no JSON", clip(text))
		}
		return append(dst, text...), true, nil
	case cellJSON:
		if depthOf(c.text) > maxDepth {
			return dst, false, badRow(codeDeep, "a value nests deeper than %d", maxDepth)
		}
	}
	return appendCellJSON(dst, c), true, nil
}

func validJSON(s string) bool { return depthOf(s) <= maxDepth && gjson.Valid(s) }

// appendText appends a cell as JSON text.
func appendText(dst []byte, c cell) (_ []byte, ok bool) {
	switch c.kind {
	case cellAbsent:
		return dst, false
	case cellInstant:
		return appendCellJSON(dst, c), true
	}
	if c.text == "" {
		return dst, false
	}
	return appendJSONText(dst, c.text), true
}

// appendJSONText appends s, valid UTF-8, as a JSON string. NUL, which databases refuse,
// becomes the replacement character.
func appendJSONText(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, s[from:i]...)
		from = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		case 0:
			dst = utf8.AppendRune(dst, utf8.RuneError)
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	dst = append(dst, s[from:]...)
	return append(dst, '"')
}

// normalisePhone etc. are the kinds' own; format only chooses one for a kind that has
// none.
func formatKind(format string) (touchstone.IdentifierKind, bool) {
	switch format {
	case formatPhone:
		return touchstone.KindPhone, true
	case formatEmail:
		return touchstone.KindEmail, true
	}
	return "", false
}
