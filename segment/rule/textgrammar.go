package rule

import (
	"math"
	"strings"
)

// maxBrackets bounds how deep a text nests; the JSON form is stricter.
const maxBrackets = 64

// or reads parts with or between them, which binds less than and.
func (p *textParser) or(depth int) Node {
	return p.chain("or", depth, p.and, func(of []Node) Node { return &Or{of} })
}

func (p *textParser) and(depth int) Node {
	return p.chain("and", depth, p.not, func(of []Node) Node { return &And{of} })
}

func (p *textParser) chain(word string, depth int, part func(depth int) Node, group func(of []Node) Node) Node {
	begin := p.peek()
	of := []Node{part(depth)}
	for p.take(word) {
		of = append(of, part(depth))
	}
	if len(of) == 1 {
		return of[0]
	}
	n := group(of)
	p.places[n] = begin
	return n
}

func (p *textParser) not(depth int) Node {
	begin := p.peek()
	if depth > maxBrackets {
		p.fail(begin, "is nested more than %d deep", MaxDepth)
	}
	var n Node
	switch {
	case p.err != nil:
		return nil
	case p.take("not"):
		n = &Not{p.not(depth + 1)}
	case p.take("("):
		n = p.or(depth + 1)
		p.need(")")
		return n
	case p.take("all of ("):
		n = &And{[]Node{p.or(depth + 1)}}
		p.need(")")
	case p.take("any of ("):
		n = &Or{[]Node{p.or(depth + 1)}}
		p.need(")")
	default:
		n = p.condition(depth)
	}
	p.places[n] = begin
	return n
}

// condition reads what is no group.
func (p *textParser) condition(depth int) Node {
	begin := p.peek()
	for _, a := range amounts {
		if p.take(a.text) {
			return p.amount(a.measure)
		}
	}
	for _, q := range quantifiers {
		if p.take(string(q) + " of household") {
			return p.household(q, depth)
		}
	}
	switch {
	case p.take("trait"):
		return &Trait{Name: p.name(), Test: p.test()}
	case p.take("did"):
		return p.did()
	case p.take("never did"):
		return p.done(&Event{Name: p.name(), Measure: Counted, Count: Count{Eq, 0}})
	case p.take("sequence"):
		return p.sequence()
	case p.take("in segment"):
		n := &Segment{ID: p.name()}
		if p.take("for") {
			n.For = p.length()
		}
		return n
	case p.take("random"):
		return p.random()
	}
	p.fail(begin, "a condition begins with trait, did, never did, sum of, average of, minimum of, maximum of, first, last, sequence, in segment, random, any of household or not; %s does not", begin.shown())
	return nil
}

func (p *textParser) household(who Quantifier, depth int) Node {
	n := &Household{Who: who}
	if p.take("as") {
		n.Role = p.name()
	}
	p.need("(")
	n.Of = p.or(depth + 1)
	p.need(")")
	return n
}

func (p *textParser) random() Node {
	n := &Random{From: p.percent()}
	p.need("to")
	n.To = p.percent()
	p.need("of")
	n.Salt = p.name()
	return n
}

func (p *textParser) percent() int {
	t := p.peek()
	n := p.number()
	p.need("%")
	if p.err == nil && (n < 0 || n > 100 || math.Abs(n*100-math.Round(n*100)) > 1e-6) {
		p.fail(t, "must be a percentage from 0 to 100 with at most two decimals")
		return 0
	}
	return int(math.Round(n * 100))
}

// did reads what follows the word: the event, how often, when, and which of its name.
func (p *textParser) did() Node {
	e := &Event{Name: p.name(), Measure: Counted, Count: Count{Gte, 1}}
	switch {
	case p.take("with"):
		e.Measure, e.Count = Distincts, p.count()
		p.need("different")
		e.Property = p.name()
	case p.take("on"):
		e.Measure, e.Count = ActiveDays, p.count()
		if !p.take("day") {
			p.need("days")
		}
		e.Zone = p.zone()
	case p.is("at") || p.is("exactly"):
		e.Count = p.count()
		if !p.take("time") {
			p.need("times")
		}
	}
	return p.done(e)
}

func (p *textParser) count() Count {
	for op, words := range countWords {
		if p.take(words) {
			return Count{op, p.whole()}
		}
	}
	p.fail(p.peek(), "how often? Write at least, at most or exactly, and a number")
	return Count{}
}

func (p *textParser) amount(m Measure) Node {
	e := &Event{Measure: m, Property: p.name()}
	p.need("of")
	e.Name = p.name()
	e.Test = p.test()
	return p.done(e)
}

// done reads the window and the filters of an event condition.
func (p *textParser) done(e *Event) Node {
	e.Window = p.window()
	e.Where = p.where()
	return e
}

func (p *textParser) window() Window {
	var w Window
	switch {
	case p.take("in the last"):
		w.From = p.length()
	case p.take("between"):
		w.From = p.length()
		p.need("and")
		w.To = p.length()
		p.need("ago")
		if p.err == nil && w.To == 0 {
			p.fail(p.peek(), "write in the last and a length of time for what goes on until now")
		}
	default:
		p.calendar(&w)
	}
	if p.take("since") {
		w.Since = p.moment()
	}
	if p.take("until") {
		w.Until = p.moment()
	}
	return w
}

// calendar reads this month, previous month, or month 3 back.
func (p *textParser) calendar(w *Window) {
	for _, unit := range []Unit{Day, Week, Month, Quarter, Year} {
		switch {
		case p.take("this " + string(unit)):
			w.Unit = unit
		case p.take("previous " + string(unit)):
			w.Unit, w.Back = unit, 1
		case p.take(string(unit)):
			w.Unit, w.Back = unit, p.whole()
			p.need("back")
		}
	}
	if w.Unit != "" {
		w.Zone = p.zone()
	}
}

func (p *textParser) where() (filters []Filter) {
	if !p.take("where") {
		return nil
	}
	for {
		var f Filter
		if p.take("context") {
			f.Context = p.name()
		} else {
			f.Property = p.name()
		}
		f.Test = p.test()
		filters = append(filters, f)
		if !p.take(",") {
			return filters
		}
	}
}

func (p *textParser) sequence() Node {
	n := &Sequence{}
	for {
		var s Step
		s.Not = len(n.Steps) > 0 && p.take("not")
		s.Name = p.name()
		if p.take("within") {
			s.Within = p.length()
		}
		s.Where = p.where()
		n.Steps = append(n.Steps, s)
		if !p.take("then") {
			break
		}
	}
	if p.take("begun in the last") {
		n.Within = p.length()
	}
	return n
}

// test reads an operator and what it compares with.
func (p *textParser) test() Test {
	var t Test
	for _, phrase := range phrases {
		if p.take(phrase.text) {
			t.Op = phrase.op
			break
		}
	}
	switch t.Op {
	case "":
		p.clocked(&t)
	case Exists, NotExists:
	case In, NotIn, HasAny, HasAll, HasNone:
		p.need("(")
		t.Values = []Value{p.value()}
		for p.take(",") {
			t.Values = append(t.Values, p.value())
		}
		p.need(")")
	case Near:
		p.near(&t)
	case Before, After:
		if at := p.moment(); p.err == nil {
			t.Values = []Value{{Kind: Text, Text: FormatMoment(at)}}
		}
	case Anniversary:
		p.anniversary(&t)
	default:
		t.Values = []Value{p.value()}
	}
	t.Zone = p.zone()
	return t
}

func (p *textParser) near(t *Test) {
	p.need("(")
	lat := p.number()
	p.need(",")
	lng := p.number()
	p.need(") within")
	km := p.number()
	p.need("km")
	for _, n := range []float64{lat, lng, km} {
		t.Values = append(t.Values, Value{Kind: Number, Number: n})
	}
}

// clocked reads more than 30 days ago, less than 7 days ahead.
func (p *textParser) clocked(t *Test) {
	begin := p.peek()
	more := p.take("more than")
	if !more && !p.take("less than") {
		p.fail(begin, "how is it compared? Write =, !=, >, >=, <, <=, %s, more than, less than; %s is none of these", phraseWords(), begin.shown())
		return
	}
	length := p.length()
	switch ahead := p.take("ahead"); {
	case ahead && more:
		t.Op = AheadGt
	case ahead:
		t.Op = AheadLt
	case more:
		t.Op = AgoGt
	default:
		t.Op = AgoLt
	}
	if t.Op == AgoGt || t.Op == AgoLt {
		p.need("ago")
	}
	t.Values = []Value{{Kind: Text, Text: FormatDuration(length)}}
}

func phraseWords() string {
	var words []string
	for _, p := range phrases[6:] {
		words = append(words, p.text)
	}
	return strings.Join(words, ", ")
}

func (p *textParser) anniversary(t *Test) {
	days := 0
	if !p.take("today") {
		p.need("within")
		days = p.whole()
		if !p.take("day") {
			p.need("days")
		}
		if p.take("ago") {
			days = -days
		} else {
			p.need("ahead")
		}
	}
	t.Values = []Value{{Kind: Number, Number: float64(days)}}
}
