package vault

import (
	"bytes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sort"
	"sync/atomic"

	"golang.org/x/crypto/chacha20poly1305"
	"golang.org/x/sys/unix"

	"github.com/touchstone-cdp/touchstone"
)

// The form of a file:
//
//	"TSSEAL1\n" id:16, then runs: length:4 nonce:24 text:length tag:16
//
// Each file has a key of its own, made of the key and its id, and each run names its place in the
// text, so no run can be moved to another place or file. Runs are only ever added at the end, and taken
// away from there: what was synced once is never written again, and a run that a crash has cut off is
// no part of the file. That the file ends where it should is for its user to know.
const (
	magic    = "TSSEAL1\n"
	headSize = len(magic) + 16
	runHead  = 4 + chacha20poly1305.NonceSizeX
	overhead = runHead + chacha20poly1305.Overhead
	mostRun  = 64 << 10
)

// File is a file that is written at its end and read anywhere: encrypted, or, without a key, in the
// clear. It is used by one goroutine at a time, but for ReadAt.
type File struct {
	f    *os.File
	aead cipher.AEAD // nil: in the clear
	runs []run
	size int64 // of the text
	// appends says that the system finds the end, as several processes may write.
	appends bool
	// tail is what was written and makes no whole run yet.
	tail []byte
	at   int64 // of Read
	// latest is the run that was read last: reads are mostly small and one after the other.
	latest atomic.Pointer[opened]
}

type opened struct {
	run
	content []byte
}

type run struct {
	text  int64 // where it begins in the text
	place int64 // and in the file
	n     int
}

// Open opens a file as [os.OpenFile] does; one that is made is encrypted if there is a key, and with O_APPEND others wait until it is closed. A file in the clear is refused where
// there is a key, and one that is encrypted where there is none.
func Open(path string, key *Key, flag int, mode fs.FileMode) (_ *File, err error) {
	if flag&os.O_WRONLY != 0 {
		flag = flag&^os.O_WRONLY | os.O_RDWR // the runs that are there must be read
	}
	appends := flag&os.O_APPEND != 0
	if key != nil {
		flag &^= os.O_APPEND
	}
	f, err := os.OpenFile(path, flag, mode)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	if appends && key != nil { // until it is closed
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil { //nolint:gosec // a descriptor
			return nil, err
		}
	}
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if key == nil && !info.Mode().IsRegular() {
		return &File{f: f}, nil
	}
	head := make([]byte, headSize)
	n, err := f.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	sealed := n == headSize && bytes.HasPrefix(head, []byte(magic))
	switch {
	case sealed && key == nil:
		return nil, touchstone.Errorf(touchstone.Invalid, "%s is encrypted, and no key was given", path).WithHint("name the key file with --encryption-key-file (encryption.key_file)")
	case key == nil:
		return &File{f: f, size: info.Size(), appends: appends}, nil
	case !sealed && n > 0 && !(n < headSize && bytes.HasPrefix([]byte(magic), head[:min(n, len(magic))])):
		return nil, touchstone.Errorf(touchstone.Invalid, "%s is not encrypted, and the data folder is", path).WithHint("delete it, or bring it in by making a copy of the folder that it comes from: touchstone encryption copy")
	case !sealed && flag&os.O_RDWR != 0: // new, or cut off while it was made
		copy(head, magic)
		_, _ = rand.Read(head[len(magic):])
		if err := f.Truncate(0); err != nil {
			return nil, err
		}
		if _, err := f.WriteAt(head, 0); err != nil {
			return nil, err
		}
	case !sealed:
		return &File{f: f}, nil
	}
	s := &File{f: f}
	if s.aead, err = chacha20poly1305.NewX(key.derive(head[len(magic):], "file", chacha20poly1305.KeySize)); err != nil {
		return nil, err
	}
	return s, s.index()
}

// index finds the runs. A last one that is not whole is left out.
func (s *File) index() error {
	info, err := s.f.Stat()
	if err != nil {
		return err
	}
	var head [4]byte
	for at := int64(headSize); at+overhead <= info.Size(); {
		if _, err := s.f.ReadAt(head[:], at); err != nil {
			return err
		}
		n := int64(binary.LittleEndian.Uint32(head[:]))
		if n == 0 || n > mostRun {
			return damaged(s.f.Name())
		}
		if at+overhead+n > info.Size() {
			break
		}
		s.runs = append(s.runs, run{s.size, at, int(n)})
		s.size, at = s.size+n, at+overhead+n
	}
	return nil
}

func damaged(path string) error {
	return touchstone.Errorf(touchstone.Unavailable, "%s is damaged, or was encrypted with another key", path)
}

// Size is that of the text.
func (s *File) Size() int64 { return s.size + int64(len(s.tail)) }

// Name is the path that it was opened under.
func (s *File) Name() string { return s.f.Name() }

// Settle hands what waits to the system, so that others who open the file see it.
func (s *File) Settle() error {
	if s.aead == nil {
		return nil
	}
	return s.seal()
}

// Stat tells of the file as it is stored: its size is not that of the text.
func (s *File) Stat() (fs.FileInfo, error) { return s.f.Stat() }

// Write adds to the end. What makes no whole run waits for more, for Sync or for Close.
func (s *File) Write(b []byte) (n int, err error) {
	if s.appends {
		n, err := s.f.Write(b)
		s.size += int64(n)
		return n, err
	}
	if s.aead == nil {
		n, err := s.f.WriteAt(b, s.size)
		s.size += int64(n)
		return n, err
	}
	for len(b) > 0 {
		some := b[:min(len(b), mostRun-len(s.tail))]
		s.tail = append(s.tail, some...)
		if len(s.tail) == mostRun {
			if err := s.seal(); err != nil {
				return n, err
			}
		}
		n, b = n+len(some), b[len(some):]
	}
	return n, nil
}

// end is where the next run begins in the file.
func (s *File) end() int64 {
	if len(s.runs) == 0 {
		return int64(headSize)
	}
	last := s.runs[len(s.runs)-1]
	return last.place + overhead + int64(last.n)
}

// seal writes what waits as a run.
func (s *File) seal() error {
	if len(s.tail) == 0 {
		return nil
	}
	out := make([]byte, runHead, overhead+len(s.tail))
	binary.LittleEndian.PutUint32(out, uint32(len(s.tail))) //nolint:gosec // bounded by mostRun
	_, _ = rand.Read(out[4:])
	out = s.aead.Seal(out, out[4:runHead], s.tail, place(s.size))
	at := s.end()
	if _, err := s.f.WriteAt(out, at); err != nil {
		return errors.Join(err, s.f.Truncate(at))
	}
	s.runs = append(s.runs, run{s.size, at, len(s.tail)})
	s.size += int64(len(s.tail))
	s.tail = s.tail[:0]
	return nil
}

func place(at int64) []byte { return binary.LittleEndian.AppendUint64(nil, uint64(at)) } //nolint:gosec // not negative

// Truncate takes away what is behind the first n bytes of the text. In an encrypted file that is a size at which
// it was synced once: another is refused.
func (s *File) Truncate(n int64) error {
	if s.aead == nil {
		s.size = n
		return s.f.Truncate(n)
	}
	if n > s.size {
		return s.cutTail(n)
	}
	i := sort.Search(len(s.runs), func(i int) bool { return s.runs[i].text >= n })
	if n != s.size && (i == len(s.runs) || s.runs[i].text != n) {
		return fmt.Errorf("%s was never synced at %d bytes", s.f.Name(), n)
	}
	s.tail = s.tail[:0]
	s.runs, s.size = s.runs[:i], n
	s.latest.Store(nil)          // another run may come to its place
	return s.f.Truncate(s.end()) // also what a crash has left behind the last run
}

func (s *File) cutTail(n int64) error {
	if n > s.Size() {
		return fmt.Errorf("%s has %d bytes, not %d", s.f.Name(), s.Size(), n)
	}
	s.tail = s.tail[:n-s.size]
	return nil
}

// ReadAt reads what was synced.
func (s *File) ReadAt(b []byte, at int64) (n int, err error) {
	if s.aead == nil {
		return s.f.ReadAt(b, at)
	}
	for n < len(b) {
		i := sort.Search(len(s.runs), func(i int) bool { return s.runs[i].text+int64(s.runs[i].n) > at })
		if i == len(s.runs) {
			return n, io.EOF
		}
		text, err := s.open(s.runs[i])
		if err != nil {
			return n, err
		}
		done := copy(b[n:], text[at-s.runs[i].text:])
		n, at = n+done, at+int64(done)
	}
	return n, nil
}

func (s *File) open(r run) ([]byte, error) {
	if last := s.latest.Load(); last != nil && last.run == r {
		return last.content, nil
	}
	stored := make([]byte, overhead+r.n)
	if _, err := s.f.ReadAt(stored, r.place); err != nil {
		return nil, err
	}
	text, err := s.aead.Open(stored[runHead:runHead], stored[4:runHead], stored[runHead:], place(r.text))
	if err != nil {
		return nil, damaged(s.f.Name())
	}
	s.latest.Store(&opened{r, text})
	return text, nil
}

// Read reads on from where it, or Seek, has come to.
func (s *File) Read(b []byte) (int, error) {
	if s.aead != nil && len(b) > mostRun {
		b = b[:mostRun]
	}
	n, err := s.ReadAt(b, s.at)
	s.at += int64(n)
	if n > 0 && errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}

// Seek sets where Read goes on.
func (s *File) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += s.at
	case io.SeekEnd:
		offset += s.Size()
	}
	if offset < 0 {
		return 0, errors.New("seek before the beginning")
	}
	s.at = offset
	return offset, nil
}

// Sync has the disk keep all that was written.
func (s *File) Sync() error {
	if s.aead != nil {
		if err := s.seal(); err != nil {
			return err
		}
	}
	return s.f.Sync()
}

// Close writes what waits and closes the file.
func (s *File) Close() error {
	var err error
	if s.aead != nil {
		err = s.seal()
	}
	return errors.Join(err, s.f.Close())
}

// ReadFile reads a whole file.
func ReadFile(path string, key *Key) ([]byte, error) {
	f, err := Open(path, key, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}

// WriteFile writes a whole file, under another name until it is whole.
func WriteFile(path string, key *Key, text []byte, mode fs.FileMode) error {
	temp := path + ".new"
	f, err := Open(temp, key, os.O_RDWR|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Sync(), f.Close(), os.Rename(temp, path))
}

// Sealed reports whether a file is encrypted in this package's form.
func Sealed(path string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	head := make([]byte, len(magic))
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return false, err
	}
	return n == len(head) && string(head) == magic, nil
}
