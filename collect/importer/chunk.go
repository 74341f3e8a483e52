package importer

import (
	"errors"
	"io"
	"time"

	"github.com/klauspost/compress/s2"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/collect/intake"
	"github.com/touchstone-cdp/touchstone/stream"
)

// chunk is a run of rows, ready to be sent.
type chunk struct {
	first    int64 // row number of the first
	rows     int64
	rejected int64
	body     []byte
	bytes    int64 // how far the file was read
}

const (
	maxReasons      = 100 // told apart
	maxShownReasons = 10  // of a summary
)

// converter reads a file and makes events of its rows.
type converter struct {
	table    table
	at       position
	plan     *plan
	cells    []cell
	tidy     *tidier // nil = cells stay as they are
	row      int64   // number of the row read last; the first is 1
	rejected *intake.Reasons
}

func newConverter(path string, m *Mapping, o planOptions) (*converter, error) {
	t, at, err := openTable(path, o.key, m)
	if err != nil {
		return nil, err
	}
	p, err := newPlan(m, t, o)
	if err != nil {
		_ = t.close() // the first error counts
		return nil, err
	}
	return &converter{table: t, at: at, plan: p, cells: make([]cell, len(m.neededColumns())), tidy: tidierOf(t, m), rejected: intake.NewReasons(maxReasons)}, nil
}

func (c *converter) close() error { return c.table.close() }

// next reads a row and makes its event, a Rejected one if the row is bad. It returns
// io.EOF behind the last row. The event's identifiers are valid until the next call.
func (c *converter) next(e *touchstone.Event) error {
	err := c.table.next(c.cells)
	var bad *rowError
	switch {
	case err == nil:
		c.row++
		if c.tidy != nil {
			for i := range c.cells {
				c.tidy.tidy(&c.cells[i])
			}
		}
		if err = c.plan.apply(c.cells, c.row, e); err == nil {
			return nil
		}
		if !errors.As(err, &bad) {
			return err
		}
	case errors.As(err, &bad):
		c.row++
	default:
		return err
	}
	c.rejected.Add(intake.RowReason{Reason: bad.Error(), Rows: 1, FirstRow: c.row})
	c.plan.reject(c.table, c.row, bad, e)
	return nil
}

// skip passes over rows until n have been read.
func (c *converter) skip(n int64) error {
	for c.row < n {
		err := c.table.next(c.cells)
		var bad *rowError
		if err != nil && !errors.As(err, &bad) {
			return err
		}
		c.row++
	}
	return nil
}

// chunk converts up to rows rows. It returns nil behind the last row.
func (c *converter) chunk(rows int, scratch *chunkScratch) (*chunk, error) {
	k := &chunk{first: c.row + 1}
	rejected := c.rejected.Rows
	frames := scratch.frames[:0]
	var e touchstone.Event
	for int(k.rows) < rows && len(frames) < maxChunkBytes {
		err := c.next(&e)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		scratch.event = touchstone.AppendEvent(scratch.event[:0], &e)
		frames = stream.AppendFrame(frames, scratch.event)
		k.rows++
	}
	scratch.frames = frames
	if k.rows == 0 {
		return nil, nil
	}
	k.rejected = c.rejected.Rows - rejected
	k.bytes = c.at.Bytes()
	k.body = compressFrames(frames)
	return k, nil
}

// chunkScratch is memory that one chunk leaves to the next.
type chunkScratch struct{ frames, event []byte }

// compressFrames makes the body of a request: a stream in the S2 format.
func compressFrames(frames []byte) []byte {
	var out sliceWriter
	w := s2.NewWriter(&out, s2.WriterConcurrency(1), s2.WriterBlockSize(1<<20))
	_, _ = w.Write(frames) // a sliceWriter does not fail
	_ = w.Close()
	return out
}

type sliceWriter []byte

func (w *sliceWriter) Write(p []byte) (int, error) {
	*w = append(*w, p...)
	return len(p), nil
}

// truncated to the millisecond, as events are.
func now(c touchstone.Clock) time.Time { return c.Now().UTC().Truncate(time.Millisecond) }
