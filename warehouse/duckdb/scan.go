package duckdb

/*
void touchstone_scan(void *, void *, void *);
typedef void (*touchstone_scan_t)(void *, void *, void *);
*/
import "C"

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/duckdb/duckdb-go/v2/mapping"
	"golang.org/x/sys/unix"

	"github.com/touchstone-cdp/touchstone/warehouse"
)

// Scan implements warehouse.Warehouse. The statement becomes the source of a query that
// calls a function of ours for every row, so the question's threads call it with the vectors
// that they have just filled: rows never wait in a buffer, and never change processors.
// Fetching a streamed result from several goroutines takes longer. (The function is
// not a condition: the engine takes conditions in the order that it likes best.)
func (w *Warehouse) Scan(ctx context.Context, s warehouse.Statement, workers int, fn func(worker int, columns [][]int64) error) error {
	scan := newScan(max(1, workers), fn)
	err := w.reading(ctx, &w.readers, func(ctx context.Context, c *conn) error {
		if err := c.check(ctx, s); err != nil {
			return err
		}
		n, err := c.columnCount(ctx, s.SQL)
		if err != nil {
			return err
		}
		handle := scans.add(scan)
		defer scans.remove(handle)
		columns := make([]string, n)
		for i := range columns {
			columns[i] = fmt.Sprintf("c%d", i)
		}
		list := strings.Join(columns, ", ")
		// Counting is the cheapest thing to do with what the function returns.
		query := fmt.Sprintf("SELECT count(%s(CAST(%d AS BIGINT), %s)) FROM (%s\n) AS rows(%s)", scanFunction, handle, list, s.SQL, list)
		return c.exec(ctx, query, s.Args...)
	})
	return scan.end(err)
}

// columnCount prepares a statement for the number of its columns.
func (c *conn) columnCount(ctx context.Context, query string) (int, error) {
	var stmt mapping.PreparedStatement
	defer func() { mapping.DestroyPrepare(&stmt) }()
	if mapping.Prepare(c.c, query, &stmt) == mapping.StateError {
		return 0, c.failure(ctx, mapping.PrepareError(stmt))
	}
	return int(mapping.PreparedStatementColumnCount(stmt)), nil
}

// scanFunction takes the number of a scan and a row of BIGINTs and TIMESTAMPs, and is
// always false. Statements of people may not call it.
const scanFunction = "touchstone_scan"

func (c *conn) registerScan() error {
	f := mapping.CreateScalarFunction()
	defer mapping.DestroyScalarFunction(&f)
	anything, boolean := mapping.CreateLogicalType(mapping.TypeAny), mapping.CreateLogicalType(mapping.TypeBoolean)
	defer mapping.DestroyLogicalType(&anything)
	defer mapping.DestroyLogicalType(&boolean)
	mapping.ScalarFunctionSetName(f, scanFunction)
	mapping.ScalarFunctionSetVarargs(f, anything)
	mapping.ScalarFunctionSetReturnType(f, boolean)
	mapping.ScalarFunctionSetVolatile(f)
	mapping.ScalarFunctionSetSpecialHandling(f) // of NULL: by us
	mapping.ScalarFunctionSetFunction(f, unsafe.Pointer(C.touchstone_scan_t(C.touchstone_scan)))
	if mapping.RegisterScalarFunction(c.c, f) == mapping.StateError {
		return errors.New("duckdb: cannot register " + scanFunction)
	}
	return nil
}

//export touchstone_scan
func touchstone_scan(info, input, output unsafe.Pointer) { //nolint:revive // a name of C
	if err := scanBlock(mapping.DataChunk{Ptr: input}, mapping.Vector{Ptr: output}); err != nil {
		mapping.ScalarFunctionSetError(mapping.FunctionInfo{Ptr: info}, err.Error())
	}
}

// scanBlock hands the rows of a chunk to the scan that its first column names.
func scanBlock(chunk mapping.DataChunk, passed mapping.Vector) (err error) {
	defer func() {
		if p := recover(); p != nil { // it would end the program: the caller is not Go
			err = fmt.Errorf("panic in a scan: %v", p)
		}
	}()
	rows := int(mapping.DataChunkGetSize(chunk))
	if rows == 0 {
		return nil
	}
	clear(unsafe.Slice((*bool)(mapping.VectorGetData(passed)), rows))
	s := scans.get(*(*int64)(mapping.VectorGetData(mapping.DataChunkGetVector(chunk, 0))))
	if s == nil {
		return errors.New(scanFunction + " is for the program itself")
	}
	return s.block(chunk, rows)
}

// scan hands blocks from the question's threads to workers.
type scan struct {
	fn      func(worker int, columns [][]int64) error
	workers int

	mu   sync.Mutex
	idle sync.Cond
	free []*scanWorker
	err  error // the first of fn
}

// scanWorker is worked with by one thread at a time.
type scanWorker struct {
	number  int
	thread  int // that had it last
	columns [][]int64
	millis  [][]int64 // by column: memory for the times of one, nil where there are none
}

func newScan(workers int, fn func(worker int, columns [][]int64) error) *scan {
	s := &scan{fn: fn, workers: workers}
	s.idle.L = &s.mu
	for i := range workers {
		s.free = append(s.free, &scanWorker{number: i})
	}
	return s
}

func (s *scan) block(chunk mapping.DataChunk, rows int) (err error) {
	w, err := s.take()
	if err != nil {
		return err
	}
	defer func() { s.give(w, err) }() // also when fn panics
	if err := w.read(chunk, rows); err != nil {
		return err
	}
	return s.fn(w.number, w.columns)
}

// read sets the columns to the rows of a chunk.
func (w *scanWorker) read(chunk mapping.DataChunk, rows int) error {
	if w.columns == nil {
		if err := w.prepare(chunk); err != nil {
			return err
		}
	}
	for i := range w.columns {
		w.columns[i] = bigints(mapping.DataChunkGetVector(chunk, mapping.IdxT(i+1)), rows)
		if times := w.millis[i]; times != nil {
			for row, micros := range w.columns[i] {
				times[row] = micros / 1000
			}
			w.columns[i] = times[:rows]
		}
	}
	return nil
}

// prepare looks at the columns' types, which are the same in all chunks of a scan.
func (w *scanWorker) prepare(chunk mapping.DataChunk) error {
	n := int(mapping.DataChunkGetColumnCount(chunk)) - 1
	millis := make([][]int64, n)
	for i := range n {
		t := mapping.VectorGetColumnType(mapping.DataChunkGetVector(chunk, mapping.IdxT(i+1)))
		id := mapping.GetTypeId(t)
		mapping.DestroyLogicalType(&t)
		switch id {
		case mapping.TypeBigInt:
		case mapping.TypeTimestamp:
			millis[i] = make([]int64, mapping.VectorSize())
		default:
			return fmt.Errorf("column %d of a scan is neither a BIGINT nor a TIMESTAMP", i+1)
		}
	}
	w.columns, w.millis = make([][]int64, n), millis
	return nil
}

// take waits for a worker; a thread gets the one that it had before, if it can, so that
// each worker sees rows in about their order.
func (s *scan) take() (*scanWorker, error) {
	thread := unix.Gettid()
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.free) == 0 && s.err == nil {
		s.idle.Wait()
	}
	if s.err != nil {
		return nil, s.err
	}
	last := len(s.free) - 1
	for i, w := range s.free {
		if w.thread == thread {
			s.free[i], s.free[last] = s.free[last], w
			break
		}
	}
	w := s.free[last]
	s.free, w.thread = s.free[:last], thread
	return w, nil
}

// end makes sure that fn is not called any more, also when the question goes on after it was
// written off, and returns fn's error or else err.
func (s *scan) end(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		err = s.err
	}
	if err == nil {
		return nil
	}
	s.err = err
	for len(s.free) < s.workers {
		s.idle.Wait()
	}
	return err
}

func (s *scan) give(w *scanWorker, err error) {
	s.mu.Lock()
	s.free = append(s.free, w)
	if s.err == nil {
		s.err = err
	}
	s.mu.Unlock()
	s.idle.Broadcast()
}

// scans are those that run.
var scans running

type running struct {
	last atomic.Int64
	byID sync.Map // int64 → *scan
}

func (r *running) add(s *scan) int64 {
	id := r.last.Add(1)
	r.byID.Store(id, s)
	return id
}

func (r *running) remove(id int64) { r.byID.Delete(id) }

func (r *running) get(id int64) *scan {
	s, _ := r.byID.Load(id)
	out, _ := s.(*scan)
	return out
}

// bigints is a vector's memory, of eight bytes each. What NULLs hold is not defined, so
// they are set to 0.
func bigints(v mapping.Vector, rows int) []int64 {
	values := unsafe.Slice((*int64)(mapping.VectorGetData(v)), rows)
	if validity := mapping.VectorGetValidity(v); validity != nil {
		for r := range rows {
			if at[uint64](validity, r/64)&(1<<(r%64)) == 0 {
				values[r] = 0
			}
		}
	}
	return values
}
