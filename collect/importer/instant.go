package importer

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/touchstone-cdp/touchstone/collect/intake"
)

// The layouts beside Go's own.
const (
	layoutUnix    = "unix"    // seconds since 1970, with decimals if need be
	layoutUnixMs  = "unix_ms" // milliseconds since 1970
	layoutAuto    = "auto"    // ISO 8601, or a number as the tracking API reads it
	layoutISO8601 = "iso8601" // 2026-01-02[T ]03:04[:05[.123]][Z|+08:00]
)

// Years outside of these bounds are taken for errors of the file. The time of an event
// has the tracking API's rule instead, see intake.Window, and here no more than the bounds of the calendar.
const (
	firstYear = 1900
	lastYear  = 2200
)

func checkLayout(layout string) error {
	switch layout {
	case layoutUnix, layoutUnixMs, layoutISO8601, layoutAuto:
		return nil
	}
	// A layout that cannot tell two instants apart is no layout.
	a := time.Date(2021, 11, 23, 17, 38, 49, 0, time.UTC)
	if b := time.Date(2034, 9, 6, 4, 12, 31, 0, time.UTC); a.Format(layout) == b.Format(layout) {
		return fmt.Errorf("this is no time layout; write the moment Mon Jan 2 15:04:05 2006 as the file would (2006-01-02 15:04:05), or unix, unix_ms, iso8601")
	}
	if _, err := time.Parse(layout, a.Format(layout)); err != nil {
		return fmt.Errorf("times written so could not be read back: %w", err)
	}
	return nil
}

func loadZone(name string) (*time.Location, error) {
	if name == "" || name == "UTC" {
		return time.UTC, nil
	}
	if strings.EqualFold(name, "local") {
		return nil, fmt.Errorf("the zone of this machine is not the file's")
	}
	return time.LoadLocation(name)
}

// clockReader turns cells into instants. It remembers the last one, because rows of one
// order share their time.
type clockReader struct {
	layout string
	zone   *time.Location
	event  bool // it reads the times of events

	lastText string
	lastTime time.Time

	// offsetFrom and offsetTo bound a stretch without a change of the zone's offset.
	offsetFrom, offsetTo int64
	offset               int64
}

func newClockReader(layout, zone string) (*clockReader, error) {
	loc, err := loadZone(zone)
	if err != nil {
		return nil, err
	}
	if layout == "" {
		layout = layoutAuto
	}
	return &clockReader{layout: layout, zone: loc}, nil
}

// read returns the instant in UTC, to the millisecond.
func (c *clockReader) read(v cell) (time.Time, error) {
	if v.kind == cellInstant {
		t := time.UnixMilli(v.ms).UTC()
		if v.local {
			t = c.inZone(t)
		}
		return c.bounded(t)
	}
	if v.text == c.lastText && v.text != "" {
		return c.lastTime, nil
	}
	text := strings.TrimSpace(v.text)
	t, err := c.parse(text)
	if err == nil {
		t, err = c.bounded(t)
	}
	if err != nil {
		return time.Time{}, err
	}
	c.lastText, c.lastTime = strings.Clone(v.text), t.Truncate(time.Millisecond)
	return c.lastTime, nil
}

func (c *clockReader) bounded(t time.Time) (time.Time, error) {
	if y := t.Year(); y < 1 || y > 9999 || !c.event && (y < firstYear || y > lastYear) {
		return time.Time{}, fmt.Errorf("year %d is out of range", y)
	}
	return t, nil
}

func (c *clockReader) parse(text string) (time.Time, error) {
	switch c.layout {
	case layoutUnix, layoutUnixMs:
		return parseUnix(text, c.layout == layoutUnixMs)
	case layoutISO8601:
		return c.parseISO(text)
	case layoutAuto:
		t, err := c.parseISO(text)
		if err != nil {
			if ms, ok := intake.ParseEpoch(text); ok {
				return time.UnixMilli(ms).UTC(), nil
			}
		}
		return t, err
	}
	if strings.Contains(c.layout, "MST") { // abbreviations mean something in their own zone only
		t, err := time.ParseInLocation(c.layout, text, c.zone)
		if err != nil {
			return t, fmt.Errorf("%q does not fit the layout %s", clip(text), c.layout)
		}
		return t.UTC(), nil
	}
	// Wall-clock texts are read as UTC and moved by the zone's offset; texts that carry
	// their own offset come back with it.
	t, err := time.Parse(c.layout, text)
	if err != nil {
		return t, fmt.Errorf("%q does not fit the layout %s", clip(text), c.layout)
	}
	if t.Location() != time.UTC {
		return t.UTC(), nil
	}
	if hasOffset(c.layout) {
		return t, nil
	}
	return c.inZone(t), nil
}

func hasOffset(layout string) bool {
	return strings.Contains(layout, "Z07") || strings.Contains(layout, "-07")
}

func parseUnix(text string, milliseconds bool) (time.Time, error) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		if milliseconds {
			return time.UnixMilli(n).UTC(), nil
		}
		return time.Unix(n, 0).UTC(), nil
	}
	d, ok := parseDecimal(text)
	if !ok || d.big != nil || d.scale > 12 || d.scale < -12 {
		return time.Time{}, fmt.Errorf("%q is no number of seconds since 1970", clip(text))
	}
	scale := 3 - d.scale
	if milliseconds {
		scale = -d.scale
	}
	ms := int64(d.digits)
	for ; scale > 0; scale-- {
		ms *= 10
	}
	for ; scale < 0; scale++ {
		ms /= 10
	}
	if d.negative {
		ms = -ms
	}
	return time.UnixMilli(ms).UTC(), nil
}

var isoLayouts = []string{
	"2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05", "2006-01-02T15:04:05Z0700", "2006-01-02",
	"2006-01-02T15:04Z07:00", "2006-01-02T15:04", "20060102T150405Z07:00", "20060102T150405", "20060102", "2006-01-02T15:04:05Z07",
}

func (c *clockReader) parseISO(text string) (time.Time, error) {
	iso := text
	if len(iso) > 10 && iso[10] == ' ' {
		iso = iso[:10] + "T" + strings.TrimLeft(iso[11:], " ")
	}
	if i := strings.IndexByte(iso, ' '); i > 0 { // "… 08:26:00 +01:00"
		iso = iso[:i] + iso[i+1:]
	}
	for _, layout := range isoLayouts {
		t, err := time.Parse(layout, iso)
		if err != nil {
			continue
		}
		if hasOffset(layout) {
			return t.UTC(), nil
		}
		return c.inZone(t), nil
	}
	return time.Time{}, fmt.Errorf("%q is no ISO 8601 time", clip(text))
}

// inZone takes the wall clock that t shows for one of c's zone. An hour that happens
// twice is the first of the two; a moment that the clocks skip is taken with the offset
// before the change, so 02:30 becomes 03:30.
func (c *clockReader) inZone(t time.Time) time.Time {
	if c.zone == time.UTC {
		return t
	}
	wall := t.Unix()
	if wall < c.offsetFrom || wall >= c.offsetTo {
		// The offset in force a day before is the one before any change of today.
		_, before := time.Unix(wall-86400, 0).In(c.zone).Zone()
		first := time.Unix(wall-int64(before), 0).In(c.zone)
		_, now := first.Zone()
		if now != before {
			// The day's change lies before the guess. If the wall clock read with the
			// old offset is past the change, the new offset counts, unless it was skipped.
			second := time.Unix(wall-int64(now), 0).In(c.zone)
			if _, o := second.Zone(); o == now {
				first = second
			}
		}
		c.remember(first, wall)
		return first.UTC().Add(time.Duration(t.Nanosecond()))
	}
	return time.Unix(wall-c.offset, int64(t.Nanosecond())).UTC()
}

// remember keeps the stretch around t in which the offset is certain: a day away from
// the nearest changes.
func (c *clockReader) remember(t time.Time, wall int64) {
	const day = 86400
	c.offsetFrom, c.offsetTo = 0, 0
	from, to := t.ZoneBounds()
	_, offset := t.Zone()
	low, high := wall-180*day, wall+180*day
	if !from.IsZero() {
		low = max(low, from.Unix()+int64(offset)+2*day)
	}
	if !to.IsZero() {
		high = min(high, to.Unix()+int64(offset)-2*day)
	}
	if low <= wall && wall < high {
		c.offsetFrom, c.offsetTo, c.offset = low, high, int64(offset)
	}
}

// clip shortens a cell for a message.
func clip(s string) string {
	const most = 60
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// timeLayouts are tried in this order; of two that fit as many cells the first is taken.
var timeLayouts = [...]string{
	layoutISO8601, "2006/1/2 15:04:05", "2006/1/2 15:04", "2006/1/2", "2/1/2006 15:04:05", "2/1/2006 15:04", "2/1/2006",
	"1/2/2006 15:04:05", "1/2/2006 15:04", "1/2/2006", "1/2/2006 3:04:05 PM", "1/2/2006 3:04 PM", "2.1.2006 15:04:05", "2.1.2006 15:04", "2.1.2006",
	"2006年1月2日 15:04:05", "2006年1月2日 15:04", "2006年1月2日", "20060102150405", "2006-1-2 15:04:05", "2006-1-2 15:04", "2006-1-2", "2006.1.2",
	time.RFC1123Z, time.RFC1123, "Jan 2, 2006", "2 Jan 2006", layoutUnix, layoutUnixMs,
}

// layoutVotes counts how many cells fit each of timeLayouts.
type layoutVotes struct {
	cells int
	fit   [len(timeLayouts)]int
}

func (v *layoutVotes) look(text string) {
	if text == "" {
		return
	}
	v.cells++
	if len(text) < 6 || len(text) > 40 || strings.IndexAny(text, "0123456789") < 0 {
		return
	}
	for i, layout := range timeLayouts {
		if v.fit[i]*10 < (v.cells-1)*8 { // it is out
			continue
		}
		if (layout == layoutUnix || layout == layoutUnixMs) && !plausibleUnix(text, layout == layoutUnixMs) {
			continue
		}
		if layout == layoutISO8601 && onlyDigits(text) && len(text) != 8 {
			continue
		}
		clock := clockReader{layout: layout, zone: time.UTC}
		if _, err := clock.parse(text); err == nil {
			v.fit[i]++
		}
	}
}

// best returns the layout that most cells fit, and whether its day and month could be the
// other way round.
func (v *layoutVotes) best() (layout string, fit int, ambiguous bool) {
	at := 0
	for i, n := range v.fit {
		if n > v.fit[at] {
			at = i
		}
	}
	layout = timeLayouts[at]
	if american, ok := strings.CutPrefix(layout, "2/1/2006"); ok {
		for i, l := range timeLayouts {
			ambiguous = ambiguous || l == "1/2/2006"+american && v.fit[i] == v.fit[at]
		}
	}
	return layout, v.fit[at], ambiguous
}

// plausibleUnix takes seconds from 2001 to 2065 for times, and nothing else.
func plausibleUnix(text string, milliseconds bool) bool {
	digits := 10
	if milliseconds {
		digits = 13
	}
	whole, _, _ := strings.Cut(text, ".")
	return len(whole) == digits && onlyDigits(whole) && whole[0] >= '1' && whole[0] <= '2'
}
