package sqlite

import (
	"container/list"
	"context"
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/mattn/go-sqlite3"
)

// maxStatements bounds the prepared statements of one connection.
const maxStatements = 256

// connector opens connections that keep their prepared statements. database/sql's own
// prepared statements would have to be carried through every call by hand.
type connector struct {
	dsn     string
	pragmas []string // run in order: page_size must come early
}

// Connect opens a connection.
func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	inner, err := c.Driver().Open(c.dsn)
	if err != nil {
		return nil, coded(err)
	}
	for _, p := range c.pragmas {
		if _, err := inner.(driver.ExecerContext).ExecContext(ctx, "PRAGMA "+p, nil); err != nil {
			inner.Close()
			return nil, fmt.Errorf("PRAGMA %s: %w", p, coded(err))
		}
	}
	return &conn{sqliteConn: inner.(sqliteConn), byText: make(map[string]*list.Element)}, nil
}

// Driver returns the driver beneath.
func (c *connector) Driver() driver.Driver { return &sqlite3.SQLiteDriver{} }

// failure is an error of the database with its result code, for [store.IsRetryable].
type failure struct {
	error
	code int
}

// Code returns SQLite's result code, extended where there is one.
func (f failure) Code() int { return f.code }

func (f failure) Unwrap() error { return f.error }

func coded(err error) error {
	var e sqlite3.Error
	if errors.As(err, &e) {
		return failure{err, max(int(e.Code), int(e.ExtendedCode))}
	}
	return err
}

// sqliteConn is what the driver's connection offers and conn passes on.
type sqliteConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
}

// statement is a prepared statement that runs and, while busy, has open rows.
type statement struct {
	driver.Stmt
	text string
	busy bool
}

// conn is a connection with the statements that were used last. Like every
// driver.Conn it is used by one goroutine at a time.
type conn struct {
	sqliteConn
	byText map[string]*list.Element // of *statement
	recent list.List                // last used first
}

// statement returns the prepared statement for a text. Its owner is the cache unless
// it is busy with another query of the same text: then it is the caller's to close.
func (c *conn) statement(ctx context.Context, text string) (st *statement, cached bool, err error) {
	e, known := c.byText[text]
	if known {
		c.recent.MoveToFront(e)
		if st := e.Value.(*statement); !st.busy {
			return st, true, nil
		}
	}
	inner, err := c.PrepareContext(ctx, text)
	if err != nil {
		return nil, false, coded(err)
	}
	st = &statement{Stmt: inner, text: text}
	if known {
		return st, false, nil
	}
	c.evict()
	c.byText[text] = c.recent.PushFront(st)
	return st, true, nil
}

// evict makes room for one statement. Busy ones stay.
func (c *conn) evict() {
	for e := c.recent.Back(); e != nil && c.recent.Len() >= maxStatements; {
		previous := e.Prev()
		if st := e.Value.(*statement); !st.busy {
			c.recent.Remove(e)
			delete(c.byText, st.text)
			st.Close()
		}
		e = previous
	}
}

// ExecContext runs a statement that returns no rows.
func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	st, cached, err := c.statement(ctx, query)
	if err != nil {
		return nil, err
	}
	if !cached {
		defer st.Close()
	}
	result, err := st.Stmt.(driver.StmtExecContext).ExecContext(ctx, args)
	return result, coded(err)
}

// RunContext runs a statement whose result nobody wants to know. The driver's query takes
// all arguments and the first step, which is all of a statement without rows, in one call
// into C, where its exec makes a call for each argument.
func (c *conn) RunContext(ctx context.Context, query string, args []driver.NamedValue) error {
	rows, err := c.QueryContext(ctx, query, args)
	if err != nil {
		return err
	}
	return rows.Close()
}

// QueryContext runs a statement that returns rows.
func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	st, cached, err := c.statement(ctx, query)
	if err != nil {
		return nil, err
	}
	inner, err := st.Stmt.(driver.StmtQueryContext).QueryContext(ctx, args)
	if err != nil {
		if !cached {
			st.Close()
		}
		return nil, coded(err)
	}
	st.busy = true
	return &rows{Rows: inner, st: st, cached: cached}, nil
}

// BeginTx begins a transaction; the writer's takes the lock at once.
func (c *conn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	inner, err := c.sqliteConn.BeginTx(ctx, o)
	if err != nil {
		return nil, coded(err)
	}
	return transaction{inner}, nil
}

type transaction struct{ driver.Tx }

func (t transaction) Commit() error { return coded(t.Tx.Commit()) }

// Close closes the connection and its statements.
func (c *conn) Close() error {
	for e := c.recent.Front(); e != nil; e = e.Next() {
		e.Value.(*statement).Close()
	}
	c.recent.Init()
	clear(c.byText)
	return c.sqliteConn.Close()
}

// rows frees its statement when it is closed.
type rows struct {
	driver.Rows
	st     *statement
	cached bool
}

// Next reads a row.
func (r *rows) Next(dest []driver.Value) error { return coded(r.Rows.Next(dest)) }

// Close ends the query.
func (r *rows) Close() error {
	if r.st == nil {
		return nil
	}
	err := r.Rows.Close()
	r.st.busy = false
	if !r.cached {
		r.st.Close()
	}
	r.st = nil
	return err
}

// ColumnTypeDatabaseTypeName returns the column's declared type.
func (r *rows) ColumnTypeDatabaseTypeName(i int) string {
	if n, ok := r.Rows.(driver.RowsColumnTypeDatabaseTypeName); ok {
		return n.ColumnTypeDatabaseTypeName(i)
	}
	return ""
}
