package cron

import (
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

//go:embed days/*.txt
var dayFiles embed.FS

// Day is a day of the year, without a zone.
type Day struct {
	Year  int
	Month time.Month
	Day   int
}

// DayOf returns the day of a moment in its zone.
func DayOf(t time.Time) Day {
	y, m, d := t.Date()
	return Day{y, m, d}
}

// ParseDay reads "2026-10-01".
func ParseDay(s string) (Day, bool) {
	t, err := time.Parse(time.DateOnly, s)
	return DayOf(t), err == nil
}

// String writes "2026-10-01".
func (d Day) String() string { return fmt.Sprintf("%04d-%02d-%02d", d.Year, d.Month, d.Day) }

// Next returns the day after.
func (d Day) Next() Day { return DayOf(time.Date(d.Year, d.Month, d.Day+1, 0, 0, 0, 0, time.UTC)) }

// Weekday returns Sunday to Saturday.
func (d Day) Weekday() time.Weekday {
	return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC).Weekday()
}

// Special is a day that is not what its weekday says, or that has a name.
type Special struct {
	Working bool   `json:"working"`
	Name    string `json:"name"`
}

// Calendar says on which days people work. The zero Calendar has free Saturdays and Sundays.
type Calendar struct {
	Public map[Day]Special // of the country
	Own    map[Day]Special // of the organisation; they win
}

// Working reports whether a day is worked, and what the day is called if it is special.
func (c *Calendar) Working(d Day) (working bool, name string) {
	if s, ok := c.Own[d]; ok {
		return s.Working, s.Name
	}
	if s, ok := c.Public[d]; ok {
		return s.Working, s.Name
	}
	w := d.Weekday()
	return w != time.Saturday && w != time.Sunday, ""
}

var chinese = sync.OnceValue(func() map[Day]Special {
	days, err := readDays(dayFiles)
	if err != nil {
		panic(err) // the files are embedded, and a test reads them
	}
	return days
})

// Chinese returns the public holidays of China with the days worked for them (调休), of the
// years for which the State Council has told them. Do not change it.
func Chinese() map[Day]Special { return chinese() }

// ChineseYears lists the years that [Chinese] knows.
func ChineseYears() []int {
	var years []int
	for d := range chinese() {
		if !slices.Contains(years, d.Year) {
			years = append(years, d.Year)
		}
	}
	slices.Sort(years)
	return years
}

// readDays reads a file a year: a line per holiday, with its first and last day and the
// days that are worked for it.
func readDays(files fs.FS) (map[Day]Special, error) {
	days := map[Day]Special{}
	names, err := fs.Glob(files, "days/*.txt")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		year, err := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(name, "days/"), ".txt"))
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(text)) {
			if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
				continue
			}
			if err := readHoliday(days, year, strings.Fields(line)); err != nil {
				return nil, fmt.Errorf("%s: %s: %w", name, line, err)
			}
		}
	}
	return days, nil
}

func readHoliday(days map[Day]Special, year int, fields []string) error {
	if len(fields) < 3 {
		return fmt.Errorf("%d fields", len(fields))
	}
	var dates []Day
	for _, f := range fields[1:] {
		d, ok := ParseDay(f)
		if !ok || d.Year != year {
			return fmt.Errorf("%q is not a day of %d", f, year)
		}
		dates = append(dates, d)
	}
	put := func(d Day, s Special) error {
		if _, twice := days[d]; twice {
			return fmt.Errorf("%s is there twice", d)
		}
		days[d] = s
		return nil
	}
	for d := dates[0]; ; d = d.Next() {
		if err := put(d, Special{false, fields[0]}); err != nil {
			return err
		}
		if d == dates[1] {
			break
		}
		if d.Year != year {
			return fmt.Errorf("ends before it begins")
		}
	}
	for _, d := range dates[2:] {
		if w := d.Weekday(); w != time.Saturday && w != time.Sunday {
			return fmt.Errorf("%s is worked anyway", d)
		}
		if err := put(d, Special{true, fields[0] + "调休"}); err != nil {
			return err
		}
	}
	return nil
}
