package store

import (
	"strconv"
	"strings"
	"sync"
)

// maxRebound bounds the remembered texts; statements built at run time would grow the
// map for ever.
const maxRebound = 2048

// rebinder turns ? parameters into $1, $2, … and remembers the result by text.
type rebinder struct {
	mu    sync.RWMutex
	texts map[string]string
}

func newRebinder() *rebinder { return &rebinder{texts: make(map[string]string)} }

func (r *rebinder) text(query string) string {
	r.mu.RLock()
	text, ok := r.texts[query]
	r.mu.RUnlock()
	if ok {
		return text
	}
	text = Rebind(query)
	r.mu.Lock()
	if len(r.texts) >= maxRebound {
		clear(r.texts)
	}
	r.texts[query] = text
	r.mu.Unlock()
	return text
}

// Rebind returns query with its ? parameters written $1, $2, … Question marks in
// string literals, quoted names and comments stay, as do backslashes: literals follow
// the SQL standard ('it”s').
func Rebind(query string) string {
	if !strings.Contains(query, "?") {
		return query
	}
	var b strings.Builder
	b.Grow(len(query) + 16)
	n := 0
	for i := 0; i < len(query); {
		end := skipQuoted(query, i)
		switch {
		case end > i:
			b.WriteString(query[i:end])
			i = end
		case query[i] == '?':
			n++
			b.WriteByte('$')
			b.WriteString(strconv.Itoa(n))
			i++
		default:
			b.WriteByte(query[i])
			i++
		}
	}
	return b.String()
}

// skipQuoted returns the end of the literal, quoted name or comment that starts at i,
// or i when none does. A doubled quote ends one literal and starts the next, which
// comes to the same.
func skipQuoted(query string, i int) int {
	rest := query[i:]
	closing := ""
	switch {
	case rest[0] == '\'' || rest[0] == '"':
		closing = rest[:1]
	case strings.HasPrefix(rest, "--"):
		closing = "\n"
	case strings.HasPrefix(rest, "/*"):
		closing = "*/"
	default:
		return i
	}
	start := len(closing)
	if closing == "\n" {
		start = 2
	}
	end := strings.Index(rest[start:], closing)
	if end < 0 {
		return len(query)
	}
	return i + start + end + len(closing)
}
