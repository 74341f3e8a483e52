package app

import (
	"archive/zip"
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
	"github.com/touchstone-cdp/touchstone/internal/vault"
)

// deleteUploads deletes files that name somebody, packed ones, too. One that is packed and cannot be
// read is deleted as well: nobody can tell what it says.
func deleteUploads(ctx context.Context, dir string, key *vault.Key, values []string) (n int, err error) {
	m := newMatcher(values)
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || d.IsDir() {
			return errors.Join(err, ctx.Err())
		}
		names, err := uploadNames(path, key, m)
		if err != nil || !names {
			return err
		}
		n++
		return os.Remove(path)
	})
	return n, err
}

// sized is a file that is read anywhere.
type sized interface {
	io.ReadCloser
	io.ReaderAt
}

// openSized opens a file, which is encrypted if there is a key, and tells the size of what it says.
func openSized(path string, key *vault.Key) (sized, int64, error) {
	if key != nil {
		f, err := vault.Open(path, key, os.O_RDONLY, 0)
		if err != nil {
			return nil, 0, err
		}
		return f, f.Size(), nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, info.Size(), nil
}

// mostUnpacking is how many packings may lie in each other.
const mostUnpacking = 3

// uploadNames tells whether a file names somebody, as it is or unpacked.
func uploadNames(path string, key *vault.Key, m *matcher) (bool, error) {
	found, err := searchFile(path, key, m)
	if err != nil || len(found) > 0 {
		return len(found) > 0, err
	}
	f, size, err := openSized(path, key)
	if err != nil {
		return false, err
	}
	defer f.Close()
	head := make([]byte, 4)
	if _, err := f.ReadAt(head, 0); err != nil { // shorter than any packed file
		return false, nil //nolint:nilerr // see above
	}
	switch {
	case bytes.Equal(head, []byte("PK\x03\x04")):
		return zipNames(f, size, m), nil
	case bytes.Equal(head, []byte("PAR1")):
		return parquetNames(f, size, m), nil
	}
	names, err := unpackedNames(f, m, mostUnpacking)
	return names || err != nil, nil //nolint:nilerr // what cannot be read is deleted
}

// unpackedNames searches what is packed with gzip or zstd.
func unpackedNames(r io.Reader, m *matcher, deep int) (bool, error) {
	in := bufio.NewReader(r)
	head, _ := in.Peek(4)
	switch {
	case deep == 0:
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(in)
		if err != nil {
			return false, err
		}
		return unpackedNames(z, m, deep-1)
	case bytes.Equal(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, err := zstd.NewReader(in)
		if err != nil {
			return false, err
		}
		defer z.Close()
		return unpackedNames(z, m, deep-1)
	}
	found, err := searchIn(whole{in}, m)
	return len(found) > 0, err
}

// whole makes an error of what ends too early, which is otherwise taken for the end.
type whole struct{ r io.Reader }

func (w whole) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("the file is cut off")
	}
	return n, err
}

// zipNames searches the parts of a zip file, as a workbook is one.
func zipNames(f io.ReaderAt, size int64, m *matcher) bool {
	z, err := zip.NewReader(f, size)
	if err != nil {
		return true
	}
	for _, part := range z.File {
		r, err := part.Open()
		if err != nil {
			return true
		}
		names, err := unpackedNames(r, m, mostUnpacking-1)
		if errors.Join(err, r.Close()) != nil || names {
			return true
		}
	}
	return false
}

// parquetNames searches the values of all columns.
func parquetNames(f io.ReaderAt, size int64, m *matcher) (names bool) {
	defer func() {
		if recover() != nil { // the library panics at some damaged files
			names = true
		}
	}()
	file, err := parquet.OpenFile(f, size)
	if err != nil {
		return true
	}
	times := map[string]int{}
	for _, group := range file.RowGroups() {
		for _, column := range group.ColumnChunks() {
			pages := column.Pages()
			err := eachValue(pages, func(v parquet.Value) { m.count([]byte(v.String()), times) })
			if errors.Join(err, pages.Close()) != nil || len(times) > 0 {
				return true
			}
		}
	}
	return false
}

func eachValue(pages parquet.Pages, fn func(v parquet.Value)) error {
	buf := make([]parquet.Value, 512)
	for {
		page, err := pages.ReadPage()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for values := page.Values(); ; {
			n, err := values.ReadValues(buf)
			for _, v := range buf[:n] {
				fn(v)
			}
			if errors.Is(err, io.EOF) || n == 0 && err == nil {
				break
			}
			if err != nil {
				return err
			}
		}
		parquet.Release(page)
	}
}
