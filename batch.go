package touchstone

import "time"

// Fact is an event with its place in the log and, once identity has seen it, the
// node that it came under and the person behind that node at this moment.
type Fact struct {
	Event
	Seq    Seq
	Node   NodeID
	Person PersonID
}

// Batch is a run of events from one partition that is worked on in one database
// transaction. Stages receive it in order; each reads what the earlier ones left.
// It lives until the transaction has ended; keep nothing of it but Events' strings.
type Batch struct {
	Partition int
	Now       time.Time // the pipeline's clock when the batch began; stages use no other
	Facts     []Fact    // valid, without duplicates, in log order
	Due       []Timer   // timers that have come due

	// Aside are facts that the stage at work cannot take in because of what they hold.
	// The pipeline takes them out of Facts before the next stage and puts them in
	// quarantine, so that one event never keeps those behind it waiting.
	Aside []Aside

	Changes []Change // what the stages derived so far, in order; stages append
	Timers  []Timer  // timers to set; a later one replaces the same (Owner, Person, Key)
}

// Aside names a fact of a batch that is set aside, and why.
type Aside struct {
	Index  int    // in Batch.Facts
	Reason string // "code: sentence", as an Event's
}

// Timer asks for a [Batch] in which it is Due at a given moment or shortly after.
type Timer struct {
	Owner  string // the stage that set it
	Person PersonID
	Key    string // tells timers of one owner and person apart
	At     time.Time
}

// ChangeKind tells what a [Change] is.
type ChangeKind uint8

// The kinds of change.
const (
	TraitChanged   ChangeKind = iota + 1 // Name, Old, New
	SegmentEntered                       // Name is the segment's id
	SegmentLeft                          // Name is the segment's id
	PersonsMerged                        // Other was absorbed by Person
	PersonSplit                          // Other was parted from Person
	PersonErased                         // Person is no more
)

// String returns the name used in feeds: "segment_entered".
func (k ChangeKind) String() string {
	switch k {
	case TraitChanged:
		return "trait_changed"
	case SegmentEntered:
		return "segment_entered"
	case SegmentLeft:
		return "segment_left"
	case PersonsMerged:
		return "persons_merged"
	case PersonSplit:
		return "person_split"
	case PersonErased:
		return "person_erased"
	}
	return "unknown"
}

// Change is what the pipeline derived about a person, beside the events themselves.
// Reactors see a batch's facts and changes, in order, inside its transaction.
type Change struct {
	Kind     ChangeKind
	Person   PersonID
	Other    PersonID
	Time     time.Time
	Name     string
	Old, New JSON

	// Cause is the place in Batch.Facts of the fact that brought it about, counted from 1;
	// 0 for what a timer, a command or a new rule brought about. Backfill: see [Occurrence].
	Cause    int
	Backfill bool
}
