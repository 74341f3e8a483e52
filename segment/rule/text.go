package rule

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Text returns the rule as people write it (docs/rules-text.md): ParseText reads it back to the same rule.
//
//	did "Order Completed" at least 2 times in the last 30 days where amount >= 100 and not in segment "seg_staff"
func (r *Rule) Text() string {
	var w texter
	w.node(r.Root, true)
	return w.String()
}

type texter struct{ strings.Builder }

// words writes some words, each after a space unless it is the first of all.
func (w *texter) words(words ...string) {
	for _, word := range words {
		if s := w.String(); s != "" && !strings.HasSuffix(s, "(") {
			w.WriteByte(' ')
		}
		w.WriteString(word)
	}
}

// node writes a part. What is not alone stands in brackets if it is a group.
func (w *texter) node(n Node, alone bool) {
	switch n := n.(type) {
	case *And:
		w.group("and", "all", n.Of, alone)
	case *Or:
		w.group("or", "any", n.Of, alone)
	case *Not:
		w.words("not")
		w.node(n.Of, false)
	case *Trait:
		w.words("trait")
		w.name(n.Name)
		w.test(&n.Test)
	case *Event:
		w.event(n)
	case *Sequence:
		w.sequence(n)
	case *Segment:
		w.words("in segment", quoted(n.ID))
		if n.For != 0 {
			w.words("for", lengthText(n.For))
		}
	case *Household:
		w.words(string(n.Who), "of household")
		if n.Role != "" {
			w.words("as", n.Role)
		}
		w.words("(")
		w.node(n.Of, true)
		w.WriteByte(')')
	case *Random:
		w.words("random", percentText(n.From), "to", percentText(n.To), "of", quoted(n.Salt))
	}
}

// group joins parts by a word; a group of one says of what it is one.
func (w *texter) group(by, of string, parts []Node, alone bool) {
	one := len(parts) == 1
	switch {
	case one:
		w.words(of, "of (")
	case !alone:
		w.words("(")
	}
	for i, part := range parts {
		if i > 0 {
			w.words(by)
		}
		w.node(part, one)
	}
	if one || !alone {
		w.WriteByte(')')
	}
}

func percentText(hundredths int) string {
	return strconv.FormatFloat(float64(hundredths)/100, 'f', -1, 64) + "%"
}

func quoted(s string) string {
	var p printer
	p.text(s)
	return p.String()
}

var bareName = regexp.MustCompile(`^[\pL_$][\pL\pN_$./:-]*$`)

// name writes a name, quoted where it could be read as something else.
func (w *texter) name(s string) {
	if !bareName.MatchString(s) || isKeyword(s) {
		s = quoted(s)
	}
	w.words(s)
}

func valueText(v Value) string {
	var p printer
	p.value(v)
	return p.String()
}

// lengthText says a length of time in its largest unit.
func lengthText(d time.Duration) string {
	s := FormatDuration(d)
	n, unit := s[:len(s)-1], unitNames[s[len(s)-1]]
	if n != "1" {
		unit += "s"
	}
	return n + " " + unit
}

var unitNames = map[byte]string{'w': "week", 'd': "day", 'h': "hour", 'm': "minute", 's': "second"}

// phrases are how operators are written; those that begin alike stand with the longer first.
var phrases = []struct {
	op   Op
	text string
}{
	{Eq, "="}, {Neq, "!="}, {Gte, ">="}, {Gt, ">"}, {Lte, "<="}, {Lt, "<"},
	{Contains, "contains"}, {NotContains, "does not contain"}, {StartsWith, "starts with"}, {EndsWith, "ends with"},
	{Matches, "matches"}, {NotMatches, "does not match"}, {In, "in"}, {NotIn, "not in"}, {Exists, "exists"}, {NotExists, "does not exist"},
	{HasAny, "has any of"}, {HasAll, "has all of"}, {HasNone, "has none of"},
	{VersionEq, "version ="}, {VersionGte, "version >="}, {VersionGt, "version >"}, {VersionLte, "version <="}, {VersionLt, "version <"},
	{Near, "near"}, {Before, "before"}, {After, "after"}, {Anniversary, "anniversary"},
}

func (w *texter) test(t *Test) {
	for _, p := range phrases {
		if p.op == t.Op {
			w.words(p.text)
		}
	}
	switch t.Op {
	case Exists, NotExists:
	case In, NotIn, HasAny, HasAll, HasNone:
		w.words("(")
		for i, v := range t.Values {
			if i > 0 {
				w.WriteByte(',')
			}
			w.words(valueText(v))
		}
		w.WriteByte(')')
	case Near:
		w.words("(", valueText(t.Values[0]))
		w.WriteByte(',')
		w.words(valueText(t.Values[1]))
		w.WriteByte(')')
		w.words("within", valueText(t.Values[2]), "km")
	case Before, After:
		w.words(t.Values[0].Text)
	case AgoGt, AgoLt, AheadGt, AheadLt:
		w.clocked(t)
	case Anniversary:
		w.anniversary(int(t.Values[0].Number))
	default:
		w.words(valueText(t.Values[0]))
	}
	w.zone(t.Zone)
}

func (w *texter) clocked(t *Test) {
	than, ago := "more than", "ago"
	if t.Op == AgoLt || t.Op == AheadLt {
		than = "less than"
	}
	if t.Op == AheadGt || t.Op == AheadLt {
		ago = "ahead"
	}
	length, _ := ParseDuration(t.Values[0].Text)
	w.words(than, lengthText(length), ago)
}

func (w *texter) anniversary(days int) {
	switch {
	case days == 0:
		w.words("today")
	case days > 0:
		w.words("within", daysText(days), "ahead")
	default:
		w.words("within", daysText(-days), "ago")
	}
}

func daysText(n int) string { return lengthText(time.Duration(n) * 24 * time.Hour) }

func (w *texter) zone(zone string) {
	if zone != "" {
		w.words("zone", quoted(zone))
	}
}

var countWords = map[Op]string{Gte: "at least", Lte: "at most", Eq: "exactly"}

// amounts are how measures are written that name their property first.
var amounts = []struct {
	measure Measure
	text    string
}{{Sum, "sum of"}, {Avg, "average of"}, {Min, "minimum of"}, {Max, "maximum of"}, {First, "first"}, {Last, "last"}}

func (w *texter) event(e *Event) {
	n := itoa(e.Count.Value)
	than := countWords[e.Count.Op]
	if e.Measure.whole() {
		w.words("did")
		w.name(e.Name)
	}
	switch e.Measure {
	case Counted:
		if e.Count != (Count{Gte, 1}) {
			w.words(than, n, "times")
		}
	case Distincts:
		w.words("with", than, n, "different")
		w.name(e.Property)
	case ActiveDays:
		w.words("on", than, n, "days")
		w.zone(e.Zone)
	default:
		for _, a := range amounts {
			if a.measure == e.Measure {
				w.words(a.text)
			}
		}
		w.name(e.Property)
		w.words("of")
		w.name(e.Name)
		w.test(&e.Test)
	}
	w.window(&e.Window)
	w.where(e.Where)
}

func (w *texter) window(x *Window) {
	switch {
	case x.To != 0:
		w.words("between", lengthText(x.From), "and", lengthText(x.To), "ago")
	case x.From != 0:
		w.words("in the last", lengthText(x.From))
	case x.Unit != "":
		switch x.Back {
		case 0:
			w.words("this", string(x.Unit))
		case 1:
			w.words("previous", string(x.Unit))
		default:
			w.words(string(x.Unit), itoa(x.Back), "back")
		}
		w.zone(x.Zone)
	}
	if x.Since != 0 {
		w.words("since", FormatMoment(x.Since))
	}
	if x.Until != 0 {
		w.words("until", FormatMoment(x.Until))
	}
}

func (w *texter) where(filters []Filter) {
	for i := range filters {
		f := &filters[i]
		if i == 0 {
			w.words("where")
		} else {
			w.WriteByte(',')
		}
		if f.Context != "" {
			w.words("context")
			w.name(f.Context)
		} else {
			w.name(f.Property)
		}
		w.test(&f.Test)
	}
}

func (w *texter) sequence(n *Sequence) {
	for i := range n.Steps {
		s := &n.Steps[i]
		switch {
		case i == 0:
			w.words("sequence")
		case s.Not:
			w.words("then not")
		default:
			w.words("then")
		}
		w.name(s.Name)
		if s.Within != 0 {
			w.words("within", lengthText(s.Within))
		}
		w.where(s.Where)
	}
	if n.Within != 0 {
		w.words("begun in the last", lengthText(n.Within))
	}
}
