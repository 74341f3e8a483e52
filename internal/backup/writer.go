package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/touchstone-cdp/touchstone"
)

const (
	blockSize  = 1 << 20
	syncBytes  = 32 << 20 // written between two flushes, so that none is so large that others wait for it
	folderMode = 0o700    // a backup holds everything that is known of people
	fileMode   = 0o600
)

// Writer fills a backup's folder.
type Writer struct {
	dir      string
	rate     int64 // bytes a second at most; 0: no limit
	minFree  int64 // bytes that stay free on the disk
	manifest Manifest
	done     atomic.Int64
	step     atomic.Pointer[string]
	began    time.Time
	unsynced int64
}

// Step says what is being copied, for those who watch.
func (w *Writer) Step(name string) { w.step.Store(&name) }

// Format notes the version of something that the backup holds.
func (w *Writer) Format(what string, version int64) { w.manifest.Formats[what] = version }

// Path returns where a file of the backup is written, for those who write it themselves;
// see Add.
func (w *Writer) Path(name string) (string, error) {
	path := filepath.Join(w.dir, filepath.FromSlash(name))
	return path, os.MkdirAll(filepath.Dir(path), folderMode)
}

// Copy copies the file at from, as long as it is now, as the data folder's file name.
func (w *Writer) Copy(ctx context.Context, name, from string) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	info, err := src.Stat()
	if err != nil {
		return err
	}
	return w.CopyFrom(ctx, name, src, info.Size())
}

// CopyFrom copies size bytes as the data folder's file name.
func (w *Writer) CopyFrom(ctx context.Context, name string, src io.Reader, size int64) error {
	path, err := w.Path(name)
	if err != nil {
		return err
	}
	dst, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, fileMode)
	if err != nil {
		return explain(err, path)
	}
	sum := sha256.New()
	n, err := w.pump(ctx, dst, sum, io.LimitReader(src, size))
	if err == nil && n != size {
		err = fmt.Errorf("%s has %d bytes, not %d", name, n, size)
	}
	if err == nil {
		err = dst.Sync()
	}
	if closed := dst.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return explain(err, path)
	}
	w.note(name, n, sum)
	return nil
}

// Add takes in a file that was written to Path(name).
func (w *Writer) Add(ctx context.Context, name string) error {
	path, err := w.Path(name)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Chmod(fileMode); err != nil {
		return err
	}
	sum := sha256.New()
	n, err := w.pump(ctx, nil, sum, f)
	if err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return explain(err, path)
	}
	w.note(name, n, sum)
	return nil
}

func (w *Writer) note(name string, n int64, sum hash.Hash) {
	w.manifest.Files = append(w.manifest.Files, File{name, n, hex.EncodeToString(sum.Sum(nil))})
}

// pump moves src to dst (nil: nowhere) and into sum, no faster than it may.
func (w *Writer) pump(ctx context.Context, dst *os.File, sum hash.Hash, src io.Reader) (total int64, err error) {
	block := make([]byte, blockSize)
	for {
		if err := ctx.Err(); err != nil {
			return total, err
		}
		n, err := io.ReadFull(src, block)
		sum.Write(block[:n])
		if dst != nil && n > 0 {
			if err := w.write(dst, block[:n]); err != nil {
				return total, err
			}
		}
		total += int64(n)
		w.pace(ctx, w.done.Add(int64(n)))
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return total, nil
		case err != nil:
			return total, err
		}
	}
}

func (w *Writer) write(dst *os.File, block []byte) error {
	if _, err := dst.Write(block); err != nil {
		return err
	}
	if w.unsynced += int64(len(block)); w.unsynced < syncBytes {
		return nil
	}
	w.unsynced = 0
	if err := dst.Sync(); err != nil {
		return err
	}
	return w.room(0)
}

// pace waits until done bytes may have been copied.
func (w *Writer) pace(ctx context.Context, done int64) {
	if w.rate <= 0 {
		return
	}
	due := w.began.Add(time.Duration(float64(done) / float64(w.rate) * float64(time.Second)))
	if wait := time.Until(due); wait > time.Millisecond {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
	}
}

// room refuses to leave less than minFree after need bytes more.
func (w *Writer) room(need int64) error {
	if w.minFree < 0 {
		return nil
	}
	var st syscall.Statfs_t
	if err := syscall.Statfs(w.dir, &st); err != nil {
		return fmt.Errorf("measure the disk of %s: %w", w.dir, err)
	}
	free := int64(st.Bavail) * st.Bsize //nolint:gosec // far below 2^63
	if free-need >= w.minFree {
		return nil
	}
	e := touchstone.Errorf(touchstone.Unavailable, "the disk of %s has too little space for a backup: %s free, %s of it to stay free", w.dir, sizeText(free), sizeText(w.minFree))
	if need > 0 {
		e = touchstone.Errorf(touchstone.Unavailable, "the disk of %s has too little space for a backup: it takes about %s, %s are free, and %s are to stay free", w.dir, sizeText(need), sizeText(free), sizeText(w.minFree))
	}
	return e.WithHint("free some space, delete older backups, or let backup.folder name another disk")
}

// finish writes the manifest, after which the backup is whole.
func (w *Writer) finish(now time.Time) (*Manifest, error) {
	w.manifest.Finished = now.UTC().Truncate(time.Millisecond)
	w.manifest.SHA256 = w.manifest.sum()
	text, err := json.MarshalIndent(&w.manifest, "", " ")
	if err != nil {
		return nil, err
	}
	path := filepath.Join(w.dir, ManifestName)
	if err := writeSynced(path, text); err != nil {
		return nil, explain(err, path)
	}
	return &w.manifest, syncTree(w.dir)
}

func writeSynced(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, fileMode)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// syncTree makes the names in a folder, in those below it, and its own durable.
func syncTree(root string) error {
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		return syncDir(path)
	})
	if err != nil {
		return err
	}
	return syncDir(filepath.Dir(filepath.Clean(root)))
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// explain tells people about a full disk.
func explain(err error, path string) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG) {
		return touchstone.Wrap(touchstone.Unavailable, err, "the disk of %s is full", filepath.Dir(path)).
			WithHint("free some space and try again: what was written of it has been removed")
	}
	return err
}

func sizeText(n int64) string {
	v, unit := float64(n), "B"
	for _, u := range []string{"KiB", "MiB", "GiB", "TiB"} {
		if v < 1024 {
			break
		}
		v, unit = v/1024, u
	}
	return fmt.Sprintf("%.4g %s", v, unit)
}
