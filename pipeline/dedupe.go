package pipeline

import (
	"encoding/binary"
	"time"
)

// window remembers the message ids of the last hours as 64-bit hashes, in one open
// addressing table. Ids are grouped by the hour they came in; an hour that leaves the
// window turns its slots into tombstones, which the next rehash sweeps out.
//
// Two different ids collide with a chance of n/2^64 per event: 5 in 10^12 for 10^8 ids.
type window struct {
	span  time.Duration
	max   int // most ids held; the oldest hour goes early when it is reached
	keys  []uint64
	hours []uint16 // hour number + 1 relative to base, 0 = never used
	base  int64    // hour that counts as 1
	used  int      // slots that are not 0, tombstones included
	live  map[uint16]int
	first uint16 // oldest hour still in the window
	total int

	shortened int64 // times an hour was dropped before its time
}

const minWindowSlots = 1 << 12

func newWindow(span time.Duration, maxIDs int, now time.Time) *window {
	w := &window{span: span, max: maxIDs, live: map[uint16]int{}, first: 1, base: hourOf(now.Add(-span)) - 1}
	w.keys = make([]uint64, minWindowSlots)
	w.hours = make([]uint16, minWindowSlots)
	return w
}

func hourOf(t time.Time) int64 { return t.Unix() / 3600 }

func (w *window) hour(t time.Time) uint16 {
	h := hourOf(t) - w.base
	return uint16(min(max(h, 1), 1<<16-1)) //nolint:gosec // clamped
}

// add notes hash as seen at t. It reports false if the id is in the window already.
func (w *window) add(hash uint64, t time.Time) bool {
	if hash == 0 {
		hash = 1
	}
	h := w.hour(t)
	if (w.used+1)*4 > len(w.keys)*3 {
		w.rehash()
	}
	mask := uint64(len(w.keys) - 1)
	free := -1
	for i := hash & mask; ; i = (i + 1) & mask {
		switch at := w.hours[i]; {
		case at == 0:
			if free < 0 {
				free = int(i)
				w.used++
			}
			w.keys[free], w.hours[free] = hash, h
			w.live[h]++
			w.total++
			return true
		case at < w.first:
			if free < 0 {
				free = int(i)
			}
		case w.keys[i] == hash:
			return false
		}
	}
}

// remove takes back an add of the batch that has just failed.
func (w *window) remove(hash uint64) {
	if hash == 0 {
		hash = 1
	}
	mask := uint64(len(w.keys) - 1)
	for i := hash & mask; w.hours[i] != 0; i = (i + 1) & mask {
		if w.keys[i] == hash && w.hours[i] >= w.first {
			w.live[w.hours[i]]--
			w.total--
			// An unreachable key in a live slot keeps probe chains whole; the next
			// rehash drops it, since key 0 is never looked up.
			w.keys[i] = 0
			return
		}
	}
}

// expire moves the window on to now and returns the time before which ids are gone.
func (w *window) expire(now time.Time) time.Time {
	oldest := w.hour(now.Add(-w.span))
	for w.total > w.max && oldest < w.hour(now) {
		if n := w.live[max(oldest, w.first)]; n > 0 {
			w.shortened++
		}
		oldest = max(oldest, w.first) + 1
		w.drop(oldest)
	}
	w.drop(oldest)
	return time.Unix((w.base+int64(w.first))*3600, 0)
}

func (w *window) drop(before uint16) {
	for ; w.first < before; w.first++ {
		w.total -= w.live[w.first]
		delete(w.live, w.first)
	}
}

// rehash sweeps tombstones out and doubles the table when it is really full. It also
// moves base forward, so that hours never outgrow 16 bits.
func (w *window) rehash() {
	size := len(w.keys)
	if (w.total+1)*2 > size {
		size *= 2
	}
	for size > minWindowSlots && w.total*8 < size {
		size /= 2
	}
	keys, hours := w.keys, w.hours
	shift := w.first - 1
	w.keys, w.hours, w.used = make([]uint64, size), make([]uint16, size), 0
	mask := uint64(size - 1)
	for i, h := range hours {
		if h < w.first || keys[i] == 0 {
			continue
		}
		j := keys[i] & mask
		for w.hours[j] != 0 {
			j = (j + 1) & mask
		}
		w.keys[j], w.hours[j] = keys[i], h-shift
		w.used++
	}
	live := make(map[uint16]int, len(w.live))
	for h, n := range w.live {
		live[h-shift] = n
	}
	w.live, w.base, w.first = live, w.base+int64(shift), 1
}

func appendHashes(dst []byte, hashes []uint64) []byte {
	for _, h := range hashes {
		dst = binary.LittleEndian.AppendUint64(dst, h)
	}
	return dst
}
