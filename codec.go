package touchstone

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/touchstone-cdp/touchstone/internal/coded"
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
		dst = coded.AppendString(dst, s)
	}
	dst = binary.AppendUvarint(dst, uint64(len(e.Identifiers)))
	for _, id := range e.Identifiers {
		dst = coded.AppendString(dst, string(id.Kind))
		dst = coded.AppendString(dst, id.Value)
	}
	for _, s := range [...]JSON{e.Properties, e.Traits, e.Context} {
		dst = coded.AppendString(dst, string(s))
	}
	dst = coded.AppendString(dst, e.Reason)
	return coded.AppendString(dst, string(e.Raw))
}

// DecodeEvent reads the binary form. The event's texts share frame's memory.
// It reports an error for anything that AppendEvent cannot have written, [ErrNewer] for
// what that of a later release may have.
func DecodeEvent(frame string, e *Event) error {
	r := coded.Reader{Rest: frame}
	version := r.Byte()
	if version > systemVersion {
		return Newer("the event", int64(version), systemVersion)
	}
	e.Type = EventType(r.Byte())
	t := r.Varint()
	e.Time = time.UnixMilli(t).UTC()
	e.ReceivedAt = time.UnixMilli(t + r.Varint()).UTC()
	for _, p := range [...]*string{&e.MessageID, &e.Name, &e.Source, &e.UserID, &e.AnonymousID, &e.PreviousID, &e.GroupID} {
		*p = r.String()
	}
	e.Identifiers = nil
	if n := r.Uvarint(); n > 0 && !r.Bad {
		if n > uint64(len(r.Rest)) { // each takes two bytes at least
			return errTruncated
		}
		e.Identifiers = make([]Identifier, n)
		for i := range e.Identifiers {
			e.Identifiers[i] = Identifier{IdentifierKind(r.String()), r.String()}
		}
	}
	for _, p := range [...]*JSON{&e.Properties, &e.Traits, &e.Context} {
		*p = JSON(r.String())
	}
	e.Reason = r.String()
	e.Raw = JSON(r.String())
	known := version == eventVersion && e.Type >= Track && e.Type <= Rejected || version == systemVersion && e.Type == System
	if r.Bad || r.Rest != "" || !known {
		return errTruncated
	}
	return nil
}
