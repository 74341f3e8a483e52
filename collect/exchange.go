package collect

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/cespare/xxhash/v2"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/collect/intake"
	"github.com/touchstone-cdp/touchstone/stream"
)

// exchange is the memory that a request needs until its events are encoded. Later
// requests use it again.
type exchange struct {
	body    []byte
	packed  []byte // before decompression
	scanner scanner
	builder builder
	event   touchstone.Event
}

func (c *Collector) newExchange() *exchange {
	return &exchange{builder: builder{kinds: c.cfg.Kinds, takes: c.cfg.Takes, limits: eventLimits{
		nameBytes: c.cfg.MaxNameBytes, idBytes: c.cfg.MaxIDBytes, identifiers: c.cfg.MaxIdentifiers,
		contextBytes: c.cfg.MaxEventBytes, window: intake.Window{MaxAge: c.cfg.MaxAge, MaxFuture: c.cfg.MaxFuture},
	}}}
}

const keepBytes = 1 << 20 // buffers that a rare large request has made larger are not kept

// release gives an exchange back.
func (c *Collector) release(x *exchange) {
	if cap(x.body)+cap(x.packed)+cap(x.builder.arena) > keepBytes || cap(x.scanner.events) > 5000 {
		return
	}
	x.body, x.packed, x.scanner.buf, x.builder.body = x.body[:0], x.packed[:0], nil, nil
	x.event = touchstone.Event{}
	clear(x.builder.ids)
	clear(x.scanner.keys[:cap(x.scanner.keys)])
	c.exchanges.Put(x)
}

// outbox collects the frames of events on their way to the log.
type outbox struct {
	frame []byte // of one event
	parts []part // by partition
	full  []fullPart
	shown []string // frames for the live feed
}

// part is the frames for one partition.
type part struct {
	frames []byte
	count  int
}

// fullPart is as much as one record should take.
type fullPart struct {
	partition int
	part
}

func (c *Collector) newOutbox() *outbox { return &outbox{parts: make([]part, c.partitions)} }

// size is how many bytes of frames wait.
func (o *outbox) size() int {
	n := 0
	for i := range o.parts {
		n += len(o.parts[i].frames)
	}
	for i := range o.full {
		n += len(o.full[i].frames)
	}
	return n
}

func (c *Collector) putOutbox(o *outbox) {
	size := cap(o.frame)
	for i := range o.parts {
		size += cap(o.parts[i].frames)
		o.parts[i] = part{frames: o.parts[i].frames[:0]}
	}
	if size > keepBytes {
		return
	}
	clear(o.shown)
	o.full, o.shown = nil, o.shown[:0]
	c.outboxes.Put(o)
}

// put encodes an event into the part of its partition.
func (c *Collector) put(o *outbox, e *touchstone.Event) {
	o.frame = touchstone.AppendEvent(o.frame[:0], e)
	i := c.partition(e)
	p := &o.parts[i]
	if p.count > 0 && len(p.frames)+len(o.frame) > bytesPerAppend {
		o.full = append(o.full, fullPart{i, *p})
		*p = part{}
	}
	p.frames = stream.AppendFrame(p.frames, o.frame)
	p.count++
}

// partition keeps the events of one person together as far as the edge can see, so that
// they are worked on in order.
func (c *Collector) partition(e *touchstone.Event) int {
	if c.partitions == 1 || len(e.Identifiers) == 0 {
		return 0
	}
	h := xxhash.Sum64String(e.Identifiers[0].Value) + uint64(len(e.Identifiers[0].Kind))
	return int(h % uint64(c.partitions))
}

// append makes what put has collected durable, and empties the outbox.
func (c *Collector) append(ctx context.Context, o *outbox) error {
	// A client that hangs up must not leave its events half-stored.
	ctx = context.WithoutCancel(ctx)
	for i := range o.full {
		if err := c.appendPart(ctx, o.full[i].partition, &o.full[i].part); err != nil {
			return err
		}
	}
	o.full = nil
	if c.partitions == 1 {
		return c.appendPart(ctx, 0, &o.parts[0])
	}
	// Each partition has a sync of its own; waiting for them one by one would add them up.
	var wait sync.WaitGroup
	errs := make([]error, len(o.parts))
	for i := range o.parts {
		if o.parts[i].count > 0 {
			wait.Go(func() { errs[i] = c.appendPart(ctx, i, &o.parts[i]) })
		}
	}
	wait.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *Collector) appendPart(ctx context.Context, partition int, p *part) error {
	if p.count == 0 {
		return nil
	}
	_, err := c.cfg.Log.Append(ctx, partition, p.frames, p.count)
	if err != nil {
		c.metrics.appendErrors.Inc()
		c.warnOfAppend(err)
		if touchstone.KindOf(err) == touchstone.Internal {
			return touchstone.Wrap(touchstone.Unavailable, err, "The events could not be stored.").WithHint("Send them again.")
		}
		return err
	}
	p.frames, p.count = p.frames[:0], 0
	return nil
}

// warnOfAppend logs that the log refuses events, not once per request.
func (c *Collector) warnOfAppend(err error) {
	now := c.clock.Now().Unix()
	if last := c.warned.Load(); now-last >= 10 && c.warned.CompareAndSwap(last, now) {
		c.log.Warn("collect: the log does not take events; clients are told to come back", "error", err)
	}
}

// budget bounds the memory of all requests that are being worked on, so that many slow
// or large ones cost answers and not the process.
type budget struct {
	max  int64
	used atomic.Int64
}

// scarce tells whether less than half of the budget is left.
func (b *budget) scarce() bool { return b.used.Load() > b.max/2 }

// lease is what one request holds of a budget.
type lease struct {
	budget *budget
	bytes  int64
}

// resize changes what is held to n bytes; false, and nothing changes, when there is no room.
func (l *lease) resize(n int) bool {
	delta := int64(n) - l.bytes
	if used := l.budget.used.Add(delta); delta > 0 && used > l.budget.max {
		l.budget.used.Add(-delta)
		return false
	}
	l.bytes += delta
	return true
}

func (l *lease) end() { l.resize(0) }
