package outbox

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/touchstone-cdp/touchstone/internal/httpapi"
	"github.com/touchstone-cdp/touchstone/store"
)

// Queue is what is known of a destination.
type Queue struct {
	Kind, Destination string
	Paused            bool
	Failures          int       // in a row
	HeldUntil         time.Time // nothing is tried before; zero: it is
	Delivered         int64     // since the beginning
	Failed            int64     // attempts
	Dead              int64     // effects that became dead letters
	Discarded         int64
	DeliveredAt       time.Time // the last one
	FailedAt          time.Time
	Error             string // of the last attempt that failed
	Why               *httpapi.Text

	// Filled in by Queues: at most countUpTo, which stands for that many or more.
	Waiting     int64
	DeadLetters int64
	Oldest      time.Time // when the first one that waits was or is due
}

// CountUpTo is the largest number of rows that are counted for people.
const CountUpTo = 10_000

const queueColumns = `kind, destination, paused, failures, held_until, delivered, failed, dead, discarded, delivered_at, failed_at, error, why`

// writeQueue adds counts to a queue's row and replaces the state of its breaker.
func writeQueue(ctx context.Context, tx *store.Tx, s *Queue) error {
	_, err := tx.Exec(ctx, `INSERT INTO outbox_queues (`+queueColumns+`) VALUES (?,?,0,?,?,?,?,?,?,?,?,?,?)
		ON CONFLICT (kind, destination) DO UPDATE SET failures = excluded.failures, held_until = excluded.held_until,
		delivered = outbox_queues.delivered + excluded.delivered, failed = outbox_queues.failed + excluded.failed,
		dead = outbox_queues.dead + excluded.dead, discarded = outbox_queues.discarded + excluded.discarded,
		delivered_at = CASE WHEN excluded.delivered_at > outbox_queues.delivered_at THEN excluded.delivered_at ELSE outbox_queues.delivered_at END,
		failed_at = CASE WHEN excluded.failed_at > outbox_queues.failed_at THEN excluded.failed_at ELSE outbox_queues.failed_at END,
		error = CASE WHEN excluded.error <> '' THEN excluded.error ELSE outbox_queues.error END,
		why = CASE WHEN excluded.error <> '' THEN excluded.why ELSE outbox_queues.why END`,
		s.Kind, s.Destination, s.Failures, millis(s.HeldUntil), s.Delivered, s.Failed, s.Dead, s.Discarded, millis(s.DeliveredAt), millis(s.FailedAt), s.Error, s.Why.Store())
	if err != nil {
		return fmt.Errorf("note the state of queue %s/%s: %w", s.Kind, s.Destination, err)
	}
	return nil
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func moment(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

func readQueue(ctx context.Context, q store.Querier, n name) (*Queue, error) {
	s, err := scanQueue(q.QueryRow(ctx, `SELECT `+queueColumns+` FROM outbox_queues WHERE kind = ? AND destination = ?`, n.kind, n.destination))
	if errors.Is(err, sql.ErrNoRows) {
		return &Queue{Kind: n.kind, Destination: n.destination}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the state of queue %s/%s: %w", n.kind, n.destination, err)
	}
	return s, nil
}

// readQueues returns the queues of a kind, or of all kinds.
func readQueues(ctx context.Context, q store.Querier, kind string) ([]Queue, error) {
	where, args := "", []any(nil)
	if kind != "" {
		where, args = " WHERE kind = ?", []any{kind}
	}
	rows, err := q.Query(ctx, `SELECT `+queueColumns+` FROM outbox_queues`+where+` ORDER BY kind, destination`, args...)
	if err != nil {
		return nil, fmt.Errorf("read the queues: %w", err)
	}
	defer rows.Close()
	var out []Queue
	for rows.Next() {
		s, err := scanQueue(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, *s)
	}
	return out, rows.Err()
}

func scanQueue(row interface{ Scan(...any) error }) (*Queue, error) {
	s := &Queue{}
	var paused, held, deliveredAt, failedAt int64
	var why string
	err := row.Scan(&s.Kind, &s.Destination, &paused, &s.Failures, &held, &s.Delivered, &s.Failed, &s.Dead, &s.Discarded, &deliveredAt, &failedAt, &s.Error, &why)
	s.Paused, s.HeldUntil, s.DeliveredAt, s.FailedAt = paused != 0, moment(held), moment(deliveredAt), moment(failedAt)
	s.Why = httpapi.LoadText(why)
	return s, err
}

// Queue returns what is known of one destination, with its counts.
func (o *Outbox) Queue(ctx context.Context, kind, destination string) (Queue, error) {
	q := o.cfg.DB.Reader()
	s, err := readQueue(ctx, q, name{kind, destination})
	if err != nil {
		return Queue{}, err
	}
	count := func(state int) (n int64, err error) {
		err = q.QueryRow(ctx, fmt.Sprintf(`SELECT count(*) FROM (SELECT 1 AS one FROM outbox_effects WHERE state = %d AND state %s 0 AND kind = ? AND destination = ? LIMIT ?) AS counted`,
			state, map[bool]string{true: "=", false: "<>"}[state == waits]), kind, destination, CountUpTo).Scan(&n)
		return n, err
	}
	if s.Waiting, err = count(waits); err != nil {
		return Queue{}, err
	}
	if s.DeadLetters, err = count(dead); err != nil {
		return Queue{}, err
	}
	s.Oldest, err = nextDue(ctx, q, name{kind, destination}, time.UnixMilli(-1))
	return *s, err
}

// SetPaused stops or goes on with a queue. What is put in a paused one waits; it ends as
// always when it is too old.
func (o *Outbox) SetPaused(ctx context.Context, tx *store.Tx, kind, destination string, paused bool) error {
	n := name{kind, destination}
	value := int64(0)
	if paused {
		value = 1
	}
	_, err := tx.Exec(ctx, `INSERT INTO outbox_queues (`+queueColumns+`) VALUES (?,?,?,0,0,0,0,0,0,0,0,'','')
		ON CONFLICT (kind, destination) DO UPDATE SET paused = excluded.paused, failures = 0, held_until = 0`, kind, destination, value)
	if err != nil {
		return fmt.Errorf("pause or go on with queue %s/%s: %w", kind, destination, err)
	}
	if !paused { // what failed is tried now, and not when its pause of up to hours is over
		now := o.now().UnixMilli()
		if _, err := tx.Exec(ctx, `UPDATE outbox_effects SET due = ? WHERE state = 0 AND kind = ? AND destination = ? AND due > ? AND tries > 0 AND owner = ''`,
			now, kind, destination, now); err != nil {
			return fmt.Errorf("go on with what failed in queue %s/%s: %w", kind, destination, err)
		}
	}
	tx.AfterCommit(func() {
		o.mu.Lock()
		if q := o.queues[n]; q != nil {
			q.paused, q.next = paused, o.now()
			q.goOn() // who goes on wants to see it tried
		}
		o.mu.Unlock()
		o.touch(n)
	})
	return nil
}
