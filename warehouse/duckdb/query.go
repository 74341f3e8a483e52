package duckdb

import (
	"context"
	"fmt"
	"sync"

	"github.com/duckdb/duckdb-go/v2/mapping"
	"golang.org/x/sync/errgroup"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/warehouse"
)

// Query implements warehouse.Warehouse. It refuses everything but one reading
// statement, runs it in a read-only transaction and stops at the row bound.
func (w *Warehouse) Query(ctx context.Context, s warehouse.Statement) (*warehouse.Result, error) {
	limit := s.MaxRows
	if limit <= 0 || limit > w.opts.MaxRows {
		limit = w.opts.MaxRows
	}
	var out *warehouse.Result
	err := w.reading(ctx, func(ctx context.Context, c *conn) error {
		if err := c.checkReading(ctx, s.SQL); err != nil {
			return err
		}
		return c.run(ctx, s.SQL, s.Args, func(res *mapping.Result) error {
			var err error
			out, err = collect(ctx, res, limit)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// collect reads up to limit rows of a streamed result.
func collect(ctx context.Context, res *mapping.Result, limit int) (*warehouse.Result, error) {
	n := int(mapping.ColumnCount(res))
	out := &warehouse.Result{Columns: make([]warehouse.Column, n), Rows: [][]any{}}
	types := make([]columnType, n)
	for i := range types {
		types[i] = describe(mapping.ColumnLogicalType(res, mapping.IdxT(i)))
		out.Columns[i] = warehouse.Column{Name: mapping.ColumnName(res, mapping.IdxT(i)), Type: types[i].public()}
	}
	err := chunks(ctx, res, func(chunk mapping.DataChunk, rows int) bool {
		if room := limit - len(out.Rows); rows > room {
			rows, out.Truncated = room, true
		}
		base := len(out.Rows)
		cells := make([]any, rows*n)
		for r := range rows {
			out.Rows = append(out.Rows, cells[r*n:(r+1)*n:(r+1)*n])
		}
		for i := range types {
			v := open(mapping.DataChunkGetVector(chunk, mapping.IdxT(i)), &types[i])
			for r := range rows {
				out.Rows[base+r][i] = v.scalar(r)
			}
		}
		return !out.Truncated
	})
	return out, err
}

// chunks calls fn for each chunk of a result until fn returns false.
func chunks(ctx context.Context, res *mapping.Result, fn func(chunk mapping.DataChunk, rows int) bool) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		chunk := mapping.FetchChunk(*res)
		if chunk.Ptr == nil {
			return nil
		}
		rows := int(mapping.DataChunkGetSize(chunk))
		more := rows > 0 && fn(chunk, rows)
		mapping.DestroyDataChunk(&chunk)
		if !more && rows > 0 {
			return nil
		}
		if rows == 0 {
			return nil
		}
	}
}

// Sequences implements warehouse.Warehouse. Workers take turns at fetching chunks, and
// each reads the lists of its chunk where the engine put them.
func (w *Warehouse) Sequences(ctx context.Context, s warehouse.Statement, workers int, fn func(worker int, subject int64, items []int64) error) error {
	return w.reading(ctx, func(ctx context.Context, c *conn) error {
		if err := c.checkReading(ctx, s.SQL); err != nil {
			return err
		}
		return c.run(ctx, s.SQL, s.Args, func(res *mapping.Result) error {
			if err := checkSequenceTypes(res); err != nil {
				return err
			}
			next := fetcher{res: res}
			group, ctx := errgroup.WithContext(ctx)
			for worker := range max(1, workers) {
				group.Go(func() error {
					return readSequences(ctx, &next, func(subject int64, items []int64) error {
						return fn(worker, subject, items)
					})
				})
			}
			return group.Wait()
		})
	})
}

// fetcher hands out a result's chunks to several goroutines.
type fetcher struct {
	mu  sync.Mutex
	res *mapping.Result
	end bool // asking an ended result once more would make it an error
}

func (f *fetcher) chunk() mapping.DataChunk {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.end {
		return mapping.DataChunk{}
	}
	chunk := mapping.FetchChunk(*f.res)
	f.end = chunk.Ptr == nil
	return chunk
}

func readSequences(ctx context.Context, next *fetcher, fn func(subject int64, items []int64) error) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		chunk := next.chunk()
		if chunk.Ptr == nil {
			return nil
		}
		err := eachSequence(chunk, int(mapping.DataChunkGetSize(chunk)), fn)
		mapping.DestroyDataChunk(&chunk)
		if err != nil {
			return err
		}
	}
}

func checkSequenceTypes(res *mapping.Result) error {
	var types []columnType
	for i := range mapping.ColumnCount(res) {
		types = append(types, describe(mapping.ColumnLogicalType(res, mapping.IdxT(i))))
	}
	if len(types) != 2 || types[0].id != mapping.TypeBigInt || types[1].id != mapping.TypeList || types[1].children[0].id != mapping.TypeBigInt {
		return fmt.Errorf("duckdb: Sequences needs the columns BIGINT and BIGINT[]")
	}
	return nil
}

func eachSequence(chunk mapping.DataChunk, rows int, fn func(subject int64, items []int64) error) error {
	subjects := mapping.VectorGetData(mapping.DataChunkGetVector(chunk, 0))
	lists := mapping.DataChunkGetVector(chunk, 1)
	entries := mapping.VectorGetData(lists)
	values := mapping.VectorGetData(mapping.ListVectorGetChild(lists))
	validity := mapping.VectorGetValidity(lists)
	total := int(mapping.ListVectorGetSize(lists))
	var all []int64
	if total > 0 {
		all = sliceAt[int64](values, total)
	}
	for r := range rows {
		if validity != nil && at[uint64](validity, r/64)&(1<<(r%64)) == 0 {
			continue
		}
		e := at[listEntry](entries, r)
		if err := fn(at[int64](subjects, r), all[e.offset:e.offset+e.length]); err != nil {
			return err
		}
	}
	return nil
}

// reading borrows a connection and runs fn in a read-only transaction on it.
func (w *Warehouse) reading(ctx context.Context, fn func(context.Context, *conn) error) error {
	c, err := w.borrow(ctx)
	if err != nil {
		return err
	}
	defer w.giveBack(c)
	if err := c.exec(ctx, "BEGIN TRANSACTION READ ONLY"); err != nil {
		return err
	}
	err = fn(ctx, c)
	if end := c.exec(context.WithoutCancel(ctx), "ROLLBACK"); end != nil && err == nil {
		err = end
	}
	return err
}

// checkReading lets one statement through that reads, and no other. The read-only
// transaction would refuse writes as well; this refuses what a transaction does not
// cover (SET, COPY, ATTACH, LOAD, PRAGMA) and gives a better message.
func (c *conn) checkReading(ctx context.Context, query string) error {
	var list mapping.ExtractedStatements
	n := mapping.ExtractStatements(c.c, query, &list)
	defer mapping.DestroyExtracted(&list)
	if n == 0 {
		if msg := mapping.ExtractStatementsError(list); msg != "" {
			return c.failure(ctx, msg)
		}
		return touchstone.Errorf(touchstone.Invalid, "the SQL is empty")
	}
	if n > 1 {
		return touchstone.Errorf(touchstone.Invalid, "the SQL holds %d statements; only one is allowed", n)
	}
	var stmt mapping.PreparedStatement
	defer func() { mapping.DestroyPrepare(&stmt) }()
	if mapping.PrepareExtractedStatement(c.c, list, 0, &stmt) == mapping.StateError {
		return c.failure(ctx, mapping.PrepareError(stmt))
	}
	switch mapping.PreparedStatementType(stmt) {
	case mapping.StatementTypeSelect, mapping.StatementTypeExplain:
		return nil
	}
	return touchstone.Errorf(touchstone.Invalid, "only a statement that reads is allowed").
		WithHint("write a SELECT, WITH … SELECT, DESCRIBE or EXPLAIN")
}
