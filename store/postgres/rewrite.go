package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	touchstone "github.com/touchstone-cdp/touchstone"
)

// Rewritten is what [Rewrite] has done.
type Rewritten struct {
	Tables int      `json:"tables"`
	Before int64    `json:"before"` // bytes of the tables with their indexes
	After  int64    `json:"after"`
	Left   []string `json:"left"` // tables that were not rewritten, and why
}

// lockPatience is how long a table that others use is waited for.
const lockPatience = 30 * time.Second

// Rewrite writes the tables of the URL's schema anew, the smallest first, so that no file of theirs holds
// what was deleted: pages of PostgreSQL keep the bytes of dead rows until something else is written
// there, also after a plain VACUUM. Then it has the planner's samples made anew, which hold values of columns, and the
// system's table of them rewritten. A table is locked while it is rewritten and needs its own size of free disk; one
// that is larger than most bytes is left, and said. The write-ahead log is not the tables': it is reused with time.
func Rewrite(ctx context.Context, url string, most int64) (done Rewritten, err error) {
	done.Left = []string{}
	conn, err := connect(ctx, url)
	if err != nil {
		return done, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, fmt.Sprintf("SET lock_timeout = '%dms'", lockPatience.Milliseconds())); err != nil {
		return done, err
	}
	tables, err := tablesOf(ctx, conn)
	if err != nil {
		return done, err
	}
	tables = append(tables, table{name: "pg_catalog.pg_statistic", samples: true})
	for _, t := range tables {
		if most > 0 && t.bytes > most {
			done.Left = append(done.Left, fmt.Sprintf("%s: %d bytes are more than %d", t.name, t.bytes, most))
			continue
		}
		statement := "VACUUM (FULL, ANALYZE) " + t.name
		if t.samples {
			statement = "VACUUM FULL " + t.name
		}
		_, err := conn.Exec(ctx, statement)
		var refused *pgconn.PgError
		if errors.As(err, &refused) {
			done.Left = append(done.Left, t.name+": "+refused.Message)
			continue
		}
		if err != nil {
			return done, fmt.Errorf("rewrite %s: %w", t.name, err)
		}
		done.Tables++
		if t.samples {
			continue
		}
		var after int64
		if err := conn.QueryRow(ctx, "SELECT pg_total_relation_size($1::text::regclass)", t.name).Scan(&after); err != nil {
			return done, err
		}
		done.Before, done.After = done.Before+t.bytes, done.After+after
	}
	return done, nil
}

// Dump writes all rows of all tables of the URL's schema, and the planner's samples of them, as the
// database sends them in binary: texts are in it letter for letter. to is asked for each table.
func Dump(ctx context.Context, url string, to func(table string, rows io.Reader) error) (tables int, err error) {
	conn, err := connect(ctx, url)
	if err != nil {
		return 0, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"); err != nil {
		return 0, err
	}
	list, err := tablesOf(ctx, conn)
	if err != nil {
		return 0, err
	}
	copies := [][2]string{}
	for _, t := range list {
		copies = append(copies, [2]string{t.name, "COPY " + t.name + " TO STDOUT (FORMAT binary)"})
	}
	copies = append(copies, [2]string{"pg_stats",
		"COPY (SELECT tablename, attname, most_common_vals::text, histogram_bounds::text FROM pg_stats WHERE schemaname = current_schema()) TO STDOUT (FORMAT binary)"})
	for _, c := range copies {
		if err := dumpOne(ctx, conn, c[0], c[1], to); err != nil {
			return tables, fmt.Errorf("read %s: %w", c[0], err)
		}
		tables++
	}
	return tables, nil
}

func dumpOne(ctx context.Context, conn *pgx.Conn, name, statement string, to func(table string, rows io.Reader) error) error {
	r, w := io.Pipe()
	read := make(chan error, 1)
	go func() {
		err := to(name, r)
		_ = r.CloseWithError(errors.Join(err, io.ErrClosedPipe)) // the database need not go on
		read <- err
	}()
	_, err := conn.PgConn().CopyTo(ctx, w, statement)
	_ = w.CloseWithError(err) // nil: the end
	if failed := <-read; failed != nil {
		return failed
	}
	return err
}

// table is one, and its size.
type table struct {
	name    string // quoted, as statements take it
	bytes   int64
	samples bool // the system's table of samples
}

func tablesOf(ctx context.Context, conn *pgx.Conn) (list []table, err error) {
	rows, err := conn.Query(ctx, `SELECT format('%I.%I', n.nspname, c.relname), pg_total_relation_size(c.oid) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = current_schema() AND c.relkind = 'r' ORDER BY 2, 1`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var t table
		if err := rows.Scan(&t.name, &t.bytes); err != nil {
			return nil, err
		}
		list = append(list, t)
	}
	return list, rows.Err()
}

func connect(ctx context.Context, url string) (*pgx.Conn, error) {
	cfg, err := parse(url)
	if err != nil {
		return nil, err
	}
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, explain(err, cfg)
	}
	return conn, nil
}

// parse reads a URL.
func parse(url string) (*pgx.ConnConfig, error) {
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, touchstone.Wrap(touchstone.Invalid, err, "the PostgreSQL URL is not valid").
			WithHint("write it like postgres://user:password@host:5432/database?sslmode=require")
	}
	if cfg.ConnectTimeout == 0 {
		cfg.ConnectTimeout = connectTimeout
	}
	return cfg, nil
}
