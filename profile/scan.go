package profile

import (
	"strings"

	"github.com/tidwall/gjson"
)

// members calls fn with each key and value of a JSON object's text until fn returns
// false. Keys come as they are written, see [unescape]. The edge has checked that the
// text is valid; of one that is not, members sees a part.
//
// It reads each byte once and jumps over strings, which is what most of a context is.
func members(object string, fn func(key, value string) bool) {
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

// member returns the value of a key, "" without it.
func member(object, name string) (found string) {
	members(object, func(key, value string) bool {
		if key == name {
			found = value
		}
		return key != name
	})
	return found
}

func skipSpace(s string, i int) int {
	for i < len(s) && (s[i] == ' ' || s[i] == '\n' || s[i] == '\t' || s[i] == '\r') {
		i++
	}
	return i
}

// endOfString returns the index behind the quote that closes the string at i.
func endOfString(s string, i int) int {
	for at := i + 1; ; {
		n := strings.IndexByte(s[at:], '"')
		if n < 0 {
			return len(s)
		}
		quote := at + n
		slashes := 0
		for quote-1-slashes > i && s[quote-1-slashes] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return quote + 1
		}
		at = quote + 1
	}
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

// text returns the string that a JSON value stands for, "" when it is none.
func text(value string) string {
	if len(value) < 2 || value[0] != '"' {
		return ""
	}
	if strings.IndexByte(value, '\\') < 0 {
		return value[1 : len(value)-1]
	}
	return gjson.Parse(value).String()
}

// unescape returns a key as it is meant.
func unescape(key string) string {
	if strings.IndexByte(key, '\\') < 0 {
		return key
	}
	return gjson.Parse(`"` + key + `"`).String()
}
