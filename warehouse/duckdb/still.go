package duckdb

import (
	"context"
	"io"
	"os"
	"path/filepath"
)

// StillFile is a file of a warehouse that nothing writes to for a while.
type StillFile struct {
	Name    string
	Size    int64
	Content io.Reader
}

// Still calls fn with the files of the warehouse while nothing writes to them: copied then,
// they are the warehouse as the last Append has left it. Appends wait for fn; questions do not.
//
// The file is read through what this process has open: closing it once more would drop the
// lock on it; see shareLock.
func (w *Warehouse) Still(ctx context.Context, fn func(files []StillFile) error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return errClosed()
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	size := fileSize(w.path)
	files := []StillFile{{filepath.Base(w.path), size, io.NewSectionReader(w.shared, 0, size)}}
	log, err := os.Open(w.path + ".wal")
	if err == nil {
		defer log.Close()
		size := fileSize(w.path + ".wal")
		files = append(files, StillFile{filepath.Base(w.path) + ".wal", size, io.NewSectionReader(log, 0, size)})
	} else if !os.IsNotExist(err) {
		return err
	}
	return fn(files)
}

// SchemaVersion is that of the tables, which are a file's after it was opened.
func SchemaVersion() int64 { return int64(len(steps)) }
