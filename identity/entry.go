package identity

import (
	"encoding/binary"
	"math"

	"github.com/touchstone-cdp/touchstone"
)

// entry is what the cache keeps of an identifier, as bytes that are changed in place:
//
//	0 node:8 person:8 last:4 (seconds) events:4 carries:1 bit, trust:2 bits
//	25, 40 two peers: node:8 recorded:1 counts:3×2
//
// events and the peers' counts are what has happened since the row was last written.
// A peer is a stronger identifier of an event that this one was in; recorded has a bit
// per evidence whose edge is in the store.
type entry []byte

const (
	entryLast    = 16
	entryEvents  = 20
	entryCarries = 24
	entryPeers   = 25
	peerSize     = 15
	peerRecorded = 8
	peerCounts   = 9
	entrySize    = entryPeers + 2*peerSize

	countedEvidence = 3 // seenTogether, identified, imported; the others are rare
)

func newEntry(node touchstone.NodeID) entry {
	e := make(entry, entrySize)
	binary.LittleEndian.PutUint64(e, uint64(node)) //nolint:gosec // bits
	return e
}

func (e entry) node() touchstone.NodeID {
	return touchstone.NodeID(binary.LittleEndian.Uint64(e)) //nolint:gosec // bits
}

func (e entry) person() touchstone.PersonID {
	return touchstone.PersonID(binary.LittleEndian.Uint64(e[8:])) //nolint:gosec // bits
}

func (e entry) setPerson(p touchstone.PersonID) {
	binary.LittleEndian.PutUint64(e[8:], uint64(p)) //nolint:gosec // bits
}

func (e entry) carries() bool { return e[entryCarries]&1 != 0 }

func (e entry) setCarries(yes bool) {
	if yes {
		e[entryCarries] |= 1
	}
}

func (e entry) trust() trust { return trust(e[entryCarries] >> 1) }

func (e entry) setTrust(t trust) { e[entryCarries] = e[entryCarries]&1 | byte(t)<<1 }

func (e entry) shared() bool { return e.trust() == shared }

// see counts events, the latest at a time in Unix seconds.
func (e entry) see(events int32, at uint32) {
	count(e[entryEvents:], events)
	if at > binary.LittleEndian.Uint32(e[entryLast:]) {
		binary.LittleEndian.PutUint32(e[entryLast:], at)
	}
}

// count adds to a counter of 32 bits, which does not fall below 0.
func count(c []byte, n int32) {
	sum := int64(binary.LittleEndian.Uint32(c)) + int64(n)
	binary.LittleEndian.PutUint32(c, uint32(max(sum, 0))) //nolint:gosec // 4 billion events within minutes are not
}

// last is the time of the latest event, in Unix seconds.
func (e entry) last() uint32 { return binary.LittleEndian.Uint32(e[entryLast:]) }

func (e entry) pending() (events int64, lastMilli int64) {
	return int64(binary.LittleEndian.Uint32(e[entryEvents:])), int64(binary.LittleEndian.Uint32(e[entryLast:])) * 1000
}

func (e entry) peer(i int) []byte {
	at := entryPeers + i*peerSize
	return e[at : at+peerSize : at+peerSize]
}

// linked counts an event with peer and reports whether the edge is recorded already.
func (e entry) linked(to touchstone.NodeID, ev evidence) bool {
	for i := range 2 {
		p := e.peer(i)
		if touchstone.NodeID(binary.LittleEndian.Uint64(p)) == to { //nolint:gosec // bits
			return p[peerRecorded]&(1<<ev) != 0
		}
	}
	return false
}

func (e entry) countLink(to touchstone.NodeID, ev evidence, step int32) {
	for i := range 2 {
		p := e.peer(i)
		if touchstone.NodeID(binary.LittleEndian.Uint64(p)) == to { //nolint:gosec // bits
			c := p[peerCounts+2*int(ev):]
			if n := int32(binary.LittleEndian.Uint16(c)) + step; n >= 0 && n <= math.MaxUint16 {
				binary.LittleEndian.PutUint16(c, uint16(n)) //nolint:gosec // in its bounds
			}
			return
		}
	}
}

// remember notes that an edge is in the store. The peer not met for longest makes room.
func (e entry) remember(to touchstone.NodeID, ev evidence, flush func(entry)) {
	for i := range 2 {
		p := e.peer(i)
		if touchstone.NodeID(binary.LittleEndian.Uint64(p)) == to { //nolint:gosec // bits
			p[peerRecorded] |= 1 << ev
			return
		}
	}
	flush(e)
	copy(e.peer(1), e.peer(0))
	p := e.peer(0)
	clear(p)
	binary.LittleEndian.PutUint64(p, uint64(to)) //nolint:gosec // bits
	p[peerRecorded] = 1 << ev
}

func (e entry) forgetPeers() { clear(e[entryPeers:]) }

// stats are counts on their way to the store.
type stats struct {
	nodes []nodeStat
	edges []edgeStat
	bonds []bond
}

type nodeStat struct {
	id     touchstone.NodeID
	events int64
	last   int64
}

type edgeStat struct {
	edgeKey
	count int64
	last  int64
}

// take moves an entry's counts to s.
func (s *stats) take(e entry) {
	events, last := e.pending()
	if events > 0 {
		s.nodes = append(s.nodes, nodeStat{e.node(), events, last})
		binary.LittleEndian.PutUint32(e[entryEvents:], 0)
	}
	s.takePeers(e)
}

func (s *stats) takePeers(e entry) {
	_, last := e.pending()
	for i := range 2 {
		p := e.peer(i)
		to := touchstone.NodeID(binary.LittleEndian.Uint64(p)) //nolint:gosec // bits
		for ev := range evidence(countedEvidence) {
			c := p[peerCounts+2*int(ev):]
			if n := binary.LittleEndian.Uint16(c); n > 0 {
				s.edges = append(s.edges, edgeStat{keyOf(e.node(), to, ev), int64(n), last})
				binary.LittleEndian.PutUint16(c, 0)
			}
		}
	}
}
