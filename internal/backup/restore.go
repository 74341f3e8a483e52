package backup

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/touchstone-cdp/touchstone"
)

// unfinished is the folder, inside a data folder, that a restore fills. It goes when all is
// in place, so that a restore that was cut short can be told.
const unfinished = "restoring"

// Copying is the file that says of a folder that a copy of another one into it has not finished.
const Copying = "copying"

// CheckFinished refuses a data folder that a restore, or a copy, has not finished.
func CheckFinished(data string) error {
	if _, err := os.Lstat(filepath.Join(data, Copying)); err == nil {
		return touchstone.Errorf(touchstone.Conflict, "a copy into %s has not finished", data).
			WithHint("run touchstone encryption copy again: it begins anew")
	}
	if _, err := os.Stat(filepath.Join(data, unfinished)); err != nil {
		return nil //nolint:nilerr // most folders have none
	}
	return touchstone.Errorf(touchstone.Conflict, "a restore into %s has not finished", data).
		WithHint("empty the folder and run touchstone restore again")
}

// Verify reads a backup, a folder or a tar file, to its end and compares every file with the
// manifest.
func Verify(ctx context.Context, from string, reads map[string]int64) (*Manifest, error) {
	return each(ctx, from, reads, func(File) (io.WriteCloser, error) { return nopCloser{io.Discard}, nil })
}

// maxPeekBytes bounds a file that [Peek] reads.
const maxPeekBytes = 1 << 20

// Peek returns one small file of a backup, or nil if it has none of that path, before anything is copied. It compares the file
// with its line of the manifest, and looks at no other.
func Peek(ctx context.Context, from string, reads map[string]int64, path string) ([]byte, error) {
	info, err := os.Stat(from)
	if err != nil {
		return nil, touchstone.Wrap(touchstone.Invalid, err, "the backup %s cannot be read", from)
	}
	if info.IsDir() {
		m, err := readManifest(from, reads)
		if err != nil {
			return nil, err
		}
		f := m.file(path)
		if f == nil {
			return nil, nil
		}
		src, err := os.Open(filepath.Join(from, filepath.FromSlash(path)))
		if err != nil {
			return nil, damaged("the file %s cannot be read: %v", path, err)
		}
		defer src.Close()
		return small(ctx, *f, src)
	}
	archive, m, closed, err := openArchive(from, reads)
	if err != nil {
		return nil, err
	}
	defer closed()
	f := m.file(path)
	if f == nil {
		return nil, nil
	}
	for {
		head, err := archive.Next() // passes over what is between
		if err != nil {
			return nil, damaged("before the file %s: %v", path, err)
		}
		if head.Name == path {
			return small(ctx, *f, archive)
		}
	}
}

func small(ctx context.Context, f File, src io.Reader) ([]byte, error) {
	if f.Bytes > maxPeekBytes {
		return nil, damaged("the file %s is too large: %d bytes", f.Path, f.Bytes)
	}
	text := bytes.NewBuffer(make([]byte, 0, f.Bytes))
	err := pass(ctx, f, src, func(File) (io.WriteCloser, error) { return nopCloser{text}, nil })
	return text.Bytes(), err
}

// Restore makes the data folder at data of a backup. The folder must be empty or not exist;
// nothing is in its place before all has been checked.
func Restore(ctx context.Context, from, data string, reads map[string]int64) (*Manifest, error) {
	if err := CheckFinished(data); err != nil {
		return nil, err
	}
	if entries, err := os.ReadDir(data); err == nil && slices.ContainsFunc(entries, func(e os.DirEntry) bool { return e.Name() != "lost+found" }) {
		return nil, touchstone.Errorf(touchstone.Conflict, "%s is not empty", data).
			WithHint("name a new folder with --data, or move what is there away first: a restore never writes over data")
	} else if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, touchstone.Wrap(touchstone.Invalid, err, "%s cannot be used as a data folder", data)
	}
	room := filepath.Join(data, unfinished)
	if err := os.MkdirAll(room, 0o750); err != nil {
		return nil, touchstone.Wrap(touchstone.Invalid, err, "the data folder %s cannot be made", data)
	}
	m, err := each(ctx, from, reads, func(f File) (io.WriteCloser, error) {
		path := filepath.Join(room, filepath.FromSlash(f.Path))
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			return nil, err
		}
		file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		return syncedFile{file}, err
	})
	if err == nil {
		err = putInPlace(room, data)
	}
	if err != nil {
		return nil, errors.Join(explain(err, room), os.RemoveAll(room))
	}
	return m, nil
}

// putInPlace moves what was restored up into the data folder.
func putInPlace(room, data string) error {
	if err := syncTree(room); err != nil {
		return err
	}
	entries, err := os.ReadDir(room)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := os.Rename(filepath.Join(room, e.Name()), filepath.Join(data, e.Name())); err != nil {
			return err
		}
	}
	if err := syncDir(data); err != nil { // before the mark goes
		return err
	}
	if err := os.Remove(room); err != nil {
		return err
	}
	return syncDir(data)
}

// each calls open for every file of a backup, writes it there, and compares it.
func each(ctx context.Context, from string, reads map[string]int64, open func(File) (io.WriteCloser, error)) (*Manifest, error) {
	info, err := os.Stat(from)
	if err != nil {
		return nil, touchstone.Wrap(touchstone.Invalid, err, "the backup %s cannot be read", from)
	}
	if !info.IsDir() {
		return eachOfArchive(ctx, from, reads, open)
	}
	m, err := readManifest(from, reads)
	if err != nil {
		return nil, err
	}
	for _, f := range m.Files {
		src, err := os.Open(filepath.Join(from, filepath.FromSlash(f.Path)))
		if errors.Is(err, os.ErrNotExist) {
			return nil, damaged("the file %s is missing", f.Path)
		} else if err != nil {
			return nil, err
		}
		err = pass(ctx, f, src, open)
		src.Close()
		if err != nil {
			return nil, err
		}
	}
	return m, nil
}

func eachOfArchive(ctx context.Context, from string, reads map[string]int64, open func(File) (io.WriteCloser, error)) (*Manifest, error) {
	archive, m, closed, err := openArchive(from, reads)
	if err != nil {
		return nil, err
	}
	defer closed()
	for _, f := range m.Files { // they are in this order
		head, err := archive.Next()
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, damaged("it ends before the file %s", f.Path)
		} else if err != nil {
			return nil, damaged("before the file %s: %v", f.Path, err)
		}
		if head.Name != f.Path {
			return nil, damaged("the file %s stands where %s should", head.Name, f.Path)
		}
		if err := pass(ctx, f, archive, open); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// openArchive opens a tar file behind its manifest. Whoever has read what they want calls closed.
func openArchive(from string, reads map[string]int64) (archive *tar.Reader, m *Manifest, closed func() error, err error) {
	file, err := os.Open(from)
	if err != nil {
		return nil, nil, nil, err
	}
	archive = tar.NewReader(file)
	if m, err = manifestOf(archive, from, reads); err != nil {
		return nil, nil, nil, errors.Join(err, file.Close())
	}
	return archive, m, file.Close, nil
}

// manifestOf reads the manifest, which is the first file of an archive.
func manifestOf(archive *tar.Reader, from string, reads map[string]int64) (*Manifest, error) {
	head, err := archive.Next()
	if err != nil || head.Name != ManifestName || head.Size > maxManifestBytes {
		return nil, touchstone.Errorf(touchstone.Invalid, "%s is no backup: it does not begin with a %s", from, ManifestName)
	}
	text, err := io.ReadAll(archive)
	if err != nil {
		return nil, damaged("%v", err)
	}
	return parseManifest(text, reads)
}

// pass writes a file to where open says and compares it with its line of the manifest.
func pass(ctx context.Context, f File, src io.Reader, open func(File) (io.WriteCloser, error)) error {
	dst, err := open(f)
	if err != nil {
		return err
	}
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(dst, sum), untilDone{ctx, io.LimitReader(src, f.Bytes+1)})
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = damaged("it ends within the file %s", f.Path)
	}
	if closed := dst.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	if has := hex.EncodeToString(sum.Sum(nil)); n != f.Bytes || !strings.EqualFold(has, f.SHA256) {
		return damaged("the file %s is not what was written (%d bytes, sha256 %.12s…; the manifest says %d, %.12s…)", f.Path, n, has, f.Bytes, f.SHA256)
	}
	return nil
}

// untilDone ends reading with its context.
type untilDone struct {
	ctx context.Context
	io.Reader
}

func (r untilDone) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(b)
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

// syncedFile is flushed before it is closed.
type syncedFile struct{ *os.File }

func (f syncedFile) Close() error { return errors.Join(f.File.Sync(), f.File.Close()) }

// Archive writes the backup in a folder as one tar file, the manifest first.
func Archive(ctx context.Context, dir string, out io.Writer) error {
	m, err := readManifest(dir, nil)
	if err != nil {
		return err
	}
	archive := tar.NewWriter(out)
	for _, name := range append([]string{ManifestName}, m.names()...) {
		if err := addToArchive(ctx, archive, dir, name); err != nil {
			return fmt.Errorf("put %s into the archive: %w", name, err)
		}
	}
	return archive.Close()
}

func (m *Manifest) names() (names []string) {
	for _, f := range m.Files {
		names = append(names, f.Path)
	}
	return names
}

func addToArchive(ctx context.Context, archive *tar.Writer, dir, name string) error {
	f, err := os.Open(filepath.Join(dir, filepath.FromSlash(name)))
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := archive.WriteHeader(&tar.Header{Name: name, Mode: fileMode, Size: info.Size(), ModTime: info.ModTime().Truncate(time.Second)}); err != nil {
		return err
	}
	_, err = io.Copy(archive, untilDone{ctx, f})
	return err
}
