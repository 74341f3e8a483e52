// Package warehouse is the port to the columnar store that answers questions about
// events. The sink appends to it; analytics asks it. Back ends: warehouse/duckdb.
// warehouse/warehousetest is the contract as tests; every back end runs it.
package warehouse

import (
	"context"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/stream"
)

// Override says that a node's events belong to a person other than the one that has
// the node's own number. Person 0 takes the override away.
type Override struct {
	Node   touchstone.NodeID
	Person touchstone.PersonID
}

// Erased is the Person of a node whose person was erased. [Commit.Overrides] never hold it:
// such a node goes into Commit.Erased.
const Erased touchstone.PersonID = -1

// Commit is what the sink writes in one transaction.
type Commit struct {
	Partition int
	Through   stream.Offset     // every event up to and including this record is in
	Facts     []touchstone.Fact // Node is set; ordered by Seq. One that has touchstone.ErasedNode is counted and not kept
	Overrides []Override        // everything that changed since the position's version
	// OverrideVersion is the identity version that Overrides bring the table to.
	OverrideVersion int64
	// Erased are nodes of persons who were erased. Whatever the warehouse holds of them is deleted,
	// Facts included, at any position and version: they may be named again, and must be when
	// Facts were gathered before the erasure and another partition has heard of it since.
	Erased []touchstone.NodeID
	// Trial asks only whether the warehouse takes the rest: nothing of it stays.
	Trial bool
}

// Position is how far the warehouse has come.
type Position struct {
	Through         stream.Offset // last record appended of the partition, 0 if none
	OverrideVersion int64         // of all partitions together
	Erased          int64         // events of erased persons, deleted or not kept, of all partitions together
}

// Statement is a question in the back end's SQL.
type Statement struct {
	SQL     string
	Args    []any // for its ? parameters
	MaxRows int   // reading stops here and the result is marked Truncated; 0 = the back end's bound
	Own     bool  // written by the program, not by a person, so that it needs no checks
	// Masked makes a person's statement read events whose contacts are masked, and nothing
	// else of the warehouse; Contacts are the kinds of identifiers that are marked as ones.
	Masked   bool
	Contacts []string
	Fields   map[string]access.Class // what fields hold whose names do not say it
}

// Warehouse is the port. Append is called by one goroutine per partition, the reads by many.
//
// Three words are the contract of a commit, and all that an engine without transactions can
// give. It is idempotent: repeated whole, after a crash at any point, it changes nothing. Its
// position comes last: who sees a position finds every event, name and override up to it. And
// readers may see events early: some of a commit whose position is not there yet. (DuckDB
// shows a commit as one.) So whoever needs all events up to a moment waits for the position,
// and whoever needs none beyond it says so in the statement, by seq.
//
// [Tables] and [Funneler] are what a back end may offer beside it.
type Warehouse interface {
	// Position returns how far a partition has been appended.
	Position(ctx context.Context, partition int) (Position, error)
	// Append writes c durably, its position last. An error leaves Position as it was. Facts at or before Position are skipped,
	// and so are overrides that bring the table to no newer version: appending the same
	// commit twice changes nothing. What is wrong with disk, memory or the engine itself
	// is touchstone.Unavailable; other errors may be about what facts hold.
	Append(ctx context.Context, c Commit) error
	// LastNode returns a node that no event of a commit before is beyond, 0 when there are
	// no events: of pseudonyms, which are negative, the amount counts. It is known without reading them.
	LastNode(ctx context.Context) (touchstone.NodeID, error)
	// Count returns the number of events stored.
	Count(ctx context.Context) (int64, error)
	// Size returns the bytes that the warehouse takes on disk.
	Size(ctx context.Context) (int64, error)

	// Query runs one statement, in a transaction that cannot write. Unless the statement
	// is the program's own, it is let through only if it does nothing but read the
	// warehouse, so that SQL from people can be given to it: what they may not do is
	// touchstone.Invalid, as is SQL that the engine refuses or fails at. People's statements
	// never hold up the program's own; too many at a time are touchstone.Unavailable. When ctx ends the statement is stopped and ctx.Err() returned.
	Query(ctx context.Context, s Statement) (*Result, error)
	// Scan runs a statement whose columns are all BIGINT or TIMESTAMP and hands the rows
	// over in blocks, in any order: columns[i][row], timestamps as unix milliseconds
	// (the engine takes longer to make them). It calls fn from as many goroutines as there
	// are workers (at least 1): worker tells them apart. columns is valid during the call
	// only. NULL is read as 0. The first error of fn ends the reading and is returned.
	Scan(ctx context.Context, s Statement, workers int, fn func(worker int, columns [][]int64) error) error

	// Dialect returns what differs between the engines' SQL.
	Dialect() Dialect
	Close() error
}

// The types of a Column.
const (
	String  = "string"
	Number  = "number"
	Boolean = "boolean"
	Time    = "time"
	JSON    = "json"
)

// Column is a column of a Result.
type Column struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// Result is a table of values: string, float64, int64, bool, time.Time, touchstone.JSON or nil.
type Result struct {
	Columns   []Column `json:"columns"`
	Rows      [][]any  `json:"rows"`
	Truncated bool     `json:"truncated"` // there were more rows than MaxRows
}
