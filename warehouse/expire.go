package warehouse

import (
	"context"
	"time"

	"github.com/touchstone-cdp/touchstone"
)

// Expirer is what a back end may offer beside [Warehouse]: events go whose time has come. A back end
// that stands for another process answers errors.ErrUnsupported.
type Expirer interface {
	// Expire deletes events, anonymises them, or counts them only if it is a Trial, and returns how many. It is one
	// transaction (one for some ten thousand that are anonymised), and waits for a commit that is under way, as one waits for it: ask for a bounded
	// span at a time. What is deleted is counted with the events of erased persons.
	Expire(ctx context.Context, e Expiry) (int64, error)
	// Oldest returns the time of the oldest event that would go; ok is false when there is none.
	Oldest(ctx context.Context, e Expiry) (at time.Time, ok bool, err error)
}

// Expiry says which events go.
type Expiry struct {
	Event  string // name; empty: all
	Source string // id; empty: all
	Before time.Time
	// Anonymise keeps the events, and makes them nobody's, see [Anonymise]; nil: they go. Those of a person on a day
	// of Zone have one pseudonym, if all of the day goes in one call; which is whose is kept nowhere.
	Anonymise Personal
	Zone      *time.Location
	// Keep are nodes whose events stay.
	Keep  []touchstone.NodeID
	Trial bool
}
