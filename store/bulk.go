package store

import (
	"context"
	"database/sql/driver"
	"fmt"
	"slices"
	"strings"
)

// Upsert tells [Tx.BulkUpsert] where rows go. Names are written as in SQL.
type Upsert struct {
	Table   string
	Columns []string
	// Key names the columns of a primary key or unique index. A row whose key exists
	// takes the new values of all other columns. Without Key it is a plain insert.
	Key []string
	// IgnoreConflict keeps the row that exists instead.
	IgnoreConflict bool
}

// A statement of many rows costs one parse, one step and, to a server, one round trip.
// Sizes are powers of two, so that few texts are ever prepared.
const (
	rowsPerSQLiteStatement   = 64 // more gains nothing
	rowsPerPostgresStatement = 256
	maxArgsPerStatement      = 16384 // SQLite takes 32766, PostgreSQL 65535
)

// BulkUpsert writes rows: row(i, args) fills args with the values of row i in the order of
// u.Columns. A key may occur once only. It is several times faster when rows come in
// key order, because then each page of the table is touched once.
func (tx *Tx) BulkUpsert(ctx context.Context, u Upsert, rows int, row func(i int, args []any)) error {
	if rows == 0 {
		return nil
	}
	if len(u.Columns) == 0 || len(u.Columns) > maxArgsPerStatement {
		return fmt.Errorf("store: bulk upsert into %s: %d columns", u.Table, len(u.Columns))
	}
	b := bulk{tx: tx, width: len(u.Columns), text: u.text}
	if err := b.run(ctx, rows, row); err != nil {
		return fmt.Errorf("bulk upsert into %s: %w", u.Table, err)
	}
	return nil
}

// BulkDelete deletes the rows whose column has one of keys; key(i) returns the i-th.
func (tx *Tx) BulkDelete(ctx context.Context, table, column string, keys int, key func(i int) any) error {
	text := func(rows int) string { return "DELETE FROM " + table + " WHERE " + column + " IN " + Marks(rows) }
	b := bulk{tx: tx, width: 1, text: text}
	if err := b.run(ctx, keys, func(i int, args []any) { args[0] = key(i) }); err != nil {
		return fmt.Errorf("bulk delete from %s: %w", table, err)
	}
	return nil
}

// BulkDeleteRows deletes by a key of several columns: row(i, args) fills args with the i-th
// key's values, in the order of columns. NULL is equal to nothing.
func (tx *Tx) BulkDeleteRows(ctx context.Context, table string, columns []string, rows int, row func(i int, args []any)) error {
	names, first := strings.Join(columns, ","), ""
	if tx.Dialect() == Postgres {
		// It takes parameters of a list of values for text. A first row of the columns' own
		// types, which holds nothing and so is no row's key, types those below it.
		typed := make([]string, len(columns))
		for i, c := range columns {
			typed[i] = "(SELECT " + c + " FROM " + table + " WHERE FALSE)"
		}
		first = "(" + strings.Join(typed, ",") + "),"
	}
	one := Marks(len(columns))
	b := bulk{tx: tx, width: len(columns), text: func(rows int) string {
		return "DELETE FROM " + table + " WHERE (" + names + ") IN (VALUES " + first + one + strings.Repeat(","+one, rows-1) + ")"
	}}
	if err := b.run(ctx, rows, row); err != nil {
		return fmt.Errorf("bulk delete from %s: %w", table, err)
	}
	return nil
}

// text writes the statement for a number of rows.
func (u *Upsert) text(rows int) string {
	var b strings.Builder
	b.WriteString("INSERT INTO " + u.Table + " (" + strings.Join(u.Columns, ",") + ") VALUES ")
	one := "(?" + strings.Repeat(",?", len(u.Columns)-1) + ")"
	b.Grow(rows*(len(one)+1) + 256)
	for i := range rows {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(one)
	}
	if len(u.Key) == 0 && !u.IgnoreConflict {
		return b.String()
	}
	b.WriteString(" ON CONFLICT ")
	if len(u.Key) > 0 {
		b.WriteString("(" + strings.Join(u.Key, ",") + ") ")
	}
	if u.IgnoreConflict || len(u.Key) == len(u.Columns) {
		b.WriteString("DO NOTHING")
		return b.String()
	}
	sep := "DO UPDATE SET "
	for _, c := range u.Columns {
		if !slices.Contains(u.Key, c) {
			b.WriteString(sep + c + "=excluded." + c)
			sep = ","
		}
	}
	return b.String()
}

// bulk runs one kind of statement in chunks, straight on the driver's connection:
// database/sql would check and copy each of the many arguments once more.
type bulk struct {
	tx    *Tx
	width int // arguments per row
	text  func(rows int) string

	args  []any
	named []driver.NamedValue
}

func (b *bulk) run(ctx context.Context, rows int, row func(i int, args []any)) error {
	if b.tx.failed != nil {
		return b.tx.failed
	}
	size := rowsPerSQLiteStatement
	if b.tx.Dialect() == Postgres {
		size = rowsPerPostgresStatement
	}
	for size > 1 && size*b.width > maxArgsPerStatement {
		size /= 2
	}
	b.args = make([]any, b.width)
	b.named = make([]driver.NamedValue, min(size, rows)*b.width)
	for i := range b.named {
		b.named[i].Ordinal = i + 1
	}
	// Raw must not be told that the connection is broken: it would wait for the transaction to
	// end, which waits for this statement. The rollback tells the pool.
	var failed error
	err := b.tx.conn.Raw(func(conn any) error {
		failed = b.chunks(ctx, conn, size, rows, row)
		return nil
	})
	if err == nil {
		err = failed
	}
	b.tx.failed = err
	return err
}

// chunks runs the statements, each of size rows and then of halves.
func (b *bulk) chunks(ctx context.Context, conn any, size, rows int, row func(i int, args []any)) error {
	run, err := runOf(conn)
	if err != nil {
		return err
	}
	for next := 0; next < rows; size /= 2 {
		if rows-next < size {
			continue
		}
		text := b.tx.db.text(b.text(size))
		for ; rows-next >= size; next += size {
			if err := b.chunk(ctx, run, text, next, size, row); err != nil {
				return err
			}
		}
	}
	return nil
}

// runFunc runs a statement without telling its result.
type runFunc func(ctx context.Context, query string, args []driver.NamedValue) error

// runOf returns the fastest way in which a driver's connection runs a statement.
func runOf(conn any) (runFunc, error) {
	switch c := conn.(type) {
	case interface {
		RunContext(ctx context.Context, query string, args []driver.NamedValue) error
	}:
		return c.RunContext, nil
	case driver.ExecerContext:
		return func(ctx context.Context, query string, args []driver.NamedValue) error {
			_, err := c.ExecContext(ctx, query, args)
			return err
		}, nil
	}
	return nil, fmt.Errorf("the driver's %T cannot execute", conn)
}

func (b *bulk) chunk(ctx context.Context, run runFunc, text string, first, rows int, row func(i int, args []any)) error {
	// Chunks are short. Watching the context during each would cost a goroutine.
	if err := ctx.Err(); err != nil {
		return err
	}
	for i := range rows {
		clear(b.args)
		row(first+i, b.args)
		for j, a := range b.args {
			v, err := driverValue(a)
			if err != nil {
				return fmt.Errorf("row %d, column %d: %w", first+i, j+1, err)
			}
			b.named[i*b.width+j].Value = v
		}
	}
	return run(context.WithoutCancel(ctx), text, b.named[:rows*b.width])
}
