package consent

import (
	"time"

	"github.com/touchstone-cdp/touchstone"
)

// Decision is what a person has decided.
type Decision string

// The decisions.
const (
	Granted         Decision = "granted"
	NonPersonalised Decision = "non_personalised" // yes, but not by what is known of me
	Denied          Decision = "denied"
)

// strictness orders decisions of one moment: the stricter one holds.
func (d Decision) strictness() int {
	switch d {
	case Granted:
		return 1
	case NonPersonalised:
		return 2
	case Denied:
		return 3
	}
	return 0
}

func (d Decision) valid() bool { return d.strictness() > 0 }

// cell is the latest decision that came under a node about a purpose, by a channel or as a
// whole. A person's are those of all nodes: [choose] says which holds.
type cell struct {
	person           touchstone.PersonID
	node             touchstone.NodeID
	purpose, channel string // channel "": as a whole
	choice           Decision
	at               int64 // when it was decided, in ms
	wording          int
	proof            string // id of the proof
}

// cellKey tells cells apart.
type cellKey struct {
	node             touchstone.NodeID
	purpose, channel string
}

func (c *cell) key() cellKey { return cellKey{c.node, c.purpose, c.channel} }

// over reports whether c holds rather than d. It is a total order but for equals, so the decision
// that holds is the same however those of a person came together: a merge takes the later
// one, and of two at one moment the stricter.
func (c *cell) over(d *cell) bool {
	if d == nil {
		return true
	}
	if c.at != d.at {
		return c.at > d.at
	}
	if a, b := c.choice.strictness(), d.choice.strictness(); a != b {
		return a > b
	}
	return c.node < d.node
}

// choose returns the decision that holds about a purpose by a channel, nil without one: the
// latest of those about the channel and of those about the purpose as a whole. Of channel "" it
// is the latest about the purpose as a whole.
func choose(cells []cell, purpose, channel string) (found *cell) {
	for i := range cells {
		c := &cells[i]
		if c.purpose == purpose && (c.channel == "" || c.channel == channel) && c.over(found) {
			found = c
		}
	}
	return found
}

// Outcome is whether something may be done.
type Outcome string

// The outcomes.
const (
	Allowed Outcome = "allowed"
	// Generic allows it, but only in a way that is the same for everybody (article 24).
	Generic Outcome = "non_personalised"
	Refused Outcome = "refused"
)

// Reason says why, as a code.
type Reason string

// The reasons.
const (
	ReasonNoPolicy  Reason = "no_policy"  // nothing has been set up: everything is allowed
	ReasonNecessary Reason = "necessary"  // nobody is asked
	ReasonDecided   Reason = "decided"    // the person's decision
	ReasonDefault   Reason = "default"    // the person has not decided, and the purpose's basis says so
	ReasonUnder14   Reason = "under_14"   // a child, whose guardian has not agreed
	ReasonNoPurpose Reason = "no_purpose" // the policy names no such purpose, or none for the use
)

// Verdict is the gate's answer.
type Verdict struct {
	Outcome Outcome    `json:"outcome"`
	Reason  Reason     `json:"reason"`
	Purpose string     `json:"purpose"`
	Channel string     `json:"channel"`
	Choice  Decision   `json:"choice,omitempty"` // of decided
	At      *time.Time `json:"at,omitempty"`     // of decided
	Wording int        `json:"wording,omitempty"`
	Proof   string     `json:"proof,omitempty"`
}

// outcome is what may be done with who has decided so.
func (d Decision) outcome() (o Outcome) {
	switch d {
	case Granted:
		return Allowed
	case NonPersonalised:
		return Generic
	case Denied:
		return Refused
	}
	return o
}

// judge says what holds for a person with these cells. minor tells that it is a child under 14.
func (p *Policy) judge(cells []cell, minor bool, purpose, channel string) Verdict {
	v := Verdict{Outcome: Allowed, Reason: ReasonNoPolicy, Purpose: purpose, Channel: channel}
	if p == nil {
		return v
	}
	u := p.Purpose(purpose)
	switch {
	case u == nil:
		v.Outcome, v.Reason = Refused, ReasonNoPurpose
		return v
	case u.Basis == Necessary:
		v.Reason = ReasonNecessary
		return v
	case minor && !p.guarded(cells):
		v.Outcome, v.Reason = Refused, ReasonUnder14
		return v
	}
	if c := choose(cells, purpose, channel); c != nil {
		at := time.UnixMilli(c.at).UTC()
		v.Reason, v.Choice, v.At, v.Wording, v.Proof = ReasonDecided, c.choice, &at, c.wording, c.proof
		v.Outcome = c.choice.outcome()
		if c.choice == NonPersonalised && u.Class != Personalised {
			v.Outcome = Refused // there is nothing that is the same for everybody
		}
		return v
	}
	v.Reason = ReasonDefault
	switch {
	case u.Basis == OptOut:
	case u.Class == Personalised: // not asked: like everybody
		v.Outcome = Generic
	default:
		v.Outcome = Refused
	}
	return v
}

// guarded reports whether a child's guardian has agreed.
func (p *Policy) guarded(cells []cell) bool {
	for i := range p.Purposes {
		if p.Purposes[i].Class != Minor {
			continue
		}
		if c := choose(cells, p.Purposes[i].Key, ""); c != nil && c.choice == Granted {
			return true
		}
	}
	return false
}
