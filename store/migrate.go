package store

import (
	"bytes"
	"context"
	"database/sql"
	"embed"
	"fmt"
	"hash/fnv"
	"io/fs"
	"regexp"

	"github.com/pressly/goose/v3"

	touchstone "github.com/touchstone-cdp/touchstone"
)

var featureName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)

// Migrate brings a feature's tables up to date. fsys holds its migrations in its root:
// goose SQL files named NNNN_name.sql, written for PostgreSQL with the types BIGINT,
// TEXT, BYTEA, BOOLEAN and DOUBLE PRECISION; times are BIGINT Unix milliseconds. For
// SQLite, "BIGINT PRIMARY KEY" becomes "INTEGER PRIMARY KEY", BYTEA becomes BLOB, and
// COLLATE "C" (text in byte order, so that a prefix is a range) is left out.
//
// Each feature has its own line of versions, in the table migrations_<feature>. A file is
// one transaction, so that one that was cut short begins again. Processes that start
// together wait for each other. Tables of a later release are refused, before any change.
//
// A new form of what a feature keeps in BYTEA or as JSON takes a migration too, an empty one if
// need be: it is how a program from before is told.
func (db *DB) Migrate(ctx context.Context, feature string, fsys fs.FS) error {
	if !featureName.MatchString(feature) {
		return fmt.Errorf("store: %q is not a feature's name", feature)
	}
	dialect := goose.DialectPostgres
	if db.b.Dialect == SQLite {
		dialect = goose.DialectSQLite3
		fsys = sqliteFS{fsys}
	}
	unlock, err := db.lockMigrations(ctx)
	if err != nil {
		return fmt.Errorf("migrate %s: %w", feature, err)
	}
	defer unlock()
	p, err := goose.NewProvider(dialect, db.b.Writer, fsys,
		goose.WithTableName("migrations_"+feature),
		goose.WithDisableGlobalRegistry(true),
		goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return fmt.Errorf("migrate %s: %w", feature, err)
	}
	has, known, err := p.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("migrate %s: %w", feature, err)
	}
	if has > known {
		return touchstone.Newer("the store's part "+feature, has, known)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate %s: %w", feature, err)
	}
	db.mu.Lock()
	db.versions[feature] = known
	db.mu.Unlock()
	return nil
}

// Migrations are the files that a feature embeds from its folder "migrations", as Migrate takes them.
func Migrations(embedded embed.FS) fs.FS {
	files, err := fs.Sub(embedded, "migrations")
	if err != nil { // only a name that is no path is refused
		panic(err)
	}
	return files
}

// lockMigrations keeps other processes out, for PostgreSQL. SQLite has one process.
func (db *DB) lockMigrations(ctx context.Context) (unlock func(), err error) {
	if db.b.Dialect == SQLite {
		return func() {}, nil
	}
	conn, err := db.b.Writer.Conn(ctx)
	if err != nil {
		return nil, err
	}
	var schema sql.NullString
	if err := conn.QueryRowContext(ctx, "SELECT current_schema()").Scan(&schema); err != nil {
		conn.Close()
		return nil, err
	}
	h := fnv.New64a()
	h.Write([]byte("touchstone migrations " + schema.String))
	key := int64(h.Sum64())
	if _, err := conn.ExecContext(ctx, "SELECT pg_advisory_lock($1)", key); err != nil {
		conn.Close()
		return nil, fmt.Errorf("wait for another process that migrates: %w", err)
	}
	return func() {
		// On failure the connection is broken, and with it the lock is gone.
		_, _ = conn.ExecContext(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock($1)", key)
		conn.Close()
	}, nil
}

// sqliteFS is a directory of migrations, rewritten for SQLite as they are read.
type sqliteFS struct{ fs.FS }

func (f sqliteFS) Open(name string) (fs.File, error) {
	file, err := f.FS.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err != nil || info.IsDir() {
		return file, err
	}
	defer file.Close()
	text, err := fs.ReadFile(f.FS, name)
	if err != nil {
		return nil, err
	}
	return &memFile{Reader: bytes.NewReader(sqliteDDL(text)), info: info}, nil
}

type memFile struct {
	*bytes.Reader
	info fs.FileInfo
}

func (f *memFile) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *memFile) Close() error               { return nil }

var (
	rowidKey  = regexp.MustCompile(`(?i)\bBIGINT(\s+(?:NOT\s+NULL\s+)?PRIMARY\s+KEY)\b`)
	bytesType = regexp.MustCompile(`(?i)\bBYTEA\b`)
	byteOrder = regexp.MustCompile(`(?i)\s+COLLATE\s+"C"`)
)

func sqliteDDL(text []byte) []byte {
	text = rowidKey.ReplaceAll(text, []byte("INTEGER$1"))
	text = byteOrder.ReplaceAll(text, nil) // SQLite compares bytes anyway
	return bytesType.ReplaceAll(text, []byte("BLOB"))
}
