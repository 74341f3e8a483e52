// Package postgres is the scale-out back end of package store: PostgreSQL and what
// speaks its wire protocol.
package postgres

import (
	"context"
	"database/sql"
	"errors"
	"net"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/prometheus/client_golang/prometheus"

	touchstone "github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

// Options tune the database. The zero value is good for production.
type Options struct {
	MaxConns int // open connections at most; 32 by default, 8 of which stay open
	Register prometheus.Registerer
}

const connectTimeout = 10 * time.Second

// Open connects to the database of a URL, "postgres://user:password@host:5432/database".
//
// Updates run at REPEATABLE READ: a transaction that changes a row which another one
// has changed meanwhile fails with a retryable error instead of losing that change.
func Open(ctx context.Context, url string, o Options) (*store.DB, error) {
	cfg, err := parse(url)
	if err != nil {
		return nil, err
	}
	cfg.StatementCacheCapacity = 256
	if cfg.RuntimeParams["application_name"] == "" {
		cfg.RuntimeParams["application_name"] = "touchstone"
	}
	db := stdlib.OpenDB(*cfg)
	conns := o.MaxConns
	if conns < 2 { // migrations hold one for their lock and use another
		conns = 32
	}
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(min(conns, 8))
	db.SetConnMaxIdleTime(5 * time.Minute)
	if err := db.PingContext(ctx); err != nil {
		db.Close()
		return nil, explain(err, cfg)
	}
	return store.New(store.Backend{
		Dialect: store.Postgres, Writer: db, Reader: db,
		UpdateIsolation: sql.LevelRepeatableRead, ViewIsolation: sql.LevelRepeatableRead,
		Size: func(ctx context.Context) (n int64, err error) {
			err = db.QueryRowContext(ctx, "SELECT pg_database_size(current_database())").Scan(&n)
			return n, err
		},
		Close: db.Close, Register: o.Register,
	}), nil
}

// explain turns a failed connect into what the operator can do about it.
func explain(err error, cfg *pgx.ConnConfig) error {
	e := touchstone.Wrap(touchstone.Unavailable, err, "cannot connect to PostgreSQL at %s:%d, database %q, as user %q",
		cfg.Host, cfg.Port, cfg.Database, cfg.User)
	var pg *pgconn.PgError
	var netErr net.Error
	switch {
	case errors.As(err, &pg):
		switch pg.Code {
		case "28P01", "28000":
			return e.WithHint("the user or the password is wrong, or pg_hba.conf does not let this host in")
		case "3D000":
			return e.WithHint("the database does not exist: create it with CREATE DATABASE %s", cfg.Database)
		case "53300":
			return e.WithHint("the server has no free connection: raise its max_connections, or lower the pool size here")
		case "57P03":
			return e.WithHint("the server is starting or stopping: try again in a moment")
		}
	case errors.As(err, &netErr):
		return e.WithHint("check the host and port, and that the server runs and accepts connections from here")
	}
	return e
}
