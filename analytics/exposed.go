package analytics

import (
	"context"
	"slices"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/warehouse"
	"github.com/touchstone-cdp/touchstone/warehouse/gather"
)

// exposed tells the way from an advertisement to a sale: which sales came within a time of an exposure of the same
// person, by the last one before.
type exposed struct {
	scope
	sale     selector
	exposure selector
	window   time.Duration
	touch    *field // of the exposure, by which sales are grouped beside
	limit    int
}

const (
	maxTouches      = 100
	defaultExposure = 30 * 24 * time.Hour
	maxExposure     = 366 * 24 * time.Hour
)

func parseExposed(e *Engine, f *fields) Query {
	d := f.d
	q := &exposed{scope: parseScope(e, f)}
	q.sale, q.exposure = f.event("sale"), f.event("exposure")
	q.window = f.duration("window", defaultExposure, maxExposure)
	touches := f.groups("touch")
	if len(touches) > 1 {
		d.fail(f.place("touch"), "must hold one field")
	}
	if len(touches) == 1 {
		q.touch = &touches[0]
	}
	q.limit = f.whole("limit", groupsDefault, 1, maxGroups)
	return q
}

func (q *exposed) columns() []warehouse.Column {
	list := append(q.breakdownColumns(), warehouse.Column{Name: "touch", Type: warehouse.String}, warehouse.Column{Name: "way", Type: warehouse.String})
	for _, name := range []string{"sales", "share", "persons", "median_seconds"} {
		list = append(list, warehouse.Column{Name: name, Type: warehouse.Number})
	}
	return list
}

// ways in which a sale came about.
const (
	wayTouched = "exposed" // touch is that of the last exposure
	wayOther   = "other"   // exposed, by one of the touches that are not listed
	wayNone    = "none"    // no exposure within the window
)

// touches of the exposures, numbered from 0; behind them the other ones, and none.
func (q *exposed) touches(ctx context.Context, r *run, codes eventCodes, source fragment) ([][]any, error) {
	if q.touch == nil {
		return [][]any{{nil}}, nil
	}
	s := scope{breakdown: []field{*q.touch}}
	groups, _, err := r.topGroups(ctx, &s, source, q.exposure.sql(r.d, codes), maxTouches)
	return groups, err
}

// The classes of items: an exposure of the same moment comes before the sale.
const (
	classExposure = iota
	classSale
	exposedClasses
)

func (q *exposed) run(ctx context.Context, r *run) (*Answer, error) {
	x, err := q.prepareExposed(ctx, r)
	if err != nil {
		return nil, err
	}
	var workers []gather.Worker
	var all []*lastTouch
	for range gather.Parallelism {
		w := newLastTouch(q, x)
		all, workers = append(all, w), append(workers, w)
	}
	if err := r.gather(ctx, x.gathering, workers); err != nil {
		return nil, err
	}
	for _, w := range all[1:] {
		all[0].add(w)
	}
	a := &Answer{Columns: q.columns(), Rows: [][]any{}}
	a.Meta.Truncated = x.more
	n := len(x.touches) + 2
	for g := range x.groups {
		places := all[0].places[g*n : (g+1)*n]
		sum := int64(0)
		for _, p := range places {
			sum += p.sales
		}
		for t, p := range places {
			if p.sales == 0 {
				continue
			}
			row := slices.Clone(x.groups[g])
			switch {
			case t < len(x.touches):
				row = append(row, x.touches[t][0], wayTouched)
			case t == len(x.touches):
				row = append(row, nil, wayOther)
			default:
				row = append(row, nil, wayNone)
			}
			row = append(row, p.sales, tidy(float64(p.sales)/float64(sum)), p.persons)
			if len(p.lags) == 0 {
				row = append(row, nil)
			} else {
				slices.Sort(p.lags)
				row = append(row, float64(p.lags[(len(p.lags)-1)/2]+p.lags[len(p.lags)/2])/2000)
			}
			a.Rows = append(a.Rows, row)
		}
	}
	return a, r.finish(ctx, &q.scope, a)
}

// exposedRows is what the statement of an exposed question is made of.
type exposedRows struct {
	groups, touches [][]any
	more            bool
	packing         gather.Packing
	gathering       gather.Gathering
}

func (q *exposed) prepareExposed(ctx context.Context, r *run) (*exposedRows, error) {
	p, err := r.prepare(ctx, &q.scope, q.sale, q.exposure)
	if err != nil {
		return nil, err
	}
	x := &exposedRows{}
	if x.groups, x.more, err = r.topGroups(ctx, &q.scope, p.source, q.sale.sql(r.d, p.codes), q.limit); err != nil {
		return nil, err
	}
	visible, err := r.visible(ctx, r.viewer, "e.node")
	if err != nil {
		return nil, err
	}
	seen := build("FROM events_raw e WHERE ", frag("e.time >= ? AND e.time < ?", q.from.Add(-q.window), q.to), visible)
	if x.touches, err = q.touches(ctx, r, p.codes, seen); err != nil {
		return nil, err
	}
	var ok bool
	if x.packing, ok = gather.NewPacking(q.from.Add(-q.window), q.to, exposedClasses, max(len(x.groups), len(x.touches))+1); !ok {
		return nil, touchstone.Errorf(touchstone.Invalid, "the range, its groups and touches are too many for one question").WithHint("ask about a shorter range or fewer groups")
	}
	numbered := func(s *scope, class int64, source fragment, of selector, groups [][]any) fragment {
		if len(s.breakdown) == 0 {
			groups = nil
		}
		return s.numbered(r.d, frag("CAST("+literal(class)+" AS BIGINT)"), build(source, " AND (", of.sql(r.d, p.codes), ")"), frag("TRUE"), groups)
	}
	touch := scope{}
	if q.touch != nil {
		touch.breakdown = []field{*q.touch}
	}
	rows := build(numbered(&touch, classExposure, seen, q.exposure, x.touches), " UNION ALL ", numbered(&q.scope, classSale, p.source, q.sale, x.groups))
	byGroup := len(q.breakdown) > 0
	x.gathering = gather.Gathering{Rows: rows.statement(), Bits: x.packing.Bits(), Items: func(columns [][]int64, out []int64) {
		for i, at := range columns[0] {
			class, group := columns[1][i], columns[2][i]
			if class == classSale && byGroup && group == 0 {
				out[i] = gather.Dropped // of a group that is not listed
				continue
			}
			out[i] = x.packing.Pack(at, class, group)
		}
	}}
	return x, nil
}

// touchPlace counts the sales of one group and touch.
type touchPlace struct {
	sales, persons int64
	lags           []int64 // milliseconds since the exposure
}

// lastTouch gives each sale to the last exposure before it.
type lastTouch struct {
	q       *exposed
	x       *exposedRows
	places  []touchPlace // by group, then by touch
	counted []bool       // of the person at work
	window  int64
}

func newLastTouch(q *exposed, x *exposedRows) *lastTouch {
	n := len(x.groups) * (len(x.touches) + 2)
	return &lastTouch{q: q, x: x, places: make([]touchPlace, n), counted: make([]bool, n), window: q.window.Milliseconds()}
}

func (w *lastTouch) Person(_ int64, items []int64) {
	clear(w.counted)
	w.eachSale(items, func(place int, lag int64) {
		p := &w.places[place]
		p.sales++
		if !w.counted[place] {
			w.counted[place] = true
			p.persons++
		}
		if lag >= 0 {
			p.lags = append(p.lags, lag)
		}
	})
}

// eachSale calls fn with each sale's place and the time since the exposure, -1 without one.
func (w *lastTouch) eachSale(items []int64, fn func(place int, lag int64)) {
	last, touch := int64(-1), 0
	n := len(w.x.touches)
	for _, item := range items {
		at, group := w.x.packing.Time(item), w.x.packing.Group(item)
		if w.x.packing.Class(item) == classExposure {
			switch last = at; {
			case w.q.touch == nil:
				touch = 0
			case group == 0:
				touch = n
			default:
				touch = group - 1
			}
			continue
		}
		g := max(group-1, 0)
		if last < 0 || at-last > w.window {
			fn(g*(n+2)+n+1, -1)
		} else {
			fn(g*(n+2)+touch, at-last)
		}
	}
}

func (w *lastTouch) add(other *lastTouch) {
	for i := range w.places {
		p, o := &w.places[i], &other.places[i]
		p.sales, p.persons, p.lags = p.sales+o.sales, p.persons+o.persons, append(p.lags, o.lags...)
	}
}

// exposedSelection names the people whose sales one row counts.
type exposedSelection struct {
	*exposed
	values []any
	way    string
	touch  any
}

func (q *exposed) selection(d *decoder, f *fields) selection {
	s := exposedSelection{exposed: q, values: f.values(&q.scope), way: f.choice("way", wayTouched, wayOther, wayNone)}
	if v, ok := f.take("touch"); ok && v.Kind() != 'n' {
		s.touch = d.text(f.place("touch"), v, 1<<20)
	}
	return s
}

func (s exposedSelection) people(ctx context.Context, r *run) ([]touchstone.PersonID, error) {
	x, err := s.prepareExposed(ctx, r)
	if err != nil {
		return nil, err
	}
	group := slices.IndexFunc(x.groups, func(values []any) bool { return groupKey(values) == groupKey(s.values) })
	touch := len(x.touches) + 1
	switch s.way {
	case wayTouched:
		touch = slices.IndexFunc(x.touches, func(values []any) bool { return values[0] == s.touch })
	case wayOther:
		touch = len(x.touches)
	}
	if group < 0 || touch < 0 {
		return []touchstone.PersonID{}, nil
	}
	var workers []gather.Worker
	var all []*touched
	for range gather.Parallelism {
		w := &touched{lastTouch: newLastTouch(s.exposed, x), place: group*(len(x.touches)+2) + touch}
		all, workers = append(all, w), append(workers, w)
	}
	if err := r.gather(ctx, x.gathering, workers); err != nil {
		return nil, err
	}
	var lists [][]touchstone.PersonID
	for _, w := range all {
		lists = append(lists, w.people)
	}
	return gather.First(maxPeople, lists...), nil
}

// touched lists the people with a sale at one place.
type touched struct {
	*lastTouch
	place  int
	people []touchstone.PersonID
}

func (w *touched) Person(id int64, items []int64) {
	found := false
	w.eachSale(items, func(place int, _ int64) { found = found || place == w.place })
	if found {
		w.people = append(w.people, touchstone.PersonID(id))
	}
}
