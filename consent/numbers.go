package consent

import (
	"context"
	"time"

	"github.com/touchstone-cdp/touchstone/keep"
	"github.com/touchstone-cdp/touchstone/store"
)

// Count is how many persons, or how many decisions, there are of a kind.
type Count struct {
	Purpose string   `json:"purpose"`
	Channel string   `json:"channel"`
	Choice  Decision `json:"choice"`
	N       int64    `json:"n"`
}

// DayCount is a Count of a day (UTC).
type DayCount struct {
	Day string `json:"day"` // "2026-01-31"
	Count
}

// LeftOut is how many events of a source were left out on a day.
type LeftOut struct {
	Day    string `json:"day"`
	Source string `json:"source"`
	N      int64  `json:"n"`
	Kept   int64  `json:"kept"` // of them, as nobody's
}

// Numbers are counts over everybody.
type Numbers struct {
	AsOf    time.Time  `json:"as_of"`
	Now     []Count    `json:"now"`      // persons by what holds for them
	Days    []DayCount `json:"days"`     // decisions, by the day on which they were made
	LeftOut []LeftOut  `json:"left_out"` // events
}

func dayText(day int64) string { return time.Unix(day*24*60*60, 0).UTC().Format(time.DateOnly) }

// Numbers counts; of decisions and events those of the last days.
func (c *Consent) Numbers(ctx context.Context, days int) (Numbers, error) {
	now := c.cfg.Clock.Now().UTC()
	n := Numbers{AsOf: now, Now: []Count{}, Days: []DayCount{}, LeftOut: []LeftOut{}}
	since := now.AddDate(0, 0, 1-days).UnixMilli() / dayMillis
	err := c.cfg.DB.View(ctx, func(tx *store.Tx) error {
		err := keep.Each(ctx, tx, `SELECT purpose, channel, choice, COUNT(*) FROM (
			SELECT purpose, channel, choice, ROW_NUMBER() OVER (PARTITION BY person, purpose, channel ORDER BY at DESC,
				CASE choice WHEN 'denied' THEN 3 WHEN 'non_personalised' THEN 2 ELSE 1 END DESC, node) AS place FROM consent_cells) AS latest
			WHERE place = 1 GROUP BY purpose, channel, choice ORDER BY purpose, channel, choice`, nil, func(scan func(...any) error) error {
			var one Count
			if err := scan(&one.Purpose, &one.Channel, &one.Choice, &one.N); err != nil {
				return err
			}
			n.Now = append(n.Now, one)
			return nil
		})
		if err != nil {
			return err
		}
		err = keep.Each(ctx, tx, `SELECT day, purpose, channel, choice, n FROM consent_days WHERE day >= ? ORDER BY day, purpose, channel, choice`, []any{since}, func(scan func(...any) error) error {
			var one DayCount
			var day int64
			if err := scan(&day, &one.Purpose, &one.Channel, &one.Choice, &one.N); err != nil {
				return err
			}
			one.Day = dayText(day)
			n.Days = append(n.Days, one)
			return nil
		})
		if err != nil {
			return err
		}
		return keep.Each(ctx, tx, `SELECT day, source, n, kept FROM consent_left_out WHERE day >= ? ORDER BY day, source`, []any{since}, func(scan func(...any) error) error {
			var one LeftOut
			var day int64
			if err := scan(&day, &one.Source, &one.N, &one.Kept); err != nil {
				return err
			}
			one.Day = dayText(day)
			n.LeftOut = append(n.LeftOut, one)
			return nil
		})
	})
	return n, err
}
