package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"

	"github.com/touchstone-cdp/touchstone/store/sqlite/sealed"
)

// Pack writes a database that nobody has open anew, so that nothing is left in free pages and in the
// write-ahead log of what was deleted. SQLite does it in a transaction: a kill leaves it as it was or
// packed. It returns the bytes before and after; a file that is not there is left so.
func Pack(ctx context.Context, path string, key []byte) (before, after int64, err error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, 0, nil
	}
	if err != nil {
		return 0, 0, err
	}
	before = info.Size()
	files, err := fileSystem(key)
	if err != nil {
		return before, 0, err
	}
	db, err := sql.Open("sqlite3", address(path, files, url.Values{}))
	if err != nil {
		return before, 0, err
	}
	db.SetMaxOpenConns(1) // the settings hold for a connection
	defer db.Close()
	for _, statement := range []string{"PRAGMA wal_checkpoint(TRUNCATE)", "PRAGMA secure_delete = ON", "VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"} {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return before, 0, fmt.Errorf("%s: %w", statement, coded(err))
		}
	}
	if err := db.Close(); err != nil {
		return before, 0, err
	}
	if info, err = os.Stat(path); err != nil {
		return before, 0, err
	}
	return before, info.Size(), nil
}

// Copy copies a database that nobody has open into a new file, compacted, each with its own key or none.
func Copy(ctx context.Context, from string, fromKey []byte, to string, toKey []byte) error {
	source, err := fileSystem(fromKey)
	if err != nil {
		return err
	}
	target, err := fileSystem(toKey)
	if err != nil {
		return err
	}
	db, err := sql.Open("sqlite3", address(from, source, url.Values{}))
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1)
	defer db.Close()
	if target == "" {
		target = "unix" // otherwise it would be that of the source
	}
	if _, err := db.ExecContext(ctx, "VACUUM INTO ?", address(to, target, url.Values{})); err != nil {
		return fmt.Errorf("copy the store: %w", coded(err))
	}
	return db.Close()
}

// Read calls fn with the bytes of a database that nobody has open, decrypted, free space and write-ahead log included.
// Runs of them follow one another in a file.
func Read(path string, key []byte, fn func(file string, at int64, part []byte) error) error {
	return sealed.Read(path, key, fn)
}
