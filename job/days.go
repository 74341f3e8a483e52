package job

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/job/cron"
	"github.com/touchstone-cdp/touchstone/store"
)

// The choices of a calendar. By default it is China's in a time zone of mainland China.
const (
	CalendarAuto     = "auto"
	CalendarChina    = "cn"
	CalendarWeekends = "weekends"
)

const maxOwnDays = 2_000

// OwnDay is a day on which the organisation does otherwise than the calendar says.
type OwnDay struct {
	Day     string `json:"day"` // 2026-10-01
	Working bool   `json:"working"`
	Name    string `json:"name"`
}

// CalendarInfo is the calendar as people see it.
type CalendarInfo struct {
	Calendar string   `json:"calendar"` // auto, cn or weekends
	Used     string   `json:"used"`     // cn or weekends
	TimeZone string   `json:"time_zone"`
	Years    []int    `json:"years"`  // that the calendar of public holidays knows
	Public   []OwnDay `json:"public"` // holidays, and days worked for them
	Own      []OwnDay `json:"own"`
}

var mainland = []string{"Asia/Shanghai", "Asia/Chongqing", "Asia/Chungking", "Asia/Harbin", "Asia/Urumqi", "Asia/Kashgar", "PRC"}

// used returns what a choice means in a zone.
func used(choice string, zone *time.Location) string {
	if choice == CalendarChina || choice == CalendarAuto && slices.Contains(mainland, zone.String()) {
		return CalendarChina
	}
	return CalendarWeekends
}

func (s *Schedules) calendar(ctx context.Context, q store.Querier) (calendar *cron.Calendar, choice string, err error) {
	err = q.QueryRow(ctx, `SELECT value FROM job_settings WHERE name = 'calendar'`).Scan(&choice)
	if errors.Is(err, sql.ErrNoRows) {
		choice, err = CalendarAuto, nil
	}
	if err != nil {
		return nil, "", err
	}
	calendar = &cron.Calendar{Own: map[cron.Day]cron.Special{}}
	if used(choice, s.zone()) == CalendarChina {
		calendar.Public = cron.Chinese()
	}
	rows, err := q.Query(ctx, `SELECT day, working, name FROM job_days`)
	if err != nil {
		return nil, "", err
	}
	defer rows.Close()
	for rows.Next() {
		var day string
		var special cron.Special
		if err := rows.Scan(&day, &special.Working, &special.Name); err != nil {
			return nil, "", err
		}
		if d, ok := cron.ParseDay(day); ok {
			calendar.Own[d] = special
		}
	}
	return calendar, choice, rows.Err()
}

func ownDays(c *cron.Calendar) []OwnDay { return listDays(c.Own) }

func listDays(days map[cron.Day]cron.Special) []OwnDay {
	list := make([]OwnDay, 0, len(days))
	for d, special := range days {
		list = append(list, OwnDay{d.String(), special.Working, special.Name})
	}
	slices.SortFunc(list, func(a, b OwnDay) int { return cmp.Compare(a.Day, b.Day) })
	return list
}

// Calendar tells which days are worked.
func (s *Schedules) Calendar(ctx context.Context) (CalendarInfo, error) {
	calendar, choice, err := s.calendar(ctx, s.db().Reader())
	if err != nil {
		return CalendarInfo{}, err
	}
	info := CalendarInfo{Calendar: choice, Used: used(choice, s.zone()), TimeZone: s.zone().String(), Years: []int{}, Public: listDays(calendar.Public), Own: ownDays(calendar)}
	if info.Used == CalendarChina {
		info.Years = cron.ChineseYears()
	}
	return info, nil
}

// SetCalendar chooses the calendar and replaces the days of one's own. What is due next is
// worked out anew.
func (s *Schedules) SetCalendar(ctx context.Context, choice string, own []OwnDay) (CalendarInfo, error) {
	if choice != CalendarAuto && choice != CalendarChina && choice != CalendarWeekends {
		return CalendarInfo{}, touchstone.Errorf(touchstone.Invalid, "The calendar is auto, cn or weekends, not %q.", choice)
	}
	if len(own) > maxOwnDays {
		return CalendarInfo{}, touchstone.Errorf(touchstone.TooLarge, "At most %d days can be set.", maxOwnDays)
	}
	seen := map[string]bool{}
	for i := range own {
		d, ok := cron.ParseDay(own[i].Day)
		if !ok {
			return CalendarInfo{}, touchstone.Errorf(touchstone.Invalid, "%q is not a day.", own[i].Day).WithHint("Write it as in 2026-10-01.")
		}
		own[i].Day, own[i].Name = d.String(), strings.TrimSpace(own[i].Name)
		if seen[own[i].Day] {
			return CalendarInfo{}, touchstone.Errorf(touchstone.Invalid, "The day %s is there twice.", own[i].Day)
		}
		seen[own[i].Day] = true
		if len([]rune(own[i].Name)) > 100 {
			return CalendarInfo{}, touchstone.Errorf(touchstone.Invalid, "The name of the day %s is too long.", own[i].Day)
		}
	}
	err := s.db().Retry(ctx, func(tx *store.Tx) error {
		if _, err := tx.Exec(ctx, `INSERT INTO job_settings (name, value) VALUES ('calendar', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value`, choice); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM job_days`); err != nil {
			return err
		}
		return tx.BulkUpsert(ctx, store.Upsert{Table: "job_days", Columns: []string{"day", "working", "name"}}, len(own), func(i int, args []any) {
			args[0], args[1], args[2] = own[i].Day, own[i].Working, own[i].Name
		})
	})
	if err != nil {
		return CalendarInfo{}, err
	}
	if err := s.rebase(ctx); err != nil {
		return CalendarInfo{}, err
	}
	s.wake()
	return s.Calendar(ctx)
}

// Upcoming is a moment at which an expression is due.
type Upcoming struct {
	At   time.Time `json:"at"`
	Name string    `json:"name"` // of the day, if it is special
}

// Preview returns the next moments at which an expression is due.
func (s *Schedules) Preview(ctx context.Context, text string, days cron.Days, n int) ([]Upcoming, error) {
	if days == "" {
		days = cron.All
	}
	expr, err := checkTime(text, days)
	if err != nil {
		return nil, err
	}
	calendar, _, err := s.calendar(ctx, s.db().Reader())
	if err != nil {
		return nil, err
	}
	list := []Upcoming{}
	zone := s.zone()
	for at := s.jobs.cfg.Clock.Now(); len(list) < n; {
		next, ok := expr.Next(at, zone, days, calendar)
		if !ok {
			break
		}
		at = next
		_, name := calendar.Working(cron.DayOf(at.In(zone)))
		list = append(list, Upcoming{at, name})
	}
	return list, nil
}
