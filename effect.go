package touchstone

import "time"

// Effect is something to do in the world: a call, a message, an event of our own. It is put
// in the outbox in the transaction that decides on it, and done after the commit, at least
// once, with ID as its idempotency key.
type Effect struct {
	// ID is the same whenever the same thing is decided on again, so that it is done once:
	// "webhook/wh_1/0042.17". A second effect with an ID that is or was there is dropped.
	ID   string
	Kind string // which deliverer does it: "webhook", "event"
	// Destination is the queue, together with Kind: effects of one are begun in order, and a
	// dead one slows no other.
	Destination string
	Person      PersonID // whose data is in Body; 0 for nobody's. Erased with the person
	Node        NodeID   // that Body is about, so that it goes with it in a split; 0: it stays
	Label       string   // what it is, in a word or two for lists; kept when Body is gone
	NotBefore   time.Time
	Body        []byte // for the deliverer
}
