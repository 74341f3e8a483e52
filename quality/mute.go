package quality

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

// maxMute is how long nobody is told at most: what is muted for good is forgotten.
const maxMute = 90 * 24 * time.Hour

// Mute says that nobody is told of an alarm, and of later ones of its kind about the same thing, until
// a moment; nil: people are told again. The console shows muted alarms, and they count as open.
func (q *Quality) Mute(ctx context.Context, id string, until *time.Time) (a Alarm, err error) {
	now, at := q.cfg.Clock.Now(), int64(0)
	if until != nil {
		if !until.After(now) || until.Sub(now) > maxMute {
			return a, touchstone.Errorf(touchstone.Invalid, "An alarm is muted until a moment of the next %d days.", int(maxMute.Hours()/24))
		}
		at = until.UnixMilli()
	}
	err = q.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		a, err = scanAlarm(tx.QueryRow(ctx, `SELECT `+alarmColumns+` FROM quality_alarms WHERE id = ?`, id))
		if errors.Is(err, sql.ErrNoRows) {
			return touchstone.Errorf(touchstone.NotFound, "There is no alarm %.60q.", id)
		}
		if err != nil {
			return err
		}
		// Of earlier ones about the same, too: one that still mutes would go on.
		_, err := tx.Exec(ctx, `UPDATE quality_alarms SET muted_until = CASE WHEN id = ? THEN CAST(? AS BIGINT) ELSE 0 END
			WHERE source = ? AND event = ? AND kind = ? AND field = ? AND (id = ? OR muted_until > 0)`, id, at, a.Source, a.Event, string(a.Kind), a.Field, id)
		return err
	})
	if err == nil {
		a.MutedUntil = momentOf(at)
	}
	return a, err
}

// muted tells until when what an alarm is about is muted, 0 when it is not at a moment.
func muted(ctx context.Context, tx *store.Tx, a *Alarm, at time.Time) (until int64, err error) {
	err = tx.QueryRow(ctx, `SELECT COALESCE(MAX(muted_until), 0) FROM quality_alarms WHERE muted_until > ? AND source = ? AND event = ? AND kind = ? AND field = ?`,
		at.UnixMilli(), a.Source, a.Event, string(a.Kind), a.Field).Scan(&until)
	return until, err
}

func momentOf(ms int64) *time.Time {
	if ms == 0 {
		return nil
	}
	at := time.UnixMilli(ms)
	return &at
}
