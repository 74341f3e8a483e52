package analytics

import (
	"context"
	"slices"
	"time"

	"github.com/touchstone-cdp/touchstone/warehouse"
)

// scope is what every question says in the same way: its range, zone, people, conditions
// on every event and groups.
type scope struct {
	from, to  time.Time
	zone      *time.Location
	segment   string
	subject   string // what is counted: persons or households
	filters   []condition
	breakdown []field // of events
	home      *homeBreakdown
	homes     []homeCondition
	meant     []*someHomes // whom it is asked about, when it is asked
}

// The bounds of a question.
const (
	maxBreakdowns = 5
	maxGroups     = 1000
	groupsDefault = 100
	maxRange      = 200 * 366 * 24 * time.Hour
)

// earliest is the first moment a range can begin at; it lies before all events that the edge
// believes.
var earliest = time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC)

func parseScope(e *Engine, f *fields) scope {
	s := scope{zone: e.opts.Zone()}
	d := f.d
	var hasFrom, hasTo bool
	s.from, hasFrom = f.moment("from")
	s.to, hasTo = f.moment("to")
	switch {
	case d.err != nil:
	case !hasFrom:
		d.fail(f.place("from"), "is missing; the first moment that counts, as in 2026-01-01T00:00:00Z")
	case !hasTo:
		d.fail(f.place("to"), "is missing; the first moment that no longer counts, as in 2026-02-01T00:00:00Z")
	case !s.from.Before(s.to):
		d.fail(f.place("to"), "must be later than from")
	case s.from.Before(earliest) || s.to.Sub(s.from) > maxRange:
		d.fail(f.place("from"), "must be from %s on, and at most 200 years before to", earliest.Format(time.DateOnly))
	}
	if v, ok := f.take("tz"); ok {
		name := d.text(f.place("tz"), v, maxName)
		zone, err := time.LoadLocation(name)
		if d.err == nil && (err != nil || name == "" || name == "Local") {
			d.fail(f.place("tz"), "unknown time zone %q; use an IANA name such as Asia/Shanghai or UTC", name)
		}
		s.zone = zone
	}
	if s.subject = f.choice("subject", "person", subjectHousehold); d.err == nil && s.subject == subjectHousehold && e.opts.Households == nil {
		d.fail(f.place("subject"), "households are not available here")
	}
	s.segment = f.name("segment")
	if d.err == nil && s.segment != "" && e.opts.Segments == nil {
		d.fail(f.place("segment"), "segments are not available here")
	}
	s.homes = f.homes(e)
	s.filters = f.where("filters")
	s.breakdown, s.home = f.allGroups(e, "breakdown")
	return s
}

// groups reads the fields of events of a breakdown.
func (f *fields) groups(name string) []field {
	list, _ := f.allGroups(nil, name)
	return list
}

// allGroups reads the fields of a breakdown, of which one may be a trait of households; e is nil where it may not.
func (f *fields) allGroups(e *Engine, name string) (list []field, home *homeBreakdown) {
	v, ok := f.take(name)
	if !ok {
		return nil, nil
	}
	for i, item := range f.d.list(f.place(name), v, 0, maxBreakdowns) {
		o := f.d.object(f.place(name)+"."+string(rune('0'+i)), item)
		if trait := ""; e != nil {
			if trait = o.name("household"); trait != "" {
				e.checkTrait(f.d, o.place("household"), trait)
				if home != nil {
					f.d.fail(o.place("household"), "is the second one; a question is broken down by one trait of households")
				}
				home = &homeBreakdown{trait, i}
				o.end()
				continue
			}
		}
		g := field{property: o.name("property"), context: o.name("context")}
		if v, ok := o.take("dimension"); ok {
			g.dimension = o.d.dimension(o.place("dimension"), v)
		}
		o.end()
		n := 0
		for _, set := range []string{g.property, g.context, g.dimension} {
			if set != "" {
				n++
			}
		}
		if n != 1 {
			f.d.fail(o.at, "must hold one of property, context and dimension")
		}
		list = append(list, g)
	}
	return list, home
}

// selector chooses events: those of a name ("*" for all) that pass the conditions.
type selector struct {
	event string
	where []condition
	label string
}

// anyEvent stands for events of every name.
const anyEvent = "*"

// selector reads event, where and name of an object; the caller ends it.
func (f *fields) selector() selector {
	s := selector{event: f.name("event"), where: f.where("where")}
	if s.event == "" {
		f.d.fail(f.place("event"), `is missing; the name of an event, or "*" for all`)
	}
	if v, ok := f.take("name"); ok {
		s.label = f.d.text(f.place("name"), v, maxName)
	}
	return s
}

// event reads a selector that is an object of its own.
func (f *fields) event(name string) selector {
	v, ok := f.take(name)
	if !ok {
		f.d.fail(f.place(name), `is missing; an event such as {"event":"view"}`)
		return selector{}
	}
	o := f.d.object(f.place(name), v)
	defer o.end()
	return o.selector()
}

// eventCodes are the codes of some names of events.
type eventCodes struct {
	of   map[string]int64
	last int64 // of all names
}

// codes looks up the codes of event names. A name that was never seen has none.
func (r *run) codes(ctx context.Context, selectors ...selector) (eventCodes, error) {
	var names []any
	marks := ""
	for _, s := range selectors {
		if s.event != anyEvent && !slices.Contains(names, any(s.event)) {
			names = append(names, s.event)
			marks += ", ?"
		}
	}
	codes := eventCodes{of: map[string]int64{}}
	if len(names) == 0 {
		return codes, nil
	}
	res, err := r.w.Query(ctx, warehouse.Statement{SQL: "SELECT name, code, (SELECT max(code) FROM event_names) FROM event_names WHERE name IN (" + marks[2:] + ")", Args: names, Own: true})
	if err != nil {
		return codes, err
	}
	for _, row := range res.Rows {
		codes.of[row[0].(string)], codes.last = row[1].(int64), row[2].(int64)
	}
	return codes, nil
}

// sql is the selector's condition on a row e of events_raw.
func (s selector) sql(d warehouse.Dialect, codes eventCodes) fragment {
	all := []fragment{}
	if s.event != anyEvent {
		code, known := codes.of[s.event]
		if !known {
			return frag("FALSE")
		}
		all = append(all, frag("e.event = ?", code))
	}
	for _, c := range s.where {
		all = append(all, c.sql(d))
	}
	return joined(all, " AND ", "TRUE")
}

// source is the common part of a question's statements: FROM events_raw e WHERE range,
// filters, the segment, and the people that the viewer may see.
func (r *run) source(ctx context.Context, s *scope) (fragment, error) {
	var b builder
	b.add("FROM events_raw e WHERE ", frag("e.time >= ? AND e.time < ?", s.from, s.to))
	for _, c := range s.filters {
		b.add(" AND (", c.sql(r.d), ")")
	}
	segment, err := r.only(ctx, "e.node", s.segment)
	if err != nil {
		return fragment{}, err
	}
	for _, homes := range s.meant {
		b.add(homes.sql(r.d))
	}
	visible, err := r.visible(ctx, r.viewer, "e.node")
	b.add(segment, visible)
	return b.fragment(), err
}

// memberNodes selects the nodes of persons: the node that has the person's own number
// unless it was given to somebody else, and those that were given to the person.
func memberNodes(members fragment) fragment {
	return build("SELECT m.n FROM ", members, " m WHERE m.n NOT IN (SELECT node FROM overrides)",
		" UNION ALL SELECT o.node FROM overrides o WHERE o.person IN (SELECT n FROM ", members, ")")
}

// finish fills in what every answer says about its range.
func (r *run) finish(ctx context.Context, s *scope, a *Answer) error {
	visible, err := r.visible(ctx, r.viewer, "node")
	if err != nil {
		return err
	}
	f := build(frag("SELECT count(*), (SELECT max(received_at) FROM events_raw) FROM events_raw WHERE time >= ? AND time < ?", s.from, s.to), visible)
	res, err := r.w.Query(ctx, warehouse.Statement{SQL: f.sql, Args: f.args, Own: true})
	if err != nil {
		return err
	}
	a.Meta.ScannedEvents, _ = res.Rows[0][0].(int64)
	if fresh, ok := res.Rows[0][1].(time.Time); ok {
		a.Meta.FreshTo = formatTime(fresh)
	}
	a.Meta.From, a.Meta.To = formatTime(s.from), formatTime(s.to)
	return nil
}

// values reads the breakdown values of a selection: one text or null per field.
func (f *fields) values(s *scope) []any {
	v, ok := f.take("breakdown")
	if !ok && len(s.breakdown) == 0 {
		return nil
	}
	at := f.place("breakdown")
	if !ok {
		f.d.fail(at, "is missing; the row's breakdown values, in order")
		return nil
	}
	values := []any{}
	for _, item := range f.d.list(at, v, len(s.breakdown), len(s.breakdown)) {
		if item.Kind() == 'n' {
			values = append(values, nil)
			continue
		}
		values = append(values, f.d.text(at, item, 1<<20))
	}
	return values
}

// groupKey makes a group's values comparable; nil differs from every text.
func groupKey(values []any) string {
	key := ""
	for _, v := range values {
		if s, ok := v.(string); ok {
			key += "v" + s
		}
		key += "\x00"
	}
	return key
}

// groupColumns are the expressions of a breakdown, with the column names g0, g1 …
func (s *scope) groupColumns(d warehouse.Dialect) (selected, names string) {
	for i, g := range s.breakdown {
		name := "g" + string(rune('0'+i))
		selected += ", " + g.groupText(d) + " AS " + name
		names += ", " + name
	}
	return selected, names
}

// groupText is the text by which events are grouped.
func (f field) groupText(d warehouse.Dialect) string {
	if f.dimension == "event" {
		return d.EventName("e.event")
	}
	return f.text(d)
}

// breakdownColumns are the answer's columns for the groups.
func (s *scope) breakdownColumns() []warehouse.Column {
	var columns []warehouse.Column
	for _, g := range s.breakdown {
		columns = append(columns, warehouse.Column{Name: g.name(), Type: warehouse.String})
	}
	return columns
}

// topGroups returns the groups with the most events, at most limit, and whether there are
// more. Groups of equal size are ordered by their texts.
func (r *run) topGroups(ctx context.Context, s *scope, source, where fragment, limit int) (groups [][]any, more bool, err error) {
	if len(s.breakdown) == 0 {
		return [][]any{{}}, false, nil
	}
	selected, names := s.groupColumns(r.d)
	statement := build("SELECT ", names[2:], " FROM (SELECT ", selected[2:], " ", source, " AND (", where, ")) g GROUP BY ", names[2:],
		" ORDER BY count(*) DESC", names)
	res, err := r.query(ctx, statement, limit)
	if err != nil {
		return nil, false, err
	}
	return res.Rows, res.Truncated, nil
}
