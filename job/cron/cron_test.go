package cron

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"
	_ "time/tzdata"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/touchstone-cdp/touchstone"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func TestNext(t *testing.T) {
	const layout = "2006-01-02 15:04 -0700 Mon"
	for _, tt := range []struct {
		expr, zone string
		days       Days
		after      string // RFC 3339
		want       []string
	}{
		{"30 2 * * *", "Asia/Shanghai", All, "2026-11-27T00:00:00Z", []string{"2026-11-28 02:30 +0800 Sat", "2026-11-29 02:30 +0800 Sun"}},
		{"@daily", "Asia/Shanghai", All, "2026-11-27T15:59:59Z", []string{"2026-11-28 00:00 +0800 Sat"}},
		{"@daily", "Asia/Shanghai", All, "2026-11-27T16:00:00Z", []string{"2026-11-29 00:00 +0800 Sun"}},
		{"0 9 * * mon-fri", "UTC", All, "2026-11-27T10:00:00Z", []string{"2026-11-30 09:00 +0000 Mon"}},
		{"0 0 29 feb *", "UTC", All, "2026-01-01T00:00:00Z", []string{"2028-02-29 00:00 +0000 Tue", "2032-02-29 00:00 +0000 Sun"}},
		{"0 0 13 * fri", "UTC", All, "2026-11-01T00:00:00Z", []string{"2026-11-06 00:00 +0000 Fri", "2026-11-13 00:00 +0000 Fri", "2026-11-20 00:00 +0000 Fri"}},
		{"0 0 31 * *", "UTC", All, "2026-08-31T00:00:00Z", []string{"2026-10-31 00:00 +0000 Sat"}},

		// Spring: 02:00 to 03:00 does not exist on 2026-03-29; what is due then is due at 03:00.
		{"30 2 * * *", "Europe/Berlin", All, "2026-03-28T00:00:00Z", []string{"2026-03-28 02:30 +0100 Sat", "2026-03-29 03:00 +0200 Sun", "2026-03-30 02:30 +0200 Mon"}},
		{"0,30 2 * * *", "Europe/Berlin", All, "2026-03-28T12:00:00Z", []string{"2026-03-29 03:00 +0200 Sun", "2026-03-30 02:00 +0200 Mon"}},
		{"30 * * * *", "Europe/Berlin", All, "2026-03-29T00:00:00Z", []string{"2026-03-29 01:30 +0100 Sun", "2026-03-29 03:30 +0200 Sun"}},
		// Autumn: 02:00 to 03:00 comes twice on 2026-10-25.
		{"30 2 * * *", "Europe/Berlin", All, "2026-10-24T12:00:00Z", []string{"2026-10-25 02:30 +0200 Sun", "2026-10-26 02:30 +0100 Mon"}},
		{"30 * * * *", "Europe/Berlin", All, "2026-10-24T23:45:00Z", []string{"2026-10-25 02:30 +0200 Sun", "2026-10-25 02:30 +0100 Sun", "2026-10-25 03:30 +0100 Sun"}},
		// Midnight does not exist on 2026-09-06 in Chile, and comes twice on 2026-04-05.
		{"@daily", "America/Santiago", All, "2026-09-05T12:00:00Z", []string{"2026-09-06 01:00 -0300 Sun", "2026-09-07 00:00 -0300 Mon"}},
		{"30 23 * * *", "America/Santiago", All, "2026-04-04T12:00:00Z", []string{"2026-04-04 23:30 -0300 Sat", "2026-04-05 23:30 -0400 Sun"}},
		// Lord Howe moves by half an hour.
		{"15 2 * * *", "Australia/Lord_Howe", All, "2026-10-03T12:00:00Z", []string{"2026-10-04 02:30 +1100 Sun", "2026-10-05 02:15 +1100 Mon"}},
		// A day that Samoa skipped.
		{"0 12 * * *", "Pacific/Apia", All, "2011-12-29T23:00:00Z", []string{"2011-12-31 00:00 +1400 Sat", "2011-12-31 12:00 +1400 Sat"}},

		// 调休: the Sunday before National Day is worked, the days after it are off.
		{"0 9 * * *", "Asia/Shanghai", Working, "2026-09-18T02:00:00Z", []string{"2026-09-20 09:00 +0800 Sun", "2026-09-21 09:00 +0800 Mon"}},
		{"0 9 * * *", "Asia/Shanghai", Working, "2026-09-30T02:00:00Z", []string{"2026-10-08 09:00 +0800 Thu", "2026-10-09 09:00 +0800 Fri", "2026-10-10 09:00 +0800 Sat", "2026-10-12 09:00 +0800 Mon"}},
		{"0 9 * * *", "Asia/Shanghai", Holiday, "2026-09-30T02:00:00Z", []string{"2026-10-01 09:00 +0800 Thu", "2026-10-02 09:00 +0800 Fri"}},
		{"0 9 * * sat", "Asia/Shanghai", Holiday, "2026-10-08T02:00:00Z", []string{"2026-10-17 09:00 +0800 Sat"}},
		{"0 9 * * *", "Asia/Shanghai", Working, "2026-02-13T02:00:00Z", []string{"2026-02-14 09:00 +0800 Sat", "2026-02-24 09:00 +0800 Tue", "2026-02-25 09:00 +0800 Wed"}},
		// Beyond what is known a week is a week.
		{"0 9 * * *", "Asia/Shanghai", Working, "2031-09-30T02:00:00Z", []string{"2031-10-01 09:00 +0800 Wed"}},
		// Days of one's own win.
		{"0 9 * * *", "Asia/Shanghai", Working, "2026-11-27T02:00:00Z", []string{"2026-11-28 09:00 +0800 Sat", "2026-12-01 09:00 +0800 Tue"}},
	} {
		e, err := Parse(tt.expr)
		if err != nil {
			t.Fatal(err)
		}
		at, err := time.Parse(time.RFC3339, tt.after)
		if err != nil {
			t.Fatal(err)
		}
		z := zone(t, tt.zone)
		calendar := &Calendar{Public: Chinese(), Own: map[Day]Special{{2026, 11, 28}: {true, "盘点"}, {2026, 11, 30}: {false, "厂庆"}, {2026, 11, 29}: {false, ""}}}
		var got []string
		for range tt.want {
			next, ok := e.Next(at, z, tt.days, calendar)
			if !ok {
				t.Fatalf("%s: no next moment after %s", tt.expr, at)
			}
			at = next
			got = append(got, at.In(z).Format(layout))
		}
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Errorf("%s %s %s: %s", tt.expr, tt.zone, tt.days, d)
		}
	}
}

// What is due comes after what was asked about, nothing due lies between, and asking from any
// moment between leads to the same.
func TestNextIsTheFirst(t *testing.T) {
	zones := []string{"UTC", "Asia/Shanghai", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Asia/Kathmandu"}
	exprs := []string{"*/7 * * * *", "0 * * * *", "30 2 * * *", "15 0,2,23 * * *", "0 9 * * mon", "59 1-3 1,15 * *", "@weekly", "*/20 1 * 3,10 *"}
	rapid.Check(t, func(t *rapid.T) {
		z, err := time.LoadLocation(rapid.SampledFrom(zones).Draw(t, "zone"))
		if err != nil {
			t.Fatal(err)
		}
		text := rapid.SampledFrom(exprs).Draw(t, "expr")
		e, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		days := rapid.SampledFrom([]Days{All, Working, Holiday}).Draw(t, "days")
		calendar := &Calendar{Public: Chinese()}
		after := time.Unix(rapid.Int64Range(1_760_000_000, 1_800_000_000).Draw(t, "after"), 0)
		next, ok := e.Next(after, z, days, calendar)
		if weekly := text == "@weekly" || strings.HasSuffix(text, "mon"); !ok && weekly && days != All && after.Year() >= 2026 {
			return // no more Sunday that is worked, and no Monday off, is known
		}
		if !ok || !next.After(after) {
			t.Fatalf("%s after %s: %s, %v", text, after, next, ok)
		}
		between := after.Add(time.Duration(rapid.Int64Range(0, int64(next.Sub(after)-1)).Draw(t, "between")))
		if again, _ := e.Next(between, z, days, calendar); !again.Equal(next) {
			t.Fatalf("%s after %s is %s, and after %s it is %s", text, after, next, between, again)
		}
		if working, _ := calendar.Working(DayOf(next.In(z))); days != All && working != (days == Working) {
			t.Fatalf("%s: %s is not such a day", days, next)
		}
	})
}

func TestParseRefusesInWords(t *testing.T) {
	for _, text := range []string{"", "* * * *", "* * * * * *", "61 * * * *", "@every 1h", "TZ=UTC * * * * *", "CRON_TZ=Asia/Shanghai 0 1 * * *", "0 0 30 feb *", "nonsense", "@never", "5-1 * * * *", "* * * * funday", strings.Repeat("9", 10000)} {
		_, err := Parse(text)
		if touchstone.KindOf(err) != touchstone.Invalid {
			t.Errorf("%.50q: %v", text, err)
		}
	}
	for _, text := range []string{"@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "*/5 0-6,22 1-7 jan-mar mon,WED", "0 0 1 1 *"} {
		if _, err := Parse(text); err != nil {
			t.Error(err)
		}
	}
}

func TestChineseDays(t *testing.T) {
	if got := ChineseYears(); len(got) < 2 || got[0] != 2025 {
		t.Errorf("years %v", got)
	}
	// What the notices say in figures: days off, and days worked for them.
	for year, want := range map[int]string{2025: "28 off, 5 worked", 2026: "33 off, 6 worked"} {
		off, worked := 0, 0
		for d, s := range Chinese() {
			switch {
			case d.Year != year:
			case s.Working:
				worked++
			default:
				off++
			}
		}
		if got := fmt.Sprintf("%d off, %d worked", off, worked); got != want {
			t.Errorf("%d: %s, want %s", year, got, want)
		}
	}
	for _, line := range []string{"x", "春节 2026-01-01 2025-01-02", "春节 2026-01-02 2026-01-01", "春节 2026-01-01 2026-01-02 2026-01-05", "a 2026-01-01 2026-01-02\nb 2026-01-02 2026-01-03"} {
		if _, err := readDays(fstest.MapFS{"days/2026.txt": {Data: []byte(line)}}); err == nil {
			t.Errorf("%q was read", line)
		}
	}
}
