package outbox

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/httpapi"
	"github.com/touchstone-cdp/touchstone/store"
)

// discarded is a dead letter that nobody wants any more; its id is remembered like that of
// one that is done.
const discarded = 3

// State names what an effect is in.
type State string

// The states.
const (
	Waiting   State = "waiting"
	Delivered State = "delivered"
	Dead      State = "dead"
)

// Letter is an effect as people see it.
type Letter struct {
	ID          string
	Kind        string
	Destination string
	Person      touchstone.PersonID
	Label       string
	Body        []byte // nil once it is done
	State       State
	PutAt       time.Time
	Due         time.Time // of the next attempt, while it waits
	FinishedAt  time.Time
	Attempts    int
	Status      int           // of the last attempt
	Took        time.Duration // likewise
	Error       string        // likewise, in English
	Why         *httpapi.Text // likewise, for other languages; nil: not known
	Answer      string
}

// Attempt is one that failed.
type Attempt struct {
	Attempt int
	At      time.Time
	Status  int
	Took    time.Duration
	Error   string
	Why     *httpapi.Text
	Answer  string
}

const letterColumns = `id, kind, destination, person, label, body, state, put_at, due, finished_at, attempts, status, took_ms, error, why, answer`

// List returns a queue's effects in a state, the latest first; those that wait in the order
// in which they are due. The cursor is "" for the first page, and at the end.
func (o *Outbox) List(ctx context.Context, kind, destination string, state State, limit int, cursor string) ([]Letter, string, error) {
	order, bound, where := "finished_at DESC, id DESC", "(finished_at, id) < (?, ?)", "state <> 0 AND state = 1"
	at, id := int64(1)<<62, ""
	switch state {
	case Waiting:
		order, bound, where, at = "due, id", "(due, id) > (?, ?)", "state = 0", 0
	case Dead:
		where = "state <> 0 AND state = 2"
	case Delivered:
	default:
		return nil, "", touchstone.Errorf(touchstone.Invalid, "%q is not a state of a delivery: it is waiting, delivered or dead.", string(state))
	}
	if cursor != "" {
		var err error
		if at, id, err = readCursor(cursor); err != nil {
			return nil, "", err
		}
	}
	rows, err := o.cfg.DB.Reader().Query(ctx, `SELECT `+letterColumns+` FROM outbox_effects WHERE `+where+` AND kind = ? AND destination = ? AND `+bound+
		` ORDER BY `+order+` LIMIT ?`, kind, destination, at, id, limit+1)
	if err != nil {
		return nil, "", fmt.Errorf("list effects: %w", err)
	}
	letters, err := scanLetters(rows)
	if err != nil || len(letters) <= limit {
		return letters, "", err
	}
	last := &letters[limit-1]
	key := last.FinishedAt
	if state == Waiting {
		key = last.Due
	}
	return letters[:limit], strconv.FormatInt(millis(key), 10) + "." + last.ID, nil
}

func readCursor(cursor string) (at int64, id string, err error) {
	text, id, ok := strings.Cut(cursor, ".")
	at, err = strconv.ParseInt(text, 10, 64)
	if !ok || err != nil {
		return 0, "", touchstone.Errorf(touchstone.Invalid, "The cursor is not one that this list gave.")
	}
	return at, id, nil
}

func scanLetters(rows *sql.Rows) ([]Letter, error) {
	defer rows.Close()
	var out []Letter
	for rows.Next() {
		var l Letter
		var person, put, due, finished, took int64
		var state int
		var why string
		if err := rows.Scan(&l.ID, &l.Kind, &l.Destination, &person, &l.Label, &l.Body, &state, &put, &due, &finished, &l.Attempts, &l.Status, &took, &l.Error, &why, &l.Answer); err != nil {
			return nil, err
		}
		l.Person, l.PutAt, l.FinishedAt, l.Took = touchstone.PersonID(person), moment(put), moment(finished), time.Duration(took)*time.Millisecond
		l.Why = httpapi.LoadText(why)
		switch state {
		case waits:
			l.State, l.Due = Waiting, moment(due)
		case dead:
			l.State = Dead
		default:
			l.State = Delivered
		}
		out = append(out, l)
	}
	return out, rows.Err()
}

// Get returns one effect with its failed attempts. NotFound: it never was there, or is
// forgotten.
func (o *Outbox) Get(ctx context.Context, id string) (Letter, []Attempt, error) {
	q := o.cfg.DB.Reader()
	rows, err := q.Query(ctx, `SELECT `+letterColumns+` FROM outbox_effects WHERE id = ?`, id)
	if err != nil {
		return Letter{}, nil, err
	}
	letters, err := scanLetters(rows)
	if err != nil {
		return Letter{}, nil, err
	}
	if len(letters) == 0 {
		return Letter{}, nil, touchstone.Errorf(touchstone.NotFound, "There is no delivery %q.", id).WithHint("Deliveries are forgotten some time after they are done.")
	}
	if rows, err = q.Query(ctx, `SELECT attempt, at, status, took_ms, error, why, answer FROM outbox_failures WHERE id = ? ORDER BY attempt`, id); err != nil {
		return Letter{}, nil, err
	}
	defer rows.Close()
	var attempts []Attempt
	for rows.Next() {
		var a Attempt
		var at, took int64
		var why string
		if err := rows.Scan(&a.Attempt, &at, &a.Status, &took, &a.Error, &why, &a.Answer); err != nil {
			return Letter{}, nil, err
		}
		a.At, a.Took, a.Why = moment(at), time.Duration(took)*time.Millisecond, httpapi.LoadText(why)
		attempts = append(attempts, a)
	}
	return letters[0], attempts, rows.Err()
}

const lettersAtOnce = 500 // in one transaction

// Replay has dead letters of a queue done again: those of the ids, or all. It returns how
// many; ids that are no dead letters of the queue are passed over.
func (o *Outbox) Replay(ctx context.Context, kind, destination string, ids []string, all bool) (int64, error) {
	now := o.now().UnixMilli()
	n, err := o.changeDead(ctx, name{kind, destination}, ids, all, nil, `UPDATE outbox_effects SET state = 0, owner = '', since = ?, due = ?, tries = 0, finished_at = 0`, now, now)
	o.touch(name{kind, destination})
	return n, err
}

// Discard gives up dead letters of a queue, as Replay takes them up.
func (o *Outbox) Discard(ctx context.Context, kind, destination string, ids []string, all bool) (int64, error) {
	count := func(tx *store.Tx, n int64) error {
		return writeDiscarded(ctx, tx, name{kind, destination}, n)
	}
	n, err := o.changeDead(ctx, name{kind, destination}, ids, all, count, `UPDATE outbox_effects SET state = 3, body = ?, answer = ''`, []byte{})
	o.metrics.ended.WithLabelValues("discarded").Add(float64(n))
	return n, err
}

func writeDiscarded(ctx context.Context, tx *store.Tx, n name, count int64) error {
	_, err := tx.Exec(ctx, `UPDATE outbox_queues SET discarded = discarded + ? WHERE kind = ? AND destination = ?`, count, n.kind, n.destination)
	return err
}

// changeDead applies an update to dead letters, some at a time, so that other writers get
// their turn.
func (o *Outbox) changeDead(ctx context.Context, n name, ids []string, all bool, then func(tx *store.Tx, n int64) error, set string, setArgs ...any) (total int64, err error) {
	for {
		part := ids[:min(len(ids), lettersAtOnce)]
		ids = ids[len(part):]
		which, args := "", []any(nil)
		switch {
		case all:
			which, args = `(SELECT id FROM outbox_effects WHERE state <> 0 AND state = 2 AND kind = ? AND destination = ? ORDER BY finished_at LIMIT ?)`, []any{n.kind, n.destination, lettersAtOnce}
		case len(part) == 0:
			return total, nil
		default:
			which = "(?" + strings.Repeat(",?", len(part)-1) + ")"
			for _, id := range part {
				args = append(args, id)
			}
		}
		args = append(append(append([]any{}, setArgs...), n.kind, n.destination), args...)
		var hit int64
		err := o.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
			res, err := tx.Exec(ctx, set+` WHERE state <> 0 AND state = 2 AND kind = ? AND destination = ? AND id IN `+which, args...)
			if err != nil {
				return err
			}
			if hit, err = res.RowsAffected(); err != nil || then == nil {
				return err
			}
			return then(tx, hit)
		})
		total += hit
		if err != nil {
			return total, fmt.Errorf("change dead letters of %s/%s: %w", n.kind, n.destination, err)
		}
		if all && hit < lettersAtOnce {
			return total, nil
		}
	}
}

// Remove forgets a destination with all that was or is to be done there.
func (o *Outbox) Remove(ctx context.Context, kind, destination string) error {
	n := name{kind, destination}
	for {
		var gone int64
		err := o.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
			var err error
			gone, err = deleteEffects(ctx, tx, `kind = ? AND destination = ? LIMIT ?`, kind, destination, sweepAtOnce)
			return err
		})
		if err != nil {
			return err
		}
		if gone == 0 {
			break
		}
	}
	err := o.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM outbox_queues WHERE kind = ? AND destination = ?`, kind, destination)
		return err
	})
	if err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if q := o.queues[n]; q != nil {
		for _, it := range q.letGo() {
			o.drop(q, it)
		}
		q.next = time.Time{}
	}
	return nil
}
