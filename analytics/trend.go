package analytics

import (
	"context"
	"math/bits"
	"slices"
	"sort"
	"strconv"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/warehouse"
	"github.com/touchstone-cdp/touchstone/warehouse/gather"
)

// trend counts or measures events per interval, for each series and group.
type trend struct {
	scope
	calendar *calendar
	series   []series
	limit    int // groups
}

// series is one line of a trend.
type series struct {
	selector
	measure  string
	property string
}

// The measures of a series.
const (
	measureCount     = "count"      // events
	measurePersons   = "persons"    // different people
	measurePerPerson = "per_person" // events per person who had any
)

// aggregates of a property's numbers; events without a number are left out.
var aggregates = map[string]func(d warehouse.Dialect, number string) string{
	"sum":    func(d warehouse.Dialect, x string) string { return d.Sum(x) },
	"avg":    func(d warehouse.Dialect, x string) string { return d.Sum(x) + " / count(" + x + ")" },
	"min":    func(_ warehouse.Dialect, x string) string { return "min(" + x + ")" },
	"max":    func(_ warehouse.Dialect, x string) string { return "max(" + x + ")" },
	"median": func(d warehouse.Dialect, x string) string { return d.Quantile(x, 0.5) },
	"p90":    func(d warehouse.Dialect, x string) string { return d.Quantile(x, 0.9) },
	"p95":    func(d warehouse.Dialect, x string) string { return d.Quantile(x, 0.95) },
	"p99":    func(d warehouse.Dialect, x string) string { return d.Quantile(x, 0.99) },
}

var measures = []string{measureCount, measurePersons, measurePerPerson, "sum", "avg", "min", "max", "median", "p90", "p95", "p99"}

// The bounds of a trend.
const (
	maxSeries  = 50
	maxBuckets = 10_000
	maxPoints  = 200_000 // intervals × series × groups
)

func parseTrend(e *Engine, f *fields) Query {
	d := f.d
	t := &trend{scope: parseScope(e, f)}
	interval := f.choice("interval", day, hour, week, month, total)
	v, ok := f.take("series")
	if !ok {
		d.fail(f.place("series"), "is missing; at least one event and measure")
		return t
	}
	for i, item := range d.list(f.place("series"), v, 1, maxSeries) {
		o := d.object(f.place("series")+"."+strconv.Itoa(i), item)
		s := series{selector: o.selector(), measure: o.choice("measure", measures...), property: o.name("property")}
		o.end()
		_, aggregate := aggregates[s.measure]
		switch {
		case d.err != nil:
		case aggregate && s.property == "":
			d.fail(o.place("property"), "is missing; %s needs the property to measure", s.measure)
		case !aggregate && s.property != "":
			d.fail(o.place("property"), "%s measures no property", s.measure)
		}
		t.series = append(t.series, s)
	}
	t.limit = f.whole("limit", groupsDefault, 1, maxGroups)
	if d.err != nil {
		return t
	}
	if t.calendar = newCalendar(interval, t.zone, t.from, t.to, maxBuckets); t.calendar == nil {
		d.fail(f.place("interval"), "the range has more than %d intervals of one %s; use a longer interval", maxBuckets, interval)
		return t
	}
	t.limit = max(1, min(t.limit, maxPoints/(len(t.calendar.buckets)*len(t.series))))
	return t
}

func (t *trend) run(ctx context.Context, r *run) (*Answer, error) {
	p, err := t.prepare(ctx, r)
	if err != nil {
		return nil, err
	}
	groups, more, err := r.topGroups(ctx, &t.scope, p.source, p.anySeries(t, r.d), t.limit)
	if err != nil {
		return nil, err
	}
	a := &Answer{Columns: t.columns(), Rows: [][]any{}}
	a.Meta.Truncated = more
	for i := range t.series {
		rows, err := t.measureSeries(ctx, r, p, i, groups, more)
		if err != nil {
			return nil, err
		}
		a.Rows = append(a.Rows, rows...)
	}
	return a, r.finish(ctx, &t.scope, a)
}

func (t *trend) columns() []warehouse.Column {
	columns := []warehouse.Column{{Name: "time", Type: warehouse.Time}, {Name: "series", Type: warehouse.Number}}
	return append(append(columns, t.breakdownColumns()...), warehouse.Column{Name: "value", Type: warehouse.Number})
}

// prepared is what a question's statements share.
type prepared struct {
	source fragment
	codes  eventCodes
}

func (r *run) prepare(ctx context.Context, s *scope, selectors ...selector) (prepared, error) {
	codes, err := r.codes(ctx, selectors...)
	if err != nil {
		return prepared{}, err
	}
	source, err := r.source(ctx, s)
	if err != nil {
		return prepared{}, err
	}
	return prepared{source, codes}, nil
}

func (t *trend) prepare(ctx context.Context, r *run) (prepared, error) {
	var selectors []selector
	for _, s := range t.series {
		selectors = append(selectors, s.selector)
	}
	return r.prepare(ctx, &t.scope, selectors...)
}

// anySeries is true for events of at least one series.
func (p prepared) anySeries(t *trend, d warehouse.Dialect) fragment {
	var any []fragment
	for _, s := range t.series {
		any = append(any, s.sql(d, p.codes))
	}
	return joined(any, " OR ", "FALSE")
}

// measureSeries returns the rows of one series, with every interval of every group.
func (t *trend) measureSeries(ctx context.Context, r *run, p prepared, i int, groups [][]any, narrowed bool) ([][]any, error) {
	s, n := t.series[i], len(t.calendar.buckets)
	var values []any
	var err error
	if s.measure == measurePersons || s.measure == measurePerPerson {
		values, err = t.countPersons(ctx, r, p, s, groups)
	} else {
		values, err = t.aggregate(ctx, r, p, i, groups, narrowed)
	}
	if err != nil {
		return nil, err
	}
	rows := make([][]any, 0, len(values))
	for g := range groups {
		for b := range n {
			row := append([]any{t.calendar.buckets[b].start, int64(i)}, groups[g]...)
			rows = append(rows, append(row, values[g*n+b]))
		}
	}
	return rows, nil
}

// aggregate returns values by group and interval, computed by the engine.
func (t *trend) aggregate(ctx context.Context, r *run, p prepared, i int, groups [][]any, narrowed bool) ([]any, error) {
	s := t.series[i]
	where := s.sql(r.d, p.codes)
	if narrowed {
		where = build(where, t.among(r.d, groups))
	}
	res, err := r.query(ctx, t.statement(r.d, s, build(p.source, " AND (", where, ")")), 0)
	if err != nil {
		return nil, err
	}
	if res.Truncated {
		return nil, touchstone.Errorf(touchstone.Invalid, "series.%d: has too many groups", i).WithHint("use a longer interval or fewer breakdowns")
	}
	place := map[string]int{}
	for g := range groups {
		place[groupKey(groups[g])] = g
	}
	buckets, n := t.calendar.buckets, len(t.breakdown)
	values := make([]any, len(groups)*len(buckets))
	if s.measure == measureCount || s.measure == "sum" {
		begun := t.begun(r.opts.Clock.Now())
		for j := range values {
			if j%len(buckets) < begun {
				values[j] = int64(0)
			}
		}
	}
	for _, row := range res.Rows {
		g, known := place[groupKey(row[1:1+n])]
		b, inside := t.calendar.index[row[0].(int64)]
		if !known || !inside {
			continue
		}
		value, numbers := row[1+n], row[2+n].(int64)
		switch {
		case value != nil:
			values[g*len(buckets)+b] = tidy(value)
		case numbers > 0:
			return nil, touchstone.Errorf(touchstone.Invalid, "series.%d: the %s of %q goes beyond what a number can hold (1.8e308)", i, s.measure, s.property).
				WithHint("leave the impossible values out with a condition, as in where: [{property: %q, op: lt, value: 1e15}]", s.property)
		}
	}
	return values, nil
}

// begun is how many of the intervals have begun. Nothing is known of the others, so their
// values are null, unless there are events (of clients whose clocks are fast) in them.
func (t *trend) begun(now time.Time) int {
	return sort.Search(len(t.calendar.buckets), func(i int) bool { return t.calendar.buckets[i].start.After(now) })
}

// countPersons returns values by group and interval: different people, or events per person.
func (t *trend) countPersons(ctx context.Context, r *run, p prepared, s series, groups [][]any) ([]any, error) {
	n := len(t.calendar.buckets)
	var workers []gather.Worker
	var counts []*distinct
	for range gather.Parallelism {
		d := &distinct{persons: make([]int64, len(groups)*n), events: make([]int64, len(groups)*n)}
		counts, workers = append(counts, d), append(workers, d)
	}
	if err := r.gather(ctx, t.places(r.d, p, s, groups), workers); err != nil {
		return nil, err
	}
	values, begun := make([]any, len(groups)*n), t.begun(r.opts.Clock.Now())
	for i := range values {
		persons, events := int64(0), int64(0)
		for _, d := range counts {
			persons, events = persons+d.persons[i], events+d.events[i]
		}
		switch {
		case s.measure == measurePersons && (persons > 0 || i%n < begun):
			values[i] = persons
		case s.measure == measurePerPerson && persons > 0:
			values[i] = tidy(float64(events) / float64(persons))
		}
	}
	return values, nil
}

// places gathers, for each event of a series, the place of its value: by group, then by
// interval.
func (t *trend) places(d warehouse.Dialect, p prepared, s series, groups [][]any) gather.Gathering {
	n, c := int64(len(t.calendar.buckets)), classify(d, p.codes, []selector{s.selector})
	source := build(p.source, " AND (", c.where, ")")
	rows := build("SELECT e.node, e.time, ", c.column, " ", source)
	if len(t.breakdown) > 0 {
		rows = t.numbered(d, c.column, source, frag("TRUE"), groups)
	}
	return gather.Gathering{Rows: rows.statement(), Bits: bits.Len64(uint64(n) * uint64(len(groups))), Items: func(columns [][]int64, out []int64) {
		for row, value := range columns[1] {
			group := int64(0)
			if len(columns) > 2 {
				group = columns[2][row] - 1
			}
			if group < 0 || c.Set(value) == 0 {
				out[row] = gather.Dropped
			} else {
				out[row] = group*n + int64(t.calendar.place(columns[0][row]))
			}
		}
	}}
}

// distinct counts, for each place, events and the people who have any.
type distinct struct{ persons, events []int64 }

func (d *distinct) Person(_ int64, items []int64) {
	for i, item := range items {
		d.events[item]++
		if i == 0 || items[i-1] != item {
			d.persons[item]++
		}
	}
}

// among restricts events to those whose group may be one of groups.
func (t *trend) among(d warehouse.Dialect, groups [][]any) fragment {
	var b builder
	for i, g := range t.breakdown {
		texts, null := []any{}, false
		for _, values := range groups {
			switch {
			case values[i] == nil:
				null = true
			case !slices.Contains(texts, values[i]):
				texts = append(texts, values[i])
			}
		}
		var either []fragment
		if null {
			either = append(either, frag(g.groupText(d)+" IS NULL"))
		}
		if len(texts) > 0 {
			either = append(either, frag(g.groupText(d)+" IN ("+marks(len(texts))+")", texts...))
		}
		b.add(" AND (", joined(either, " OR ", "FALSE"), ")")
	}
	return b.fragment()
}

// marks returns n parameters: "?, ?, ?".
func marks(n int) string {
	s := ""
	for i := range n {
		if i > 0 {
			s += ", "
		}
		s += "?"
	}
	return s
}

// statement measures one series in the engine: columns key, g0 …, value, and the number
// of what it was made from: a value that is null all the same is beyond all numbers.
func (t *trend) statement(d warehouse.Dialect, s series, source fragment) fragment {
	key := t.calendar.keyExpr(d, d.Millis("e.time"))
	selected, names := t.groupColumns(d)
	if s.measure == measureCount {
		return build("SELECT k", names, ", count(*), count(*) FROM (SELECT ", key, " AS k", selected, " ", source, ") x GROUP BY k", names)
	}
	number := d.JSON(warehouse.AsNumber, "e.properties", s.property)
	return build("SELECT k", names, ", ", aggregates[s.measure](d, "v"), ", count(v) FROM (SELECT ", key, " AS k", selected, ", ", number, " AS v ", source,
		") x GROUP BY k", names)
}

// tidy takes the last digit off a sum or quotient, which rounding has made meaningless:
// 9747747.933999998 becomes 9747747.934.
func tidy(v any) any {
	f, ok := v.(float64)
	if !ok {
		return v
	}
	f, err := strconv.ParseFloat(strconv.FormatFloat(f, 'g', 15, 64), 64)
	if err != nil {
		return v
	}
	return f
}

// trendSelection names the people of one interval, series and group.
type trendSelection struct {
	*trend
	bucket bucket
	series int
	values []any
}

func (t *trend) selection(d *decoder, f *fields) selection {
	s := trendSelection{trend: t, series: f.whole("series", 0, 0, len(t.series)-1), values: f.values(&t.scope)}
	s.bucket = t.calendar.selected(d, f)
	return s
}

func (s trendSelection) people(ctx context.Context, r *run) ([]touchstone.PersonID, error) {
	p, err := s.prepare(ctx, r)
	if err != nil {
		return nil, err
	}
	wanted := int64(s.calendar.index[s.bucket.key])
	g := s.places(r.d, p, s.trend.series[s.series], [][]any{s.values})
	places := g.Items
	g.Items = func(columns [][]int64, out []int64) {
		places(columns, out)
		for i, place := range out {
			if place != wanted {
				out[i] = gather.Dropped
			}
		}
	}
	return r.people(ctx, g)
}
