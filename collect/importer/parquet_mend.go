package importer

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"github.com/touchstone-cdp/touchstone"
)

// mendedFile shows parquet-go a file with three things changed that are valid and that it
// refuses: keys without a value in the metadata of a column chunk, which are left out;
// pages of version 2 whose values are compressed from nothing to nothing, which decoders
// of Snappy and others take for damage: they are said to be plain; and pages of version 2
// without rows, which are hidden in the header of the page behind them.
type mendedFile struct {
	io.ReaderAt
	size    int64
	footer  []byte // in place of the file's own from there on; nil = as it is
	from    int64
	patches []bytePatch // by offset
}

type bytePatch struct {
	at    int64
	value byte
}

// ReadAt reads the file as it is shown.
func (m *mendedFile) ReadAt(p []byte, off int64) (n int, err error) {
	if m.footer == nil {
		n, err = m.ReaderAt.ReadAt(p, off)
	} else {
		if off < m.from {
			n, err = m.ReaderAt.ReadAt(p[:min(int64(len(p)), m.from-off)], off)
			if err != nil {
				return n, err
			}
		}
		if at := off + int64(n) - m.from; at >= 0 && at < int64(len(m.footer)) {
			n += copy(p[n:], m.footer[at:])
		}
		if n < len(p) {
			err = io.EOF
		}
	}
	i, _ := slices.BinarySearchFunc(m.patches, off, func(b bytePatch, at int64) int { return cmp.Compare(b.at, at) })
	for ; i < len(m.patches) && m.patches[i].at < off+int64(n); i++ {
		p[m.patches[i].at-off] = m.patches[i].value
	}
	return n, err
}

const maxFooter = 256 << 20

// openMended opens a Parquet file, and what parquet-go refuses without need.
func openMended(r io.ReaderAt, size int64) (*parquet.File, error) {
	options := []parquet.FileOption{parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true)}
	m := &mendedFile{ReaderAt: r, size: size}
	file, err := parquet.OpenFile(m, m.size, options...)
	if err != nil {
		if m.leaveOutKeys() != nil {
			return nil, err // the first error counts
		}
		again, mendedErr := parquet.OpenFile(m, m.size, options...)
		if mendedErr != nil {
			return nil, err
		}
		file = again
	}
	if err := readable(file); err != nil {
		return nil, err
	}
	m.markEmptyPages(file)
	return file, nil
}

// readable names what cannot be unpacked before a row is read.
func readable(file *parquet.File) error {
	for _, group := range file.Metadata().RowGroups {
		for _, chunk := range group.Columns {
			switch codec := chunk.MetaData.Codec; codec {
			case format.Uncompressed, format.Snappy, format.Gzip, format.Brotli, format.Zstd, format.Lz4Raw:
			default:
				return touchstone.Errorf(touchstone.Invalid, "the Parquet file is compressed with %s, which is not read", codec).
					WithHint("write it with zstd, snappy, gzip, brotli or LZ4_RAW")
			}
		}
	}
	return nil
}

// leaveOutKeys replaces the footer by one without key-value metadata.
func (m *mendedFile) leaveOutKeys() error {
	var tail [8]byte
	if _, err := m.ReaderAt.ReadAt(tail[:], m.size-8); err != nil {
		return err
	}
	length := int64(binary.LittleEndian.Uint32(tail[:]))
	if length > maxFooter || length > m.size-12 {
		return errCompact
	}
	footer := make([]byte, length)
	if _, err := m.ReaderAt.ReadAt(footer, m.size-8-length); err != nil {
		return err
	}
	mended, rest, err := withoutKeys(nil, footer, inFile)
	if err != nil || len(rest) > 0 {
		return cmp.Or(err, errCompact)
	}
	m.from = m.size - 8 - length
	m.footer = binary.LittleEndian.AppendUint32(mended, uint32(len(mended))) //nolint:gosec // shorter than the old one
	m.footer = append(m.footer, tail[4:]...)
	m.size = m.from + int64(len(m.footer))
	return nil
}

// markEmptyPages finds pages of version 2 whose values take no bytes and clears their mark
// of being compressed. What it cannot read is left for the reader to complain about.
func (m *mendedFile) markEmptyPages(file *parquet.File) {
	header := make([]byte, 8<<10)
	for _, group := range file.Metadata().RowGroups {
		for i := range group.Columns {
			c := &group.Columns[i].MetaData
			at := c.DataPageOffset
			if c.DictionaryPageOffset > 0 {
				at = min(at, c.DictionaryPageOffset)
			}
			for end := at + c.TotalCompressedSize; at < end; {
				n, err := m.ReaderAt.ReadAt(header, at)
				if err != nil && !errors.Is(err, io.EOF) {
					return
				}
				page, length, err := readPageHeader(header[:n])
				if err != nil || page.compressed < 0 {
					break
				}
				switch next := at + int64(length) + page.compressed; {
				case page.second && page.values == 0 && next < end:
					m.hidePage(at, int(next-at))
				case page.flag > 0 && page.compressed == page.levels && c.Codec != format.Uncompressed:
					m.patches = append(m.patches, bytePatch{at + int64(page.flag), header[page.flag]&0xf0 | compactFalse})
				}
				at += int64(length) + page.compressed
			}
		}
	}
	slices.SortFunc(m.patches, func(a, b bytePatch) int { return cmp.Compare(a.at, b.at) })
}

// hidePage makes a page part of the header of the next one: a field with the id 0, which
// no header has, and after which ids count as at a header's beginning.
func (m *mendedFile) hidePage(at int64, length int) {
	field := []byte{compactBinary, 0}
	body := length - len(field) - 1
	if body > 127 {
		body--
	}
	field = binary.AppendUvarint(field, uint64(max(body, 0))) //nolint:gosec // not negative
	if body < 0 || len(field)+body != length {
		return
	}
	for i, b := range field {
		m.patches = append(m.patches, bytePatch{at + int64(i), b})
	}
}

// pageHeader is the part of a page's header that tells whether its values take no bytes.
type pageHeader struct {
	compressed, levels int64 // bytes
	flag               int   // offset of a true is_compressed; 0 = none
	second             bool  // it is a data page of version 2
	values             int64
}

// readPageHeader reads a header and returns its length.
func readPageHeader(b []byte) (p pageHeader, length int, err error) {
	rest, err := compactFields(b, func(id int16, kind byte, at, value []byte) error {
		switch {
		case id == 3:
			p.compressed, _ = compactInt(value)
		case id == 8 && kind == compactStruct:
			_, err := compactFields(value, func(id int16, kind byte, at, value []byte) error {
				switch id {
				case 1:
					p.second = true
					p.values, _ = compactInt(value)
				case 5, 6: // definition and repetition levels
					n, _ := compactInt(value)
					p.levels += n
				case 7:
					if kind == compactTrue {
						p.flag = cap(b) - cap(at) // a slice of a slice of b
					}
				}
				return nil
			})
			return err
		}
		return nil
	})
	return p, len(b) - len(rest), err
}

// The types of Thrift's compact protocol.
const (
	compactTrue   = 1
	compactFalse  = 2
	compactBinary = 8
	compactList   = 9
	compactSet    = 10
	compactStruct = 12
)

var errCompact = errors.New("not a struct in Thrift's compact protocol")

// compactFields calls fn with each field of a struct: its id and type, the bytes from its
// header on, and those of its value. It returns what follows the struct.
func compactFields(b []byte, fn func(id int16, kind byte, at, value []byte) error) ([]byte, error) {
	id := int16(0)
	for {
		if len(b) == 0 {
			return nil, errCompact
		}
		at := b
		head := b[0]
		b = b[1:]
		if head == 0 {
			return b, nil
		}
		if delta := head >> 4; delta != 0 {
			id += int16(delta)
		} else {
			n, rest := compactInt(b)
			if rest == nil {
				return nil, errCompact
			}
			id, b = int16(n), rest //nolint:gosec // an id out of range names no field
		}
		rest, err := compactSkip(b, head&0xf, 0)
		if err != nil {
			return nil, err
		}
		if err := fn(id, head&0xf, at, b[:len(b)-len(rest)]); err != nil {
			return nil, err
		}
		b = rest
	}
}

// compactInt reads a zigzag number and returns what follows; nil when there is none.
func compactInt(b []byte) (int64, []byte) {
	n, size := binary.Uvarint(b)
	if size <= 0 {
		return 0, nil
	}
	return int64(n>>1) ^ -int64(n&1), b[size:] //nolint:gosec // zigzag
}

const deepestCompact = 32

// compactSkip passes over a value.
func compactSkip(b []byte, kind byte, depth int) ([]byte, error) {
	drop := func(n uint64) ([]byte, error) {
		if n > uint64(len(b)) {
			return nil, errCompact
		}
		return b[n:], nil
	}
	if depth > deepestCompact {
		return nil, errCompact
	}
	switch kind {
	case compactTrue, compactFalse:
		return b, nil
	case 3:
		return drop(1)
	case 4, 5, 6:
		_, size := binary.Uvarint(b)
		return drop(uint64(max(size, 0)) + errorSize(size))
	case 7:
		return drop(8)
	case compactBinary:
		n, size := binary.Uvarint(b)
		if size <= 0 || n > uint64(len(b)) {
			return nil, errCompact
		}
		return drop(n + uint64(size))
	case compactList, compactSet:
		n, of, rest, err := compactListHead(b)
		if err != nil {
			return nil, err
		}
		for b = rest; n > 0; n-- {
			if of == compactTrue || of == compactFalse { // a byte each in lists
				of = 3
			}
			if b, err = compactSkip(b, of, depth+1); err != nil {
				return nil, err
			}
		}
		return b, nil
	case compactStruct:
		for {
			if len(b) == 0 {
				return nil, errCompact
			}
			head := b[0]
			if b = b[1:]; head == 0 {
				return b, nil
			}
			if head>>4 == 0 {
				if _, b = compactInt(b); b == nil {
					return nil, errCompact
				}
			}
			var err error
			if b, err = compactSkip(b, head&0xf, depth+1); err != nil {
				return nil, err
			}
		}
	}
	return nil, fmt.Errorf("%w: type %d", errCompact, kind) // maps are not part of Parquet
}

// errorSize makes a length that no text has out of a number that could not be read.
func errorSize(size int) uint64 {
	if size > 0 {
		return 0
	}
	return 1 << 62
}

func compactListHead(b []byte) (n uint64, of byte, rest []byte, err error) {
	if len(b) == 0 {
		return 0, 0, nil, errCompact
	}
	n, of, b = uint64(b[0]>>4), b[0]&0xf, b[1:]
	if n == 15 {
		size := 0
		if n, size = binary.Uvarint(b); size <= 0 {
			return 0, 0, nil, errCompact
		}
		b = b[size:]
	}
	if n > uint64(len(b))+1 {
		return 0, 0, nil, errCompact
	}
	return n, of, b, nil
}

// The structs on the way to the metadata of a column chunk: which field leads on, and
// which is left out.
type metadataStruct struct {
	next  int16
	into  *metadataStruct
	leave int16
}

var (
	inColumn = &metadataStruct{leave: 8}
	inChunk  = &metadataStruct{next: 3, into: inColumn}
	inGroup  = &metadataStruct{next: 1, into: inChunk}
	inFile   = &metadataStruct{next: 4, into: inGroup, leave: 5}
)

// withoutKeys appends a struct of a footer without its key-value metadata.
func withoutKeys(dst, b []byte, s *metadataStruct) (_, rest []byte, err error) {
	last := int16(0)
	rest, err = compactFields(b, func(id int16, kind byte, _, value []byte) error {
		if id == s.leave && s.leave != 0 {
			return nil
		}
		if delta := id - last; delta > 0 && delta < 16 {
			dst = append(dst, byte(delta)<<4|kind)
		} else {
			dst = binary.AppendVarint(append(dst, kind), int64(id))
		}
		last = id
		if id != s.next || s.into == nil {
			dst = append(dst, value...)
			return nil
		}
		switch kind {
		case compactStruct:
			var err error
			dst, _, err = withoutKeys(dst, value, s.into)
			return err
		case compactList:
			n, _, items, err := compactListHead(value)
			if err != nil {
				return err
			}
			dst = append(dst, value[:len(value)-len(items)]...)
			for ; n > 0; n-- {
				if dst, items, err = withoutKeys(dst, items, s.into); err != nil {
					return err
				}
			}
			return nil
		}
		return errCompact
	})
	return append(dst, 0), rest, err
}
