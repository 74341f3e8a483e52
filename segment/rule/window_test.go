package rule

import (
	"testing"
	"time"

	_ "time/tzdata"
)

// TestDaysBeginWithTheirFirstMoment looks at two years of zones whose clocks jump at odd moments: over midnight (Santiago, Beirut),
// back to midnight (Havana), by half an hour (Lord Howe), over a whole day (Apia, at the end of 2011).
func TestDaysBeginWithTheirFirstMoment(t *testing.T) {
	for _, name := range []string{"UTC", "Asia/Shanghai", "America/Santiago", "Asia/Beirut", "America/Havana", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Cairo"} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, year := range []int{2011, 2024, 2026} {
			at := time.Date(year, 1, 2, 0, 0, 0, 0, time.UTC)
			begin := Day.begin(at.In(zone))
			for ; at.Year() <= year; at = at.Add(15 * time.Minute) {
				here := at.In(zone)
				if here.YearDay() != begin.YearDay() {
					if next := Day.step(begin, 1); name != "Pacific/Apia" && !next.Equal(here) {
						t.Fatalf("%s: after %s comes %s, not %s", name, begin, next, here)
					}
					begin = here
				}
				if got := Day.begin(here); !got.Equal(begin) {
					t.Fatalf("%s: the day of %s begins at %s, not %s", name, here, got, begin)
				}
			}
		}
	}
}

func TestPeriods(t *testing.T) {
	for _, c := range []struct {
		unit   Unit
		back   int
		now    string
		lo, hi string // hi: without end if empty
	}{
		{Day, 0, "2026-03-18T10:00:00+08:00", "2026-03-18", ""},
		{Day, 1, "2026-03-18T10:00:00+08:00", "2026-03-17", "2026-03-18"},
		{Week, 0, "2026-03-22T23:59:59+08:00", "2026-03-16", ""},
		{Week, 1, "2026-03-23T00:00:00+08:00", "2026-03-16", "2026-03-23"},
		{Month, 1, "2026-03-31T10:00:00+08:00", "2026-02-01", "2026-03-01"},
		{Month, 13, "2026-01-31T10:00:00+08:00", "2024-12-01", "2025-01-01"},
		{Quarter, 1, "2026-02-01T00:00:00+08:00", "2025-10-01", "2026-01-01"},
		{Year, 1, "2026-02-01T00:00:00+08:00", "2025-01-01", "2026-01-01"},
	} {
		zone, _ := time.LoadLocation("Asia/Shanghai")
		w := Window{Unit: c.unit, Back: c.back, Zone: "Asia/Shanghai", zone: zone}
		now, _ := ParseMoment(c.now)
		lo, hi := w.at(now)
		wantLo, _ := time.ParseInLocation(time.DateOnly, c.lo, zone)
		wantHi := int64(Never)
		if c.hi != "" {
			end, _ := time.ParseInLocation(time.DateOnly, c.hi, zone)
			wantHi = end.UnixMilli()
		}
		if lo != wantLo.UnixMilli() || hi != wantHi {
			t.Errorf("%s %d at %s: from %s until %d", c.unit, c.back, c.now, time.UnixMilli(lo).In(zone), hi)
		}
		if lo < now-w.reach().Milliseconds() || hi != Never && hi-lo < w.span().Milliseconds() {
			t.Errorf("%s: from %d until %d is not within what is kept", c.unit, lo, hi)
		}
	}
}
