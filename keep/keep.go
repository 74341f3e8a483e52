// Package keep is the contract of what a feature stores about persons: how it merges,
// splits, is erased and exported with the person. app lists all keepers; a table with rows
// about persons that is on nobody's list fails a test. keep/keeptest exercises one.
//
// docs/design/keepers.md tells the whole story.
package keep

import (
	"context"
	"errors"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

// Keeper stores rows about persons. All methods but Export run in the transaction of the
// batch in which the person changes, after identity, profile and segment, in the order of
// the log. An empty slice never comes. They keep nothing in memory; a keeper that does has
// a Rollback of its own (see [Stage]).
type Keeper interface {
	// Name is the feature's, as in its migrations: "segment".
	Name() string
	// Tables lists the tables with rows about persons or identifiers.
	Tables() []Table
	// Merge makes what is kept of each absorbed person the other one's, as if all of it
	// had happened to that one. Later ones may name persons of earlier ones: see [Final].
	Merge(ctx context.Context, tx *store.Tx, merges []Merge) error
	// Split parts what is kept. What cannot be told apart is computed anew from history, or
	// stays with From; the keeper's comment says which.
	Split(ctx context.Context, tx *store.Tx, splits []Split) error
	// Erase leaves nothing that says anything about the persons, and nothing of others' undone.
	Erase(ctx context.Context, tx *store.Tx, persons []Whole) error
	// Export hands over all that is kept of a person, as JSON values under names; a name may
	// come again, for lists that are long.
	Export(ctx context.Context, q store.Querier, who Whole, put Put) error
}

// Put takes one value of an export; it is written as JSON.
type Put func(name string, value any) error

// Table is a table with rows about persons or identifiers, and the columns that say so.
type Table struct {
	Name    string
	Persons []string // columns with a PersonID, that of the person as it is now
	Nodes   []string // columns with a NodeID, or a person's number as it was once
	// Texts are columns with identifiers, values of traits or events inside, as text or bytes.
	Texts []string
	// Stays says why rows that name an erased person are left: "the tombstone: a number".
	// Empty: none are.
	Stays string
}

// Merge says that From was absorbed by Into.
type Merge struct{ Into, From touchstone.PersonID }

// Split says that To was parted from From, with the nodes that moved. To may have been a
// person before, whom From absorbed.
type Split struct {
	From, To    touchstone.PersonID
	Moved       []touchstone.NodeID
	Identifiers []touchstone.Identifier // Identifiers[i] is that of Moved[i]
}

// Whole is a person with all that it consists of. Persons that it has absorbed are among the
// nodes: a person's number is that of a node.
type Whole struct {
	Person      touchstone.PersonID
	Nodes       []touchstone.NodeID
	Identifiers []touchstone.Identifier // Identifiers[i] is that of Nodes[i]
}

// Numbers returns the person's number and those of the nodes, each once: what columns of
// [Table] may hold of it.
func (w *Whole) Numbers() []int64 {
	list := []int64{int64(w.Person)}
	for _, n := range w.Nodes {
		if int64(n) != int64(w.Person) {
			list = append(list, int64(n))
		}
	}
	return list
}

// Final returns who has absorbed each person in the end, and the absorbed ones in their order.
func Final(merges []Merge) (order []touchstone.PersonID, into map[touchstone.PersonID]touchstone.PersonID) {
	into = make(map[touchstone.PersonID]touchstone.PersonID, len(merges))
	for _, m := range merges {
		if _, twice := into[m.From]; !twice {
			order = append(order, m.From)
		}
		into[m.From] = m.Into
	}
	for i := len(order) - 1; i >= 0; i-- { // who absorbed late is known by then
		p := order[i]
		for range len(order) { // a circle would be a fault of identity's
			next, absorbed := into[into[p]]
			if !absorbed || next == p {
				break
			}
			into[p] = next
		}
	}
	return order, into
}

// ByStage is embedded in the keeper of a feature that is a stage of the pipeline itself. Its
// Apply meets merges, splits and erasures among the batch's changes and does them there,
// with the caches that it has; nothing is left to do for [Stage].
type ByStage struct{}

// Merge was done by the stage.
func (ByStage) Merge(context.Context, *store.Tx, []Merge) error { return nil }

// Split was done by the stage.
func (ByStage) Split(context.Context, *store.Tx, []Split) error { return nil }

// Erase was done by the stage.
func (ByStage) Erase(context.Context, *store.Tx, []Whole) error { return nil }

// Each calls row for each row of a query, for exports; scan is that of the row.
func Each(ctx context.Context, q store.Querier, query string, args []any, row func(scan func(...any) error) error) (err error) {
	rows, err := q.Query(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := row(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}
