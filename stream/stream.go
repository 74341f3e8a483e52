// Package stream is the durable log: every accepted event, in order, in partitions.
//
// A [Log] stores records. One record holds the events of all requests that arrived
// together ([Batcher]: group commit), so they share one write and one fsync.
// Back ends: stream/jetstream (embedded, or a cluster by URL) and stream/memory.
// stream/streamtest is the contract as tests; every back end runs it.
package stream

import (
	"context"
	"time"
)

// Offset is a record's place in its partition. The first record has offset 1; offsets
// of later records are greater, without gaps while nothing is trimmed.
type Offset uint64

// Record is one stored record.
type Record struct {
	Offset Offset
	Time   time.Time // when it was stored
	Data   []byte    // as given to Append; see [DecodeRecord]
}

// Log is the port. All methods may be called at the same time.
type Log interface {
	// Partitions returns the fixed number of partitions, at least 1.
	Partitions() int

	// Append stores data and returns its offset once the record will survive the
	// loss of the process and of power (embedded: fsync; cluster: a quorum).
	// An error means that the record may or may not have been stored. It is
	// touchstone.Unavailable when the disk is nearly full.
	Append(ctx context.Context, partition int, data []byte) (Offset, error)

	// Read returns records from offset from on, at most maxRecords and about
	// maxBytes but at least one. It waits until there is one or ctx is done (then
	// it returns ctx.Err()). If from was trimmed, it starts at the first record kept.
	Read(ctx context.Context, partition int, from Offset, maxRecords, maxBytes int) ([]Record, error)

	// Bounds returns the offset of the first record kept and the offset that the
	// next record will get; they are equal when the partition is empty.
	Bounds(ctx context.Context, partition int) (first, next Offset, err error)

	// Trim drops the records before offset before.
	Trim(ctx context.Context, partition int, before Offset) error

	// Size returns the bytes that the log occupies.
	Size(ctx context.Context) (int64, error)

	// Close stops the log. Records that Append has acknowledged stay.
	Close() error
}
