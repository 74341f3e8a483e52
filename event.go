package touchstone

import (
	"encoding/json"
	"fmt"
	"time"
)

// JSON is the text of one valid JSON value. It is a string because it is immutable
// and because the events of one log record share that record's memory.
// The empty JSON stands for "absent".
type JSON string

// MarshalJSON writes the text itself; an absent value is written as null.
func (j JSON) MarshalJSON() ([]byte, error) {
	if j == "" {
		return []byte("null"), nil
	}
	return []byte(j), nil
}

// UnmarshalJSON keeps a copy of the text.
func (j *JSON) UnmarshalJSON(b []byte) error {
	if !json.Valid(b) {
		return fmt.Errorf("not valid JSON: %.40q", b)
	}
	*j = JSON(b)
	return nil
}

// EventType is the kind of tracking call, as in the Segment spec.
type EventType uint8

// The six calls of the Segment spec, and Rejected for what a check refused: such an
// event travels through the log like any other and ends in quarantine. System is no
// client's: it carries a [Command].
const (
	Track EventType = iota + 1
	Identify
	Page
	Screen
	Group
	Alias
	Rejected
	System
)

var eventTypeNames = [...]string{"", "track", "identify", "page", "screen", "group", "alias", "rejected", "system"}

// String returns the name used in the tracking API, "track" for Track.
func (t EventType) String() string {
	if int(t) < len(eventTypeNames) {
		return eventTypeNames[t]
	}
	return fmt.Sprintf("EventType(%d)", uint8(t))
}

// ParseEventType is the inverse of String. It knows the six calls only.
func ParseEventType(s string) (EventType, bool) {
	for t := Track; t <= Alias; t++ {
		if eventTypeNames[t] == s {
			return t, true
		}
	}
	return 0, false
}

// Event is one thing that happened, normalised by the edge. Strings may share
// memory with the log record that they came from; treat an Event as immutable.
type Event struct {
	Type      EventType
	MessageID string // identity of the event; duplicates are dropped by it
	// Name is the event's name: the "event" of a track call, "$page", "$screen",
	// "$identify", "$group" or "$alias" otherwise (see [EventName]).
	Name       string
	Time       time.Time // when it happened, corrected for the client's clock; millisecond precision
	ReceivedAt time.Time // when the edge accepted it; millisecond precision
	Source     string    // id of the source ("src_…") that sent it

	UserID      string
	AnonymousID string
	PreviousID  string // alias only
	GroupID     string

	// Identifiers are all identifiers found in the event, normalised, without
	// blocked values, strongest kind first. It is never empty for a valid event.
	Identifiers []Identifier

	Properties JSON // object; properties of track, page and screen
	Traits     JSON // object; traits of identify and group
	Context    JSON // object

	// Reason says why a Rejected event was refused; Raw is what was sent.
	Reason string
	Raw    JSON
}

// EventName returns the name under which a call is stored and queried: the given
// name for track, "$" + type for the other calls.
func EventName(t EventType, name string) string {
	switch t {
	case Track:
		return name
	case Page:
		return "$page"
	case Screen:
		return "$screen"
	case Identify:
		return "$identify"
	case Group:
		return "$group"
	case Alias:
		return "$alias"
	}
	return ""
}

// Seq is an event's place in the log: partition (7 bits), record (40 bits) and index
// in the record (16 bits). It orders the events of a partition and is unique.
type Seq int64

// MaxEventsPerRecord bounds the index part of a Seq.
const MaxEventsPerRecord = 1 << 16

// MakeSeq packs the three parts.
func MakeSeq(partition int, offset uint64, index int) Seq {
	return Seq(int64(partition)<<56 | int64(offset&(1<<40-1))<<16 | int64(index&0xffff))
}

// Partition, Offset and Index unpack a Seq.
func (s Seq) Partition() int { return int(s >> 56) }

// Offset is the record's offset in its partition.
func (s Seq) Offset() uint64 { return uint64(s>>16) & (1<<40 - 1) }

// Index is the event's place in its record.
func (s Seq) Index() int { return int(s & 0xffff) }
