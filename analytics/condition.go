package analytics

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/segment/rule"
	"github.com/touchstone-cdp/touchstone/warehouse"
)

// field is a value of an event: a property, a path into the context, or a dimension.
type field struct {
	property  string
	context   string
	dimension string
	key       string // of an object that the property or the path leads to
}

// part is what an object has under a key.
func (f field) part(key string) field {
	f.key = key
	return f
}

func (f field) name() string {
	switch {
	case f.property != "":
		return f.property
	case f.context != "":
		return f.context
	}
	return f.dimension
}

// dimensions are the columns of an event that questions may name.
func dimensions() []string {
	return append([]string{"event", "type", "source"}, warehouse.DimensionNames[:]...)
}

// text is the SQL of the value as text; NULL stands for a missing one.
func (f field) text(d warehouse.Dialect) string { return f.as(d, warehouse.AsText) }

func (f field) as(d warehouse.Dialect, as warehouse.JSONType) string {
	var inside []string
	if f.key != "" {
		inside = []string{f.key}
	}
	switch {
	case f.property != "":
		return d.JSON(as, "e.properties", append([]string{f.property}, inside...)...)
	case f.context != "":
		return d.JSON(as, "e.context", append(strings.Split(f.context, "."), inside...)...)
	}
	switch as {
	case warehouse.AsNumber:
		return "CAST(NULL AS DOUBLE)" // dimensions are texts; see condition
	case warehouse.AsBoolean:
		return "CAST(NULL AS BOOLEAN)"
	}
	return "e." + f.dimension
}

// condition tests a field of an event. It is the only place where the comparisons of the
// rule language become SQL; package segment/rule says what they mean.
type condition struct {
	field
	test rule.Test
}

func conditionOf(f rule.Filter) condition {
	return condition{field{property: f.Property, context: f.Context}, f.Test}
}

// where reads a list of conditions. A dimension is read as a property of its name and
// then renamed, because the rule language has no dimensions.
func (f *fields) where(name string) []condition {
	v, ok := f.take(name)
	if !ok {
		return nil
	}
	d, at := f.d, f.place(name)
	items := d.list(at, v, 0, rule.MaxConditions)
	conditions := make([]condition, 0, len(items))
	for i, item := range items {
		place := at + "." + strconv.Itoa(i)
		dimension := d.takeDimension(place, &item)
		if d.err != nil {
			return nil
		}
		filters, err := rule.ParseFilters(touchstone.JSON("["+string(item)+"]"), at)
		if err != nil {
			d.err = renumber(err, at+".0", place)
			return nil
		}
		c := conditionOf(filters[0])
		if dimension != "" {
			c.field = field{dimension: dimension}
			d.checkDimension(place, &c)
		}
		conditions = append(conditions, c)
	}
	return conditions
}

// takeDimension replaces the key "dimension" of a condition by "property".
func (d *decoder) takeDimension(at string, item *jsontext.Value) string {
	o := d.object(at, *item)
	v, ok := o.take("dimension")
	if !ok {
		return ""
	}
	name := d.dimension(at+".dimension", v)
	for _, other := range []string{"property", "context"} {
		if _, both := o.take(other); both {
			d.fail(at, "holds both dimension and %s; one per condition", other)
		}
	}
	if name == "event" {
		d.fail(at+".dimension", "the event is chosen by the question itself, not by a condition")
	}
	if d.err != nil {
		return ""
	}
	delete(o.all, "dimension")
	o.all["property"] = v
	replaced, err := json.Marshal(o.all, json.Deterministic(true))
	if err != nil {
		d.fail(at, "is not valid JSON: %v", err)
	}
	*item = replaced
	return name
}

func (d *decoder) dimension(at string, v jsontext.Value) string {
	name := d.text(at, v, maxName)
	for _, known := range dimensions() {
		if name == known {
			return name
		}
	}
	d.fail(at, "unknown dimension %q; use one of %s", name, strings.Join(dimensions(), ", "))
	return ""
}

// checkDimension makes sure that a dimension is compared as the text that it is.
func (d *decoder) checkDimension(at string, c *condition) {
	switch c.test.Op {
	case rule.Near, rule.HasAny, rule.HasAll, rule.HasNone:
		d.fail(at+".op", "%s is about properties and the context; a dimension is a text", c.test.Op)
		return
	}
	for i := range c.test.Values {
		v := &c.test.Values[i]
		switch {
		case v.Kind == rule.Boolean:
			d.fail(at+".value", "a dimension is a text, never true or false")
		case v.Kind == rule.Number:
			*v = rule.Value{Kind: rule.Text, Text: strconv.FormatFloat(v.Number, 'f', -1, 64)}
		}
	}
}

// renumber corrects the place in an error of package rule, which saw a list of one.
func renumber(err error, was, is string) error {
	var e *touchstone.Error
	if !errors.As(err, &e) {
		return err
	}
	text, _ := e.Texts()
	if len(text.Args) == 0 {
		return err
	}
	args := slices.Clone(text.Args)
	if place, ok := args[0].(string); ok && strings.HasPrefix(place, was) {
		args[0] = is + place[len(was):]
	}
	return touchstone.Errorf(e.Kind, text.Format, args...)
}

// sql is the condition on a row e of events_raw. It is never NULL for the negative
// operators, so that they are the exact negations of the positive ones.
func (c condition) sql(d warehouse.Dialect) fragment {
	text := c.text(d)
	switch c.test.Op {
	case rule.Exists:
		return frag(text + " IS NOT NULL")
	case rule.NotExists:
		return frag(text + " IS NULL")
	case rule.Neq:
		return build("NOT coalesce(", c.compare(d, "=", c.test.Values[0]), ", FALSE)")
	case rule.NotIn:
		return build("NOT coalesce(", c.listed(d), ", FALSE)")
	case rule.In:
		return c.listed(d)
	case rule.Contains:
		return frag("position(? IN "+text+") > 0", c.test.Values[0].Text)
	case rule.NotContains:
		return frag("NOT coalesce(position(? IN "+text+") > 0, FALSE)", c.test.Values[0].Text)
	case rule.StartsWith:
		return frag("position(? IN "+text+") = 1", c.test.Values[0].Text)
	case rule.EndsWith:
		return frag("suffix("+text+", ?)", c.test.Values[0].Text)
	case rule.Matches:
		return c.matches(text)
	case rule.NotMatches:
		return build("NOT coalesce(", c.matches(text), ", FALSE)")
	case rule.HasAny:
		return c.hasAny(d)
	case rule.HasNone:
		return build("NOT coalesce(", c.hasAny(d), ", FALSE)")
	case rule.HasAll:
		return c.hasAll(d)
	case rule.Near:
		return c.near(d)
	}
	if op := versionComparisons[c.test.Op]; op != "" {
		return frag(versionOf(text)+" "+op+" ?", c.test.VersionKey())
	}
	return c.compare(d, comparisons[c.test.Op], c.test.Values[0])
}

var versionComparisons = map[rule.Op]string{rule.VersionEq: "=", rule.VersionGt: ">", rule.VersionGte: ">=", rule.VersionLt: "<", rule.VersionLte: "<="}

// versionOf makes of a text what rule.Test.VersionKey makes of the test's, so that texts compare as versions do; NULL of what is none.
func versionOf(text string) string {
	numbers := "regexp_extract(" + text + ", '" + rule.Versions + "', 1)"
	var parts [8]string
	for i := range parts {
		parts[i] = "lpad(split_part(" + numbers + ", '.', " + strconv.Itoa(i+1) + "), 9, '0')"
	}
	return "CASE WHEN regexp_matches(" + text + ", '" + rule.Versions + "') THEN " + strings.Join(parts[:], " || ") + " END"
}

// matches looks for a regular expression, which both engines read as RE2 does.
func (c condition) matches(text string) fragment {
	return frag("(length("+text+") <= "+strconv.Itoa(rule.MaxMatched)+" AND regexp_matches("+text+", ?))", c.test.Values[0].Text)
}

// byKind are the test's values as texts, as numbers and as booleans, each with how an element is read to be compared with them.
func (c condition) byKind() (lists [3]struct {
	as     warehouse.JSONType
	name   string // of the type
	values []any
}) {
	lists[0].name, lists[1].name, lists[2].name = "VARCHAR", "DOUBLE", "BOOLEAN"
	lists[0].as, lists[1].as, lists[2].as = warehouse.AsTexts, warehouse.AsNumbers, warehouse.AsBooleans
	for _, v := range c.test.Values {
		switch v.Kind {
		case rule.Text:
			lists[0].values = append(lists[0].values, v.Text)
		case rule.Number:
			lists[1].values = append(lists[1].values, v.Number)
		default:
			lists[2].values = append(lists[2].values, v.Boolean)
		}
	}
	return lists
}

// hasAny looks for an element among the values.
func (c condition) hasAny(d warehouse.Dialect) fragment {
	return joined(c.elements(d, "list_has_any"), " OR ", "FALSE")
}

// hasAll looks for each of the values among the elements.
func (c condition) hasAll(d warehouse.Dialect) fragment {
	return joined(c.elements(d, "list_has_all"), " AND ", "TRUE")
}

// elements compares the elements of a list with the values of each kind.
func (c condition) elements(d warehouse.Dialect, function string) (found []fragment) {
	for _, list := range c.byKind() {
		if len(list.values) > 0 {
			marks := strings.Repeat(", CAST(? AS "+list.name+")", len(list.values))[2:] // whose type no function tells
			found = append(found, frag("coalesce("+function+"("+c.as(d, list.as)+", ["+marks+"]), FALSE)", list.values...))
		}
	}
	return found
}

// near compares haversines as the matcher in memory does.
func (c condition) near(d warehouse.Dialect) fragment {
	text := c.text(d)
	written := func(group string) string {
		return "TRY_CAST(regexp_extract(" + text + ", '" + rule.Places + "', " + group + ") AS DOUBLE)"
	}
	north := "coalesce(" + c.part("lat").as(d, warehouse.AsNumber) + ", " + written("1") + ")"
	east := "coalesce(" + c.part("lng").as(d, warehouse.AsNumber) + ", " + c.part("lon").as(d, warehouse.AsNumber) + ", " + written("2") + ")"
	lat, lng, cosine, most := c.test.Haversine()
	number := "CAST(? AS DOUBLE)"
	return frag("coalesce(abs("+north+") <= 90 AND abs("+east+") <= 180 AND pow(sin(radians("+north+" - "+number+") / 2), 2) + "+
		number+" * cos(radians("+north+")) * pow(sin(radians("+east+" - "+number+") / 2), 2) <= "+number+", FALSE)", lat, cosine, lng, most)
}

var comparisons = map[rule.Op]string{rule.Eq: "=", rule.Gt: ">", rule.Gte: ">=", rule.Lt: "<", rule.Lte: "<="}

func (c condition) compare(d warehouse.Dialect, op string, v rule.Value) fragment {
	switch v.Kind {
	case rule.Number:
		return frag(c.as(d, warehouse.AsNumber)+" "+op+" ?", v.Number)
	case rule.Boolean:
		return frag(c.as(d, warehouse.AsBoolean)+" "+op+" ?", v.Boolean)
	}
	return frag(c.text(d)+" "+op+" ?", v.Text)
}

// listed looks a value up among texts, among numbers and among booleans.
func (c condition) listed(d warehouse.Dialect) fragment {
	var texts, numbers, booleans []any
	for _, v := range c.test.Values {
		switch v.Kind {
		case rule.Text:
			texts = append(texts, v.Text)
		case rule.Number:
			numbers = append(numbers, v.Number)
		default:
			booleans = append(booleans, v.Boolean)
		}
	}
	var found []fragment
	for _, list := range []struct {
		as     warehouse.JSONType
		values []any
	}{{warehouse.AsText, texts}, {warehouse.AsNumber, numbers}, {warehouse.AsBoolean, booleans}} {
		if len(list.values) > 0 {
			marks := strings.Repeat(", ?", len(list.values))[2:]
			found = append(found, frag("coalesce("+c.as(d, list.as)+" IN ("+marks+"), FALSE)", list.values...))
		}
	}
	return joined(found, " OR ", "FALSE")
}
