package touchstone

import (
	"encoding/binary"
	"errors"
	"time"
)

// The binary form of an Event is what the log stores:
//
//	version:1 type:1 time:varint(ms) received:varint(ms after time)
//	message_id name source user_id anonymous_id previous_id group_id: uvarint length + bytes each
//	identifiers: uvarint count, then kind and value each
//	properties traits context reason raw: as strings
//
// Version 1 holds what clients send. Version 2 is the same form of a System event, which a
// program that knows no commands must not skip: it says that the log is newer, and stops.
//
// Decoding a string shares its memory, so a record costs one allocation for all texts.

const (
	eventVersion  = 1
	systemVersion = 2
)

// EventVersion is the highest version that AppendEvent writes.
const EventVersion = systemVersion

var errTruncated = errors.New("event frame is truncated or corrupt")

// AppendEvent appends the binary form of e to dst and returns the extended slice.
func AppendEvent(dst []byte, e *Event) []byte {
	t := e.Time.UnixMilli()
	version := byte(eventVersion)
	if e.Type == System {
		version = systemVersion
	}
	dst = append(dst, version, byte(e.Type))
	dst = binary.AppendVarint(dst, t)
	dst = binary.AppendVarint(dst, e.ReceivedAt.UnixMilli()-t)
	for _, s := range [...]string{e.MessageID, e.Name, e.Source, e.UserID, e.AnonymousID, e.PreviousID, e.GroupID} {
		dst = appendString(dst, s)
	}
	dst = binary.AppendUvarint(dst, uint64(len(e.Identifiers)))
	for _, id := range e.Identifiers {
		dst = appendString(dst, string(id.Kind))
		dst = appendString(dst, id.Value)
	}
	for _, s := range [...]JSON{e.Properties, e.Traits, e.Context} {
		dst = appendString(dst, string(s))
	}
	dst = appendString(dst, e.Reason)
	return appendString(dst, string(e.Raw))
}

// DecodeEvent reads the binary form. The event's texts share frame's memory.
// It reports an error for anything that AppendEvent cannot have written, [ErrNewer] for
// what that of a later release may have.
func DecodeEvent(frame string, e *Event) error {
	r := reader{rest: frame}
	version := r.byte()
	if version > systemVersion {
		return Newer("the event", int64(version), systemVersion)
	}
	e.Type = EventType(r.byte())
	t := r.varint()
	e.Time = time.UnixMilli(t).UTC()
	e.ReceivedAt = time.UnixMilli(t + r.varint()).UTC()
	for _, p := range [...]*string{&e.MessageID, &e.Name, &e.Source, &e.UserID, &e.AnonymousID, &e.PreviousID, &e.GroupID} {
		*p = r.string()
	}
	e.Identifiers = nil
	if n := r.uvarint(); n > 0 && !r.bad {
		if n > uint64(len(r.rest)) { // each takes two bytes at least
			return errTruncated
		}
		e.Identifiers = make([]Identifier, n)
		for i := range e.Identifiers {
			e.Identifiers[i] = Identifier{IdentifierKind(r.string()), r.string()}
		}
	}
	for _, p := range [...]*JSON{&e.Properties, &e.Traits, &e.Context} {
		*p = JSON(r.string())
	}
	e.Reason = r.string()
	e.Raw = JSON(r.string())
	known := version == eventVersion && e.Type >= Track && e.Type <= Rejected || version == systemVersion && e.Type == System
	if r.bad || r.rest != "" || !known {
		return errTruncated
	}
	return nil
}

func appendString(dst []byte, s string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(s)))
	return append(dst, s...)
}

// reader cuts values off the front of a string; bad stays set after the first failure.
type reader struct {
	rest string
	bad  bool
}

func (r *reader) byte() byte {
	if r.rest == "" {
		r.bad = true
		return 0
	}
	b := r.rest[0]
	r.rest = r.rest[1:]
	return b
}

func (r *reader) uvarint() uint64 {
	var x uint64
	for shift := 0; shift < 64; shift += 7 {
		b := r.byte()
		x |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return x
		}
	}
	r.bad = true
	return 0
}

func (r *reader) varint() int64 {
	u := r.uvarint()
	return int64(u>>1) ^ -int64(u&1)
}

func (r *reader) string() string {
	n := r.uvarint()
	if n > uint64(len(r.rest)) {
		r.bad = true
		return ""
	}
	s := r.rest[:n]
	r.rest = r.rest[n:]
	return s
}
