package importer

import (
	"context"
	"encoding/json"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/collect/intake"
)

// Server is where an import goes: over HTTP, see [Options], or the management API of the same
// process. Each call may be repeated.
type Server interface {
	// Begin finds the import of this content into this source, or makes it.
	Begin(ctx context.Context, r Request) (State, error)
	// State returns an import.
	State(ctx context.Context, id string) (State, error)
	// Append makes a part's rows durable. A part that came before adds nothing.
	Append(ctx context.Context, id string, p Part) (Step, error)
	// Finish notes that all rows have come.
	Finish(ctx context.Context, id string) (State, error)
	// Check tells what Append would answer, and changes nothing.
	Check(ctx context.Context, p Part) (Step, error)
	// Persons tells what the good events of a part would do to persons.
	Persons(ctx context.Context, p Part) (Persons, error)
	// Kinds returns how the server treats identifiers; NotFound or Forbidden where it does
	// not tell.
	Kinds(ctx context.Context) (*touchstone.KindSet, error)
	// Stats returns the counters of the whole server.
	Stats(ctx context.Context) (Stats, error)
}

// Request names an import.
type Request struct {
	File        string          `json:"file"`
	Size        int64           `json:"size"`
	Source      string          `json:"source"`
	Mapping     json.RawMessage `json:"mapping"`
	Fingerprint string          `json:"fingerprint"`
}

// State is what the server knows of an import. Accepted and Rejected count each row
// once, in all runs together.
type State struct {
	ID       string             `json:"id"`
	NextRow  int64              `json:"next_row"` // rows count from 1
	Status   string             `json:"status"`
	Accepted int64              `json:"accepted"`
	Rejected int64              `json:"rejected"`
	Reasons  []intake.RowReason `json:"reasons"` // why rows are in quarantine, most frequent first
	Mapping  json.RawMessage    `json:"mapping"` // that the rows came under
	Source   struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	} `json:"source"`
}

const statusFinished = "finished"

// Part is a run of rows: stream frames, packed with S2, one event a row.
type Part struct {
	First, Rows int64
	Frames      []byte

	// Of a question about persons: see [Question].
	Thorough bool
	Report   func(samples int64) // only within the process
}

// Step is what became of a part.
type Step struct {
	NextRow    int64              `json:"next_row"`
	Accepted   int64              `json:"accepted"`
	Rejected   int64              `json:"rejected"`
	Duplicates int64              `json:"duplicates"` // rows that came before
	Reasons    []intake.RowReason `json:"reasons"`
	// Refused are the first of the rejected rows.
	Refused []Refused `json:"refused"`
}

// Refused is a row that goes to quarantine.
type Refused struct {
	Row    int64  `json:"row"`
	Reason string `json:"reason"`
}

// Stats is the part of GET /api/v1/stats that an import looks at.
type Stats struct {
	Accepted    int64 `json:"accepted"`
	Processed   int64 `json:"processed"`
	InWarehouse int64 `json:"in_warehouse"`
	SetAside    int64 `json:"set_aside"`
	Erased      int64 `json:"erased"`
	Quarantined int64 `json:"quarantined"`
	Duplicates  int64 `json:"duplicates"`
	Persons     int64 `json:"persons"`
}

// settled tells whether every accepted event has reached its end.
func (s Stats) settled(accepted int64) bool {
	return s.InWarehouse+s.SetAside+s.Erased+s.Quarantined+s.Duplicates >= accepted
}
