package inbox

import (
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"github.com/klauspost/compress/s2"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/coded"
	"github.com/touchstone-cdp/touchstone/keep"
)

// The form of a row's body, version 1:
//
//	version:1 flags:1 rest
//
// With flagS2 the rest is one S2 block. It holds
//
//	base:varint(ms)
//	causes: uvarint count, then each
//	    carried:1 seq:varint(after the one before), then if carried a string, the event as
//	    codec.go of the root package writes it, else the message id
//	items: uvarint count, then each
//	    kind:1 (0: erased) who:uvarint(reactors' bits) shape:1
//	    person:uvarint time:varint(ms after base) name
//	    and as shape says: cause:uvarint (place in causes, from 1) carries:uvarint (bits of
//	    those who get the event), other:uvarint, subject (kind, id:varint), old, new,
//	    node:uvarint
//
// Strings are a uvarint length and that many bytes. An erased item ends after who.

const (
	packVersion = 1
	flagS2      = 1
)

// What an item has beside its head.
const (
	hasCause = 1 << iota
	hasOther
	hasSubject
	hasValues
	isBackfill
	hasNode
)

var errCorrupt = errors.New("a row of the inbox is corrupt")

// erased is the kind of an item whose person is to be forgotten: its place stays, so that
// the places behind it keep their numbers.
const erased touchstone.OccurrenceKind = 0

// item is an occurrence and whom it is for.
type item struct {
	touchstone.Occurrence
	who     mask
	carries mask // who gets the event that caused it
}

// packer packs occurrences. It is used again and again, so packing one allocates nothing.
type packer struct {
	base   int64
	causes []byte
	items  []byte
	frame  []byte

	causeCount, itemCount int
	lastSeq               touchstone.Seq // of the latest cause
	lastCarried           bool
	who                   mask
}

func (p *packer) reset() {
	*p = packer{causes: p.causes[:0], items: p.items[:0], frame: p.frame[:0]}
}

func (p *packer) bytes() int { return len(p.causes) + len(p.items) }

// add packs an occurrence for who; carries are those of them who get its event.
func (p *packer) add(o *touchstone.Occurrence, who, carries mask) {
	at := o.Time.UnixMilli()
	if p.itemCount == 0 {
		p.base = at
	}
	p.itemCount++
	p.who |= who
	p.items = append(p.items, byte(o.Kind))
	p.items = binary.AppendUvarint(p.items, uint64(who))
	if o.Kind == erased {
		return
	}
	if o.Event == nil {
		carries = 0
	}
	shape := shapeOf(o)
	if o.Node != 0 {
		shape |= hasNode
	}
	p.items = append(p.items, shape)
	p.items = binary.AppendUvarint(p.items, uint64(o.Person)) //nolint:gosec // ids are positive
	p.items = binary.AppendVarint(p.items, at-p.base)
	p.items = coded.AppendString(p.items, o.Name)
	if shape&hasCause != 0 {
		p.items = binary.AppendUvarint(p.items, uint64(p.cause(o, carries != 0))) //nolint:gosec // a count
		p.items = binary.AppendUvarint(p.items, uint64(carries))
	}
	if shape&hasOther != 0 {
		p.items = binary.AppendUvarint(p.items, uint64(o.Other)) //nolint:gosec // ids are positive
	}
	if shape&hasSubject != 0 {
		p.items = coded.AppendString(p.items, o.Subject.Kind)
		p.items = binary.AppendVarint(p.items, o.Subject.ID)
	}
	if shape&hasValues != 0 {
		p.items = coded.AppendString(p.items, string(o.Old))
		p.items = coded.AppendString(p.items, string(o.New))
	}
	if o.Node != 0 {
		p.items = binary.AppendUvarint(p.items, uint64(o.Node)) //nolint:gosec // ids are positive
	}
}

func shapeOf(o *touchstone.Occurrence) (shape byte) {
	if o.Cause != 0 || o.MessageID != "" || o.Event != nil {
		shape |= hasCause
	}
	if o.Other != 0 {
		shape |= hasOther
	}
	if o.Subject != (touchstone.Subject{}) {
		shape |= hasSubject
	}
	if o.Old != "" || o.New != "" {
		shape |= hasValues
	}
	if o.Backfill {
		shape |= isBackfill
	}
	return shape
}

// cause returns the place of the occurrence's cause. Occurrences of one cause follow each
// other, so only the latest is looked at.
func (p *packer) cause(o *touchstone.Occurrence, carried bool) int {
	if p.causeCount > 0 && o.Cause == p.lastSeq && o.Cause != 0 && (p.lastCarried || !carried) {
		return p.causeCount
	}
	p.causeCount++
	if carried {
		p.causes = append(p.causes, 1)
	} else {
		p.causes = append(p.causes, 0)
	}
	p.causes = binary.AppendVarint(p.causes, int64(o.Cause)-int64(p.lastSeq))
	if carried {
		p.frame = touchstone.AppendEvent(p.frame[:0], o.Event)
		p.causes = binary.AppendUvarint(p.causes, uint64(len(p.frame)))
		p.causes = append(p.causes, p.frame...)
	} else {
		p.causes = coded.AppendString(p.causes, o.MessageID)
	}
	p.lastSeq, p.lastCarried = o.Cause, carried
	return p.causeCount
}

// body returns the packed form in a slice of its own.
func (p *packer) body() []byte {
	rest := make([]byte, 0, p.bytes()+3*binary.MaxVarintLen64)
	rest = binary.AppendVarint(rest, p.base)
	rest = binary.AppendUvarint(rest, uint64(p.causeCount)) //nolint:gosec // a count
	rest = append(rest, p.causes...)
	rest = binary.AppendUvarint(rest, uint64(p.itemCount)) //nolint:gosec // a count
	rest = append(rest, p.items...)
	const worthwhile = 256 // little is gained on less
	if len(rest) >= worthwhile {
		if packed := s2.Encode(make([]byte, s2.MaxEncodedLen(len(rest))), rest); len(packed) < len(rest)-len(rest)/16 {
			return append([]byte{packVersion, flagS2}, packed...)
		}
	}
	return append([]byte{packVersion, 0}, rest...)
}

// maxRest bounds what one body may unpack to: a row ends soon after maxRowBytes, with the
// occurrence that takes it over.
const maxRest = 64 << 20

// unpack reads a body. What it returns shares one new allocation.
func unpack(body []byte) ([]item, error) {
	if len(body) < 2 {
		return nil, errCorrupt
	}
	if body[0] > packVersion {
		return nil, touchstone.Newer("a row of the inbox", int64(body[0]), packVersion)
	}
	if body[0] != packVersion || body[1]&^flagS2 != 0 {
		return nil, errCorrupt
	}
	rest := body[2:]
	if body[1] == flagS2 {
		n, err := s2.DecodedLen(rest)
		if err != nil || n > maxRest {
			return nil, errCorrupt
		}
		if rest, err = s2.Decode(make([]byte, n), rest); err != nil {
			return nil, errCorrupt
		}
	}
	u := unpacker{Reader: coded.Reader{Rest: string(rest)}}
	return u.all()
}

type cause struct {
	seq   touchstone.Seq
	id    string
	event *touchstone.Event
}

type unpacker struct {
	coded.Reader
	base   int64
	causes []cause
}

func (u *unpacker) all() ([]item, error) {
	u.base = u.Varint()
	n := u.Count()
	u.causes = make([]cause, 0, n)
	var seq touchstone.Seq
	for range n {
		carried := u.Byte()
		seq += touchstone.Seq(u.Varint())
		c := cause{seq: seq, id: u.String()}
		if carried != 0 && !u.Bad {
			c.event = &touchstone.Event{}
			if err := touchstone.DecodeEvent(c.id, c.event); err != nil {
				return nil, err
			}
			c.id = c.event.MessageID
		}
		u.causes = append(u.causes, c)
	}
	n = u.Count()
	items := make([]item, n)
	for i := range items {
		u.item(&items[i])
	}
	if u.Bad || u.Rest != "" {
		return nil, errCorrupt
	}
	return items, nil
}

func (u *unpacker) item(it *item) {
	it.Kind = touchstone.OccurrenceKind(u.Byte())
	it.who = mask(u.Uvarint())
	if it.Kind == erased {
		return
	}
	shape := u.Byte()
	it.Person = touchstone.PersonID(u.Uvarint()) //nolint:gosec // as it was written
	it.Time = time.UnixMilli(u.base + u.Varint()).UTC()
	it.Name = u.String()
	it.Backfill = shape&isBackfill != 0
	if shape&hasCause != 0 {
		at := u.Uvarint()
		it.carries = mask(u.Uvarint())
		if at == 0 || at > uint64(len(u.causes)) {
			u.Bad = true
			return
		}
		c := &u.causes[at-1]
		it.Cause, it.MessageID = c.seq, c.id
		if it.carries != 0 {
			it.Event = c.event
		}
	}
	if shape&hasOther != 0 {
		it.Other = touchstone.PersonID(u.Uvarint()) //nolint:gosec // as it was written
	}
	if shape&hasSubject != 0 {
		it.Subject = touchstone.Subject{Kind: u.String(), ID: u.Varint()}
	}
	if shape&hasValues != 0 {
		it.Old, it.New = touchstone.JSON(u.String()), touchstone.JSON(u.String())
	}
	if shape&hasNode != 0 {
		it.Node = touchstone.NodeID(u.Uvarint()) //nolint:gosec // as it was written
	}
}

// grave is who is to be forgotten: numbers of persons and nodes, and identifiers.
type grave struct {
	numbers     map[int64]bool // of persons and nodes
	nodes       map[touchstone.NodeID]bool
	identifiers map[touchstone.Identifier]bool
	values      map[string]bool
	texts       *keep.Texts // the values as JSON has them
}

// holds tells whether an item is about somebody who is to be forgotten.
func (g *grave) holds(it *item) bool {
	if it.Node != 0 && it.Kind != touchstone.BecameOne {
		return g.nodes[it.Node]
	}
	return g.nodes[it.Node] || g.numbers[int64(it.Person)] || g.numbers[int64(it.Other)] || g.numbers[int64(it.Subject.Person())]
}

// owns tells whether an item is the person's: what it is exported with.
func (g *grave) owns(it *item) bool {
	if it.Node != 0 {
		return g.nodes[it.Node]
	}
	return g.numbers[int64(it.about())]
}

// joins tells whether an item is a merge or a split that the person had a part in.
func (g *grave) joins(it *item) bool {
	return it.Other != 0 && (g.numbers[int64(it.Person)] || g.numbers[int64(it.Other)])
}

// forget empties the items that are about the erased, and takes their identifiers out of the
// events of others. It tells whether anything has changed. Events go with the items, because a
// body holds only causes that an item refers to.
func (g *grave) forget(items []item) (changed bool) {
	for i := range items {
		it := &items[i]
		switch {
		case it.Kind == erased || it.Kind == touchstone.Erased:
		case g.holds(it):
			*it = item{who: it.who}
			changed = true
		case it.Event != nil && g.strip(it.Event):
			changed = true
		}
	}
	return changed
}

// strip takes the identifiers out of an event of somebody else, with the texts around them.
func (g *grave) strip(e *touchstone.Event) (changed bool) {
	kept := slices.DeleteFunc(slices.Clone(e.Identifiers), func(id touchstone.Identifier) bool { return g.identifiers[id] })
	if changed = len(kept) != len(e.Identifiers); changed {
		e.Identifiers = kept
	}
	for _, p := range []*string{&e.UserID, &e.AnonymousID, &e.PreviousID, &e.GroupID} {
		if *p != "" && g.values[*p] {
			*p, changed = "", true
		}
	}
	for _, p := range []*touchstone.JSON{&e.Properties, &e.Traits, &e.Context, &e.Raw} {
		if g.texts.In(string(*p)) {
			*p, changed = "", true
		}
	}
	return changed
}

// repack packs items anew.
func repack(items []item) []byte {
	var p packer
	for i := range items {
		p.add(&items[i].Occurrence, items[i].who, items[i].carries)
	}
	return p.body()
}

// packOne packs an occurrence alone, as a dead letter holds it.
func packOne(it *item) []byte {
	var p packer
	p.add(&it.Occurrence, 1, 1)
	return p.body()
}

// unpackOne reads what packOne has written.
func unpackOne(body []byte) (it item, err error) {
	items, err := unpack(body)
	if err == nil && len(items) != 1 {
		err = errCorrupt
	}
	if err != nil {
		return it, err
	}
	return items[0], nil
}

// countFor tells how many items there are for a reactor from a place on.
func countFor(items []item, from int, reactor mask) (n int64) {
	for i := min(from, len(items)); i < len(items); i++ {
		if items[i].who&reactor != 0 {
			n++
		}
	}
	return n
}
