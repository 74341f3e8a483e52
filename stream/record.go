package stream

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"iter"
	"unsafe"

	"github.com/klauspost/compress/s2"

	touchstone "github.com/touchstone-cdp/touchstone"
)

// The form of a record, version 1, or 2 when some of its frames are empty because what they said was
// erased:
//
//	version:1 flags:1 count:uvarint checksum:4 body
//
// The checksum is the CRC-32C of everything else, little-endian. The body is a run of
// count frames, each a uvarint length and that many bytes; with flagS2 it is one S2 block.

const (
	recordVersion = 1
	erasedVersion = 2
	flagS2        = 1
	checksumSize  = 4

	// MaxFrameBytes bounds the frames of one record; see [Batcher.Append].
	MaxFrameBytes = 6 << 20
	// MaxRecordBytes is what a Log must take in one Append: S2 never makes its input
	// longer than this.
	MaxRecordBytes = MaxFrameBytes + 1<<20
)

// RecordVersion is the newest version of a record.
const RecordVersion = erasedVersion

var (
	errCorrupt  = errors.New("log record is corrupt")
	errChecksum = errors.New("log record is corrupt: its checksum is wrong")

	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// AppendFrame appends one frame to dst: its length, then its bytes.
func AppendFrame(dst, frame []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(frame)))
	return append(dst, frame...)
}

// EncodeRecord appends a record that holds count frames to dst. It compresses them when
// that makes the record shorter. frames and dst must not overlap.
func EncodeRecord(dst, frames []byte, count int) []byte {
	start := len(dst)
	dst = append(dst, recordVersion, 0)
	dst = binary.AppendUvarint(dst, uint64(count))
	sum := len(dst)
	dst = append(dst, 0, 0, 0, 0)
	body := len(dst)
	// Little is gained by compressing one small event.
	if room := s2.MaxEncodedLen(len(frames)); len(frames) >= 128 && room > 0 {
		dst = grow(dst, room)
		packed := s2.Encode(dst[body:body+room], frames)
		if len(packed) < len(frames)-len(frames)/16 {
			dst = dst[:body+len(packed)]
			dst[start+1] = flagS2
		}
	}
	if dst[start+1] != flagS2 {
		dst = append(dst[:body], frames...)
	}
	binary.LittleEndian.PutUint32(dst[sum:], checksum(dst[start:sum], dst[body:]))
	return dst
}

// EncodeErased appends a record whose frames are those given; an empty one stands for what was
// erased, so that those behind it keep their places. Whoever reads it passes over them.
func EncodeErased(dst []byte, frames [][]byte) []byte {
	var all []byte
	for _, f := range frames {
		all = AppendFrame(all, f)
	}
	start := len(dst)
	dst = EncodeRecord(dst, all, len(frames))
	dst[start] = erasedVersion
	_, n := binary.Uvarint(dst[start+2:])
	sum := start + 2 + n
	binary.LittleEndian.PutUint32(dst[sum:], checksum(dst[start:sum], dst[sum+checksumSize:]))
	return dst
}

// grow makes room for n more bytes behind dst.
func grow(dst []byte, n int) []byte {
	if cap(dst)-len(dst) >= n {
		return dst
	}
	return append(make([]byte, 0, len(dst)+n), dst...)
}

func checksum(head, body []byte) uint32 {
	return crc32.Update(crc32.Checksum(head, castagnoli), castagnoli, body)
}

// header is the part of a record before its body.
type header struct {
	flags byte
	count int
	sum   int // where the checksum stands
}

func parseHeader(data []byte) (header, error) {
	if len(data) < 3+checksumSize {
		return header{}, errCorrupt
	}
	if data[0] > erasedVersion {
		return header{}, touchstone.Newer("the log record", int64(data[0]), erasedVersion)
	}
	count, n := binary.Uvarint(data[2:])
	h := header{flags: data[1], count: int(count), sum: 2 + n}
	if data[0] < recordVersion || h.flags&^flagS2 != 0 || n <= 0 ||
		count == 0 || count > touchstone.MaxEventsPerRecord || len(data) < h.sum+checksumSize {
		return header{}, errCorrupt
	}
	return h, nil
}

// Count returns the number of events in a record, without reading its body.
func Count(data []byte) (int, error) {
	h, err := parseHeader(data)
	return h.count, err
}

// Frames are the frames of one record. They share its memory.
type Frames struct {
	rest  string
	count int
}

// Len returns how many frames there are.
func (f Frames) Len() int { return f.count }

// All yields the frames in order.
func (f Frames) All() iter.Seq[string] {
	return func(yield func(string) bool) {
		for rest := f.rest; rest != ""; {
			frame, after, ok := cutFrame(rest)
			if !ok || !yield(frame) {
				return
			}
			rest = after
		}
	}
}

// DecodeRecord checks a record and returns its frames. They share one new allocation,
// not data. It reports an error for anything that EncodeRecord cannot have written.
func DecodeRecord(data []byte) (Frames, error) {
	h, err := parseHeader(data)
	if err != nil {
		return Frames{}, err
	}
	body := data[h.sum+checksumSize:]
	if binary.LittleEndian.Uint32(data[h.sum:]) != checksum(data[:h.sum], body) {
		return Frames{}, errChecksum
	}
	f := Frames{count: h.count}
	if h.flags&flagS2 != 0 {
		n, err := s2.DecodedLen(body)
		if err != nil || n > MaxFrameBytes || n == 0 {
			return Frames{}, errCorrupt
		}
		plain, err := s2.Decode(make([]byte, n), body)
		if err != nil || len(plain) == 0 {
			return Frames{}, errCorrupt
		}
		f.rest = unsafe.String(&plain[0], len(plain)) // plain is not written again
	} else {
		f.rest = string(body)
	}
	if n, ok := countFrames(f.rest); !ok || n != h.count {
		return Frames{}, errCorrupt
	}
	return f, nil
}

// countFrames returns the number of frames in a run of them.
func countFrames[T string | []byte](frames T) (n int, ok bool) {
	for ; len(frames) > 0; n++ {
		if _, frames, ok = cutFrame(frames); !ok {
			return 0, false
		}
	}
	return n, true
}

// cutFrame cuts the first frame off a run of them.
func cutFrame[T string | []byte](frames T) (frame, rest T, ok bool) {
	var size uint64
	for i := 0; i < len(frames) && i < 5; i++ {
		b := frames[i]
		size |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			i++
			if size > uint64(len(frames)-i) {
				return frame, rest, false
			}
			return frames[i : i+int(size)], frames[i+int(size):], true
		}
	}
	return frame, rest, false
}
