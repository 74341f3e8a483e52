package touchstone

import (
	"fmt"
	"time"
)

// Fact is an event with its place in the log and, once identity has seen it, the
// node that it came under and the person behind that node when the batch has been worked
// on: rows belong to this person.
type Fact struct {
	Event
	Seq    Seq
	Node   NodeID
	Person PersonID
	// Was is the person behind the node right after the event, if a later event of the
	// batch merged that one into Person; else 0. See [Fact.Then].
	Was      PersonID
	Backfill bool // see [Occurrence]; the pipeline knows it before the first stage
}

// Then returns the person behind the event right after it, whatever the batch brought later.
func (f *Fact) Then() PersonID {
	if f.Was != 0 {
		return f.Was
	}
	return f.Person
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

	// Changes are what the stages derived so far; stages append. Those of one cause are in
	// order; [Batch.Ordered] has all of them in order, with the facts.
	Changes []Change
	// Whole says that the batch is a trial, of which nothing stays: no stage asks for a [Cut].
	Whole  bool
	Timers []Timer // timers to set and to cancel; a later one replaces the same (Owner, Subject, Key)
}

// Aside names a fact of a batch that is set aside, and why.
type Aside struct {
	Index  int    // in Batch.Facts
	Reason string // "code: sentence", as an Event's
	// Silent leaves the fact out without a trace: it is counted, and nothing of it is put in
	// quarantine. A repeat of it is a duplicate.
	Silent bool
	// Pseudonym, of what is left out so, has the warehouse count the fact as nobody's under this node: the
	// event is kept without whatever says whose it was.
	Pseudonym NodeID
}

// Timer asks for a [Batch] in which it is Due at a given moment or shortly after. One of a
// person goes with the person: it is the other's after a merge (of two with the same owner
// and key, the earlier), and is no more after an erasure. What the owner does not need then
// it cancels in its keeper.
type Timer struct {
	Owner   string // the stage or the feature that set it
	Subject Subject
	Key     string    // tells timers of one owner and subject apart
	At      time.Time // zero: a timer that is set is cancelled
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

// Cut is the error of a stage that cannot take in a batch in one: it must end before some
// records, and begin anew there. The stage has changed nothing, in memory either. What is
// behind a record's beginning must not change what is told of the events before it.
type Cut struct {
	Partition int
	Before    []Seq // of the first events of those records, ascending
}

// Error says where.
func (c *Cut) Error() string { return "the batch must be cut before " + fmt.Sprint(c.Before) }

// Change is what the pipeline derived about a person, beside the events themselves. Which
// changes there are, and in which order, does not depend on where batches were cut: they
// are those that a batch for each record of the log would have brought; and, but for what is
// brought about Ahead, those that a batch for each event would have.
type Change struct {
	Kind     ChangeKind
	Person   PersonID // who it was at that moment; a later change may say that another absorbed it
	Other    PersonID
	Time     time.Time // the cause's; the moment of a timer; else when it was found out
	Name     string
	Old, New JSON

	// Parts are the identifiers of PersonSplit that moved to Other, and all that the person of
	// PersonErased had; nil for other kinds. They are not for feeds or logs.
	Parts *Parts

	// Cause is the place in Batch.Facts of the fact that brought it about, counted from 1;
	// 0 for what a timer, a command or a new rule brought about. Backfill is the cause's;
	// without a cause it marks what a rebuild or a split brought about. See [Batch.Because].
	Cause    int
	Backfill bool
	// Ahead is, of what stands before the facts although one of them brought it about, the
	// place of that fact, counted as Cause is, which is 0 then. What a record's events show
	// to be shared leaves its person before the first of them, so that none of them joins
	// anybody through it: a batch begins with that record. See [Batch.Ahead].
	Ahead int
	// Behind says that what brought it about was taken out of the batch: it stands behind the
	// fact at Cause, which did not bring it about, and behind all that this one did.
	Behind bool
}

// Parts are nodes of a person with their identifiers, Identifiers[i] being that of Nodes[i].
type Parts struct {
	Nodes       []NodeID
	Identifiers []Identifier
	// Bare says that no event came under any of the nodes: nothing of what was done moves.
	Bare bool
}
