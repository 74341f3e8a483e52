package analytics

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/tidwall/gjson"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/warehouse"
)

// EventVolume is an event's row in the catalogue. Count and Persons are those of the range.
type EventVolume struct {
	Event     string     `json:"event"`
	Type      string     `json:"type"`
	Count     int64      `json:"count"`
	Persons   int64      `json:"persons"`
	FirstSeen string     `json:"first_seen"`
	LastSeen  string     `json:"last_seen"`
	Daily     []DayCount `json:"daily"` // the last days of the range, oldest first
}

// DayCount is the number of events on a day.
type DayCount struct {
	Date  string `json:"date"` // 2026-01-31
	Count int64  `json:"count"`
}

// catalogueDays is how many days of counts an event has in the catalogue.
const catalogueDays = 30

// Events lists the events ever seen of the people that v may see, those with the most in the range
// first. The days are those of the engine's zone.
func (e *Engine) Events(ctx context.Context, v *access.Viewer, from, to time.Time) ([]EventVolume, error) {
	if !from.Before(to) || !earliest.Before(to) {
		return nil, touchstone.Errorf(touchstone.Invalid, "to: must be later than from")
	}
	days := newCalendar(day, e.opts.Zone(), maxTime(earliest, to.AddDate(0, 0, -catalogueDays)), to, catalogueDays+2)
	if days == nil {
		return nil, touchstone.Errorf(touchstone.Invalid, "to: lies before everything")
	}
	visible, err := e.visible(ctx, v, "node")
	if err != nil {
		return nil, err
	}
	volumes, order := map[int64]*EventVolume{}, []int64{}
	of := func(row []any) *EventVolume { return volumes[row[0].(int64)] }
	err = e.each(ctx, build("SELECT n.code, n.name, min(e.type), min(e.time), max(e.time) FROM events_raw e JOIN event_names n ON n.code = e.event WHERE TRUE", visible,
		" GROUP BY n.code, n.name"), func(row []any) {
		code := row[0].(int64)
		volumes[code] = &EventVolume{Event: textOf(row[1]), Type: textOf(row[2]), FirstSeen: timeOf(row[3]), LastSeen: timeOf(row[4]), Daily: emptyDays(days)}
		order = append(order, code)
	})
	if err != nil {
		return nil, err
	}
	err = e.each(ctx, build("SELECT event, sum(n), count(DISTINCT coalesce(o.person, p.node)) FROM (SELECT event, node, count(*) AS n FROM events_raw WHERE ",
		frag("time >= ? AND time < ?", from, to), visible, " GROUP BY event, node) p LEFT JOIN overrides o ON o.node = p.node GROUP BY event"), func(row []any) {
		if v := of(row); v != nil {
			v.Count, v.Persons = row[1].(int64), row[2].(int64)
		}
	})
	if err != nil {
		return nil, err
	}
	err = e.each(ctx, build("SELECT e.event, ", days.keyExpr(e.d, e.d.Millis("e.time")), " AS k, count(*) FROM events_raw e WHERE ",
		frag("e.time >= ? AND e.time < ?", time.UnixMilli(days.from).UTC(), to), visible, " GROUP BY e.event, k"), func(row []any) {
		if v, i := of(row), days.index[row[1].(int64)]; v != nil {
			v.Daily[i].Count = row[2].(int64)
		}
	})
	if err != nil {
		return nil, err
	}
	list := make([]EventVolume, 0, len(order))
	for _, code := range order {
		v := volumes[code]
		v.Daily = v.Daily[max(0, len(v.Daily)-catalogueDays):]
		list = append(list, *v)
	}
	slices.SortFunc(list, func(a, b EventVolume) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.Event, b.Event))
	})
	return list, nil
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func emptyDays(c *calendar) []DayCount {
	days := make([]DayCount, len(c.buckets))
	for i, b := range c.buckets {
		days[i].Date = b.start.In(c.zone).Format(time.DateOnly)
	}
	return days
}

// each runs a statement and calls fn for each row.
func (e *Engine) each(ctx context.Context, f fragment, fn func(row []any)) error {
	res, err := e.w.Query(ctx, warehouse.Statement{SQL: f.sql, Args: f.args, Own: true})
	if err != nil {
		return err
	}
	for _, row := range res.Rows {
		fn(row)
	}
	return nil
}

// Property is a property of an event in the catalogue, from a sample of its latest events.
type Property struct {
	Property string            `json:"property"`
	Types    map[string]int64  `json:"types"`     // JSON type → how often in the sample
	FillRate float64           `json:"fill_rate"` // share of the sample that has it
	Examples []touchstone.JSON `json:"examples"`  // a few different values
	// Different is how many different values the sample has, and Values of how many: 3 of 2,000 are kinds of
	// something, 2,000 of 2,000 are names of things.
	Different int64 `json:"different"`
	Values    int64 `json:"values"`
	// Ever is how many all events have had, as far as they are counted; nil: none is, or the viewer sees some persons only.
	Ever *Ever  `json:"ever"`
	Unit string `json:"unit"` // of numbers, as the name tells; empty: it tells none

	seen       map[uint64]struct{} // hashes of values; no more than the sample has
	currencies map[string]int64    // of a property "currency"
}

// Ever is about how many different values a property has had.
type Ever struct {
	Values int64   `json:"values"`
	Error  float64 `json:"error"` // share of Values, one standard error
}

// The bounds of the samples.
const (
	sampleEvents    = 2_000   // for the properties of an event
	sampleValues    = 100_000 // for the values of a property
	maxProperties   = 1_000
	maxExamples     = 5
	maxExampleBytes = 200
	maxValues       = 500
)

// Properties describes the properties of an event of the people that v may see, those most often
// sent first.
func (e *Engine) Properties(ctx context.Context, v *access.Viewer, event string) ([]Property, error) {
	where := selector{event: event}
	passes, err := e.passes(ctx, v, where)
	if err != nil {
		return nil, err
	}
	found, n := map[string]*Property{}, 0
	err = e.each(ctx, build("SELECT e.properties FROM events_raw e WHERE ", e.latest(passes, sampleEvents), " LIMIT ", literal(sampleEvents)), func(row []any) {
		n++
		gjson.Parse(string(jsonOf(row[0]))).ForEach(func(key, value gjson.Result) bool {
			note(found, key.Str, value)
			return true
		})
	})
	if err != nil {
		return nil, err
	}
	list := make([]Property, 0, len(found))
	currency := ""
	if c := found["currency"]; c != nil {
		currency = currencyOf(c.currencies)
	}
	for _, p := range found {
		p.Values, p.Different = int64(p.FillRate), int64(len(p.seen))
		if 2*p.Types["number"] > p.Values {
			p.Unit = unitOf(p.Property, currency)
		}
		p.FillRate /= float64(n)
		p.seen, p.currencies = nil, nil
		for i, example := range p.Examples {
			p.Examples[i] = v.Field(p.Property, example)
		}
		list = append(list, *p)
	}
	slices.SortFunc(list, func(a, b Property) int {
		return cmp.Or(cmp.Compare(b.FillRate, a.FillRate), strings.Compare(a.Property, b.Property))
	})
	return list, nil
}

// passes is the condition of a selector on events of the people that v may see.
func (e *Engine) passes(ctx context.Context, v *access.Viewer, s selector) (fragment, error) {
	codes, err := (&run{Engine: e}).codes(ctx, s)
	if err != nil {
		return fragment{}, err
	}
	visible, err := e.visible(ctx, v, "e.node")
	return build(s.sql(e.d, codes), visible), err
}

// latest restricts the events that pass where to about the n latest of them.
func (e *Engine) latest(where fragment, n int) fragment {
	return build("(", where, ") AND e.time >= (SELECT min(l.time) FROM (SELECT e.time FROM events_raw e WHERE (", where, ") ORDER BY e.time DESC LIMIT ", literal(int64(n)), ") l)")
}

// note adds a value to what is known of its property.
func note(found map[string]*Property, name string, value gjson.Result) {
	p := found[name]
	if p == nil {
		if len(found) == maxProperties {
			return
		}
		p = &Property{Property: name, Types: map[string]int64{}, Examples: []touchstone.JSON{}, seen: map[uint64]struct{}{}}
		found[name] = p
	}
	if value.Type == gjson.Null {
		p.Types["null"]++
		return
	}
	p.FillRate++ // a count until the end
	p.Types[jsonType(value)]++
	p.seen[xxhash.Sum64String(value.Raw)] = struct{}{}
	if name == "currency" && len(value.Str) <= 8 {
		if p.currencies == nil {
			p.currencies = map[string]int64{}
		}
		p.currencies[strings.Clone(value.Str)]++
	}
	example := touchstone.JSON(value.Raw)
	if len(p.Examples) < maxExamples && len(example) <= maxExampleBytes && !slices.Contains(p.Examples, example) {
		p.Examples = append(p.Examples, touchstone.JSON(strings.Clone(string(example))))
	}
}

func jsonType(v gjson.Result) string {
	switch {
	case v.Type == gjson.String:
		return "string"
	case v.Type == gjson.Number:
		return "number"
	case v.IsBool():
		return "boolean"
	case v.IsArray():
		return "array"
	}
	return "object"
}

// ValuesQuery asks for frequent values, to complete what somebody types.
type ValuesQuery struct {
	Event     string // narrows; "" = all events
	Property  string // this, or
	Dimension string // this
	Prefix    string // of the values, whatever the case
	Limit     int    // 1 to 500; default 50
}

// Values returns the values of a property or dimension, the most frequent first, from a
// sample of the latest events.
//
// Only those that v may see as they are, of events of the people that v may see.
func (e *Engine) Values(ctx context.Context, v *access.Viewer, q ValuesQuery) ([]string, error) {
	f, where := field{property: q.Property}, selector{event: cmp.Or(q.Event, anyEvent)}
	switch {
	case q.Property != "" && q.Dimension != "" || q.Property+q.Dimension == "":
		return nil, touchstone.Errorf(touchstone.Invalid, "name either a property or a dimension")
	case q.Dimension != "" && !slices.Contains(dimensions(), q.Dimension):
		return nil, touchstone.Errorf(touchstone.Invalid, "dimension: unknown dimension %q; use one of %s", q.Dimension, strings.Join(dimensions(), ", "))
	case strings.ContainsRune(q.Property, 0):
		return nil, touchstone.Errorf(touchstone.Invalid, "property: holds a NUL character")
	case q.Dimension != "":
		f = field{dimension: q.Dimension}
	}
	passes, err := e.passes(ctx, v, where)
	if err != nil {
		return nil, err
	}
	limit := min(cmp.Or(max(q.Limit, 0), 50), maxValues)
	var b builder
	b.add("SELECT v, count(*) FROM (SELECT ", f.groupText(e.d), " AS v FROM events_raw e WHERE ", e.latest(passes, sampleValues), ") x WHERE v IS NOT NULL")
	if q.Prefix != "" {
		b.add(" AND ", frag("position("+e.d.Fold("?")+" IN "+e.d.Fold("v")+") = 1", q.Prefix))
	}
	b.add(" GROUP BY v ORDER BY count(*) DESC, v LIMIT ", literal(int64(limit)))
	values := []string{}
	err = e.each(ctx, b.fragment(), func(row []any) {
		text := textOf(row[0])
		if !v.Hides(q.Property) && v.Text(text) == text {
			values = append(values, text)
		}
	})
	return values, err
}
