// Package jsonwalk walks through JSON that is known to be valid without decoding it. It
// reads each byte once and jumps over strings, which is what most of an event's context is.
package jsonwalk

import (
	"strings"

	"github.com/tidwall/gjson"
)

// Members calls fn with each key and value of an object until fn returns false. Both come
// as they are written, see [Unescape] and [Text]. Of a text that is not valid Members sees a
// part, and of what is not an object nothing.
func Members(object string, fn func(key, value string) bool) {
	i := skipSpace(object, 0)
	if i >= len(object) || object[i] != '{' {
		return
	}
	for i++; ; {
		for i = skipSpace(object, i); i < len(object) && object[i] == ','; {
			i = skipSpace(object, i+1)
		}
		if i >= len(object) || object[i] != '"' {
			return
		}
		end := endOfString(object, i)
		if end-1 <= i {
			return
		}
		key := object[i+1 : end-1]
		i = skipSpace(object, end)
		if i >= len(object) || object[i] != ':' {
			return
		}
		i = skipSpace(object, i+1)
		end = endOfValue(object, i)
		if end <= i || !fn(key, object[i:end]) {
			return
		}
		i = end
	}
}

// Member returns the value of a key, "" without it.
func Member(object, name string) (found string) {
	Members(object, func(key, value string) bool {
		if key == name {
			found = value
		}
		return key != name
	})
	return found
}

// Elements calls fn with each value of an array until fn returns false; see [Members].
func Elements(array string, fn func(value string) bool) {
	i := skipSpace(array, 0)
	if i >= len(array) || array[i] != '[' {
		return
	}
	for i++; ; {
		for i = skipSpace(array, i); i < len(array) && array[i] == ','; {
			i = skipSpace(array, i+1)
		}
		if i >= len(array) || array[i] == ']' {
			return
		}
		end := endOfValue(array, i)
		if end <= i || !fn(array[i:end]) {
			return
		}
		i = end
	}
}

func skipSpace(s string, i int) int {
	for i < len(s) && (s[i] == ' ' || s[i] == '\n' || s[i] == '\t' || s[i] == '\r') {
		i++
	}
	return i
}

// endOfString returns the index behind the quote that closes the string at i.
func endOfString(s string, i int) int {
	at := i + 1
	for short := min(len(s), at+16); at < short; at++ { // keys are, and a call to search costs more
		switch s[at] {
		case '"':
			return at + 1
		case '\\':
			at++
		}
	}
	for at < len(s) {
		n := strings.IndexByte(s[at:], '"')
		if n < 0 {
			break
		}
		quote := at + n
		slashes := 0
		for quote-1-slashes >= at && s[quote-1-slashes] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return quote + 1
		}
		at = quote + 1
	}
	return len(s)
}

func endOfValue(s string, i int) int {
	if i >= len(s) {
		return i
	}
	switch s[i] {
	case '"':
		return endOfString(s, i)
	case '{', '[':
		depth := 0
		for i < len(s) {
			switch s[i] {
			case '"':
				i = endOfString(s, i)
				continue
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			}
			i++
		}
		return len(s)
	}
	for i < len(s) && s[i] != ',' && s[i] != '}' && s[i] != ']' && s[i] > ' ' {
		i++
	}
	return i
}

// Text returns the string that a value stands for, "" when it is none.
func Text(value string) string {
	if len(value) < 2 || value[0] != '"' {
		return ""
	}
	if strings.IndexByte(value, '\\') < 0 {
		return value[1 : len(value)-1]
	}
	return gjson.Parse(value).String()
}

// Unescape returns a key as it is meant.
func Unescape(key string) string {
	if strings.IndexByte(key, '\\') < 0 {
		return key
	}
	return gjson.Parse(`"` + key + `"`).String()
}
