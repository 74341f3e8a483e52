package analytics

import (
	"cmp"
	"context"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/segment/rule"
	"github.com/touchstone-cdp/touchstone/warehouse"
)

// A trait of households (size, children, city, tag) is no property of an event: it says which persons a question is about. So a
// filter by one restricts the question to the members of some households, and a breakdown asks the same
// question once for each value.

// maxHomeGroups is how many values a breakdown by a trait of households has, beside those without any.
const maxHomeGroups = 30

// homeCondition is a filter by a trait of households.
type homeCondition struct {
	trait string
	test  rule.Test
}

// homeBreakdown is a breakdown by a trait of households: at says where it stands among the fields.
type homeBreakdown struct {
	trait string
	at    int
}

// someHomes are the members of some households; others: everybody else.
type someHomes struct {
	persons []int64
	others  bool
}

func (h *someHomes) sql(d warehouse.Dialect) fragment {
	if h == nil {
		return fragment{}
	}
	in := " IN ("
	if h.others {
		in = " NOT IN ("
	}
	return build(" AND e.node"+in, memberNodes(frag(d.Numbers(), h.persons)), ")")
}

func (e *Engine) checkTrait(d *decoder, at, name string) {
	switch {
	case d.err != nil || name == "":
	case e.opts.Households == nil:
		d.fail(at, "households are not available here")
	case !slices.Contains(e.opts.Households.TraitNames(), name):
		d.fail(at, "households have no trait %q", name)
	}
}

// takeHome takes a filter by a trait of households: {"household":"size","op":"gte","value":3}.
func (f *fields) takeHome(e *Engine, at string, item jsontext.Value) (c homeCondition, ok bool) {
	o := f.d.object(at, item)
	v, ok := o.take("household")
	if !ok {
		return c, false
	}
	c.trait = f.d.text(o.place("household"), v, maxName)
	e.checkTrait(f.d, o.place("household"), c.trait)
	if f.d.err != nil {
		return c, true
	}
	delete(o.all, "household")
	o.all["property"] = v
	text, err := json.Marshal(o.all, json.Deterministic(true))
	if err == nil {
		var filters []rule.Filter
		if filters, err = rule.ParseFilters(touchstone.JSON("["+string(text)+"]"), at); err == nil {
			c.test = filters[0].Test
		}
	}
	if err != nil && f.d.err == nil {
		f.d.err = renumber(err, at+".0", at)
	}
	return c, true
}

// homes takes the filters by traits of households out of the filters of a question.
func (f *fields) homes(e *Engine) (list []homeCondition) {
	v, ok := f.all["filters"]
	if !ok || f.d.err != nil || v.Kind() != '[' {
		return nil
	}
	var rest []jsontext.Value
	for i, item := range f.d.list(f.place("filters"), v, 0, rule.MaxConditions) {
		c, is := f.takeHome(e, f.place("filters")+"."+strconv.Itoa(i), item)
		if f.d.err != nil {
			return nil
		}
		if is {
			list = append(list, c)
		} else {
			rest = append(rest, item)
		}
	}
	if len(list) > 0 {
		text, err := json.Marshal(rest)
		if err != nil {
			f.d.fail(f.place("filters"), "is not valid JSON: %v", err)
		}
		f.all["filters"] = text
	}
	return list
}

// homeText is the value of a trait as the rule language sees it.
func homeText(value string) touchstone.JSON {
	if _, err := strconv.ParseFloat(value, 64); err == nil {
		return touchstone.JSON(value)
	}
	text, _ := json.Marshal(value) // a text
	return touchstone.JSON(text)
}

// passes tells whether a household with these values is meant. Of several values one must fit, and to a negative test all.
func (c *homeCondition) passes(values []string) bool {
	if len(values) == 0 {
		return c.test.Match("", false)
	}
	fits := func(v string) bool { return c.test.Match(homeText(v), true) }
	if c.test.Op.Negative() {
		return !slices.ContainsFunc(values, func(v string) bool { return !fits(v) })
	}
	return slices.ContainsFunc(values, fits)
}

// filterHomes finds out whom the filters by traits of households let through.
func (r *run) filterHomes(ctx context.Context, s *scope) error {
	s.meant = nil
	for i := range s.homes {
		c := &s.homes[i]
		var in, out []int64
		if err := r.opts.Households.Traits(ctx, c.trait, func(persons []int64, values []string) {
			if c.passes(values) {
				in = append(in, persons...)
			} else {
				out = append(out, persons...)
			}
		}); err != nil {
			return err
		}
		one := &someHomes{persons: in}
		if c.passes(nil) { // who is in no household, too
			one = &someHomes{persons: out, others: true}
		}
		s.meant = append(s.meant, one)
	}
	return nil
}

// homeGroups are the values of a breakdown, the most frequent first, and at last those without any.
func (r *run) homeGroups(ctx context.Context, trait string) (values []any, sets []*someHomes, more bool, err error) {
	of := map[string]*someHomes{}
	households := map[string]int{}
	known := &someHomes{others: true}
	err = r.opts.Households.Traits(ctx, trait, func(persons []int64, list []string) {
		if len(list) > 0 {
			known.persons = append(known.persons, persons...)
		}
		for _, v := range list {
			v = homeBand(trait, v)
			if of[v] == nil {
				of[v] = &someHomes{}
			}
			of[v].persons = append(of[v].persons, persons...)
			households[v]++
		}
	})
	if err != nil {
		return nil, nil, false, err
	}
	names := make([]string, 0, len(of))
	for v := range of {
		names = append(names, v)
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(households[b], households[a]), cmp.Compare(a, b))
	})
	if more = len(names) > maxHomeGroups; more {
		names = names[:maxHomeGroups]
	}
	for _, v := range names {
		values, sets = append(values, v), append(sets, of[v])
	}
	return append(values, nil), append(sets, known), more, nil
}

// homeBand puts sums of money and orders in bands: hardly two households have the same.
func homeBand(trait, value string) string {
	if trait != "revenue" && trait != "orders" {
		return value
	}
	n, err := strconv.ParseFloat(value, 64)
	if err != nil || n <= 0 {
		return "0"
	}
	low := 1.0
	for n >= low*10 {
		low *= 10
	}
	digits := func(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }
	if n < 1 {
		return "< 1"
	}
	return digits(low) + " – < " + digits(low*10)
}

// homely is a question that can be asked about some households.
type homely interface {
	Query
	scoped() *scope
	// groupsAt is the column of an answer in which the first value of a breakdown stands.
	groupsAt() int
}

func (s *scope) scoped() *scope { return s }

func (*trend) groupsAt() int     { return 2 }
func (*funnel) groupsAt() int    { return 2 }
func (*retention) groupsAt() int { return 1 }
func (*matched) groupsAt() int   { return 1 }
func (*exposed) groupsAt() int   { return 0 }

// answer answers a question, once for each value where it is broken down by a trait of households.
func (r *run) answer(ctx context.Context, q Query) (*Answer, error) {
	h, ok := q.(homely)
	if !ok {
		return q.run(ctx, r)
	}
	s := h.scoped()
	if err := r.filterHomes(ctx, s); err != nil {
		return nil, err
	}
	if s.home == nil {
		return q.run(ctx, r)
	}
	values, sets, more, err := r.homeGroups(ctx, s.home.trait)
	if err != nil {
		return nil, err
	}
	filters := s.meant
	var all *Answer
	at := h.groupsAt() + s.home.at
	for i, set := range sets {
		s.meant = append(slices.Clone(filters), set)
		a, err := q.run(ctx, r)
		if err != nil {
			return nil, err
		}
		if all == nil {
			all = &Answer{Columns: slices.Insert(slices.Clone(a.Columns), at, warehouse.Column{Name: s.home.trait, Type: warehouse.String}), Rows: [][]any{}, Meta: a.Meta}
		}
		for _, row := range a.Rows {
			all.Rows = append(all.Rows, slices.Insert(slices.Clone(row), at, values[i]))
		}
		all.Meta.Truncated = all.Meta.Truncated || a.Meta.Truncated || more
	}
	return all, nil
}

// selectHome takes the value of a breakdown by a trait of households out of what names a number, and restricts the question to it.
func (r *run) selectHome(ctx context.Context, q Query, sel []byte) ([]byte, error) {
	h, ok := q.(homely)
	if !ok {
		return sel, nil
	}
	s := h.scoped()
	if err := r.filterHomes(ctx, s); err != nil || s.home == nil {
		return sel, err
	}
	var all map[string]jsontext.Value
	var list []jsontext.Value
	if err := json.Unmarshal(sel, &all); err != nil {
		return nil, touchstone.Errorf(touchstone.Invalid, "select: must be an object")
	}
	if err := json.Unmarshal(all["breakdown"], &list); err != nil || len(list) <= s.home.at {
		return nil, touchstone.Errorf(touchstone.Invalid, "select.breakdown: is missing; the row's breakdown values, in order")
	}
	wanted := list[s.home.at]
	if list = slices.Delete(list, s.home.at, s.home.at+1); len(list) == 0 {
		delete(all, "breakdown")
	} else {
		text, err := json.Marshal(list)
		if err != nil {
			return nil, err
		}
		all["breakdown"] = text
	}
	values, sets, _, err := r.homeGroups(ctx, s.home.trait)
	if err != nil {
		return nil, err
	}
	for i, v := range values {
		text, err := json.Marshal(v)
		if err != nil {
			return nil, err
		}
		if string(text) == string(wanted) {
			s.meant = append(s.meant, sets[i])
			return json.Marshal(all, json.Deterministic(true))
		}
	}
	return nil, touchstone.Errorf(touchstone.Invalid, "select.breakdown: no household has this value")
}
