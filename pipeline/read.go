package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/stream"
)

// How much one read takes from the log. Records are compressed, often tenfold, so this
// keeps a decoded chunk, of which there are two or three beside the batch, within a few megabytes.
const (
	readRecords  = 64
	readBytes    = 256 << 10
	chunksAhead  = 1
	spareFacts   = 2       // slices of facts that wait for reuse
	maxSpareFact = 1 << 15 // longer slices are not kept

	// Records may unpack to a thousand times their size: a chunk ends with the record
	// that takes it over one of these.
	maxChunkFacts = 16_000
	maxChunkBytes = 8 << 20
	// maxBatchBytes bounds the texts of a batch, and of what waits for the sink.
	maxBatchBytes = 32 << 20
)

// chunk is a run of decoded records of one partition. The zero chunk carries no events.
type chunk struct {
	part     *partition
	first    stream.Offset
	last     stream.Offset
	oldest   time.Time // smallest ReceivedAt
	facts    []touchstone.Fact
	rejected []touchstone.Fact
	bytes    int  // of the events, unpacked
	more     bool // the log had more

	command *touchstone.Command // what the chunk begins with, if it is one

	poison  map[touchstone.Seq]string // events that the stages refuse, and why: see isolate
	refused string                    // why the stages refuse what the command brings about
}

func (c *chunk) count() int { return len(c.facts) + len(c.rejected) }

// add appends a copy of d, which continues c in the same partition or is the first of an
// empty c.
func (c *chunk) add(d chunk) {
	if c.part == nil {
		c.part, c.first, c.oldest, c.command = d.part, d.first, d.oldest, d.command
	}
	c.last, c.more = d.last, d.more
	c.bytes += d.bytes
	if c.oldest.IsZero() || !d.oldest.IsZero() && d.oldest.Before(c.oldest) {
		c.oldest = d.oldest
	}
	c.facts = append(c.facts, d.facts...)
	c.rejected = append(c.rejected, d.rejected...)
}

// factPool hands slices of facts round between a goroutine that fills them and one that
// works on them, so that the steady state allocates none.
type factPool chan []touchstone.Fact

func newFactPool() factPool { return make(factPool, spareFacts) }

// get returns an empty slice with room for n facts.
func (p factPool) get(n int) []touchstone.Fact {
	select {
	case s := <-p:
		if cap(s) >= n {
			return s
		}
	default:
	}
	return make([]touchstone.Fact, 0, n)
}

// put takes a slice back. It lets go of the texts, which would hold the record's memory.
func (p factPool) put(s []touchstone.Fact) {
	if cap(s) == 0 || cap(s) > maxSpareFact {
		return
	}
	clear(s)
	select {
	case p <- s[:0]:
	default:
	}
}

// read decodes the partition's records, ahead of the loop by a bounded number of chunks.
func (p *Pipeline) read(ctx context.Context, part *partition, out chan<- chunk) error {
	from := stream.Offset(part.taken.Load()) + 1
	for {
		records, err := p.cfg.Log.Read(ctx, part.index, from, readRecords, readBytes)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			p.metrics.failures.Inc()
			p.cfg.Logger.Error("the log cannot be read; trying again", "partition", part.index, "from", from, "error", err)
			if !sleep(ctx, time.Second) {
				return nil
			}
			continue
		}
		c, err := decodeChunk(p.spare, part.index, records)
		if errors.Is(err, touchstone.ErrNewer) { // waiting would not make this program newer
			return err
		}
		if err != nil {
			p.metrics.failures.Inc()
			p.unread.note(part.index, p.cfg.Clock.Now(), err)
			p.cfg.Logger.Error("a record cannot be decoded; the pipeline waits there", "partition", part.index, "error", err)
			if !sleep(ctx, maxPause) {
				return nil
			}
			continue
		}
		p.unread.clear(part.index)
		c.part, c.more = part, full(records) || c.last < records[len(records)-1].Offset
		if lost := c.first - from; lost > 0 {
			p.cfg.Logger.Error("records were trimmed before they were worked on", "partition", part.index, "from", from, "records", lost)
			p.metrics.skippedRecords.Add(float64(lost))
		}
		from = c.last + 1
		select {
		case out <- c:
		case <-ctx.Done():
			return nil
		}
	}
}

// full tells whether a read ended because of its limits.
func full(records []stream.Record) bool {
	size := 0
	for _, r := range records {
		size += len(r.Data)
	}
	return len(records) >= readRecords || size >= readBytes/2
}

// decodeChunk unpacks records into facts: all of them, or the first ones when they are
// large. A record that does not decode stops the pipeline: going on would lose
// acknowledged events in silence.
func decodeChunk(spare factPool, partition int, records []stream.Record) (chunk, error) {
	c := chunk{first: records[0].Offset}
	total := 0
	for _, r := range records {
		n, err := stream.Count(r.Data)
		if err != nil {
			break // told below, if it comes to that record
		}
		if total += n; total > maxChunkFacts {
			break
		}
	}
	c.facts = spare.get(min(total, touchstone.MaxEventsPerRecord))
	for _, r := range records {
		if err := c.decode(partition, r); err != nil {
			if c.last > 0 { // first what comes before it
				return c, nil //nolint:nilerr // told when it comes to that record
			}
			return c, corrupt(partition, r.Offset, err)
		}
		c.last = r.Offset
		if c.count() >= maxChunkFacts || c.bytes >= maxChunkBytes {
			break
		}
	}
	return c, nil
}

// decode adds a record, all of it or nothing.
func (c *chunk) decode(partition int, r stream.Record) error {
	frames, err := stream.DecodeRecord(r.Data)
	if err != nil {
		return err
	}
	before := *c
	i := 0
	for frame := range frames.All() {
		if frame == "" { // erased
			i++
			continue
		}
		c.bytes += len(frame)
		c.facts = append(c.facts, touchstone.Fact{Seq: touchstone.MakeSeq(partition, uint64(r.Offset), i)})
		f := &c.facts[len(c.facts)-1]
		if err := touchstone.DecodeEvent(frame, &f.Event); err != nil {
			*c = before
			return err
		}
		if c.oldest.IsZero() || f.ReceivedAt.Before(c.oldest) {
			c.oldest = f.ReceivedAt
		}
		switch f.Type {
		case touchstone.System:
			if c.last > 0 || frames.Len() > 1 {
				*c = before
				return errCommand
			}
			command := f.Command()
			c.command = &command
			c.facts = c.facts[:len(c.facts)-1]
		case touchstone.Rejected:
			c.rejected = append(c.rejected, *f)
			c.facts = c.facts[:len(c.facts)-1]
		}
		i++
	}
	return nil
}

func corrupt(partition int, at stream.Offset, err error) error {
	if errors.Is(err, touchstone.ErrNewer) {
		return fmt.Errorf("record %d of partition %d: %w", at, partition, err)
	}
	return touchstone.Wrap(touchstone.Internal, err, "record %d of partition %d cannot be decoded", at, partition).
		WithHint("the log is damaged there; restore it from a backup, or move the pipeline past it by hand")
}

// freshIDs is what dropDuplicates found in a batch.
type freshIDs struct {
	facts      []touchstone.Fact
	hashes     []uint64 // of facts, noted in the window
	duplicates int
	repeated   map[string]int64           // duplicates by source
	dropped    map[stream.Offset][]uint16 // indexes of duplicates, and of what was set aside, by record
	aside      []touchstone.Fact          // with the reason
	again      []touchstone.Fact          // the duplicates: one is none when what it repeats is left out
	veiled     []touchstone.Fact          // for the warehouse only, as nobody's; Node is the pseudonym
	silent     int                        // left out without a trace
	forgotten  map[string]int             // events left out because their persons were forgotten, by why
}

// drop notes that the sink must leave out a fact.
func (fresh *freshIDs) drop(seq touchstone.Seq) {
	if fresh.dropped == nil {
		fresh.dropped = map[stream.Offset][]uint16{}
	}
	at := stream.Offset(seq.Offset())
	fresh.dropped[at] = append(fresh.dropped[at], uint16(seq.Index())) //nolint:gosec // 16 bits by construction
}

// undrop is drop taken back.
func (fresh *freshIDs) undrop(seq touchstone.Seq) {
	at, index := stream.Offset(seq.Offset()), uint16(seq.Index()) //nolint:gosec // 16 bits by construction
	left := slices.DeleteFunc(fresh.dropped[at], func(i uint16) bool { return i == index })
	if fresh.dropped[at] = left; len(left) == 0 {
		delete(fresh.dropped, at)
	}
}

// setAside takes a fact out of the batch, with its reason.
func (fresh *freshIDs) setAside(f *touchstone.Fact, reason string) {
	aside := *f
	aside.Reason = reason
	fresh.aside = append(fresh.aside, aside)
	fresh.drop(f.Seq)
}

// dropDuplicates notes the batch's message ids in the window and keeps the facts whose
// id was not there. undo takes the notes back.
func (part *partition) dropDuplicates(work chunk, now time.Time) freshIDs {
	part.seen.expire(now)
	fresh := freshIDs{facts: work.facts, hashes: make([]uint64, 0, len(work.facts))}
	for i := range work.facts {
		f := &work.facts[i]
		why, poisoned := work.poison[f.Seq]
		hash := xxhash.Sum64String(f.MessageID)
		if !poisoned && part.seen.add(hash, now) {
			fresh.hashes = append(fresh.hashes, hash)
			if fresh.dropped != nil {
				fresh.facts = append(fresh.facts, *f)
			}
			continue
		}
		if fresh.dropped == nil { // the first one: from here on facts is a copy
			fresh.facts = append(make([]touchstone.Fact, 0, len(work.facts)-1), work.facts[:i]...)
		}
		if poisoned {
			fresh.setAside(f, why)
			continue
		}
		fresh.duplicates++
		if fresh.repeated == nil {
			fresh.repeated = map[string]int64{}
		}
		fresh.repeated[f.Source]++
		fresh.again = append(fresh.again, *f)
		fresh.drop(f.Seq)
	}
	return fresh
}

// takeBack forgets message ids of a batch, so that they can be sent again.
func (part *partition) takeBack(fresh *freshIDs, gone map[uint64]bool) {
	for hash := range gone {
		part.seen.remove(hash)
	}
	fresh.hashes = slices.DeleteFunc(fresh.hashes, func(h uint64) bool { return gone[h] })
}

func (part *partition) undo(fresh freshIDs) {
	for _, h := range fresh.hashes {
		part.seen.remove(h)
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
