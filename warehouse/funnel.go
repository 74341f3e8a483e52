package warehouse

import (
	"context"
	"time"

	"github.com/touchstone-cdp/touchstone"
)

// Funnel asks how far persons come through a row of steps. A person's level is the length of
// the longest row of events that fit the first steps, in order: each at the moment of the one
// before or later, all at most Window after the first.
type Funnel struct {
	// Events selects the events that fit any step: node BIGINT, time TIMESTAMP, number BIGINT and, with
	// Groups, group BIGINT. It is the program's own.
	Events   Statement
	From, To time.Time // of the events; To exclusive
	Steps    int       // at most 20
	// Sets are the steps that an event fits, one bit each, by its number; numbers beyond fit Others. When
	// there are none the number is the set itself.
	Sets   []uint32
	Others uint32
	// Several is set when an event may fit several steps. Each step takes an event of its own
	// unless Shared: then one may serve as several, as in ClickHouse's windowFunnel without modes.
	Several, Shared bool
	Window          time.Duration
	// Groups are numbered from 1, or there are none: 0. A person counts in the group of the event
	// that began the row of events; in group 0 when there are none, or when it is in none of them.
	Groups int
	Held   int // events that may be held in memory at a time, by who holds any; 0 = a bound of its own
}

// FunnelStep are those who came to a step. Times are in milliseconds, 0 for the first step. The
// row of events that is kept for them is the first one to come the furthest; of those that came
// there in the same moment, the one that began last; each of its steps is the first after the one before.
type FunnelStep struct {
	Persons                         int64
	GapMean, GapMedian, SinceMedian float64 // from the step before, and from the first one
}

// FunnelLevel names the people of a group whose level is from Least to Most.
type FunnelLevel struct{ Group, Least, Most int }

// Funneler is what a back end may offer beside the port: funnels that are counted where the events are. For
// one that has none, or answers errors.ErrUnsupported, events are handed over and counted by package gather.
type Funneler interface {
	// Funnel returns the steps of each group, from group 0 on.
	Funnel(ctx context.Context, f Funnel) ([][]FunnelStep, error)
	// FunnelPeople returns who is meant: by ascending id, the first most of them.
	FunnelPeople(ctx context.Context, f Funnel, level FunnelLevel, most int) ([]touchstone.PersonID, error)
}
