// Package warehouse is the port to the columnar store that answers questions about
// events. The sink appends to it; analytics asks it. Back ends: warehouse/duckdb.
package warehouse

import (
	"context"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/stream"
)

// Override says that a node's events belong to a person other than the one that has
// the node's own number. Person 0 takes the override away.
type Override struct {
	Node   touchstone.NodeID
	Person touchstone.PersonID
}

// Commit is what the sink writes in one transaction.
type Commit struct {
	Partition int
	Through   stream.Offset     // every event up to and including this record is in
	Facts     []touchstone.Fact // Node is set; ordered by Seq
	Overrides []Override
	// OverrideVersion is the identity version that Overrides bring the table to.
	OverrideVersion int64
}

// Position is how far the warehouse has come.
type Position struct {
	Through         stream.Offset // last record appended of the partition, 0 if none
	OverrideVersion int64
}

// Warehouse is the port. Append is called by one goroutine per partition, the reads by many.
type Warehouse interface {
	// Position returns how far a partition has been appended.
	Position(ctx context.Context, partition int) (Position, error)
	// Append writes c, all or nothing, durably. Facts at or before Position are skipped,
	// so appending the same commit twice changes nothing.
	Append(ctx context.Context, c Commit) error
	// Count returns the number of events stored.
	Count(ctx context.Context) (int64, error)

	// Query runs one read-only statement in the back end's SQL, with ? parameters.
	Query(ctx context.Context, query string, args ...any) (*Result, error)
	// Sequences runs a query of two columns, subject (BIGINT) and items (a list of
	// BIGINT), and calls fn for each row. items is valid during the call only.
	Sequences(ctx context.Context, query string, args []any, fn func(subject int64, items []int64) error) error

	Dialect() Dialect
	Close() error
}

// Column is a column of a Result. Type is one of string, number, boolean, time, json.
type Column struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// Result is a table of values: string, float64, int64, bool, time.Time, touchstone.JSON or nil.
type Result struct {
	Columns []Column `json:"columns"`
	Rows    [][]any  `json:"rows"`
}
