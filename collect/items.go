package collect

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/collect/sensors"
	"github.com/touchstone-cdp/touchstone/store"
)

// items keeps the catalogue that 神策's clients send beside events: things by type and
// id, each with its latest properties. They are about no person, so they do not go
// through the log; a call is answered when its rows are committed.
type items struct {
	c       *Collector
	rows    atomic.Int64 // about how many there are
	written *prometheus.CounterVec
}

func newItems(c *Collector) *items { return &items{c: c, written: c.metrics.items} }

// write stores items. Of two that are the same thing, the later one by its time stays.
func (s *items) write(ctx context.Context, source string, list []sensors.Item) error {
	if len(list) == 0 {
		return nil
	}
	if most := int64(s.c.cfg.MaxItems); s.rows.Load() >= most {
		s.written.WithLabelValues("refused").Add(float64(len(list)))
		return &touchstone.Error{Kind: touchstone.Unavailable, Message: "The catalogue of items is full.", Hint: "Raise collect.max_items.", RetryAfter: time.Minute}
	}
	now := s.c.clock.Now().UnixMilli()
	err := s.c.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		for _, item := range list {
			at := item.Time
			if at == 0 || at > now+s.c.cfg.MaxFuture.Milliseconds() {
				at = now
			}
			_, err := tx.Exec(ctx, `INSERT INTO items (type, id, properties, deleted, time, source) VALUES (?, ?, ?, ?, ?, ?)
				ON CONFLICT (type, id) DO UPDATE SET properties = excluded.properties, deleted = excluded.deleted, time = excluded.time, source = excluded.source
				WHERE excluded.time >= items.time`,
				item.Type, item.ID, item.Properties, item.Properties == "", at, source)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, item := range list {
		what := "set"
		if item.Properties == "" {
			what = "deleted"
		}
		s.written.WithLabelValues(what).Inc()
	}
	return nil
}

// count brings the number of rows up to date; it is allowed to lag a little.
func (s *items) count(ctx context.Context) error {
	var n int64
	if err := s.c.cfg.DB.Reader().QueryRow(ctx, `SELECT COUNT(*) FROM items`).Scan(&n); err != nil {
		return err
	}
	s.rows.Store(n)
	return nil
}
