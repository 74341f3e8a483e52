package jetstream

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	touchstone "github.com/touchstone-cdp/touchstone"
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
		return l.publishEmbedded(ctx, msg)
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

// publishEmbedded does not wait for an answer that a broken log would never give.
func (l *Log) publishEmbedded(ctx context.Context, msg *nats.Msg) (*jetstream.PubAck, error) {
	if l.broken == nil {
		return l.js.PublishMsg(ctx, msg)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(l.broken.ctx, cancel)()
	ack, err := l.js.PublishMsg(ctx, msg)
	if reason := context.Cause(l.broken.ctx); err != nil && reason != nil {
		return nil, &touchstone.Error{Kind: touchstone.Unavailable, Message: "the log can no longer be written",
			Hint: "send again in a moment; the server must be started anew", RetryAfter: 5 * time.Second, Err: reason}
	}
	return ack, err
}

// breakage notes that the embedded server has met an error while writing its files. It
// refuses to write from then on, until it is started anew: what is on disk after a failed
// write must be read again before anybody may rely on it.
type breakage struct {
	ctx    context.Context
	breaks context.CancelCauseFunc
}

func newBreakage() *breakage {
	ctx, cancel := context.WithCancelCause(context.Background())
	return &breakage{ctx, cancel}
}

// AwaitFailure returns why the log can no longer be written until it is opened anew, as
// after a full or failing disk; nil when ctx ends first. A log in a cluster does not fail
// like that.
func (l *Log) AwaitFailure(ctx context.Context) error {
	var broken <-chan struct{}
	if l.broken != nil {
		broken = l.broken.ctx.Done()
	}
	select {
	case <-broken:
		return touchstone.Wrap(touchstone.Unavailable, context.Cause(l.broken.ctx), "the log can no longer be written").
			WithHint("look at the disk of the data folder; what was acknowledged is safe, and a new start goes on with it")
	case <-ctx.Done():
		return nil
	}
}
