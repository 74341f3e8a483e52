package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// Pack writes a database that nobody has open anew, so that nothing is left in free pages and in the
// write-ahead log of what was deleted. SQLite does it in a transaction: a kill leaves it as it was or
// packed. It returns the bytes before and after; a file that is not there is left so.
func Pack(ctx context.Context, path string) (before, after int64, err error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, 0, nil
	}
	if err != nil {
		return 0, 0, err
	}
	before = info.Size()
	db, err := sql.Open("sqlite3", path)
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
