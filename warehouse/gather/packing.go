package gather

import (
	"math/bits"
	"time"
)

// Classes tells which of several selectors an event fits, one bit each, by a number that its
// row has: a look-up, or the set itself.
type Classes struct {
	Sets   []uint32 // by number; nil when the number is the set itself
	Others uint32   // the set of numbers beyond
}

// Set returns the selectors that the event of a row fits, given its number.
func (c Classes) Set(value int64) uint32 {
	switch {
	case c.Sets == nil:
		return uint32(value)
	case value >= 0 && value < int64(len(c.Sets)):
		return c.Sets[value]
	}
	return c.Others
}

// Packing puts an event into one number: from the high bits to the low, its time after
// the range's begin, its class (which steps it fits), and its group. So numbers sort as
// the events do.
type Packing struct {
	From                           int64 // unix milliseconds
	timeBits, classBits, groupBits int
}

// maxItemBits is the most that an item may have: the sum of two is a number, too.
const maxItemBits = 62

// NewPacking packs events of a range. It reports false when the three do not fit into an item.
func NewPacking(from, to time.Time, classes, groups int) (Packing, bool) {
	p := Packing{From: from.UnixMilli(), classBits: bits.Len(uint(classes - 1)), groupBits: bits.Len(uint(groups))}
	p.timeBits = bits.Len64(uint64(to.UnixMilli() - p.From))
	return p, p.Bits() <= maxItemBits
}

// Bits is how many an item has.
func (p Packing) Bits() int { return p.timeBits + p.classBits + p.groupBits }

// Pack returns the item of an event: its time in Unix milliseconds, class and group.
func (p Packing) Pack(at, class, group int64) int64 {
	return (at-p.From)<<((p.classBits+p.groupBits)&63) | class<<(p.groupBits&63) | group
}

// Time is that of an item, in milliseconds after From.
func (p Packing) Time(item int64) int64 { return item >> (p.classBits + p.groupBits) }

// Class is that of an item.
func (p Packing) Class(item int64) int {
	return int(item>>p.groupBits) & (1<<p.classBits - 1)
}

// Group is that of an item.
func (p Packing) Group(item int64) int { return int(item & (1<<p.groupBits - 1)) }

// Items returns a function that packs events, given their times and numbers, without a
// group; those that fit no selector are dropped.
func (p Packing) Items(c Classes, class func(set uint32) int) func(times, values, out []int64) {
	shift := (p.classBits + p.groupBits) & 63
	number := func(set uint32) int64 {
		if set == 0 {
			return Dropped
		}
		return int64(class(set)) << p.groupBits
	}
	if c.Sets == nil {
		return func(times, values, out []int64) {
			for row, value := range values {
				out[row] = (times[row]-p.From)<<shift | number(uint32(value))
			}
		}
	}
	// A table has no branches: which event comes next cannot be foreseen.
	table := make([]int64, len(c.Sets)+1)
	for value := range table {
		table[value] = number(c.Set(int64(value)))
	}
	return func(times, values, out []int64) {
		beyond, from := uint64(len(table)-1), p.From
		times, out = times[:len(values)], out[:len(values)]
		for row, value := range values {
			out[row] = (times[row]-from)<<shift | table[min(uint64(value), beyond)]
		}
	}
}
