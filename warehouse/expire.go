package warehouse

import (
	"context"
	"time"

	"github.com/touchstone-cdp/touchstone"
)

// Expirer is what a back end may offer beside [Warehouse]: events go whose time has come. A back end
// that stands for another process answers errors.ErrUnsupported.
type Expirer interface {
	// Expire deletes events, or counts them only if it is a Trial, and returns how many. It is one
	// transaction, and waits for a commit that is under way, as one waits for it: ask for a bounded
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
	// Keep are nodes whose events stay.
	Keep  []touchstone.NodeID
	Trial bool
}
