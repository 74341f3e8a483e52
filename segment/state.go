package segment

import (
	"cmp"
	"encoding/binary"
	"errors"
	"slices"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/segment/rule"
)

// state is what is known of one person.
type state struct {
	person touchstone.PersonID
	leaves []leafTimes
	in     []membership
	timer  int64 // the moment of the pending timer, 0 when there is none

	stored   bool // there is a row
	loaded   bool // the row has been looked for
	dirty    bool // differs from the row
	absorbed bool // merged into another person in this batch

	table int64 // version of the definitions that leaves and in were cleaned for
	met   int64 // version for which the person was asked about the open programs

	// Of the last batch that touched the person:
	batch   int64
	pruned  int64        // the batch in which it was last pruned
	ask     mask         // programs to ask at the event at work
	grown   mask         // programs to ask at it unless they hold
	ahead   []int32      // places in Batch.Changes of its traits' changes that are yet to come
	was     []membership // in, before the batch changed it
	kept    bool         // was is set
	changed bool         // the event at work changed it
	again   bool         // and so did an earlier one: before is set
	before  []membership // in, before the event at work changed it
	armed   bool         // the timer was set

	slot   int  // place in the cache
	bytes  int  // size, when it was last reckoned
	recent bool // for the cache's clock
}

// leafTimes is what is kept of a leaf's events: entries of stride numbers, of which the first is a time in unix milliseconds.
type leafTimes struct {
	leaf   uint32
	stride uint8
	times  []int64
}

// membership says since when the person is in a generation of a segment.
type membership struct {
	generation uint32
	at         int64
}

func (s *state) times(leaf uint32) []int64 {
	if i, ok := s.find(leaf); ok {
		return s.leaves[i].times
	}
	return nil
}

// find returns the place of a leaf, or where it belongs: leaves are in order of their ids.
func (s *state) find(leaf uint32) (int, bool) {
	lo, hi := 0, len(s.leaves)
	for lo < hi {
		if mid := (lo + hi) / 2; s.leaves[mid].leaf < leaf {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo, lo < len(s.leaves) && s.leaves[lo].leaf == leaf
}

// enteredAt returns when the person entered a generation.
func (s *state) enteredAt(generation uint32) (int64, bool) {
	for _, m := range s.in {
		if m.generation == generation {
			return m.at, true
		}
	}
	return 0, false
}

// keepWas remembers the memberships as they were before the batch, and before the event
// at work.
func (s *state) keepWas() {
	switch {
	case s.changed:
		return
	case s.kept:
		s.before = append(s.before[:0], s.in...)
	default:
		s.was = append(s.was[:0], s.in...)
	}
	s.again, s.kept, s.changed = s.kept, true, true
}

// earlier returns the memberships as they were before the event at work.
func (s *state) earlier() []membership {
	if s.again {
		return s.before
	}
	return s.was
}

func (s *state) enter(generation uint32, at int64) {
	s.keepWas()
	s.in = append(s.in, membership{generation, at})
	s.dirty = true
}

func (s *state) leave(generation uint32) {
	s.keepWas()
	s.in = slices.DeleteFunc(s.in, func(m membership) bool { return m.generation == generation })
	s.dirty = true
}

// arm sets the timer, unless it goes off before the deadline anyway.
func (s *state) arm(deadline int64) {
	if deadline < maxMoment && (s.timer == 0 || deadline < s.timer) {
		s.timer, s.dirty, s.armed = deadline, true, true
	}
}

// moment is a time as states keep it.
func moment(ms int64) int64 { return rule.Moment(ms) }

// add notes an event of a leaf. It reports whether the state changed.
func (s *state) add(l *leaf, at, value int64) bool {
	i, ok := s.find(l.id)
	if !ok {
		times, _ := l.Add(nil, at, value)
		s.leaves = slices.Insert(s.leaves, i, leafTimes{l.id, l.Kind.Stride(), times})
		s.dirty = true
		return true
	}
	times, changed := l.Add(s.leaves[i].times, at, value)
	s.leaves[i].times = times
	s.dirty = s.dirty || changed
	return changed
}

// join adds what is kept of another person's events of a leaf.
func (s *state) join(l *leaf, times []int64) {
	i, ok := s.find(l.id)
	if !ok {
		s.leaves = slices.Insert(s.leaves, i, leafTimes{leaf: l.id, stride: l.Kind.Stride()})
	}
	s.leaves[i].times = l.Join(s.leaves[i].times, times)
	s.dirty = true
}

// prune forgets what no window can see any more.
func (s *state) prune(t *table, now int64) {
	for i := 0; i < len(s.leaves); i++ {
		l := t.leaf(s.leaves[i].leaf)
		if l == nil || l.horizon == 0 {
			continue
		}
		times, changed := l.Prune(s.leaves[i].times, now)
		if !changed {
			continue
		}
		s.dirty = true
		s.leaves[i].times = times
		if len(s.leaves[i].times) == 0 {
			s.leaves = slices.Delete(s.leaves, i, i+1)
			i--
		}
	}
}

// clean drops what definitions no longer know.
func (s *state) clean(t *table) {
	if s.table == t.version {
		return
	}
	s.table = t.version
	known := len(s.leaves) + len(s.in)
	s.leaves = slices.DeleteFunc(s.leaves, func(l leafTimes) bool { return t.leaf(l.leaf) == nil })
	s.in = slices.DeleteFunc(s.in, func(m membership) bool { return t.program(m.generation) == nil })
	s.dirty = s.dirty || len(s.leaves)+len(s.in) != known
}

func (s *state) empty() bool { return len(s.leaves) == 0 && len(s.in) == 0 && s.timer == 0 }

// size is about how many bytes the state takes in memory.
func (s *state) size() int {
	n := 256 + 32*cap(s.leaves) + 16*(cap(s.in)+cap(s.was)+cap(s.before)) + 16*cap(s.ask) + 4*cap(s.ahead)
	for i := range s.leaves {
		n += 8 * cap(s.leaves[i].times)
	}
	return n
}

// The stored form, version 2. Moments are unix milliseconds in six bytes, little endian:
//
//	version:1 timer:6 (0 = none)
//	leaves: uvarint count, each: id:uvarint header:uvarint, then header/4 numbers. The lowest two bits of the header say how:
//	    0: ascending moments, as first:6 then uvarint steps
//	    2, 3: varint differences from the number so many places before
//	memberships: uvarint count, each: generation:uvarint at:6
//
// Version 1 had the number of moments in the place of the header, and leaves in any order.
const stateVersion = 2

var errState = errors.New("a person's segment state is truncated or corrupt")

func (s *state) append(dst []byte) []byte {
	dst = append(dst, stateVersion)
	dst = appendMoment(dst, s.timer)
	dst = binary.AppendUvarint(dst, uint64(len(s.leaves)))
	for i := range s.leaves {
		l := &s.leaves[i]
		dst = binary.AppendUvarint(dst, uint64(l.leaf))
		dst = l.append(dst)
	}
	dst = binary.AppendUvarint(dst, uint64(len(s.in)))
	for _, m := range s.in {
		dst = binary.AppendUvarint(dst, uint64(m.generation))
		dst = appendMoment(dst, m.at)
	}
	return dst
}

func (l *leafTimes) append(dst []byte) []byte {
	if l.stride < 2 {
		dst = binary.AppendUvarint(dst, uint64(len(l.times))<<2)
		for i, at := range l.times {
			if i == 0 {
				dst = appendMoment(dst, at)
			} else {
				dst = binary.AppendUvarint(dst, uint64(at-l.times[i-1])) //nolint:gosec // ascending
			}
		}
		return dst
	}
	dst = binary.AppendUvarint(dst, uint64(len(l.times))<<2|uint64(l.stride))
	for i, n := range l.times {
		if i >= int(l.stride) {
			n -= l.times[i-int(l.stride)]
		}
		dst = binary.AppendVarint(dst, n)
	}
	return dst
}

// maxMoment is the year 6429: later times count as that, earlier ones than 1970 as 1970.
const maxMoment = rule.MaxMoment

func appendMoment(dst []byte, ms int64) []byte {
	return append(dst, byte(ms), byte(ms>>8), byte(ms>>16), byte(ms>>24), byte(ms>>32), byte(ms>>40))
}

func (s *state) decode(b []byte) error {
	d := decoder{rest: b}
	version := d.byte()
	if version > stateVersion {
		return touchstone.Newer("a person's segment state", int64(version), stateVersion)
	} else if version == 0 {
		return errState
	}
	s.timer = d.moment()
	n := d.count(2)
	s.leaves = make([]leafTimes, 0, n)
	for range n {
		l := leafTimes{leaf: d.id(), stride: 1}
		d.leaf(&l, version)
		s.leaves = append(s.leaves, l)
	}
	n = d.count(7)
	s.in = make([]membership, 0, n)
	for range n {
		s.in = append(s.in, membership{d.id(), d.moment()})
	}
	byLeaf := func(a, b leafTimes) int { return cmp.Compare(a.leaf, b.leaf) }
	if version == 1 {
		slices.SortFunc(s.leaves, byLeaf)
	}
	if d.bad || len(d.rest) > 0 || !slices.IsSortedFunc(s.leaves, byLeaf) {
		return errState
	}
	return nil
}

// leaf reads what is kept of a leaf.
func (d *decoder) leaf(l *leafTimes, version byte) {
	header := d.uvarint()
	if version == 1 {
		header <<= 2
	}
	k := header >> 2
	if d.bad = d.bad || k > uint64(len(d.rest)) || header&3 == 1; d.bad {
		return
	}
	if k > 0 {
		l.times = make([]int64, k)
	}
	if stride := int(header & 3); stride > 0 { //nolint:gosec // two bits
		l.stride = uint8(stride) //nolint:gosec // two bits
		d.bad = d.bad || len(l.times)%stride != 0
		for i := range l.times {
			l.times[i] = d.varint()
			if i >= stride {
				l.times[i] += l.times[i-stride]
			}
		}
		return
	}
	for i := range l.times {
		if i == 0 {
			l.times[i] = d.moment()
		} else {
			l.times[i] = l.times[i-1] + int64(d.uvarint()) //nolint:gosec // checked below
			d.bad = d.bad || l.times[i] < l.times[i-1] || l.times[i] > maxMoment
		}
	}
}

// decoder cuts values off the front; bad stays set after the first failure.
type decoder struct {
	rest []byte
	bad  bool
}

func (d *decoder) byte() byte {
	if len(d.rest) == 0 {
		d.bad = true
		return 0
	}
	b := d.rest[0]
	d.rest = d.rest[1:]
	return b
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.rest)
	if n <= 0 {
		d.bad, d.rest = true, nil
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.rest)
	if n <= 0 {
		d.bad, d.rest = true, nil
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

func (d *decoder) moment() int64 {
	if len(d.rest) < 6 {
		d.bad, d.rest = true, nil
		return 0
	}
	b := d.rest
	d.rest = b[6:]
	return int64(b[0]) | int64(b[1])<<8 | int64(b[2])<<16 | int64(b[3])<<24 | int64(b[4])<<32 | int64(b[5])<<40
}

func (d *decoder) id() uint32 {
	v := d.uvarint()
	d.bad = d.bad || v > 1<<32-1
	return uint32(v) //nolint:gosec // checked
}

// count reads the number of items that follow, each of at least size bytes.
func (d *decoder) count(size int) int {
	v := d.uvarint()
	if v > uint64(len(d.rest)/size) {
		d.bad = true
		return 0
	}
	return int(v) //nolint:gosec // at most len(rest)
}
