package rule

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Names are how things are called by people; what is nil leaves a name as it is.
type Names struct {
	Segment, Event, Trait, Property func(name string) string
}

func called(by func(string) string, name string) string {
	if by == nil {
		return name
	}
	return by(name)
}

// Languages are those that [Rule.Words] speaks.
var Languages = []string{"en", "zh"}

// Words says the rule as a sentence: "city is Berlin, and did Order Completed at least 2 times in the last 30 days". An unknown language is
// English. It is for reading only; [Rule.Text] can be read back.
func (r *Rule) Words(language string, names Names) string {
	return NodeWords(r.Root, language, names)
}

// NodeWords says a part of a rule as [Rule.Words] does.
func NodeWords(n Node, language string, names Names) string {
	s := speaker{phrases: wordings[language], names: names, comma: "、", open: "（", close: "）"}
	if s.phrases == nil || language == "en" {
		s.phrases, s.english, s.comma, s.open, s.close = wordings["en"], true, ", ", " (", ")"
	}
	return s.node(n, false)
}

type speaker struct {
	phrases            map[string]string
	names              Names
	english            bool
	comma, open, close string
}

// say fills a phrase in with pairs of name and text.
func (s *speaker) say(key string, pairs ...string) string {
	for i := 0; i < len(pairs); i += 2 {
		pairs[i] = "{{" + pairs[i] + "}}"
	}
	text := strings.NewReplacer(pairs...).Replace(s.phrases[key])
	return strings.TrimRight(strings.ReplaceAll(text, "  ", " "), " ") // of what was not filled in
}

// counted is a phrase that depends on a number.
func (s *speaker) counted(key string, n int) string {
	if n == 1 && s.english {
		return s.say(key+"_one", "n", "1")
	}
	return s.say(key+"_other", "n", s.number(float64(n)))
}

func (s *speaker) node(n Node, nested bool) string {
	switch n := n.(type) {
	case *And:
		return s.group("words.and", n.Of, nested)
	case *Or:
		return s.group("words.or", n.Of, nested)
	case *Not:
		return s.not(n.Of, nested)
	case *Trait:
		return s.test(called(s.names.Trait, n.Name), &n.Test)
	case *Event:
		return strings.TrimSpace(s.event(n))
	case *Sequence:
		return s.sequence(n)
	case *Segment:
		if n.For != 0 {
			return s.say("words.inSegmentFor", "name", called(s.names.Segment, n.ID), "length", s.span(n.For))
		}
		return s.say("words.inSegment", "name", called(s.names.Segment, n.ID))
	case *Household:
		role := n.Role
		if role == "" {
			role = "anybody"
		}
		return s.say("words.household."+string(n.Who), "role", s.say("household.role."+role), "rule", s.node(n.Of, true))
	case *Random:
		return s.say("words.random", "salt", n.Salt, "from", s.number(float64(n.From)/100), "to", s.number(float64(n.To)/100))
	}
	return ""
}

func (s *speaker) group(by string, of []Node, nested bool) string {
	parts := make([]string, len(of))
	for i, part := range of {
		parts[i] = s.node(part, true)
	}
	text := strings.Join(parts, s.phrases[by])
	if nested && len(parts) > 1 {
		return strings.TrimSpace(s.open) + text + s.close
	}
	return text
}

// not says the opposite by its own name, where it has one.
func (s *speaker) not(n Node, nested bool) string {
	switch n := n.(type) {
	case *Not:
		return s.node(n.Of, nested)
	case *Segment:
		if n.For == 0 {
			return s.say("words.notInSegment", "name", called(s.names.Segment, n.ID))
		}
	case *Trait:
		if test, ok := opposite(n.Test); ok {
			return s.node(&Trait{Name: n.Name, Test: test}, nested)
		}
	case *Event:
		none := *n
		switch {
		case n.Measure != Counted:
		case n.Count == Count{Gte, 1}:
			none.Count = Count{Eq, 0}
			return s.node(&none, nested)
		case n.Count.Op != Gte && n.Count.Value == 0:
			none.Count = Count{Gte, 1}
			return s.node(&none, nested)
		}
	case *Household:
		if n.Who != All {
			other := *n
			other.Who = map[Quantifier]Quantifier{Any: None, None: Any}[n.Who]
			return s.node(&other, nested)
		}
	}
	return s.say("words.not", "rule", s.node(n, false))
}

func (s *speaker) test(name string, t *Test) string {
	op := s.say("op." + string(t.Op))
	switch t.Op {
	case Exists, NotExists:
		return s.say("words.testNoValue", "name", name, "op", op)
	case AgoGt, AgoLt, AheadLt, AheadGt:
		length, _ := ParseDuration(t.Values[0].Text)
		return s.say("words.length."+string(t.Op), "name", name, "length", s.span(length))
	case Anniversary:
		days := int(t.Values[0].Number)
		length := s.counted("length.d", max(days, -days))
		switch {
		case days == 0:
			return s.say("words.anniversary.on", "name", name)
		case days > 0:
			return s.say("words.anniversary.until", "name", name, "length", length)
		}
		return s.say("words.anniversary.since", "name", name, "length", length)
	case Near:
		return s.say("words.near", "name", name, "north", s.value(t.Values[0]), "east", s.value(t.Values[1]), "km", s.value(t.Values[2]))
	}
	return s.say("words.test", "name", name, "op", op, "value", s.values(t))
}

// values are the first five of a list, or the one.
func (s *speaker) values(t *Test) string {
	var shown []string
	for i, v := range t.Values {
		if i == 5 {
			return strings.Join(shown, s.comma) + " …"
		}
		shown = append(shown, s.value(v))
	}
	return strings.Join(shown, s.comma)
}

func (s *speaker) value(v Value) string {
	switch v.Kind {
	case Number:
		return s.number(v.Number)
	case Boolean:
		return s.say(strconv.FormatBool(v.Boolean))
	}
	if v.Text == "" {
		return "…"
	}
	return v.Text
}

// number writes a number with at most six decimals, and marks between thousands.
func (s *speaker) number(n float64) string {
	if math.Abs(n) >= 1e15 {
		return strconv.FormatFloat(n, 'g', -1, 64)
	}
	text := strings.TrimSuffix(strings.TrimRight(strconv.FormatFloat(n, 'f', 6, 64), "0"), ".")
	whole, rest, _ := strings.Cut(text, ".")
	sign := ""
	if strings.HasPrefix(whole, "-") {
		sign, whole = "-", whole[1:]
	}
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if rest != "" {
		whole += "." + rest
	}
	return sign + whole
}

// length is a length after "the last", of which one is not counted; span is one that stands by itself.
func (s *speaker) length(d time.Duration) string { return s.lasting("length.", d) }
func (s *speaker) span(d time.Duration) string   { return s.lasting("span.", d) }

func (s *speaker) lasting(key string, d time.Duration) string {
	text := FormatDuration(d)
	n, _ := strconv.Atoi(text[:len(text)-1]) // it was written just now
	return s.counted(key+text[len(text)-1:], n)
}

func (s *speaker) where(filters []Filter) string {
	if len(filters) == 0 {
		return ""
	}
	var list []string
	for i := range filters {
		f := &filters[i]
		name := f.Context
		if name == "" {
			name = called(s.names.Property, f.Property)
		}
		list = append(list, s.test(name, &f.Test))
	}
	return s.open + strings.Join(list, s.comma) + s.close
}

func (s *speaker) window(w *Window) string {
	since, until := "", ""
	if w.Since != 0 {
		since = FormatMoment(w.Since)
	}
	if w.Until != 0 {
		until = FormatMoment(w.Until)
	}
	switch {
	case w.To != 0:
		return s.say("words.ago", "from", s.span(w.From), "to", s.span(w.To))
	case w.From != 0:
		return s.say("words.within", "window", s.length(w.From))
	case w.Unit != "" && w.Back < 2:
		return s.say(fmt.Sprint("words.calendar", w.Back), "period", s.say("period."+string(w.Unit)))
	case w.Unit != "":
		return s.say("words.calendarMany", "period", s.say("period."+string(w.Unit)), "n", s.number(float64(w.Back)))
	case since != "" && until != "":
		return s.say("words.between", "since", since, "until", until)
	case since != "":
		return s.say("words.since", "since", since)
	case until != "":
		return s.say("words.until", "until", until)
	}
	return ""
}

func (s *speaker) event(e *Event) string {
	parts := []string{"event", called(s.names.Event, e.Name), "where", s.where(e.Where), "window", s.window(&e.Window)}
	n := e.Count.Value
	switch {
	case e.Measure == Counted && e.Count.Op != Gte && n == 0:
		return s.say("words.never", parts...)
	case e.Measure == Counted && e.Count == Count{Gte, 1}:
		return s.say("words.did", parts...)
	case e.Measure == Counted:
		return s.say("words.didTimes", append(parts, "times", s.counted("times."+string(e.Count.Op), n))...)
	}
	op, value := s.say("atLeast."+string(e.Count.Op)), s.number(float64(n))
	if !e.Measure.whole() {
		op, value = s.say("op."+string(e.Test.Op)), s.values(&e.Test)
	}
	return s.say("words.measured."+string(e.Measure), append(parts, "property", called(s.names.Property, e.Property), "op", op, "value", value)...)
}

func (s *speaker) sequence(n *Sequence) string {
	var steps []string
	for i := range n.Steps {
		step := &n.Steps[i]
		kind := "next"
		switch {
		case i == 0:
			kind = "first"
		case step.Not:
			kind = "not"
		case step.Within != 0:
			kind = "within"
		}
		window := ""
		if step.Within != 0 {
			window = s.span(step.Within)
		}
		steps = append(steps, s.say("words.step."+kind, "event", called(s.names.Event, step.Name), "where", s.where(step.Where), "window", window))
	}
	text := strings.Join(steps, s.comma)
	if n.Within != 0 {
		text += s.say("words.begun", "window", s.length(n.Within))
	}
	return text
}
