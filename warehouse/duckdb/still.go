package duckdb

import (
	"context"
	"errors"
	"os"
)

// Still calls fn with the files of the warehouse while nothing writes to them: copied then,
// they are the warehouse as the last Append has left it. Appends wait for fn; questions do not.
func (w *Warehouse) Still(ctx context.Context, fn func(files []string) error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return errClosed()
	}
	// With the write-ahead log folded in there is one file, which any program of DuckDB opens.
	// Where the engine cannot do it now, both files together say the same.
	if err := w.writer.conn.exec(ctx, "CHECKPOINT"); err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	var files []string
	for _, path := range []string{w.path, w.path + ".wal"} {
		switch _, err := os.Stat(path); {
		case err == nil:
			files = append(files, path)
		case !errors.Is(err, os.ErrNotExist):
			return err
		}
	}
	return fn(files)
}

// SchemaVersion is that of the tables, which are a file's after it was opened.
func SchemaVersion() int64 { return int64(len(steps)) }
