package analytics

import (
	"fmt"
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
		return c.key(millis) / (hourMillis / 4)
	}
	return c.local(millis) / dayMillis
}

// tabulate makes place fast.
func (c *calendar) tabulate() {
	if c.interval == total {
		return
	}
	least, most := c.unit(c.from), c.unit(c.from)
	step := dayMillis / 2
	if c.interval == hour {
		step = hourMillis / 4
	}
	for fill := range 2 {
		for t := c.from; ; t += step {
			t = min(t, c.to-1)
			if fill == 1 {
				c.table[c.unit(t)-least] = int32(c.index[c.key(t)])
			}
			least, most = min(least, c.unit(t)), max(most, c.unit(t))
			if t == c.to-1 {
				break
			}
		}
		if fill == 0 {
			c.table, c.first = make([]int32, most-least+1), least
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
	// Every interval holds at least one of these moments: hours begin at quarters at
	// most, and days are 23 hours at least.
	step := dayMillis / 2
	if c.interval == hour {
		step = hourMillis / 4
	}
	for t := c.from; ; t += step {
		t = min(t, c.to-1)
		if key := c.key(t); c.missing(key) {
			if len(c.buckets) == most {
				return false
			}
			c.add(key, c.start(key))
		}
		if t == c.to-1 {
			return true
		}
	}
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
		return millis - local%hourMillis
	case day:
		return local - local%dayMillis
	case week:
		return local - (local+3*dayMillis)%weekMillis // the first of January 1970 was a Thursday
	case month:
		t := time.UnixMilli(local).UTC()
		return int64(t.Year())*12 + int64(t.Month()) - 1
	}
	return 0
}

// start is the moment at which the interval of a key begins.
func (c *calendar) start(key int64) time.Time {
	switch c.interval {
	case hour:
		return time.UnixMilli(key)
	case month:
		return time.Date(int(key/12), time.Month(key%12+1), 1, 0, 0, 0, 0, c.zone)
	}
	y, m, d := time.UnixMilli(key).UTC().Date()
	return time.Date(y, m, d, 0, 0, 0, 0, c.zone)
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
	switch c.interval {
	case hour:
		return fmt.Sprintf("(%s - %s %% %d)", millis, &local, hourMillis)
	case day:
		return fmt.Sprintf("(%s - %s %% %d)", &local, &local, dayMillis)
	case week:
		return fmt.Sprintf("(%s - (%s + %d) %% %d)", &local, &local, 3*dayMillis, weekMillis)
	}
	return "CAST(" + d.Month(local.String()) + " AS BIGINT)"
}
