package outbox

import (
	"time"

	"golang.org/x/time/rate"

	"github.com/touchstone-cdp/touchstone"
)

// queue is the effects of one destination. Its fields are guarded by Outbox.mu.
type queue struct {
	name
	deliverer Deliverer
	policy    Policy
	limiter   *rate.Limiter // nil: no limit

	held    map[string]*item // claimed, and not yet noted as settled
	ready   []*item          // of held: to be started, in order
	running int              // of held: under way

	paused    bool
	failures  int       // in a row
	heldUntil time.Time // the breaker is open until then
	forgiven  time.Time // until when it was open when somebody went on with the queue
	next      time.Time // when something that waits is due; zero: nothing known
	starved   bool      // waits for memory
	pumping   bool      // a timer will start the next one, at the rate's pace
}

// item is an effect in memory.
type item struct {
	effect   touchstone.Effect
	attempts int
	tries    int
	since    time.Time
	place    int64
	lease    time.Time // the claim's end; zero where claims are in memory
}

// depth is how many are claimed ahead, so that a claim is for many.
func (q *queue) depth() int {
	n := max(16, 4*q.policy.Concurrency)
	if q.policy.PerSecond > 0 {
		n = min(n, int(5*q.policy.PerSecond)+1)
	}
	return n
}

// slots is how many may be under way. After failures one probes for all.
func (q *queue) slots(now time.Time) int {
	switch {
	case q.paused || now.Before(q.heldUntil):
		return 0
	case q.failures >= breakerAfter:
		return 1
	}
	return q.policy.Concurrency
}

// room is how many more should be claimed now.
func (q *queue) room(now time.Time) int {
	switch slots := q.slots(now); {
	case slots == 0:
		return 0
	case slots == 1 && q.failures >= breakerAfter:
		return max(0, 1-q.running-len(q.ready))
	}
	if depth := q.depth(); len(q.ready) <= depth/2 {
		return depth - len(q.ready)
	}
	return 0
}

// idle tells that nothing would be lost with the queue.
func (q *queue) idle() bool { return len(q.held) == 0 && q.next.IsZero() && !q.pumping }

// adopt takes a policy, which may have changed.
func (q *queue) adopt(p Policy) {
	if p == q.policy {
		return
	}
	if p.PerSecond != q.policy.PerSecond {
		q.limiter = nil
		if p.PerSecond > 0 {
			q.limiter = rate.NewLimiter(rate.Limit(p.PerSecond), max(1, int(p.PerSecond/10)))
		}
	}
	q.policy = p
}

// failed notes a failure that is the destination's and returns whether the breaker opened.
func (q *queue) failed(now time.Time, wait time.Duration) bool {
	if wait == 0 && now.Before(q.heldUntil) {
		return false // it was under way when the breaker opened
	}
	q.failures++
	pause := breakerPause(q.failures)
	if pause > 0 {
		pause = jitter(pause)
	}
	if pause = max(pause, wait); pause == 0 {
		return false
	}
	if until := now.Add(pause).Truncate(time.Millisecond); until.After(q.heldUntil) {
		q.heldUntil = until
	}
	return true
}

// succeeded closes the breaker.
func (q *queue) succeeded() { q.failures, q.heldUntil = 0, time.Time{} }

// goOn closes the breaker, whatever a look that began before, or a note that is under way, says of it.
func (q *queue) goOn() {
	if q.heldUntil.After(q.forgiven) {
		q.forgiven = q.heldUntil
	}
	q.succeeded()
}

// letGo takes what has not been started out of the queue and returns it.
func (q *queue) letGo() []*item {
	items := q.ready
	q.ready = nil
	return items
}
