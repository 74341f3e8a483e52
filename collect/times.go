package collect

import (
	"strings"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/collect/intake"
)

// timeMark says that an event has another time than the one that its sender meant. It is
// written into the event's context, where the debugger, the timeline and questions see it.
type timeMark struct {
	problem string // why: CodeBadTimestamp or CodeInFuture
	source  field  // what the time was taken from; fNone: the receipt
	given   string // what was sent
}

// The members of context that make up a mark.
const (
	markSource  = "time_source"
	markProblem = "time_problem"
	markGiven   = "time_given"
)

func (m timeMark) sourceName() string {
	if m.source == fNone {
		return "receivedAt"
	}
	return fieldNames[m.source]
}

// time finds out when the event happened. What the caller said counts: timestamp, if it
// stands beside originalTimestamp, which a library adds when the call is made (a
// timestamp that a server has corrected already looks the same). A lone one was read off
// the client's clock and is corrected by it: received − (sent − original). A time that
// cannot be read or lies ahead does not cost the event: it takes the next best one, and
// is marked.
func (b *builder) time(raw *rawEvent, e *touchstone.Event) problem {
	received := b.from.received
	sent, known := b.sentAt(raw)
	correction := int64(0)
	if known {
		correction = received - sent
	}
	stamp, original := raw.fields[fTimestamp], raw.fields[fOriginalTimestamp]
	for _, try := range [...]struct {
		field      field
		value      span
		correction int64
	}{{fTimestamp, stamp, ifNot(original.given(), correction)}, {fOriginalTimestamp, original, correction}} {
		if !try.value.given() {
			continue
		}
		at, ok := b.instant(try.value)
		code := CodeBadTimestamp
		if ok {
			at += try.correction
			code = b.limits.window.Check(at, received)
		}
		switch {
		case code == "":
			e.Time = intake.FromMillis(at)
			if b.mark.problem != "" {
				b.retimed(try.field)
			}
			return problem{}
		case code == CodeTooOld:
			return problem{code, b.limits.window.Explain(code, at)}
		case b.mark.problem == "": // the first counts
			b.mark = timeMark{problem: code, given: b.shown(try.value)}
		}
	}
	e.Time = e.ReceivedAt
	if b.mark.problem == "" {
		return problem{} // no time was sent
	}
	if known && sent < received && b.limits.window.Check(sent, received) == "" {
		e.Time = intake.FromMillis(sent)
		b.retimed(fSentAt)
		return problem{}
	}
	b.retimed(fNone)
	return problem{}
}

func ifNot(condition bool, n int64) int64 {
	if condition {
		return 0
	}
	return n
}

// sentAt is when the client's clock says that it sent the event.
func (b *builder) sentAt(raw *rawEvent) (int64, bool) {
	sent, ok := b.instant(raw.fields[fSentAt])
	if !ok && b.envelope != nil {
		return b.instant(b.envelope.fields[fSentAt])
	}
	return sent, ok
}

func (b *builder) instant(s span) (int64, bool) {
	if s.kind != isString && s.kind != isNumber || s.start == s.end {
		return 0, false
	}
	return intake.ParseTime(strings.TrimSpace(b.text(s)))
}

// given tells whether a field was sent with a value.
func (s span) given() bool { return s.kind > isNull && !(s.kind == isString && s.start == s.end) }

// shown is a value as a mark quotes it.
func (b *builder) shown(s span) string {
	text := view(b.raw(s))
	if s.kind == isString {
		text = b.text(s)
	}
	return cut(text, 60)
}

// retimed notes where the event's time was taken from.
func (b *builder) retimed(source field) {
	b.mark.source = source
	if b.tally.retimed == nil {
		b.tally.retimed = make(map[timeMark]int)
	}
	b.tally.retimed[timeMark{problem: b.mark.problem, source: source}]++
}

// marked returns a context with the event's mark. What the sender put under the mark's names gives way.
func (b *builder) marked(own touchstone.JSON) touchstone.JSON {
	start := len(b.arena)
	b.arena = append(b.arena, '{')
	b.arena = appendString(b.arena, start, markSource, b.mark.sourceName())
	b.arena = appendString(b.arena, start, markProblem, b.mark.problem)
	b.arena = appendString(b.arena, start, markGiven, b.mark.given)
	if own != "" {
		list := newMembers([]byte(own)) // the arena that own may lie in grows
		for key, value, ok := list.next(); ok; key, value, ok = list.next() {
			switch string(key) {
			case markSource, markProblem, markGiven:
				continue
			}
			b.arena = comma(b.arena, start)
			b.arena = append(append(append(append(b.arena, '"'), key...), `":`...), value...)
		}
	}
	b.arena = append(b.arena, '}')
	return touchstone.JSON(view(b.arena[start:]))
}
