package touchstone

import "time"

// Command is an intervention of an operator: a split, a merge by hand, an erasure, a
// correction. It goes into the log like an event, so it has a place in the order of
// everything, and a rebuild from the log keeps it.
type Command struct {
	ID          string // "cmd_…"; a repeat with the same id changes nothing
	Kind        string // "person.split"
	Actor       string // who asked: id of a user or a key, "system"
	SubmittedAt time.Time
	Body        JSON // object, of the kind
}
