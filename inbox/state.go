package inbox

import (
	"context"
	"fmt"
	"time"

	"github.com/touchstone-cdp/touchstone/store"
)

// place is where an occurrence stands: the order of all of them.
type place struct{ row, item int64 }

// state is a reactor's row.
type state struct {
	name            string
	bit             int
	at              place
	passed, dropped int64
	seenAt, goneAt  int64
	failing         int64
	attempts        int64
	err, why        string
	stopped         bool
	written         int64
}

const stateColumns = `name, r.bit, row_id, item, passed, dropped, seen_at, gone_at, failing, attempts, error, why, stopped, occurrences`

// readReactors returns all reactors that ever were, by name.
func readReactors(ctx context.Context, q store.Querier) (map[string]state, error) {
	rows, err := q.Query(ctx, `SELECT `+stateColumns+` FROM inbox_reactors r JOIN inbox_written w ON w.bit = r.bit`)
	if err != nil {
		return nil, fmt.Errorf("read the reactors: %w", err)
	}
	defer rows.Close()
	found := map[string]state{}
	for rows.Next() {
		var s state
		if err := rows.Scan(&s.name, &s.bit, &s.at.row, &s.at.item, &s.passed, &s.dropped, &s.seenAt, &s.goneAt,
			&s.failing, &s.attempts, &s.err, &s.why, &s.stopped, &s.written); err != nil {
			return nil, err
		}
		found[s.name] = s
	}
	return found, rows.Err()
}

// lag is how many occurrences wait.
func (s *state) lag() int64 { return max(0, s.written-s.passed-s.dropped) }

func timeOf(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
