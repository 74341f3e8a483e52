package rule

import (
	"math"
	"regexp"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/tidwall/gjson"

	"github.com/touchstone-cdp/touchstone"
)

// Operators of traits that are moments. A moment is a text such as 2026-03-01, 2026-03-01 09:30:00 or 2026-03-01T09:30:00+08:00, read
// in the test's zone where it has no offset, or a number: unix seconds below 10¹¹, milliseconds from there on. What is none passes none.
//
// With respect to now a moment is always in one of four: longer ago than so long, less long ago, less far ahead, further ahead.
const (
	Before Op = "before" // a fixed moment
	After  Op = "after"  // or at it

	AgoGt   Op = "ago_gt"   // so long ago, or longer
	AgoLt   Op = "ago_lt"   // now, or less than so long ago
	AheadLt Op = "ahead_lt" // yet to come, in so long or sooner
	AheadGt Op = "ahead_gt" // yet to come, and later than that

	// Anniversary holds on the days of each year from so many days before the moment's day until that day; with a number below 0 from
	// that day until so many days after it. So 0 is the birthday itself. Who was born on 29 February has it on the 28th in other years.
	Anniversary Op = "anniversary"
)

var clockOps = []Op{Before, After, AgoGt, AgoLt, AheadLt, AheadGt, Anniversary}

// MaxAnniversary bounds the days before or after an anniversary, so that two of them never meet.
const MaxAnniversary = 180

// Clocked tells whether the clock alone can change what the test says of a value.
func (t *Test) Clocked() bool {
	switch t.Op {
	case AgoGt, AgoLt, AheadLt, AheadGt, Anniversary:
		return true
	}
	return false
}

// clock is a test of time made ready.
type clock struct {
	zone   *time.Location
	at     int64 // of before and after
	length int64 // milliseconds
	days   int
}

func (t *Test) clock() clock {
	c := clock{zone: time.UTC}
	if t.Zone != "" {
		if zone, err := time.LoadLocation(t.Zone); err == nil { // it was found when the rule was read
			c.zone = zone
		}
	}
	switch t.Op {
	case Before, After:
		c.at, _ = ParseMoment(t.Values[0].Text)
	case Anniversary:
		c.days = int(t.Values[0].Number)
	default:
		length, _ := ParseDuration(t.Values[0].Text)
		c.length = length.Milliseconds()
	}
	return c
}

// Holds is [Test.Match] at a moment, with the deadline before which the answer stands for this value.
func (t *Test) Holds(value touchstone.JSON, ok bool, now int64) (bool, int64) {
	if !t.Clocked() {
		return t.Match(value, ok), Never
	}
	if !ok || value == "" {
		return false, Never
	}
	v := gjson.Parse(string(value))
	c := &t.ready.clock
	if t.Op == Anniversary {
		return c.anniversary(v, now)
	}
	at, is := c.moment(v)
	if !is {
		return false, Never
	}
	from, until := int64(math.MinInt64), int64(Never) // it holds from then until then
	switch t.Op {
	case AgoGt:
		from = at + c.length
	case AgoLt:
		from, until = at, at+c.length
	case AheadLt:
		from, until = at-c.length, at
	case AheadGt:
		until = at - c.length
	}
	switch {
	case now < from:
		return false, from
	case now < until:
		return true, until
	}
	return false, Never
}

// dated compares with a fixed moment.
func (t *Test) dated(v gjson.Result) bool {
	c := &t.ready.clock
	at, ok := c.moment(v)
	return ok && (at < c.at) == (t.Op == Before)
}

var momentForms = []string{time.DateOnly, time.DateTime, "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02T15:04"}

// moment reads a value as unix milliseconds.
func (c *clock) moment(v gjson.Result) (int64, bool) {
	if v.Type == gjson.Number {
		n := v.Num
		if math.Abs(n) < 1e11 {
			n *= 1000
		}
		return int64(n), math.Abs(n) <= maxMillis
	}
	t, ok := c.read(v)
	return t.UnixMilli(), ok
}

// maxMillis is the year 9999.
const maxMillis = 253_402_300_800_000

func (c *clock) read(v gjson.Result) (time.Time, bool) {
	if v.Type != gjson.String || len(v.Str) < len(time.DateOnly) || len(v.Str) > 40 {
		return time.Time{}, false
	}
	if t, err := time.Parse(time.RFC3339, v.Str); err == nil {
		return t, true
	}
	for _, form := range momentForms {
		if t, err := time.ParseInLocation(form, v.Str, c.zone); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

var yearless = regexp.MustCompile(`^(?:--)?(\d\d)-?(\d\d)$`)

// day reads the month and day of a date, of which the year may be missing: 02-29, --02-29, --0229.
func (c *clock) day(v gjson.Result) (month time.Month, day int, ok bool) {
	if found := yearless.FindStringSubmatch(v.Str); v.Type == gjson.String && found != nil {
		t, err := time.Parse("2006-0102", "2000-"+found[1]+found[2])
		return t.Month(), t.Day(), err == nil
	}
	if v.Type == gjson.String && len(v.Str) == len(time.DateOnly) { // a day is itself in every zone
		t, err := time.Parse(time.DateOnly, v.Str)
		return t.Month(), t.Day(), err == nil
	}
	at, ok := c.moment(v)
	t := time.UnixMilli(at).In(c.zone)
	return t.Month(), t.Day(), ok
}

func (c *clock) anniversary(v gjson.Result, now int64) (bool, int64) {
	month, day, ok := c.day(v)
	if !ok {
		return false, Never
	}
	year := time.UnixMilli(now).In(c.zone).Year()
	for y := year - 1; y <= year+2; y++ {
		d := day
		if month == time.February && day == 29 && time.Date(y, time.March, 0, 0, 0, 0, 0, time.UTC).Day() == 28 {
			d = 28
		}
		from := midnight(y, month, d-max(c.days, 0), c.zone).UnixMilli()
		until := midnight(y, month, d+1-min(c.days, 0), c.zone).UnixMilli()
		switch {
		case now < from:
			return false, from
		case now < until:
			return true, until
		}
	}
	return false, Never // the year after next is always ahead
}

// clocked reads the value of an operator of time, and the zone beside it.
func (p *parser) clocked(o *object, at string, v jsontext.Value, t *Test) {
	switch t.Op {
	case Before, After:
		if ms := p.moment(at, v); p.err == nil {
			t.Values = []Value{{Kind: Text, Text: FormatMoment(ms)}}
		}
	case Anniversary:
		n := p.whole(at, v, -MaxAnniversary, MaxAnniversary)
		t.Values = []Value{{Kind: Number, Number: float64(n)}}
	default:
		if d := p.within(at, v); p.err == nil {
			t.Values = []Value{{Kind: Text, Text: FormatDuration(d)}}
		}
	}
	if v, ok := o.take("tz"); ok {
		if t.Zone = p.text(join(o.at, "tz"), v); t.Zone == "UTC" {
			t.Zone = ""
		}
		p.zone(join(o.at, "tz"), t.Zone)
	}
}

// untimed refuses what compares with a clock where what is compared is an event, which belongs to its conditions once and for all.
func (p *parser) untimed(at string, t *Test) {
	if p.err == nil && slices.Contains(clockOps, t.Op) {
		p.fail(join(at, "op"), "%s is about traits; of an event's property compare the text, such as gte 2026-03-01, and of its time use within, ago, since or until", t.Op)
	}
}
