package stream

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	touchstone "github.com/touchstone-cdp/touchstone"
)

// BatcherConfig sets the bounds of a [Batcher]. The zero value is good for production.
type BatcherConfig struct {
	// RecordBytes closes a record once its frames reach it; 1 MiB by default. One
	// Append larger than that makes a record of its own.
	RecordBytes int
	// MaxPendingBytes bounds the frames of a partition that wait for the disk; 32 MiB by
	// default. Appends over it are refused, so a slow disk costs answers, not memory.
	MaxPendingBytes int
	// AppendTimeout bounds how long one record may take; 30 s by default.
	AppendTimeout time.Duration
	Register      prometheus.Registerer // nil: no metrics
}

// inFlight is how many records of a partition may be on their way at once. A second one
// leaves only when it is large: then it is encoded and handed over while the first is
// synced. Small ones had better wait and grow.
const inFlight = 2

// Receipt says where appended events are in the log.
type Receipt struct {
	Partition int
	Offset    Offset
	Index     int // of the first event in its record
}

// Seq returns the place of the i-th event of the append.
func (r Receipt) Seq(i int) touchstone.Seq {
	return touchstone.MakeSeq(r.Partition, uint64(r.Offset), r.Index+i)
}

// Batcher makes few records of many appends: all that wait while the disk is busy share
// the next record and its sync. There is no delay on purpose; an append that comes alone
// is written at once.
type Batcher struct {
	log     Log
	cfg     BatcherConfig
	parts   []*queue
	metrics batcherMetrics
	workers sync.WaitGroup
}

// queue holds the batches of one partition that are not yet on their way.
type queue struct {
	mu      sync.Mutex
	arrived sync.Cond
	waiting []*batch // in order; only the last one takes more events
	flying  int      // batches on their way
	pending int      // bytes waiting or on their way
	large   int      // bytes that make a batch large
	closed  bool
}

// ready reports whether a batch should leave now.
func (q *queue) ready() bool {
	switch len(q.waiting) {
	case 0:
		return false
	case 1:
		return q.flying == 0 || q.flying < inFlight && len(*q.waiting[0].frames) >= q.large
	}
	return q.flying < inFlight
}

// batch becomes one record.
type batch struct {
	frames *[]byte
	count  int
	done   chan struct{} // closed once offset and err are set
	offset Offset
	err    error
}

// NewBatcher starts a batcher on log. Close it before the log.
func NewBatcher(log Log, cfg BatcherConfig) *Batcher {
	if cfg.RecordBytes <= 0 {
		cfg.RecordBytes = 1 << 20
	}
	cfg.RecordBytes = min(cfg.RecordBytes, MaxFrameBytes)
	if cfg.MaxPendingBytes <= 0 {
		cfg.MaxPendingBytes = 32 << 20
	}
	if cfg.AppendTimeout <= 0 {
		cfg.AppendTimeout = 30 * time.Second
	}
	b := &Batcher{log: log, cfg: cfg, metrics: newBatcherMetrics(cfg.Register)}
	for p := range log.Partitions() {
		q := &queue{large: cfg.RecordBytes / 2}
		q.arrived.L = &q.mu
		b.parts = append(b.parts, q)
		for range inFlight {
			b.workers.Go(func() { b.flush(p, q) })
		}
	}
	return b
}

// Partitions returns the number of partitions of the log.
func (b *Batcher) Partitions() int { return len(b.parts) }

// Append stores count events, whose frames (see [AppendFrame]) it copies, in one record
// and returns once they are durable. It fails with touchstone.Unavailable when too much
// waits already, when the disk is nearly full or when the batcher is closed;
// then nothing was stored. After another error or the end of ctx the events may or may
// not have been stored: sending them again is safe, because duplicates are dropped by
// message id.
func (b *Batcher) Append(ctx context.Context, partition int, frames []byte, count int) (Receipt, error) {
	if partition < 0 || partition >= len(b.parts) {
		return Receipt{}, touchstone.Errorf(touchstone.Internal, "there is no partition %d", partition)
	}
	if len(frames) > MaxFrameBytes || count > touchstone.MaxEventsPerRecord {
		return Receipt{}, touchstone.Errorf(touchstone.TooLarge, "%d events of %d bytes are too much for one record", count, len(frames)).
			WithHint("send at most %d MiB and %d events at once", MaxFrameBytes>>20, touchstone.MaxEventsPerRecord)
	}
	// A wrong count would make a record that nobody can read.
	if n, ok := countFrames(frames); !ok || n != count || n == 0 {
		return Receipt{}, touchstone.Errorf(touchstone.Internal, "these are not the frames of %d events", count)
	}
	if err := ctx.Err(); err != nil {
		return Receipt{}, err
	}
	w, index, err := b.enqueue(b.parts[partition], frames, count)
	if err != nil {
		return Receipt{}, err
	}
	select {
	case <-w.done:
		return Receipt{Partition: partition, Offset: w.offset, Index: index}, w.err
	case <-ctx.Done():
		return Receipt{}, ctx.Err()
	}
}

// enqueue copies the frames into the batch that will hold them.
func (b *Batcher) enqueue(q *queue, frames []byte, count int) (w *batch, index int, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return nil, 0, &touchstone.Error{Kind: touchstone.Unavailable, Message: "the server is stopping",
			Hint: "send again in a moment", RetryAfter: 5 * time.Second}
	}
	if q.pending > 0 && q.pending+len(frames) > b.cfg.MaxPendingBytes {
		b.metrics.refused.Inc()
		return nil, 0, &touchstone.Error{Kind: touchstone.Unavailable, Message: "the log cannot keep up: too many events wait to be stored",
			Hint: "send again in a second, or more slowly", RetryAfter: time.Second}
	}
	if n := len(q.waiting); n > 0 {
		w = q.waiting[n-1]
	}
	if w == nil || len(*w.frames)+len(frames) > b.cfg.RecordBytes || w.count+count > touchstone.MaxEventsPerRecord {
		w = &batch{frames: getBuffer(), done: make(chan struct{})}
		q.waiting = append(q.waiting, w)
	}
	*w.frames = append(*w.frames, frames...)
	index = w.count
	w.count += count
	q.pending += len(frames)
	b.metrics.pending.Add(float64(len(frames)))
	if q.ready() {
		q.arrived.Signal()
	}
	return w, index, nil
}

// next waits for a batch that should leave; nil once the queue is closed and empty.
func (q *queue) next() *batch {
	q.mu.Lock()
	defer q.mu.Unlock()
	for !q.ready() {
		if q.closed && len(q.waiting) == 0 {
			return nil
		}
		q.arrived.Wait()
	}
	w := q.waiting[0]
	q.waiting[0] = nil
	q.waiting = q.waiting[1:]
	q.flying++
	return w
}

// landed takes a batch of so many bytes off the books.
func (q *queue) landed(bytes int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.flying--
	q.pending -= bytes
	if q.closed {
		q.arrived.Broadcast() // all workers leave
	} else if q.ready() {
		q.arrived.Signal()
	}
}

// flush writes batches until the batcher is closed.
func (b *Batcher) flush(partition int, q *queue) {
	var record []byte
	for {
		w := q.next()
		if w == nil {
			return
		}
		frames := *w.frames
		record = EncodeRecord(record[:0], frames, w.count)
		start := time.Now()
		ctx, cancel := context.WithTimeout(context.Background(), b.cfg.AppendTimeout)
		w.offset, w.err = b.log.Append(ctx, partition, record)
		cancel()
		if w.err != nil {
			w.err = explainAppend(w.err)
		}
		b.metrics.appended(w, len(record), time.Since(start))
		close(w.done)
		q.landed(len(frames))
		b.metrics.pending.Sub(float64(len(frames)))
		putBuffer(w.frames)
		if cap(record) > maxPooledBuffer {
			record = nil
		}
	}
}

// explainAppend gives an error without a kind one that clients retry.
func explainAppend(err error) error {
	var e *touchstone.Error
	if errors.As(err, &e) {
		return err
	}
	return &touchstone.Error{Kind: touchstone.Unavailable, Message: "the events could not be stored in the log",
		Hint: "send them again; what was stored twice is dropped", RetryAfter: time.Second, Err: err}
}

// Close refuses further appends, waits until all that wait are stored, and stops.
func (b *Batcher) Close() {
	for _, q := range b.parts {
		q.mu.Lock()
		q.closed = true
		q.arrived.Broadcast()
		q.mu.Unlock()
	}
	b.workers.Wait()
}

const maxPooledBuffer = 4 << 20

var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 64<<10); return &b }}

func getBuffer() *[]byte { return buffers.Get().(*[]byte) }

func putBuffer(b *[]byte) {
	if cap(*b) > maxPooledBuffer {
		return
	}
	*b = (*b)[:0]
	buffers.Put(b)
}
