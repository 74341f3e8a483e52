package store

import "strings"

// Containing returns the pattern of texts that contain part, for LOWER(column) LIKE ? ESCAPE '\'.
func Containing(part string) string {
	return "%" + strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`).Replace(strings.ToLower(part)) + "%"
}

// PrefixEnd returns the least text, in byte order, that is greater than all texts that
// begin with prefix, "" if there is none: what begins with prefix is
// column >= prefix AND column < PrefixEnd(prefix), for a column of COLLATE "C".
func PrefixEnd(prefix string) string {
	r := []rune(prefix)
	for len(r) > 0 {
		last := r[len(r)-1]
		r = r[:len(r)-1]
		if last < '\U0010FFFF' {
			next := last + 1
			if next >= 0xD800 && next <= 0xDFFF { // surrogates are not in texts
				next = 0xE000
			}
			return string(append(r, next))
		}
	}
	return ""
}
