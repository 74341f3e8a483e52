// Package backfill brings the past into a stage's state while the present goes on, without
// gap or overlap. The stage notes a place of the log in the transaction of a batch; from
// there on it sees everything itself. A builder beside the pipeline waits until the warehouse
// has reached that place ([Until]), reads what was before it, and sends it in parts
// ([Queue.Send]); the stage joins each inside a batch's transaction ([Queue.Take]) and stores
// the number of the last one.
//
// Parts that a batch took which then failed come again ([Queue.GiveBack]); one that is in the
// database already, because a commit went through whose answer was lost, does not
// ([Queue.Joined]). A process that dies forgets its parts: the builder of the next one starts
// what was not finished anew.
package backfill

import (
	"context"
	"sync"
	"time"
)

// Part is what a builder has found, with its number. Numbers ascend.
type Part[T any] struct {
	Number int64
	What   T
}

// Queue hands parts from a builder to a stage.
type Queue[T any] struct {
	parts chan Part[T]

	mu     sync.Mutex
	back   []Part[T] // taken by a batch that failed; they come first
	joined int64     // the last part known to be in the database
	next   int64     // the number of the next part
}

// NewQueue makes a queue that holds so many parts; who sends more waits.
func NewQueue[T any](waiting int) *Queue[T] {
	return &Queue[T]{parts: make(chan Part[T], waiting)}
}

// Send hands a part to the stage. It waits while the stage is behind.
func (q *Queue[T]) Send(ctx context.Context, what T) error {
	select {
	case q.parts <- Part[T]{q.number(), what}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (q *Queue[T]) number() int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.next = max(q.next, q.joined+1)
	q.next++
	return q.next - 1
}

// Take returns the next part that is not in the database yet.
func (q *Queue[T]) Take() (p Part[T], ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		if len(q.back) > 0 {
			p, q.back = q.back[0], q.back[1:]
		} else {
			select {
			case p = <-q.parts:
			default:
				return p, false
			}
		}
		if p.Number > q.joined {
			return p, true
		}
	}
}

// GiveBack returns parts, in their order, of a batch that failed.
func (q *Queue[T]) GiveBack(parts []Part[T]) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.back = append(append([]Part[T]{}, parts...), q.back...)
}

// Joined learns the number of the last part in the database. Parts up to it are not given
// out any more, and new ones have greater numbers.
func (q *Queue[T]) Joined(number int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.joined = number
	q.next = max(q.next, number+1)
}

// Clear forgets all parts: another process may have worked since they were sent.
func (q *Queue[T]) Clear() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.back = nil
	for {
		select {
		case <-q.parts:
		default:
			return
		}
	}
}

// Waiting is the number of parts that wait for the stage.
func (q *Queue[T]) Waiting() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.back) + len(q.parts)
}

// How often Until asks.
const (
	firstPause = 20 * time.Millisecond
	maxPause   = time.Second
)

// Until asks again and again, with growing pauses, until the answer is yes. What cannot be
// answered is asked again as well, after warn was called: the warehouse may be away for as
// long as it likes. given, unless nil, ends it with its error.
func Until(ctx context.Context, ask func() (bool, error), warn func(error), given func() error) error {
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		ok, err := ask()
		switch {
		case err != nil:
			warn(err)
		case ok:
			return nil
		}
		if given != nil {
			if err := given(); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}
