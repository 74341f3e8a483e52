package profile

import (
	"encoding/binary"
	"errors"
	"slices"

	"github.com/touchstone-cdp/touchstone"
)

// activity is what changes with every event of a person. All of it but the number of
// sessions is independent of the order in which events come.
type activity struct {
	first, last               int64 // event times, Unix milliseconds
	firstSource, firstChannel uint32
	lastSource, lastChannel   uint32

	events, channels, sources []tally

	// sessions ended counts those that are no longer in open, the latest ones.
	ended uint64
	open  []span

	city, country sighting
}

// tally counts events with a word; the word 0 stands for all that found no place.
type tally struct {
	word uint32
	n    uint64
}

// span is a session from its first to its last event.
type span struct{ from, to int64 }

// sighting is a label and when it was last seen.
type sighting struct {
	word uint32
	at   int64
}

const (
	maxEventTallies = 100
	maxLabelTallies = 24
	sessionGap      = 30 * 60 * 1000 // ms without an event that end a session
	maxOpenSessions = 4
)

// touch is what an event adds to activity.
type touch struct {
	at                    int64
	event, channel        uint32
	source, city, country uint32
}

func (a *activity) empty() bool { return len(a.events) == 0 }

func (a *activity) reset() {
	*a = activity{events: a.events[:0], channels: a.channels[:0], sources: a.sources[:0], open: a.open[:0]}
}

// total is the number of events.
func (a *activity) total() (n uint64) {
	for _, t := range a.events {
		n += t.n
	}
	return n
}

func (a *activity) sessions() uint64 { return a.ended + uint64(len(a.open)) }

// fold adds an event.
func (a *activity) fold(t touch) {
	a.bound(t.at, t.source, t.channel, t.at, t.source, t.channel)
	count(&a.events, t.event, 1, maxEventTallies)
	count(&a.channels, t.channel, 1, maxLabelTallies)
	count(&a.sources, t.source, 1, maxLabelTallies)
	a.session(span{t.at, t.at})
	a.city.see(sighting{t.city, t.at})
	a.country.see(sighting{t.country, t.at})
}

// merge adds the events of another person.
func (a *activity) merge(b *activity) {
	if b.empty() {
		return
	}
	a.bound(b.first, b.firstSource, b.firstChannel, b.last, b.lastSource, b.lastChannel)
	for _, t := range b.events {
		count(&a.events, t.word, t.n, maxEventTallies)
	}
	for _, t := range b.channels {
		count(&a.channels, t.word, t.n, maxLabelTallies)
	}
	for _, t := range b.sources {
		count(&a.sources, t.word, t.n, maxLabelTallies)
	}
	for _, s := range b.open {
		a.session(s)
	}
	a.ended += b.ended
	a.city.see(b.city)
	a.country.see(b.country)
}

// bound widens first and last. At equal times the words decide, so that order does not.
func (a *activity) bound(first int64, firstSource, firstChannel uint32, last int64, lastSource, lastChannel uint32) {
	empty := a.empty()
	if empty || first < a.first || first == a.first && pair(firstSource, firstChannel) < pair(a.firstSource, a.firstChannel) {
		a.first, a.firstSource, a.firstChannel = first, firstSource, firstChannel
	}
	if empty || last > a.last || last == a.last && pair(lastSource, lastChannel) > pair(a.lastSource, a.lastChannel) {
		a.last, a.lastSource, a.lastChannel = last, lastSource, lastChannel
	}
}

func pair(a, b uint32) uint64 { return uint64(a)<<32 | uint64(b) }

func (s *sighting) see(o sighting) {
	if o.word != 0 && (o.at > s.at || s.word == 0 || o.at == s.at && o.word > s.word) {
		*s = o
	}
}

func count(list *[]tally, word uint32, n uint64, most int) {
	for i := range *list {
		if (*list)[i].word == word {
			(*list)[i].n += n
			return
		}
	}
	if word != 0 && len(*list) >= most {
		count(list, 0, n, most)
		return
	}
	*list = append(*list, tally{word, n})
}

// session adds a stretch of time with events. Only the latest sessions are kept as
// spans; an event that is older than all of them belongs to one that was counted.
func (a *activity) session(s span) {
	i := len(a.open)
	for i > 0 && a.open[i-1].to+sessionGap >= s.from {
		i--
	}
	j := i
	for j < len(a.open) && a.open[j].from <= s.to+sessionGap {
		s.from, s.to = min(s.from, a.open[j].from), max(s.to, a.open[j].to)
		j++
	}
	switch {
	case j > i:
		a.open[i] = s
		a.open = slices.Delete(a.open, i+1, j)
	case i == 0 && a.ended > 0:
		return
	default:
		a.open = slices.Insert(a.open, i, s)
	}
	if len(a.open) > maxOpenSessions {
		a.ended++
		a.open = slices.Delete(a.open, 0, 1)
	}
}

const activityVersion = 1

// append writes the binary form, version 1:
//
//	version:1 first:varint last-first:uvarint
//	first source, first channel, last source, last channel: uvarint each
//	events, channels, sources: uvarint number, then word and count: uvarint each
//	ended:uvarint, number of open sessions:uvarint, of each, latest first, how long
//	before the last event (or the later session's begin) it ended, and its length
//	city, country: word:uvarint and, unless 0, how long before last:uvarint
func (a *activity) append(dst []byte) []byte {
	dst = append(dst, activityVersion)
	dst = binary.AppendVarint(dst, a.first)
	dst = appendUint(dst, a.last-a.first)
	for _, w := range [...]uint32{a.firstSource, a.firstChannel, a.lastSource, a.lastChannel} {
		dst = binary.AppendUvarint(dst, uint64(w))
	}
	for _, list := range [...][]tally{a.events, a.channels, a.sources} {
		dst = appendUint(dst, int64(len(list)))
		for _, t := range list {
			dst = binary.AppendUvarint(dst, uint64(t.word))
			dst = binary.AppendUvarint(dst, t.n)
		}
	}
	dst = binary.AppendUvarint(dst, a.ended)
	dst = appendUint(dst, int64(len(a.open)))
	before := a.last
	for i := len(a.open) - 1; i >= 0; i-- {
		dst = appendUint(dst, before-a.open[i].to)
		dst = appendUint(dst, a.open[i].to-a.open[i].from)
		before = a.open[i].from
	}
	for _, s := range [...]sighting{a.city, a.country} {
		dst = binary.AppendUvarint(dst, uint64(s.word))
		if s.word != 0 {
			dst = appendUint(dst, a.last-s.at)
		}
	}
	return dst
}

func appendUint(dst []byte, n int64) []byte { return binary.AppendUvarint(dst, uint64(n)) } //nolint:gosec // not negative

var errCorrupt = errors.New("a profile's state is corrupt")

// stateVersions are the highest versions that are read, by table.
var stateVersions = map[string]byte{"profile_activity": activityVersion, "profile_traits": traitsOperatedVersion}

// checkVersion compares the version that a state begins with to the one that is written now.
func checkVersion(has, reads byte) error {
	switch {
	case has > reads:
		return touchstone.Newer("a profile's state", int64(has), int64(reads))
	case has < reads:
		return errCorrupt
	}
	return nil
}

// decode reads the binary form into a, reusing its memory.
func (a *activity) decode(b []byte) error {
	a.reset()
	r := reader{rest: b}
	if err := checkVersion(r.byte(), activityVersion); err != nil {
		return err
	}
	a.first = r.varint()
	a.last = a.first + r.int()
	a.firstSource, a.firstChannel, a.lastSource, a.lastChannel = r.word(), r.word(), r.word(), r.word()
	a.events = r.tallies(a.events, maxEventTallies+1)
	a.channels = r.tallies(a.channels, maxLabelTallies+1)
	a.sources = r.tallies(a.sources, maxLabelTallies+1)
	a.ended = r.uvarint()
	n := r.number(maxOpenSessions)
	before := a.last
	for range n {
		to := before - r.int()
		before = to - r.int()
		a.open = append(a.open, span{before, to})
	}
	slices.Reverse(a.open)
	for _, s := range [...]*sighting{&a.city, &a.country} {
		if s.word = r.word(); s.word != 0 {
			s.at = a.last - r.int()
		}
	}
	if r.bad || len(r.rest) > 0 {
		a.reset()
		return errCorrupt
	}
	return nil
}

// firstOf reads when somebody was first seen off the beginning of a state (unix milliseconds): its version and a varint, 11 bytes at most.
func firstOf(state []byte) (int64, bool) {
	r := reader{rest: state}
	if r.byte() > activityVersion {
		return 0, false
	}
	first := r.varint()
	return first, !r.bad
}

// reader cuts values off the front of a state; bad stays set after the first failure.
type reader struct {
	rest []byte
	bad  bool
}

func (r *reader) byte() byte {
	if len(r.rest) == 0 {
		r.bad = true
		return 0
	}
	b := r.rest[0]
	r.rest = r.rest[1:]
	return b
}

func (r *reader) uvarint() uint64 {
	if len(r.rest) > 0 && r.rest[0] < 0x80 { // most are
		n := r.rest[0]
		r.rest = r.rest[1:]
		return uint64(n)
	}
	x, n := binary.Uvarint(r.rest)
	if n <= 0 {
		r.bad, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[n:]
	return x
}

func (r *reader) varint() int64 {
	x, n := binary.Varint(r.rest)
	if n <= 0 {
		r.bad, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[n:]
	return x
}

// int reads a number that is not negative.
func (r *reader) int() int64 {
	n := r.uvarint()
	if n > 1<<62 {
		r.bad = true
		return 0
	}
	return int64(n)
}

func (r *reader) word() uint32 {
	n := r.uvarint()
	if n > 1<<31 {
		r.bad = true
		return 0
	}
	return uint32(n)
}

// number reads how many elements follow.
func (r *reader) number(most int) int {
	n := r.uvarint()
	if n > uint64(most) || n > uint64(len(r.rest)) { //nolint:gosec // most is a constant
		r.bad = true
		return 0
	}
	return int(n)
}

func (r *reader) tallies(list []tally, most int) []tally {
	for range r.number(most) {
		list = append(list, tally{r.word(), r.uvarint()})
	}
	return list
}

func (r *reader) bytes() []byte {
	n := r.uvarint()
	if n > uint64(len(r.rest)) {
		r.bad, r.rest = true, nil
		return nil
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b
}
