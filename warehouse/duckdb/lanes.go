package duckdb

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/touchstone-cdp/touchstone"
)

// lanes bound the statements of people: so many run, so many wait, the others are told at
// once that it is too much. The program's own questions have connections of their own.
type lanes struct {
	free    chan struct{}
	most    int64 // that wait
	waiting atomic.Int64
	running atomic.Int64
}

func newLanes(run, wait int) *lanes {
	l := &lanes{free: make(chan struct{}, run), most: int64(wait)}
	for range run {
		l.free <- struct{}{}
	}
	return l
}

// longestWait is how long a statement waits for a lane before it is told to come back.
const longestWait = 10 * time.Second

// enter waits for a lane; leave gives it back.
func (l *lanes) enter(ctx context.Context, closing <-chan struct{}) (leave func(), err error) {
	leave = func() {
		l.running.Add(-1)
		l.free <- struct{}{}
	}
	select {
	case <-l.free:
		l.running.Add(1)
		return leave, nil
	default:
	}
	if l.waiting.Add(1) > l.most {
		l.waiting.Add(-1)
		return nil, &touchstone.Error{Kind: touchstone.Unavailable, Message: "too many SQL statements are waiting already", Hint: "ask again in a moment", RetryAfter: busyPause}
	}
	defer l.waiting.Add(-1)
	ctx, cancel := context.WithTimeout(ctx, longestWait)
	defer cancel()
	select {
	case <-l.free:
		l.running.Add(1)
		return leave, nil
	case <-closing:
		return nil, errClosed()
	case <-ctx.Done():
		return nil, errBusy(ctx)
	}
}

// errBusy is what a question is told that ended before it began: if it was out of time,
// it is not at fault.
func errBusy(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return &touchstone.Error{Kind: touchstone.Unavailable, Message: "the warehouse is busy with other questions",
			Hint: "ask again in a moment", RetryAfter: busyPause}
	}
	return ctx.Err()
}
