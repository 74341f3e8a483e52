package outbox

import (
	"errors"
	"math/rand/v2"
	"time"

	"github.com/touchstone-cdp/touchstone"
)

// pauses between attempts; the last one goes on.
var pauses = []time.Duration{
	5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 4 * time.Hour, 8 * time.Hour,
}

// What a breaker does.
const (
	breakerAfter = 5 // failures in a row
	breakerLeast = 5 * time.Second
	breakerMost  = 5 * time.Minute
	// maxRetryAfter bounds how long a destination may put us off.
	maxRetryAfter = 24 * time.Hour
)

// backoff returns the pause after a number of tries that failed, without jitter.
func backoff(tries int) time.Duration { return pauses[min(max(tries, 1), len(pauses))-1] }

// breakerPause returns how long a queue rests after so many failures in a row, 0 for not at all.
func breakerPause(failures int) time.Duration {
	if failures < breakerAfter {
		return 0
	}
	return min(breakerLeast<<min(failures-breakerAfter, 16), breakerMost)
}

// jitter moves a pause by up to a fifth, so that what failed together does not come
// again together.
func jitter(d time.Duration) time.Duration {
	return d + time.Duration((rand.Float64()*2-1)*float64(d)/5)
}

// hopeless tells that an error is about the effect, so that no repeat would mend it.
func hopeless(err error) bool {
	switch touchstone.KindOf(err) {
	case touchstone.Invalid, touchstone.Forbidden, touchstone.NotFound, touchstone.TooLarge:
		return true
	}
	return false
}

// retryAfter is when the destination wants to be asked again, 0 if it did not say.
func retryAfter(err error) time.Duration {
	var e *touchstone.Error
	if errors.As(err, &e) {
		return min(e.RetryAfter, maxRetryAfter)
	}
	return 0
}
