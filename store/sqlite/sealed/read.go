package sealed

// #include "vfs.h"
// enum { KIND_DATABASE = 0, KIND_WAL = 1, KIND_OTHER = 2 };
import "C"

import (
	"crypto/aes"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"

	"golang.org/x/crypto/xts"
)

// Read calls fn with every byte of a database and of its write-ahead log, decrypted, in runs of some
// megabytes that follow one another. Nobody may have it open. Files that are not there are passed over.
func Read(path string, key []byte, fn func(file string, at int64, part []byte) error) error {
	c, err := xts.NewCipher(aes.NewCipher, key)
	if err != nil {
		return err
	}
	for _, one := range []struct {
		path string
		kind int
	}{{path, C.KIND_DATABASE}, {path + "-wal", C.KIND_WAL}} {
		err := readFile(c, one.path, one.kind, func(at int64, part []byte) error { return fn(one.path, at, part) })
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func readFile(c *xts.Cipher, path string, kind int, fn func(at int64, part []byte) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	page, run := 0, int64(1024*sector)
	at := int64(0)
	if kind == C.KIND_WAL {
		head := make([]byte, walHeader)
		if _, err := io.ReadFull(f, head); err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				return nil // nothing has been written to it
			}
			return err
		}
		if page = int(binary.BigEndian.Uint32(head[8:])); !validPage(kind, page) {
			return errors.New("the write-ahead log of the store is none")
		}
		at, run = walHeader, int64(512*(frameHeader+page))
	}
	buf := make([]byte, run)
	for {
		n, err := io.ReadFull(f, buf)
		crypt(c, kind, page, at, buf[:n], false)
		if n > 0 {
			if err := fn(at, buf[:n]); err != nil {
				return err
			}
		}
		at += int64(n)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
