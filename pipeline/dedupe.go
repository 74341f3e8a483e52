package pipeline

import (
	"encoding/binary"
	"math/bits"
	"time"
)

// window remembers the message ids of the last hours as 64-bit hashes, in open addressing
// tables. Ids are grouped by the hour they came in; an hour that leaves the window turns
// its slots into tombstones, which the next rehash sweeps out. There are many tables, by
// the hash's first bits, so that growing takes neither long nor twice the memory.
//
// Two different ids collide with a chance of n/2^64 per event: 5 in 10^12 for 10^8 ids.
type window struct {
	span   time.Duration
	max    int // most ids held; the oldest hour goes early when it is reached
	tables [1 << tableBits]table
	base   int64 // hour that counts as 1
	live   map[uint16]int
	first  uint16 // oldest hour still in the window
	total  int

	shortened int64 // times an hour was dropped before its time
}

// table holds ids with the hours they came in.
type table struct {
	keys  []uint64
	hours []uint16 // hour number + 1 relative to base (which lasts seven years), 0 = never used
	used  int      // slots that are not 0, tombstones included
}

const (
	tableBits = 6
	minSlots  = 64
)

func newWindow(span time.Duration, maxIDs int, now time.Time) *window {
	w := &window{span: span, max: maxIDs, live: map[uint16]int{}, first: 1, base: hourOf(now.Add(-span)) - 1}
	for i := range w.tables {
		w.tables[i].resize(minSlots)
	}
	return w
}

func (t *table) resize(size int) {
	t.keys, t.hours, t.used = make([]uint64, size), make([]uint16, size), 0
}

// place is where the search for a hash begins: the bits behind those that chose the table,
// as a fraction of the table.
func (t *table) place(hash uint64) int {
	at, _ := bits.Mul64(hash<<tableBits, uint64(len(t.keys)))
	return int(at)
}

func (t *table) after(i int) int {
	if i++; i == len(t.keys) {
		return 0
	}
	return i
}

func hourOf(t time.Time) int64 { return t.Unix() / 3600 }

func (w *window) hour(t time.Time) uint16 {
	h := hourOf(t) - w.base
	return uint16(min(max(h, 1), 1<<16-1)) //nolint:gosec // clamped
}

// table returns the table of a hash, and the hash as it stands there: 0 marks what was removed.
func (w *window) table(hash uint64) (uint64, *table) {
	hash = max(hash, 1)
	return hash, &w.tables[hash>>(64-tableBits)]
}

// add notes hash as seen at t. It reports false if the id is in the window already.
func (w *window) add(hash uint64, t time.Time) bool {
	hash, tab := w.table(hash)
	h := w.hour(t)
	if (tab.used+1)*4 > len(tab.keys)*3 {
		tab.rehash(w.first)
	}
	free := -1
	for i := tab.place(hash); ; i = tab.after(i) {
		switch at := tab.hours[i]; {
		case at == 0:
			if free < 0 {
				free = i
				tab.used++
			}
			tab.keys[free], tab.hours[free] = hash, h
			w.live[h]++
			w.total++
			return true
		case at < w.first:
			if free < 0 {
				free = i
			}
		case tab.keys[i] == hash:
			return false
		}
	}
}

// remove takes back an add of the batch that has just failed.
func (w *window) remove(hash uint64) {
	hash, tab := w.table(hash)
	for i := tab.place(hash); tab.hours[i] != 0; i = tab.after(i) {
		if tab.keys[i] == hash && tab.hours[i] >= w.first {
			w.live[tab.hours[i]]--
			w.total--
			// An unreachable key in a live slot keeps probe chains whole; the next
			// rehash drops it, since key 0 is never looked up.
			tab.keys[i] = 0
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

// rehash sweeps out what came before the hour first, and leaves room for a third more.
func (t *table) rehash(first uint16) {
	live := 0
	for i, h := range t.hours {
		if h >= first && t.keys[i] != 0 {
			live++
		}
	}
	keys, hours := t.keys, t.hours
	t.resize(max(minSlots, live*16/9+1))
	for i, h := range hours {
		if h < first || keys[i] == 0 {
			continue
		}
		j := t.place(keys[i])
		for t.hours[j] != 0 {
			j = t.after(j)
		}
		t.keys[j], t.hours[j] = keys[i], h
		t.used++
	}
}

func appendHashes(dst []byte, hashes []uint64) []byte {
	for _, h := range hashes {
		dst = binary.LittleEndian.AppendUint64(dst, h)
	}
	return dst
}
