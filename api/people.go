package api

import (
	"context"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/access"
)

// PersonLine is a person in a line of a list, as the answers of all features show it.
type PersonLine struct {
	ID          touchstone.PersonID     `json:"id"`
	Name        *string                 `json:"name"`
	Known       bool                    `json:"known"`
	Identifiers []touchstone.Identifier `json:"identifiers"` // at most five, strongest first
	FirstSeen   time.Time               `json:"first_seen"`
	LastSeen    time.Time               `json:"last_seen"`
	Events      uint64                  `json:"events"`
	Channels    []string                `json:"channels"`
	City        *string                 `json:"city"`
}

// People is how a feature shows persons whose numbers it keeps, and finds the one that a path
// names. app makes it of identity, profiles and segments.
type People interface {
	// Find returns the person that a reference means: an id, also one that was merged into
	// another, or kind:value. It is NotFound when there is none, or none that v may see:
	// nothing tells the two apart.
	Find(ctx context.Context, v *access.Viewer, ref string) (touchstone.PersonID, error)
	// Follow returns whom ids mean now: those that were merged are followed. An id that means
	// nobody, or nobody that v may see, is Invalid.
	Follow(ctx context.Context, v *access.Viewer, persons []touchstone.PersonID) ([]touchstone.PersonID, error)
	// Within returns those of the persons that v may see, in the order asked.
	Within(ctx context.Context, v *access.Viewer, persons []touchstone.PersonID) ([]touchstone.PersonID, error)
	// Lines returns a line for each of the persons that v may see, in the order asked, with
	// contacts as v may see them. One without a profile has its id only.
	Lines(ctx context.Context, v *access.Viewer, persons []touchstone.PersonID) ([]PersonLine, error)
}
