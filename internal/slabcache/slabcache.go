// Package slabcache is a bounded map from strings to bytes for millions of small
// entries: keys and values lie in a few large slabs, so the garbage collector sees no
// pointers, and the bound is in bytes.
//
// Eviction is by slab, oldest first, with a second chance: an entry that was read since
// it was written moves on to the new slab. A slab is never written again after it was
// dropped, so a value stays readable as long as somebody holds it.
package slabcache

import (
	"encoding/binary"
	"unsafe"

	"github.com/cespare/xxhash/v2"
)

const (
	slabSize   = 256 << 10
	unit       = 8 // entries begin at multiples of it
	unitsShift = 15
	unitsMask  = 1<<unitsShift - 1 // units in a slab, less one
	headerSize = 8

	// maxEntry keeps entries that would push everything else out of a slab away.
	maxEntry = slabSize / 8
	minTable = 1 << 10
)

// Entry layout: key length uint16, space uint8, flags uint8, value length uint32, value, key.
const flagRead = 1

// Cache is the map. It is not safe for use by several goroutines at a time.
type Cache struct {
	// OnEvict, if set, is called with each entry that is pushed out, before it is gone.
	// It must not call the Cache.
	OnEvict func(space uint8, key string, value []byte)

	table    []uint64 // tag<<32 | address+1; 0 is free
	live     int
	slabs    []slab
	maxSlabs int
	fill     int // index of the slab that takes new entries
	hand     int // where Sweep goes on: slab
	handAt   int // and offset in it
	evicted  int64
}

type slab struct {
	mem  []byte
	used int
}

// New makes a Cache that holds at most about maxBytes, at least two slabs of 256 KiB.
// It takes memory as it fills.
func New(maxBytes int) *Cache {
	c := &Cache{maxSlabs: max(2, maxBytes/slabSize)}
	c.Reset()
	return c
}

// Reset forgets everything.
func (c *Cache) Reset() {
	c.table = make([]uint64, minTable)
	c.slabs = append([]slab(nil), slab{mem: make([]byte, slabSize)})
	c.live, c.fill, c.hand, c.handAt = 0, 0, 0, 0
}

// Len returns the number of entries.
func (c *Cache) Len() int { return c.live }

// Bytes returns the memory in use.
func (c *Cache) Bytes() int { return len(c.slabs)*slabSize + 8*len(c.table) }

// Evicted returns how many entries were pushed out so far.
func (c *Cache) Evicted() int64 { return c.evicted }

// IntKey returns the bytes of n in buf as a key.
func IntKey(buf *[8]byte, n int64) string {
	binary.LittleEndian.PutUint64(buf[:], uint64(n)) //nolint:gosec // bits, not a number
	return unsafe.String(&buf[0], 8)
}

func tagOf(space uint8, key string) uint32 {
	h := xxhash.Sum64String(key) ^ uint64(space)*0x9E3779B97F4A7C15
	return uint32(h>>32) ^ uint32(h) //nolint:gosec // a fold
}

// Get returns the value stored under key, nil if there is none. The caller may change
// the bytes in place, but not their number.
func (c *Cache) Get(space uint8, key string) []byte {
	slot := c.find(space, key, tagOf(space, key))
	if slot < 0 {
		return nil
	}
	e := c.at(address(c.table[slot]))
	e[3] |= flagRead
	n := int(binary.LittleEndian.Uint32(e[4:]))
	return e[headerSize : headerSize+n : headerSize+n]
}

// Put stores a copy of value under key and returns that copy, nil if it is too large to
// be kept. A value that was there before is replaced, not overwritten.
func (c *Cache) Put(space uint8, key string, value []byte) []byte {
	tag := tagOf(space, key)
	size := (headerSize + len(value) + len(key) + unit - 1) &^ (unit - 1)
	if size > maxEntry || len(key) > 1<<16-1 {
		c.Delete(space, key)
		return nil
	}
	if c.slabs[c.fill].used+size > slabSize {
		c.nextSlab(size)
	}
	s := &c.slabs[c.fill]
	at := uint32(c.fill)<<unitsShift | uint32(s.used/unit) //nolint:gosec // below 2^32 by maxSlabs
	e := s.mem[s.used : s.used+size]
	s.used += size
	binary.LittleEndian.PutUint16(e, uint16(len(key))) //nolint:gosec // checked above
	e[2], e[3] = space, 0
	binary.LittleEndian.PutUint32(e[4:], uint32(len(value))) //nolint:gosec // at most maxEntry
	copy(e[headerSize:], value)
	copy(e[headerSize+len(value):], key)

	if slot := c.find(space, key, tag); slot >= 0 {
		c.table[slot] = entry(tag, at)
	} else {
		c.insert(entry(tag, at))
		c.live++
		if c.live*4 > len(c.table)*3 {
			c.grow()
		}
	}
	return e[headerSize : headerSize+len(value) : headerSize+len(value)]
}

// Delete removes key.
func (c *Cache) Delete(space uint8, key string) {
	if slot := c.find(space, key, tagOf(space, key)); slot >= 0 {
		c.remove(slot)
	}
}

// Sweep visits about bytes worth of entries, going on where the last call stopped, and
// calls fn with each. fn may change values in place; it must not call the Cache.
func (c *Cache) Sweep(bytes int, fn func(space uint8, key string, value []byte)) {
	for bytes > 0 {
		s := &c.slabs[c.hand]
		for c.handAt < s.used && bytes > 0 {
			e := s.mem[c.handAt:]
			size := entrySize(e)
			if c.holds(e, c.hand, c.handAt) {
				fn(e[2], keyOf(e), valueOf(e))
			}
			c.handAt += size
			bytes -= size
		}
		if c.handAt < s.used {
			return
		}
		bytes -= slabSize / 64 // so that empty slabs cost something and the loop ends
		c.hand, c.handAt = (c.hand+1)%len(c.slabs), 0
	}
}

// holds reports whether the entry at an offset is the current one of its key.
func (c *Cache) holds(e []byte, slab, offset int) bool {
	at := uint32(slab)<<unitsShift | uint32(offset/unit) //nolint:gosec // below 2^32 by maxSlabs
	slot := c.find(e[2], keyOf(e), tagOf(e[2], keyOf(e)))
	return slot >= 0 && address(c.table[slot]) == at
}

// nextSlab makes room: a new slab while the bound allows, else the oldest one is emptied.
func (c *Cache) nextSlab(need int) {
	if len(c.slabs) < c.maxSlabs {
		c.slabs = append(c.slabs, slab{mem: make([]byte, slabSize)})
		c.fill = len(c.slabs) - 1
		return
	}
	c.fill = (c.fill + 1) % len(c.slabs)
	old := c.slabs[c.fill]
	fresh := slab{mem: make([]byte, slabSize)}
	for offset := 0; offset < old.used; {
		e := old.mem[offset:]
		size := entrySize(e)
		at := uint32(c.fill)<<unitsShift | uint32(offset/unit) //nolint:gosec // below 2^32 by maxSlabs
		offset += size
		tag := tagOf(e[2], keyOf(e))
		slot := c.findAddress(tag, at)
		if slot < 0 {
			continue // replaced or deleted since
		}
		// Survivors may take half of the slab, so that eviction always makes progress.
		if e[3]&flagRead != 0 && fresh.used+size <= slabSize/2-need {
			copy(fresh.mem[fresh.used:], e[:size])
			fresh.mem[fresh.used+3] &^= flagRead
			c.table[slot] = entry(tag, uint32(c.fill)<<unitsShift|uint32(fresh.used/unit)) //nolint:gosec // as above
			fresh.used += size
			continue
		}
		if c.OnEvict != nil {
			c.OnEvict(e[2], keyOf(e), valueOf(e))
		}
		c.remove(slot)
		c.evicted++
	}
	c.slabs[c.fill] = fresh
	if c.hand == c.fill {
		c.handAt = 0
	}
}

func entrySize(e []byte) int {
	n := headerSize + int(binary.LittleEndian.Uint32(e[4:])) + int(binary.LittleEndian.Uint16(e))
	return (n + unit - 1) &^ (unit - 1)
}

func valueOf(e []byte) []byte {
	n := int(binary.LittleEndian.Uint32(e[4:]))
	return e[headerSize : headerSize+n : headerSize+n]
}

func keyOf(e []byte) string {
	n := int(binary.LittleEndian.Uint16(e))
	if n == 0 {
		return ""
	}
	at := headerSize + int(binary.LittleEndian.Uint32(e[4:]))
	return unsafe.String(&e[at], n)
}

func entry(tag, at uint32) uint64   { return uint64(tag)<<32 | uint64(at+1) }
func address(slot uint64) uint32    { return uint32(slot) - 1 } //nolint:gosec // the low half
func (c *Cache) at(a uint32) []byte { return c.slabs[a>>unitsShift].mem[(a&unitsMask)*unit:] }

func (c *Cache) find(space uint8, key string, tag uint32) int {
	mask := uint32(len(c.table) - 1) //nolint:gosec // a power of two below 2^32
	for i := tag & mask; ; i = (i + 1) & mask {
		slot := c.table[i]
		if slot == 0 {
			return -1
		}
		if uint32(slot>>32) != tag {
			continue
		}
		e := c.at(address(slot))
		if e[2] == space && keyOf(e) == key {
			return int(i)
		}
	}
}

func (c *Cache) findAddress(tag, at uint32) int {
	mask := uint32(len(c.table) - 1) //nolint:gosec // a power of two below 2^32
	for i := tag & mask; c.table[i] != 0; i = (i + 1) & mask {
		if c.table[i] == entry(tag, at) {
			return int(i)
		}
	}
	return -1
}

func (c *Cache) insert(slot uint64) {
	mask := uint32(len(c.table) - 1) //nolint:gosec // a power of two below 2^32
	i := uint32(slot>>32) & mask
	for c.table[i] != 0 {
		i = (i + 1) & mask
	}
	c.table[i] = slot
}

func (c *Cache) grow() {
	old := c.table
	c.table = make([]uint64, 2*len(old))
	for _, slot := range old {
		if slot != 0 {
			c.insert(slot)
		}
	}
}

// remove frees a slot and moves later ones of its run back, so that no tombstone is needed.
func (c *Cache) remove(slot int) {
	mask := uint32(len(c.table) - 1) //nolint:gosec // a power of two below 2^32
	hole := uint32(slot)             //nolint:gosec // an index of table
	for i := (hole + 1) & mask; c.table[i] != 0; i = (i + 1) & mask {
		home := uint32(c.table[i]>>32) & mask
		if (i-home)&mask >= (i-hole)&mask {
			c.table[hole] = c.table[i]
			hole = i
		}
	}
	c.table[hole] = 0
	c.live--
}
