package analytics

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func zoneOf(name string) *time.Location {
	zone, err := time.LoadLocation(name)
	if err != nil {
		panic(err)
	}
	return zone
}

func date(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, time.UTC) }

func TestCalendarStarts(t *testing.T) {
	for _, c := range []struct {
		interval, zone, from, to string
		want                     []string
	}{
		{day, "UTC", "2026-01-30T00:00:00Z", "2026-02-02T00:00:00Z", []string{"2026-01-30T00:00:00Z", "2026-01-31T00:00:00Z", "2026-02-01T00:00:00Z"}},
		{day, "Asia/Shanghai", "2026-01-01T00:00:00Z", "2026-01-01T17:00:00Z", []string{"2025-12-31T16:00:00Z", "2026-01-01T16:00:00Z"}},
		// London springs forward on 29 March 2026: that day has 23 hours.
		{day, "Europe/London", "2026-03-28T00:00:00Z", "2026-03-30T23:00:00Z", []string{"2026-03-28T00:00:00Z", "2026-03-29T00:00:00Z", "2026-03-29T23:00:00Z"}},
		{hour, "Europe/London", "2026-03-29T00:00:00Z", "2026-03-29T03:00:00Z", []string{"2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z"}},
		// New York falls back on 1 November 2026: the hour from 1:00 is there twice.
		{hour, "America/New_York", "2026-11-01T04:00:00Z", "2026-11-01T08:00:00Z", []string{"2026-11-01T04:00:00Z", "2026-11-01T05:00:00Z", "2026-11-01T06:00:00Z", "2026-11-01T07:00:00Z"}},
		{day, "America/New_York", "2026-11-01T04:00:00Z", "2026-11-03T05:00:00Z", []string{"2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z"}},
		{hour, "Asia/Kolkata", "2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z", []string{"2025-12-31T23:30:00Z", "2026-01-01T00:30:00Z"}},
		{week, "UTC", "2026-01-01T00:00:00Z", "2026-01-13T00:00:00Z", []string{"2025-12-29T00:00:00Z", "2026-01-05T00:00:00Z", "2026-01-12T00:00:00Z"}},
		{week, "America/New_York", "2026-03-02T05:00:00Z", "2026-03-16T04:00:00Z", []string{"2026-03-02T05:00:00Z", "2026-03-09T04:00:00Z"}},
		{month, "Europe/London", "2026-02-15T00:00:00Z", "2026-05-01T00:00:00Z", []string{"2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z", "2026-03-31T23:00:00Z", "2026-04-30T23:00:00Z"}},
		// Midnight is skipped where the clock is put forward then: the day begins at one.
		{day, "America/Santiago", "2026-09-05T04:00:00Z", "2026-09-08T03:00:00Z", []string{"2026-09-05T04:00:00Z", "2026-09-06T04:00:00Z", "2026-09-07T03:00:00Z"}},
		{day, "America/Sao_Paulo", "2018-11-03T03:00:00Z", "2018-11-05T02:00:00Z", []string{"2018-11-03T03:00:00Z", "2018-11-04T03:00:00Z"}},
		{day, "Africa/Cairo", "2026-04-23T22:00:00Z", "2026-04-25T21:00:00Z", []string{"2026-04-23T22:00:00Z", "2026-04-24T21:00:00Z"}},
		{day, "Asia/Beirut", "2026-03-28T10:00:00Z", "2026-03-29T10:00:00Z", []string{"2026-03-27T22:00:00Z", "2026-03-28T22:00:00Z"}},
		{day, "Asia/Tehran", "2022-03-21T10:00:00Z", "2022-03-22T10:00:00Z", []string{"2022-03-20T20:30:00Z", "2022-03-21T20:30:00Z"}},
		{month, "America/Asuncion", "2017-09-15T00:00:00Z", "2017-11-01T03:00:00Z", []string{"2017-09-01T04:00:00Z", "2017-10-01T04:00:00Z"}},
		{week, "America/Asuncion", "2017-09-26T00:00:00Z", "2017-10-03T00:00:00Z", []string{"2017-09-25T04:00:00Z", "2017-10-02T03:00:00Z"}},
		// Apia left out 30 December 2011, Kwajalein 21 August 1993.
		{day, "Pacific/Apia", "2011-12-29T12:00:00Z", "2011-12-31T12:00:00Z", []string{"2011-12-29T10:00:00Z", "2011-12-30T10:00:00Z", "2011-12-31T10:00:00Z"}},
		{day, "Pacific/Kwajalein", "1993-08-20T12:00:00Z", "1993-08-22T11:00:00Z", []string{"1993-08-20T12:00:00Z", "1993-08-21T12:00:00Z"}},
		// St. John's put the clock back at a minute past midnight: that day began twice.
		{day, "America/St_Johns", "2010-11-06T12:00:00Z", "2010-11-07T12:00:00Z", []string{"2010-11-06T02:30:00Z", "2010-11-07T02:30:00Z"}},
		// Lord Howe moves the clock by half an hour: from 1:59 to 2:30.
		{hour, "Australia/Lord_Howe", "2026-10-03T14:30:00Z", "2026-10-03T16:30:00Z", []string{"2026-10-03T14:30:00Z", "2026-10-03T15:30:00Z", "2026-10-03T16:00:00Z"}},
		{day, "Asia/Shanghai", "1949-09-30T16:00:00Z", "1949-10-02T16:00:00Z", []string{"1949-09-30T16:00:00Z", "1949-10-01T16:00:00Z"}},
		{month, "UTC", "1969-11-15T00:00:00Z", "1970-02-01T00:00:00Z", []string{"1969-11-01T00:00:00Z", "1969-12-01T00:00:00Z", "1970-01-01T00:00:00Z"}},
		{week, "UTC", "1969-12-25T00:00:00Z", "1970-01-06T00:00:00Z", []string{"1969-12-22T00:00:00Z", "1969-12-29T00:00:00Z", "1970-01-05T00:00:00Z"}},
		{total, "UTC", "2026-02-15T00:00:00Z", "2026-05-01T00:00:00Z", []string{"2026-02-15T00:00:00Z"}},
	} {
		from, _ := time.Parse(time.RFC3339, c.from)
		to, _ := time.Parse(time.RFC3339, c.to)
		cal := newCalendar(c.interval, zoneOf(c.zone), from, to, 100)
		var got []string
		for _, b := range cal.buckets {
			got = append(got, b.start.Format(time.RFC3339))
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s in %s from %s to %s:\n%s", c.interval, c.zone, c.from, c.to, diff)
		}
	}
	if c := newCalendar(hour, time.UTC, date(2026, 1, 1), date(2026, 2, 1), 24*31-1); c != nil {
		t.Errorf("a calendar of %d intervals, more than allowed", len(c.buckets))
	}
}

// firstMoment looks for the first moment of a day, or of the next day that there is, by
// walking.
func firstMoment(y int, m time.Month, d int, zone *time.Location) time.Time {
	date := func(t time.Time) string { return t.In(zone).Format(time.DateOnly) }
	wanted := time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	at := wanted.Add(-30 * time.Hour)
	for _, step := range []time.Duration{time.Hour, time.Minute, time.Second} {
		for date(at.Add(step)) < wanted.Format(time.DateOnly) {
			at = at.Add(step)
		}
	}
	return at.Add(time.Second)
}

// TestCalendarKeys compares the arithmetic with the time package at random moments of
// zones with odd rules.
func TestCalendarKeys(t *testing.T) {
	zones := []string{"UTC", "Asia/Shanghai", "Europe/London", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Sao_Paulo", "Africa/Casablanca",
		"Pacific/Apia", "America/St_Johns", "America/Santiago", "America/Asuncion", "Africa/Cairo", "Asia/Beirut", "Asia/Tehran", "Asia/Gaza", "America/Havana", "Pacific/Kwajalein", "Africa/Monrovia", "Europe/Amsterdam"}
	rapid.Check(t, func(t *rapid.T) {
		zone := zoneOf(rapid.SampledFrom(zones).Draw(t, "zone"))
		from := time.UnixMilli(rapid.Int64Range(-25_000, 25_000).Draw(t, "day") * dayMillis).Add(time.Duration(rapid.IntRange(0, 86_399_999).Draw(t, "ms")) * time.Millisecond)
		to := from.Add(time.Duration(rapid.IntRange(1, 400*24).Draw(t, "hours")) * time.Hour)
		at := from.Add(time.Duration(rapid.Int64Range(0, to.Sub(from).Milliseconds()-1).Draw(t, "at")) * time.Millisecond)
		y, m, d := at.In(zone).Date()
		for interval, want := range map[string]time.Time{
			day:   firstMoment(y, m, d, zone),
			week:  firstMoment(y, m, d-int(at.In(zone).Weekday()+6)%7, zone),
			month: firstMoment(y, m, 1, zone),
		} {
			c := newCalendar(interval, zone, from, to, 1000)
			i, ok := c.index[c.key(at.UnixMilli())]
			if !ok || !c.buckets[i].start.Equal(want) || c.place(at.UnixMilli()) != i {
				t.Fatalf("%s of %v: got %v (%v), want %v", interval, at.In(zone), c.buckets[i].start.In(zone), ok, want)
			}
		}
		c := newCalendar(hour, zone, from, to, 10_000)
		if i, ok := c.index[c.key(at.UnixMilli())]; !ok || c.place(at.UnixMilli()) != i || at.Before(c.buckets[i].start) || at.Sub(c.buckets[i].start) >= time.Hour ||
			i+1 < len(c.buckets) && !at.Before(c.buckets[i+1].start) {
			t.Fatalf("hour of %v: got place %d (%v), index %d", at.In(zone), c.place(at.UnixMilli()), ok, i)
		}
	})
}
