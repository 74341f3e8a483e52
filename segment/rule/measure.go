package rule

import (
	"math"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/tidwall/gjson"

	"github.com/touchstone-cdp/touchstone"
)

// Measure is what of a person's events is compared.
type Measure string

// The measures. Sum, Avg, Min and Max are of the values of a property that are numbers; without any, a sum is 0 and the others
// hold for nobody. First and Last are the value in the earliest and latest event that has the property; of events at
// the same millisecond any will do.
const (
	Counted    Measure = "count"
	Distincts  Measure = "distinct" // different values of a property, as texts
	ActiveDays Measure = "days"     // different days
	Sum        Measure = "sum"
	Avg        Measure = "avg"
	Min        Measure = "min"
	Max        Measure = "max"
	First      Measure = "first"
	Last       Measure = "last"
)

var measures = []Measure{Counted, Distincts, ActiveDays, Sum, Avg, Min, Max, First, Last}

// whole tells whether the measure is a number of things, which is compared as a count is.
func (m Measure) whole() bool { return m == Counted || m == Distincts || m == ActiveDays }

// measure reads what is compared, and with what.
func (p *parser) measure(o *object, n *Event) {
	n.Measure, n.Count = Counted, Count{Gte, 1}
	found := false
	for _, m := range measures {
		v, ok := o.take(string(m))
		if !ok {
			continue
		}
		if found {
			p.fail(join(o.at, string(m)), "there is %s already; a condition compares one thing", n.Measure)
			return
		}
		found, n.Measure = true, m
		at := join(o.at, string(m))
		switch {
		case m == Counted:
			n.Count = p.counted(at, v)
		case m.whole():
			p.things(at, v, n)
		default:
			p.compared(at, v, n)
		}
	}
}

// things reads {"property": …, "op": …, "value": …} of distinct, and the same with "tz" of days.
func (p *parser) things(at string, v jsontext.Value, n *Event) {
	o := p.object(at, v)
	known := "tz, op, value"
	if n.Measure == Distincts {
		known = "property, op, value"
		p.property(&o, n)
	} else if v, ok := o.take("tz"); ok {
		if n.Zone = p.text(join(at, "tz"), v); n.Zone == "UTC" {
			n.Zone = ""
		}
	}
	n.zone = p.zone(join(at, "tz"), n.Zone)
	n.Count = p.countOf(&o)
	p.done(o, known)
}

func (p *parser) property(o *object, n *Event) {
	v, ok := o.take("property")
	if p.err == nil && !ok {
		p.fail(join(o.at, "property"), "is missing: whose values?")
	}
	n.Property = p.name(join(o.at, "property"), v)
}

// compared reads {"property": …, "op": …, "value": …}.
func (p *parser) compared(at string, v jsontext.Value, n *Event) {
	o := p.object(at, v)
	p.property(&o, n)
	n.Test = p.test(&o)
	p.untimed(at, &n.Test)
	p.done(o, "property, op, value")
	if p.err != nil || n.Measure == First || n.Measure == Last {
		n.Test.index()
		return
	}
	if !slices.Contains([]Op{Eq, Gt, Gte, Lt, Lte}, n.Test.Op) {
		p.fail(join(at, "op"), "%s compares by gte, gt, lte, lt and eq only", n.Measure)
	} else if n.Test.Values[0].Kind != Number {
		p.fail(join(at, "value"), "%s compares with a number", n.Measure)
	}
}

// fits checks that the measure can be had of the window.
func (p *parser) fits(at string, n *Event) {
	w := &n.Window
	switch {
	case n.Measure == First && w.moves():
		p.fail(join(at, string(First)), "the first of a window that moves is not kept; use all time, or since and until")
	case (n.Measure == Last || n.Measure == Distincts || n.Measure == ActiveDays) && !w.open():
		p.fail(join(at, string(n.Measure)), "is known up to now only; use within, a calendar period that goes on, or since and until")
	}
}

// resolve says what the condition means where it is made of simpler ones.
func (e *Event) resolve() {
	v := func(op Op) *Event { return e.with(Test{Op: op, Values: e.Test.Values}) }
	some, none := Count{Gte, 1}, Count{Eq, 0}
	count := func(op Op, c Count) *Event {
		n := v(op)
		n.Count = c
		return n
	}
	above, least := Gt, Gte // of a maximum
	if e.Measure == Min {
		above, least = Lt, Lte
	}
	opposite := map[Op]Op{Gt: Lte, Gte: Lt, Lt: Gte, Lte: Gt}
	switch e.Measure {
	case Min, Max:
		switch op := e.Test.Op; op {
		case above, least:
			e.as = count(op, some)
		case Eq:
			e.as = &And{[]Node{count(Eq, some), count(above, none)}}
		default:
			e.as = &And{[]Node{count(op, some), count(opposite[op], none)}}
		}
	case First, Last:
		all := e.with(Test{Op: Exists})
		pass := all.with(e.Test)
		for _, part := range []*Event{all, pass} {
			part.edge, part.earliest = true, e.Measure == First
		}
		e.as = &edge{all: all, pass: pass}
	}
}

// with is the condition that there are such events with one more filter on the property.
func (e *Event) with(t Test) *Event {
	f := Filter{Property: e.Property, Test: t}
	f.compile()
	return &Event{Name: e.Name, Where: append(slices.Clone(e.Where), f), Measure: Counted, Count: Count{Gte, 1}, Property: e.Property, Window: e.Window}
}

// edge holds when the last event of all, or the first, is one of pass.
type edge struct{ all, pass *Event }

func (*edge) node() {}

func (n *edge) eval(s Subject, now int64) (bool, int64) {
	all, pass := s.Kept(n.all.leaf), s.Kept(n.pass.leaf)
	if len(pass) == 0 || len(all) == 0 { // what the one has forgotten is in no window of the other
		return false, Never
	}
	if n.all.earliest {
		return pass[0] <= all[0], Never
	}
	if pass[len(pass)-1] < all[len(all)-1] { // it leaves every window first
		return false, Never
	}
	return n.pass.eval(s, now)
}

// Value is what a leaf keeps of an event beside its time; ok is false when the event does not take part.
func (l *Leaf) Value(properties touchstone.JSON, at int64) (value int64, ok bool) {
	switch l.Kind {
	case Days:
		return dayOf(at, l.zone), true
	case Distinct:
		v := l.property(properties)
		return Digest(textOf(v)), v.Type != gjson.Null
	case Sums:
		n, ok := numberOf(l.property(properties))
		if !ok {
			return 0, false
		}
		return Amount(n)
	}
	return 0, true
}

func (l *Leaf) property(properties touchstone.JSON) gjson.Result {
	f := Filter{Property: l.Property, path: l.path}
	return f.find(properties, "")
}

// holds compares a number of events, and the sum of their values.
func (e *Event) holds(n, sum int64) bool {
	if e.Measure.whole() {
		return e.Count.holds(int(n))
	}
	want := e.Test.Values[0].Number
	if e.Measure == Avg {
		return n > 0 && compares(e.Test.Op, float64(sum)/float64(n)/amountScale, want)
	}
	return compares(e.Test.Op, sum, amountOf(want))
}

// amountOf is a threshold as sums are kept.
func amountOf(n float64) int64 {
	n = math.Round(n * amountScale)
	switch {
	case n >= math.MaxInt64:
		return math.MaxInt64
	case n <= math.MinInt64:
		return math.MinInt64
	}
	return int64(n)
}

func compares[T int64 | float64](op Op, a, b T) bool {
	switch op {
	case Gt:
		return a > b
	case Gte:
		return a >= b
	case Lt:
		return a < b
	case Lte:
		return a <= b
	}
	return a == b
}

func (p *printer) measure(e *Event) {
	switch {
	case e.Measure == Counted && e.Count == Count{Gte, 1}:
		return
	case e.Measure == Counted:
		p.WriteString(`,"count":{`)
	case e.Measure == ActiveDays:
		p.WriteString(`,"days":{`)
		if e.Zone != "" {
			p.WriteString(`"tz":`)
			p.text(e.Zone)
			p.WriteByte(',')
		}
	default:
		p.WriteString(`,"` + string(e.Measure) + `":{"property":`)
		p.text(e.Property)
		if !e.Measure.whole() {
			p.test(&e.Test)
			p.WriteByte('}')
			return
		}
		p.WriteByte(',')
	}
	p.WriteString(`"op":"` + string(e.Count.Op) + `","value":` + itoa(e.Count.Value) + `}`)
}
