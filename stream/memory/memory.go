// Package memory is a log in memory, for tests.
package memory

import (
	"bytes"
	"context"
	"errors"
	"sync"

	touchstone "github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/stream"
)

// Log keeps records until the process ends.
type Log struct {
	clock touchstone.Clock
	parts []*partition
}

type partition struct {
	mu      sync.Mutex
	first   stream.Offset
	records []stream.Record
	grown   chan struct{} // closed and replaced at each append
	closed  bool
}

var errClosed = errors.New("the log is closed")

// New makes an empty log. clock may be nil.
func New(partitions int, clock touchstone.Clock) *Log {
	if clock == nil {
		clock = touchstone.SystemClock{}
	}
	l := &Log{clock: clock}
	for range max(partitions, 1) {
		l.parts = append(l.parts, &partition{first: 1, grown: make(chan struct{})})
	}
	return l
}

// Partitions implements stream.Log.
func (l *Log) Partitions() int { return len(l.parts) }

func (l *Log) partition(i int) (*partition, error) {
	if i < 0 || i >= len(l.parts) {
		return nil, touchstone.Errorf(touchstone.Internal, "there is no partition %d", i)
	}
	return l.parts[i], nil
}

// Append implements stream.Log.
func (l *Log) Append(ctx context.Context, partition int, data []byte) (stream.Offset, error) {
	p, err := l.partition(partition)
	if err != nil {
		return 0, err
	}
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if len(data) > stream.MaxRecordBytes {
		return 0, touchstone.Errorf(touchstone.TooLarge, "a record of %d bytes", len(data))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return 0, errClosed
	}
	at := p.next()
	p.records = append(p.records, stream.Record{Offset: at, Time: l.clock.Now(), Data: bytes.Clone(data)})
	close(p.grown)
	p.grown = make(chan struct{})
	return at, nil
}

func (p *partition) next() stream.Offset { return p.first + stream.Offset(len(p.records)) }

// Read implements stream.Log.
func (l *Log) Read(ctx context.Context, partition int, from stream.Offset, maxRecords, maxBytes int) ([]stream.Record, error) {
	p, err := l.partition(partition)
	if err != nil {
		return nil, err
	}
	for {
		records, grown, err := p.read(from, maxRecords, maxBytes)
		if err != nil || len(records) > 0 {
			return records, err
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (p *partition) read(from stream.Offset, maxRecords, maxBytes int) ([]stream.Record, <-chan struct{}, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, nil, errClosed
	}
	from = max(from, p.first)
	if from >= p.next() {
		return nil, p.grown, nil
	}
	var records []stream.Record
	size := 0
	for _, r := range p.records[from-p.first:] {
		if len(records) > 0 && (len(records) >= maxRecords || size >= maxBytes) {
			break
		}
		records = append(records, r)
		size += len(r.Data)
	}
	return records, nil, nil
}

// Bounds implements stream.Log.
func (l *Log) Bounds(_ context.Context, partition int) (first, next stream.Offset, err error) {
	p, err := l.partition(partition)
	if err != nil {
		return 0, 0, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.first, p.next(), nil
}

// Trim implements stream.Log.
func (l *Log) Trim(_ context.Context, partition int, before stream.Offset) error {
	p, err := l.partition(partition)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	before = min(before, p.next())
	if before > p.first {
		p.records = append([]stream.Record(nil), p.records[before-p.first:]...)
		p.first = before
	}
	return nil
}

// Size implements stream.Log.
func (l *Log) Size(context.Context) (int64, error) {
	var n int64
	for _, p := range l.parts {
		p.mu.Lock()
		for _, r := range p.records {
			n += int64(len(r.Data))
		}
		p.mu.Unlock()
	}
	return n, nil
}

// Close implements stream.Log.
func (l *Log) Close() error {
	for _, p := range l.parts {
		p.mu.Lock()
		if !p.closed {
			p.closed = true
			close(p.grown)
		}
		p.mu.Unlock()
	}
	return nil
}

var _ stream.Log = (*Log)(nil)
