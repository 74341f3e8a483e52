package segment

import (
	"encoding/binary"
	"errors"
	"slices"

	"github.com/touchstone-cdp/touchstone"
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
	ask     mask         // programs to ask at the event at work
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

// leafTimes are the latest times of a leaf's events, ascending, in unix milliseconds.
type leafTimes struct {
	leaf  uint32
	times []int64
}

// membership says since when the person is in a generation of a segment.
type membership struct {
	generation uint32
	at         int64
}

func (s *state) times(leaf uint32) []int64 {
	for i := range s.leaves {
		if s.leaves[i].leaf == leaf {
			return s.leaves[i].times
		}
	}
	return nil
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
func moment(ms int64) int64 { return min(max(ms, 0), maxMoment) }

// add notes an event of a leaf. It reports whether the state changed.
func (s *state) add(l *leaf, at int64) bool {
	for i := range s.leaves {
		if s.leaves[i].leaf == l.id {
			times, changed := insertTime(s.leaves[i].times, at, l.Keep, l.Windowed)
			s.leaves[i].times = times
			s.dirty = s.dirty || changed
			return changed
		}
	}
	s.leaves = append(s.leaves, leafTimes{l.id, []int64{at}})
	s.dirty = true
	return true
}

// insertTime puts at in its place among the latest keep times. Where no window looks at
// them only their number matters, and a full list stays as it is.
func insertTime(times []int64, at int64, keep int, windowed bool) ([]int64, bool) {
	if len(times) < keep {
		i := len(times)
		for i > 0 && times[i-1] > at {
			i--
		}
		return slices.Insert(times, i, at), true
	}
	if !windowed || at <= times[0] {
		return times, false
	}
	i := 0
	for i+1 < len(times) && times[i+1] < at {
		times[i] = times[i+1]
		i++
	}
	times[i] = at
	return times, true
}

// mergeTimes returns the latest keep of two ascending lists.
func mergeTimes(a, b []int64, keep int) []int64 {
	all := make([]int64, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		if a[0] <= b[0] {
			all, a = append(all, a[0]), a[1:]
		} else {
			all, b = append(all, b[0]), b[1:]
		}
	}
	all = append(append(all, a...), b...)
	if len(all) > keep {
		all = slices.Clone(all[len(all)-keep:])
	}
	return all
}

// prune forgets times that no window can see any more.
func (s *state) prune(t *table, now int64) {
	for i := 0; i < len(s.leaves); i++ {
		l := t.leaf(s.leaves[i].leaf)
		if l == nil || l.horizon == 0 {
			continue
		}
		times, n := s.leaves[i].times, 0
		for n < len(times) && times[n] <= now-l.horizon {
			n++
		}
		if n == 0 {
			continue
		}
		s.dirty = true
		s.leaves[i].times = slices.Delete(times, 0, n)
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
	n := 256 + 32*cap(s.leaves) + 16*(cap(s.in)+cap(s.was)+cap(s.before)) + 8*cap(s.ask) + 4*cap(s.ahead)
	for i := range s.leaves {
		n += 8 * cap(s.leaves[i].times)
	}
	return n
}

// The stored form, version 1. Moments are unix milliseconds in six bytes, little endian:
//
//	version:1 timer:6 (0 = none)
//	leaves: uvarint count, each: id:uvarint count:uvarint first:6 then uvarint steps
//	memberships: uvarint count, each: generation:uvarint at:6
const stateVersion = 1

var errState = errors.New("a person's segment state is truncated or corrupt")

func (s *state) append(dst []byte) []byte {
	dst = append(dst, stateVersion)
	dst = appendMoment(dst, s.timer)
	dst = binary.AppendUvarint(dst, uint64(len(s.leaves)))
	for i := range s.leaves {
		l := &s.leaves[i]
		dst = binary.AppendUvarint(dst, uint64(l.leaf))
		dst = binary.AppendUvarint(dst, uint64(len(l.times)))
		for i, at := range l.times {
			if i == 0 {
				dst = appendMoment(dst, at)
			} else {
				dst = binary.AppendUvarint(dst, uint64(at-l.times[i-1])) //nolint:gosec // ascending
			}
		}
	}
	dst = binary.AppendUvarint(dst, uint64(len(s.in)))
	for _, m := range s.in {
		dst = binary.AppendUvarint(dst, uint64(m.generation))
		dst = appendMoment(dst, m.at)
	}
	return dst
}

// maxMoment is the year 6429: later times count as that, earlier ones than 1970 as 1970.
const maxMoment = 1<<47 - 1

func appendMoment(dst []byte, ms int64) []byte {
	return append(dst, byte(ms), byte(ms>>8), byte(ms>>16), byte(ms>>24), byte(ms>>32), byte(ms>>40))
}

func (s *state) decode(b []byte) error {
	d := decoder{rest: b}
	if v := d.byte(); v > stateVersion {
		return touchstone.Newer("a person's segment state", int64(v), stateVersion)
	} else if v != stateVersion {
		return errState
	}
	s.timer = d.moment()
	n := d.count(2)
	s.leaves = make([]leafTimes, 0, n)
	for range n {
		l := leafTimes{leaf: d.id()}
		if k := d.count(1); k > 0 {
			l.times = make([]int64, k)
		}
		for i := range l.times {
			if i == 0 {
				l.times[i] = d.moment()
			} else {
				l.times[i] = l.times[i-1] + int64(d.uvarint()) //nolint:gosec // checked below
				d.bad = d.bad || l.times[i] < l.times[i-1] || l.times[i] > maxMoment
			}
		}
		s.leaves = append(s.leaves, l)
	}
	n = d.count(7)
	s.in = make([]membership, 0, n)
	for range n {
		s.in = append(s.in, membership{d.id(), d.moment()})
	}
	if d.bad || len(d.rest) > 0 {
		return errState
	}
	return nil
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
