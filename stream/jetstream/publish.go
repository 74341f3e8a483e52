package jetstream

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/touchstone-cdp/touchstone/internal/randid"
)

const (
	// So long is one acknowledgement waited for. It may be lost together with the server
	// that would have sent it.
	attemptTimeout = 2 * time.Second
	// A cluster that is choosing a new leader is asked again after this time.
	leaderPause = 100 * time.Millisecond
)

// publish appends a record and waits until it is acknowledged. In a cluster it repeats an
// attempt that nobody answers, under the id that the record had: it is stored once.
func (l *Log) publish(ctx context.Context, p *partition, data []byte) (*jetstream.PubAck, error) {
	msg := &nats.Msg{Subject: p.subject, Data: data}
	if !p.shared {
		return l.js.PublishMsg(ctx, msg)
	}
	id := randid.New("rec")
	for {
		attempt, cancel := context.WithTimeout(ctx, attemptTimeout)
		ack, err := l.js.PublishMsg(attempt, msg, jetstream.WithMsgID(id))
		cancel()
		if err == nil || !unanswered(err) || ctx.Err() != nil || l.isClosed() {
			return ack, err
		}
		select {
		case <-time.After(leaderPause):
		case <-ctx.Done():
			return nil, err
		}
	}
}

// unanswered tells whether an attempt failed because no server answered it.
func unanswered(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrNoResponders) || errors.Is(err, jetstream.ErrNoStreamResponse)
}
