package collect

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"
	"unsafe"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/collect/intake"
	"github.com/touchstone-cdp/touchstone/collect/sensors"
)

// origin is what the edge knows about the request that an event came with.
type origin struct {
	call     touchstone.EventType // of the endpoint; 0 for a batch, where each event names its type
	source   string
	received int64 // milliseconds
	// refuses says why an event must not come in as it is, "" when it may, and what is to be noted
	// of that, JSON; nil: all may.
	refuses func(*touchstone.Event) (reason string, note touchstone.JSON)
	// forgotten tells whether an event is of somebody who was erased and must not come back this way; nil: nobody.
	forgotten func(*touchstone.Event) bool
	// messageID is given to an event that has none; empty: a new one.
	messageID string

	// Filled for sources that run on people's devices only: a server's address says
	// nothing about its users.
	ip, userAgent string
}

// eventLimits bounds what a valid event may hold.
type eventLimits struct {
	nameBytes    int
	idBytes      int // messageId, previousId, groupId
	identifiers  int
	contextBytes int           // with that of the batch
	window       intake.Window // of times
}

// tally counts what the builder mended or dropped; the collector adds it to its metrics.
type tally struct {
	retimed map[timeMark]int // events that got the next best time; without what was given
	refused map[touchstone.Refusal]int
	dropped int // identifiers over the limit per event
	// placeholders are message ids that were none.
	placeholders int
}

// builder makes events of what a scanner found. The events' texts lie in the request's
// body and in the builder's arena, so an event is good until the next one is built:
// encode it at once.
type builder struct {
	kinds  *touchstone.KindSet
	takes  func(touchstone.IdentifierKind) bool // whether a kind can name a person
	limits eventLimits
	tally  tally

	body     []byte
	envelope *rawEvent // nil for a single event
	from     origin

	arena   []byte
	ids     []touchstone.Identifier
	refused bool            // an identifier of the current event was refused
	strange bool            // one was left out because of its kind
	mark    timeMark        // of the current event
	note    touchstone.JSON // of what refuses it

	// translated is what the current event was translated from, if it was.
	translated *sensors.Event
}

// problem is why an event is quarantined; its zero value is "nothing".
type problem struct{ code, detail string }

func (b *builder) start(s *scanner, batch bool, from origin) {
	b.body, b.from, b.envelope = s.buf, from, nil
	if batch {
		b.envelope = &s.envelope
	}
}

// build makes e of raw: a normalised event, or a Rejected one when raw fails a check.
// It reports the code of the latter.
func (b *builder) build(raw *rawEvent, e *touchstone.Event) (rejected string) {
	b.arena, b.mark, b.note = b.arena[:0], timeMark{}, ""
	b.forgetIdentifiers()
	*e = touchstone.Event{Source: b.from.source, ReceivedAt: intake.FromMillis(b.from.received)}
	p := b.check(raw, e)
	if p.code == "" {
		return ""
	}
	b.reject(raw, e, p)
	return p.code
}

func (b *builder) check(raw *rawEvent, e *touchstone.Event) problem {
	if b.translated != nil && b.translated.Code != "" {
		return problem{b.translated.Code, b.translated.Detail}
	}
	if raw.flaw.code == CodeMalformed {
		return b.flawed(raw)
	}
	if raw.all.kind != isObject {
		return problem{CodeNotAnObject, "the event is " + raw.all.kind.String() + ", not an object"}
	}
	if raw.flaw.code != "" {
		return b.flawed(raw)
	}
	p := b.kind(raw, e)
	if p.code == "" {
		p = b.messageID(raw, e)
	}
	if p.code == "" {
		p = b.identify(raw, e)
	}
	if p.code == "" {
		p = b.content(raw, e)
	}
	if p.code == "" {
		p = b.time(raw, e)
	}
	if p.code == "" {
		p = b.context(raw, e)
	}
	if p.code == "" && b.from.refuses != nil {
		if why, note := b.from.refuses(e); why != "" {
			p = problem{CodeRefused, why}
			b.note = note
		}
	}
	if p.code == "" && b.from.forgotten != nil && b.from.forgotten(e) {
		p = problem{CodeForgotten, ""}
	}
	return p
}

// flawed says what the scanner found, and where.
func (b *builder) flawed(raw *rawEvent) problem {
	f := raw.flaw
	detail := f.text
	if detail == "" {
		detail = flawText(f.code)
	}
	if path := pathAt(b.body, int(raw.all.start), f.offset); path != "" {
		detail += " (at " + path + ")"
	}
	return problem{f.code, detail}
}

func (b *builder) kind(raw *rawEvent, e *touchstone.Event) problem {
	e.Type = b.from.call
	if e.Type != 0 {
		return problem{}
	}
	t := raw.fields[fType]
	if t.kind != isString {
		return problem{CodeUnknownType, "type is " + t.kind.String()}
	}
	name := b.text(t)
	var ok bool
	if e.Type, ok = touchstone.ParseEventType(name); !ok {
		return problem{CodeUnknownType, "type is " + quote(name)}
	}
	return problem{}
}

// identify collects the event's identifiers.
func (b *builder) identify(raw *rawEvent, e *touchstone.Event) problem {
	user, p := b.id(raw, fUserID)
	if p.code != "" {
		return p
	}
	anonymous, p := b.id(raw, fAnonymousID)
	if p.code != "" {
		return p
	}
	e.UserID = b.add(touchstone.KindUserID, user)
	e.AnonymousID = b.add(touchstone.KindAnonymousID, anonymous)
	if e.Type == touchstone.Identify { // a group's traits describe the group
		b.addField(raw, fTraitsEmail, touchstone.KindEmail)
		b.addField(raw, fTraitsPhone, touchstone.KindPhone)
	}
	for _, r := range [...]*rawEvent{raw, b.envelope} {
		if r == nil {
			continue
		}
		b.addField(r, fContextEmail, touchstone.KindEmail)
		b.addField(r, fContextPhone, touchstone.KindPhone)
		b.addField(r, fDeviceID, touchstone.KindDeviceID)
		b.addField(r, fAdvertisingID, touchstone.KindAdvertisingID)
		if x := r.fields[fExternalIDs]; x.kind == isArray {
			b.addExternal(b.raw(x))
		}
	}
	if p := b.nobody(); p.code != "" {
		return p
	}
	if e.Type == touchstone.Alias && e.UserID == "" {
		return problem{CodeMissingUser, "an alias call needs a userId"}
	}
	b.kinds.Sort(b.ids)
	e.Identifiers = b.ids
	return problem{}
}

func (b *builder) forgetIdentifiers() { b.ids, b.refused, b.strange = b.ids[:0], false, false }

// nobody is what is wrong with an event whose identifiers, if it had any, name nobody.
func (b *builder) nobody() problem {
	switch {
	case len(b.ids) > 0:
		return problem{}
	case b.strange:
		return problem{CodeNoPerson, ""}
	case b.refused:
		return problem{CodeBlockedUser, ""}
	}
	return problem{CodeMissingUser, ""}
}

// refusedKind is the refusal of identifiers whose kind is a group's or one kind too many.
const refusedKind touchstone.Refusal = "kind"

// add normalises an identifier and returns its value, or "" when it was refused.
func (b *builder) add(kind touchstone.IdentifierKind, value string) string {
	if value == "" {
		return ""
	}
	v, refusal := b.kinds.Check(kind, value)
	if refusal == "" && !b.takes(kind) {
		b.strange, refusal = true, refusedKind
	}
	if refusal != "" {
		b.refused = true
		if b.tally.refused == nil {
			b.tally.refused = make(map[touchstone.Refusal]int)
		}
		b.tally.refused[refusal]++
		return ""
	}
	id := touchstone.Identifier{Kind: kind, Value: v}
	for _, have := range b.ids {
		if have == id {
			return v
		}
	}
	if len(b.ids) >= b.limits.identifiers {
		b.tally.dropped++
		return v
	}
	b.ids = append(b.ids, id)
	return v
}

// addField adds an identifier out of a trait or of the context. One of a wrong type is
// left alone: it stays in the event as what it is.
func (b *builder) addField(raw *rawEvent, f field, kind touchstone.IdentifierKind) {
	if s := raw.fields[f]; s.kind == isString || s.kind == isNumber {
		b.add(kind, b.coerced(s))
	}
}

// addExternal reads context.externalIds: [{"id":…,"type":…,"collection":"users"}].
func (b *builder) addExternal(array []byte) {
	list := newElements(array)
	for n := 0; n <= b.limits.identifiers; n++ {
		item, ok := list.next()
		if !ok {
			return
		}
		if kindOf(item) != isObject {
			continue
		}
		var id, name, collection string
		fields := newMembers(item)
		for key, value, ok := fields.next(); ok; key, value, ok = fields.next() {
			switch string(key) {
			case "id":
				id = b.scalar(value)
			case "type":
				name = b.scalar(value)
			case "collection":
				collection = b.scalar(value)
			}
		}
		if collection != "" && collection != "users" {
			continue
		}
		kind, ok := touchstone.ParseKind(name)
		if !ok {
			b.refused = b.refused || id != ""
			continue
		}
		b.add(kind, id)
	}
	b.tally.dropped++
}

// content fills what the type of call carries.
func (b *builder) content(raw *rawEvent, e *touchstone.Event) (p problem) {
	e.Name = touchstone.EventName(e.Type, "")
	switch e.Type {
	case touchstone.Track:
		if e.Name, p = b.name(raw, fEvent); p.code != "" {
			return p
		}
		if strings.TrimSpace(e.Name) == "" {
			return problem{CodeMissingEvent, ""}
		}
		e.Properties, p = b.object(raw, fProperties)
	case touchstone.Page, touchstone.Screen:
		e.Properties, p = b.pageProperties(raw)
	case touchstone.Identify:
		e.Traits, p = b.object(raw, fTraits)
	case touchstone.Group:
		if e.GroupID, p = b.boundedID(raw, fGroupID); p.code != "" {
			return p
		}
		if e.GroupID == "" {
			return problem{CodeMissingGroup, ""}
		}
		e.Traits, p = b.object(raw, fTraits)
	case touchstone.Alias:
		if e.PreviousID, p = b.boundedID(raw, fPreviousID); p.code != "" {
			return p
		}
		// It may be a user id or an anonymous id; neither may be a value that names nobody.
		if e.PreviousID, _ = b.kinds.Normalise(touchstone.KindAnonymousID, e.PreviousID); e.PreviousID == "" {
			return problem{CodeMissingPrevious, ""}
		}
	}
	return p
}

// pageProperties puts name and category among the properties, as Segment does.
func (b *builder) pageProperties(raw *rawEvent) (touchstone.JSON, problem) {
	properties, p := b.object(raw, fProperties)
	if p.code != "" {
		return "", p
	}
	for _, f := range [...]field{fName, fCategory} {
		value, p := b.name(raw, f)
		if p.code != "" {
			return "", p
		}
		if value == "" || hasMember(properties, fieldNames[f]) {
			continue
		}
		start := len(b.arena)
		b.arena = append(b.arena, `{"`...)
		b.arena = append(b.arena, fieldNames[f]...)
		b.arena = append(b.arena, `":"`...)
		b.arena = append(b.arena, b.raw(raw.fields[f])...)
		b.arena = append(b.arena, '"')
		if properties != "" {
			b.arena = append(b.arena, ',')
			b.arena = append(b.arena, properties[1:]...)
		} else {
			b.arena = append(b.arena, '}')
		}
		properties = touchstone.JSON(view(b.arena[start:]))
	}
	return properties, problem{}
}

func hasMember(object touchstone.JSON, name string) bool {
	if object == "" {
		return false
	}
	list := newMembers(unsafe.Slice(unsafe.StringData(string(object)), len(object)))
	for key, _, ok := list.next(); ok; key, _, ok = list.next() {
		if string(key) == name {
			return true
		}
	}
	return false
}

// context merges the batch's context under the event's, and fills in what the
// connection tells.
func (b *builder) context(raw *rawEvent, e *touchstone.Event) problem {
	own, p := b.object(raw, fContext)
	if p.code != "" {
		return p
	}
	var shared touchstone.JSON
	hasIP, hasAgent := raw.fields[fContextIP].kind != absent, raw.fields[fContextUserAgent].kind != absent
	if b.envelope != nil {
		if c := b.envelope.fields[fContext]; c.kind == isObject {
			shared, _ = b.object(b.envelope, fContext)
			hasIP = hasIP || b.envelope.fields[fContextIP].kind != absent
			hasAgent = hasAgent || b.envelope.fields[fContextUserAgent].kind != absent
		}
	}
	if len(own)+len(shared) > b.limits.contextBytes {
		return problem{CodeTooLarge, "the context, with that of the batch, has more than " + strconv.Itoa(b.limits.contextBytes) + " bytes"}
	}
	if b.mark.problem != "" {
		own = b.marked(own)
	}
	addIP, addAgent := !hasIP && b.from.ip != "", !hasAgent && b.from.userAgent != ""
	if shared == "" && !addIP && !addAgent {
		e.Context = own
		return problem{}
	}
	start := len(b.arena)
	if own != "" {
		b.arena = append(b.arena, own[:len(own)-1]...)
	} else {
		b.arena = append(b.arena, '{')
	}
	if shared != "" {
		b.arena = appendMissing(b.arena, start, shared, own)
	}
	if addIP {
		b.arena = appendString(b.arena, start, "ip", b.from.ip)
	}
	if addAgent {
		b.arena = appendString(b.arena, start, "userAgent", b.from.userAgent)
	}
	b.arena = append(b.arena, '}')
	e.Context = touchstone.JSON(view(b.arena[start:]))
	return problem{}
}

// appendMissing appends the members of shared whose keys own does not have.
func appendMissing(dst []byte, start int, shared, own touchstone.JSON) []byte {
	list := newMembers([]byte(shared))
	for key, value, ok := list.next(); ok; key, value, ok = list.next() {
		if hasMember(own, string(key)) {
			continue
		}
		dst = comma(dst, start)
		dst = append(dst, '"')
		dst = append(dst, key...)
		dst = append(dst, `":`...)
		dst = append(dst, value...)
	}
	return dst
}

func appendString(dst []byte, start int, key, value string) []byte {
	dst = comma(dst, start)
	dst = append(dst, '"')
	dst = append(dst, key...)
	dst = append(dst, `":`...)
	return appendQuoted(dst, value)
}

// appendQuoted appends a JSON string; value holds no control characters beyond blanks,
// because header fields cannot.
func appendQuoted(dst []byte, value string) []byte {
	dst = append(dst, '"')
	for _, r := range value { // invalid UTF-8 becomes U+FFFD
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r < ' ':
			dst = append(dst, ' ')
		default:
			dst = append(dst, string(r)...)
		}
	}
	return append(dst, '"')
}

// appendText appends a JSON string of any text, as it can be stored: invalid UTF-8 and NUL
// become U+FFFD, other control characters are escaped.
func appendText(dst []byte, value string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for _, r := range value {
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r == 0:
			dst = append(dst, "\ufffd"...)
		case r < ' ':
			dst = append(dst, '\\', 'u', '0', '0', hex[r>>4], hex[r&15])
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return append(dst, '"')
}

// comma separates the members of the object that starts at start.
func comma(dst []byte, start int) []byte {
	if len(dst) > start+1 {
		return append(dst, ',')
	}
	return dst
}

// reject turns e into a Rejected event that keeps what was sent, and what a replay needs
// to know of the request.
func (b *builder) reject(raw *rawEvent, e *touchstone.Event, p problem) {
	id := e.MessageID
	if id == "" {
		if v, p := b.id(raw, fMessageID); p.code == "" && len(v) <= b.limits.idBytes && !intake.MissingID(v) {
			id = v
		}
	}
	if id == "" {
		id = b.idFor()
	}
	received := intake.FromMillis(b.from.received)
	*e = touchstone.Event{
		Type: touchstone.Rejected, MessageID: id, Time: received, ReceivedAt: received, Source: b.from.source,
		Reason: Reason(p.code, p.detail), Raw: b.sent(raw),
	}
	start := len(b.arena)
	b.arena = append(b.arena, `{"origin":"http"`...)
	if p.code == CodeForgotten { // that it came is all that may be kept
		b.arena = append(b.arena, '}')
		e.MessageID, e.Raw, e.Context = b.idFor(), "{}", touchstone.JSON(view(b.arena[start:]))
		return
	}
	if b.translated != nil {
		e.Raw = touchstone.JSON(b.translated.Sent)
		b.arena = appendString(b.arena, start, "form", sensorsCall)
	}
	if b.note != "" {
		b.arena = append(append(b.arena, `,"plan":`...), b.note...)
	}
	if b.from.ip != "" {
		b.arena = appendString(b.arena, start, "ip", b.from.ip)
	}
	if b.from.userAgent != "" {
		b.arena = appendString(b.arena, start, "user_agent", b.from.userAgent)
	}
	if b.from.call != 0 {
		b.arena = appendString(b.arena, start, "call", b.from.call.String())
	}
	if b.envelope != nil {
		if sent := b.envelope.fields[fSentAt]; sent.kind == isString || sent.kind == isNumber {
			b.arena = appendString(b.arena, start, "sent_at", b.text(sent))
		}
		if c := b.envelope.fields[fContext]; c.kind == isObject {
			b.arena = append(b.arena, `,"context":`...)
			b.arena = append(b.arena, b.raw(c)...)
		}
	}
	b.arena = append(b.arena, '}')
	e.Context = touchstone.JSON(view(b.arena[start:]))
}

// What the quarantine keeps of an event. The events of a request fit in with a record of
// the log also when each character takes six.
const (
	mostRaw  = 1 << 20   // of one that is valid JSON
	mostText = 256 << 10 // of any other, as a JSON string
)

// sent is the event as it was sent, as JSON: text that is none becomes a JSON string.
func (b *builder) sent(raw *rawEvent) touchstone.JSON {
	text := b.raw(raw.all)
	if raw.flaw.code != CodeMalformed && len(text) <= mostRaw {
		return touchstone.JSON(view(text))
	}
	start := len(b.arena)
	b.arena = appendText(b.arena, cut(view(text), mostText))
	return touchstone.JSON(view(b.arena[start:]))
}

// raw returns the text of a value as it was sent.
func (b *builder) raw(s span) []byte { return b.body[s.start:s.end] }

// text returns the text of a string or number.
func (b *builder) text(s span) string {
	raw := b.raw(s)
	if !s.escaped {
		return view(raw)
	}
	start := len(b.arena)
	b.arena = unescape(b.arena, raw)
	return view(b.arena[start:])
}

// coerced returns a string's text, or a number's as JavaScript would print it.
func (b *builder) coerced(s span) string {
	if s.kind != isNumber {
		return b.text(s)
	}
	return printNumber(view(b.raw(s)))
}

func printNumber(n string) string {
	if !strings.ContainsAny(n, ".eE") {
		return n
	}
	f, err := strconv.ParseFloat(n, 64)
	if err != nil {
		return n
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}

// scalar returns the text of a string or number that members or elements found.
func (b *builder) scalar(value []byte) string {
	switch kindOf(value) {
	case isString:
		text := value[1 : len(value)-1]
		if bytes.IndexByte(text, '\\') < 0 {
			return view(text)
		}
		start := len(b.arena)
		b.arena = unescape(b.arena, text)
		return view(b.arena[start:])
	case isNumber:
		return printNumber(view(value))
	}
	return ""
}

// id reads a field that is a string, or a number as Segment accepts it too.
func (b *builder) id(raw *rawEvent, f field) (string, problem) {
	s := raw.fields[f]
	switch s.kind {
	case absent, isNull:
		return "", problem{}
	case isString, isNumber:
		return b.coerced(s), problem{}
	}
	return "", problem{CodeWrongType, fieldNames[f] + " is " + s.kind.String() + ", not a string"}
}

func (b *builder) boundedID(raw *rawEvent, f field) (string, problem) {
	id, p := b.id(raw, f)
	id = strings.TrimSpace(id)
	if p.code == "" && len(id) > b.limits.idBytes {
		p = b.tooLong(f, len(id), b.limits.idBytes)
	}
	return id, p
}

func (b *builder) name(raw *rawEvent, f field) (string, problem) {
	s := raw.fields[f]
	switch s.kind {
	case absent, isNull:
		return "", problem{}
	case isString:
	default:
		return "", problem{CodeWrongType, fieldNames[f] + " is " + s.kind.String() + ", not a string"}
	}
	name := b.text(s)
	if len(name) > b.limits.nameBytes {
		return "", b.tooLong(f, len(name), b.limits.nameBytes)
	}
	return name, problem{}
}

func (b *builder) tooLong(f field, have, most int) problem {
	return problem{CodeNameTooLong, fieldNames[f] + " has " + strconv.Itoa(have) + " bytes; at most " + strconv.Itoa(most) + " are accepted"}
}

// object reads a field that must be an object, as compact text; an empty one is absent.
func (b *builder) object(raw *rawEvent, f field) (touchstone.JSON, problem) {
	s := raw.fields[f]
	switch s.kind {
	case absent, isNull:
		return "", problem{}
	case isObject:
	default:
		return "", problem{CodeWrongType, fieldNames[f] + " is " + s.kind.String() + ", not an object"}
	}
	text := b.raw(s)
	if s.spaced {
		start := len(b.arena)
		b.arena = compact(b.arena, text)
		text = b.arena[start:]
	}
	if len(text) == 2 {
		return "", problem{}
	}
	return touchstone.JSON(view(text)), problem{}
}

// view reads bytes as a string without a copy; they must not change while it is used.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

func quote(s string) string {
	const most = 60
	if len(s) > most {
		s = s[:most] + "…"
	}
	return strconv.Quote(strings.ToValidUTF8(s, ""))
}
