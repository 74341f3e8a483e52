package importer

import (
	"encoding/json"
	"iter"
	"strconv"

	"github.com/cespare/xxhash/v2"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/stream"
)

// Persons is what an import would do to persons.
type Persons struct {
	Created   int64 `json:"persons_created"`
	Merged    int64 `json:"persons_merged"`  // persons who are there and would be absorbed by others
	Matched   int64 `json:"persons_matched"` // persons who are there and would get events
	Parted    int64 `json:"persons_parted"`  // persons who would fall apart: an identifier turns out to be shared
	Events    int64 `json:"events"`
	Truncated bool  `json:"truncated"` // the server looked at a part only

	RowsOfNew   int64 `json:"rows_of_new"`   // rows of persons who would be new
	RowsOfKnown int64 `json:"rows_of_known"` // rows of persons who are there
	RowsAside   int64 `json:"rows_aside"`    // rows that would be set aside: nobody's identifier is in them

	Merges      []MergeOfRow   `json:"merges"`        // the first
	Refused     []RefusedLinks `json:"refused_links"` // links that would not be made, by reason
	Shared      []SharedByRows `json:"shared"`        // identifiers that would turn out to be shared, the first
	SharedCount int64          `json:"shared_count"`

	// Probable is whom the new persons may be who are there; nil when it was not asked.
	Probable *Probable `json:"probable"`
	// Without is what would happen without the rows that merge; nil when there are none, or it was not asked.
	Without *WithoutMerges `json:"without_merges"`
}

// MergeOfRow is a row that makes one of two persons who are there.
type MergeOfRow struct {
	Row         int64                   `json:"row"`
	Kept        touchstone.PersonID     `json:"kept"`
	Absorbed    touchstone.PersonID     `json:"absorbed"`
	Identifiers []touchstone.Identifier `json:"identifiers"` // of the row
}

// RefusedLinks are links that would not be made for one reason.
type RefusedLinks struct {
	Reason   string      `json:"reason"`
	Links    int64       `json:"links"`
	Examples []LinkOfRow `json:"examples"`
}

// LinkOfRow is an identifier of a row.
type LinkOfRow struct {
	Row int64 `json:"row"`
	touchstone.Identifier
}

// SharedByRows is an identifier that would turn out to be shared.
type SharedByRows struct {
	touchstone.Identifier
	Witness touchstone.IdentifierKind `json:"witness"` // the kind of which it was seen with too many
	Seen    int64                     `json:"seen"`
	Bears   int64                     `json:"bears"`
	Parted  int64                     `json:"parted"` // persons that would come apart
}

// Probable is whom new persons may be who are there, by the weights of record linkage.
type Probable struct {
	Ready    bool    `json:"ready"`    // false: there is no model, or the process that asks has no index
	Compared int64   `json:"compared"` // persons who would be new
	Link     float64 `json:"link"`     // chances from which two are linked, and reviewed
	Review   float64 `json:"review"`
	// Automatic says that what is beyond doubt is linked without asking anybody.
	Automatic bool           `json:"automatic"`
	Above     int64          `json:"above"`     // of the new persons, those with somebody above Link
	Reviewed  int64          `json:"reviewed"`  // those with somebody above Review, and nobody above Link
	Examples  []ProbablePair `json:"examples"`  // the most probable
	Truncated bool           `json:"truncated"` // only so many were compared
}

// ProbablePair is a new person and one who is there.
type ProbablePair struct {
	Row      int64               `json:"row"` // the first of the new person
	Person   touchstone.PersonID `json:"person"`
	Chance   float64             `json:"chance"`
	Weight   float64             `json:"weight"`   // bits
	Evidence touchstone.JSON     `json:"evidence"` // as of a pair in record linkage
}

// WithoutMerges is what would happen without the rows that make one of two persons who are there.
type WithoutMerges struct {
	Rows    int64 `json:"rows"` // that are left out: they go to quarantine
	Created int64 `json:"persons_created"`
	Matched int64 `json:"persons_matched"`

	First []int64 `json:"-"` // the rows of the question that are left out
}

// Sample is an event that stands for all rows of a file with the same identifiers.
type Sample struct {
	touchstone.Event
	Row    int64 // the first of them
	Rows   int64
	Record int64 // which record of the log the first would be in
}

// Question asks what samples would do to persons.
type Question struct {
	Samples iter.Seq[*Sample] // can be gone through again
	// Thorough asks for whom new persons may be, and what would be without merges.
	Thorough bool
	Report   func(samples int64) // how many have been looked at; may be nil
}

// sampleNote is what a sample says of itself beside its event, in the event's context.
type sampleNote struct {
	Row    int64 `json:"row"`
	Rows   int64 `json:"rows"`
	Record int64 `json:"record"`
}

const sampleKey = "import_sample"

// SampleOf reads a sample that a dry run has sent; of another event, at says which row it is.
func SampleOf(e *touchstone.Event, at int64) *Sample {
	s := &Sample{Event: *e, Row: at, Rows: 1}
	s.Identifiers = append([]touchstone.Identifier(nil), e.Identifiers...)
	var c struct {
		Note *sampleNote `json:"import_sample"`
	}
	if json.Unmarshal([]byte(e.Context), &c) == nil && c.Note != nil {
		s.Row, s.Rows, s.Record = c.Note.Row, c.Note.Rows, c.Note.Record
	}
	return s
}

// setKey tells sets of identifiers apart: events with equal ones do the same to persons. timed names
// kinds whose limits look at time.
func setKey(scratch []byte, e *touchstone.Event, timed func(touchstone.IdentifierKind) bool) (uint64, []byte) {
	key, byTime := scratch[:0], false
	for _, id := range e.Identifiers {
		key = append(append(append(append(key, id.Kind...), 0), id.Value...), 0)
		byTime = byTime || timed(id.Kind)
	}
	key = append(append(append(key, e.PreviousID...), 0), byte(e.Type))
	if e.Type == touchstone.Track && len(e.Name) > 0 && e.Name[0] == '$' { // some speak of identifiers
		key = append(append(append(key, e.Name...), 0), e.Context...)
	}
	key = append(append(key, 0), e.Traits...) // whom somebody may be follows from them
	if byTime {
		key = strconv.AppendInt(append(key, 0), e.Time.UnixMilli(), 10)
	}
	return xxhash.Sum64(key), key
}

// sample is one that a dry run keeps.
type sample struct {
	sampleNote
	key   uint64
	frame []byte // of an event without anything but what the question needs
}

// bareOf returns an event as a question needs it.
func bareOf(e *touchstone.Event) []byte {
	bare := *e
	bare.Properties = ""
	if e.Type != touchstone.Track || len(e.Name) == 0 || e.Name[0] != '$' {
		bare.Context = ""
	}
	return touchstone.AppendEvent(nil, &bare)
}

// framesOf returns the body of a question.
func framesOf(samples []sample) ([]byte, error) {
	var frames, scratch []byte
	var e touchstone.Event
	for i := range samples {
		s := &samples[i]
		if err := touchstone.DecodeEvent(string(s.frame), &e); err != nil {
			return nil, err
		}
		note, err := json.Marshal(s.sampleNote)
		if err != nil {
			return nil, err
		}
		context := []byte(`{"` + sampleKey + `":` + string(note))
		if len(e.Context) > 2 {
			context = append(append(context, ','), e.Context[1:]...)
		} else {
			context = append(context, '}')
		}
		e.Context = touchstone.JSON(context)
		scratch = touchstone.AppendEvent(scratch[:0], &e)
		frames = stream.AppendFrame(frames, scratch)
	}
	return frames, nil
}
