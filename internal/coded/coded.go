// Package coded reads and writes the values of packed rows and frames: texts with their length
// before them, numbers as varints.
package coded

import "encoding/binary"

// AppendString appends a text with its length.
func AppendString(dst []byte, s string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(s)))
	return append(dst, s...)
}

// Reader cuts values off the front of Rest. Bad stays set after the first failure; what is
// read then is zero. Texts share Rest's memory.
type Reader struct {
	Rest string
	Bad  bool
}

// Byte reads one byte.
func (r *Reader) Byte() byte {
	if r.Rest == "" {
		r.Bad = true
		return 0
	}
	b := r.Rest[0]
	r.Rest = r.Rest[1:]
	return b
}

// Uvarint reads what binary.AppendUvarint has written.
func (r *Reader) Uvarint() uint64 {
	var x uint64
	for shift := 0; shift < 64; shift += 7 {
		b := r.Byte()
		x |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return x
		}
	}
	r.Bad = true
	return 0
}

// Varint reads what binary.AppendVarint has written.
func (r *Reader) Varint() int64 {
	u := r.Uvarint()
	return int64(u>>1) ^ -int64(u&1) //nolint:gosec // zigzag
}

// String reads what AppendString has written.
func (r *Reader) String() string {
	n := r.Uvarint()
	if n > uint64(len(r.Rest)) {
		r.Bad = true
		return ""
	}
	s := r.Rest[:n]
	r.Rest = r.Rest[n:]
	return s
}

// Count reads how many values follow, each of which takes a byte at least.
func (r *Reader) Count() int {
	n := r.Uvarint()
	if n > uint64(len(r.Rest)) {
		r.Bad = true
		return 0
	}
	return int(n) //nolint:gosec // bounded by the length
}
