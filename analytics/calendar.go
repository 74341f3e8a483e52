package analytics

import (
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/touchstone-cdp/touchstone/warehouse"
)

// Intervals of time.
const (
	hour  = "hour"
	day   = "day"
	week  = "week" // begins on Monday
	month = "month"
	total = "total"
)

const (
	hourMillis = int64(time.Hour / time.Millisecond)
	dayMillis  = 24 * hourMillis
	weekMillis = 7 * dayMillis
)

// calendar cuts a range into intervals of a time zone. A moment's interval has a key,
// which is computed by the same integer arithmetic in SQL and in Go; the zone's few
// changes of offset inside the range are written out. So engines need no time zones,
// and cannot disagree about them.
type calendar struct {
	interval string
	zone     *time.Location
	from, to int64    // unix milliseconds
	offsets  []offset // ascending
	buckets  []bucket
	index    map[int64]int // key → place in buckets
	table    []int32       // unit of local time after the first one → place in buckets
	first    int64
}

// offset is what is added to UTC before a moment.
type offset struct{ until, millis int64 }

// bucket is one interval: its key and the moment at which it begins.
type bucket struct {
	key   int64
	start time.Time
}

// newCalendar returns nil when there would be more than most intervals.
func newCalendar(interval string, zone *time.Location, from, to time.Time, most int) *calendar {
	c := &calendar{interval: interval, zone: zone, from: from.UnixMilli(), to: to.UnixMilli(), index: map[int64]int{}}
	for t := from; ; {
		_, seconds := t.In(zone).Zone()
		_, end := t.In(zone).ZoneBounds()
		if end.IsZero() || !end.Before(to) {
			c.offsets = append(c.offsets, offset{c.to, int64(seconds) * 1000})
			break
		}
		c.offsets = append(c.offsets, offset{end.UnixMilli(), int64(seconds) * 1000})
		t = end
	}
	if !c.enumerate(most) {
		return nil
	}
	c.tabulate()
	return c
}

// unit is a length of time such that a moment's unit tells its interval: of local time,
// and for hours, whose keys are moments of UTC, of these.
func (c *calendar) unit(millis int64) int64 {
	if c.interval == hour {
		return floorDiv(c.key(millis), hourMillis/4)
	}
	return floorDiv(c.local(millis), dayMillis)
}

// tabulate makes place fast.
func (c *calendar) tabulate() {
	if c.interval == total {
		return
	}
	least, most := c.unit(c.from), c.unit(c.from)
	for t := range c.moments() {
		least, most = min(least, c.unit(t)), max(most, c.unit(t))
	}
	c.table, c.first = make([]int32, most-least+1), least
	for t := range c.moments() {
		c.table[c.unit(t)-least] = int32(c.index[c.key(t)])
	}
}

// moments are some of the range, in order, of which every interval and unit holds at
// least one: while the offset stays, days have 24 hours.
func (c *calendar) moments() iter.Seq[int64] {
	step := dayMillis / 2
	if c.interval == hour {
		step = hourMillis / 4
	}
	return func(yield func(int64) bool) {
		from := c.from
		for _, o := range c.offsets {
			for t := from; t < o.until; t += step {
				if !yield(t) {
					return
				}
			}
			if !yield(o.until - 1) {
				return
			}
			from = o.until
		}
	}
}

// place returns the place of a moment's interval in buckets.
func (c *calendar) place(millis int64) int {
	if c.interval == total {
		return 0
	}
	return int(c.table[c.unit(millis)-c.first])
}

func (c *calendar) enumerate(most int) bool {
	if c.interval == total {
		c.add(0, time.UnixMilli(c.from))
		return true
	}
	for t := range c.moments() {
		if key := c.key(t); c.missing(key) {
			if len(c.buckets) == most {
				return false
			}
			c.add(key, c.start(key, t))
		}
	}
	return true
}

func (c *calendar) missing(key int64) bool {
	_, ok := c.index[key]
	return !ok
}

func (c *calendar) add(key int64, start time.Time) {
	c.index[key] = len(c.buckets)
	c.buckets = append(c.buckets, bucket{key, start.UTC()})
}

// local shifts a moment inside the range by the zone's offset.
func (c *calendar) local(millis int64) int64 {
	for i := range c.offsets {
		if millis < c.offsets[i].until {
			return millis + c.offsets[i].millis
		}
	}
	return millis + c.offsets[len(c.offsets)-1].millis
}

// key is the Go side of keyExpr.
func (c *calendar) key(millis int64) int64 {
	local := c.local(millis)
	switch c.interval {
	case hour:
		return millis - floorMod(local, hourMillis)
	case day:
		return local - floorMod(local, dayMillis)
	case week:
		return local - floorMod(local+3*dayMillis, weekMillis) // the first of January 1970 was a Thursday
	case month:
		t := time.UnixMilli(local).UTC()
		return int64(t.Year())*12 + int64(t.Month()) - 1
	}
	return 0
}

// floorMod is the remainder that is never negative, before 1970 either.
func floorMod(a, n int64) int64 { return (a%n + n) % n }

func floorDiv(a, n int64) int64 { return (a - floorMod(a, n)) / n }

// start is the first moment of the interval of a key, in which the moment at lies.
func (c *calendar) start(key, at int64) time.Time {
	switch c.interval {
	case hour:
		// The hour during which the clock is moved by a part of an hour begins at that move.
		if begin, _ := time.UnixMilli(at).In(c.zone).ZoneBounds(); begin.UnixMilli() > key && c.key(key) != key {
			return begin
		}
		return time.UnixMilli(key)
	case month:
		return dayStart(int(key/12), time.Month(key%12+1), 1, c.zone)
	}
	y, m, d := time.UnixMilli(key).UTC().Date()
	return dayStart(y, m, d, c.zone)
}

// dayStart is the first moment of a day, or after it where the zone leaves the whole day
// out. It is midnight, but for days whose midnight is skipped, because the clock is put forward
// then (Santiago, Asunción, Beirut), and days that have two.
func dayStart(y int, m time.Month, d int, zone *time.Location) time.Time {
	t := time.Date(y, m, d, 0, 0, 0, 0, zone)
	begin, end := t.ZoneBounds()
	ty, tm, td := t.Date()
	if h, minute, s := t.Clock(); ty != y || tm != m || td != d || h != 0 || minute != 0 || s != 0 {
		// There is no midnight: time.Date names a moment on either side of the move.
		if t.Before(end) && dateNumber(t) < y*10_000+int(m)*100+d {
			return end
		}
		return begin
	}
	if begin.IsZero() {
		return t
	}
	// The clock that was put back some minutes past midnight showed midnight before, too.
	_, before := begin.Add(-1).Zone()
	_, after := t.Zone()
	if first := t.Add(time.Duration(after-before) * time.Second); first.Before(begin) {
		return first
	}
	return t
}

func dateNumber(t time.Time) int {
	y, m, d := t.Date()
	return y*10_000 + int(m)*100 + d
}

// keyExpr is the SQL for the key of a moment, given in unix milliseconds.
func (c *calendar) keyExpr(d warehouse.Dialect, millis string) string {
	if c.interval == total {
		return "CAST(0 AS BIGINT)"
	}
	var local strings.Builder
	last := c.offsets[len(c.offsets)-1].millis
	if len(c.offsets) == 1 {
		fmt.Fprintf(&local, "(%s + %d)", millis, last)
	} else {
		fmt.Fprintf(&local, "(%s + CASE", millis)
		for _, o := range c.offsets[:len(c.offsets)-1] {
			fmt.Fprintf(&local, " WHEN %s < %d THEN %d", millis, o.until, o.millis)
		}
		fmt.Fprintf(&local, " ELSE %d END)", last)
	}
	mod := func(expr string, n int64) string {
		if c.from < dayMillis { // as floorMod; all moments and offsets later on are positive
			return fmt.Sprintf("((%s %% %d + %d) %% %d)", expr, n, n, n)
		}
		return fmt.Sprintf("%s %% %d", expr, n)
	}
	switch c.interval {
	case hour:
		return fmt.Sprintf("(%s - %s)", millis, mod(local.String(), hourMillis))
	case day:
		return fmt.Sprintf("(%s - %s)", &local, mod(local.String(), dayMillis))
	case week:
		return fmt.Sprintf("(%s - %s)", &local, mod(fmt.Sprintf("(%s + %d)", &local, 3*dayMillis), weekMillis))
	}
	return "CAST(" + d.Month(local.String()) + " AS BIGINT)"
}

// selected reads the interval of a number that somebody asks about: the time of its row, which may be
// missing where there is one interval.
func (c *calendar) selected(d *decoder, f *fields) (b bucket) {
	at, ok := f.moment("bucket")
	if d.err != nil {
		return b
	}
	if !ok && c.interval != total {
		d.fail(f.place("bucket"), "is missing; the time of the row")
		return b
	}
	i := slices.IndexFunc(c.buckets, func(b bucket) bool { return b.start.Equal(at) || !ok })
	if i < 0 {
		d.fail(f.place("bucket"), "%s is not the time of a row", at.Format(time.RFC3339))
		return b
	}
	return c.buckets[i]
}
