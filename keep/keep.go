// Package keep is the contract of what a feature stores about persons: how it merges,
// splits, is erased and exported with the person. app lists all keepers; what stores rows
// about persons and is not on the list fails tidy_test. keep/keeptest exercises one.
//
// docs/design/features.md tells where a feature meets it.
package keep

import (
	"context"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

// Keeper stores rows about persons. All methods but Export run in the transaction of the
// batch in which the person changes, in the order of the log; they are bulk, and an empty
// slice never comes.
type Keeper interface {
	// Name is the feature's, as in its migrations: "segment".
	Name() string
	// Tables lists the tables with rows about persons or identifiers. A table of the
	// feature's migrations with such a column must be among them.
	Tables() []string
	// Merge makes what is kept of each absorbed person the other one's, as if all of it
	// had happened to that one.
	Merge(ctx context.Context, tx *store.Tx, merges []Merge) error
	// Split parts what is kept. What cannot be told apart is computed anew from history, or
	// stays with From; the keeper's comment says which.
	Split(ctx context.Context, tx *store.Tx, splits []Split) error
	// Erase leaves nothing that says anything about the persons.
	Erase(ctx context.Context, tx *store.Tx, persons []Erasure) error
	// Export hands over all that is kept of a person, as JSON values under names.
	Export(ctx context.Context, q store.Querier, person touchstone.PersonID, put func(name string, value any) error) error
}

// Merge says that From was absorbed by Into.
type Merge struct{ Into, From touchstone.PersonID }

// Split says that To was parted from From, with the nodes that moved.
type Split struct {
	From, To touchstone.PersonID
	Moved    []touchstone.NodeID
}

// Erasure names a person that is to be forgotten, with the nodes that were theirs.
type Erasure struct {
	Person touchstone.PersonID
	Nodes  []touchstone.NodeID
}
