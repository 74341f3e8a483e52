package duckdb

import (
	"context"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"unicode/utf8"
	"unsafe"

	"github.com/duckdb/duckdb-go/v2/mapping"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/warehouse"
)

// chunkWriter writes facts straight into the engine's vectors: one call into C per
// 2,048 rows instead of one per value. Texts longer than twelve bytes are copied to
// an arena that is pinned, so that the engine may read it, until the chunk is taken.
type chunkWriter struct {
	types  []mapping.LogicalType
	chunk  mapping.DataChunk
	size   int
	rows   int
	cols   []target // in the order of eventColumns
	places []int    // where those stand in the table
	arena  []byte
	used   int
	pinner runtime.Pinner
	dims   warehouse.Dimensions
}

// target is a column of the chunk being filled.
type target struct {
	data     unsafe.Pointer
	validity unsafe.Pointer
}

// The columns by their place in eventColumns; dimensions lie between.
const (
	colSeq = iota
	colMessageID
	colTime
	colReceivedAt
	colNode
	colEvent
	colType
	colSource
	colDimensions
)

const arenaSize = 4 << 20

func newChunkWriter(places []int) *chunkWriter {
	w := &chunkWriter{size: int(mapping.VectorSize()), places: places}
	w.grow(arenaSize)
	return w
}

func (w *chunkWriter) grow(n int) {
	w.pinner.Unpin()
	w.arena, w.used = make([]byte, n), 0
	w.pinner.Pin(&w.arena[0])
}

func (w *chunkWriter) close() {
	w.destroy()
	w.pinner.Unpin()
}

func (w *chunkWriter) destroy() {
	if w.chunk.Ptr != nil {
		mapping.DestroyDataChunk(&w.chunk)
	}
	for i := range w.types {
		mapping.DestroyLogicalType(&w.types[i])
	}
	w.types, w.cols = nil, nil
}

// write appends facts within the connection's transaction.
func (w *chunkWriter) write(ctx context.Context, c *conn, facts []touchstone.Fact, names map[string]int32) (err error) {
	var app mapping.Appender
	if mapping.AppenderCreateExt(c.c, "", "main", "events_raw", &app) == mapping.StateError {
		err := &engineError{mapping.AppenderError(app)}
		mapping.AppenderDestroy(&app)
		return err
	}
	defer func() {
		if err != nil {
			mapping.AppenderClear(app)
		}
		if mapping.AppenderDestroy(&app) == mapping.StateError && err == nil {
			err = fmt.Errorf("duckdb: the appender failed at its end")
		}
	}()
	if err := w.prepare(app); err != nil {
		return err
	}
	for i := range facts {
		f := &facts[i]
		code, ok := names[f.Name]
		if !ok {
			code = names[valid(f.Name)]
		}
		if err := w.fact(app, f, code); err != nil {
			return err
		}
	}
	if err := w.flush(app); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if mapping.AppenderFlush(app) == mapping.StateError {
		return &engineError{mapping.AppenderError(app)}
	}
	return nil
}

// prepare makes the chunk with the columns that the table has.
func (w *chunkWriter) prepare(app mapping.Appender) error {
	n := int(mapping.AppenderColumnCount(app))
	if n != len(w.places) {
		return fmt.Errorf("duckdb: events_raw has %d columns, not %d", n, len(w.places))
	}
	w.rows, w.used = 0, 0
	if n == len(w.types) {
		mapping.DataChunkReset(w.chunk)
		w.target()
		return nil
	}
	w.destroy()
	for i := range n {
		w.types = append(w.types, mapping.AppenderColumnType(app, mapping.IdxT(i)))
	}
	w.chunk = mapping.CreateDataChunk(w.types)
	w.cols = make([]target, n)
	w.target()
	return nil
}

func (w *chunkWriter) target() {
	for i := range w.cols {
		v := mapping.DataChunkGetVector(w.chunk, mapping.IdxT(w.places[i]))
		mapping.VectorEnsureValidityWritable(v)
		w.cols[i] = target{mapping.VectorGetData(v), mapping.VectorGetValidity(v)}
	}
}

func (w *chunkWriter) flush(app mapping.Appender) error {
	if w.rows == 0 {
		return nil
	}
	mapping.DataChunkSetSize(w.chunk, mapping.IdxT(w.rows))
	if mapping.AppendDataChunk(app, w.chunk) == mapping.StateError {
		return &engineError{mapping.AppenderError(app)}
	}
	runtime.KeepAlive(w.arena)
	mapping.DataChunkReset(w.chunk)
	w.rows, w.used = 0, 0
	w.target()
	return nil
}

// fact writes one row.
func (w *chunkWriter) fact(app mapping.Appender, f *touchstone.Fact, code int32) error {
	w.dims.Extract(&f.Event)
	properties := f.Properties
	if properties == "" {
		properties = f.Traits
	}
	need := len(f.MessageID) + len(f.Source) + len(properties) + len(f.Context)
	for _, s := range w.dims {
		need += len(s)
	}
	if w.rows == w.size || w.used+need > len(w.arena) {
		if err := w.flush(app); err != nil {
			return err
		}
		if need > len(w.arena) {
			w.grow(need)
		}
	}
	set(w, colSeq, int64(f.Seq))
	w.text(colMessageID, f.MessageID)
	set(w, colTime, f.Time.UnixMicro())
	set(w, colReceivedAt, f.ReceivedAt.UnixMicro())
	set(w, colNode, int64(f.Node))
	set(w, colEvent, code)
	w.text(colType, f.Type.String())
	w.text(colSource, f.Source)
	for i := range w.dims {
		w.text(colDimensions+i, w.dims[i])
	}
	last := colDimensions + len(w.dims)
	w.text(last, sound(string(properties)))
	w.text(last+1, sound(string(f.Context)))
	w.rows++
	return nil
}

func set[T any](w *chunkWriter, col int, v T) {
	*(*T)(unsafe.Add(w.cols[col].data, uintptr(w.rows)*unsafe.Sizeof(v))) = v
}

func (w *chunkWriter) null(col int) {
	word := (*uint64)(unsafe.Add(w.cols[col].validity, w.rows/64*8))
	*word &^= 1 << (w.rows % 64)
}

// text writes a text; the empty one is NULL.
func (w *chunkWriter) text(col int, s string) {
	if s == "" {
		w.null(col)
		return
	}
	s = valid(s)
	h := (*stringHeader)(unsafe.Add(w.cols[col].data, uintptr(w.rows)*unsafe.Sizeof(stringHeader{})))
	h.length = uint32(len(s))
	if len(s) <= inlineLength {
		*(*[inlineLength]byte)(unsafe.Pointer(&h.prefix)) = [inlineLength]byte{} // the engine compares the padding too
		copy(unsafe.Slice(&h.prefix[0], inlineLength), s)
		return
	}
	place := w.arena[w.used : w.used+len(s)]
	w.used += copy(place, s)
	copy(h.prefix[:], s)
	h.ptr = uintptr(unsafe.Pointer(&place[0])) // pinned, see arena
}

// valid replaces what is not UTF-8, which the engine refuses, by no more bytes than it
// had. The edge lets nothing such through.
func valid(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return strings.ToValidUTF8(s, "?")
}

// sound replaces halves of surrogate pairs ("\ud800" alone), which JSON allows and the
// engine's parser refuses: one such value would fail every question that reads its row.
func sound(s string) string {
	if !strings.Contains(s, `\u`) {
		return s
	}
	var fixed []byte
	for i := strings.IndexByte(s, '\\'); i < len(s)-1; {
		n, size := escape(s[i:])
		if n >= 0xd800 && n < 0xe000 {
			low, _ := escape(s[min(i+size, len(s)):])
			if n < 0xdc00 && low >= 0xdc00 && low < 0xe000 {
				size *= 2
			} else {
				if fixed == nil {
					fixed = []byte(s)
				}
				copy(fixed[i:], `\ufffd`)
			}
		}
		next := strings.IndexByte(s[min(i+size, len(s)):], '\\')
		if next < 0 {
			break
		}
		i += size + next
	}
	if fixed == nil {
		return s
	}
	return string(fixed)
}

// escape returns the number of the \uXXXX at the beginning of s and its length, or 0 and
// the length of another escape.
func escape(s string) (n uint64, size int) {
	if len(s) < 6 || s[:2] != `\u` {
		return 0, 2
	}
	n, err := strconv.ParseUint(s[2:6], 16, 16)
	if err != nil {
		return 0, 2
	}
	return n, 6
}
