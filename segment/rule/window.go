package rule

import (
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Window says which times count. The zero Window is all time.
//
// A sliding window moves with the clock: from From ago, which is no longer part of it, to To
// ago, which is. While To is 0 it reaches to now and beyond: an event counts as soon as it has arrived, also when its own
// time lies ahead. A calendar window is the period of a unit that is Back periods before the present one; the present one,
// too, has no end. A fixed window lies between two moments.
type Window struct {
	From, To time.Duration // sliding, if From is not 0

	Unit Unit // calendar, if it is not empty
	Back int
	Zone string
	zone *time.Location

	Since, Until int64 // fixed, in unix milliseconds: Since <= time < Until; 0 = no bound
}

// Unit is a period of the calendar. Weeks begin on Monday.
type Unit string

// The units.
const (
	Day     Unit = "day"
	Week    Unit = "week"
	Month   Unit = "month"
	Quarter Unit = "quarter"
	Year    Unit = "year"
)

// MaxBack bounds how many periods a calendar window lies back.
const MaxBack = 366

// spans bound a unit: no period is shorter or longer, whatever clocks are put forward or back.
var spans = map[Unit]struct{ least, most time.Duration }{
	Day:     {22 * time.Hour, 26 * time.Hour},
	Week:    {(7*24 - 2) * time.Hour, (7*24 + 2) * time.Hour},
	Month:   {(28*24 - 2) * time.Hour, (31*24 + 2) * time.Hour},
	Quarter: {(90*24 - 2) * time.Hour, (92*24 + 2) * time.Hour},
	Year:    {(365*24 - 2) * time.Hour, (366*24 + 2) * time.Hour},
}

// moves tells that the clock alone moves the window.
func (w *Window) moves() bool { return w.From != 0 || w.Unit != "" }

// open tells that the window has no end that the clock moves.
func (w *Window) open() bool { return w.To == 0 && w.Back == 0 }

// reach is how long ago a time may be and still count, or count again; 0 = for ever.
func (w *Window) reach() time.Duration {
	if w.Unit != "" {
		return time.Duration(w.Back+1) * spans[w.Unit].most
	}
	return w.From
}

// span is the shortest that the window gets between two ends that move.
func (w *Window) span() time.Duration {
	if w.Unit != "" {
		return spans[w.Unit].least
	}
	return w.From - w.To
}

// at returns the window at a moment: times of at least lo and less than hi count.
func (w *Window) at(now int64) (lo, hi int64) {
	switch {
	case w.From != 0:
		lo, hi = now-w.From.Milliseconds()+1, Never
		if w.To != 0 {
			hi = now - w.To.Milliseconds() + 1
		}
		return lo, hi
	case w.Unit != "":
		begin := w.Unit.begin(time.UnixMilli(now).In(w.zone))
		if w.Back == 0 {
			return begin.UnixMilli(), Never
		}
		return w.Unit.step(begin, -w.Back).UnixMilli(), w.Unit.step(begin, 1-w.Back).UnixMilli()
	}
	return -Never, Never
}

// turns is the moment at which a calendar window moves next.
func (w *Window) turns(now int64) int64 {
	at := w.Unit.step(w.Unit.begin(time.UnixMilli(now).In(w.zone)), 1).UnixMilli()
	if at <= now { // a zone left a day out
		return now + time.Hour.Milliseconds()
	}
	return at
}

// begin is when the period began in which a moment lies.
func (u Unit) begin(t time.Time) time.Time {
	y, m, d := t.Date()
	switch u {
	case Week:
		d -= (int(t.Weekday()) + 6) % 7
	case Month:
		d = 1
	case Quarter:
		m, d = (m-1)/3*3+1, 1
	case Year:
		m, d = 1, 1
	}
	return midnight(y, m, d, t.Location())
}

// step is the beginning of the period n periods after the one that begins at t.
func (u Unit) step(t time.Time, n int) time.Time {
	y, m, d := t.Date()
	switch u {
	case Day:
		d += n
	case Week:
		d += 7 * n
	case Month:
		m += time.Month(n)
	case Quarter:
		m += time.Month(3 * n)
	case Year:
		y += n
	}
	return midnight(y, m, d, t.Location())
}

// midnight is the first moment of a day. Where clocks skip midnight, time.Date may give the last hour of the day before;
// where midnight comes twice, it may give the second.
func midnight(y int, m time.Month, d int, zone *time.Location) time.Time {
	t := time.Date(y, m, d, 0, 0, 0, 0, zone)
	switch {
	case t.Hour() > 12:
		_, before := t.Zone()
		_, after := t.Add(3 * time.Hour).Zone()
		return t.Add(time.Duration(after-before) * time.Second)
	case t.Add(-time.Hour).Day() == t.Day():
		return t.Add(-time.Hour)
	}
	return t
}

// dayOf numbers the days of a zone.
func dayOf(at int64, zone *time.Location) int64 {
	y, m, d := time.UnixMilli(at).In(zone).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / (24 * 3600)
}

const windowFields = "within, ago, calendar, since, until"

// window reads the fields of a condition that say when.
func (p *parser) window(o *object) Window {
	var w Window
	first := ""
	for _, name := range []string{"within", "ago", "calendar", "since"} {
		v, ok := o.take(name)
		if !ok {
			continue
		}
		if first != "" {
			p.fail(join(o.at, name), "there is %s already; a condition has one window: use one of within, ago, calendar, and since with until", first)
			return w
		}
		first = name
		at := join(o.at, name)
		switch name {
		case "within":
			w.From = p.within(at, v)
		case "ago":
			w.From, w.To = p.ago(at, v)
		case "calendar":
			w.Unit, w.Back, w.Zone = p.calendar(at, v)
			w.zone = p.zone(join(at, "tz"), w.Zone)
		case "since":
			w.Since = p.moment(at, v)
		}
	}
	if v, ok := o.take("until"); ok {
		at := join(o.at, "until")
		if first != "" && first != "since" {
			p.fail(at, "there is %s already; a condition has one window: use one of within, ago, calendar, and since with until", first)
			return w
		}
		w.Until = p.moment(at, v)
		if p.err == nil && w.Until <= w.Since {
			p.fail(at, "must be later than since")
		}
	}
	return w
}

func (p *parser) ago(at string, v jsontext.Value) (from, to time.Duration) {
	o := p.object(at, v)
	begin, ok1 := o.take("from")
	end, ok2 := o.take("to")
	p.done(o, "from, to")
	if p.err == nil && (!ok1 || !ok2) {
		p.fail(at, `needs from and to, such as {"from":"30d","to":"10d"}: between 30 and 10 days ago`)
	}
	if p.err != nil {
		return 0, 0
	}
	from, to = p.within(join(at, "from"), begin), p.within(join(at, "to"), end)
	if p.err == nil && from <= to {
		p.fail(join(at, "from"), "must be longer ago than to: %s is not longer than %s", FormatDuration(from), FormatDuration(to))
	}
	return from, to
}

func (p *parser) calendar(at string, v jsontext.Value) (unit Unit, back int, zone string) {
	o := p.object(at, v)
	if v, ok := o.take("unit"); ok {
		unit = Unit(p.text(join(at, "unit"), v))
	}
	if _, known := spans[unit]; p.err == nil && !known {
		p.fail(join(at, "unit"), "must be one of day, week, month, quarter, year")
	}
	if v, ok := o.take("back"); ok {
		back = p.whole(join(at, "back"), v, 0, MaxBack)
		if p.err == nil && time.Duration(back+1)*spans[unit].least > MaxWithin {
			p.fail(join(at, "back"), "is longer ago than %s", FormatDuration(MaxWithin))
		}
	}
	if v, ok := o.take("tz"); ok {
		zone = p.text(join(at, "tz"), v)
	}
	if zone == "UTC" {
		zone = ""
	}
	p.done(o, "unit, back, tz")
	return unit, back, zone
}

// zone finds a time zone; no name is UTC.
func (p *parser) zone(at, name string) *time.Location {
	if name == "" || p.err != nil {
		return time.UTC
	}
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		p.fail(at, "%q is not a time zone; write one like Asia/Shanghai", name)
		return time.UTC
	}
	return zone
}

// moment reads a day, which begins at midnight in UTC, or a moment with its offset.
func (p *parser) moment(at string, v jsontext.Value) int64 {
	s := p.text(at, v)
	if p.err != nil {
		return 0
	}
	t, ok := ParseMoment(s)
	if !ok {
		p.fail(at, "%q is not a moment; write 2026-03-01, or 2026-03-01T09:00:00+08:00", s)
	}
	return t
}

// ParseMoment reads a day (midnight in UTC) or an RFC 3339 time between 1970 and 2400 as unix milliseconds.
func ParseMoment(s string) (int64, bool) {
	layout := time.RFC3339
	if !strings.Contains(s, "T") {
		layout = time.DateOnly
	}
	t, err := time.Parse(layout, s)
	return t.UnixMilli(), err == nil && t.UnixMilli() > 0 && t.Year() < 2400
}

// FormatMoment writes a moment in the form that ParseMoment reads, as short as it can be.
func FormatMoment(ms int64) string {
	t := time.UnixMilli(ms).UTC()
	if t.Equal(t.Truncate(24 * time.Hour)) {
		return t.Format(time.DateOnly)
	}
	return t.Format("2006-01-02T15:04:05.999Z07:00")
}

func (p *printer) window(w *Window) {
	switch {
	case w.To != 0:
		p.WriteString(`,"ago":{"from":"` + FormatDuration(w.From) + `","to":"` + FormatDuration(w.To) + `"}`)
	case w.From != 0:
		p.WriteString(`,"within":"` + FormatDuration(w.From) + `"`)
	case w.Unit != "":
		p.WriteString(`,"calendar":{"unit":"` + string(w.Unit) + `"`)
		if w.Back != 0 {
			p.WriteString(`,"back":` + itoa(w.Back))
		}
		p.tz(w.Zone)
		p.WriteByte('}')
	}
	if w.Since != 0 {
		p.WriteString(`,"since":"` + FormatMoment(w.Since) + `"`)
	}
	if w.Until != 0 {
		p.WriteString(`,"until":"` + FormatMoment(w.Until) + `"`)
	}
}

func (p *printer) tz(zone string) {
	if zone != "" {
		p.WriteString(`,"tz":`)
		p.text(zone)
	}
}

// inside tells for sure that every time in w is in o as well.
func (w *Window) inside(o *Window) bool {
	a, b := *w, *o
	a.zone, b.zone = nil, nil
	switch {
	case b == Window{} || a == b:
		return true
	case b.moves() || a.moves():
		return b.From != 0 && b.To == 0 && a.From != 0 && a.From <= b.From && a.Unit == "" && b.Unit == ""
	}
	return (b.Since == 0 || a.Since >= b.Since) && (b.Until == 0 || a.Until != 0 && a.Until <= b.Until)
}
