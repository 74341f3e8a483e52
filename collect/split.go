package collect

import "bytes"

// mostWalks bounds what a batch with malformed events costs: so many times the body's
// length split passes over, and a body that needs more is refused as a whole.
const mostWalks = 8

// setAside makes the malformed event that starts at start one for the quarantine, and
// moves on to what follows it. False, with the error as it was, when its end cannot be found.
func (s *scanner) setAside(e *rawEvent, start int) bool {
	at, err := s.err.offset, s.err
	s.bad = false
	next, ok := s.split(start, at)
	s.cur = e
	if s.bad, s.err = !ok, err; !ok {
		return false
	}
	end := next
	for end > start && s.buf[end-1] <= ' ' {
		end--
	}
	if s.buf[next] == '{' && end > start && s.buf[end-1] == ',' { // the comma before a place where split went on
		end--
	}
	e.all = span{start: uint32(start), end: uint32(end), kind: absent}
	e.flaw = flaw{CodeMalformed, at, err.message}
	s.err, s.pos = syntaxError{}, next
	return true
}

// split finds where the event that starts at start and is malformed at offset ends: the
// comma or bracket behind it, or the next event. As a rule its quotes and brackets are
// in order and tell. Where they are not (a string that is not closed turns inside out all
// that follows), the next event is the first text behind the fault that is one beyond
// doubt: an object with a known type and an id. If there is none, it was the last one, and
// the bracket that closes the batch is where the rest of the body can be read.
func (s *scanner) split(start, offset int) (next int, ok bool) {
	end, ok := s.balanced(start)
	limit := len(s.buf)
	if ok {
		limit = end
	}
	if resumed, found := s.resume(start, max(offset, start+1), limit); found {
		return resumed, true
	}
	if !ok {
		return s.lastBracket(start)
	}
	return end, true
}

// balanced passes over text with quotes and brackets in order, up to a comma or a closing
// bracket outside of them.
func (s *scanner) balanced(start int) (end int, ok bool) {
	var stack []byte
	buf := s.buf
	i := start
	defer func() { s.walked += i - start }()
	for budget := mostWalks*len(buf) - s.walked; i < len(buf) && i-start < budget; i++ {
		switch c := buf[i]; c {
		case '"':
			if i = endOfString(buf, i); i == len(buf) {
				return 0, false
			}
		case '{', '[':
			stack = append(stack, c+2) // the closing one
		case '}', ']':
			n := len(stack)
			switch {
			case n > 0 && stack[n-1] == c:
				stack = stack[:n-1]
			case n == 0 && c == ']':
				return i, true
			default:
				return 0, false
			}
		case ',':
			if len(stack) == 0 {
				return i, true
			}
		}
	}
	return 0, false
}

// endOfString returns the place of the quote that closes the string opened at i, or the
// end of buf.
func endOfString(buf []byte, i int) int {
	for i++; i < len(buf); i++ {
		n := bytes.IndexAny(buf[i:], `"\\`)
		if n < 0 {
			return len(buf)
		}
		if i += n; buf[i] == '"' {
			return i
		}
		i++ // the escaped one
	}
	return len(buf)
}

// resume looks between two places for an event behind the one that starts at start.
func (s *scanner) resume(start, from, limit int) (next int, ok bool) {
	mended, spaces := s.mended, s.spaces
	keys := len(s.keys)
	defer func() { s.mended, s.spaces, s.keys, s.bad = mended, spaces, s.keys[:keys], false }()
	for i := from; i < limit && s.walked < mostWalks*len(s.buf); i++ {
		n := bytes.IndexByte(s.buf[i:limit], '{')
		if n < 0 {
			return 0, false
		}
		s.walked += n + 1
		i += n
		before := i - 1
		for before > start && s.buf[before] <= ' ' {
			before--
		}
		if c := s.buf[before]; c != ',' && c != '}' {
			continue
		}
		var e rawEvent
		s.cur, s.pos, s.bad, s.keys = &e, i, false, s.keys[:keys]
		s.element(&e) // it may be malformed too, further on
		s.walked += s.pos - i
		if s.plain(&e) {
			return i, true
		}
	}
	return 0, false
}

// lastBracket finds the closing bracket of the batch by what may follow it: fields of the
// envelope, and the end of the body.
func (s *scanner) lastBracket(from int) (end int, ok bool) {
	mended, spaces := s.mended, s.spaces
	keys := len(s.keys)
	defer func() { s.mended, s.spaces, s.keys, s.bad = mended, spaces, s.keys[:keys], false }()
	for i := from; i < len(s.buf) && s.walked < mostWalks*len(s.buf); i++ {
		n := bytes.IndexByte(s.buf[i:], ']')
		if n < 0 {
			return 0, false
		}
		i += n
		s.pos = i + 1
		closed := s.restOfEnvelope()
		s.walked += n + s.pos - i
		if closed {
			return i, true
		}
	}
	return 0, false
}

// restOfEnvelope tells whether the position is behind a field of an object that ends with the body.
func (s *scanner) restOfEnvelope() bool {
	var other rawEvent
	s.cur = &other
	for s.skip() == ',' {
		s.pos++
		if s.skip() != '"' {
			return false
		}
		if _, ok := s.text(); !ok || s.skip() != ':' {
			return false
		}
		s.pos++
		s.skip()
		if _, ok := s.value(1, elsewhere); !ok {
			return false
		}
	}
	if s.skip() != '}' {
		return false
	}
	s.pos++
	s.skip()
	return s.pos == len(s.buf)
}

// plain tells whether an event is one beyond doubt.
func (s *scanner) plain(e *rawEvent) bool {
	switch t := e.fields[fType]; string(s.buf[t.start:t.end]) {
	case "track", "identify", "page", "screen", "group", "alias":
		return t.kind == isString && (e.fields[fUserID].given() || e.fields[fAnonymousID].given())
	}
	return false
}
