package touchstone

import "time"

// OccurrenceKind tells what an [Occurrence] is. The first kinds are those of a [Change].
type OccurrenceKind uint8

// The kinds of occurrence.
const (
	EventHappened   OccurrenceKind = iota + 1 // Event
	TraitHasChanged                           // Name, Old, New
	EnteredSegment                            // Name is the segment's id
	LeftSegment                               // Name is the segment's id
	BecameOne                                 // Other was absorbed by Person
	BecameTwo                                 // Other was parted from Person
	Erased                                    // Person is no more
	TimerDue                                  // Subject, Name is the timer's key
)

var occurrenceNames = [...]string{"", "event", "trait_changed", "segment_entered", "segment_left", "persons_merged", "person_split", "person_erased", "timer"}

// String returns the name used in interfaces: "segment_entered".
func (k OccurrenceKind) String() string {
	if int(k) < len(occurrenceNames) {
		return occurrenceNames[k]
	}
	return "unknown"
}

// Occurrence is something that a reactor may want to know: an event, or what the pipeline
// derived from it. All occurrences of a person stand in one order, that of their causes in
// the log, whatever batches the events came in ([Batch.Ordered]). It stands for itself: it is
// stored, and read long after its batch. That somebody is parted or joined because an identifier
// turned out to be shared stands before the first event of the record that showed it, not
// behind its cause ([Change.Ahead]).
type Occurrence struct {
	Kind     OccurrenceKind
	Person   PersonID // 0 for what is about another subject
	Other    PersonID
	Subject  Subject // of a timer
	Name     string
	Old, New JSON
	Time     time.Time // when it became true: the event's time, or the moment of a timer

	// Cause is the event that brought it about: its place in the log (0 for a timer or a
	// command that nobody's event caused), and its message id.
	Cause     Seq
	MessageID string
	// Node is the one that the cause came under, if the occurrence is about the person that it
	// belonged to: a split may have moved it since. What is kept or put about the occurrence
	// names it, so that it goes with it. 0 without such a cause.
	Node NodeID
	// Backfill marks what came with history (an import, an event that is much older than its
	// arrival, a rebuild). A reactor sees it only if it asked to, so that loading a year of
	// orders messages nobody.
	Backfill bool

	Event *Event // of EventHappened, and the cause of a change if the reactor asked for causes
}
