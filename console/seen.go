package console

import (
	"context"
	"sync"
	"time"

	"github.com/touchstone-cdp/touchstone/store"
)

// lastSeen remembers when keys, sessions and users were last used and writes it down
// once in a while: a write per request would make every read of the API wait for the
// database's one writer.
type lastSeen struct {
	mu    sync.Mutex
	dirty map[seenKey]time.Time
}

type seenKey struct {
	kind string // key, session or user
	id   string
}

// Over this many between two flushes, further ones are not noted: the loss is a
// last_used_at that is a minute old.
const maxSeen = 10_000

func (s *lastSeen) mark(k seenKey, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dirty == nil {
		s.dirty = make(map[seenKey]time.Time)
	}
	if _, ok := s.dirty[k]; ok || len(s.dirty) < maxSeen {
		s.dirty[k] = now
	}
}

// last returns a time that is not written down yet.
func (s *lastSeen) last(k seenKey) (time.Time, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, ok := s.dirty[k]
	return t, ok
}

var seenStatements = map[string]string{
	"key":     `UPDATE console_api_keys SET last_used_at = ? WHERE id = ? AND last_used_at < ?`,
	"session": `UPDATE console_sessions SET last_seen_at = ? WHERE token = ? AND last_seen_at < ?`,
	"user":    `UPDATE console_users SET last_seen_at = ? WHERE id = ? AND last_seen_at < ?`,
}

func (s *lastSeen) flush(ctx context.Context, db *store.DB) error {
	s.mu.Lock()
	dirty := s.dirty
	s.dirty = nil
	s.mu.Unlock()
	if len(dirty) == 0 {
		return nil
	}
	return db.Retry(ctx, func(tx *store.Tx) error {
		for k, t := range dirty {
			ms := t.UnixMilli()
			if _, err := tx.Exec(ctx, seenStatements[k.kind], ms, k.id, ms); err != nil {
				return err
			}
		}
		return nil
	})
}
