package quality

import (
	"context"
	"encoding/json"
	"time"

	"github.com/touchstone-cdp/touchstone/store"
)

// TagStale is the kind of an alarm about a tag whose values are older than its definition allows: Event is its key,
// UsualType empty, SeenType the cause, Field the source that is silent, if that is the cause. Usual and Seen are minutes.
const TagStale Kind = "tag_stale"

// Stale is a tag whose values are too old, as another part has found.
type Stale struct {
	Tag       string // key
	Cause     string
	Source    string // that is silent; "" for another cause
	Since     time.Time
	Age, Most time.Duration
}

// outside opens alarms about what other parts have found, and notes which go on. A tag has one alarm: its cause may become
// another one while it is open.
func (q *Quality) outside(ctx context.Context, fence Fence) error {
	if q.cfg.Stale == nil {
		return nil
	}
	list, err := q.cfg.Stale(ctx)
	if err != nil {
		return err
	}
	any := len(list) > 0
	for key := range q.open {
		any = any || key.kind == TagStale
	}
	if !any {
		return nil
	}
	at := q.cfg.Clock.Now().Truncate(time.Millisecond)
	return q.withAlarms(ctx, fence, func(tx *store.Tx) error {
		for _, s := range list {
			where := place{"", s.Tag}
			for key, a := range q.open {
				if key.kind == TagStale && key.at == where && a.SeenType != s.Cause { // what it tells is told anew
					if err := q.end(ctx, tx, a, at); err != nil {
						return err
					}
				}
			}
			f := Finding{Kind: TagStale, Field: s.Source, Since: s.Since.UnixMilli() / Tick.Milliseconds(), Usual: s.Most.Minutes(), Now: s.Age.Minutes(), NowType: s.Cause}
			if err := q.find(ctx, tx, at, where, []Finding{f}); err != nil {
				return err
			}
		}
		return q.close(ctx, tx, at)
	})
}

// Silence is a source, or an event of one, of which nothing comes.
type Silence struct {
	Source string
	Event  string // "": all of the source
	Since  time.Time
}

// Silences returns what is silent now, by the open alarms.
func (q *Quality) Silences(ctx context.Context) ([]Silence, error) {
	rows, err := q.cfg.DB.Reader().Query(ctx, `SELECT source, event, began_at FROM quality_alarms WHERE closed_at = 0 AND kind = ?`, string(Silent))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []Silence
	for rows.Next() {
		var s Silence
		var began int64
		if err := rows.Scan(&s.Source, &s.Event, &began); err != nil {
			return nil, err
		}
		s.Since = time.UnixMilli(began).UTC()
		list = append(list, s)
	}
	return list, rows.Err()
}

// Senders returns the sources of which an event is usual, as of what was stored last.
func (q *Quality) Senders(ctx context.Context, event string) ([]string, error) {
	rows, err := q.cfg.DB.Reader().Query(ctx, `SELECT source, known FROM quality_series WHERE event = ? ORDER BY source`, event)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []string
	for rows.Next() {
		var source, known string
		if err := rows.Scan(&source, &known); err != nil {
			return nil, err
		}
		if json.Valid([]byte(known)) {
			list = append(list, source)
		}
	}
	return list, rows.Err()
}
