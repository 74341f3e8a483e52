package collect

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"strconv"
	"unicode/utf8"
	"unsafe"

	"github.com/touchstone-cdp/touchstone"
)

// The scanner reads a request's body once. It checks the whole text strictly (RFC 8259,
// valid UTF-8) and notes where the few fields lie that the edge needs; everything else
// is passed on as the text that came. What it finds falls in two classes: malformed
// text fails the request, a flaw of one event (a duplicate key, a number that no
// database holds) sends that event to quarantine. In a batch, malformed text is a flaw of
// the event that it stands in, as long as the end of that event can be found (split.go).
//
// Two things that JSON allows and databases do not are mended in place, because the
// replacement is just as long: the escape \u0000 and half a surrogate pair become
// \ufffd, the replacement character.

// valueKind is the JSON type of a value.
type valueKind uint8

const (
	absent valueKind = iota
	isNull
	isString
	isNumber
	isBool
	isObject
	isArray
)

func (k valueKind) String() string {
	return [...]string{"absent", "null", "a string", "a number", "a boolean", "an object", "an array"}[k]
}

// span is where a value lies in the body: the text between the quotes for a string, the
// whole text otherwise.
type span struct {
	start, end uint32
	kind       valueKind
	escaped    bool // a string that holds escapes
	spaced     bool // blanks outside strings
}

// flaw is what is wrong with an event, while its neighbours can be read.
type flaw struct {
	code   string
	offset int
	text   string // instead of that of the code
}

// rawEvent is one event as the scanner saw it.
type rawEvent struct {
	all    span
	flaw   flaw
	fields [fieldCount]span
}

// syntaxError is a malformed body, or one over a limit.
type syntaxError struct {
	offset  int
	message string
	limit   bool // over a limit
}

// scanLimits bounds what a scanner accepts.
type scanLimits struct {
	events     int // events per batch
	eventBytes int // bytes per event
}

const (
	maxDepth    = 64  // an event nested deeper goes to quarantine
	hardDepth   = 512 // a body nested deeper is refused unread
	maxKeyBytes = 512
	maxNumber   = 128 // characters
	linearKeys  = 32  // objects with more keys use a map to find duplicates
)

type scanner struct {
	buf    []byte
	pos    int
	spaces int // blanks seen outside strings, to tell which values need compacting
	mended int // escapes replaced

	limits   scanLimits
	envelope rawEvent
	events   []rawEvent
	cur      *rawEvent // the event, or the envelope, that fields belong to

	keys []keyRef // of all open objects
	err  syntaxError
	bad  bool

	walked int // bytes that split has passed
}

type keyRef struct {
	print uint64
	key   []byte
}

// scan reads body, a single event or a batch. It reports false with s.err set when the
// body is malformed or over a limit.
func (s *scanner) scan(body []byte, batch bool, limits scanLimits) bool {
	s.buf, s.pos, s.spaces, s.mended, s.limits = body, 0, 0, 0, limits
	s.envelope, s.events, s.keys = rawEvent{}, s.events[:0], s.keys[:0]
	s.err, s.bad, s.walked = syntaxError{}, false, 0
	if bytes.HasPrefix(body, []byte("\ufeff")) {
		s.pos = 3
	}
	switch c := s.skip(); {
	case s.pos == len(body):
		return s.fail(s.pos, "the body is empty; a JSON object was expected")
	case c != '{':
		return s.fail(s.pos, "a JSON object was expected")
	}
	s.cur = &s.envelope
	at := inEvent
	if batch {
		at = inBatch
	} else {
		s.events = append(s.events, rawEvent{})
		s.cur = &s.events[0]
	}
	start := s.pos
	spaces := s.spaces
	if !s.object(0, at) {
		return false
	}
	end := s.pos
	if s.skip(); s.pos != len(body) {
		return s.fail(s.pos, "there is something after the JSON value")
	}
	if !batch {
		s.events[0].all = span{uint32(start), uint32(end), isObject, false, s.spaces != spaces}
		if end-start > s.limits.eventBytes {
			s.fail(start, s.tooLarge(end-start))
			s.err.limit = true
			return false
		}
		return true
	}
	s.envelope.all = span{uint32(start), uint32(end), isObject, false, false}
	if f := s.envelope.flaw; f.code != "" {
		return s.fail(f.offset, flawText(f.code))
	}
	return true
}

// checkObject checks an object that did not come in a request's body. It mends the text
// in place, so its memory must be the caller's.
func (s *scanner) checkObject(text touchstone.JSON) problem {
	if text == "" {
		return problem{}
	}
	s.buf, s.pos, s.bad = unsafe.Slice(unsafe.StringData(string(text)), len(text)), 0, false
	s.keys, s.envelope.flaw, s.cur = s.keys[:0], flaw{}, &s.envelope
	if text[0] != '{' || !s.object(1, elsewhere) || s.pos != len(text) {
		return problem{CodeWrongType, "properties, traits and context must be JSON objects"}
	}
	return problem{code: s.envelope.flaw.code}
}

func (s *scanner) tooLarge(size int) string {
	return "the event has " + strconv.Itoa(size) + " bytes; at most " + strconv.Itoa(s.limits.eventBytes) + " are accepted"
}

func (s *scanner) fail(offset int, message string) bool {
	if !s.bad {
		s.bad, s.err = true, syntaxError{offset: offset, message: message}
	}
	return false
}

func (s *scanner) unexpected(what string) bool {
	if s.pos >= len(s.buf) {
		return s.fail(s.pos, "the body ends too early; "+what+" was expected")
	}
	return s.fail(s.pos, what+" was expected, not "+strconv.QuoteRuneToASCII(rune(s.buf[s.pos])))
}

// flawed notes the first flaw of the current event.
func (s *scanner) flawed(code string, offset int) {
	if s.cur.flaw.code == "" {
		s.cur.flaw = flaw{code: code, offset: offset}
	}
}

// skip passes blanks and returns the byte that follows, 0 at the end.
func (s *scanner) skip() byte {
	for s.pos < len(s.buf) {
		c := s.buf[s.pos]
		if c > ' ' {
			return c
		}
		if c != ' ' && c != '\n' && c != '\r' && c != '\t' {
			return c
		}
		s.pos++
		s.spaces++
	}
	return 0
}

// value reads the value at the position. at says what the fields of an object mean.
func (s *scanner) value(depth int, at place) (span, bool) {
	if s.pos >= len(s.buf) {
		return span{}, s.unexpected("a value")
	}
	start, spaces := s.pos, s.spaces
	v := span{start: uint32(start)}
	ok := false
	switch c := s.buf[start]; {
	case c == '"':
		v.kind = isString
		v.start++
		v.escaped, ok = s.text()
		v.end = uint32(s.pos - 1)
		return v, ok
	case c == '{':
		v.kind, ok = isObject, s.object(depth, at)
	case c == '[':
		v.kind, ok = isArray, s.array(depth)
	case c == '-' || c >= '0' && c <= '9':
		v.kind, ok = isNumber, s.number()
	case c == 't':
		v.kind, ok = isBool, s.literal("true")
	case c == 'f':
		v.kind, ok = isBool, s.literal("false")
	case c == 'n':
		v.kind, ok = isNull, s.literal("null")
	default:
		ok = s.unexpected("a value")
	}
	v.end, v.spaced = uint32(s.pos), s.spaces != spaces
	return v, ok
}

func (s *scanner) literal(word string) bool {
	if len(s.buf)-s.pos < len(word) || string(s.buf[s.pos:s.pos+len(word)]) != word {
		return s.unexpected(word)
	}
	s.pos += len(word)
	return true
}

func (s *scanner) deeper(depth int) bool {
	if depth >= maxDepth {
		if depth >= hardDepth {
			return s.fail(s.pos, "objects and arrays are nested deeper than "+strconv.Itoa(hardDepth))
		}
		s.flawed(CodeTooDeep, s.pos)
	}
	return true
}

func (s *scanner) object(depth int, at place) bool {
	if !s.deeper(depth) {
		return false
	}
	s.pos++
	base := len(s.keys)
	var many map[string]struct{}
	c := s.skip()
	if c == '}' {
		s.pos++
		return true
	}
	for {
		if c != '"' {
			return s.unexpected("a field name in quotes")
		}
		start := s.pos + 1
		escaped, ok := s.text()
		if !ok {
			return false
		}
		key := s.buf[start : s.pos-1]
		if escaped {
			key = unescape(nil, key)
		}
		if len(key) > maxKeyBytes {
			s.flawed(CodeKeyTooLong, start)
		}
		many = s.addKey(base, key, many, start)
		if s.skip() != ':' {
			return s.unexpected("a colon")
		}
		s.pos++
		s.skip()
		if at == elsewhere {
			if _, ok := s.value(depth+1, elsewhere); !ok {
				return false
			}
		} else if !s.member(depth, at, key) {
			return false
		}
		switch s.skip() {
		case ',':
			s.pos++
			c = s.skip()
		case '}':
			s.pos++
			s.keys = s.keys[:base]
			return true
		default:
			return s.unexpected("a comma or a closing brace")
		}
	}
}

// member reads the value of a field of an object that the edge looks into.
func (s *scanner) member(depth int, at place, key []byte) bool {
	f, inner := lookup(at, key)
	if inner == inEvents && s.pos < len(s.buf) && s.buf[s.pos] == '[' {
		v := span{start: uint32(s.pos), kind: isArray}
		ok := s.batch()
		v.end = uint32(s.pos)
		s.envelope.fields[fBatch] = v
		return ok
	}
	v, ok := s.value(depth+1, inner)
	if ok && f != fNone { // a malformed value has no bounds
		s.cur.fields[f] = v
	}
	return ok
}

// batch reads the events of a batch. Depth counts from each event.
func (s *scanner) batch() bool {
	s.pos++
	envelopeKeys := len(s.keys)
	if s.skip() == ']' {
		s.pos++
		return true
	}
	for {
		if len(s.events) >= s.limits.events {
			s.fail(s.pos, "the batch has more than "+strconv.Itoa(s.limits.events)+" events")
			s.err.limit = true
			return false
		}
		s.events = append(s.events, rawEvent{})
		e := &s.events[len(s.events)-1]
		s.cur = e
		start := s.pos
		e.all.start = uint32(start)
		ok := s.element(e)
		s.keys = s.keys[:envelopeKeys]
		if !ok && !s.setAside(e, start) {
			return false
		}
		switch s.buf[s.pos] {
		case ',':
			s.pos++
			s.skip()
		case ']':
			s.pos++
			s.cur = &s.envelope
			return true
		}
	}
}

// element reads an event of a batch up to the comma or bracket behind it.
func (s *scanner) element(e *rawEvent) bool {
	start, spaces := s.pos, s.spaces
	v, ok := s.value(0, inEvent)
	if !ok {
		return false
	}
	e.all = span{uint32(start), uint32(s.pos), v.kind, false, s.spaces != spaces}
	if n := s.pos - start; n > s.limits.eventBytes && e.flaw.code == "" {
		e.flaw = flaw{CodeTooLarge, start, s.tooLarge(n)}
	}
	if c := s.skip(); c != ',' && c != ']' {
		return s.unexpected("a comma or a closing bracket")
	}
	return true
}

func (s *scanner) array(depth int) bool {
	if !s.deeper(depth) {
		return false
	}
	s.pos++
	if s.skip() == ']' {
		s.pos++
		return true
	}
	for {
		if _, ok := s.value(depth+1, elsewhere); !ok {
			return false
		}
		switch s.skip() {
		case ',':
			s.pos++
			s.skip()
		case ']':
			s.pos++
			return true
		default:
			return s.unexpected("a comma or a closing bracket")
		}
	}
}

// addKey notes a key of the object whose keys start at base, and flags a duplicate: two
// readers of such an object may see two different values.
func (s *scanner) addKey(base int, key []byte, many map[string]struct{}, offset int) map[string]struct{} {
	if many != nil {
		if _, dup := many[string(key)]; dup {
			s.flawed(CodeDuplicateKey, offset)
		}
		many[string(key)] = struct{}{}
		return many
	}
	p := fingerprint(key)
	for _, k := range s.keys[base:] {
		if k.print == p && bytes.Equal(k.key, key) {
			s.flawed(CodeDuplicateKey, offset)
			break
		}
	}
	s.keys = append(s.keys, keyRef{p, key})
	if len(s.keys)-base > linearKeys {
		many = make(map[string]struct{}, 4*linearKeys)
		for _, k := range s.keys[base:] {
			many[string(k.key)] = struct{}{}
		}
	}
	return many
}

// fingerprint tells most keys of one object apart by their ends and length.
func fingerprint(key []byte) uint64 {
	n := len(key)
	switch {
	case n >= 8:
		return binary.LittleEndian.Uint64(key) ^ bits.RotateLeft64(binary.LittleEndian.Uint64(key[n-8:]), 29) ^ uint64(n)<<56
	case n >= 4:
		return uint64(binary.LittleEndian.Uint32(key)) | uint64(binary.LittleEndian.Uint32(key[n-4:]))<<32
	case n > 0:
		return uint64(key[0]) | uint64(key[n/2])<<8 | uint64(key[n-1])<<16 | uint64(n)<<24
	}
	return 0
}

func (s *scanner) number() bool {
	buf, i, start := s.buf, s.pos, s.pos
	if buf[i] == '-' {
		i++
	}
	digits := i
	for i < len(buf) && buf[i]-'0' <= 9 {
		i++
	}
	if i == digits || buf[digits] == '0' && i > digits+1 {
		s.pos = digits
		return s.unexpected("a number")
	}
	if i < len(buf) && buf[i] == '.' {
		i++
		digits = i
		for i < len(buf) && buf[i]-'0' <= 9 {
			i++
		}
		if i == digits {
			s.pos = i
			return s.unexpected("a digit")
		}
	}
	exponent := i < len(buf) && buf[i]|0x20 == 'e'
	if exponent {
		i++
		if i < len(buf) && (buf[i] == '+' || buf[i] == '-') {
			i++
		}
		digits = i
		for i < len(buf) && buf[i]-'0' <= 9 {
			i++
		}
		if i == digits {
			s.pos = i
			return s.unexpected("a digit")
		}
	}
	s.pos = i
	if i-start > maxNumber {
		s.flawed(CodeNumberTooLong, start)
	} else if exponent {
		// Without an exponent, maxNumber digits are in the range of a double.
		if _, err := strconv.ParseFloat(string(buf[start:i]), 64); err != nil {
			s.flawed(CodeNumberOutOfRange, start)
		}
	}
	return true
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// special marks the bytes of w that end the plain run of a string: quote, backslash,
// control characters and everything beyond ASCII. The lowest mark is exact.
func special(w uint64) uint64 {
	q := w ^ ones*'"'
	b := w ^ ones*'\\'
	return ((q-ones)&^q | (b-ones)&^b | (w-ones*0x20)&^w | w) & highs
}

// text reads the string whose opening quote is at the position.
func (s *scanner) text() (escaped, ok bool) {
	buf, i := s.buf, s.pos+1
	start, wide := i, false
	for {
		for i+8 <= len(buf) {
			m := special(binary.LittleEndian.Uint64(buf[i:]))
			if m != 0 {
				i += bits.TrailingZeros64(m) >> 3
				break
			}
			i += 8
		}
		if i >= len(buf) {
			s.pos = len(buf)
			return false, s.unexpected("a closing quote")
		}
		switch c := buf[i]; {
		case c == '"':
			s.pos = i + 1
			if wide && !utf8.Valid(buf[start:i]) {
				return false, s.fail(invalidUTF8At(buf, start), "the text is not valid UTF-8")
			}
			return escaped, true
		case c == '\\':
			escaped = true
			n := s.escape(i)
			if n == 0 {
				return false, false
			}
			i += n
		case c >= utf8.RuneSelf:
			wide = true
			for i++; i < len(buf) && buf[i] >= utf8.RuneSelf; {
				i++
			}
		case c < ' ':
			return false, s.fail(i, "a control character in a string must be escaped")
		default:
			i++ // the last few bytes of the body
		}
	}
}

func invalidUTF8At(buf []byte, i int) int {
	for i < len(buf) {
		r, n := utf8.DecodeRune(buf[i:])
		if r == utf8.RuneError && n == 1 {
			break
		}
		i += n
	}
	return i
}

// escape checks the escape at i and returns its length, 0 when it is malformed.
func (s *scanner) escape(i int) int {
	buf := s.buf
	if i+1 >= len(buf) {
		s.pos = len(buf)
		s.unexpected("an escaped character")
		return 0
	}
	switch buf[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
	default:
		s.fail(i, "a backslash must be followed by one of \" \\ / b f n r t u")
		return 0
	}
	r := hex4(buf, i+2)
	switch {
	case r < 0:
		s.fail(i, "\\u must be followed by four hexadecimal digits")
		return 0
	case r >= 0xd800 && r < 0xdc00:
		if i+11 < len(buf) && buf[i+6] == '\\' && buf[i+7] == 'u' {
			if low := hex4(buf, i+8); low >= 0xdc00 && low < 0xe000 {
				return 12
			}
		}
	case r != 0 && (r < 0xdc00 || r > 0xdfff):
		return 6
	}
	copy(buf[i:], `\ufffd`)
	s.mended++
	return 6
}

func hex4(buf []byte, i int) rune {
	if i+4 > len(buf) {
		return -1
	}
	var r rune
	for _, c := range buf[i : i+4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return -1
		}
		r = r<<4 | rune(c)
	}
	return r
}

// unescape appends the text of a checked string without its escapes.
func unescape(dst, src []byte) []byte {
	for i := 0; i < len(src); {
		c := src[i]
		if c != '\\' {
			dst = append(dst, c)
			i++
			continue
		}
		i += 2
		switch src[i-1] {
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r := hex4(src, i)
			i += 4
			if r >= 0xd800 && r < 0xdc00 { // the other half follows, or it was mended
				r = (r-0xd800)<<10 + (hex4(src, i+2) - 0xdc00) + 0x10000
				i += 6
			}
			dst = utf8.AppendRune(dst, r)
		default:
			dst = append(dst, src[i-1])
		}
	}
	return dst
}

// compact appends a checked value without the blanks between its tokens.
func compact(dst, src []byte) []byte {
	for i := 0; i < len(src); {
		switch c := src[i]; c {
		case ' ', '\n', '\r', '\t':
			i++
		case '"':
			end := i + 1
			for src[end] != '"' {
				if src[end] == '\\' {
					end++
				}
				end++
			}
			dst = append(dst, src[i:end+1]...)
			i = end + 1
		default:
			dst = append(dst, c)
			i++
		}
	}
	return dst
}
