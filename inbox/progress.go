package inbox

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/httpapi"
	"github.com/touchstone-cdp/touchstone/store"
)

// State tells how a reactor fares.
type State string

// The states.
const (
	Idle    State = "idle"    // nothing waits
	Working State = "working" // something waits, and it goes on
	Failing State = "failing" // it is tried again, with pauses
	Stopped State = "stopped" // this program cannot go on
	Gone    State = "gone"    // no program has it any more
)

// Progress is how far a reactor is.
type Progress struct {
	Name        string
	State       State
	Waiting     int64     // occurrences
	Oldest      time.Time // when the oldest of them was written; zero: none waits
	Passed      int64     // occurrences behind it
	Dropped     int64     // occurrences that went unread, because it stood still for too long
	DeadLetters int64
	Since       time.Time     // it fails since then; zero: it does not
	Attempts    int           // failures in a row
	Error       string        // of the latest failure
	Why         *httpapi.Text // likewise, for other languages; nil: not known
}

// Progress returns how far each reactor is, by name. It asks the store, so it tells of
// reactors that run in other processes, too.
func (in *Inbox) Progress(ctx context.Context) (list []Progress, err error) {
	err = in.cfg.DB.View(ctx, func(tx *store.Tx) error {
		list = nil
		known, err := readReactors(ctx, tx)
		if err != nil {
			return err
		}
		dead, err := countDead(ctx, tx)
		if err != nil {
			return err
		}
		for _, s := range known {
			p := Progress{Name: s.name, Waiting: s.lag(), Passed: s.passed, Dropped: s.dropped, DeadLetters: dead[s.name],
				Since: timeOf(s.failing), Attempts: int(s.attempts), Error: s.err, Why: httpapi.LoadText(s.why)}
			if s.goneAt == 0 && p.Waiting > 0 {
				if _, p.Oldest, err = oldest(ctx, tx, &s); err != nil {
					return err
				}
			}
			p.State = s.state()
			if p.State == Gone {
				p.Waiting = 0
			}
			if r := in.byName(s.name); r != nil && p.Error == "" {
				if err := r.interestError(); err != nil {
					unknown := touchstone.Wrap(touchstone.Internal, err, "its interest is not known")
					p.State, p.Error, p.Why = Failing, unknown.Error(), httpapi.TextOf(unknown)
				}
			}
			list = append(list, p)
		}
		return nil
	})
	slices.SortFunc(list, func(a, b Progress) int { return cmp.Compare(a.Name, b.Name) })
	return list, err
}

func (s *state) state() State {
	switch {
	case s.goneAt != 0:
		return Gone
	case s.stopped:
		return Stopped
	case s.failing != 0:
		return Failing
	case s.lag() > 0:
		return Working
	}
	return Idle
}

func (in *Inbox) byName(name string) *reactor {
	for _, r := range in.reactors {
		if r.name == name {
			return r
		}
	}
	return nil
}

func (r *reactor) interestError() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.unknown
}

// oldest returns the first row that waits for a reactor, 0 when none does.
func oldest(ctx context.Context, q store.Querier, s *state) (row int64, written time.Time, err error) {
	var ms int64
	err = q.QueryRow(ctx, `SELECT id, written_at FROM inbox_rows WHERE id >= ? AND (wants & ?) <> 0 ORDER BY id LIMIT 1`,
		s.at.row, int64(1)<<s.bit).Scan(&row, &ms)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return 0, time.Time{}, nil
	case err != nil:
		return 0, time.Time{}, fmt.Errorf("look for what waits for %s: %w", s.name, err)
	}
	return row, timeOf(ms), nil
}

func countDead(ctx context.Context, q store.Querier) (map[string]int64, error) {
	rows, err := q.Query(ctx, `SELECT reactor, count(*) FROM inbox_dead GROUP BY reactor`)
	if err != nil {
		return nil, fmt.Errorf("count the dead letters: %w", err)
	}
	defer rows.Close()
	counts := map[string]int64{}
	for rows.Next() {
		var name string
		var n int64
		if err := rows.Scan(&name, &n); err != nil {
			return nil, err
		}
		counts[name] = n
	}
	return counts, rows.Err()
}
