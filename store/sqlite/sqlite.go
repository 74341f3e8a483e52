// Package sqlite is the embedded back end of package store: one file, one process.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	touchstone "github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/filelock"
	"github.com/touchstone-cdp/touchstone/store"
	"github.com/touchstone-cdp/touchstone/store/sqlite/sealed"
)

// Options tune the database. The zero value is good for production.
type Options struct {
	CacheBytes       int64 // the writer's page cache; 64 MiB by default
	ReaderCacheBytes int64 // each reader's page cache; 8 MiB by default
	Readers          int   // connections that read at once; 32 by default, 4 of which stay open
	// Key encrypts the files, see [sealed]; nil: they are in the clear.
	Key      []byte
	Register prometheus.Registerer
}

const (
	pageSize    = 8 << 10
	idleReaders = 4
	// A checkpoint copies changed pages into the database file and syncs it. Under
	// load the same pages change again and again, so a long log saves most copies.
	checkpointPages = 128 << 20 / pageSize
	busyTimeout     = 10 * time.Second // for other programs that hold the file
)

// Open opens or creates the database file at path. Commits are durable. A second
// process is refused, because the caches of the first would not see its writes.
func Open(path string, o Options) (*store.DB, error) {
	setDefault(&o.CacheBytes, 64<<20)
	setDefault(&o.ReaderCacheBytes, 8<<20)
	setDefault(&o.Readers, 32)
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return nil, touchstone.Wrap(touchstone.Unavailable, err, "cannot make the folder of the store %s", path)
	}
	files, err := fileSystem(o.Key)
	if err != nil {
		return nil, err
	}
	lock, err := filelock.Lock(path+".lock", "store")
	if err != nil {
		return nil, err
	}
	writer := open(path, files, "immediate", []string{
		"page_size(" + strconv.Itoa(pageSize) + ")",
		"journal_mode(WAL)",
		"synchronous(FULL)",
		"foreign_keys(1)",
		"wal_autocheckpoint(" + strconv.Itoa(checkpointPages) + ")",
		"journal_size_limit(" + strconv.Itoa(2*checkpointPages*pageSize) + ")",
		"cache_size(" + kibibytes(o.CacheBytes) + ")",
		"temp_store(MEMORY)", // a statement of many rows keeps a journal for itself
	})
	limit(writer, 1, 1)
	reader := open(path, files, "deferred", []string{
		"foreign_keys(1)",
		"cache_size(" + kibibytes(o.ReaderCacheBytes) + ")",
		"query_only(1)",
	})
	limit(reader, o.Readers, idleReaders)
	closeAll := func() error {
		return errors.Join(reader.Close(), writer.Close(), lock.Close())
	}
	if err := check(writer); err != nil {
		closeAll()
		return nil, touchstone.Wrap(touchstone.Unavailable, err, "cannot open the store %s", path).
			WithHint("check that the file is a Touchstone store, that this user may write to its folder, and that it is not encrypted with another key")
	}
	return store.New(store.Backend{
		Dialect: store.SQLite, Writer: writer, Reader: reader,
		Size:     func(context.Context) (int64, error) { return size(path) },
		Snapshot: func(ctx context.Context, to string) error { return snapshot(ctx, path, files, to) },
		Close:    closeAll, Register: o.Register,
	}), nil
}

func setDefault[T int | int64](v *T, def T) {
	if *v <= 0 {
		*v = def
	}
}

func kibibytes(n int64) string { return strconv.FormatInt(-max(n>>10, 64), 10) }

// fileSystem names the one of SQLite's that encrypts with a key; empty: the system's own.
func fileSystem(key []byte) (string, error) {
	if key == nil {
		return "", nil
	}
	return sealed.Register(key)
}

// address is a database's, with settings of the driver.
func address(path, files string, settings url.Values) string {
	if files != "" {
		settings.Set("vfs", files)
	}
	dsn := url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: settings.Encode()}
	return dsn.String()
}

func open(path, files, begin string, pragmas []string) *sql.DB {
	dsn := address(path, files, url.Values{
		"_txlock": {begin},
		"_mutex":  {"no"}, // database/sql gives a connection to one goroutine at a time
	})
	busy := "busy_timeout(" + strconv.FormatInt(busyTimeout.Milliseconds(), 10) + ")"
	return sql.OpenDB(&connector{dsn: dsn, pragmas: append([]string{busy}, pragmas...)})
}

func limit(db *sql.DB, open, idle int) {
	db.SetMaxOpenConns(open)
	db.SetMaxIdleConns(idle) // their caches and statements are worth keeping
	db.SetConnMaxIdleTime(0)
	db.SetConnMaxLifetime(0)
}

// check opens the first connection, which makes the file, and sees that writes last.
func check(db *sql.DB) error {
	var mode string
	if err := db.QueryRow("PRAGMA journal_mode").Scan(&mode); err != nil {
		return err
	}
	if mode != "wal" {
		return fmt.Errorf("journal mode is %q: the file system does not support write-ahead logging", mode)
	}
	return nil
}

// snapshot copies the database, compacted, to a new file. It reads at one moment and on a
// connection of its own, so that updates and the readers' caches are not touched; the
// write-ahead log cannot shrink meanwhile.
// The copy is encrypted as the database is.
func snapshot(ctx context.Context, path, files, to string) error {
	db := open(path, files, "deferred", nil)
	defer db.Close()
	_, err := db.ExecContext(ctx, "VACUUM INTO ?", to)
	return err
}

func size(path string) (int64, error) {
	var n int64
	for _, suffix := range []string{"", "-wal"} {
		info, err := os.Stat(path + suffix)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return 0, err
		}
		n += info.Size()
	}
	return n, nil
}
