package analytics

import (
	"context"
	"time"

	"github.com/tidwall/gjson"

	"github.com/touchstone-cdp/touchstone"
)

// Touched asks which events of a source, received in a span, carry a fault, and whose they are. It is for the
// program itself: it counts everybody.
type Touched struct {
	Source   string
	Event    string // empty: of any name
	Field    string // property; empty: each event of the span
	Missing  bool   // those without the property; otherwise those that have it with a type other than Usual
	Usual    string // JSON type: string, number, boolean, array, object
	From, To time.Time
	// Off, above 0, takes only events whose time lies so far from their receipt.
	Off time.Duration
}

// Touches is the answer. Whole is false when the span has more events than are read: then these are the first of them.
type Touches struct {
	Events  int64
	Persons []touchstone.PersonID
	Whole   bool
}

// maxTouched bounds the events of a span that are looked at.
const maxTouched = 50_000

// Touched looks at the events of a span one by one: what an engine can say of a value's type differs.
func (e *Engine) Touched(ctx context.Context, q Touched) (t Touches, err error) {
	ctx, cancel := context.WithTimeout(ctx, e.opts.Timeout)
	defer cancel()
	s := selector{event: q.Event}
	if s.event == "" {
		s.event = anyEvent
	}
	codes, err := (&run{Engine: e}).codes(ctx, s)
	if err != nil {
		return t, err
	}
	properties := "NULL"
	if q.Field != "" {
		properties = "e.properties"
	}
	statement := build("SELECT coalesce(o.person, e.node), ", properties, ", ", e.d.Millis("e.time"), ", ", e.d.Millis("e.received_at"),
		" FROM events_raw e LEFT JOIN overrides o ON o.node = e.node WHERE (", s.sql(e.d, codes), ") AND ",
		frag("e.source = ? AND e.received_at >= ? AND e.received_at < ?", q.Source, q.From.UTC(), q.To.UTC()),
		" ORDER BY e.received_at LIMIT ", literal(int64(maxTouched)))
	seen := map[touchstone.PersonID]bool{}
	read := 0
	err = e.each(ctx, statement, func(row []any) {
		read++
		person, _ := row[0].(int64)
		at, _ := row[2].(int64)
		received, _ := row[3].(int64)
		if q.Off > 0 && (time.Duration(received-at)*time.Millisecond).Abs() <= q.Off || q.Field != "" && !q.faulty(jsonOf(row[1])) {
			return
		}
		t.Events++
		if !seen[touchstone.PersonID(person)] {
			seen[touchstone.PersonID(person)] = true
			t.Persons = append(t.Persons, touchstone.PersonID(person))
		}
	})
	t.Whole = read < maxTouched
	return t, e.late(ctx, err)
}

// faulty tells whether an event's property is as the fault has it. A name is a name, dots included.
func (q *Touched) faulty(properties touchstone.JSON) bool {
	value := gjson.Get(string(properties), gjson.Escape(q.Field))
	if q.Missing {
		return !value.Exists() || value.Type == gjson.Null
	}
	return value.Exists() && value.Type != gjson.Null && jsonType(value) != q.Usual
}
