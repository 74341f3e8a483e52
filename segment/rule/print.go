package rule

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/touchstone-cdp/touchstone"
)

// JSON returns the canonical text of the rule: fields in a fixed order, numbers and windows
// in their shortest form, defaults left out. Parts keep their order, so paths stay true.
func (r *Rule) JSON() touchstone.JSON {
	var p printer
	p.node(r.Root)
	return touchstone.JSON(p.String())
}

// MarshalJSON writes the canonical text.
func (r *Rule) MarshalJSON() ([]byte, error) { return []byte(r.JSON()), nil }

type printer struct{ strings.Builder }

func (p *printer) node(n Node) {
	switch n := n.(type) {
	case *And:
		p.nodes(`{"and":[`, n.Of)
	case *Or:
		p.nodes(`{"or":[`, n.Of)
	case *Not:
		p.WriteString(`{"not":`)
		p.node(n.Of)
		p.WriteByte('}')
	case *Trait:
		p.WriteString(`{"trait":`)
		p.text(n.Name)
		p.test(&n.Test)
		p.WriteByte('}')
	case *Event:
		p.event(n.Name, n.Where)
		p.measure(n)
		p.window(&n.Window)
		p.WriteByte('}')
	case *Sequence:
		p.sequence(n)
	case *Random:
		p.random(n)
	case *Segment:
		p.WriteString(`{"segment":`)
		p.text(n.ID)
		if n.For != 0 {
			p.WriteString(`,"for":"` + FormatDuration(n.For) + `"`)
		}
		p.WriteByte('}')
	case *Household:
		p.WriteString(`{"household":{`)
		if n.Role != "" {
			p.WriteString(`"role":`)
			p.text(n.Role)
			p.WriteByte(',')
		}
		p.WriteString(`"` + string(n.Who) + `":`)
		p.node(n.Of)
		p.WriteString("}}")
	}
}

func (p *printer) nodes(open string, of []Node) {
	for i, n := range of {
		if i == 0 {
			p.WriteString(open)
		} else {
			p.WriteByte(',')
		}
		p.node(n)
	}
	p.WriteString("]}")
}

// event writes an event condition up to the count, without the closing brace.
func (p *printer) event(name string, where []Filter) {
	p.WriteString(`{"event":`)
	p.text(name)
	if len(where) > 0 {
		p.WriteString(`,"where":`)
		p.filters(where)
	}
}

func (p *printer) filters(filters []Filter) {
	p.WriteByte('[')
	for i := range filters {
		if i > 0 {
			p.WriteByte(',')
		}
		p.filter(&filters[i])
	}
	p.WriteByte(']')
}

func (p *printer) filter(f *Filter) {
	if f.Context != "" {
		p.WriteString(`{"context":`)
		p.text(f.Context)
	} else {
		p.WriteString(`{"property":`)
		p.text(f.Property)
	}
	p.test(&f.Test)
	p.WriteByte('}')
}

func (p *printer) test(t *Test) {
	p.WriteString(`,"op":"` + string(t.Op) + `"`)
	switch t.Op {
	case Exists, NotExists:
	case Near:
		p.place(t)
	case In, NotIn, HasAny, HasAll, HasNone:
		for i, v := range t.Values {
			if i == 0 {
				p.WriteString(`,"value":[`)
			} else {
				p.WriteByte(',')
			}
			p.value(v)
		}
		p.WriteByte(']')
	default:
		p.WriteString(`,"value":`)
		p.value(t.Values[0])
	}
	p.tz(t.Zone)
}

func (p *printer) value(v Value) {
	switch v.Kind {
	case Text:
		p.text(v.Text)
	case Number:
		p.WriteString(strconv.FormatFloat(v.Number, 'g', -1, 64))
	default:
		p.WriteString(strconv.FormatBool(v.Boolean))
	}
}

func (p *printer) text(s string) {
	quoted, err := jsontext.AppendQuote(nil, s)
	if err != nil { // invalid UTF-8 cannot come out of the parser; AppendQuote has replaced it
		quoted, _ = jsontext.AppendQuote(nil, strings.ToValidUTF8(s, "\uFFFD"))
	}
	p.Write(quoted)
}

// sortFilters returns the filters in a canonical order without repetitions, with the
// lists of in and not_in sorted, so that equal sets of events get equal keys.
func sortFilters(where []Filter) []Filter {
	if len(where) == 0 {
		return nil
	}
	type keyed struct {
		key string
		f   Filter
	}
	all := make([]keyed, len(where))
	for i, f := range where {
		if f.Test.Op.Listed() && len(f.Test.Values) > 1 {
			f.Test.Values = slices.Clone(f.Test.Values)
			slices.SortFunc(f.Test.Values, func(a, b Value) int {
				return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Text, b.Text), cmp.Compare(a.Number, b.Number))
			})
			f.Test.Values = slices.CompactFunc(f.Test.Values, func(a, b Value) bool { return a == b })
		}
		var p printer
		p.filter(&f)
		all[i] = keyed{p.String(), f}
	}
	slices.SortFunc(all, func(a, b keyed) int { return strings.Compare(a.key, b.key) })
	all = slices.CompactFunc(all, func(a, b keyed) bool { return a.key == b.key })
	sorted := make([]Filter, len(all))
	for i := range all {
		sorted[i] = all[i].f
	}
	return sorted
}
