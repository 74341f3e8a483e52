// Package cron works out when something is due: by an expression of five fields, on the wall
// clock of a time zone, on all days or only on working days or holidays of a [Calendar].
package cron

import (
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/touchstone-cdp/touchstone"
)

// Days says on which days something may be due.
type Days string

// The choices of days.
const (
	All     Days = "all"
	Working Days = "working"
	Holiday Days = "holiday" // days off, weekends among them
)

// Expr is a cron expression that has been understood.
type Expr struct {
	minute, hour, day, month, weekday uint64
	anyHour                           bool // each hour: due by time gone by, not by the wall clock
	anyDay, anyWeekday                bool
}

const star = 1 << 63 // the parser's mark of a field that takes anything

// Parse reads five fields (minute, hour, day, month, weekday), with names, ranges, lists and
// steps, or @hourly, @daily, @weekly, @monthly, @yearly.
func Parse(text string) (Expr, error) {
	text = strings.Join(strings.Fields(text), " ")
	parser := cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor)
	var s *cron.SpecSchedule
	parsed, err := parser.Parse(text)
	if err == nil {
		s, _ = parsed.(*cron.SpecSchedule) // @every is another one
	}
	if err != nil {
		return Expr{}, notUnderstood(text, err.Error())
	}
	if s == nil || strings.Contains(text, "=") { // TZ=
		return Expr{}, notUnderstood(text, "it has no five fields")
	}
	e := Expr{minute: s.Minute, hour: s.Hour, day: s.Dom, month: s.Month, weekday: s.Dow,
		anyHour: s.Hour&star != 0, anyDay: s.Dom&star != 0, anyWeekday: s.Dow&star != 0}
	if _, ok := e.Next(time.Now(), time.UTC, All, &Calendar{}); !ok {
		return Expr{}, touchstone.Errorf(touchstone.Invalid, "There is no day on which %q is due.", text)
	}
	return e, nil
}

func notUnderstood(text, why string) error {
	return touchstone.Errorf(touchstone.Invalid, "The time %q is not understood: %s.", text, why).
		WithHint("Write minute, hour, day of the month, month and weekday, as in \"30 2 * * *\" or \"0 9 * * mon-fri\", or @hourly, @daily, @weekly, @monthly, @yearly.")
}

// horizon is how many days are looked at: a leap day on a weekday comes within 40 years, and a
// day off on a certain weekday may be years away.
const horizon = 41 * 366

// Next returns the first moment after another at which the expression is due in a zone. ok is
// false when there is none within some forty years.
//
// A time of the wall clock that is skipped in spring stands for the first moment after the
// gap, and one that comes twice in autumn for its first. An expression for each hour goes by
// the time that has passed: it is due in the repeated hour too.
func (e Expr) Next(after time.Time, zone *time.Location, days Days, calendar *Calendar) (next time.Time, ok bool) {
	day := DayOf(after.In(zone))
	for range horizon {
		if e.takes(day, days, calendar) {
			if t, ok := e.within(day, after, zone); ok {
				return t.UTC(), true
			}
		}
		day = day.Next()
	}
	return time.Time{}, false
}

// takes tells whether the expression is due on a day at all. As ever with cron, of a day of
// the month and a weekday that are both given, one is enough.
func (e Expr) takes(d Day, days Days, calendar *Calendar) bool {
	if !has(e.month, int(d.Month)) {
		return false
	}
	ofMonth, ofWeek := has(e.day, d.Day), has(e.weekday, int(d.Weekday()))
	if e.anyDay || e.anyWeekday {
		if !ofMonth || !ofWeek {
			return false
		}
	} else if !ofMonth && !ofWeek {
		return false
	}
	if days == All {
		return true
	}
	working, _ := calendar.Working(d)
	return working == (days == Working)
}

// within returns the first moment of a day that is due and comes after another.
func (e Expr) within(d Day, after time.Time, zone *time.Location) (time.Time, bool) {
	if e.anyHour {
		next := d.Next()
		end := moment(next, 0, 0, zone)
		t := moment(d, 0, 0, zone)
		if !t.After(after) {
			t = after.Truncate(time.Minute).Add(time.Minute)
		}
		for ; t.Before(end); t = t.Add(time.Minute) {
			if has(e.minute, t.In(zone).Minute()) {
				return t, true
			}
		}
		return time.Time{}, false
	}
	for hour := range 24 {
		for minute := range 60 {
			if !has(e.hour, hour) || !has(e.minute, minute) {
				continue
			}
			if t := moment(d, hour, minute, zone); t.After(after) {
				return t, true
			}
		}
	}
	return time.Time{}, false
}

func has(bits uint64, n int) bool { return bits&(1<<uint(n)) != 0 } //nolint:gosec // 0 to 59

// moment is when the wall clock of a zone shows a time for the first time, or, if it skips
// that time, the moment at which it does.
func moment(d Day, hour, minute int, zone *time.Location) time.Time {
	t := time.Date(d.Year, d.Month, d.Day, hour, minute, 0, 0, zone)
	start, end := t.ZoneBounds()
	shown := t.Hour()*60 + t.Minute()
	switch wanted := hour*60 + minute; {
	case DayOf(t) != d || shown > wanted: // taken from before the gap, so it lies behind
		if before(DayOf(t), d) {
			return end
		}
		return start
	case shown < wanted:
		return end
	}
	if !start.IsZero() {
		_, now := t.Zone()
		_, earlier := start.Add(-time.Second).Zone()
		if first := t.Add(time.Duration(now-earlier) * time.Second); first.Before(start) && first.Before(t) {
			return first
		}
	}
	return t
}

func before(a, b Day) bool {
	return time.Date(a.Year, a.Month, a.Day, 0, 0, 0, 0, time.UTC).Before(time.Date(b.Year, b.Month, b.Day, 0, 0, 0, 0, time.UTC))
}
