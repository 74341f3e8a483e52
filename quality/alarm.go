package quality

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/randid"
	"github.com/touchstone-cdp/touchstone/store"
)

// Alarm says what is no longer as usual, from when on, and what was usual.
type Alarm struct {
	ID       string     `json:"id"` // "alm_…"
	Source   string     `json:"source"`
	Event    string     `json:"event"` // "": all of the source
	Kind     Kind       `json:"kind"`
	Field    string     `json:"field"`
	BeganAt  time.Time  `json:"began_at"`  // when it first was not as usual
	OpenedAt time.Time  `json:"opened_at"` // when that was sure
	LastAt   time.Time  `json:"last_at"`   // when it last was so
	ClosedAt *time.Time `json:"closed_at"` // null while it is open
	// Usual and Seen are events per minute, of the other kinds shares of events.
	Usual     float64    `json:"usual"`
	Seen      float64    `json:"seen"`
	UsualType string     `json:"usual_type"` // of type_changed: JSON types
	SeenType  string     `json:"seen_type"`
	NotedBy   string     `json:"noted_by"` // who has taken notice
	NotedAt   *time.Time `json:"noted_at"`
	// MutedUntil is until when nobody is told of it, and of later ones about the same.
	MutedUntil *time.Time `json:"muted_until"`
}

type alarmKey struct {
	at    place
	kind  Kind
	field string
}

func (a *Alarm) key() alarmKey { return alarmKey{place{a.Source, a.Event}, a.Kind, a.Field} }

// calm is how long nothing unusual must have been seen before an alarm is closed.
const calm = 3 * time.Minute

// keepAlarms is how long closed alarms are kept, maxOpen how many are open at a time.
const (
	keepAlarms = 400 * 24 * time.Hour
	maxOpen    = 500
)

// find opens alarms, or notes that they go on. Of a source whose volume is unusual the volumes of its
// events are not told, and of a field that is missing or of another type not that it is refused: one cause,
// one alarm. at is the tick's end.
func (q *Quality) find(ctx context.Context, tx *store.Tx, at time.Time, where place, found []Finding) error {
	for _, f := range found {
		if where.event != "" && f.ofVolume() && q.volumeOpen(where.source) || q.explained(where, &f, found) || f.Kind == VolumeDrop && q.open[alarmKey{where, Silent, ""}] != nil {
			continue
		}
		if less := q.open[alarmKey{where, VolumeDrop, ""}]; f.Kind == Silent && less != nil { // it was on its way to silence
			if err := q.end(ctx, tx, less, at); err != nil {
				return err
			}
		}
		key := alarmKey{where, f.Kind, f.Field}
		if a := q.open[key]; a != nil {
			a.LastAt, a.Seen = at, f.Now
			if _, err := tx.Exec(ctx, `UPDATE quality_alarms SET last_at = ?, seen = ? WHERE id = ?`, at.UnixMilli(), f.Now, a.ID); err != nil {
				return err
			}
			continue
		}
		if len(q.open) >= maxOpen {
			continue
		}
		a := &Alarm{ID: randid.New("alm"), Source: where.source, Event: where.event, Kind: f.Kind, Field: f.Field, BeganAt: tickStart(f.Since), OpenedAt: at, LastAt: at,
			Usual: f.Usual, Seen: f.Now, UsualType: f.UsualType, SeenType: f.NowType}
		until, err := muted(ctx, tx, a, at)
		if err != nil {
			return err
		}
		a.MutedUntil = momentOf(until)
		if _, err := tx.Exec(ctx, `INSERT INTO quality_alarms (id, source, event, kind, field, began_at, opened_at, last_at, closed_at, usual, seen, usual_type, seen_type, noted_by, noted_at, muted_until)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?, '', 0, ?)`, a.ID, a.Source, a.Event, string(a.Kind), a.Field, a.BeganAt.UnixMilli(), at.UnixMilli(), at.UnixMilli(),
			a.Usual, a.Seen, a.UsualType, a.SeenType, until); err != nil {
			return err
		}
		if until == 0 {
			if err := q.tell(ctx, tx, a); err != nil {
				return err
			}
		}
		q.open[key] = a
	}
	return nil
}

// explained tells that an event is refused for a field about which there is an alarm, or will be.
func (q *Quality) explained(where place, f *Finding, found []Finding) bool {
	if f.Kind != Refused || f.Field == "" {
		return false
	}
	for _, kind := range [...]Kind{TypeChanged, FieldMissing} {
		if q.open[alarmKey{where, kind, f.Field}] != nil || slices.ContainsFunc(found, func(o Finding) bool { return o.Kind == kind && o.Field == f.Field }) {
			return true
		}
	}
	return false
}

func tickStart(tick int64) time.Time { return time.UnixMilli(tick * Tick.Milliseconds()) }

func (q *Quality) volumeOpen(source string) bool {
	for _, kind := range [...]Kind{Silent, VolumeDrop, VolumeSurge} {
		if q.open[alarmKey{place{source, ""}, kind, ""}] != nil {
			return true
		}
	}
	return false
}

// close ends alarms of which nothing was seen for a while.
func (q *Quality) close(ctx context.Context, tx *store.Tx, at time.Time) error {
	for _, a := range q.open {
		if at.Sub(a.LastAt) < calm {
			continue
		}
		if err := q.end(ctx, tx, a, at); err != nil {
			return err
		}
	}
	return nil
}

func (q *Quality) end(ctx context.Context, tx *store.Tx, a *Alarm, at time.Time) error {
	a.ClosedAt = &at
	if _, err := tx.Exec(ctx, `UPDATE quality_alarms SET closed_at = ? WHERE id = ?`, at.UnixMilli(), a.ID); err != nil {
		return err
	}
	delete(q.open, a.key())
	until, err := muted(ctx, tx, a, at)
	if err != nil || until != 0 {
		return err
	}
	return q.tell(ctx, tx, a)
}

// tell says it to people.
func (q *Quality) tell(ctx context.Context, tx *store.Tx, a *Alarm) error {
	if q.cfg.Tell == nil {
		return nil
	}
	return q.cfg.Tell(ctx, tx, *a)
}

const alarmColumns = `id, source, event, kind, field, began_at, opened_at, last_at, closed_at, usual, seen, usual_type, seen_type, noted_by, noted_at, muted_until`

func scanAlarm(row interface{ Scan(...any) error }) (a Alarm, err error) {
	var began, opened, last, closed, noted, mutedUntil int64
	if err := row.Scan(&a.ID, &a.Source, &a.Event, &a.Kind, &a.Field, &began, &opened, &last, &closed, &a.Usual, &a.Seen, &a.UsualType, &a.SeenType, &a.NotedBy, &noted, &mutedUntil); err != nil {
		return a, err
	}
	a.BeganAt, a.OpenedAt, a.LastAt = time.UnixMilli(began), time.UnixMilli(opened), time.UnixMilli(last)
	a.ClosedAt, a.NotedAt, a.MutedUntil = momentOf(closed), momentOf(noted), momentOf(mutedUntil)
	return a, nil
}

// Alarms returns the open alarms and then the closed ones, the newest first, n at most: of a source,
// or of all.
func (q *Quality) Alarms(ctx context.Context, source string, openOnly bool, n int) ([]Alarm, error) {
	query, args := `SELECT `+alarmColumns+` FROM quality_alarms WHERE TRUE`, []any{}
	if source != "" {
		query, args = query+` AND source = ?`, append(args, source)
	}
	if openOnly {
		query += ` AND closed_at = 0`
	}
	rows, err := q.cfg.DB.Reader().Query(ctx, query+` ORDER BY CASE WHEN closed_at = 0 THEN 0 ELSE 1 END, opened_at DESC, id LIMIT ?`, append(args, n)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	list := []Alarm{}
	for rows.Next() {
		a, err := scanAlarm(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, a)
	}
	return list, rows.Err()
}

// Alarm returns one alarm. NotFound: it is not there.
func (q *Quality) Alarm(ctx context.Context, id string) (Alarm, error) {
	a, err := scanAlarm(q.cfg.DB.Reader().QueryRow(ctx, `SELECT `+alarmColumns+` FROM quality_alarms WHERE id = ?`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return a, touchstone.Errorf(touchstone.NotFound, "There is no alarm %.60q.", id)
	}
	return a, err
}

// Note says that somebody has taken notice of an alarm.
func (q *Quality) Note(ctx context.Context, id, by string) (a Alarm, err error) {
	err = q.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		a, err = scanAlarm(tx.QueryRow(ctx, `SELECT `+alarmColumns+` FROM quality_alarms WHERE id = ?`, id))
		if errors.Is(err, sql.ErrNoRows) {
			return touchstone.Errorf(touchstone.NotFound, "There is no alarm %.60q.", id)
		}
		if err != nil {
			return err
		}
		now := q.cfg.Clock.Now().Truncate(time.Millisecond)
		a.NotedBy, a.NotedAt = by, &now
		_, err := tx.Exec(ctx, `UPDATE quality_alarms SET noted_by = ?, noted_at = ? WHERE id = ?`, by, now.UnixMilli(), id)
		return err
	})
	return a, err
}
