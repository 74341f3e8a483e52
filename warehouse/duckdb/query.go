package duckdb

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/duckdb/duckdb-go/v2/mapping"

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
	if s.Own {
		return w.query(ctx, &w.readers, s, limit)
	}
	return w.ask(ctx, s, limit)
}

// query runs a statement in this process.
func (w *Warehouse) query(ctx context.Context, readers *pool, s warehouse.Statement, limit int) (*warehouse.Result, error) {
	var out *warehouse.Result
	err := w.reading(ctx, readers, func(ctx context.Context, c *conn) (err error) {
		out, err = c.statement(ctx, s, limit)
		return err
	})
	if err != nil { // what was written off may still write out
		return nil, err
	}
	return out, nil
}

// statement checks and runs a statement and reads up to limit rows of its result.
func (c *conn) statement(ctx context.Context, s warehouse.Statement, limit int) (out *warehouse.Result, err error) {
	if err := c.check(ctx, s); err != nil {
		return nil, err
	}
	err = c.run(ctx, s.SQL, s.Args, func(res *mapping.Result) error {
		out, err = collect(ctx, res, limit)
		return err
	})
	if err != nil {
		return nil, err
	}
	flatten(out)
	return out, nil
}

// maxShownDepth is how deep a JSON value may nest that is shown as JSON. Not everything that
// writes and reads answers goes as deep as the engine.
const maxShownDepth = 500

// flatten makes texts of the values that nest deeper.
func flatten(res *warehouse.Result) {
	for _, row := range res.Rows {
		for i, v := range row {
			if text, ok := v.(touchstone.JSON); ok && jsonDepth(string(text)) > maxShownDepth {
				row[i] = string(text)
			}
		}
	}
}

// jsonDepth is how deep a JSON text nests.
func jsonDepth(text string) (deepest int) {
	depth, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[', c == '{':
			depth++
			deepest = max(deepest, depth)
		case c == ']', c == '}':
			depth--
		}
	}
	return deepest
}

// maxResultBytes bounds the values of a result in memory. Nested values take several
// times what they take as text.
const maxResultBytes = 32 << 20

// collect reads up to limit rows of a streamed result, and not much more than
// maxResultBytes.
func collect(ctx context.Context, res *mapping.Result, limit int) (*warehouse.Result, error) {
	n := int(mapping.ColumnCount(res))
	out := &warehouse.Result{Columns: make([]warehouse.Column, n), Rows: [][]any{}}
	types := make([]columnType, n)
	for i := range types {
		types[i] = describe(mapping.ColumnLogicalType(res, mapping.IdxT(i)))
		out.Columns[i] = warehouse.Column{Name: mapping.ColumnName(res, mapping.IdxT(i)), Type: types[i].public()}
	}
	size := 0
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
				size += sizeOf(out.Rows[base+r][i])
			}
		}
		if size > maxResultBytes {
			out.Truncated = true
		}
		return !out.Truncated
	})
	return out, err
}

// sizeOf is about how many bytes a value of a result takes.
func sizeOf(v any) int {
	const word = 16
	switch v := v.(type) {
	case string:
		return word + len(v)
	case touchstone.JSON:
		return word + len(v)
	case []any:
		n := 2 * word
		for _, x := range v {
			n += sizeOf(x)
		}
		return n
	case map[string]any:
		n := 2 * word
		for k, x := range v {
			n += 2*word + len(k) + sizeOf(x)
		}
		return n
	}
	return word
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

// reading borrows one of the connections and runs fn in a read-only transaction on it.
func (w *Warehouse) reading(ctx context.Context, readers *pool, fn func(context.Context, *conn) error) error {
	c, err := w.borrow(ctx, readers)
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() {
		if readers == &w.readers {
			w.helpers.begin()
			defer w.helpers.end()
		}
		ended <- c.reading(ctx, fn)
	}()
	select {
	case err = <-ended:
		readers.idle <- c
		return err
	case <-ctx.Done():
	}
	select {
	case err = <-ended:
		readers.idle <- c
		return err
	case <-time.After(interruptPatience):
		return w.writeOff(ctx, readers, c, ended)
	}
}

// interruptPatience is how long a question that is out of time may take to notice.
const interruptPatience = 5 * time.Second

// writeOff gives up a question that cannot be interrupted. The next ones find a new
// connection in its place; what runs on the old one ends sometime, or with the program.
func (w *Warehouse) writeOff(ctx context.Context, readers *pool, c *conn, ended <-chan error) error {
	w.figures.writtenOff.Inc()
	w.lost.Add(1)
	go func() {
		<-ended
		c.close()
		w.lost.Add(-1)
	}()
	fresh, err := w.connect()
	if err != nil { // the old one must do; until it is back there is one lane less
		w.opts.Logger.Error("a question did not end after it was interrupted, and no connection can be made in its place", "error", err)
		return ctx.Err()
	}
	w.opts.Logger.Warn("a question did not end after it was interrupted; its connection is given up")
	readers.idle <- fresh
	return ctx.Err()
}

// reading runs fn in a read-only transaction.
func (c *conn) reading(ctx context.Context, fn func(context.Context, *conn) error) error {
	if err := c.exec(ctx, "BEGIN TRANSACTION READ ONLY"); err != nil {
		return err
	}
	err := explain(fn(ctx, c))
	if end := c.exec(context.WithoutCancel(ctx), "ROLLBACK"); end != nil && err == nil {
		err = end
	}
	return err
}

// explain turns what the engine says about a statement into an error for its author.
func explain(err error) error {
	var said *engineError
	if !errors.As(err, &said) {
		return err
	}
	what, detail, _ := strings.Cut(said.msg, ": ")
	switch what {
	case "Parser Error", "Binder Error", "Catalog Error", "Conversion Error", "Invalid Input Error", "Out of Range Error", "Permission Error",
		"Not implemented Error", "Syntax Error", "Mismatch Type Error", "Expression Error", "TransactionContext Error":
		return touchstone.Wrap(touchstone.Invalid, err, "SQL: %s", detail)
	case "Out of Memory Error":
		return touchstone.Wrap(touchstone.Invalid, err, "the question needs more memory than the warehouse may use").
			WithHint("ask about a shorter range or fewer groups, or raise the warehouse's memory limit")
	}
	return err
}

// check lets one statement through that reads, and no other. The read-only transaction
// would refuse writes as well; this refuses what a transaction does not cover, and gives
// a better message. The calls come first: preparing a statement already runs functions
// whose arguments are constants.
func (c *conn) check(ctx context.Context, s warehouse.Statement) error {
	if s.Own {
		return nil
	}
	if strings.IndexByte(s.SQL, 0) >= 0 {
		return touchstone.Errorf(touchstone.Invalid, "the SQL holds a NUL character")
	}
	var list mapping.ExtractedStatements
	n := mapping.ExtractStatements(c.c, s.SQL, &list)
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
	if err := c.checkParts(ctx, s.SQL); err != nil {
		return err
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
