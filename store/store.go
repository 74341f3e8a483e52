// Package store opens the relational database behind one handle: SQLite by default,
// PostgreSQL to scale out. Each feature owns its tables: it embeds its migrations and
// writes the SQL that both databases share, with ? for parameters.
package store

import (
	"context"
	"database/sql"
)

// Dialect tells the databases apart for the few statements that truly differ.
type Dialect uint8

// The dialects.
const (
	SQLite Dialect = iota + 1
	Postgres
)

// Querier runs statements: a [Tx], or the reader of a [DB]. Statements are written
// with ? parameters and are prepared once per connection.
type Querier interface {
	Exec(ctx context.Context, query string, args ...any) (sql.Result, error)
	Query(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRow(ctx context.Context, query string, args ...any) *sql.Row
}
