// Package sealed has SQLite keep its files encrypted: database, write-ahead log, journals and what it
// spills, each whole. It stands between SQLite and the system's files and uses AES-256 in XTS mode, as
// encrypted disks do: a stored byte tells nothing of what it holds, sizes stay, and nothing has to
// be written twice. Like an encrypted disk it keeps secrets and does not show that bytes were changed.
//
// A database is a grid of sectors. Of a write-ahead log the header and the number of each frame's page
// are in the clear, and the rest of a frame is sectors of its own, so no write touches a sector of the frame before
// it, which others may be reading. The file -shm holds numbers of pages only.
package sealed

// #include "vfs.h"
// enum { KIND_DATABASE = 0, KIND_WAL = 1, KIND_OTHER = 2 };
import "C"

import (
	"bytes"
	"crypto/aes"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"unsafe"

	"golang.org/x/crypto/xts"
)

// KeyBytes is how long a key is: two of AES-256.
const KeyBytes = 64

const (
	sector      = 4096
	walHeader   = 32
	frameHeader = 24 // page number and size: 8 bytes in the clear; salt and checksums: 16 encrypted
	frameClear  = 8
)

// mostKeys bounds the file systems of a process: SQLite's own are never taken away again.
const mostKeys = 1024

var registered struct {
	sync.Mutex
	names map[string]string // by the key
	// ciphers are those of files, by the number that C knows.
	ciphers [mostKeys]atomic.Pointer[xts.Cipher]
}

// Register returns the name of a file system of SQLite whose files have a key: what "vfs" names
// in a database's address.
func Register(key []byte) (name string, err error) {
	if len(key) != KeyBytes {
		return "", fmt.Errorf("a key of %d bytes, not of %d", len(key), KeyBytes)
	}
	r := &registered
	r.Lock()
	defer r.Unlock()
	if name, there := r.names[string(key)]; there {
		return name, nil
	}
	if r.names == nil {
		r.names = map[string]string{}
	}
	n := len(r.names)
	if n == mostKeys {
		return "", errors.New("this process has used too many keys")
	}
	c, err := xts.NewCipher(aes.NewCipher, key)
	if err != nil {
		return "", err
	}
	r.ciphers[n].Store(c)
	name = "touchstone-sealed-" + hex.EncodeToString([]byte{byte(n >> 8), byte(n)})
	if rc := C.touchstone_sealed_register(C.CString(name), C.int(n)); rc != 0 { // SQLite keeps the name
		return "", fmt.Errorf("SQLite refuses a file system: %d", int(rc))
	}
	r.names[string(key)] = name
	return name, nil
}

// span is a run of bytes that are encrypted together, or not at all.
type span struct {
	from, to int64
	clear    bool
	tweak    uint64
}

// spanAt returns the span that an offset is in. Tweaks of different kinds of files never meet.
func spanAt(kind, page int, at int64) span {
	if kind != C.KIND_WAL {
		n := at / sector
		return span{from: n * sector, to: (n + 1) * sector, tweak: uint64(n) | uint64(kind)<<60} //nolint:gosec // offsets are positive
	}
	if at < walHeader {
		return span{from: 0, to: walHeader, clear: true}
	}
	frame := (at - walHeader) / int64(frameHeader+page)
	start := walHeader + frame*int64(frameHeader+page)
	data := start + frameHeader
	switch {
	case at < start+frameClear:
		return span{from: start, to: start + frameClear, clear: true}
	case at < data:
		return span{from: start + frameClear, to: data, tweak: uint64(frame) | 1<<63} //nolint:gosec // as above
	}
	size := int64(min(page, sector))
	n := (at - data) / size
	place := frame*(int64(page)/size) + n
	return span{from: data + n*size, to: data + (n+1)*size, tweak: uint64(place) | C.KIND_WAL<<60} //nolint:gosec // as above
}

func validPage(kind, page int) bool {
	return kind != C.KIND_WAL || page >= 512 && page <= 65536 && page&(page-1) == 0
}

//export touchstone_sealed_widen
func touchstone_sealed_widen(kind, page C.int, from, to C.sqlite3_int64, wideFrom, wideTo *C.sqlite3_int64) C.int { //nolint:revive // C's name
	if !validPage(int(kind), int(page)) || to <= from {
		return 1
	}
	*wideFrom = C.sqlite3_int64(spanAt(int(kind), int(page), int64(from)).from)
	*wideTo = C.sqlite3_int64(spanAt(int(kind), int(page), int64(to)-1).to)
	return 0
}

// touchstone_sealed_crypt encrypts or decrypts n bytes in place that begin with a span.
//
//export touchstone_sealed_crypt
func touchstone_sealed_crypt(cipher, kind, page C.int, at C.sqlite3_int64, b *C.uchar, n, encrypt C.int) { //nolint:revive // C's name
	if n <= 0 {
		return
	}
	crypt(registered.ciphers[cipher].Load(), int(kind), int(page), int64(at), unsafe.Slice((*byte)(unsafe.Pointer(b)), int(n)), encrypt != 0)
}

var zeros [sector]byte

func crypt(c *xts.Cipher, kind, page int, at int64, b []byte, encrypt bool) {
	for len(b) > 0 {
		s := spanAt(kind, page, at)
		part := b[:min(int64(len(b)), s.to-s.from)]
		b, at = b[len(part):], s.to
		part = part[:len(part)&^15] // a write that was cut short ends anywhere; what it left is no page
		switch {
		case s.clear || len(part) == 0:
		case encrypt:
			c.Encrypt(part, part, s.tweak)
		case !bytes.Equal(part, zeros[:len(part)]): // a hole in a file was never encrypted
			c.Decrypt(part, part, s.tweak)
		}
	}
}
