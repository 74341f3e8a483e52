// Package store opens the relational database behind one handle: SQLite by default,
// PostgreSQL to scale out. Each feature owns its tables: it embeds its migrations and
// writes the SQL that both databases share, with ? for parameters.
//
// Back ends: store/sqlite and store/postgres. store/storetest runs a test body on both.
//
// Text is valid UTF-8 without NUL, because PostgreSQL stores nothing else: in a text
// parameter, what is not becomes U+FFFD, on both databases alike. Bytes go in BYTEA.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	touchstone "github.com/touchstone-cdp/touchstone"
)

// Dialect tells the databases apart for the few statements that truly differ.
type Dialect uint8

// The dialects.
const (
	SQLite Dialect = iota + 1
	Postgres
)

// String returns "sqlite" or "postgres".
func (d Dialect) String() string {
	switch d {
	case SQLite:
		return "sqlite"
	case Postgres:
		return "postgres"
	}
	return fmt.Sprintf("Dialect(%d)", uint8(d))
}

// Querier runs statements: a [Tx], or the reader of a [DB]. Statements are written
// with ? parameters and are prepared once per connection.
type Querier interface {
	Exec(ctx context.Context, query string, args ...any) (sql.Result, error)
	Query(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRow(ctx context.Context, query string, args ...any) *sql.Row
}

// Backend is what a database brings to [New]. Its pools prepare and cache statements
// by text.
type Backend struct {
	Dialect Dialect
	Writer  *sql.DB // runs Update; SQLite: one connection, which makes updates queue
	Reader  *sql.DB // runs Reader and View; may be Writer

	// Isolation of Update and of View.
	UpdateIsolation, ViewIsolation sql.IsolationLevel

	Size func(ctx context.Context) (int64, error) // bytes on disk
	// Snapshot writes what is committed to a new file; nil where the server's own tools do that.
	Snapshot func(ctx context.Context, to string) error
	Close    func() error          // closes the pools and frees locks
	Register prometheus.Registerer // nil: no metrics
}

// DB is an open database. All methods may be called at the same time.
type DB struct {
	b       Backend
	rebind  *rebinder // nil when the database reads ? itself
	metrics metrics

	mu       sync.Mutex
	versions map[string]int64 // of features' tables
}

// New makes a DB of a back end; sqlite.Open and postgres.Open call it.
func New(b Backend) *DB {
	db := &DB{b: b, versions: map[string]int64{}, metrics: newMetrics(b.Register)}
	if b.Dialect == Postgres {
		db.rebind = newRebinder()
	}
	return db
}

// Dialect tells which database this is.
func (db *DB) Dialect() Dialect { return db.b.Dialect }

// Size returns the bytes that the database occupies.
func (db *DB) Size(ctx context.Context) (int64, error) { return db.b.Size(ctx) }

// Snapshot writes the database, as of one moment, to a new file that its back end opens.
// Updates go on meanwhile. PostgreSQL has pg_dump for it and answers Invalid.
func (db *DB) Snapshot(ctx context.Context, to string) error {
	if db.b.Snapshot == nil {
		return touchstone.Errorf(touchstone.Invalid, "the store is a database server: its own tools copy it")
	}
	return db.b.Snapshot(ctx, to)
}

// Versions returns the version of each feature's tables that Migrate has seen to.
func (db *DB) Versions() map[string]int64 {
	db.mu.Lock()
	defer db.mu.Unlock()
	return maps.Clone(db.versions)
}

// Close closes the database. It waits for running statements.
func (db *DB) Close() error { return db.b.Close() }

// Reader runs reads outside a transaction, many at a time. Each sees what was
// committed before it started. Exec is refused. Rows hold a connection until they are
// closed: read them to the end before the next query.
func (db *DB) Reader() Querier { return reader{db} }

// Update runs fn in a read-write transaction and commits it durably, or rolls it back
// when fn fails or panics. SQLite runs one at a time; the others wait their turn, so
// fn must not call Update itself. PostgreSQL runs them side by side on snapshots and
// may refuse one that clashes with another: then [IsRetryable] reports true and
// nothing has happened.
//
// After a statement has failed, the rest of fn's statements fail too, and so does Update.
func (db *DB) Update(ctx context.Context, fn func(tx *Tx) error) error {
	start := time.Now()
	err := db.transact(ctx, db.b.Writer, sql.TxOptions{Isolation: db.b.UpdateIsolation}, fn)
	db.metrics.update(time.Since(start), err)
	return err
}

// UpdateShared is [DB.Update] for transactions that begin with locking what they share with
// others: on PostgreSQL each statement sees what was committed before it began, so that a
// row which another one has just changed is waited for and not refused. Without those locks
// it can lose a change.
func (db *DB) UpdateShared(ctx context.Context, fn func(tx *Tx) error) error {
	if db.b.Dialect != Postgres {
		return db.Update(ctx, fn)
	}
	start := time.Now()
	err := db.transact(ctx, db.b.Writer, sql.TxOptions{Isolation: sql.LevelReadCommitted}, fn)
	db.metrics.update(time.Since(start), err)
	return err
}

// View runs fn on a consistent snapshot, taken at its first statement. Writes are
// refused. Keep it short: SQLite cannot shrink its write-ahead log meanwhile.
func (db *DB) View(ctx context.Context, fn func(tx *Tx) error) error {
	return db.transact(ctx, db.b.Reader, sql.TxOptions{Isolation: db.b.ViewIsolation, ReadOnly: true}, fn)
}

func (db *DB) transact(ctx context.Context, pool *sql.DB, opts sql.TxOptions, fn func(tx *Tx) error) (err error) {
	conn, err := pool.Conn(ctx)
	if err != nil {
		return fmt.Errorf("get a database connection: %w", err)
	}
	defer conn.Close()
	// A cancelled context must not roll back behind fn's back: statements that follow
	// would run outside of any transaction. It ends the running statement only.
	sqlTx, err := conn.BeginTx(context.WithoutCancel(ctx), &opts)
	if err != nil {
		return fmt.Errorf("begin a transaction: %w", err)
	}
	tx := &Tx{db: db, conn: conn, tx: sqlTx}
	done := false
	defer func() {
		if !done { // fn failed, panicked, or its goroutine exits (a failed test)
			if e := sqlTx.Rollback(); e != nil && err == nil {
				err = e
			}
		}
		tx.failed = errTxEnded
	}()
	if err := fn(tx); err != nil {
		if tx.failed != nil && !errors.Is(err, tx.failed) {
			return fmt.Errorf("%w; before that, a statement failed: %w", err, tx.failed)
		}
		return err
	}
	if tx.failed != nil {
		return tx.failed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	done = true
	if err := sqlTx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	for _, hook := range tx.after {
		hook()
	}
	return nil
}

var errTxEnded = errors.New("store: the transaction has ended")

// Tx is a transaction, for use by one goroutine until fn returns.
type Tx struct {
	db     *DB
	conn   *sql.Conn
	tx     *sql.Tx
	failed error // of the first statement that failed; no other may run
	after  []func()
}

// AfterCommit has fn called once the transaction has been committed, and not when it is
// rolled back. It is for waking who waits for the rows: fn must be short and must not use
// the database.
func (tx *Tx) AfterCommit(fn func()) { tx.after = append(tx.after, fn) }

// Dialect tells which database this is.
func (tx *Tx) Dialect() Dialect { return tx.db.b.Dialect }

// Exec runs a statement that returns no rows.
func (tx *Tx) Exec(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if tx.failed != nil {
		return nil, tx.failed
	}
	res, err := tx.tx.ExecContext(ctx, tx.db.text(query), cleanArgs(args)...)
	tx.failed = err
	return res, err
}

// Query runs a statement that returns rows. Close them before the next write.
func (tx *Tx) Query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if tx.failed != nil {
		return nil, tx.failed
	}
	rows, err := tx.tx.QueryContext(ctx, tx.db.text(query), cleanArgs(args)...)
	tx.failed = err
	return rows, err
}

// QueryRow runs a statement that returns at most one row; Scan reports
// sql.ErrNoRows when there is none.
func (tx *Tx) QueryRow(ctx context.Context, query string, args ...any) *sql.Row {
	if tx.failed != nil { // a Row that carries an error can only come from a failed query
		ended, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
		cancel(tx.failed)
		return tx.tx.QueryRowContext(ended, "SELECT 1")
	}
	row := tx.tx.QueryRowContext(ctx, tx.db.text(query), cleanArgs(args)...)
	tx.failed = row.Err()
	return row
}

// reader runs reads on the pool.
type reader struct{ db *DB }

func (r reader) Exec(context.Context, string, ...any) (sql.Result, error) {
	return nil, errors.New("store: the reader does not write; use Update")
}

func (r reader) Query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return r.db.b.Reader.QueryContext(ctx, r.db.text(query), cleanArgs(args)...)
}

func (r reader) QueryRow(ctx context.Context, query string, args ...any) *sql.Row {
	return r.db.b.Reader.QueryRowContext(ctx, r.db.text(query), cleanArgs(args)...)
}

// text returns the statement as the database wants it.
func (db *DB) text(query string) string {
	if db.rebind == nil {
		return query
	}
	return db.rebind.text(query)
}

var (
	_ Querier = (*Tx)(nil)
	_ Querier = reader{}
)
