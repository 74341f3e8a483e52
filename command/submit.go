package command

import (
	"context"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/randid"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/stream"
)

// NewID makes the id of a command that nobody repeats.
func NewID() string { return randid.New("cmd") }

// How long Submit waits for the pipeline, and how often it looks.
const (
	patience  = 10 * time.Second
	firstLook = 5 * time.Millisecond
	maxLook   = 200 * time.Millisecond
)

// Submit puts a command in the log, waits until the pipeline has done it, and returns its
// result. A command without an id gets one; a second one of an id that was done does nothing
// and gets the result of the first. An error whose kind is Unavailable leaves it open what
// becomes of it: Get tells. Any process may submit; one that runs the pipeline must be up for
// it to be done.
func (l *Log) Submit(ctx context.Context, c touchstone.Command) (*Row, error) {
	if c.ID == "" {
		c.ID = NewID()
	}
	if c.Body == "" {
		c.Body = "{}"
	}
	if err := l.Check(c); err != nil {
		return nil, err
	}
	r, found, err := read(ctx, l.cfg.DB.Reader(), c.ID)
	switch {
	case err != nil:
		return nil, err
	case found && (r.Kind != c.Kind || r.Body != c.Body && !l.kinds[c.Kind].Forgets):
		return nil, touchstone.Errorf(touchstone.Conflict, "another command has the id %s", c.ID)
	case found && r.State != Waiting:
		return &r, r.Err()
	case !found:
		if c.SubmittedAt.IsZero() {
			c.SubmittedAt = l.cfg.Clock.Now()
		}
		if err := l.append(ctx, &c); err != nil {
			return nil, err
		}
	}
	return l.await(ctx, c.ID)
}

// append writes a command as a record of its own, so that a batch can begin with it, and then
// notes that it waits. Who dies in between leaves the row to the pipeline.
func (l *Log) append(ctx context.Context, c *touchstone.Command) error {
	e := c.Event()
	frame := stream.AppendFrame(nil, touchstone.AppendEvent(nil, &e))
	at, err := l.cfg.Log.Append(ctx, Partition, stream.EncodeRecord(nil, frame, 1))
	if err != nil {
		return touchstone.Wrap(touchstone.Unavailable, err, "the command may not have been stored in the log").WithHint("look whether it was done, and give it again if not")
	}
	c.Seq = touchstone.MakeSeq(Partition, uint64(at), 0)
	// The pipeline may come to it at the same moment.
	return l.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO commands (`+rowColumns+`) VALUES (?, ?, ?, ?, ?, ?, 'waiting', 0, '', '') ON CONFLICT (id) DO NOTHING`,
			c.ID, c.Kind, c.Actor, c.SubmittedAt.UnixMilli(), string(c.Body), int64(c.Seq))
		return err
	})
}

// await looks until the pipeline has come to a command.
func (l *Log) await(ctx context.Context, id string) (*Row, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for look := firstLook; ; look = min(2*look, maxLook) {
		select {
		case <-ctx.Done():
			return nil, touchstone.Wrap(touchstone.Unavailable, ctx.Err(), "the command %s is in the log, but the pipeline has not come to it yet", id).
				WithHint("look again in a moment; is the process role running?")
		case <-time.After(look):
		}
		r, found, err := read(ctx, l.cfg.DB.Reader(), id)
		if err != nil && ctx.Err() == nil {
			return nil, err
		}
		if found && r.State != Waiting {
			return &r, r.Err()
		}
	}
}
