package outbox

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/touchstone-cdp/touchstone/internal/httpapi"
	"github.com/touchstone-cdp/touchstone/store"
)

// How results are gathered into a transaction.
const (
	gather       = 50 * time.Millisecond
	maxGroup     = 1000
	maxAnswer    = 1 << 10
	notePause    = time.Second // after a transaction that failed
	lastAttempts = 5           // to write the last results when the process stops
)

// result is what came of an attempt, or that an effect is given back.
type result struct {
	queue *queue
	item  *item
	outcome
	receipt  Receipt
	err      error
	took     time.Duration
	at       time.Time
	released bool // it was not begun
	withheld bool // its person does not agree to it
}

// handIn leaves a result for the next group.
func (o *Outbox) handIn(r result) {
	o.resultsMu.Lock()
	o.results = append(o.results, r)
	o.resultsMu.Unlock()
	signal(o.notes)
}

// release gives a claim back. The caller holds mu.
func (o *Outbox) release(q *queue, it *item) {
	if !o.leases() {
		o.drop(q, it)
		return
	}
	due := o.now()
	if it.tries == 0 { // its place in the order
		due = it.since
	}
	o.handIn(result{queue: q, item: it, at: due, released: true})
}

// note writes results until ended is closed and none are left.
func (o *Outbox) note(ctx context.Context, ended <-chan struct{}) {
	for {
		select {
		case <-o.notes:
		case <-ended:
			o.noteLast(context.WithoutCancel(ctx))
			return
		}
		select {
		case <-time.After(gather):
		case <-ended:
		}
		if err := o.flush(ctx); err != nil {
			o.report(ctx, "write results", err)
			select {
			case <-time.After(notePause):
			case <-ended:
			}
			signal(o.notes)
		}
	}
}

// noteLast writes what is left when the process stops. What cannot be written is done
// again by the next one, with the same keys.
func (o *Outbox) noteLast(ctx context.Context) {
	for range lastAttempts {
		err := o.flush(ctx)
		if err == nil {
			return
		}
		o.report(ctx, "write results", err)
		time.Sleep(notePause / 10)
	}
}

// flush writes all results that wait, a group at a time.
func (o *Outbox) flush(ctx context.Context) error {
	for {
		o.resultsMu.Lock()
		group := o.results[:min(len(o.results), maxGroup)]
		o.resultsMu.Unlock()
		if len(group) == 0 {
			return nil
		}
		states := o.queueStates(group)
		if err := o.cfg.DB.Retry(ctx, func(tx *store.Tx) error { return o.noteGroup(ctx, tx, group, states) }); err != nil {
			return err
		}
		o.metrics.groups.Observe(float64(len(group)))
		o.settled(group)
		o.resultsMu.Lock()
		if o.results = o.results[len(group):]; len(o.results) == 0 {
			o.results = nil
		}
		o.resultsMu.Unlock()
	}
}

// queueStates copies what is to be kept of the queues' breakers.
func (o *Outbox) queueStates(group []result) map[name]*Queue {
	o.mu.Lock()
	defer o.mu.Unlock()
	states := map[name]*Queue{}
	for i := range group {
		q := group[i].queue
		if states[q.name] == nil && !group[i].released {
			states[q.name] = &Queue{Kind: q.kind, Destination: q.destination, Failures: q.failures, HeldUntil: q.heldUntil}
		}
	}
	return states
}

// settled lets go of effects whose results have been committed.
func (o *Outbox) settled(group []result) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range group {
		r := &group[i]
		o.drop(r.queue, r.item)
		if r.released {
			r.due = o.now()
		}
		if r.state == waits && (r.queue.next.IsZero() || r.due.Before(r.queue.next)) {
			r.queue.next = r.due
		}
	}
	for n, q := range o.queues {
		if q.starved {
			q.starved = false
			o.dirty[n] = struct{}{}
		}
	}
	signal(o.wake)
}

func (o *Outbox) noteGroup(ctx context.Context, tx *store.Tx, group []result, states map[name]*Queue) error {
	for _, s := range states { // a transaction that clashed begins anew
		*s = Queue{Kind: s.Kind, Destination: s.Destination, Failures: s.Failures, HeldUntil: s.HeldUntil}
	}
	seen := map[name]*Queue{}
	lost := 0
	for i := range group {
		r := &group[i]
		hit, err := o.noteOne(ctx, tx, r)
		if err != nil {
			return err
		}
		switch {
		case r.released:
		case !hit: // erased, removed, or another process has claimed it since
			lost++
		default:
			s := states[r.queue.name]
			seen[r.queue.name] = s
			s.add(r)
		}
	}
	tx.AfterCommit(func() { o.metrics.lost.Add(float64(lost)) })
	for _, s := range seen {
		if err := writeQueue(ctx, tx, s); err != nil {
			return err
		}
	}
	return nil
}

// noteOne writes what came of one attempt; hit tells whether the effect was still there.
func (o *Outbox) noteOne(ctx context.Context, tx *store.Tx, r *result) (hit bool, err error) {
	id, owner := r.item.effect.ID, o.owner
	if !o.leases() {
		owner = ""
	}
	if r.released {
		_, err := tx.Exec(ctx, `UPDATE outbox_effects SET owner = '', due = ? WHERE id = ? AND owner = ? AND state = 0`, r.at.UnixMilli(), id, owner)
		return true, err
	}
	text, why := "", httpapi.TextOf(r.err).Store()
	if r.err != nil {
		text = cut(r.err.Error(), maxAnswer)
	}
	status, took, answer, at := r.receipt.Status, r.took.Milliseconds(), cut(r.receipt.Answer, maxAnswer), r.at.UnixMilli()
	args := []any{r.state, r.item.attempts + 1, r.item.tries + 1, status, took, text, why, answer}
	set := `UPDATE outbox_effects SET owner = '', state = ?, attempts = ?, tries = ?, status = ?, took_ms = ?, error = ?, why = ?, answer = ?, `
	switch r.state {
	case done:
		set, args = set+`body = ?, finished_at = ?`, append(args, []byte{}, at)
	case dead:
		set, args = set+`finished_at = ?`, append(args, at)
	default:
		set, args = set+`due = ?`, append(args, r.due.UnixMilli())
	}
	res, err := tx.Exec(ctx, set+` WHERE id = ? AND owner = ? AND state = 0`, append(args, id, owner)...)
	if err != nil {
		return false, fmt.Errorf("note what came of %s: %w", id, err)
	}
	n, err := res.RowsAffected()
	if err != nil || n == 0 || r.err == nil {
		return n > 0, err
	}
	_, err = tx.Exec(ctx, `INSERT INTO outbox_failures (id, attempt, at, status, took_ms, error, why, answer) VALUES (?,?,?,?,?,?,?,?) ON CONFLICT (id, attempt) DO NOTHING`,
		id, r.item.attempts+1, at, status, took, text, why, answer)
	return true, err
}

// add counts a result.
func (s *Queue) add(r *result) {
	if r.withheld {
		s.Discarded++
		return
	}
	if r.err == nil {
		s.Delivered++
		s.DeliveredAt = r.at
		return
	}
	s.Failed++
	s.FailedAt, s.Error, s.Why = r.at, cut(r.err.Error(), maxAnswer), httpapi.TextOf(r.err)
	if r.state == dead {
		s.Dead++
	}
}

// cut shortens a text to at most n bytes of whole characters.
func cut(s string, n int) string {
	if len(s) > n {
		s = s[:n]
		for len(s) > 0 && !utf8.ValidString(s[len(s)-min(len(s), utf8.UTFMax):]) && !utf8.RuneStart(s[len(s)-1]) {
			s = s[:len(s)-1]
		}
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}
