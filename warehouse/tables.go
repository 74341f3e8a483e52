package warehouse

import "context"

// Set is a set of numbers under a name, at a version: the members of a segment.
type Set struct {
	Name    string
	Version string // what the set is brought to; its text is the caller's affair
	// From is the version that Add and Remove lead away from. Empty: Add is the whole set.
	From        string
	Add, Remove []int64 // in neither twice
}

// Tables is what a back end may offer beside the port: sets of the program's own that stay in
// the warehouse, so that a question names one and does not ship it. Two relations hold them:
//
//	set_names   code INTEGER, name, version
//	set_members code INTEGER, n BIGINT
//
// They are copies: whoever owns a set brings it up to date before asking, and may find it gone. A back
// end that stands for another process answers errors.ErrUnsupported where that one keeps no sets.
type Tables interface {
	// SetVersion returns the version of a set, "" when there is none.
	SetVersion(ctx context.Context, name string) (string, error)
	// Replace writes a set, all or nothing, and returns how many numbers it holds then. A set
	// that is not at From is left as it is: touchstone.Conflict. The sets that were written
	// longest ago go when there are more than the back end keeps.
	Replace(ctx context.Context, s Set) (size int64, err error)
}
